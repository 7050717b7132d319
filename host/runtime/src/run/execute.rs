//! The way of a run from its application to its commit.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch::Receiver;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::accessed::Accessed;
use super::authority::{guard, policies, told};
use super::held::Held;
use super::incremental::Increment;
use super::receipt::Receipt;
use super::record::Noted;
use super::replay::Notes;
use super::summary::Summary;
use super::{Options, threads};
use crate::engine::{Checked, Checks, Clean, Engine, Keeping, Planned, Sink, WrittenFile};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::limits::CompileLimits;
use crate::network::Budget;
use crate::policy::{Audit, Guard, Policies};
use crate::sandbox::{Level, PROFILE_TICK, Sandbox};
use crate::schedule::Lanes;
use crate::spec::{Application, Mode};
use crate::storage::{
    Beginning, FinishedFile, Intent, Meter, Place, Retries, SideObjects, Staging, Stores,
    check_overlap,
};

/// How often a run looks at its clock and its cancel switch, and tells how far it is.
const BEAT: Duration = Duration::from_millis(50);

/// The longest that a run which failed takes to give up what it began: a server may never answer. What is left is hidden,
/// and removed when its time is over.
const GIVE_UP_TIME: Duration = Duration::from_secs(30);

/// The same for a run that somebody wants to end.
const CANCEL_TIME: Duration = Duration::from_millis(1500);

/// A run.
pub(super) struct Execution {
    pub(super) application: Application,
    pub(super) options: Options,
    pub(super) engine: Engine,
    pub(super) sandbox: Sandbox,
    pub(super) guard: Guard,
    /// Policies that may come to decide in place of those that do.
    pub(super) changes: Mutex<Option<Receiver<Policies>>>,
    pub(super) held: Arc<Held>,
    pub(super) stores: Stores,
    /// What transforms write beside the output.
    pub(super) side: Arc<SideObjects>,
    /// Bytes of the output and of what transforms write beside it.
    pub(super) written: Arc<AtomicU64>,
    /// What was asked for so far.
    pub(super) accessed: Arc<Accessed>,
    /// What is known of it for its receipt.
    pub(super) noted: Mutex<Noted>,
    /// The run that this one does again, if it does.
    pub(super) replay: Option<Arc<Receipt>>,
    pub(super) notes: Notes,
    /// What is left of the requests that transforms may send.
    pub(super) budget: Arc<Budget>,
    pub(super) meter: Arc<Meter>,
    /// What is done again where storage fails.
    pub(super) retries: Arc<Retries>,
    /// What is kept of what fails, if anything is.
    pub(super) keeping: Option<Arc<Keeping>>,
    /// Whether the run has failed, so that guests which still run stop at their next tick.
    pub(super) stop: Arc<AtomicBool>,
    pub(super) started: Instant,
    /// What is done of it, where the output has the mode `incremental`; once that is known.
    pub(super) increment: OnceLock<Increment>,
}

/// A run that is ready to execute, or that has nothing to do.
pub(super) enum Prepared {
    Ready {
        plan: Planned,
        checks: Option<Checks>,
        staging: Arc<Staging>,
    },
    Nothing(Box<Summary>),
}

impl Prepared {
    pub(super) fn nothing(summary: Summary) -> Self {
        Self::Nothing(Box::new(summary))
    }
}

/// What the partitions of a run wrote.
pub(super) struct Written {
    pub(super) files: Vec<WrittenFile>,
    /// The bad rows, if there are some.
    pub(super) quarantine: Option<WrittenFile>,
    /// What the rules on the output found, if there are any.
    pub(super) scorecard: Option<WrittenFile>,
    pub(super) checks: Vec<Checked>,
    /// What the next run goes on from, where the output has the mode `incremental`.
    pub(super) bookmark: Option<FinishedFile>,
    pub(super) plan: Planned,
    /// As far as it was known before the first row was read.
    pub(super) receipt: Receipt,
}

/// What came of the wish to run.
pub(super) enum Work {
    /// All rows are written, and not visible yet.
    Done(Arc<Staging>, Box<Written>),
    /// The output has all of it, or is to stay as it is.
    Nothing(Box<Summary>),
}

