//! The way of a run from its application to its commit.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch::Receiver;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::authority::{guard, policies, told};
use super::held::Held;
use super::summary::Summary;
use super::{Options, threads};
use crate::engine::{Checked, Checks, Clean, Engine, Planned, Sink, WrittenFile};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::limits::CompileLimits;
use crate::network::Budget;
use crate::policy::{Guard, Policies};
use crate::sandbox::{Level, PROFILE_TICK, Sandbox};
use crate::schedule::Lanes;
use crate::spec::Application;
use crate::storage::{Beginning, Intent, Meter, SideObjects, Staging, Stores, check_overlap};

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
    /// What is left of the requests that transforms may send.
    pub(super) budget: Arc<Budget>,
    pub(super) meter: Arc<Meter>,
    /// Whether the run has failed, so that guests which still run stop at their next tick.
    pub(super) stop: Arc<AtomicBool>,
    pub(super) started: Instant,
}

/// What the partitions of a run wrote.
pub(super) struct Written {
    pub(super) files: Vec<WrittenFile>,
    /// The bad rows, if there are some.
    pub(super) quarantine: Option<WrittenFile>,
    /// What the rules on the output found, if there are any.
    pub(super) scorecard: Option<WrittenFile>,
    pub(super) checks: Vec<Checked>,
    pub(super) plan: Planned,
}

impl Execution {
    pub(super) fn new(application: Application, options: Options) -> Result<Self> {
        let meter = Arc::new(Meter::default());
        let guard = guard(&application, &options)?;
        let environment = options.environment.clone();
        let stop: Arc<AtomicBool> = Arc::default();
        let is_over = cancelled(&options, &stop);
        Ok(Self {
            engine: Engine::new(&application.limits, threads(options.threads))?,
            sandbox: sandbox(&options, &application.limits.compile)?,
            stores: Stores::new(environment, Arc::clone(&meter), guard.clone()),
            guard,
            changes: Mutex::new(options.policies.clone()),
            held: Arc::default(),
            side: Arc::new(SideObjects::new(application.limits.objects)),
            written: Arc::default(),
            budget: Arc::new(Budget::new(application.limits.http.clone(), is_over)),
            stop,
            started: Instant::now(),
            application,
            options,
            meter,
        })
    }

    /// Everything that can fail for a reason known beforehand fails before the first row is read; and
    /// whatever fails leaves nothing behind.
    pub(super) async fn run(self) -> Result<Summary> {
        let (guard, side) = (self.guard.clone(), Arc::clone(&self.side));
        let logs = self.options.progress.logs().clone();
        match Box::pin(self.run_to_end()).await {
            Ok(summary) => Ok(summary),
            Err(error) => {
                let _ = timeout(give_up_time(&error), side.abort()).await;
                // What a transform was denied is most likely why the run failed, whatever the transform made of it.
                let denials = guard.take_denials().into_iter();
                let error = denials.fold(error, |error, denial| told(error, &denial));
                Err(logs.clean_error(error))
            }
        }
    }

    async fn run_to_end(self) -> Result<Summary> {
        check_overlap(&self.application.inputs, &self.application.output)?;
        let prepared = self.within_limits(self.prepare()).await;
        self.stop.store(prepared.is_err(), Ordering::Relaxed);
        let (plan, checks, beginning) = prepared?;
        let staging = match beginning {
            Beginning::Ready(staging) => Arc::from(staging),
            Beginning::Committed(past) => return Ok(self.nothing_done(&plan, Some(past.version))),
            Beginning::Ignored => return Ok(self.nothing_done(&plan, None)),
        };
        // What was read to plan the run, such as schemas and plugins, is not part of its work.
        self.meter.read.store(0, Ordering::Relaxed);
        let outcome = self.write(plan, checks, Arc::clone(&staging)).await;
        let written = match outcome {
            Ok(written) => written,
            Err(error) => {
                // The first failure is the one to report; what could not be given up is hidden anyway.
                let _ = timeout(give_up_time(&error), staging.abort()).await;
                return Err(error);
            }
        };
        self.commit(staging, written).await
    }

    /// A plan that is ready to execute, and a place that is ready for its files.
    async fn prepare(&self) -> Result<(Planned, Option<Checks>, Beginning)> {
        let logical = self.plan().await?;
        let plan = self.engine.plan(&logical).await.context("plan the run")?;
        let checks = self.checks(&plan).await?;
        let output = &self.application.output;
        let preparing = || format!("prepare the output `{}`", output.uri);
        let place = self
            .stores
            .open_output(&output.uri)
            .with_context(preparing)?;
        self.may_write(&place).with_context(preparing)?;
        let intent = Intent {
            run: self.options.run_id.clone(),
            mode: output.mode,
            keep_versions: output.keep_versions,
            time: self.application.limits.wall_time,
        };
        let beginning = Staging::begin(&place, intent).await;
        Ok((plan, checks, beginning.with_context(preparing)?))
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
        });
        let quarantine = self.engine.quarantine();
        quarantine.begin(Arc::clone(&sink), self.clean()).await;
        let lanes = Lanes::new(plan.partitions())?;
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
        if files.is_empty() {
            files = sink.write_empty().await?;
        }
        let (checks, scorecard) = self.conclude(&sink).await?;
        Ok(Written {
            files,
            quarantine: quarantine.end().await?,
            scorecard,
            checks,
            plan,
        })
    }

    /// What hides the run's secrets in what its transforms say.
    fn clean(&self) -> Clean {
        let progress = Arc::clone(&self.options.progress);
        Arc::new(move |text| progress.logs().clean(text).into_owned())
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
