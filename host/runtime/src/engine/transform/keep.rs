//! Keeps the batches over which transforms fail, each as an Arrow file that says how it came about.
//!
//! A file holds the columns that the transform read, and of the others that it could have read the names and types, since
//! it is bound to these. So it never tells more than the transform was given.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::ipc::writer::FileWriter;
use arrow::record_batch::RecordBatch;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::bisect::{is_of_batch, limit};
use super::stream::{Partition, Place, record_batch};
use crate::engine::quarantine::Clean;
use crate::error::{Error, Result, ResultExt as _};
use crate::limits::Limits;
use crate::spec::Step;

/// What each key of ours in such a file begins with.
const PREFIX: &str = "sluicegate.";

/// The version of what the keys say.
const FORMAT: &str = "1";

/// Takes the files of batches over which transforms fail. Asked from many threads.
pub trait Keeper: fmt::Debug + Send + Sync {
    /// Keeps `file` under `name`, which no other file of the run has, and yields what people find it by.
    ///
    /// # Errors
    ///
    /// Fails where it cannot be kept, which changes nothing about how the run ends.
    fn keep(&self, name: &str, file: &[u8]) -> Result<String>;
}

/// How a batch came to be kept: what stands in the key-values of its file, all of it text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Facts {
    /// The version of this list.
    pub failing_batch: String,
    /// The application's name.
    pub application: String,
    /// The run's name.
    pub run: String,
    /// The step whose transform failed.
    pub step: String,
    /// The URI of its plugin.
    pub plugin: String,
    /// The plugin's sha256 digest, in hexadecimal.
    pub digest: String,
    /// The step's parameters, an object of JSON.
    pub params: String,
    /// What the step declares beside its columns: `objects`, `http`, `secrets`, `clock` and `random`, with commas between.
    pub reaches: String,
    /// `stateful` or `stateless`.
    pub state: String,
    /// The partition, as errors count.
    pub partition: String,
    /// The batch of the partition.
    pub batch: String,
    /// Its first row and its last one in the partition.
    pub rows: String,
    /// The kind of the failure.
    pub kind: String,
    /// The innermost part of the failure's text.
    pub message: String,
    /// The failure's text.
    pub error: String,
    /// What the transform was held to: an object of JSON, by the keys of limits.
    pub limits: String,
    /// All columns of the step: an Arrow file without a batch, in Base64.
    pub columns: String,
}

/// A batch that was kept.
#[derive(Clone, Debug)]
pub(crate) struct FailedBatch {
    pub(crate) facts: Facts,
    /// All columns of the step.
    pub(crate) schema: SchemaRef,
    /// The rows, in the columns that the transform read.
    pub(crate) batch: RecordBatch,
}

impl Facts {
    /// What the schema of a file says.
    ///
    /// # Errors
    ///
    /// `Input` where the file holds no such batch, or one that another release kept.
    pub(crate) fn of(schema: &Schema) -> Result<Self> {
        let none = || Error::input("the file holds no batch over which a transform failed");
        let known = schema.metadata().iter().filter_map(|(key, value)| {
            let key = key.strip_prefix(PREFIX)?;
            Some((key.to_owned(), Value::String(value.clone())))
        });
        let known: Map<_, _> = known.collect();
        let format = known.get("failing-batch").and_then(Value::as_str);
        match format {
            None => Err(none().hint("`sluice run --keep-failing FOLDER` keeps such batches")),
            Some(FORMAT) => serde_json::from_value(Value::Object(known))
                .map_err(|missing| none().context(missing.to_string())),
            Some(_) => Err(none().context("the batch was kept by another release")),
        }
    }

    /// The Arrow file whose schema is that of the step.
    ///
    /// # Errors
    ///
    /// `Input` where it is none.
    pub(crate) fn columns(&self) -> Result<Vec<u8>> {
        let decoded = STANDARD.decode(&self.columns);
        decoded
            .map_err(|cause| Error::input(format!("the columns of the step are damaged: {cause}")))
    }

