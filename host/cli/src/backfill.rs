//! `sluice backfill`: one run for each day, or other period, between two.

mod periods;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use clap::Args;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::json;
use sluicegate::error::{Error, ErrorKind, Result, ResultExt as _};
use sluicegate::policy::{self, Policies};
use sluicegate::run::{self as runs, Options, Progress, Summary};
use sluicegate::sandbox::SandboxConfig;
use sluicegate::spec::{Application, ApplicationFile, Mode, ParameterType};
use tokio::sync::watch::Receiver;
use tokio::task::JoinSet;

use self::periods::{Every, Period, periods};
use crate::limits::LimitFlags;
use crate::policy::follow;
use crate::report::{self, Failure, Outcome, printable};
use crate::{interrupt, place, run};

/// How often it is looked whether somebody has cancelled.
const BEAT: Duration = Duration::from_millis(50);

/// Bytes of an application's name that stand in the names of its runs, which have to hold a period as well.
const NAME_BYTES_MAX: usize = 48;

/// Runs at the same time: each has a memory limit of its own.
const PARALLEL_MAX: usize = 64;

/// Runs an application for each day between two, with one of its parameters set to the day
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The application file
    application: PathBuf,
    /// The first day
    #[arg(long, value_name = "DATE", value_parser = date)]
    from: NaiveDate,
    /// The last day, for which there is a run too
    #[arg(long, value_name = "DATE", value_parser = date)]
    to: NaiveDate,
    /// How far the runs are apart
    #[arg(long, value_name = "PERIOD", value_enum, default_value_t = Every::Day)]
    every: Every,
    /// The parameter that takes the day; without, the only one of the type `date`, or for hours `timestamp`
    #[arg(long, value_name = "NAME")]
    over: Option<String>,
    /// Runs at the same time, which share the threads; each has the application's memory to itself
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = parallel)]
    max_parallel: usize,
    /// Leaves out what a backfill of this application has committed before; one without this flag does all of it again
    #[arg(long)]
    skip_succeeded: bool,
    /// Gives a parameter a value; may be repeated
    #[arg(short, long = "parameter", value_name = "NAME=VALUE", value_parser = run::parameter)]
    parameters: Vec<(String, String)>,
    /// Shows no progress
    #[arg(short, long)]
    quiet: bool,
    /// Threads for transforms and partitions of all runs; 0, the default, takes one per core
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = run::threads)]
    threads: usize,
    /// Compiles plugins anew and keeps nothing
    #[arg(long)]
    no_cache: bool,
    /// A file of policies that say what the runs may do, as for `sluice run`; may be repeated
    #[arg(long = "policy", value_name = "FILE")]
    policies: Vec<String>,
    /// The compartment that the application belongs to, for policies
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    compartment: String,
    #[command(flatten)]
    limits: LimitFlags,
}

fn date(text: &str) -> std::result::Result<NaiveDate, String> {
    text.parse()
        .map_err(|_| "expected a date such as 2026-01-31".to_owned())
}

fn parallel(text: &str) -> std::result::Result<usize, String> {
    match text.parse() {
        Ok(runs) if (1..=PARALLEL_MAX).contains(&runs) => Ok(runs),
        _ => Err(format!("expected a number from 1 to {PARALLEL_MAX}")),
    }
}

/// A run that is to be.
#[derive(Debug)]
struct Planned {
    period: Period,
    id: String,
    application: Application,
}

/// What became of a run.
#[derive(Debug)]
struct Done {
    period: Period,
    id: String,
    outcome: Option<Result<Summary>>,
    progress: Arc<Progress>,
}

/// What all runs are executed with.
struct Shared {
    sandbox: SandboxConfig,
    policies: Option<Receiver<Policies>>,
    environment: BTreeMap<String, String>,
    submitter: String,
    compartment: String,
    threads: usize,
    unless_committed: bool,
}

/// Runs all of them, and prints what became of each.
pub(crate) fn backfill(arguments: &Arguments, json: bool) -> Outcome {
    // Where no thread is to be had, the first decision takes longer.
    drop(std::thread::Builder::new().spawn(policy::prepare));
    let doing = || format!("backfill `{}`", arguments.application.display());
    let planned = plan(arguments).with_context(doing)?;
    let done = execute(planned, arguments).with_context(doing)?;
    if json {
        report::print_json(&json!({ "runs": done.iter().map(told).collect::<Vec<_>>() }))?;
    } else {
        report::print(&table(&done))?;
    }
    let cancelled = done.iter().any(|done| state(done) == "cancelled");
    // Those that were cancelled say nothing of the data, those that failed do.
    let failed = done.into_iter().find(|done| state(done) == "failed");
    if let Some((Some(Err(error)), period, progress)) =
        failed.map(|done| (done.outcome, done.period, done.progress))
    {
        let error = error.context(format!("run it for {}", period.name));
        return Err(Failure::Error(error.context(doing()), progress.take_logs()));
    }
    if cancelled {
        let error = Error::new(ErrorKind::Cancelled, "the other runs were cancelled");
        return Err(error.context(doing()).into());
    }
    Ok(())
}

