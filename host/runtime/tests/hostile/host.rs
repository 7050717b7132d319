//! The host's side of the tests.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use sluicegate::limits::GuestLimits;
use sluicegate::sandbox::{
    Access, Bound, InstanceContext, MemoryBudget, Plugin, Produced, Sandbox, SandboxConfig,
};
use sluicegate::{Error, Result};

use crate::guest::Guest;
use crate::lines::Lines;

const MIB: u64 = 1 << 20;

static SANDBOX: LazyLock<Sandbox> =
    LazyLock::new(|| Sandbox::new(SandboxConfig::default()).unwrap());

/// One sandbox for all tests, as for all runs of a process.
pub(crate) fn sandbox() -> &'static Sandbox {
    &SANDBOX
}

/// Counts what guests hold.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) used: AtomicUsize,
    pub(crate) peak: AtomicUsize,
    pub(crate) limit: Option<usize>,
}

impl MemoryBudget for Memory {
    fn try_grow(&self, bytes: usize) -> bool {
        let used = self.used.fetch_add(bytes, Ordering::SeqCst) + bytes;
        if self.limit.is_some_and(|limit| used > limit) {
            self.used.fetch_sub(bytes, Ordering::SeqCst);
            return false;
        }
        self.peak.fetch_max(used, Ordering::SeqCst);
        true
    }

    fn shrink(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::SeqCst);
    }
}

/// What a test can look at after its guest is gone.
pub(crate) struct Host {
    pub(crate) limits: GuestLimits,
    pub(crate) memory: Arc<Memory>,
    pub(crate) logs: Arc<Lines>,
    pub(crate) cancel: Arc<AtomicBool>,
    pub(crate) access: Access,
}

impl Default for Host {
    fn default() -> Self {
        let limits = GuestLimits {
            memory: 64 * MIB,
            call_time: Duration::from_millis(200),
            ..GuestLimits::default()
        };
        Self {
            limits,
            memory: Arc::default(),
            logs: Arc::default(),
            cancel: Arc::default(),
            access: Access::default(),
        }
    }
}

impl Host {
    pub(crate) fn context(&self) -> InstanceContext {
        let cancel = Arc::clone(&self.cancel);
        InstanceContext {
            limits: self.limits.clone(),
            memory: Arc::clone(&self.memory) as _,
            logs: Arc::clone(&self.logs) as _,
            cancel: Arc::new(move || cancel.load(Ordering::SeqCst)),
            profile: None,
            access: self.access.clone(),
        }
    }

    pub(crate) fn bind(&self, plugin: &Plugin) -> Result<Bound> {
        plugin.instantiate(&self.context())?.bind(&schema(), "{}")
    }

    /// Everything that a run does with one batch of ten rows.
    pub(crate) fn run(&self, guest: &Guest) -> Result<Vec<Produced>> {
        let plugin = sandbox().load(&guest.bytes())?;
        self.run_plugin(&plugin)
    }

    pub(crate) fn run_plugin(&self, plugin: &Plugin) -> Result<Vec<Produced>> {
        let bound = self.bind(plugin)?;
        let columns = bound.plan().reads.len();
        let (bound, produced) = bound.process(batch(columns, 10))?;
        Ok(vec![produced, bound.finish()?])
    }

    /// The error that `guest` ends with; whatever it held is given back.
    pub(crate) fn error(&self, guest: &Guest) -> Error {
        let Err(error) = self.run(guest) else {
            panic!("the guest got away with it")
        };
        assert_eq!(
            self.memory.used.load(Ordering::SeqCst),
            0,
            "memory was not given back"
        );
        error
    }

    /// As [`error`](Self::error), as a person sees it.
    pub(crate) fn message(&self, guest: &Guest) -> String {
        shown(&self.error(guest))
    }
}

/// An error with its kind and its hints.
pub(crate) fn shown(error: &Error) -> String {
    let mut text = format!("{}: {error}", error.kind().as_str());
    for (name, value) in error.facts() {
        write!(text, "\n  {name}: {value}").unwrap();
    }
    for hint in error.hints() {
        write!(text, "\n  hint: {hint}").unwrap();
    }
    assert!(text.len() <= 4096, "{} bytes", text.len());
    text
}

/// Three columns of `i64`.
pub(crate) fn schema() -> Schema {
    let field = |name: &str| Field::new(name, DataType::Int64, true);
    Schema::new(vec![field("x"), field("y"), field("z")])
}

/// A batch of the first columns of [`schema`].
pub(crate) fn batch(columns: usize, rows: usize) -> RecordBatch {
    let schema = schema().project(&(0..columns).collect::<Vec<_>>()).unwrap();
    let rows_i64 = i64::try_from(rows).unwrap();
    let columns = (0..columns).map(|column| {
        let first = 1000 * i64::try_from(column).unwrap();
        Arc::new(Int64Array::from_iter_values(first..first + rows_i64)) as ArrayRef
    });
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(schema), columns.collect(), &options).unwrap()
}
