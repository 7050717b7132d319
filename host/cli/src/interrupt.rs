//! Ctrl-C and requests to end cancel, a second one ends the process.

use std::sync::Arc;

use sluicegate::run::Progress;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The bit of a hangup in a mask of signals.
const HANGUP: u64 = 1 << 0;

/// Signals that ask the process to end.
struct Requests {
    interrupt: Signal,
    terminate: Signal,
    /// None where whoever started the process wants it to outlive the terminal.
    hangup: Option<Signal>,
}

impl Requests {
    fn new() -> std::io::Result<Self> {
        let hangup = if ignores_hangup() {
            None
        } else {
            Some(signal(SignalKind::hangup())?)
        };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup,
        })
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hangup => {}
        }
    }
}

/// Cancels the run at the first request to end; ends the process at the second. Never returns by itself.
pub(crate) async fn watch(progress: Arc<Progress>) {
    let Ok(mut requests) = Requests::new() else {
        return;
    };
    requests.next().await;
    progress.cancel();
    eprintln!("cancelling the run; interrupt again to end at once");
    requests.next().await;
    end();
}

/// Whether the process was started so that it ignores hangups, as `nohup` does. Told by Linux only.
fn ignores_hangup() -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return false;
    };
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & HANGUP != 0)
}

#[expect(
    clippy::exit,
    reason = "the person asked twice, and the run may not be able to end"
)]
fn end() {
    std::process::exit(130);
}
