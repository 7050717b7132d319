//! `sluice run`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use chrono::{SecondsFormat, Utc};
use clap::Args;
use sluicegate::error::{Error, Result, ResultExt as _};
use sluicegate::limits::Limits;
use sluicegate::policy::{self, Audit, Principal, Unaudited};
use sluicegate::run::{self, Keeper, Options, Progress, THREADS_MAX};
use sluicegate::sandbox::Profile;
use sluicegate::spec::{Application, ApplicationFile};

use crate::audit::Audited;
use crate::keep::Folder;
use crate::limits::LimitFlags;
use crate::policy::follow;
use crate::report::{self, Failure, Outcome};
use crate::{interrupt, place, progress, summary, whence};

/// Runs an application: reads its inputs, applies its transforms, writes its output
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The application file
    #[arg(required_unless_present = "replay")]
    application: Option<PathBuf>,
    /// Does a run again from its receipt, a path or a URI, and says whether it makes the same files, byte by byte. Nothing
    /// is written
    #[arg(long, value_name = "RECEIPT", conflicts_with_all = ["application", "parameters", "run_id", "threads", "explain"])]
    replay: Option<String>,
    /// Gives a parameter a value; may be repeated
    #[arg(short, long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    /// Prints the executed plan with its metrics
    #[arg(long)]
    explain: bool,
    /// Names the run. Of runs with one name, one commits to an output, however often it is tried; without, the name is new
    #[arg(long, value_name = "NAME", value_parser = run_id)]
    run_id: Option<String>,
    /// Shows neither progress nor the transforms' messages
    #[arg(short, long)]
    quiet: bool,
    /// Threads for transforms and partitions; 0, the default, takes one per core
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = threads)]
    threads: usize,
    /// Compiles plugins anew and keeps nothing
    #[arg(long)]
    no_cache: bool,
    /// Writes where the transforms spend their time, for <https://profiler.firefox.com>
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// A file of policies that say what the run may do; may be repeated, with `LAYER=` before the name to set its layer.
    /// Without any, a run may do what its application declares
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
    /// Appends every decision about what the run may do to this file, for `sluice audit verify`
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
    /// Keeps batches over which transforms fail in this folder, for `sluice plugin replay`. They hold data
    #[arg(long, value_name = "FOLDER")]
    keep_failing: Option<PathBuf>,
    #[command(flatten)]
    limits: LimitFlags,
}

/// A name for a run that no other has.
pub(crate) fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// A name that can be part of the names of files.
fn run_id(text: &str) -> std::result::Result<String, String> {
    if text.len() <= RUN_ID_MAX && run::is_run(text) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "expected up to {RUN_ID_MAX} letters, digits, `-`, `_` and `.`"
    ))
}

/// Characters of a run's name: names of files that hold one are to fit into any file system.
const RUN_ID_MAX: usize = 64;

pub(crate) fn threads(text: &str) -> std::result::Result<usize, String> {
    match text.parse() {
        Ok(threads) if threads <= THREADS_MAX => Ok(threads),
        _ => Err(format!(
            "expected a number up to {THREADS_MAX}; 0 takes one per core"
        )),
    }
}

