//! What an application is once its parameters are known.

use std::collections::BTreeMap;

use arrow::datatypes::{Field, SchemaRef};
use serde::{Deserialize, Serialize};

use super::access::{SecretSource, StepAccess};
use super::bad_rows::BadRows;
use super::contract::{Contract, Rules};
use super::parameter::Value;
use super::uri::Uri;
use crate::limits::Limits;

/// Inputs, steps and an output, with every parameter filled in and every URI canonical.
#[derive(Clone, Debug)]
pub struct Application {
    /// `[a-z0-9-]`, at most 64 characters.
    pub name: String,
    /// What it is for; empty if not said.
    pub description: String,
    /// Labels, for people and policies.
    pub tags: BTreeMap<String, String>,
    /// Every declared parameter, given or by default.
    pub parameters: BTreeMap<String, Value>,
    /// Where secrets come from, by name.
    pub secrets: BTreeMap<String, SecretSource>,
    /// At least one, in the order of the file.
    pub inputs: Vec<Input>,
    /// In the order of the file; a step reads only what stands before it.
    pub steps: Vec<Step>,
    /// Where the result goes.
    pub output: Output,
    /// The defaults, with what the file changes.
    pub limits: Limits,
    /// What it was made of.
    pub origin: Origin,
}

/// What an application was made of: all that it takes to make it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The file, as errors name it.
    pub file: String,
    /// Its text.
    pub text: String,
    /// The folder that its relative paths start from.
    pub folder: String,
    /// The parameters that were given.
    pub parameters: BTreeMap<String, String>,
    /// What stood for `${run.id}` and its like.
    pub built_in: BTreeMap<String, String>,
}

impl Application {
    /// Whether bad rows of an input or a step are kept beside the output.
    #[must_use]
    pub fn keeps_bad_rows(&self) -> bool {
        let inputs = self.inputs.iter().map(|input| &input.bad_rows);
        let mut all = inputs.chain(self.steps.iter().map(|step| &step.bad_rows));
        all.any(BadRows::keeps)
    }
}

/// One named input.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Unique among inputs and steps.
    pub name: String,
    /// One file, a prefix or a glob.
    pub uri: Uri,
    /// How its bytes become rows.
    pub format: InputFormat,
    /// Columns that the path carries, as in `date=2024-01-31/`.
    pub partitions: Partitions,
    /// What becomes of rows that cannot be read.
    pub bad_rows: BadRows,
    /// What is expected of its columns, as the run sees them, if anything is.
    pub contract: Option<Contract>,
}

/// How an input's bytes become rows.
#[derive(Clone, Debug, PartialEq)]
pub enum InputFormat {
    /// Delimited text.
    Csv(CsvOptions),
    /// JSON objects.
    Json(JsonOptions),
    /// Parquet; the files carry their schema.
    Parquet,
    /// Arrow IPC, file or stream; the files carry their schema.
    Arrow,
}

impl InputFormat {
    /// The word for it in an application file.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Csv(_) => "csv",
            Self::Json(JsonOptions { array: true, .. }) => "json",
            Self::Json(_) => "ndjson",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }
}

/// Columns that the path of an input carries.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Partitions {
    /// The path means nothing.
    #[default]
    None,
    /// Whatever `name=value` folders there are, as text.
    Auto,
    /// These, in the order in which the folders nest.
    Columns(Vec<Field>),
}

/// How delimited text is read.
#[derive(Clone, Debug, PartialEq)]
pub struct CsvOptions {
    /// Whether the first line of each file names the columns.
    pub header: bool,
    /// Separates values; one ASCII character.
    pub delimiter: u8,
    /// Encloses values; one ASCII character.
    pub quote: u8,
    /// Makes the next character literal within quotes; none means that a quote is doubled.
    pub escape: Option<u8>,
    /// Starts a line that is skipped.
    pub comment: Option<u8>,
    /// Texts that stand for null.
    pub nulls: Vec<String>,
    /// Whether quoted values may contain line ends; none leaves it to the engine.
    pub multiline: Option<bool>,
    /// How the files are compressed.
    pub compression: Compression,
    /// Where the columns' types come from.
    pub schema: SchemaSource,
}

/// How JSON is read.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonOptions {
    /// One array of objects per file, in place of one object per line.
    pub array: bool,
    /// How the files are compressed.
    pub compression: Compression,
    /// Where the columns' types come from.
    pub schema: SchemaSource,
}

/// Where the columns' types of a text format come from.
#[derive(Clone, Debug, PartialEq)]
pub enum SchemaSource {
    /// They stand in the application file.
    Explicit(SchemaRef),
    /// They stand in this file, which [`parse_schema`](super::parse_schema) reads.
    File(Uri),
    /// They are guessed from the first rows of each file.
    Infer {
        /// Most rows that are looked at; at least one.
        rows: usize,
    },
}

/// How bytes are compressed. Not every format has every kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// Snappy, within Parquet.
    Snappy,
    /// Zstandard.
    Zstd,
    /// Gzip.
    Gzip,
    /// LZ4, within Parquet and Arrow.
    Lz4,
    /// Bzip2, for reading text.
    Bzip2,
    /// XZ, for reading text.
    Xz,
}