    fn keys(&self) -> Result<impl Iterator<Item = (String, String)>> {
        let value = serde_json::to_value(self);
        let value = value.map_err(|cause| Error::internal(cause.to_string()))?;
        let entries = match value {
            Value::Object(entries) => entries,
            _ => Map::new(),
        };
        Ok(entries.into_iter().filter_map(|(key, value)| match value {
            Value::String(text) => Some((format!("{PREFIX}{key}"), text)),
            _ => None,
        }))
    }
}

/// What tells one failure from another.
pub(crate) fn brief(error: &Error) -> String {
    // How much it was may be another by now.
    limit(error).map_or_else(
        || error.message().to_owned(),
        |limit| format!("limit `{limit}` reached"),
    )
}

/// What a run keeps.
pub(crate) struct Keeping {
    keeper: Arc<dyn Keeper>,
    run: String,
    application: String,
    limits: Limits,
    clean: Clean,
    kept: Mutex<Vec<String>>,
}

impl fmt::Debug for Keeping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeping")
            .field("keeper", &self.keeper)
            .finish_non_exhaustive()
    }
}

impl Keeping {
    /// Hands batches of `run` of `application` to `keeper`; `clean` hides secrets in what is said of them.
    pub(crate) fn new(
        keeper: Arc<dyn Keeper>,
        (run, application): (&str, &str),
        limits: &Limits,
        clean: Clean,
    ) -> Self {
        Self {
            keeper,
            run: run.to_owned(),
            application: application.to_owned(),
            limits: limits.clone(),
            clean,
            kept: Mutex::default(),
        }
    }

    /// What people find those by that were kept, in the order in which they were.
    pub(crate) fn kept(&self) -> Vec<String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        // A panic elsewhere leaves the list itself whole.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_full(&self) -> bool {
        self.lock().len() as u64 >= self.limits.kept_batches
    }
}

/// What a run keeps of one step.
#[derive(Debug)]
pub(in crate::engine) struct StepKeeping {
    keeping: Arc<Keeping>,
    plugin: String,
    reaches: String,
}

impl StepKeeping {
    pub(in crate::engine) fn new(keeping: Arc<Keeping>, step: &Step) -> Self {
        Self {
            keeping,
            plugin: step.plugin.to_string(),
            reaches: step.access.reaches().collect::<Vec<_>>().join(","),
        }
    }
}

impl Partition {
    /// The `error` that ends the run over `piece`, with where that is kept, if it is.
    pub(super) fn failed(&self, error: Error, place: Place, piece: &RecordBatch) -> Error {
        let located = self.located(error, place, piece.num_rows());
        let cause = located.to_shared();
        self.keep_whole(located, &cause, place, piece)
    }

    /// `told`, with where `piece` is kept, over which the transform failed with `cause`.
    pub(super) fn keep_whole(
        &self,
        told: Error,
        cause: &Error,
        place: Place,
        piece: &RecordBatch,
    ) -> Error {
        let Some(step) = self.step.keeping.as_ref().filter(|_| is_of_batch(cause)) else {
            return told;
        };
        match self.keep(step, cause, place, piece) {
            Ok(file) => told.fact("kept", &file).hint(format!(
                "the batch is kept: `sluice plugin replay {file}` runs it again, with `--plugin` in another build of \
                 the plugin"
            )),
            Err(why) => told.hint(format!("the batch is not kept: {why}")),
        }
    }

    /// Keeps a row that is left out, as the transform failed over it with `error`.
    pub(super) fn keep_row(&self, error: &Error, place: Place, row: &RecordBatch) {
        let Some(step) = &self.step.keeping else {
            return;
        };
        if step.keeping.is_full() {
            return;
        }
        let error = self.located(error.to_shared(), place, row.num_rows());
        if let Err(why) = self.keep(step, &error, place, row) {
            self.step.guests.warn(&format!("a row is not kept: {why}"));
        }
    }

