//! Messages of the current thread, in place of the host's log.

use std::cell::RefCell;

use crate::log::Level;

thread_local! {
    static MESSAGES: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn write(level: Level, message: &str) {
    MESSAGES.with_borrow_mut(|messages| messages.push((level, message.to_owned())));
}

pub(super) fn take() -> Vec<(Level, String)> {
    MESSAGES.take()
}