/// All runs, resolved before the first begins.
fn plan(arguments: &Arguments) -> Result<Vec<Planned>> {
    let path = &arguments.application;
    let file = run::read(path)?;
    let over = parameter(&file, arguments)?;
    let periods = periods(arguments.from, arguments.to, arguments.every)?;
    let mut planned = Vec::with_capacity(periods.len());
    for period in periods {
        let id = run_id(file.name(), &period, arguments.skip_succeeded);
        let mut parameters = arguments.parameters.clone();
        parameters.push((over.clone(), period.value.clone()));
        let application = run::resolve(&file, path, &parameters, &id);
        let mut application = application.with_context(|| format!("plan {}", period.name))?;
        arguments.limits.apply(&mut application.limits)?;
        planned.push(Planned {
            period,
            id,
            application,
        });
    }
    refuse_replaced(&planned, &over)?;
    Ok(planned)
}

/// The parameter that takes the period.
fn parameter(file: &ApplicationFile, arguments: &Arguments) -> Result<String> {
    let (ty, word) = match arguments.every {
        Every::Hour => (ParameterType::Timestamp, "timestamp"),
        Every::Day | Every::Week | Every::Month => (ParameterType::Date, "date"),
    };
    if let Some(name) = &arguments.over {
        return Ok(name.clone());
    }
    let all = file.parameters().iter();
    let fitting = all.filter(|parameter| parameter.ty == ty);
    let names: Vec<_> = fitting.map(|parameter| parameter.name.as_str()).collect();
    match names.as_slice() {
        [name] => Ok((*name).to_owned()),
        [] => Err(Error::input(format!(
            "the application has no parameter of the type `{word}`"
        ))
        .hint("declare one, and name inputs and output by it, as in `uri = \"in/${date}/\"`")),
        names => {
            let message = format!(
                "the application has {} parameters of the type `{word}`",
                names.len()
            );
            Err(Error::input(message).hint(format!("say which by `--over`: {}", names.join(", "))))
        }
    }
}

/// A name that the same run of another backfill has too, or one that none has.
fn run_id(application: &str, period: &Period, again: bool) -> String {
    let name = application.get(..NAME_BYTES_MAX).unwrap_or(application);
    let id = format!("{name}-{}", period.name);
    if again {
        return id;
    }
    // What tells names of version 7 apart that are made at the same time is at their end.
    let unique = run::new_id();
    let unique = unique.get(unique.len().saturating_sub(6)..);
    format!("{id}-{}", unique.unwrap_or_default())
}

/// Refuses runs of which each would replace what the one before wrote, or be refused.
fn refuse_replaced(planned: &[Planned], over: &str) -> Result<()> {
    let [first, second, ..] = planned else {
        return Ok(());
    };
    let output = &first.application.output;
    let shared = matches!(output.mode, Mode::Append | Mode::OverwritePartitions);
    if shared || output.uri != second.application.output.uri {
        return Ok(());
    }
    let mode = output.mode.as_str();
    let message = format!(
        "all runs write to `{}`, and `mode = \"{mode}\"` leaves one of them",
        output.uri
    );
    Err(Error::input(message).hint(format!(
        "name the output by the parameter, as in `out/${{{over}}}/`, or use `mode = \"overwrite-partitions\"` or `mode = \"append\"`"
    )))
}

fn execute(planned: Vec<Planned>, arguments: &Arguments) -> Result<Vec<Done>> {
    let mut sandbox = place::sandbox()?;
    if arguments.no_cache {
        sandbox.cache = None;
    }
    let runtime = run::runtime(arguments.threads)?;
    let all = Arc::new(Progress::default());
    let parallel = arguments.max_parallel.min(planned.len()).max(1);
    let shared = Arc::new(Shared {
        sandbox,
        policies: follow(&arguments.policies, &runtime, Arc::clone(&all))?,
        environment: place::environment(),
        submitter: run::submitter(),
        compartment: arguments.compartment.clone(),
        threads: (runs::threads(arguments.threads) / parallel).max(1),
        unless_committed: arguments.skip_succeeded,
    });
    runtime.spawn(interrupt::watch(Arc::clone(&all)));
    let bar = bar(planned.len(), arguments.quiet);
    let done = runtime.block_on(drive(planned, parallel, &shared, (&all, &bar)));
    bar.finish_and_clear();
    report::print_logs(&all.take_logs());
    runtime.shutdown_background();
    Ok(done)
}

