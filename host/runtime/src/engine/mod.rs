//! One run is one DataFusion plan: scans, transforms, exchanges and sorts, executed partition by partition.
//!
//! Only this module knows DataFusion and Parquet. Scanning, exchange, sort, spill, projection pushdown
//! and metrics are DataFusion's; written here are the node that runs a transform, the places where a text
//! file may be cut, and the files of the output.

mod check;
mod error;
mod memory;
mod plan;
mod quarantine;
mod scan;
mod sink;
mod transform;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use arrow::datatypes::{Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::{Column, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{Expr, Extension, LogicalPlanBuilder};
use datafusion::object_store::memory::InMemory;
use datafusion::object_store::path::Path;
use datafusion::object_store::{ObjectStore, ObjectStoreExt as _};
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::prelude::SessionConfig;

pub use self::check::Checked;
use self::error::from_datafusion;
use self::memory::{GuestMemory, PeakPool};
use self::quarantine::Kind;
use self::scan::{Masked, Shared, Table};
pub(crate) use self::transform::origins;
use self::transform::{
    BoundStep, Guests, StepKeeping, TransformNode, TransformPlanner, Tries, rerun,
};
pub use self::transform::{Facts, Keeper, RejectedRow};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::limits::Limits;
use crate::sandbox::{Access, InstanceContext, LogSink, MemoryBudget, Plugin, StepProfile};
use crate::schedule::Workers;
use crate::spec::{Input, InputFormat, Problems, Rules, SchemaColumn, Step};
use crate::storage::Retries;

pub(crate) use self::check::{Checks, referred, scorecard};
pub(crate) use self::plan::{Planned, StepFigures};
pub(crate) use self::quarantine::{BadFigures, Clean, Kind as BadKind, Quarantine};
pub(crate) use self::scan::{ColumnMask, Files, HashKey, Later, Unit, provenance};
pub(crate) use self::sink::{Sink, WrittenFile, file_beside};
pub(crate) use self::transform::{FailedBatch, Keeping, Rerun, brief};
pub(crate) use datafusion::logical_expr::LogicalPlan;

/// What Hive and Spark write in a path for a null.
const HIVE_NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// Under which a Parquet file says in its footer where its rows come from.
pub(crate) const PROVENANCE_KEY: &str = "sluicegate.provenance";

/// Rows of a morsel, the unit in which guests are fed. Larger buffers cost page faults, smaller ones
/// crossings: at 8,192 rows a crossing is below a percent of the work.
pub(crate) const MORSEL_ROWS: usize = 8_192;

/// What a run plans and executes with.
#[derive(Debug)]
pub(crate) struct Engine {
    session: SessionState,
    pool: Arc<PeakPool>,
    workers: Arc<Workers>,
    limits: Limits,
    quarantine: Quarantine,
    tries: Arc<Tries>,
    retries: Arc<Retries>,
}

impl Engine {
    /// An engine for one run, with `threads` partitions and compute threads.
    pub(crate) fn new(limits: &Limits, threads: usize) -> Result<Self> {
        let bytes = usize::try_from(limits.memory).unwrap_or(usize::MAX);
        let pool = Arc::new(PeakPool::new(bytes));
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::clone(&pool) as Arc<dyn MemoryPool>)
            .build_arc()
            .map_err(from_datafusion)?;
        let config = SessionConfig::new()
            .with_target_partitions(threads)
            .with_batch_size(MORSEL_ROWS)
            // Pieces are cut by `scan`, which keeps the order of rows and knows about quotes.
            .with_repartition_file_scans(false)
            // Nor are rows dealt out below a mask of columns: it would lose their order, and what came of which piece.
            .with_round_robin_repartition(false)
            .with_collect_statistics(false);
        let session = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_query_planner(Arc::new(TransformPlanner))
            .with_analyzer_rules(Vec::new())
            .with_optimizer_rules(vec![Arc::new(OptimizeProjections::new())])
            .build();
        Ok(Self {
            session,
            pool,
            workers: Arc::new(Workers::new(threads)?),
            limits: limits.clone(),
            quarantine: Quarantine::default(),
            tries: Arc::new(Tries::new(limits)),
            retries: Retries::new(limits, "", |_| ()),
        })
    }

    /// The same, whose scans do again what `retries` says.
    pub(crate) fn retrying(self, retries: Arc<Retries>) -> Self {
        Self { retries, ..self }
    }

