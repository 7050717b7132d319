//! Instances of a plugin, and the calls into them.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::Schema;
use tokio::runtime::Handle;
use wasmtime::component::{self, ComponentNamedList, InstancePre, Lift, Lower, TypedFunc};
use wasmtime::{Store, UpdateDeadline, WasmBacktrace};

use super::access::Access;
use super::contract::{self, Fault};
use super::fault;
use super::http::Web;
use super::logs::{Level, LogSink, Logs, SharedLogs};
use super::memory::{MemoryBudget, MemoryMeter};
use super::objects::Open;
use super::plan::{BoundPlan, Plan};
use super::plugin::{Exports, misfit};
use super::profile::StepProfile;
use super::random::Random;
use super::state::{Call, Phase, State};
use super::wait::wait;
use crate::columns::{self, Selection};
use crate::limits::GuestLimits;
use crate::{Error, Result};

/// Handles of component resources that are alive in one store.
const HANDLES: usize = 1_000;

/// An instance is worn where it uses more than this part of the memory that it may have: memory never
/// shrinks, so one large batch would keep it from others for the rest of the run.
const WORN_PART: u64 = 2;

/// What an instance is held to and who hears of it.
#[derive(Clone)]
pub struct InstanceContext {
    /// What the instance may use.
    pub limits: GuestLimits,
    /// Where its memory is accounted for.
    pub memory: Arc<dyn MemoryBudget>,
    /// Where its messages go.
    pub logs: Arc<dyn LogSink>,
    /// Whether to stop the instance; asked before each call and at every tick of the sandbox.
    pub cancel: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Where it is sampled to, at every tick of the sandbox, if it is.
    pub profile: Option<StepProfile>,
    /// What it can reach beyond its columns.
    pub access: Access,
}

impl InstanceContext {
    /// Holds an instance to `limits` alone: nobody accounts for its memory, hears its messages or stops it.
    #[must_use]
    pub fn new(limits: GuestLimits) -> Self {
        Self {
            limits,
            memory: Arc::new(Nobody),
            logs: Arc::new(Nobody),
            cancel: Arc::new(|| false),
            profile: None,
            access: Access::default(),
        }
    }
}

struct Nobody;

impl MemoryBudget for Nobody {
    fn try_grow(&self, _bytes: usize) -> bool {
        true
    }

    fn shrink(&self, _bytes: usize) {}
}

impl LogSink for Nobody {
    fn log(&self, _level: Level, _message: &str) {}
}

impl fmt::Debug for InstanceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("InstanceContext");
        debug.field("limits", &self.limits).finish_non_exhaustive()
    }
}

type BindParams<'a> = (&'a [contract::Field], &'a str);
type Bind = TypedFunc<BindParams<'static>, (Result<contract::Plan, Fault>,)>;
type Run = TypedFunc<(), (Result<(), Fault>,)>;

/// A plugin with memory of its own that was not told its job yet.
pub struct Instance {
    store: Store<State>,
    bind: Bind,
    process: Run,
    finish: Run,
}

impl Instance {
    pub(super) fn new(
        pre: &InstancePre<State>,
        exports: &Exports,
        waits: bool,
        context: &InstanceContext,
    ) -> Result<Self> {
        let waits = waits.then(|| runtime(context)).transpose()?;
        let mut store = store(pre, waits, context);
        let instance = guarded(&mut store, Phase::Instantiate, |store| {
            instantiate(pre, store)
        })?;
        let misfit = |error| misfit(&error);
        Ok(Self {
            bind: instance
                .get_typed_func(&mut store, exports.bind)
                .map_err(misfit)?,
            process: instance
                .get_typed_func(&mut store, exports.process)
                .map_err(misfit)?,
            finish: instance
                .get_typed_func(&mut store, exports.finish)
                .map_err(misfit)?,
            store,
        })
    }

