//! What is decided once for a whole run, and decided again when its policies change.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::error::Result;
use crate::policy::{Act, Context, Guard, Resource};

/// Decides again, and fails where the run may not go on as it began.
type Again = Box<dyn Fn() -> Result<()> + Send + Sync>;

/// Decisions that hold until the policies change.
#[derive(Default)]
pub(super) struct Held(Mutex<Vec<Again>>);

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

impl Held {
    /// Grants, now and whenever the policies change.
    ///
    /// # Errors
    ///
    /// As [`Guard::grant`].
    pub(super) fn grant<A: Act>(
        &self,
        guard: &Guard,
        resource: Resource,
        context: Context,
    ) -> Result<()> {
        guard.grant::<A>(resource.clone(), context.clone())?;
        let guard = guard.clone();
        self.keep(move || {
            let granted = guard.grant::<A>(resource.clone(), context.clone());
            granted.map(drop)
        });
        Ok(())
    }

    /// Keeps how to decide again.
    pub(super) fn keep(&self, again: impl Fn() -> Result<()> + Send + Sync + 'static) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.push(Box::new(again));
    }

    /// Decides all again.
    ///
    /// # Errors
    ///
    /// Fails with the first that the policies no longer allow.
    pub(super) fn again(&self) -> Result<()> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().try_for_each(|again| again())
    }
}