    /// Finds the columns of `input`.
    pub(crate) async fn open(&self, index: usize, input: &Input, files: &Files) -> Result<Opened> {
        let (url, shared) = self.register(index, input, files)?;
        let partitions = self.threads();
        let table = Table::open(input, files, url, &self.session, (partitions, shared)).await?;
        Ok(Opened {
            input: input.clone(),
            table,
        })
    }

    /// The same, whose files are chosen later. Where `sample` holds some of them, and those have the columns that stand
    /// with it, so have all.
    pub(crate) async fn open_later(
        &self,
        index: usize,
        input: &Input,
        files: &Files,
        sample: Option<(Files, &[SchemaColumn])>,
    ) -> Result<(Opened, Later)> {
        let (url, shared) = self.register(index, input, files)?;
        let care = (sample, shared);
        let (table, later) = Table::open_later(input, files, url, &self.session, care).await?;
        let input = input.clone();
        Ok((Opened { input, table }, later))
    }

    /// Makes the store of an input known to plans, and its bad rows be counted.
    fn register(
        &self,
        index: usize,
        input: &Input,
        files: &Files,
    ) -> Result<(ObjectStoreUrl, Shared)> {
        let url =
            ObjectStoreUrl::parse(format!("input-{index}://files")).map_err(from_datafusion)?;
        let runtime = self.session.runtime_env();
        runtime.register_object_store(url.as_ref(), Arc::clone(&files.store));
        let rule = input.bad_rows;
        let tally = self.quarantine.tally(Kind::Input, &input.name, rule);
        Ok((url, (tally, Arc::clone(&self.retries))))
    }

    /// Compute threads, and partitions that go on at once.
    pub(crate) fn threads(&self) -> usize {
        self.workers.threads()
    }

    /// Puts `step` on top of a plan: binds its plugin to the plan's schema.
    pub(crate) async fn transform(
        &self,
        step: &Step,
        plugin: Plugin,
        watch: Watch,
        input: LogicalPlan,
    ) -> Result<LogicalPlan> {
        let keeping = watch.keeping.clone();
        let context = self.context(&step.name, watch);
        let schema = Arc::new(input.schema().as_arrow().clone());
        let params = step.params.to_string();
        let bound = self
            .workers
            .run(move || Guests::bind(plugin, context, schema, params))
            .await
            .map_err(|error| {
                error
                    .fact("step", &step.name)
                    .context(format!("bind step `{}`", step.name))
            })?;
        let tally = self.quarantine.tally(Kind::Step, &step.name, step.bad_rows);
        let care = (tally, Arc::clone(&self.tries));
        let mut bound = BoundStep::new(step, bound, Arc::clone(&self.workers), care)?;
        bound.keeping = keeping.map(|keeping| StepKeeping::new(keeping, step));
        let node = TransformNode::new(Arc::new(bound), input).map_err(from_datafusion)?;
        Ok(LogicalPlan::Extension(Extension {
            node: Arc::new(node),
        }))
    }

    /// What the instances of the step called `name` are held to.
    fn context(&self, name: &str, watch: Watch) -> InstanceContext {
        let pool: Arc<dyn MemoryPool> = Arc::clone(&self.pool) as _;
        let memory: Arc<dyn MemoryBudget> = Arc::new(GuestMemory::new(&pool, name));
        InstanceContext {
            limits: self.limits.guest.clone(),
            memory,
            logs: watch.logs,
            cancel: watch.cancel,
            profile: watch.profile,
            access: watch.access,
        }
    }

    /// Reads the file of a batch that was kept.
    ///
    /// # Errors
    ///
    /// `Input` where it is none, or damaged.
    pub(crate) async fn kept(files: &Files) -> Result<FailedBatch> {
        let [object] = files.objects.as_slice() else {
            return Err(Error::input("a batch is kept in one file"));
        };
        let name = format!("{}{}", files.origin, object.location);
        let batch = scan::only_batch(Arc::clone(&files.store), object.clone(), &name).await?;
        let facts = Facts::of(&batch.schema())?;
        let columns = facts.columns()?;
        let place = Path::from("columns");
        let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let unreadable = |cause| Error::internal(format!("keep the columns: {cause}"));
        memory
            .put(&place, columns.into())
            .await
            .map_err(unreadable)?;
        let object = memory.head(&place).await.map_err(unreadable)?;
        let columns = scan::only_batch(memory, object, "the columns of the step").await?;
        Ok(FailedBatch {
            facts,
            schema: columns.schema(),
            batch,
        })
    }