    /// Tells the transform its input schema and its parameters, a JSON object, and asks for its plan.
    ///
    /// # Errors
    ///
    /// `Guest` where the transform refuses them, `Input` where the schema has a type that cannot enter a
    /// guest, `Trap` where the plan breaks the contract; otherwise as [`Bound::process`].
    pub fn bind(mut self, schema: &Schema, params: &str) -> Result<Bound> {
        let fields = columns::flatten_schema(schema)?.into_iter().map(Into::into);
        let fields: Vec<contract::Field> = fields.collect();
        let bind = self.bind;
        let (plan,) = call(&mut self.store, Phase::Bind, &bind, (&fields, params))?;
        let plan = plan.map_err(|fault| fault.into_error(self.store.data()))?;
        let plan = BoundPlan::new(plan, schema, &self.store.data().limits)
            .map_err(|error| error.context("call `bind`"))?;
        let plan = Arc::new(plan);
        self.store.data_mut().plan = Some(Arc::clone(&plan));
        Ok(Bound {
            store: self.store,
            process: self.process,
            finish: self.finish,
            plan,
        })
    }
}

/// An instance that has a job.
pub struct Bound {
    store: Store<State>,
    process: Run,
    finish: Run,
    plan: Arc<BoundPlan>,
}

impl Bound {
    /// What the transform does with every batch; the same for every instance of a run, or the transform
    /// breaks the contract.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan.plan
    }

    /// Bytes of memory that the instance holds.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.store.data().memory.used()
    }

    /// Whether the instance holds so much that it should be replaced by a new one before the next batch,
    /// which is possible where the plan is stateless.
    #[must_use]
    pub fn is_worn(&self) -> bool {
        self.memory_bytes() as u64 > self.store.data().limits.memory / WORN_PART
    }

    /// Runs the transform over one batch, which has exactly the columns that the plan reads, in order.
    ///
    /// # Errors
    ///
    /// `Guest` where the transform returns a fault, `Trap` where it crashes or breaks the contract,
    /// `Limit` where it reaches a limit, `Cancelled`, and `Internal` where the batch is another one. The
    /// instance is gone then.
    pub fn process(mut self, batch: RecordBatch) -> Result<(Self, Produced)> {
        self.check(&batch)?;
        let process = self.process;
        let produced = run(&mut self.store, Phase::Process, &process, Some(batch))?;
        Ok((self, produced))
    }

    /// Ends the job; a transform that gathers rows emits them now.
    ///
    /// # Errors
    ///
    /// As [`Bound::process`].
    pub fn finish(mut self) -> Result<Produced> {
        let finish = self.finish;
        run(&mut self.store, Phase::Finish, &finish, None)
    }

    /// Guards against a caller's mistake: a guest must never see other columns than it planned for.
    fn check(&self, batch: &RecordBatch) -> Result<()> {
        let types = batch.columns().iter().map(|column| column.data_type());
        let fits = batch.num_columns() == self.plan.reads.len()
            && types.eq(self.plan.reads.iter().map(|field| field.data_type()))
            && u32::try_from(batch.num_rows()).is_ok();
        if fits {
            Ok(())
        } else {
            Err(Error::internal(
                "a batch does not have the columns of the plan",
            ))
        }
    }
}

/// What one call of a transform produced.
#[derive(Debug, Default)]
pub struct Produced {
    /// The batches, in order; none is empty.
    pub batches: Vec<Emitted>,
    /// The rows that were taken out of the run, in the order of rejection; none twice.
    pub rejected: Vec<Rejection>,
    /// Time in the guest, with copying into it and without the functions of the host.
    pub guest_time: Duration,
    /// Time in the functions of the host, which check and copy what is emitted.
    pub host_time: Duration,
}

/// A batch that a transform emitted.
#[derive(Debug)]
pub struct Emitted {
    /// The rows of the current batch that it is made of, for the columns passed through.
    pub selection: Selection,
    /// The computed columns of the plan, in order.
    pub computed: Vec<ArrayRef>,
    /// The number of rows, at least one.
    pub rows: usize,
}

/// A row that a transform took out of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The row, counted in the current batch.
    pub row: usize,
    /// Why.
    pub reason: String,
}

/// Where the guest waits.
fn runtime(context: &InstanceContext) -> Result<Handle> {
    let runtime = context.access.runtime.clone();
    runtime.ok_or_else(|| Error::internal("a guest that may wait was given no runtime"))
}