    fn keep(
        &self,
        step: &StepKeeping,
        error: &Error,
        place: Place,
        piece: &RecordBatch,
    ) -> Result<String> {
        let keeping = &step.keeping;
        let facts = self.facts(step, error, place, piece.num_rows())?;
        let batch = compact(&self.layout.entering(piece)?)?;
        let file = file(&batch, &facts, keeping.limits.kept_bytes)?;
        let Facts {
            run,
            step,
            partition,
            ..
        } = &facts;
        let row = place.first_row;
        let name = format!("{run}-{step}-{partition}-{row}.arrow");
        let kept = keeping.keeper.keep(&name, &file)?;
        keeping.lock().push(kept.clone());
        Ok(kept)
    }

    fn facts(&self, step: &StepKeeping, error: &Error, place: Place, rows: usize) -> Result<Facts> {
        let StepKeeping {
            keeping,
            plugin,
            reaches,
        } = step;
        let guests = &self.step.guests;
        let clean = |text: &str| (keeping.clean)(text);
        let limits = keeping.limits.of_transform().into_iter();
        let limits: Map<_, _> = limits
            .map(|(key, value)| (key.to_owned(), Value::String(value)))
            .collect();
        let schema = RecordBatch::new_empty(guests.input_schema());
        let state = if self.step.stateless {
            "stateless"
        } else {
            "stateful"
        };
        let last = place.skip(rows.saturating_sub(1)).first_row;
        Ok(Facts {
            failing_batch: FORMAT.to_owned(),
            application: keeping.application.clone(),
            run: keeping.run.clone(),
            step: self.step.name.clone(),
            plugin: plugin.clone(),
            digest: guests.digest().to_owned(),
            params: guests.params().to_owned(),
            reaches: reaches.clone(),
            state: state.to_owned(),
            partition: self.index.to_string(),
            batch: place.batch.to_string(),
            rows: format!("{}-{last}", place.first_row),
            kind: error.kind().as_str().to_owned(),
            message: clean(&brief(error)),
            error: clean(&error.to_string()),
            limits: Value::Object(limits).to_string(),
            columns: STANDARD.encode(write(&schema, false)?),
        })
    }
}

/// `batch` without what its arrays share with other rows.
fn compact(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(|column| -> ArrayRef {
        match column.data_type() {
            DataType::Utf8View => Arc::new(column.as_string_view().gc()),
            DataType::BinaryView => Arc::new(column.as_binary_view().gc()),
            _ => Arc::clone(column),
        }
    });
    record_batch(&batch.schema(), columns.collect(), batch.num_rows())
}

/// The file of `batch`, which has at most `bytes_max` bytes.
fn file(batch: &RecordBatch, facts: &Facts, bytes_max: u64) -> Result<Vec<u8>> {
    let too_large = |bytes: u64| {
        let limit = Error::limit_key("kept_bytes", format!("{bytes_max} bytes"));
        limit.context(format!("it has {bytes} bytes"))
    };
    // Before as much again is allocated for its file.
    let sizes = batch.columns().iter().map(|column| {
        let size = column.to_data().get_slice_memory_size();
        size.unwrap_or(usize::MAX) as u64
    });
    let bytes = sizes.fold(0, u64::saturating_add);
    if bytes > bytes_max {
        return Err(too_large(bytes));
    }
    let mut metadata = batch.schema().metadata().clone();
    metadata.extend(facts.keys()?);
    let schema = Schema::new_with_metadata(batch.schema().fields().clone(), metadata);
    let columns = batch.columns().to_vec();
    let batch = record_batch(&Arc::new(schema), columns, batch.num_rows())?;
    let file = write(&batch, true).context("write the batch")?;
    if file.len() as u64 > bytes_max {
        return Err(too_large(file.len() as u64));
    }
    Ok(file)
}

/// An Arrow file with the columns of `batch`, and its rows if they are wanted.
fn write(batch: &RecordBatch, rows: bool) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let written = FileWriter::try_new(&mut file, &batch.schema()).and_then(|mut writer| {
        if rows {
            writer.write(batch)?;
        }
        writer.finish()
    });
    written.map_err(|cause| Error::internal(cause.to_string()))?;
    Ok(file)
}
