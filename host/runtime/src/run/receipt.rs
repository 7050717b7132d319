//! What a run leaves word of: all that it takes to know what was done, and to do it again.
//!
//! A receipt is a file of JSON below the output, `_sluice/receipts/RUN.json`, which appears with the rows.

use std::collections::BTreeMap;
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::accessed::Access;
use crate::error::{Error, Result};
use crate::spec::{Origin, SchemaColumn, clip};
use crate::storage::{DataFile, ObjectMeta};

/// What this program writes, and the only one that it reads.
const FORMAT: u32 = 1;

/// Bytes of a receipt: a run reads and writes at most a hundred thousand files each, and a name has a thousand bytes at
/// most, of which most have a hundred.
pub(super) const RECEIPT_BYTES_MAX: u64 = 256 << 20;

/// The folder of receipts, below the output.
pub(super) const FOLDER: &str = "_sluice/receipts/";

/// The name of a run's receipt, below the output.
#[must_use]
pub(super) fn receipt_file(run: &str) -> String {
    format!("{FOLDER}{run}.json")
}

/// Whether a run can have this name: it is part of names of files.
#[must_use]
pub fn is_run(name: &str) -> bool {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.chars().all(is_legal)
}

/// What a run did, and by what.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Receipt {
    /// The version of this format.
    pub format: u32,
    /// The version of the program.
    pub sluice: String,
    /// The run.
    pub run: String,
    /// The application's name.
    pub application: String,
    /// What the application was made of: its text, and its parameters.
    pub origin: Origin,
    /// All parameters, those that were not given among them.
    pub parameters: BTreeMap<String, String>,
    /// Who started it; empty if nobody says so.
    pub submitter: String,
    /// Where the application belongs; empty if nobody says so.
    pub compartment: String,
    /// When it started, in UTC.
    pub started: String,
    /// How long it took until its commit began.
    pub seconds: f64,
    /// Partitions, which decide how rows become files.
    pub threads: usize,
    /// A BLAKE3 of the policies that decided, if there were any; another one where they changed meanwhile.
    pub policies: Vec<String>,
    /// Why it may do something else if it is run again; empty where it cannot.
    pub undetermined: Vec<String>,
    /// In the order of the application.
    pub inputs: Vec<InputReceipt>,
    /// In the order of the application.
    pub steps: Vec<StepReceipt>,
    /// What it wrote.
    pub output: OutputReceipt,
    /// What was asked for, in order.
    pub accessed: Vec<Access>,
    /// Decisions about whatever else was asked for.
    pub accessed_others: u64,
}

/// An input, as it was.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InputReceipt {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub uri: String,
    /// As in the application file.
    pub format: String,
    /// Its columns, as the run saw them.
    pub columns: Vec<SchemaColumn>,
    /// Those that policies masked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masked: Vec<String>,
    /// Records that could not be read, and were left out.
    pub unreadable: u64,
    /// Its files, in the order in which they were read; none are told where the names of their folders may hold values
    /// of columns that policies masked.
    pub files: Option<Vec<InputFile>>,
}

/// A file of an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFile {
    /// Its key in the store, or its path in the folder that was opened.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// As the store has it; on a local disk, of inode, time and size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// When it was written, in UTC.
    pub modified: String,
}

impl InputFile {
    /// What is known of an object.
    pub(super) fn of(object: &ObjectMeta) -> Self {
        Self {
            path: object.location.to_string(),
            bytes: object.size,
            etag: object.e_tag.clone(),
            modified: time(object.last_modified),
        }
    }

    /// Whether an object has the same content, as far as its store tells: not each listing has etags.
    pub(super) fn is_same(&self, object: &ObjectMeta) -> bool {
        let now = Self::of(object);
        match (&self.etag, &now.etag) {
            (Some(then), Some(now)) => then == now,
            _ => self.modified == now.modified,
        }
    }
}

/// A step, as it was.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StepReceipt {
    /// Its name.
    pub name: String,
    /// Where its component is.
    pub plugin: String,
    /// The component's digest, in hex.
    pub sha256: String,
    /// Rows that entered.
    pub rows_in: u64,
    /// Rows that left.
    pub rows_out: u64,
    /// Rows that it rejected.
    pub rows_rejected: u64,
    /// Rows that were left out since it fails over them.
    pub rows_failed: u64,
}

/// What a run wrote.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct OutputReceipt {
    /// Where.
    pub uri: String,
    /// As in the application file.
    pub format: String,
    /// As in the application file.
    pub mode: String,
    /// Rows read for it.
    pub rows_in: u64,
    /// Rows written.
    pub rows: u64,
    /// The file with the rows that were left out and kept, relative to the output, if there are some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<String>,
    /// Its columns.
    pub columns: Vec<SchemaColumn>,
    /// Where each column comes from.
    pub lineage: Vec<ColumnLineage>,
    /// Its files, in the order of the rows.
    pub files: Vec<DataFile>,
}

