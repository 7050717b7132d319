//! The way of a run from its application to its commit.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch::Receiver;
use tokio::task::JoinSet;

use super::access::{self, Reach, Vault};
use super::authority::{guard, policies, told};
use super::contract::scorecard_file;
use super::held::Held;
use super::masks::{Folders, Masks};
use super::open::{files_of, with_schema};
use super::summary::{BadRowsSummary, FileSummary, StepSummary, Summary};
use super::{Options, plugin_bytes, threads};
use crate::engine::{
    Checked, Checks, Clean, Engine, LogicalPlan, Planned, Quarantine, Sink, Watch, WrittenFile,
};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::limits::CompileLimits;
use crate::network::Budget;
use crate::policy::{Context, Guard, Policies, Resource, act};
use crate::sandbox::{Level, PROFILE_TICK, Sandbox};
use crate::schedule::Lanes;
use crate::spec::{Application, SchemaColumn, Source};
use crate::storage::{
    Beginning, Committed, FinishedFile, Intent, Meter, Place, SideObjects, Staging, Stores,
    canonical, check_overlap,
};

/// How often a run looks at its clock and its cancel switch, and tells how far it is.
const BEAT: Duration = Duration::from_millis(50);

/// A run.
pub(super) struct Execution {
    pub(super) application: Application,
    pub(super) options: Options,
    pub(super) engine: Engine,
    sandbox: Sandbox,
    pub(super) guard: Guard,
    /// Policies that may come to decide in place of those that do.
    changes: Mutex<Option<Receiver<Policies>>>,
    pub(super) held: Arc<Held>,
    pub(super) stores: Stores,
    /// What transforms write beside the output.
    side: Arc<SideObjects>,
    /// Bytes of the output and of what transforms write beside it.
    written: Arc<AtomicU64>,
    /// What is left of the requests that transforms may send.
    budget: Arc<Budget>,
    meter: Arc<Meter>,
    /// Whether the run has failed, so that guests which still run stop at their next tick.
    stop: Arc<AtomicBool>,
    started: Instant,
}

/// What the partitions of a run wrote.
struct Written {
    files: Vec<WrittenFile>,
    /// The bad rows, if there are some.
    quarantine: Option<WrittenFile>,
    /// What the rules on the output found, if there are any.
    scorecard: Option<WrittenFile>,
    checks: Vec<Checked>,
    plan: Planned,
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
                side.abort().await;
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
                drop(staging.abort().await);
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

