//! Receipts of runs.

use sluicegate::run::Receipt;

use crate::check_told;

/// A receipt: it becomes an application and an event, or says why not.
pub(crate) fn receipt(bytes: &[u8]) {
    match Receipt::read(bytes, "receipt") {
        Ok(receipt) => {
            if let Err(error) = receipt.application() {
                check_told(&error);
            }
            if let Err(error) = receipt.open_lineage("fuzz") {
                check_told(&error);
            }
        }
        Err(error) => check_told(&error),
    }
}
