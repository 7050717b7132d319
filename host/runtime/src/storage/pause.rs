//! The pause before something is tried again.

#[cfg(not(test))]
pub(super) use tokio::time::sleep;

#[cfg(test)]
pub(super) use self::simulated::{SIMULATED, sleep};

/// Simulations have no clock: there, a pause is a number of turns that others have.
#[cfg(test)]
mod simulated {
    use std::cell::Cell;
    use std::time::Duration;

    thread_local! {
        /// Whether this thread simulates.
        pub(in crate::storage) static SIMULATED: Cell<bool> = const { Cell::new(false) };
    }

    /// What a turn takes.
    const TURN: Duration = Duration::from_millis(20);

    pub(in crate::storage) async fn sleep(pause: Duration) {
        if !SIMULATED.get() {
            return tokio::time::sleep(pause).await;
        }
        for _ in 0..pause.as_millis() / TURN.as_millis() {
            tokio::task::yield_now().await;
        }
    }
}
