//! A conformance guest, and what it does with a batch.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use serde_json::{Value, json};
use sluicegate::limits::GuestLimits;
use sluicegate::sandbox::{
    Bound, InstanceContext, OutputColumn, Plugin, Produced, Sandbox, SandboxConfig,
};
use sluicegate::{Error, Result};

use crate::lines::Lines;

/// The languages that there is an SDK for; each has a folder in `tests/conformance`.
const LANGUAGES: [&str; 5] = ["rust", "c", "go", "javascript", "python"];

/// A call of an interpreter takes longer than that of compiled code, the first one above all.
const CALL_TIME: Duration = Duration::from_secs(5);

static GUESTS: LazyLock<Vec<Guest>> = LazyLock::new(load);

/// A language and its guest.
pub(crate) struct Guest {
    pub(crate) language: &'static str,
    plugin: Plugin,
}

/// The guests that are built.
pub(crate) fn guests() -> &'static [Guest] {
    &GUESTS
}

fn load() -> Vec<Guest> {
    // Compiling an interpreter takes ten seconds, so what was compiled is kept.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    let sandbox = Sandbox::new(SandboxConfig {
        cache: Some(cache),
        ..SandboxConfig::default()
    });
    let sandbox = sandbox.unwrap();
    let mut found = Vec::new();
    for language in LANGUAGES {
        let path = component(language);
        let Ok(bytes) = std::fs::read(&path) else {
            let required = std::env::var("SLUICE_TEST_LANGUAGES").is_ok_and(|v| v == "required");
            assert!(!required, "`{}` is missing", path.display());
            eprintln!("*** SKIPPED: no guest in {language}: run `cargo xtask sdks` ***");
            continue;
        };
        let plugin = sandbox
            .load(&bytes)
            .unwrap_or_else(|error| panic!("{language}: {error}"));
        found.push(Guest { language, plugin });
    }
    assert!(
        !found.is_empty(),
        "no guest is built: run `cargo xtask sdks`"
    );
    found
}

fn component(language: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    match language {
        // A crate of the workspace of all guests in Rust.
        "rust" => tests.join("guests/conformance/conformance.wasm"),
        _ => tests
            .join("conformance")
            .join(language)
            .join("conformance.wasm"),
    }
}

/// Runs `case` with every guest, and says for which it failed.
pub(crate) fn for_each(case: impl Fn(&Guest)) {
    let mut failed = Vec::new();
    for guest in guests() {
        let run = std::panic::AssertUnwindSafe(|| case(guest));
        if std::panic::catch_unwind(run).is_err() {
            failed.push(guest.language);
        }
    }
    assert!(failed.is_empty(), "failed for {}", failed.join(", "));
}

impl Guest {
    /// Binds the guest in a mode that has no other parameters.
    pub(crate) fn mode(&self, mode: &str, schema: &Schema) -> Result<Run> {
        self.bind(&json!({ "mode": mode }), schema)
    }

    pub(crate) fn bind(&self, params: &Value, schema: &Schema) -> Result<Run> {
        self.bind_within(
            params,
            schema,
            GuestLimits {
                call_time: CALL_TIME,
                ..GuestLimits::default()
            },
        )
    }

    pub(crate) fn bind_within(
        &self,
        params: &Value,
        schema: &Schema,
        limits: GuestLimits,
    ) -> Result<Run> {
        let logs = Arc::new(Lines::default());
        let context = InstanceContext {
            logs: Arc::clone(&logs) as _,
            ..InstanceContext::new(limits)
        };
        let instance = self.plugin.instantiate(&context)?;
        let bound = instance.bind(schema, &params.to_string())?;
        Ok(Run {
            schema: output_schema(&bound, schema),
            bound,
            logs,
        })
    }

    /// The error of a mode for one batch, with what was logged.
    pub(crate) fn error(&self, mode: &str, batch: &RecordBatch) -> (Error, Vec<String>) {
        let run = self.mode(mode, &batch.schema()).unwrap();
        let logs = Arc::clone(&run.logs);
        let Err(error) = run.process(batch) else {
            panic!("{}: `{mode}` did not fail", self.language);
        };
        let lines = logs.take().into_iter().map(|(_, line)| line).collect();
        (error, lines)
    }
}

/// A bound guest.
pub(crate) struct Run {
    bound: Bound,
    /// Of what it emits.
    schema: SchemaRef,
    pub(crate) logs: Arc<Lines>,
}

/// What came of one batch.
pub(crate) struct Made {
    pub(crate) batches: Vec<RecordBatch>,
    pub(crate) rejected: Vec<(usize, String)>,
}

impl Run {
    pub(crate) fn is_stateless(&self) -> bool {
        self.bound.plan().stateless
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    pub(crate) fn process(self, batch: &RecordBatch) -> Result<(Self, Made)> {
        let reads = self.bound.plan().reads.clone();
        let entering = batch.project(&reads).unwrap();
        let (bound, produced) = self.bound.process(entering)?;
        let made = joined(&bound, &self.schema, Some(batch), produced);
        Ok((Self { bound, ..self }, made))
    }

    pub(crate) fn finish(self) -> Result<Made> {
        let plan = self.bound.plan().clone();
        let produced = self.bound.finish()?;
        assert!(
            produced.batches.is_empty() || !plan.output.iter().any(is_pass),
            "rows of no batch cannot pass columns"
        );
        let batches = produced
            .batches
            .into_iter()
            .map(|emitted| record_batch(&self.schema, emitted.computed, emitted.rows))
            .collect();
        Ok(Made {
            batches,
            rejected: Vec::new(),
        })
    }

    /// All that comes of one batch, the only one.
    pub(crate) fn only(self, batch: &RecordBatch) -> Made {
        let (run, mut made) = self.process(batch).unwrap();
        made.batches.extend(run.finish().unwrap().batches);
        made
    }
}

const fn is_pass(column: &OutputColumn) -> bool {
    matches!(column, OutputColumn::Pass(_))
}

fn output_schema(bound: &Bound, input: &Schema) -> SchemaRef {
    let fields = bound.plan().output.iter().map(|column| match column {
        OutputColumn::Pass(index) => Arc::clone(&input.fields()[*index]),
        OutputColumn::Computed(field) => Arc::clone(field),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn joined(
    bound: &Bound,
    schema: &SchemaRef,
    batch: Option<&RecordBatch>,
    produced: Produced,
) -> Made {
    let output = &bound.plan().output;
    let batches = produced.batches.into_iter().map(|emitted| {
        let passing: Vec<ArrayRef> = output
            .iter()
            .filter_map(|column| match column {
                OutputColumn::Pass(index) => batch.map(|batch| Arc::clone(batch.column(*index))),
                OutputColumn::Computed(_) => None,
            })
            .collect();
        let mut passed = emitted.selection.apply_all(&passing).unwrap().into_iter();
        let mut computed = emitted.computed.into_iter();
        let columns = output.iter().map(|column| match column {
            OutputColumn::Pass(_) => passed.next().unwrap(),
            OutputColumn::Computed(_) => computed.next().unwrap(),
        });
        record_batch(schema, columns.collect(), emitted.rows)
    });
    let rejected = produced.rejected.into_iter();
    Made {
        batches: batches.collect(),
        rejected: rejected.map(|row| (row.row, row.reason)).collect(),
    }
}

fn record_batch(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> RecordBatch {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).unwrap()
}
