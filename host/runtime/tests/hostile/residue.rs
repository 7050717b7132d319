//! What one guest leaves behind is never seen by another.

use std::thread;

use sluicegate::ErrorKind;

use crate::guest::{Guest, OK};
use crate::host::{Host, sandbox};

/// Enough for memory and stacks to be used again many times over by each thread.
const ROUNDS: usize = 200;

/// Pages that each guest begins with, and those that it grows by.
const PAGES: u32 = 16;

/// A word that is nowhere by chance.
const MARK: &str = "(i64.const 0x5ec2e75ec2e75ec2)";

/// Fills memory, a table and the stack with the mark, and ends in a trap for want of stack.
fn tenant() -> Guest {
    let process = format!(
        "(local $at i32)
         (drop (memory.grow (i32.const {PAGES})))
         (local.set $at (i32.const 65536))
         (loop $again
           (i64.store (local.get $at) {MARK})
           (local.set $at (i32.add (local.get $at) (i32.const 8)))
           (br_if $again (i32.lt_u (local.get $at) (i32.mul (memory.size) (i32.const 65536)))))
         (table.fill $t (i32.const 0) (ref.func $deep) (i32.const 1000))
         (drop (call $deep {MARK} {MARK})) {OK}"
    );
    let items = "(table $t 1000 funcref) (elem declare func $deep)
        (func $deep (param i64 i64) (result i64)
          (i64.add (local.get 0) (i64.add (call $deep (local.get 1) (local.get 0)) (local.get 1))))";
    Guest {
        pages: PAGES,
        process,
        items: items.to_owned(),
        ..Guest::default()
    }
}

/// Traps as `unreachable` where it finds anything but zeros in memory that it was just given, or a function in its
/// table.
fn next_tenant() -> Guest {
    let process = format!(
        "(local $at i32)
         (drop (memory.grow (i32.const {PAGES})))
         (local.set $at (i32.const 65536))
         (loop $again
           (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then unreachable))
           (local.set $at (i32.add (local.get $at) (i32.const 8)))
           (br_if $again (i32.lt_u (local.get $at) (i32.mul (memory.size) (i32.const 65536)))))
         (loop $again
           (if (i32.eqz (ref.is_null (table.get $t (local.get $slot)))) (then unreachable))
           (local.set $slot (i32.add (local.get $slot) (i32.const 1)))
           (br_if $again (i32.lt_u (local.get $slot) (i32.const 1000)))) {OK}"
    );
    Guest {
        pages: PAGES,
        process: format!("(local $slot i32) {process}"),
        items: "(table $t 1000 funcref)".to_owned(),
        // Nothing of the host's lies in the memory that it looks at.
        realloc: "(i32.const 32768)".to_owned(),
        ..Guest::default()
    }
}

#[test]
fn nothing_of_a_guest_is_left_for_the_next_one() {
    let first = sandbox().load(&tenant().bytes()).unwrap();
    let second = sandbox().load(&next_tenant().bytes()).unwrap();
    let take_turns = || {
        for round in 0..ROUNDS {
            let error = Host::default().run_plugin(&first).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Trap, "round {round}: {error}");
            assert!(
                error.to_string().contains("call stack exhausted"),
                "{error}"
            );
            let found = Host::default().run_plugin(&second);
            assert!(found.is_ok(), "round {round}: {found:?}");
        }
    };
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(take_turns);
        }
    });
}
