//! `sluice dataset`: what runs wrote, version by version.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use indicatif::{DecimalBytes, HumanCount};
use serde_json::json;
use sluicegate::error::{Result, ResultExt as _};
use sluicegate::run::{Dataset, History};
use sluicegate::spec::{format_size, parse_size};

use crate::report::{self, Outcome, printable};
use crate::{head, place, run};

/// Files below half of it are merged: what a run finishes a file at.
const TARGET_BYTES: u64 = 512 << 20;

/// Shows, rolls back, merges and repairs what runs wrote
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Lists the versions of a dataset, with the runs that committed them
    History(Which),
    /// Prints the first rows of a version
    Cat(Cat),
    /// Prints the columns of a version
    Schema(Version),
    /// Makes an earlier version current again
    Rollback(Rollback),
    /// Merges small Parquet files, folder by folder
    Compact(Compact),
    /// Completes what a process left undone, and removes what attempts left that are over
    Repair(Repair),
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The output of runs: a path or a URI
    uri: String,
}

#[derive(Debug, Args)]
pub(crate) struct Version {
    #[command(flatten)]
    which: Which,
    /// The version; without, the current one
    #[arg(long, value_name = "N")]
    version: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Cat {
    #[command(flatten)]
    version: Version,
    /// Rows to print
    #[arg(short = 'n', long, default_value_t = 20)]
    rows: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    which: Which,
    /// The version that becomes current; without, the one before the current
    #[arg(long, value_name = "N")]
    to: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Compact {
    #[command(flatten)]
    which: Which,
    /// The size at which a file is large enough; those below half of it are merged
    #[arg(long, value_name = "SIZE", default_value_t = format_size(TARGET_BYTES), value_parser = size)]
    target_file_bytes: String,
}

fn size(text: &str) -> std::result::Result<String, String> {
    parse_size(text).map(|_| text.to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct Repair {
    #[command(flatten)]
    which: Which,
    /// Removes what all attempts left, also what one may still be writing: say so only where none is
    #[arg(long)]
    all: bool,
    /// A folder beside the dataset in which what runs wrote and deleted there may be completed; can be repeated
    #[arg(long, value_name = "FOLDER")]
    beside: Vec<String>,
}

/// Does the task.
pub(crate) fn tend(task: &Task, json: bool) -> Outcome {
    match task {
        Task::History(which) => history(which, json),
        Task::Cat(cat) => show(cat, json),
        Task::Schema(version) => schema(version, json),
        Task::Rollback(rollback) => roll_back(rollback, json),
        Task::Compact(compact) => merge(compact, json),
        Task::Repair(repair) => mend(repair, json),
    }
}

/// Does something with a dataset, and says of a failure what it was.
fn with<T>(which: &Which, verb: &str, work: impl AsyncFnOnce(&Dataset) -> Result<T>) -> Result<T> {
    with_beside(which, &[], verb, work)
}

/// The same where folders beside it may be written to as well.
fn with_beside<T>(
    which: &Which,
    beside: &[String],
    verb: &str,
    work: impl AsyncFnOnce(&Dataset) -> Result<T>,
) -> Result<T> {
    let doing = || format!("{verb} `{}`", which.uri);
    let environment = place::environment();
    let open = || Dataset::open_beside(&which.uri, beside, &place::working_folder()?, environment);
    let dataset = open().with_context(doing)?;
    run::runtime(0)?
        .block_on(work(&dataset))
        .with_context(doing)
}

fn history(which: &Which, json: bool) -> Outcome {
    let history = with(which, "show the history of", async |dataset| {
        dataset.history().await
    })?;
    if json {
        return report::print_json(&history);
    }
    report::print(&table(&history))
}

fn table(history: &History) -> String {
    let mut text = String::new();
    for past in history.versions.iter().rev() {
        let state = if past.version == history.current {
            "current"
        } else if history.kept.contains(&past.version) {
            "kept"
        } else {
            "gone"
        };
        let rows = past
            .rows
            .map_or_else(|| "?".to_owned(), |rows| HumanCount(rows).to_string());
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{:>6}  {:7}  {}  {:20}  {rows} rows, {} files, {}  {}",
            past.version,
            state,
            past.committed,
            past.operation.as_str(),
            HumanCount(past.files),
            DecimalBytes(past.bytes),
            printable(&past.run),
        );
    }
    text
}

fn show(cat: &Cat, json: bool) -> Outcome {
    let Version { which, version } = &cat.version;
    let rows = async |dataset: &Dataset| dataset.rows(*version, cat.rows).await;
    let batches = with(which, "show", rows)?;
    head::print(&batches, json)
}

fn schema(version: &Version, json: bool) -> Outcome {
    let Version { which, version } = version;
    let columns = async |dataset: &Dataset| dataset.schema(*version).await;
    let columns = with(which, "show the schema of", columns)?;
    if json {
        return report::print_json(&columns);
    }
    let mut text = String::new();
    for column in columns {
        let null = if column.nullable { "" } else { "  not null" };
        let _ = writeln!(
            text,
            "{}  {}{null}",
            printable(&column.name),
            column.data_type
        );
    }
    report::print(&text)
}

fn roll_back(rollback: &Rollback, json: bool) -> Outcome {
    let by = run::new_id();
    let past = async |dataset: &Dataset| dataset.roll_back(rollback.to, &by).await;
    let past = with(&rollback.which, "roll back", past)?;
    if json {
        return report::print_json(&past);
    }
    report::print(&format!("version {} is current\n", past.version))
}

fn merge(compact: &Compact, json: bool) -> Outcome {
    let by = run::new_id();
    let target = parse_size(&compact.target_file_bytes).unwrap_or(TARGET_BYTES);
    let done = async |dataset: &Dataset| dataset.compact(target, &by).await;
    let done = with(&compact.which, "merge files of", done)?;
    if json {
        return report::print_json(&done);
    }
    report::print(&match done.version {
        Some(version) => format!(
            "{} files are {} in version {version}\n",
            HumanCount(done.merged),
            HumanCount(done.into)
        ),
        None => "there is nothing to merge\n".to_owned(),
    })
}

fn mend(repair: &Repair, json: bool) -> Outcome {
    let done = async |dataset: &Dataset| dataset.repair(repair.all).await;
    let done = with_beside(&repair.which, &repair.beside, "repair", done)?;
    if json {
        return report::print_json(&json!(done));
    }
    let mut text = match (done.version, done.settled) {
        (0, _) => "no run has committed\n".to_owned(),
        (version, true) => format!("version {version}: its files are in place now\n"),
        (version, false) => format!("version {version}: its files are in place\n"),
    };
    if done.restored > 0 {
        let _ = writeln!(
            text,
            "{} of them were moved back",
            HumanCount(done.restored)
        );
    }
    if done.swept.uploads > 0 {
        let uploads = HumanCount(done.swept.uploads);
        let _ = writeln!(
            text,
            "{uploads} uploads that nobody completed were given up"
        );
    }
    let (removed, left) = (HumanCount(done.swept.removed), HumanCount(done.swept.left));
    let _ = writeln!(
        text,
        "{removed} leftovers were removed, {left} may still be written"
    );
    report::print(&text)
}
