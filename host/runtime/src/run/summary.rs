//! What a finished run says of itself.

use serde::Serialize;

use super::incremental::IncrementalSummary;
use crate::engine::{BadFigures, BadKind, Checked, RejectedRow, StepFigures};
use crate::storage::Attempts;

/// The figures of a finished run. Times are in seconds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// The run's name.
    pub run_id: String,
    /// The application's name.
    pub application: String,
    /// The version of the output that it committed, or that a run of the same name did before it.
    pub version: Option<u64>,
    /// Whether nothing was done, as the output has all of it or is to stay as it is.
    pub skipped: bool,
    /// Why, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped_because: Option<String>,
    /// What became of the input, where the output has `mode = "incremental"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incremental: Option<IncrementalSummary>,
    /// Rows read from the inputs.
    pub rows_in: u64,
    /// Rows written.
    pub rows_out: u64,
    /// Rows that a transform rejected.
    pub rows_rejected: u64,
    /// Rows that were left out since a transform fails over them.
    pub rows_failed: u64,
    /// What was left out of each input and step that says what becomes of bad rows.
    pub bad_rows: Vec<BadRowsSummary>,
    /// The file with the rows that are kept, relative to the output, if there are some.
    pub quarantine: Option<String>,
    /// The run's receipt, relative to the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// The partitions that storage failed at first.
    pub attempts: Vec<Attempts>,
    /// What people find those batches and rows by that were kept, over which transforms failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<String>,
    /// Bytes read from storage.
    pub bytes_read: u64,
    /// Bytes written to storage.
    pub bytes_written: u64,
    /// Wall-clock time of the run.
    pub seconds: f64,
    /// Most bytes that the run's memory pool held at once.
    pub peak_memory: u64,
    /// The transforms, in order.
    pub steps: Vec<StepSummary>,
    /// The files of the output, in order.
    pub files: Vec<FileSummary>,
    /// What the rules on the output found, in the order of the application file.
    pub checks: Vec<Checked>,
    /// Messages of the transforms, oldest first, up to the log limit.
    pub logs: Vec<LogLine>,
    /// The executed plan with its metrics, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<String>,
}

/// One transform of a finished run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StepSummary {
    /// The step's name.
    pub name: String,
    /// The plugin's sha256 digest, in hex.
    pub plugin: String,
    /// Rows that entered.
    pub rows_in: u64,
    /// Rows that left.
    pub rows_out: u64,
    /// Rows that it rejected.
    pub rows_rejected: u64,
    /// Rows that were left out since it fails over them.
    pub rows_failed: u64,
    /// The first thousand of both, in the order of the input.
    pub rejected: Vec<RejectedRow>,
    /// Time within the guest, summed over all cores.
    pub guest_seconds: f64,
    /// Time for crossing, checking and applying selections, summed over all cores.
    pub host_seconds: f64,
    /// Instances that were made.
    pub instances: u64,
}

/// What was left out of an input or a step.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BadRowsSummary {
    /// The input, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The step, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// `fail`, `skip` or `quarantine`.
    pub on_error: &'static str,
    /// Rows that were left out.
    pub rows: u64,
    /// The first hundred records of an input, in the order of its files. The rows of a step are with the step.
    pub unreadable: Vec<UnreadableRecord>,
}

/// A record of an input that cannot be read.
#[derive(Clone, Debug, Default, Serialize)]
pub struct UnreadableRecord {
    /// The file.
    pub file: String,
    /// The line, counted from one.
    pub line: u64,
    /// The first byte, in the file's text once that is not compressed any more.
    pub offset: u64,
    /// What is wrong with it.
    pub reason: String,
}

impl From<BadFigures> for BadRowsSummary {
    fn from(figures: BadFigures) -> Self {
        let named = figures.named.into_iter();
        let unreadable = named.map(|(file, line, offset, reason)| UnreadableRecord {
            file,
            line,
            offset,
            reason,
        });
        let of = |kind| (figures.kind == kind).then(|| figures.name.clone());
        Self {
            input: of(BadKind::Input),
            step: of(BadKind::Step),
            on_error: figures.on_error.as_str(),
            rows: figures.rows,
            unreadable: unreadable.collect(),
        }
    }
}

/// One file of the output.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FileSummary {
    /// Relative to the output's URI.
    pub path: String,
    /// Rows in the file.
    pub rows: u64,
    /// Size of the file.
    pub bytes: u64,
}

/// One message of a transform.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LogLine {
    /// The step that wrote it.
    pub step: String,
    /// `trace`, `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// The text, with control characters escaped.
    pub message: String,
}

impl From<StepFigures> for StepSummary {
    fn from(figures: StepFigures) -> Self {
        let seconds = |nanos| std::time::Duration::from_nanos(nanos).as_secs_f64();
        Self {
            name: figures.name,
            plugin: figures.plugin,
            rows_in: figures.rows_in,
            rows_out: figures.rows_out,
            rows_rejected: figures.rows_rejected,
            rows_failed: figures.rows_failed,
            rejected: figures.rejected,
            guest_seconds: seconds(figures.guest_nanos),
            host_seconds: seconds(figures.host_nanos),
            instances: figures.instances,
        }
    }
}
