//! The trait that an author implements.

use serde::de::DeserializeOwned;

use crate::{Batch, Fault, Output, Plan};

/// A transform of record batches, exported with [`export!`](crate::export).
pub trait Transform: Sized {
    /// The parameters that an application file may set; `()` where there are none.
    ///
    /// A parameter that is not a field of the type is an error that lists those that are.
    type Params: DeserializeOwned;

    /// Checks the input and the parameters and says what will be done with every batch.
    ///
    /// Called once per instance, before any data. Every instance of a run must make the same plan.
    ///
    /// # Errors
    ///
    /// [`Fault::Invalid`] where the input or the parameters do not fit: the run ends before it reads data.
    fn bind(plan: &mut Plan, params: Self::Params) -> Result<Self, Fault>;

    /// Processes one batch and emits any number of batches to `out`.
    ///
    /// # Errors
    ///
    /// A fault ends the run. For a single bad row, use [`Output::reject`].
    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Fault>;

    /// Called once after the last batch; may emit with [`Output::rows`].
    ///
    /// # Errors
    ///
    /// A fault ends the run.
    fn finish(&mut self, out: &mut Output<'_>) -> Result<(), Fault> {
        let _ = out;
        Ok(())
    }
}
