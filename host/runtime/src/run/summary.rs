//! What a finished run says of itself.

use serde::Serialize;

use crate::engine::{Checked, RejectedRow, StepFigures};

/// The figures of a finished run. Times are in seconds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// The run's name.
    pub run_id: String,
    /// The application's name.
    pub application: String,
    /// Rows read from the inputs.
    pub rows_in: u64,
    /// Rows written.
    pub rows_out: u64,
    /// Rows that a transform rejected.
    pub rows_rejected: u64,
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
    /// The first thousand of them, in the order of the input.
    pub rejected: Vec<RejectedRow>,
    /// Time within the guest, summed over all cores.
    pub guest_seconds: f64,
    /// Time for crossing, checking and applying selections, summed over all cores.
    pub host_seconds: f64,
    /// Instances that were made.
    pub instances: u64,
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
            rejected: figures.rejected,
            guest_seconds: seconds(figures.guest_nanos),
            host_seconds: seconds(figures.host_nanos),
            instances: figures.instances,
        }
    }
}