impl Execution {
    pub(super) fn new(application: Application, mut options: Options) -> Result<Self> {
        let meter = Arc::new(Meter::default());
        let accessed = Arc::new(Accessed::new(options.audit));
        options.audit = Arc::clone(&accessed) as Arc<dyn Audit>;
        let guard = guard(&application, &options)?;
        let environment = options.environment.clone();
        let stop: Arc<AtomicBool> = Arc::default();
        let is_over = cancelled(&options, &stop);
        let retries = retries(&application, &options);
        let engine = Engine::new(&application.limits, threads(options.threads))?;
        Ok(Self {
            engine: engine.retrying(Arc::clone(&retries)),
            retries,
            sandbox: sandbox(&options, &application.limits.compile)?,
            stores: Stores::new(environment, Arc::clone(&meter), guard.clone()),
            guard,
            changes: Mutex::new(options.policies.clone()),
            held: Arc::default(),
            side: Arc::new(SideObjects::new(application.limits.objects)),
            written: Arc::default(),
            accessed,
            noted: Mutex::default(),
            replay: None,
            notes: Notes::default(),
            budget: Arc::new(Budget::new(application.limits.http.clone(), is_over)),
            stop,
            started: Instant::now(),
            increment: OnceLock::new(),
            keeping: keeping(&application, &options),
            application,
            options,
            meter,
        })
    }

    /// Everything that can fail for a reason known beforehand fails before the first row is read; and
    /// whatever fails leaves nothing behind.
    pub(super) async fn run(self) -> Result<Summary> {
        self.told(async |run| match Box::pin(run.work()).await? {
            Work::Done(staging, written) => Box::pin(run.commit(staging, *written)).await,
            Work::Nothing(summary) => Ok(*summary),
        })
        .await
    }

    /// Does something, and says of a failure what else is known of it.
    pub(super) async fn told<T>(self, work: impl AsyncFnOnce(Self) -> Result<T>) -> Result<T> {
        let (guard, side) = (self.guard.clone(), Arc::clone(&self.side));
        let logs = self.options.progress.logs().clone();
        match Box::pin(work(self)).await {
            Ok(done) => Ok(done),
            Err(error) => {
                let _ = timeout(give_up_time(&error), side.abort()).await;
                // What a transform was denied is most likely why the run failed, whatever the transform made of it.
                let denials = guard.take_denials().into_iter();
                let error = denials.fold(error, |error, denial| told(error, &denial));
                Err(logs.clean_error(error))
            }
        }
    }

    /// Everything but the commit.
    pub(super) async fn work(&self) -> Result<Work> {
        check_overlap(&self.application.inputs, &self.application.output)?;
        let prepared = self.within_limits(self.prepare()).await;
        self.stop.store(prepared.is_err(), Ordering::Relaxed);
        let (plan, checks, staging) = match prepared? {
            Prepared::Nothing(summary) => return Ok(Work::Nothing(summary)),
            Prepared::Ready {
                plan,
                checks,
                staging,
            } => (plan, checks, staging),
        };
        // What was read to plan the run, such as schemas and plugins, is not part of its work.
        self.meter.read.store(0, Ordering::Relaxed);
        match self.write(plan, checks, Arc::clone(&staging)).await {
            Ok(written) => Ok(Work::Done(staging, Box::new(written))),
            Err(error) => {
                // The first failure is the one to report; what could not be given up is hidden anyway.
                let _ = timeout(give_up_time(&error), staging.abort()).await;
                Err(error)
            }
        }
    }

    /// A plan that is ready to execute, and a place that is ready for its files.
    async fn prepare(&self) -> Result<Prepared> {
        if self.application.output.mode == Mode::Incremental {
            return Box::pin(self.prepare_increment()).await;
        }
        if let Some(done) = self.done_before().await? {
            return Ok(done);
        }
        let (logical, _) = self.plan(None).await?;
        let plan = self.engine.plan(&logical).await.context("plan the run")?;
        let checks = self.checks(&plan).await?;
        Ok(match self.begin().await? {
            Beginning::Ready(staging) => Prepared::Ready {
                plan,
                checks,
                staging: Arc::from(staging),
            },
            other => Prepared::nothing(self.nothing_done(Some(&plan), &other)),
        })
    }