    /// Runs one batch that was kept through a plugin, in an instance that sees nothing else.
    ///
    /// # Errors
    ///
    /// As a run fails over the batch; `Input` where the plugin reads a column that was not kept.
    pub(crate) async fn rerun(
        &self,
        plugin: Plugin,
        watch: Watch,
        failed: &FailedBatch,
    ) -> Result<Rerun> {
        let context = self.context(&failed.facts.step, watch);
        let failed = failed.clone();
        let job = move || rerun(&plugin, &context, &failed);
        self.workers.run(job).await
    }

    /// Optimises a plan and fixes how it will be executed.
    pub(crate) async fn plan(&self, logical: &LogicalPlan) -> Result<Planned> {
        let plan = self
            .session
            .create_physical_plan(logical)
            .await
            .map_err(from_datafusion)?;
        Ok(Planned::new(plan, self.session.task_ctx()))
    }

    /// What the run leaves out.
    pub(crate) const fn quarantine(&self) -> &Quarantine {
        &self.quarantine
    }

    /// Compiles the rules on rows of a plan; see [`Checks::new`].
    pub(crate) fn checks(
        &self,
        rules: &Rules,
        schema: &Schema,
        (referred, started): (&BTreeMap<usize, Field>, SystemTime),
        problems: &Problems,
    ) -> Result<Checks> {
        let pool: Arc<dyn MemoryPool> = Arc::clone(&self.pool) as _;
        let context = (started, self.limits.rule_keys, &pool);
        Checks::new(rules, schema, referred, context, problems)
    }

    /// A plan of one column of another.
    pub(crate) fn column(plan: LogicalPlan, name: &str) -> Result<LogicalPlan> {
        let column = Expr::Column(Column::new_unqualified(name));
        LogicalPlanBuilder::from(plan)
            .project([column])
            .and_then(LogicalPlanBuilder::build)
            .map_err(from_datafusion)
    }

    /// The most memory that the run's pool held at once, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.pool.peak() as u64
    }
}

/// An input whose columns are known, and of which no row was read.
#[derive(Debug)]
pub(crate) struct Opened {
    input: Input,
    table: Table,
}

impl Opened {
    /// The names of its columns, those of the path included.
    pub(crate) fn columns(&self) -> Vec<String> {
        let schema = self.table.schema();
        let fields = schema.fields().iter();
        fields.map(|field| field.name().clone()).collect()
    }

    /// Starts a plan with its rows, in which nothing can be put below the masks.
    pub(crate) fn scan(self, masks: &BTreeMap<String, ColumnMask>) -> Result<LogicalPlan> {
        let name = self.input.name.as_str();
        let masking = || format!("mask columns of input `{name}`");
        self.refuse_probes(masks).with_context(masking)?;
        let table: Arc<dyn TableProvider> = if masks.is_empty() {
            Arc::new(self.table)
        } else {
            Arc::new(Masked::new(self.table, masks).with_context(masking)?)
        };
        let source = provider_as_source(table);
        LogicalPlanBuilder::scan_with_filters(TableReference::bare(name), source, None, Vec::new())
            .and_then(LogicalPlanBuilder::build)
            .map_err(from_datafusion)
    }

    /// Nulls are not hashed: whoever says which texts are null could ask where one stands. Rows that are left out
    /// where a value does not fit the type that an application declares would tell as much.
    fn refuse_probes(&self, masks: &BTreeMap<String, ColumnMask>) -> Result<()> {
        let hashes = masks
            .values()
            .any(|mask| matches!(mask, ColumnMask::Hash(_)));
        if hashes && self.input.bad_rows.leaves_out() {
            return Err(Error::new(
                ErrorKind::Policy,
                "`on_error` leaves rows out, and a policy hashes a column",
            )
            .hint("set `on_error = \"fail\"`: which rows do not fit a type would tell what stands in them"));
        }
        let InputFormat::Csv(options) = &self.input.format else {
            return Ok(());
        };
        if !hashes || options.nulls.iter().all(String::is_empty) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Policy,
            "`nulls` names texts, and a policy hashes a column",
        )
        .hint("leave `nulls` out: nulls are not hashed, so that it would tell where a text stands"))
    }
}

/// What a step's guests write to, what may stop them, and where they are sampled to.
pub(crate) struct Watch {
    pub(crate) logs: Arc<dyn LogSink>,
    pub(crate) cancel: Arc<dyn Fn() -> bool + Send + Sync>,
    pub(crate) profile: Option<StepProfile>,
    /// Where batches are kept over which they fail, if they are.
    pub(crate) keeping: Option<Arc<Keeping>>,
    /// What they can reach beyond their columns.
    pub(crate) access: Access,
}
