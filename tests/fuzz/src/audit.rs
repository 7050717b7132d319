//! Files of audits.

use std::io::Cursor;

use sluicegate::policy::Use;
use sluicegate::policy::audit::{Entry, Tail, entries};

use crate::check_told;

/// An audit: what is whole is not any more without its last byte, and its end is found.
pub(crate) fn audit(bytes: &[u8]) {
    let read = entries(bytes, None, |_, entry| {
        if let Entry::Decision(decided) = entry {
            let _ = Use::of(&decided);
        }
        Ok(())
    });
    let tail = Tail::find(&mut Cursor::new(bytes));
    match read {
        Ok(verified) => {
            assert!(tail.unwrap().is_some());
            let cut = bytes.get(..bytes.len() - 1).unwrap();
            assert!(entries(cut, None, |_, _| Ok(())).is_err());
            let kept = Some(verified.hash.as_str());
            assert_eq!(entries(bytes, kept, |_, _| Ok(())).unwrap(), verified);
        }
        Err(error) => check_told(&error),
    }
}
