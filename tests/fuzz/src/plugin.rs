//! Components, and what they do with a batch.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Schema};
use sluicegate::limits::GuestLimits;
use sluicegate::sandbox::{InstanceContext, Level, LogSink, Plugin, Sandbox, SandboxConfig};
use sluicegate::{ErrorKind, Result};

use crate::check_told;

const ROWS: usize = 10;

static SANDBOX: LazyLock<Sandbox> =
    LazyLock::new(|| Sandbox::new(SandboxConfig::default()).unwrap());

/// A component, which is loaded and run over one batch, all within small limits.
pub(crate) fn plugin(bytes: &[u8]) {
    let done = SANDBOX.load(bytes).and_then(|plugin| {
        assert_eq!(plugin.inspect().bytes, bytes.len());
        run(&plugin)
    });
    if let Err(error) = done {
        assert_ne!(error.kind(), ErrorKind::Internal, "{error}");
        check_told(&error);
    }
}

fn run(plugin: &Plugin) -> Result<()> {
    let limits = GuestLimits {
        memory: 16 << 20,
        call_time: Duration::from_millis(50),
        ..GuestLimits::default()
    };
    let context = InstanceContext {
        logs: Arc::new(Printable),
        ..InstanceContext::new(limits)
    };
    let field = |name: &str| Field::new(name, DataType::Int64, true);
    let schema = Schema::new(vec![field("x"), field("y"), field("z")]);
    let bound = plugin.instantiate(&context)?.bind(&schema, "{}")?;
    let schema = schema.project(&bound.plan().reads).unwrap();
    let column: ArrayRef = Arc::new(Int64Array::from(vec![7; ROWS]));
    let columns = vec![column; schema.fields().len()];
    let options = RecordBatchOptions::new().with_row_count(Some(ROWS));
    let batch = RecordBatch::try_new_with_options(Arc::new(schema), columns, &options).unwrap();
    let (bound, produced) = bound.process(batch)?;
    for emitted in &produced.batches {
        assert_eq!(emitted.selection.len(ROWS), emitted.rows);
        assert!(
            emitted
                .computed
                .iter()
                .all(|column| column.len() == emitted.rows)
        );
    }
    bound.finish().map(drop)
}

/// Messages that cannot steer a terminal.
struct Printable;

impl LogSink for Printable {
    fn log(&self, _: Level, message: &str) {
        assert!(!message.contains(char::is_control), "{message:?}");
    }
}