/// Has so many runs go on at once until all are over, or somebody cancels them.
async fn drive(
    planned: Vec<Planned>,
    parallel: usize,
    shared: &Arc<Shared>,
    (all, bar): (&Progress, &ProgressBar),
) -> Vec<Done> {
    let done = planned.iter().map(|run| Done {
        period: run.period.clone(),
        id: run.id.clone(),
        outcome: None,
        progress: Arc::default(),
    });
    let mut done: Vec<Done> = done.collect();
    let mut waiting = planned.into_iter().enumerate();
    let mut going = JoinSet::new();
    let mut names = HashMap::new();
    let mut beat = tokio::time::interval(BEAT);
    loop {
        while going.len() < parallel && !all.is_cancelled() {
            let Some((at, run)) = waiting.next() else {
                break;
            };
            let progress = done.get(at).map(|done| Arc::clone(&done.progress));
            let options = options(shared, &run, progress.unwrap_or_default());
            let task = going.spawn(runs::execute(run.application, options));
            names.insert(task.id(), (at, run.period.name));
        }
        let mut running: Vec<_> = names.values().map(|(_, name)| name.as_str()).collect();
        running.sort_unstable();
        bar.set_message(running.join(", "));
        tokio::select! {
            next = going.join_next_with_id() => {
                let (id, outcome) = match next {
                    None => return done,
                    Some(Ok((id, outcome))) => (id, outcome),
                    Some(Err(cause)) => {
                        let error = Error::internal("the task of a run failed");
                        (cause.id(), Err(error.source(cause)))
                    }
                };
                bar.inc(1);
                let at = names.remove(&id).map(|(at, _)| at);
                if let Some(done) = at.and_then(|at| done.get_mut(at)) {
                    done.outcome = Some(outcome);
                }
            },
            _ = beat.tick() => for done in done.iter().filter(|_| all.is_cancelled()) {
                done.progress.cancel();
            },
        }
    }
}

fn options(shared: &Shared, run: &Planned, progress: Arc<Progress>) -> Options {
    Options {
        submitter: shared.submitter.clone(),
        compartment: shared.compartment.clone(),
        policies: shared.policies.clone(),
        commands: true,
        environment: shared.environment.clone(),
        threads: shared.threads,
        unless_committed: shared.unless_committed,
        progress,
        ..Options::new(run.id.clone(), shared.sandbox.clone())
    }
}

/// How many runs are over, on a terminal's standard error.
fn bar(runs: usize, quiet: bool) -> ProgressBar {
    let target = if quiet {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let bar = ProgressBar::with_draw_target(Some(runs as u64), target);
    let style = ProgressStyle::with_template("{elapsed} [{bar:30}] {pos}/{len} runs {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

#[derive(Serialize)]
struct Told<'a> {
    period: &'a str,
    run_id: &'a str,
    /// `succeeded`, `skipped`, `failed` or `cancelled`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<serde_json::Value>,
}

fn told(done: &Done) -> Told<'_> {
    let (summary, error) = match &done.outcome {
        None => (None, None),
        Some(Ok(summary)) => (Some(summary), None),
        Some(Err(error)) => (None, Some(report::machine(error))),
    };
    Told {
        period: &done.period.name,
        run_id: &done.id,
        state: state(done),
        summary,
        error,
    }
}

fn state(done: &Done) -> &'static str {
    match &done.outcome {
        Some(Ok(summary)) if summary.skipped => "skipped",
        Some(Ok(_)) => "succeeded",
        Some(Err(error)) if error.kind() != ErrorKind::Cancelled => "failed",
        Some(Err(_)) | None => "cancelled",
    }
}

fn table(done: &[Done]) -> String {
    let mut text = String::new();
    let mut counts = BTreeMap::<_, u64>::new();
    for done in done {
        let state = state(done);
        *counts.entry(state).or_default() += 1;
        let what = match &done.outcome {
            Some(Ok(summary)) => {
                let version = summary
                    .version
                    .map(|version| format!("version {version}, "));
                let rows = HumanCount(summary.rows_out);
                let seconds = summary.seconds;
                format!("{}{rows} rows, {seconds:.3} s", version.unwrap_or_default())
            }
            Some(Err(error)) => error.to_string(),
            None => String::new(),
        };
        let line = format!("{}  {state:9}  {}", done.period.name, printable(&what));
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let counts: Vec<_> = counts
        .iter()
        .map(|(state, runs)| format!("{runs} {state}"))
        .collect();
    let _ = writeln!(text, "{} runs: {}", done.len(), counts.join(", "));
    text
}