fn store(
    pre: &InstancePre<State>,
    waits: Option<Handle>,
    context: &InstanceContext,
) -> Store<State> {
    let limits = context.limits.clone();
    let state = State {
        memory: MemoryMeter::new(Arc::clone(&context.memory), limits.memory),
        logs: SharedLogs::new(Logs::new(Arc::clone(&context.logs), &limits)),
        cancel: Arc::clone(&context.cancel),
        profile: context.profile.clone(),
        random: Random::new(context.access.random),
        access: context.access.clone(),
        open: Open::default(),
        plan: None,
        call: Call::new(Phase::Instantiate, Duration::ZERO),
        web: Web::new(context.access.http.clone()),
        waits,
        limits,
    };
    let lift_bytes = usize::try_from(state.limits.lift_bytes).unwrap_or(usize::MAX);
    let mut store = Store::new(pre.engine(), state);
    store.limiter(|state| &mut state.memory);
    store.set_hostcall_fuel(lift_bytes);
    store.set_max_component_handles(HANDLES);
    store.epoch_deadline_callback(|mut store| {
        if let Some(profile) = store.data().profile.clone() {
            let stack = WasmBacktrace::force_capture(&store);
            let state = store.data_mut();
            if let Err(full) = profile.sample(state.call.phase, &stack) {
                state.logs.lock().warn(&full);
            }
        }
        store.data().may_continue()?;
        Ok(UpdateDeadline::Continue(1))
    });
    store
}

/// Calls `function` for its side effects on the current call.
fn run(
    store: &mut Store<State>,
    phase: Phase,
    function: &Run,
    batch: Option<RecordBatch>,
) -> Result<Produced> {
    let start = Instant::now();
    let result = guarded(store, phase, |store| {
        if let Some(batch) = batch {
            let call = &mut store.data_mut().call;
            call.rows = batch.num_rows();
            call.columns = batch.columns().to_vec();
        }
        enter(store, function, ())
    });
    let (result,) = result?;
    result.map_err(|fault| fault.into_error(store.data()))?;
    if phase == Phase::Finish {
        store.data().logs.lock().flush();
    }
    let call = &mut store.data_mut().call;
    call.columns.clear();
    call.rows = 0;
    Ok(Produced {
        batches: std::mem::take(&mut call.emitted),
        rejected: std::mem::take(&mut call.rejected),
        guest_time: start.elapsed().saturating_sub(call.host_time),
        host_time: call.host_time,
    })
}

fn call<P, R>(
    store: &mut Store<State>,
    phase: Phase,
    function: &TypedFunc<P, R>,
    params: P,
) -> Result<R>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift + 'static,
{
    guarded(store, phase, |store| enter(store, function, params))
}

/// Calls into the guest; one that may wait does so on this thread, which sees to its deadline meanwhile.
fn enter<P, R>(
    store: &mut Store<State>,
    function: &TypedFunc<P, R>,
    params: P,
) -> wasmtime::Result<R>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift + 'static,
{
    let Some(runtime) = store.data().waits.clone() else {
        return function.call(store, params);
    };
    let deadline = store.data().deadline();
    wait(&runtime, function.call_async(store, params), || {
        deadline.check()
    })?
}

/// As [`enter`], into the start functions.
fn instantiate(
    pre: &InstancePre<State>,
    store: &mut Store<State>,
) -> wasmtime::Result<component::Instance> {
    let Some(runtime) = store.data().waits.clone() else {
        return pre.instantiate(store);
    };
    let deadline = store.data().deadline();
    wait(&runtime, pre.instantiate_async(store), || deadline.check())?
}

/// Lets the guest run under the limits of a call, and makes one error of whatever goes wrong.
fn guarded<R>(
    store: &mut Store<State>,
    phase: Phase,
    guest: impl FnOnce(&mut Store<State>) -> wasmtime::Result<R>,
) -> Result<R> {
    let state = store.data_mut();
    state.call = Call::new(phase, state.limits.call_time);
    state.memory.take_refusal();
    state.logs.lock().forget_last_words();
    state.may_continue()?;
    store.set_epoch_deadline(1);
    // A panic in a function of the host must fail one run, not the process.
    match catch_unwind(AssertUnwindSafe(|| guest(store))) {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(error)) => Err(fault::failure(error, store.data_mut())),
        Err(_) => Err(Error::internal("a function of the sandbox panicked")),
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").finish_non_exhaustive()
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound")
            .field("plan", self.plan())
            .finish_non_exhaustive()
    }
}