pub(crate) fn parameter(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// Runs the application and prints its summary.
pub(crate) fn run(arguments: &Arguments, json: bool) -> Outcome {
    // Where no thread is to be had, the first decision takes longer.
    drop(std::thread::Builder::new().spawn(policy::prepare));
    match (&arguments.application, &arguments.replay) {
        (_, Some(receipt)) => replay(arguments, receipt, json),
        (Some(path), None) => run_file(arguments, path, json),
        (None, None) => Err(Error::internal("no application").into()),
    }
}

fn run_file(arguments: &Arguments, path: &Path, json: bool) -> Outcome {
    let doing = || format!("run `{}`", path.display());
    let run_id = arguments.run_id.clone().unwrap_or_else(new_id);
    let mut application = application(path, &arguments.parameters, &run_id).with_context(doing)?;
    arguments
        .limits
        .apply(&mut application.limits)
        .with_context(doing)?;
    let output = application.output.uri.to_string();
    let name = application.name.clone();
    let of = (run_id.as_str(), name.as_str());
    let (done, hash) = execute(arguments, of, doing, async |options| {
        run::execute(application, options).await
    })?;
    if json {
        return summary::print_json(&done, &output, hash);
    }
    if !arguments.quiet {
        report::print_logs(&done.logs);
    }
    summary::print(&done, &output, hash)
}

/// Does a run again.
fn replay(arguments: &Arguments, receipt: &str, json: bool) -> Outcome {
    let doing = || format!("replay `{receipt}`");
    let receipt = whence::receipt(receipt).with_context(doing)?;
    let (run_id, name) = (receipt.run.clone(), receipt.application.clone());
    let (done, hash) = execute(arguments, (&run_id, &name), doing, async |options| {
        let limits = |limits: &mut Limits| arguments.limits.apply(limits);
        run::replay(receipt, options, limits).await
    })?;
    if json {
        return summary::print_replay_json(&done, hash);
    }
    summary::print_replay(&done, hash)
}

/// Executes something as the arguments say, and writes what was asked for beside it: an audit, whose last hash is
/// returned, and a profile.
fn execute<T>(
    arguments: &Arguments,
    (run_id, name): (&str, &str),
    doing: impl Fn() -> String,
    work: impl AsyncFnOnce(Options) -> Result<T>,
) -> Outcome<(T, Option<String>)> {
    let audit = arguments.audit.as_deref();
    let audit = audit.map(|path| Audited::open(path, run_id, name));
    let audit = audit.transpose().with_context(&doing)?;
    let watched = Arc::new(Progress::default());
    let profile = Profile::new(name, SystemTime::now());
    let profile = arguments.profile.as_ref().map(|_| Arc::new(profile));
    let given = (run_id.to_owned(), profile.clone(), audit.as_ref());
    let done = execute_watched(arguments, given, Arc::clone(&watched), work);
    let hash = audit.as_ref().map(Audited::close).transpose();
    let profiled = write_profile(profile.as_deref(), arguments.profile.as_deref());
    // A failed run is what its profile was wanted for: its error comes first.
    let done = done.and_then(|done| profiled.map(|()| done));
    match done.and_then(|done| Ok((done, hash?))) {
        Ok(done) => Ok(done),
        // What a transform said last often tells why it failed, so it is not quiet about that.
        Err(error) => Err(Failure::Error(error.context(doing()), watched.take_logs())),
    }
}

/// Writes what was sampled, if anything was to be.
fn write_profile(profile: Option<&Profile>, path: Option<&Path>) -> Result<()> {
    match (profile, path) {
        (Some(profile), Some(path)) => place::write(path, &profile.to_json()?),
        _ => Ok(()),
    }
}

/// The application of the file, with the parameters of the command line.
pub(crate) fn application(
    path: &Path,
    parameters: &[(String, String)],
    run_id: &str,
) -> Result<Application> {
    resolve(&read(path)?, path, parameters, run_id)
}

/// The application file at a path.
pub(crate) fn read(path: &Path) -> Result<ApplicationFile> {
    ApplicationFile::parse(&place::read_text(path)?, &path.to_string_lossy())
}

/// What the file at a path becomes with the parameters of the command line.
pub(crate) fn resolve(
    file: &ApplicationFile,
    path: &Path,
    parameters: &[(String, String)],
    run_id: &str,
) -> Result<Application> {
    let mut given = BTreeMap::new();
    for (name, value) in parameters {
        if given.insert(name.clone(), value.clone()).is_some() {
            return Err(Error::input(format!("parameter `{name}` is given twice")));
        }
    }
    file.resolve(&folder_of(path)?, &given, &built_in(run_id))
}

/// The absolute folder of the application file, which its relative paths start from.
fn folder_of(path: &Path) -> Result<String> {
    let absolute = std::path::absolute(path)
        .map_err(|cause| Error::storage(cause.to_string()).context("find the working folder"))?;
    let folder = absolute.parent().unwrap_or(&absolute);
    let text = folder
        .to_str()
        .ok_or_else(|| Error::input(format!("the folder `{}` is not UTF-8", folder.display())))?;
    Ok(text.to_owned())
}

/// What `${run.id}` and its like stand for.
fn built_in(run_id: &str) -> BTreeMap<String, String> {
    let now = Utc::now();
    BTreeMap::from([
        ("run.id".to_owned(), run_id.to_owned()),
        ("run.date".to_owned(), now.date_naive().to_string()),
        (
            "run.time".to_owned(),
            now.to_rfc3339_opts(SecondsFormat::Secs, true),
        ),
    ])
}

fn execute_watched<T>(
    arguments: &Arguments,
    (run_id, profile, audit): (String, Option<Arc<Profile>>, Option<&Audited>),
    watched: Arc<Progress>,
    work: impl AsyncFnOnce(Options) -> Result<T>,
) -> Result<T> {
    let mut sandbox = place::sandbox()?;
    if arguments.no_cache {
        sandbox.cache = None;
    }
    let keeper = arguments.keep_failing.as_deref().map(Folder::open);
    let keeper = keeper.transpose()?;
    let runtime = runtime(arguments.threads)?;
    let policies = follow(&arguments.policies, &runtime, Arc::clone(&watched))?;
    let options = Options {
        run_id,
        submitter: submitter(),
        compartment: arguments.compartment.clone(),
        policies,
        commands: true,
        audit: audit.map_or_else(|| Arc::new(Unaudited) as Arc<dyn Audit>, Audited::log),
        environment: place::environment(),
        sandbox,
        started: SystemTime::now(),
        threads: arguments.threads,
        unless_committed: false,
        explain: arguments.explain,
        profile,
        keeper: keeper.map(|folder| Arc::new(folder) as Arc<dyn Keeper>),
        stand_in: None,
        progress: Arc::clone(&watched),
    };
    runtime.spawn(interrupt::watch(Arc::clone(&watched)));
    if !arguments.quiet {
        runtime.spawn(progress::draw(watched));
    }
    let done = runtime.block_on(work(options));
    // Drops the watchers, and does not wait for storage that does not answer.
    runtime.shutdown_background();
    done
}

/// Who started the command, as far as the environment says; policies that must not rely on that name no submitter.
pub(crate) fn submitter() -> String {
    let name = place::environment().remove("USER").unwrap_or_default();
    Principal::user(&name).map(|_| name).unwrap_or_default()
}

/// A runtime for what waits; zero threads takes one per core.
pub(crate) fn runtime(threads: usize) -> Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if threads > 0 {
        builder.worker_threads(threads);
    }
    builder
        .enable_all()
        .build()
        .map_err(|cause| Error::internal(cause.to_string()).context("start the threads"))
}
