//! Ctrl-C cancels, a second one ends the process.

use std::sync::Arc;

use sluicegate::run::Progress;

/// Cancels the run at the first interrupt; ends the process at the second. Never returns by itself.
pub(crate) async fn watch(progress: Arc<Progress>) {
    if tokio::signal::ctrl_c().await.is_err() {
        return;
    }
    progress.cancel();
    eprintln!("cancelling the run; interrupt again to end at once");
    if tokio::signal::ctrl_c().await.is_ok() {
        end();
    }
}

#[expect(
    clippy::exit,
    reason = "the person asked twice, and the run may not be able to end"
)]
fn end() {
    std::process::exit(130);
}