    /// That a run of this name committed, where that is to be looked for before anything else.
    async fn done_before(&self) -> Result<Option<Prepared>> {
        if !self.options.unless_committed {
            return Ok(None);
        }
        let output = &self.application.output;
        let looking = || format!("look for the run in the output `{}`", output.uri);
        let place = self.stores.open_output(&output.uri).with_context(looking)?;
        let found = Staging::committed(&place, &self.options.run_id).await;
        let found = found.with_context(looking)?;
        Ok(found.map(|found| Prepared::nothing(self.nothing_done(None, &found))))
    }

    /// Opens the output for the run.
    pub(super) async fn begin(&self) -> Result<Beginning> {
        let output = &self.application.output;
        let preparing = || format!("prepare the output `{}`", output.uri);
        let place = self.place().with_context(preparing)?;
        let intent = Intent {
            run: self.options.run_id.clone(),
            mode: output.mode,
            keep_versions: output.keep_versions,
            time: self.application.limits.wall_time,
        };
        let beginning = Staging::begin(&place, intent).await;
        beginning.with_context(preparing)
    }

    /// Where the output goes.
    fn place(&self) -> Result<Place> {
        let uri = &self.application.output.uri;
        if self.replay.is_some() {
            return Ok(self.stores.scratch(uri));
        }
        let place = self.stores.open_output(uri)?;
        self.may_write()?;
        Ok(place)
    }

