//! One execution of an application: resolves, plans, executes, commits, reports.

mod access;
mod accessed;
mod alone;
mod authority;
mod check;
mod contract;
mod dataset;
mod drift;
mod execute;
mod failing;
mod finish;
mod held;
mod incremental;
mod lineage;
mod logs;
mod masks;
mod needs;
mod open;
mod planning;
mod probe;
mod progress;
mod receipt;
mod record;
mod replay;
mod summary;
mod whence;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use arrow::array::RecordBatch;
use futures::TryStreamExt;
use tokio::sync::watch::Receiver;

use self::execute::Execution;
use self::open::{as_owner, files_of, with_schema};
use crate::engine::{Engine, Files};
use crate::error::{Result, ResultExt};
use crate::limits::{Limits, PLUGIN_BYTES_MAX};
use crate::network::StandIn;
use crate::policy::{Audit, Guard, Policies, Unaudited};
use crate::sandbox::{Profile, SandboxConfig};
use crate::spec::{Application, Input, Uri};
use crate::storage::{Meter, Stores};

pub use crate::engine::{Checked, Facts, Keeper, RejectedRow};
pub use crate::storage::Attempts;
pub use accessed::Access;
pub use alone::reach;
pub use check::{Check, CheckedNeed, Fix, check};
pub use dataset::{Compacted, Dataset, History};
pub use failing::{Failing, ReplayedBatch, Rerunning, Verdict};
pub use incremental::IncrementalSummary;
pub use needs::needs;
pub use probe::{Probe, probe};
pub use progress::Progress;
pub use receipt::{
    ColumnLineage, InputDigest, InputFile, InputReceipt, OutputReceipt, Provenance, Receipt,
    StepDigest, StepReceipt, is_run,
};
pub use replay::{Replayed, replay};
pub use summary::{BadRowsSummary, FileSummary, LogLine, StepSummary, Summary, UnreadableRecord};
pub use whence::{Whence, receipt, whence};

/// What a run needs beside its application.
#[derive(Debug)]
pub struct Options {
    /// Names the run in its output and its logs; unique.
    pub run_id: String,
    /// Who started the run, as policies know them; may be empty.
    pub submitter: String,
    /// Where the application belongs, as policies know it; may be empty.
    pub compartment: String,
    /// What runs may do. Without any, a run may do what its application declares. Those that are sent while it goes on
    /// decide about whatever it does from then on.
    pub policies: Option<Receiver<Policies>>,
    /// Whether programs may be run that an application names for its secrets.
    pub commands: bool,
    /// Who is told each decision.
    pub audit: Arc<dyn Audit>,
    /// The environment that storage credentials and endpoints are taken from.
    pub environment: BTreeMap<String, String>,
    /// How plugins are compiled and kept; the limits are those of the application.
    pub sandbox: SandboxConfig,
    /// When the run starts, for rules on how old rows may be.
    pub started: SystemTime,
    /// Threads for guests and partitions; zero takes one per core.
    pub threads: usize,
    /// Whether it is looked, before anything else, for a commit to the output by a run of this name. That is looked for
    /// in any case, but once the run is planned, which needs its input.
    pub unless_committed: bool,
    /// Whether the summary carries the executed plan with its metrics.
    pub explain: bool,
    /// Where the guests are sampled to, if they are; all that was sampled stays in it where the run fails.
    pub profile: Option<Arc<Profile>>,
    /// Who keeps batches over which transforms fail, if somebody does.
    pub keeper: Option<Arc<dyn Keeper>>,
    /// Who answers the requests of transforms in place of the network, if somebody does.
    pub stand_in: Option<Arc<StandIn>>,
    /// What an observer may watch, and cancel the run by.
    pub progress: Arc<Progress>,
}

impl Options {
    /// Nobody in particular runs something, without policies, programs for secrets, and an audit.
    #[must_use]
    pub fn new(run_id: String, sandbox: SandboxConfig) -> Self {
        Self {
            run_id,
            submitter: String::new(),
            compartment: String::new(),
            policies: None,
            commands: false,
            audit: Arc::new(Unaudited),
            environment: BTreeMap::new(),
            sandbox,
            started: SystemTime::now(),
            threads: 0,
            unless_committed: false,
            explain: false,
            profile: None,
            keeper: None,
            stand_in: None,
            progress: Arc::default(),
        }
    }
}

/// Executes `application` and commits its output.
///
/// # Errors
///
/// Fails without leaving anything under the output's final name.
pub async fn execute(application: Application, options: Options) -> Result<Summary> {
    // What waits in it is large, and would be moved about on the stack.
    Box::pin(Execution::new(application, options)?.run()).await
}

/// The first rows of an input, without running anything. `uri` may be relative to the folder `base`;
/// credentials and endpoints are taken from `environment`.
///
/// # Errors
///
/// Fails where the input is missing, malformed or in no known format.
pub async fn head(
    uri: &str,
    base: &Path,
    rows: usize,
    environment: BTreeMap<String, String>,
) -> Result<Vec<RecordBatch>> {
    let (uri, stores) = as_owner(uri, base, environment)?;
    let files = files_of(&stores, "head", &uri).await?;
    let file = files
        .objects
        .first()
        .map_or("", |object| object.location.as_ref());
    let input = Input::guess("head", uri, file)?;
    first_rows(&input, &files, rows).await
}

/// The first rows of an input, as a run would read them.
///
/// # Errors
///
/// As [`head`].
pub async fn read(
    input: Input,
    rows: usize,
    environment: BTreeMap<String, String>,
) -> Result<Vec<RecordBatch>> {
    let stores = Stores::new(environment, Arc::new(Meter::default()), Guard::owner()?);
    let files = files_of(&stores, &input.name, &input.uri).await?;
    let input = with_schema(&stores, input, false).await?;
    first_rows(&input, &files, rows).await
}

async fn first_rows(input: &Input, files: &Files, rows: usize) -> Result<Vec<RecordBatch>> {
    let engine = Engine::new(&Limits::default(), 1)?;
    let input = engine.open(0, input, files).await?;
    let scan = input.scan(&BTreeMap::new())?;
    let plan = engine.plan(&scan).await?;
    let mut batches = Vec::new();
    let mut wanted = rows;
    for partition in 0..plan.partitions() {
        let mut stream = plan.execute(partition)?;
        while wanted > 0 {
            let Some(batch) = stream.try_next().await? else {
                break;
            };
            let batch = batch.slice(0, batch.num_rows().min(wanted));
            wanted -= batch.num_rows();
            batches.push(batch);
        }
    }
    if batches.is_empty() {
        batches.push(RecordBatch::new_empty(plan.schema()));
    }
    Ok(batches)
}

/// More threads than any machine has cores only cost memory.
pub const THREADS_MAX: usize = 512;

/// The number of threads that `wanted` stands for: zero takes one per core.
#[must_use]
pub fn threads(wanted: usize) -> usize {
    match wanted {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        given => given,
    }
}

/// The component of `step`.
async fn plugin_bytes(stores: &Stores, uri: &Uri, step: &str) -> Result<bytes::Bytes> {
    open::read_file(stores, uri, PLUGIN_BYTES_MAX)
        .await
        .with_context(|| format!("load the plugin of step `{step}`"))
}
