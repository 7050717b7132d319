//! Guests that crash, and what a person reads about it.

use sluicegate::ErrorKind;

use crate::guest::{Guest, OK};
use crate::host::Host;

fn process(body: &str) -> Guest {
    let items = r"
        (type $nothing (func))
        (table $t 4 funcref)
        (elem (table $t) (i32.const 1) func $wrong)
        (func $wrong (param i64))
        (func $inner (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
        (func $outer (result i32) (call $inner (i32.const 0)))";
    Guest {
        process: body.to_owned(),
        items: items.to_owned(),
        ..Guest::default()
    }
}

#[test]
fn each_crash_says_what_and_where() {
    let message = |body: &str| Host::default().message(&process(body));
    insta::assert_snapshot!(message("unreachable"), @r#"
    trap: call `process`: the transform crashed in `process`: wasm `unreachable` instruction executed
      backtrace: process
    "#);
    insta::assert_snapshot!(message("(call $outer)"), @r#"
    trap: call `process`: the transform crashed in `inner`: integer divide by zero
      backtrace: inner < outer < process
    "#);
    insta::assert_snapshot!(message("(i32.load (i32.const 0xffffffff))"), @r#"
    trap: call `process`: the transform crashed in `process`: out of bounds memory access
      backtrace: process
    "#);
    insta::assert_snapshot!(message(&format!("(call_indirect $t (type $nothing) (i32.const 0)) {OK}")), @r#"
    trap: call `process`: the transform crashed in `process`: uninitialized element
      backtrace: process
    "#);
    insta::assert_snapshot!(message(&format!("(call_indirect $t (type $nothing) (i32.const 1)) {OK}")), @r#"
    trap: call `process`: the transform crashed in `process`: indirect call type mismatch
      backtrace: process
    "#);
    insta::assert_snapshot!(message(&format!("(call_indirect $t (type $nothing) (i32.const 9)) {OK}")), @r#"
    trap: call `process`: the transform crashed in `process`: undefined element: out of bounds table access
      backtrace: process
    "#);
}

#[test]
fn a_crash_shows_what_the_guest_said_last() {
    let mut guest = process("(call $log (i32.const 4) (i32.const 4096) (i32.const 9)) unreachable");
    // Not what it said in an earlier call.
    guest.start = "(call $log (i32.const 4) (i32.const 0) (i32.const 9))".to_owned();
    guest
        .items
        .push_str(r#"(data (i32.const 4096) "no\1b[2J:\0a!")"#);
    insta::assert_snapshot!(Host::default().message(&guest), @r#"
    trap: call `process`: the transform said `no\u{1b}[2J:\n!`: the transform crashed in `process`: wasm `unreachable` instruction executed
      backtrace: process
    "#);
}

#[test]
fn recursion_ends_in_an_error_and_not_in_the_process() {
    let recursive = |items: &str, body: &str| Guest {
        items: items.to_owned(),
        process: body.to_owned(),
        ..Guest::default()
    };
    let plain = recursive("(func $f (call $f) (call $f))", &format!("(call $f) {OK}"));
    let ackermann = recursive(
        "(func $a (param i64 i64) (result i64)
           (if (result i64) (i64.eqz (local.get 0))
             (then (i64.add (local.get 1) (i64.const 1)))
             (else (if (result i64) (i64.eqz (local.get 1))
               (then (call $a (i64.sub (local.get 0) (i64.const 1)) (i64.const 1)))
               (else (call $a (i64.sub (local.get 0) (i64.const 1))
                 (call $a (local.get 0) (i64.sub (local.get 1) (i64.const 1)))))))))",
        &format!("(drop (call $a (i64.const 3) (i64.const 100000))) {OK}"),
    );
    // The host calls back into the guest to make room for what was read.
    let through_host = Guest {
        realloc: "(call $r (local.get $old) (local.get $size) (local.get $align) (local.get $new)))
          (func $r (param i32 i32 i32 i32) (result i32)
            (call $r (local.get 0) (local.get 1) (local.get 2) (local.get 3)) (drop) (i32.const 0)"
            .to_owned(),
        ..Guest::default()
    };
    for guest in [plain, ackermann, through_host] {
        let error = Host::default().error(&guest);
        assert_eq!(error.kind(), ErrorKind::Trap, "{error}");
        assert!(
            error.to_string().contains("call stack exhausted"),
            "{error}"
        );
        let backtrace = error
            .facts()
            .iter()
            .find(|(name, _)| *name == "backtrace")
            .unwrap();
        assert!(backtrace.1.split(" < ").count() <= 20);
    }
}

#[test]
fn a_fault_is_no_crash() {
    let fault = |kind: u32| {
        let items = format!(
            r#"(data (i32.const 4096) "\01\00\00\00\0{kind}\00\00\00\20\10\00\00\06\00\00\00")
               (data (i32.const 4128) "no\0dway")"#
        );
        Guest {
            items,
            ..Guest::default()
        }
    };
    let at = "(i32.const 4096)".to_owned();
    let bind = |kind| {
        Host::default().message(&Guest {
            bind: at.clone(),
            ..fault(kind)
        })
    };
    let process = |kind| {
        Host::default().message(&Guest {
            process: at.clone(),
            ..fault(kind)
        })
    };
    insta::assert_snapshot!(bind(0), @r#"
    guest: call `bind`: the transform refused its parameters or its input: no\rway
      hint: change the parameters of the step, or the columns that reach it
    "#);
    insta::assert_snapshot!(process(1), @r#"guest: call `process`: the transform cannot process the data: no\rway"#);
    insta::assert_snapshot!(process(2), @r#"
    guest: call `process`: the transform failed for a passing reason: no\rway
      transient: true
      hint: run it again
    "#);
}
