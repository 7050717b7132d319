//! `sluice plugin replay`: runs a batch again over which a transform failed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use clap::Args;
use indicatif::HumanCount;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sluicegate::error::{Error, Result, ResultExt as _};
use sluicegate::run::{Facts, Failing, Progress, ReplayedBatch, Rerunning, Verdict};
use sluicegate::spec::{Scheme, Uri};

use crate::limits::LimitFlags;
use crate::report::{self, Failure, Outcome, printable};
use crate::run::runtime;
use crate::{head, interrupt, place};

/// Rejected rows that are listed; the others are counted.
const REJECTED_LISTED: usize = 20;

/// Runs a batch that `sluice run --keep-failing` kept through its plugin again, or through another build of it
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The file of the batch: a path or a URI
    file: String,
    /// The component; by default the one that failed, if it is still where it was
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    /// Rows to show
    #[arg(short = 'n', long, default_value_t = 20)]
    rows: usize,
    #[command(flatten)]
    limits: LimitFlags,
}

/// Runs the batch and prints what came of it. A transform that fails ends the command as it ends a run.
pub(crate) fn replay(arguments: &Arguments, json: bool) -> Outcome {
    let doing = || format!("replay `{}`", arguments.file);
    let runtime = runtime(1).with_context(doing)?;
    let base = place::working_folder().with_context(doing)?;
    let reading = Failing::read(&arguments.file, &base, place::environment());
    let failing = runtime.block_on(reading).with_context(doing)?;
    let mut limits = failing.limits().with_context(doing)?;
    arguments.limits.apply(&mut limits).with_context(doing)?;
    let component = component(failing.facts(), arguments.plugin.as_deref()).with_context(doing)?;
    let progress = Arc::<Progress>::default();
    runtime.spawn(interrupt::watch(Arc::clone(&progress)));
    let with = Rerunning {
        sandbox: place::sandbox().with_context(doing)?,
        limits,
        progress,
    };
    let replayed = runtime.block_on(failing.replay(component, with));
    runtime.shutdown_background();
    let mut replayed = replayed.with_context(doing)?;
    let shown = first(&replayed.batches, arguments.rows);
    if json {
        report::print_json(&machine(&failing, &replayed, &shown)?)?;
    } else {
        report::print(&text(&failing, &replayed, &shown)?)?;
    }
    match replayed.error.take() {
        None => Ok(()),
        Some(error) => Err(Failure::Error(error.context(doing()), replayed.logs)),
    }
}

/// The component that is asked for, or the one that failed.
fn component(facts: &Facts, given: Option<&Path>) -> Result<Vec<u8>> {
    const GIVE: &str = "name a build of the plugin by `--plugin`";
    if let Some(path) = given {
        return place::read(path);
    }
    let uri = Uri::parse(&facts.plugin, None)?;
    if uri.scheme() != Scheme::File {
        // Whoever wrote the file would choose what is asked of which server.
        let plugin = &facts.plugin;
        return Err(
            Error::input(format!("the plugin `{plugin}` is not on this machine")).hint(GIVE),
        );
    }
    let path = Path::new("/").join(uri.path());
    let shown = path.display();
    let component = place::read(&path).map_err(|error| error.hint(GIVE))?;
    if hex::encode(Sha256::digest(&component)) == facts.digest {
        return Ok(component);
    }
    let digest = &facts.digest;
    Err(Error::input(format!(
        "`{shown}` is not the plugin that failed, sha256:{digest}"
    ))
    .hint(format!(
        "`--plugin {shown}` runs the batch through what is there now"
    )))
}

/// The first rows of some batches, at least one batch where there is one.
fn first(batches: &[RecordBatch], rows: usize) -> Vec<RecordBatch> {
    let mut wanted = rows;
    let slices = batches.iter().enumerate().filter_map(|(at, batch)| {
        let slice = batch.slice(0, batch.num_rows().min(wanted));
        wanted -= slice.num_rows();
        (at == 0 || slice.num_rows() > 0).then_some(slice)
    });
    slices.collect()
}