impl Compression {
    /// The word for it in an application file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Snappy => "snappy",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Lz4 => "lz4",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        }
    }
}

/// What a step or the output reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// An index into the inputs.
    Input(usize),
    /// An index into the steps, always of one that stands before.
    Step(usize),
}

/// One transform.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Unique among inputs and steps.
    pub name: String,
    /// What it reads.
    pub from: Source,
    /// Where its component is.
    pub plugin: Uri,
    /// What the transform is bound with: always an object.
    pub params: serde_json::Value,
    /// Columns whose equal values one instance of a stateful transform sees together.
    pub partition_by: Vec<String>,
    /// The order of the rows within such a partition.
    pub order_by: Vec<SortKey>,
    /// What the transform may reach beyond its columns.
    pub access: StepAccess,
    /// What becomes of rows that it rejects or fails over.
    pub bad_rows: BadRows,
}

/// One column of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// The column's name.
    pub column: String,
    /// Largest first.
    pub descending: bool,
}

/// Where the result goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// What it writes.
    pub from: Source,
    /// The folder of the dataset: always a prefix.
    pub uri: Uri,
    /// How rows become bytes.
    pub format: OutputFormat,
    /// What happens to what is already there.
    pub mode: Mode,
    /// Earlier versions that stay readable by their numbers.
    pub keep_versions: u64,
    /// Columns whose values become folders, as in `date=2024-01-31/`.
    pub partition_by: Vec<String>,
    /// A file that is at least this big is finished and another begun.
    pub target_file_bytes: u64,
    /// What is expected of its columns, if anything is.
    pub contract: Option<Contract>,
    /// What is expected of its rows.
    pub rules: Rules,
    /// Whether files that can say where their rows come from do so.
    pub provenance: bool,
}

impl Output {
    /// The same, whose rules stand in the file `origin` with this text.
    pub(super) fn in_file(self, origin: &str, text: &str) -> Self {
        Self {
            rules: self.rules.in_file(origin, text),
            ..self
        }
    }
}

/// How rows become bytes.
#[derive(Clone, Debug, PartialEq)]
pub enum OutputFormat {
    /// Parquet.
    Parquet(ParquetOutput),
    /// Delimited text.
    Csv(CsvOutput),
    /// One JSON object per line.
    Ndjson {
        /// None, gzip or Zstandard.
        compression: Compression,
    },
    /// Arrow IPC, the file form.
    Arrow {
        /// Of the buffers within: none, LZ4 or Zstandard.
        compression: Compression,
    },
}

impl OutputFormat {
    /// The word for it in an application file.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Parquet(_) => "parquet",
            Self::Csv(_) => "csv",
            Self::Ndjson { .. } => "ndjson",
            Self::Arrow { .. } => "arrow",
        }
    }

    /// How the name of a file of this format ends, with the dot.
    #[must_use]
    pub const fn extension(&self) -> &'static str {
        match self {
            Self::Parquet(_) => ".parquet",
            Self::Csv(CsvOutput { compression, .. }) => match compression {
                Compression::Gzip => ".csv.gz",
                Compression::Zstd => ".csv.zst",
                _ => ".csv",
            },
            Self::Ndjson { compression } => match compression {
                Compression::Gzip => ".ndjson.gz",
                Compression::Zstd => ".ndjson.zst",
                _ => ".ndjson",
            },
            Self::Arrow { .. } => ".arrow",
        }
    }
}

/// How Parquet is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParquetOutput {
    /// Of the pages.
    pub compression: Compression,
    /// Most rows of a row group.
    pub row_group_rows: usize,
}

/// How delimited text is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvOutput {
    /// Whether each file starts with the columns' names.
    pub header: bool,
    /// Separates values; one ASCII character.
    pub delimiter: u8,
    /// None, gzip or Zstandard.
    pub compression: Compression,
}

/// What happens to what is already at the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The run is refused.
    #[default]
    ErrorIfExists,
    /// It is replaced, once the new files are complete.
    Overwrite,
    /// New files join it.
    Append,
    /// Of Hive partitions, those that the run writes are replaced, and the others stay.
    OverwritePartitions,
    /// The run does nothing where something is there.
    Ignore,
    /// It becomes what all of the input gives: what earlier runs made of files that are still the same stays.
    Incremental,
}

impl Mode {
    /// The word for it in an application file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ErrorIfExists => "error-if-exists",
            Self::Overwrite => "overwrite",
            Self::Append => "append",
            Self::OverwritePartitions => "overwrite-partitions",
            Self::Ignore => "ignore",
            Self::Incremental => "incremental",
        }
    }

    /// Whether files that are there may go.
    #[must_use]
    pub const fn replaces(self) -> bool {
        matches!(
            self,
            Self::Overwrite | Self::OverwritePartitions | Self::Incremental
        )
    }

    /// Whether all files that are there may go, whoever wrote them.
    #[must_use]
    pub const fn replaces_all(self) -> bool {
        matches!(self, Self::Overwrite | Self::Incremental)
    }

    /// Whether there may be anything before the run.
    #[must_use]
    pub const fn takes_existing(self) -> bool {
        self.replaces() || matches!(self, Self::Append)
    }
}