    /// Asks for what the commit will do, so that it is not refused after all the work.
    fn may_write(&self, place: &Place) -> Result<()> {
        let output = &self.application.output;
        let named = |name: String| {
            let key = place.key(&name).unwrap_or_default();
            let uri = canonical(&place.uri, &self.options.environment);
            Resource::object(&uri, &place.full(&key))
        };
        let part = format!(
            "part-00000-000-{}{}",
            self.options.run_id,
            output.format.extension()
        );
        self.guard
            .grant::<act::ObjectCreate>(named(part)?, Context::default())?;
        let run = &self.options.run_id;
        let bad = self.application.keeps_bad_rows();
        let bad = bad.then(|| Quarantine::file(run));
        let checks = !self.application.output.rules.list().is_empty();
        let checks = checks.then(|| scorecard_file(run));
        for beside in bad.into_iter().chain(checks) {
            self.guard
                .grant::<act::ObjectCreate>(named(beside)?, Context::default())?;
        }
        if !output.mode.takes_existing() {
            return Ok(());
        }
        let marker = named("_SUCCESS".to_owned())?;
        let context = Context::default;
        self.guard
            .grant::<act::ObjectOverwrite>(marker.clone(), context())?;
        if output.mode.replaces() {
            self.guard.grant::<act::ObjectDelete>(marker, context())?;
        }
        Ok(())
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

    /// The plan of the application: its inputs, and its steps on top of them.
    async fn plan(&self) -> Result<LogicalPlan> {
        let (inputs, vault) = self.inputs().await?;
        let mut steps: Vec<LogicalPlan> = Vec::new();
        for step in &self.application.steps {
            let below = source(&inputs, &steps, step.from)?;
            let component = plugin_bytes(&self.stores, &step.plugin, &step.name).await?;
            let sandbox = self.sandbox.clone();
            let cancelled = self.cancelled();
            let offers = access::offers(&step.access);
            let load = move || sandbox.load_unless(&component, offers, &*cancelled);
            let plugin = tokio::task::spawn_blocking(load)
                .await
                .map_err(|error| Error::internal("compile a plugin").source(error))?
                .with_context(|| {
                    format!("load the plugin `{}` of step `{}`", step.plugin, step.name)
                })?;
            let profile = self.options.profile.as_ref();
            let logs = self.options.progress.logs().of(&step.name);
            let reach = Reach {
                guard: &self.guard,
                held: &self.held,
                stores: &self.stores,
                side: &self.side,
                vault: &vault,
                written: &self.written,
                bytes_max: self.application.limits.output_bytes,
                has_policies: self.options.policies.is_some(),
                budget: &self.budget,
                stand_in: self.options.stand_in.as_ref(),
            };
            let log_bytes = self.application.limits.guest.log_bytes;
            let said = self.options.progress.logs();
            let watch = Watch {
                access: access::access(step, &reach, &logs).await?,
                logs: said.asking(&step.name, &self.guard, log_bytes),
                cancel: self.cancelled(),
                profile: profile.map(|profile| profile.step(&step.name)),
            };
            steps.push(self.engine.transform(step, plugin, watch, below).await?);
        }
        source(&inputs, &steps, self.application.output.from)
    }

    /// The inputs as the run may see them, and its secrets.
    async fn inputs(&self) -> Result<(Vec<LogicalPlan>, Arc<Vault>)> {
        let (application, guard) = (&self.application, &self.guard);
        let mut opened = Vec::new();
        let mut bytes = 0;
        for (index, input) in application.inputs.iter().enumerate() {
            let mut files = files_of(&self.stores, &input.name, &input.uri).await?;
            bytes += files.objects.iter().map(|object| object.size).sum::<u64>();
            let folders = Folders::of(&files, &self.options.environment)?;
            files.discreet = !folders.masked(guard)?.is_empty();
            let discreet = guard.snapshot().denies_columns();
            let input = with_schema(&self.stores, input.clone(), discreet).await?;
            let input = self.engine.open(index, &input, &files).await?;
            let columns = input.columns();
            let masks = Masks::decide(guard, &folders, &columns)?;
            let (asking, before) = (guard.clone(), masks.clone());
            let again = move || before.still(&Masks::decide(&asking, &folders, &columns)?);
            self.held.keep(again);
            opened.push((input, masks));
        }
        let total = &self.options.progress.bytes_total;
        total.store(bytes, Ordering::Relaxed);
        let hashing = opened
            .iter()
            .flat_map(|(_, masks)| masks.secrets())
            .collect();
        let vault = Vault::open(application, &self.options, guard, &hashing).await?;
        let masked = opened
            .into_iter()
            .map(|(input, masks)| {
                input.scan(&masks.ready(application, guard, &self.held, &vault)?)
            })
            .collect::<Result<Vec<_>>>()?;
        self.compare_inputs(&masked).await?;
        Ok((masked, Arc::new(vault)))
    }

    /// Whether guests and compilers of this run are to stop.
    fn cancelled(&self) -> Arc<dyn Fn() -> bool + Send + Sync> {
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

    fn check_limits(&self) -> Result<()> {
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
    fn follow(&self) -> Result<()> {
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

    async fn commit(self, staging: Arc<Staging>, written: Written) -> Result<Summary> {
        let rows_out = written.files.iter().map(|file| file.rows).sum();
        let mut files = Vec::with_capacity(written.files.len());
        let mut finished = Vec::with_capacity(written.files.len());
        for WrittenFile { mut file, rows } in written.files {
            files.push(FileSummary {
                path: file.path.clone(),
                rows,
                bytes: file.bytes,
            });
            file.rows = Some(rows);
            finished.push(file);
        }
        let quarantine = written.quarantine.as_ref();
        let quarantine = quarantine.map(|written| written.file.path.clone());
        for WrittenFile { mut file, rows } in
            written.quarantine.into_iter().chain(written.scorecard)
        {
            file.rows = Some(rows);
            finished.push(file);
        }
        let staging = Arc::into_inner(staging)
            .ok_or_else(|| Error::internal("a partition outlived its run"))?;
        if let Err(error) = self.follow() {
            drop(staging.abort().await);
            return Err(error);
        }
        let schema = written.plan.schema();
        let schema = schema
            .fields()
            .iter()
            .map(|field| SchemaColumn::from(&**field));
        let committed = self.publish(staging, finished, schema.collect()).await?;
        Ok(Summary {
            version: Some(committed.version.version),
            quarantine,
            checks: written.checks,
            ..self.summary(files, rows_out, &written.plan)
        })
    }

    /// What is told where the output has all that the run would write, or is to stay as it is.
    fn nothing_done(&self, plan: &Planned, version: Option<u64>) -> Summary {
        Summary {
            version,
            skipped: true,
            ..self.summary(Vec::new(), 0, plan)
        }
    }

    /// What transforms wrote beside the output appears first, since it can be taken back; what they deleted goes last.
    async fn publish(
        &self,
        staging: Staging,
        files: Vec<FinishedFile>,
        schema: Vec<SchemaColumn>,
    ) -> Result<Committed> {
        // A transform may have gone on after a decision could not be kept.
        let published = async {
            self.options.audit.check()?;
            self.side.publish().await
        };
        if let Err(error) = published.await {
            drop(staging.abort().await);
            return Err(error);
        }
        let committed = staging
            .commit(files, schema)
            .await
            .with_context(|| format!("commit the output `{}`", self.application.output.uri))?;
        self.side.settle().await?;
        Ok(committed)
    }

    fn summary(&self, files: Vec<FileSummary>, rows_out: u64, plan: &Planned) -> Summary {
        let mut steps: Vec<StepSummary> = plan.steps().into_iter().map(StepSummary::from).collect();
        let logs = self.options.progress.logs();
        for row in steps.iter_mut().flat_map(|step| &mut step.rejected) {
            row.reason = logs.clean(&row.reason).into_owned();
        }
        Summary {
            run_id: self.options.run_id.clone(),
            application: self.application.name.clone(),
            version: None,
            skipped: false,
            rows_in: plan.rows_read(),
            rows_out,
            rows_rejected: steps.iter().map(|step| step.rows_rejected).sum(),
            rows_failed: steps.iter().map(|step| step.rows_failed).sum(),
            bad_rows: self.bad_rows(),
            quarantine: None,
            bytes_read: self.meter.read.load(Ordering::Relaxed),
            bytes_written: self.meter.written.load(Ordering::Relaxed),
            seconds: self.started.elapsed().as_secs_f64(),
            peak_memory: self.engine.peak_memory(),
            steps,
            files,
            checks: Vec::new(),
            logs: self.options.progress.take_logs(),
            explain: self.options.explain.then(|| plan.explain()),
        }
    }
}

impl Execution {
    /// What was left out, by inputs and steps that say what becomes of bad rows.
    fn bad_rows(&self) -> Vec<BadRowsSummary> {
        let figures = self.engine.quarantine().figures().into_iter();
        figures.map(BadRowsSummary::from).collect()
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

/// Whether what a run with these `options` began is to stop.
fn cancelled(options: &Options, stop: &Arc<AtomicBool>) -> Arc<dyn Fn() -> bool + Send + Sync> {
    let progress = Arc::clone(&options.progress);
    let stop = Arc::clone(stop);
    Arc::new(move || stop.load(Ordering::Relaxed) || progress.is_cancelled())
}

fn source(inputs: &[LogicalPlan], steps: &[LogicalPlan], from: Source) -> Result<LogicalPlan> {
    let found = match from {
        Source::Input(index) => inputs.get(index),
        Source::Step(index) => steps.get(index),
    };
    found
        .cloned()
        .ok_or_else(|| Error::internal("an application reads from a source that it does not have"))
}