fn rows_out(replayed: &ReplayedBatch) -> usize {
    replayed.batches.iter().map(RecordBatch::num_rows).sum()
}

fn machine(failing: &Failing, replayed: &ReplayedBatch, shown: &[RecordBatch]) -> Result<Value> {
    let facts = failing.facts();
    let lines = head::lines(shown)?;
    let rows = lines.lines().map(serde_json::from_str::<Value>);
    let rows = rows.collect::<std::result::Result<Vec<_>, _>>();
    let rows = rows.map_err(|cause| Error::internal(cause.to_string()))?;
    let error = replayed
        .error
        .as_ref()
        .map(|error| json!({ "kind": error.kind().as_str(), "message": error.to_string() }));
    Ok(json!({
        "verdict": replayed.verdict.as_str(),
        "application": facts.application,
        "run": facts.run,
        "step": facts.step,
        "partition": facts.partition,
        "batch": facts.batch,
        "rows": facts.rows,
        "before": { "plugin": facts.digest, "kind": facts.kind, "message": facts.error },
        "plugin": replayed.digest,
        "error": error,
        "rows_in": failing.rows(),
        "rows_out": rows_out(replayed),
        "first": rows,
        "absent": replayed.absent,
        "rejected": replayed.rejected,
        "logs": replayed.logs,
    }))
}

fn text(failing: &Failing, replayed: &ReplayedBatch, shown: &[RecordBatch]) -> Result<String> {
    let facts = failing.facts();
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{}: step {} of {} over rows {} of partition {}",
        told(replayed.verdict),
        facts.step,
        facts.application,
        facts.rows,
        facts.partition
    );
    let _ = writeln!(text, "  before  {}: {}", facts.kind, facts.error);
    let same = replayed.digest == facts.digest;
    let which = if same {
        "the one that failed"
    } else {
        "another build"
    };
    let _ = writeln!(text, "  plugin  sha256:{}, {which}", replayed.digest);
    if replayed.error.is_some() {
        return Ok(printable(&text));
    }
    outcome(failing, replayed, &mut text);
    let has_columns = shown.iter().any(|batch| batch.num_columns() > 0);
    let table = if has_columns {
        head::table(shown)?
    } else {
        String::new()
    };
    Ok(printable(&text) + &table)
}

/// What came of a batch over which the transform did not fail.
fn outcome(failing: &Failing, replayed: &ReplayedBatch, text: &mut String) {
    let (rows, out) = (failing.rows() as u64, rows_out(replayed) as u64);
    let rejected = &replayed.rejected;
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "  rows    {} in, {} out, {} rejected",
        HumanCount(rows),
        HumanCount(out),
        HumanCount(rejected.len() as u64)
    );
    for row in rejected.iter().take(REJECTED_LISTED) {
        let _ = writeln!(text, "          row {} rejected: {}", row.row, row.reason);
    }
    let more = rejected.len().saturating_sub(REJECTED_LISTED);
    if more > 0 {
        let _ = writeln!(text, "          and {more} more rejected");
    }
    if !replayed.absent.is_empty() {
        let columns = replayed.absent.join(", ");
        let _ = writeln!(
            text,
            "  absent  {columns}: the transform does not read them"
        );
    }
    if replayed.verdict == Verdict::NotReproduced && failing.facts().state == "stateful" {
        let _ = writeln!(
            text,
            "  state   the transform is stateful: what it saw before this batch is missing"
        );
    }
    for line in &replayed.logs {
        let _ = writeln!(text, "  {}    {}", line.level, line.message);
    }
}

const fn told(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Same => "fails as before",
        Verdict::Other => "fails in another way",
        Verdict::Fixed => "fixed",
        Verdict::NotReproduced => "not reproduced",
    }
}