/// A column of the output, and those of inputs that it comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnLineage {
    /// The column.
    pub column: String,
    /// Whether its values are those of the one column that it comes from.
    pub same: bool,
    /// Columns by the names of their inputs. A transform that computes a column may use all that it reads.
    pub from: Vec<(String, String)>,
}

impl Receipt {
    /// The version of the format that is written.
    pub(super) const FORMAT: u32 = FORMAT;

    /// Reads a receipt; `what` names it in errors.
    ///
    /// # Errors
    ///
    /// Fails where it is none, or of a format that is not known.
    pub fn read(bytes: &[u8], what: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let malformed = |error: serde_json::Error| {
            Error::input(format!("`{what}` is no receipt of a run: {error}"))
                .hint(format!("receipts are below outputs, in `{FOLDER}`"))
        };
        let Head { format } = serde_json::from_slice(bytes).map_err(malformed)?;
        if format != FORMAT {
            return Err(Error::input(format!(
                "the receipt `{what}` has the format {format}, and this program knows {FORMAT}"
            )));
        }
        serde_json::from_slice(bytes).map_err(malformed)
    }

    /// As it is written, once `clean` has hidden in it what nobody may read.
    ///
    /// # Errors
    ///
    /// Does not fail but for a bug.
    pub(super) fn write(&self, clean: impl Fn(&Value) -> Value) -> Result<String> {
        let text =
            serde_json::to_value(self).and_then(|told| serde_json::to_string_pretty(&clean(&told)));
        text.map_err(|error| Error::internal("a receipt cannot be written").source(error))
    }

    /// When the run started.
    ///
    /// # Errors
    ///
    /// Fails where that is no time.
    pub fn started(&self) -> Result<SystemTime> {
        let time = DateTime::parse_from_rfc3339(&self.started);
        let time =
            time.map_err(|_| Error::input(format!("`{}` is no time", clip(&self.started))))?;
        Ok(time.into())
    }

    /// What each file of the output says that can.
    #[must_use]
    pub fn provenance(&self) -> Provenance {
        let inputs = self.inputs.iter().map(|input| InputDigest {
            name: input.name.clone(),
            uri: input.uri.clone(),
            files: input.files.as_ref().map(|files| files.len() as u64),
            blake3: input.files.as_deref().map(digest),
        });
        let steps = self.steps.iter().map(|step| StepDigest {
            name: step.name.clone(),
            plugin: step.plugin.clone(),
            sha256: step.sha256.clone(),
        });
        Provenance {
            run: self.run.clone(),
            application: self.application.clone(),
            sluice: self.sluice.clone(),
            started: self.started.clone(),
            output: self.output.uri.clone(),
            receipt: receipt_file(&self.run),
            parameters: self.parameters.clone(),
            inputs: inputs.collect(),
            steps: steps.collect(),
        }
    }
}

/// Where the rows of a file come from, as the file itself says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The run that wrote it.
    pub run: String,
    /// The run's application.
    pub application: String,
    /// The version of the program.
    pub sluice: String,
    /// When the run started, in UTC.
    pub started: String,
    /// The dataset that it was written for.
    pub output: String,
    /// The run's receipt, relative to the dataset.
    pub receipt: String,
    /// All parameters of the run.
    pub parameters: BTreeMap<String, String>,
    /// What the run read.
    pub inputs: Vec<InputDigest>,
    /// What it did.
    pub steps: Vec<StepDigest>,
}

impl Provenance {
    /// As files hold it.
    ///
    /// # Errors
    ///
    /// Does not fail but for a bug.
    pub(super) fn write(&self) -> Result<String> {
        serde_json::to_string(self)
            .map_err(|error| Error::internal("a provenance cannot be written").source(error))
    }
}

/// An input of a run, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputDigest {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub uri: String,
    /// How many files it was, where that is told.
    pub files: Option<u64>,
    /// Of names, sizes and etags of the files, in hex, where they are told.
    pub blake3: Option<String>,
}

/// A step of a run, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepDigest {
    /// Its name.
    pub name: String,
    /// Where its component was.
    pub plugin: String,
    /// The component's digest, in hex.
    pub sha256: String,
}

fn digest(files: &[InputFile]) -> String {
    let mut hash = blake3::Hasher::new();
    for InputFile {
        path, bytes, etag, ..
    } in files
    {
        let etag = etag.as_deref().unwrap_or_default();
        for part in [path.as_bytes(), &bytes.to_le_bytes(), etag.as_bytes()] {
            hash.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
    }
    hash.finalize().to_hex().to_string()
}

/// A time as receipts tell it.
pub(super) fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
