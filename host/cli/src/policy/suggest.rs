//! `sluice policy suggest`.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use sluicegate::error::{Result, ResultExt as _};
use sluicegate::policy::audit::{Entry, entries};
use sluicegate::policy::{self, Layer, Suggestion, Syntax, Use};
use sluicegate::run::Receipt;

use crate::audit;
use crate::report::{self, Outcome, printable};
use crate::whence;

/// Writes the fewest statements that allow what runs did, and nothing else
///
/// Objects below a folder that was listed, and what was written, are allowed by folder; other objects one by one, up to
/// eight of a folder. Requests over HTTP are held to host, scheme, methods and paths.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What `sluice run --audit` wrote, which has to be whole; or the receipt of a run, whose name ends in `.json`
    #[arg(long, value_name = "FILE")]
    from_run: PathBuf,
    /// What the statements are written in
    #[arg(long, value_name = "SYNTAX", default_value = "toml")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Toml,
    Json,
}

/// What an audit tells of all its runs.
#[derive(Default)]
struct Used {
    runs: u64,
    denied: u64,
    /// Requests that the receipt does not name.
    untold: u64,
    by_application: BTreeMap<String, HashSet<Use>>,
}

/// Prints the statements.
pub(crate) fn suggest(arguments: &Arguments, json: bool) -> Outcome {
    let doing = || format!("suggest policies from `{}`", arguments.from_run.display());
    let used = read(arguments).with_context(doing)?;
    let suggestion = statements(&used).with_context(doing)?;
    if json || arguments.format == Format::Json {
        return report::print(&suggestion.file.to_syntax(Syntax::Json)?);
    }
    let mut text = String::new();
    for line in notes(&used, &suggestion) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "# {}", printable(&line).replace('\n', " "));
    }
    report::print(&(text + &suggestion.file.to_syntax(Syntax::Toml)?))
}

fn read(arguments: &Arguments) -> Result<Used> {
    let is_receipt = arguments
        .from_run
        .extension()
        .is_some_and(|end| end == "json");
    if is_receipt {
        return of_receipt(&whence::receipt(&arguments.from_run.to_string_lossy())?);
    }
    let mut used = Used::default();
    let mut current = String::new();
    let file = audit::read(&arguments.from_run)?;
    entries(file, None, |number, entry| {
        match entry {
            Entry::Head { application, .. } => {
                used.runs += 1;
                current = application;
            }
            Entry::Decision(decided) if !decided.allowed => used.denied += 1,
            Entry::Decision(decided) => {
                let reading = || format!("record {number} names what no policy can be about");
                let found = Use::of(&decided).with_context(reading)?;
                let uses = used.by_application.entry(current.clone()).or_default();
                uses.extend(found);
            }
            Entry::Repeat { .. } | Entry::Close { .. } => {}
        }
        Ok(())
    })?;
    Ok(used)
}

fn of_receipt(receipt: &Receipt) -> Result<Used> {
    let mut used = Used {
        runs: 1,
        untold: receipt.accessed_others,
        ..Used::default()
    };
    let uses = used.by_application.entry(receipt.application.clone());
    let uses = uses.or_default();
    for access in &receipt.accessed {
        uses.extend(access.to_use()?);
        used.denied += u64::from(!access.allowed);
    }
    Ok(used)
}

fn statements(used: &Used) -> Result<Suggestion> {
    let applications: Vec<(&str, Vec<Use>)> = used
        .by_application
        .iter()
        .map(|(name, uses)| (name.as_str(), uses.iter().cloned().collect()))
        .collect();
    let applications = applications.iter();
    policy::suggest(
        Layer::Identity,
        applications.map(|(name, uses)| (*name, uses.as_slice())),
    )
}

/// What a reader has to know before the statements are used.
fn notes(used: &Used, suggestion: &Suggestion) -> Vec<String> {
    let runs = match used.runs {
        1 => "one run".to_owned(),
        runs => format!("{runs} runs"),
    };
    let mut notes = vec![format!("What {runs} used.")];
    if used.denied > 0 {
        let message = format!(
            "Left out, since they were denied: {} requests.",
            used.denied
        );
        notes.push(message);
    }
    if used.untold > 0 {
        let message = format!(
            "Left out, since the receipt does not name them: {} requests; `sluice run --audit` tells all.",
            used.untold
        );
        notes.push(message);
    }
    let unsayable = suggestion.unsayable.iter();
    notes.extend(unsayable.map(|name| format!("Left out, since no statement can name it: {name}")));
    notes
}
