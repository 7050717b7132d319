//! The progress bar, on a terminal's standard error.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use sluicegate::run::Progress;

/// Often enough to look alive, seldom enough to cost nothing.
const REDRAW: Duration = Duration::from_millis(100);

/// Draws how far `progress` is, until it is dropped.
pub(crate) async fn draw(progress: Arc<Progress>) {
    // Nothing is drawn where standard error is no terminal.
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = |template| {
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
    };
    bar.set_style(style("{spinner} {elapsed} {bytes} {bytes_per_sec} {msg}"));
    let bar = Cleared(bar);
    let mut ticks = tokio::time::interval(REDRAW);
    loop {
        ticks.tick().await;
        let total = progress.bytes_total.load(Relaxed);
        if total > 0 && bar.0.length() != Some(total) {
            bar.0.set_length(total);
            bar.0.set_style(style(
                "{elapsed} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {msg}, {eta} left",
            ));
        }
        let (read, written) = (
            progress.rows_in.load(Relaxed),
            progress.rows_out.load(Relaxed),
        );
        let retries = match progress.retries.load(Relaxed) {
            0 => String::new(),
            count => format!(", {} retries", HumanCount(count)),
        };
        bar.0.set_message(format!(
            "{} rows in, {} out{retries}",
            HumanCount(read),
            HumanCount(written)
        ));
        bar.0.set_position(progress.bytes_read.load(Relaxed));
        bar.0.tick();
    }
}

/// Leaves no trace of the bar, whichever way the run ends.
struct Cleared(ProgressBar);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
