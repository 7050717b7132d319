//! `sluice whence` and `sluice lineage`: what receipts and files say of where rows come from.

use std::fmt::Write as _;

use clap::Args;
use indicatif::{DecimalBytes, HumanCount};
use sluicegate::run::{self as library, Whence};

use crate::report::{self, Outcome, printable};
use crate::{place, run};
use sluicegate::error::ResultExt as _;

/// Says which run wrote a file, from what, and by which plugins
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A file of an output: a path or a URI
    file: String,
    /// Reads all of the file to see whether it is what the run wrote
    #[arg(long)]
    verify: bool,
}

/// Prints a run as an event of `OpenLineage`, for data catalogs
#[derive(Debug, Args)]
pub(crate) struct Lineage {
    /// The run's receipt: a path or a URI, such as `out/_sluice/receipts/RUN.json`
    receipt: String,
    /// The namespace of the job in the catalog
    #[arg(long, value_name = "NAME", default_value = "sluice")]
    namespace: String,
}

/// Prints where the rows of a file come from.
pub(crate) fn whence(arguments: &Arguments, json: bool) -> Outcome {
    let doing = || format!("say whence `{}` comes", arguments.file);
    let asked = || {
        let base = place::working_folder()?;
        let asking = library::whence(
            &arguments.file,
            &base,
            arguments.verify,
            place::environment(),
        );
        run::runtime(0)?.block_on(asking)
    };
    let whence = asked().with_context(doing)?;
    if json {
        return report::print_json(&whence);
    }
    report::print(&text(&whence))
}

/// Prints the event.
pub(crate) fn lineage(arguments: &Lineage) -> Outcome {
    let doing = || format!("tell the lineage of `{}`", arguments.receipt);
    let told = || receipt(&arguments.receipt)?.open_lineage(&arguments.namespace);
    report::print_json(&told().with_context(doing)?)
}

/// The receipt at a path or a URI.
pub(crate) fn receipt(uri: &str) -> sluicegate::error::Result<library::Receipt> {
    let base = place::working_folder()?;
    run::runtime(0)?.block_on(library::receipt(uri, &base, place::environment()))
}

fn text(whence: &Whence) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = said(whence, &mut text);
    text
}

fn said(whence: &Whence, text: &mut String) -> std::fmt::Result {
    // The receipt knows all that the file does, and more.
    let of_receipt = whence.receipt.as_ref().map(library::Receipt::provenance);
    let Some(known) = of_receipt.as_ref().or(whence.provenance.as_ref()) else {
        return Ok(());
    };
    writeln!(text, "{}", printable(&whence.file))?;
    writeln!(
        text,
        "  run     {} of {}, {}, sluice {}",
        printable(&known.run),
        printable(&known.application),
        printable(&known.started),
        printable(&known.sluice)
    )?;
    for (name, value) in &known.parameters {
        writeln!(text, "          {} = {}", printable(name), printable(value))?;
    }
    for input in &known.inputs {
        let (name, uri) = (printable(&input.name), printable(&input.uri));
        let files = input.files.map_or_else(
            || "files are not told".to_owned(),
            |files| format!("{} files", HumanCount(files)),
        );
        writeln!(text, "  input   {name}: {uri}, {files}")?;
    }
    for step in &known.steps {
        writeln!(
            text,
            "  step    {}: {}\n          sha256 {}",
            printable(&step.name),
            printable(&step.plugin),
            printable(&step.sha256)
        )?;
    }
    writeln!(text, "  output  {}", printable(&known.output))?;
    match &whence.receipt {
        Some(_) => writeln!(text, "  receipt {}", printable(&known.receipt))?,
        None => writeln!(text, "  receipt is not beside the file any more")?,
    }
    if let Some(file) = &whence.written {
        let rows = file.rows.unwrap_or_default();
        let (rows, bytes) = (HumanCount(rows), DecimalBytes(file.bytes));
        writeln!(text, "  file    {rows} rows, {bytes}")?;
    }
    match whence.unchanged {
        Some(true) => writeln!(text, "  same    its bytes are those that the run wrote"),
        Some(false) => writeln!(text, "  CHANGED its bytes are not those that the run wrote"),
        None => Ok(()),
    }
}