    /// Does `work` unless the run is cancelled or out of time meanwhile: a server may never answer.
    async fn within_limits<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut beat = tokio::time::interval(BEAT);
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = beat.tick() => self.check_limits()?,
            }
        }
    }

    /// Whether guests and compilers of this run are to stop.
    pub(super) fn cancelled(&self) -> Arc<dyn Fn() -> bool + Send + Sync> {
        cancelled(&self.options, &self.stop)
    }

    /// Executes all partitions side by side into staged files.
    async fn write(
        &self,
        plan: Planned,
        checks: Option<Checks>,
        staging: Arc<Staging>,
    ) -> Result<Written> {
        let rows_out = Arc::new(AtomicU64::new(0));
        let receipt = self.receipt(&plan)?;
        let sink = Arc::new(Sink {
            output: self.application.output.clone(),
            folder: String::new(),
            schema: plan.schema(),
            staging,
            run_id: self.options.run_id.clone(),
            bytes_max: self.application.limits.output_bytes,
            bytes: Arc::clone(&self.written),
            rows: Arc::clone(&rows_out),
            checks,
            provenance: self.provenance(&receipt)?,
            retries: Arc::clone(&self.retries),
        });
        let quarantine = self.engine.quarantine();
        quarantine
            .begin(Arc::clone(&sink), clean(&self.options))
            .await;
        // Without exchanges, no partition waits for another.
        let lanes = Lanes::new(match self.increment.get() {
            Some(_) => plan.partitions().min(self.engine.threads()),
            None => plan.partitions(),
        })?;
        let mut partitions = JoinSet::new();
        for partition in 0..plan.partitions() {
            let stream = plan.execute(partition)?;
            let sink = Arc::clone(&sink);
            let written = lanes.drive(async move { sink.write(partition, stream).await });
            partitions.spawn(async move { (partition, written.await) });
        }
        let done = self.supervise(partitions, &plan, &rows_out).await;
        self.stop.store(done.is_err(), Ordering::Relaxed);
        lanes.end().await;
        let mut done = done?;
        done.sort_by_key(|(partition, _)| *partition);
        let mut files: Vec<_> = done.into_iter().flat_map(|(_, files)| files).collect();
        if files.is_empty() && !self.keeps_files() {
            files = sink.write_empty().await?;
        }
        let (checks, scorecard) = self.conclude(&sink).await?;
        let bookmark = self.write_bookmark(&sink.staging, &files).await?;
        Ok(Written {
            bookmark,
            files,
            quarantine: quarantine.end().await?,
            scorecard,
            checks,
            plan,
            receipt,
        })
    }

    /// Waits for the partitions, within the limits of the run.
    async fn supervise(
        &self,
        mut partitions: JoinSet<(usize, Result<Vec<WrittenFile>>)>,
        plan: &Planned,
        rows_out: &AtomicU64,
    ) -> Result<Vec<(usize, Vec<WrittenFile>)>> {
        let mut done = Vec::new();
        let mut beat = tokio::time::interval(BEAT);
        let outcome = loop {
            tokio::select! {
                next = partitions.join_next() => match next {
                    None => break Ok(done),
                    Some(Ok((partition, Ok(files)))) => done.push((partition, files)),
                    Some(Ok((_, Err(error)))) => break Err(error),
                    Some(Err(error)) => {
                        break Err(Error::internal("a partition's task failed").source(error));
                    }
                },
                _ = beat.tick() => if let Err(error) = self.beat(plan, rows_out) {
                    break Err(error);
                },
            }
        };
        if outcome.is_err() {
            partitions.shutdown().await;
        }
        self.tell(plan, rows_out);
        outcome
    }

    fn beat(&self, plan: &Planned, rows_out: &AtomicU64) -> Result<()> {
        self.tell(plan, rows_out);
        self.check_limits()
    }

    pub(super) fn check_limits(&self) -> Result<()> {
        self.follow()?;
        if self.options.progress.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "the run was cancelled"));
        }
        let limit = self.application.limits.wall_time;
        if self.started.elapsed() <= limit {
            return Ok(());
        }
        Err(Error::limit_key("wall_time", format!("{limit:?}")))
    }

    /// Has those policies decide that there are by now, also about what was decided for the whole run.
    pub(super) fn follow(&self) -> Result<()> {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(changes) = changes.as_mut() else {
            return Ok(());
        };
        // Whoever sent them may be gone, and what was sent last goes on to decide.
        if !changes.has_changed().unwrap_or_default() {
            return Ok(());
        }
        let given = changes.borrow_and_update().clone();
        let bounded = policies(&self.application, &self.options, Some(&given))?;
        self.guard.replace(&bounded)?;
        let still = self.held.again();
        still.context("the policies have changed since the run began")
    }

    fn tell(&self, plan: &Planned, rows_out: &AtomicU64) {
        let progress = &self.options.progress;
        let read = self.meter.read.load(Ordering::Relaxed);
        progress.bytes_read.store(read, Ordering::Relaxed);
        progress.rows_in.store(plan.rows_read(), Ordering::Relaxed);
        progress
            .rows_out
            .store(rows_out.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// A sandbox with a cache, or without where the cache cannot be used: a run must not fail for it.
pub(super) fn sandbox(options: &Options, limits: &CompileLimits) -> Result<Sandbox> {
    let mut config = options.sandbox.clone();
    config.compile_limits = limits.clone();
    if options.profile.is_some() {
        config.tick = PROFILE_TICK;
    }
    match Sandbox::new(config.clone()) {
        Err(error) if error.kind() == ErrorKind::Storage => {
            let message = format!("compiled plugins are not kept: {error}");
            options
                .progress
                .logs()
                .of("cache")
                .log(Level::Warn, &message);
            config.cache = None;
            Sandbox::new(config)
        }
        outcome => outcome,
    }
}

/// What hides the run's secrets in what its transforms say.
fn clean(options: &Options) -> Clean {
    let progress = Arc::clone(&options.progress);
    Arc::new(move |text| progress.logs().clean(text).into_owned())
}

fn retries(application: &Application, options: &Options) -> Arc<Retries> {
    let progress = Arc::clone(&options.progress);
    let tell = move |message: &str| {
        progress.retries.fetch_add(1, Ordering::Relaxed);
        progress.warn("storage", message);
    };
    Retries::new(&application.limits, &options.run_id, tell)
}

fn keeping(application: &Application, options: &Options) -> Option<Arc<Keeping>> {
    let keeper = Arc::clone(options.keeper.as_ref()?);
    let names = (options.run_id.as_str(), application.name.as_str());
    let keeping = Keeping::new(keeper, names, &application.limits, clean(options));
    Some(Arc::new(keeping))
}

fn give_up_time(error: &Error) -> Duration {
    match error.kind() {
        ErrorKind::Cancelled => CANCEL_TIME,
        _ => GIVE_UP_TIME,
    }
}

/// Whether what a run with these `options` began is to stop.
fn cancelled(options: &Options, stop: &Arc<AtomicBool>) -> Arc<dyn Fn() -> bool + Send + Sync> {
    let progress = Arc::clone(&options.progress);
    let stop = Arc::clone(stop);
    Arc::new(move || stop.load(Ordering::Relaxed) || progress.is_cancelled())
}
