//! `sluice plugin bench`: how fast a plugin is, beside its previous build and beside doing nothing.

mod contender;
mod noop;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use clap::Args;
use indicatif::{BinaryBytes, HumanCount};
use serde_json::json;
use sluicegate::error::{Error, Result, ResultExt as _};
use sluicegate::run;

use self::contender::{Contender, Figures};
use super::fixture::stage::Stage;
use super::fixture::{self, Case};
use super::project::Project;
use super::{build, sandbox};
use crate::report::{self, Outcome, printable};
use crate::{place, run::runtime};

/// Rows of a morsel, as a run feeds them.
const BATCH_ROWS: usize = 8_192;

/// Rows that are read of an input; they come round again and again.
const INPUT_ROWS: usize = 65_536;

/// How often the contenders take turns, so that a slow moment of the machine hits all.
const ROUNDS: u32 = 10;

/// More would not make a figure better.
const SECONDS_MAX: f64 = 600.0;

/// Measures a plugin, its previous build and a transform that does nothing, in turns, on one core
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The project's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The fixture whose input and parameters are used; the first that succeeds, unless told
    #[arg(long, value_name = "NAME")]
    case: Option<String>,
    /// Rows to use in place of the fixture's, such as a Parquet file
    #[arg(long, value_name = "URI")]
    input: Option<String>,
    /// Rows of a batch
    #[arg(long, default_value_t = BATCH_ROWS, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1 << 20))]
    rows: usize,
    /// How long each is measured
    #[arg(long, default_value_t = 2.0, value_parser = seconds)]
    seconds: f64,
}

fn seconds(text: &str) -> std::result::Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.01..=SECONDS_MAX).contains(&seconds) => Ok(seconds),
        _ => Err(format!("expected seconds, 0.01 to {SECONDS_MAX}")),
    }
}

/// Measures and prints.
pub(crate) fn bench(arguments: &Arguments, json: bool) -> Outcome {
    let doing = || format!("bench the plugin in `{}`", arguments.folder.display());
    let (case, rows, figures) = measure(arguments).with_context(doing)?;
    if json {
        return report::print_json(&json!({
            "case": case,
            "rows_per_batch": rows,
            "contenders": figures,
        }));
    }
    report::print(&text(&case, rows, &figures))
}

fn measure(arguments: &Arguments) -> Result<(String, usize, Vec<Figures>)> {
    let project = Project::open(&arguments.folder)?;
    build::refresh(&project)?;
    let names: Vec<_> = arguments.case.iter().cloned().collect();
    let cases = fixture::chosen(&project.folder, &names)?;
    let case = cases
        .iter()
        .find(|case| case.expected.error.is_none())
        .ok_or_else(|| {
            Error::input("every fixture expects an error, so there is nothing to measure")
        })?;
    let batches = batches(case, arguments)?;
    let params = case.params.to_string();

    let sandbox = sandbox()?;
    let stage = Stage::new(case, false)?;
    let application = stage.application(&project.component())?;
    let options = stage.options()?;
    // What contenders wait for makes progress on its threads.
    let runtime = runtime(1)?;
    let contender = |name, component: &[u8], batches: &[RecordBatch], params| {
        let reach = runtime.block_on(run::reach(&application, &options))?;
        Contender::new(&sandbox, (name, component), reach, batches, params)
            .map_err(|error| advised(error, &stage))
    };
    let component = place::read(&project.component())?;
    let now = contender("now", &component, &batches, &params)?;
    let read = now.batches().to_vec();
    let mut contenders = vec![now];
    if let Ok(previous) = fs::read(project.previous()) {
        // A previous build that does not fit the fixture any more is no reason to fail.
        contenders.extend(contender("previous", &previous, &batches, &params).ok());
    }
    contenders.push(contender("no-op", &noop::component()?, &read, "{}")?);

    let turn = Duration::from_secs_f64(arguments.seconds) / ROUNDS;
    for _ in 0..ROUNDS {
        for contender in &mut contenders {
            let doing = format!("measure `{}`", contender.name);
            let measured = contender.measure(turn).context(doing);
            measured.map_err(|error| advised(error, &stage))?;
        }
    }
    let figures = contenders.iter().map(Contender::figures).collect();
    Ok((case.name.clone(), arguments.rows, figures))
}

/// An error with what was wrong with the requests before it.
fn advised(error: Error, stage: &Stage<'_>) -> Error {
    stage.problems().into_iter().fold(error, Error::hint)
}

/// Batches of exactly as many rows as told: those of the input, again and again where they are few.
fn batches(case: &Case, arguments: &Arguments) -> Result<Vec<RecordBatch>> {
    let rows = arguments.rows;
    let (wanted, environment) = (INPUT_ROWS.max(rows), place::environment());
    let runtime = runtime(1)?;
    let read = match &arguments.input {
        Some(uri) => {
            let folder = place::working_folder()?;
            runtime.block_on(run::head(uri, &folder, wanted, environment))?
        }
        None => runtime.block_on(run::read(case.input()?, wanted, environment))?,
    };
    let failed = |cause: arrow::error::ArrowError| {
        Error::internal(cause.to_string()).context("repeat the rows of the input")
    };
    let first = read
        .first()
        .ok_or_else(|| Error::internal("no batch was read"))?;
    let whole = concat_batches(&first.schema(), &read).map_err(failed)?;
    if whole.num_rows() == 0 {
        return Err(Error::input("the input has no rows"));
    }
    let times = rows.div_ceil(whole.num_rows());
    let whole =
        concat_batches(&first.schema(), std::iter::repeat_n(&whole, times)).map_err(failed)?;
    let batches = whole.num_rows() / rows;
    Ok((0..batches)
        .map(|at| whole.slice(at * rows, rows))
        .collect())
}

fn text(case: &str, rows: usize, figures: &[Figures]) -> String {
    let read = figures.first().map_or(0, |now| now.bytes_per_batch);
    let mut text = format!(
        "fixture {}, batches of {} rows, {} read of each\n\n",
        printable(case),
        HumanCount(rows as u64),
        BinaryBytes(read)
    );
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{:<10}{:>12}{:>12}{:>16}{:>14}{:>12}{:>14}",
        "", "us/batch", "95 %", "rows/s", "bytes/s", "memory", "instance"
    );
    for figures in figures {
        let _ = writeln!(
            text,
            "{:<10}{:>12.1}{:>12.1}{:>16}{:>14}{:>12}{:>11.1} us",
            figures.name,
            figures.us_per_batch,
            figures.us_per_batch_95,
            HumanCount(figures.rows_per_second).to_string(),
            BinaryBytes(figures.bytes_per_second).to_string(),
            BinaryBytes(figures.memory_bytes).to_string(),
            figures.instance_us,
        );
    }
    let _ = writeln!(text);
    for other in figures.iter().skip(1) {
        if let Some(now) = figures.first() {
            let ratio = now.us_per_batch / other.us_per_batch;
            let _ = writeln!(text, "now / {:<10} {ratio:.2}", other.name);
        }
    }
    if let Some(now) = figures.first() {
        let _ = writeln!(text, "warm load of the component {:.1} ms", now.load_ms);
    }
    text
}
