//! Guests that may wait, because they import `wasi:http`: what holds for all others has to hold for them.

use std::sync::LazyLock;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sluicegate::sandbox::{Access, Level, Offers, Plugin};
use sluicegate::{Error, ErrorKind};
use tokio::runtime::Runtime;

use crate::guest::{Guest, OK};
use crate::host::{Host, sandbox};
use crate::wasi;

/// A call may take 200 ms here; a second more forgives a busy machine.
const PATIENCE: Duration = Duration::from_millis(1200);

/// Where guests wait.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().unwrap()
});

const TYPES: &str = r#"
  (import "wasi:http/types@0.2.3" (instance $http (export "fields" (type (sub resource)))))"#;

/// What a guest needs to wait: `$timer` makes one, `$block` waits for it.
const TIMERS: &str = r#"
  (import "wasi:io/poll@0.2.3" (instance $io-poll
    (export "pollable" (type $p (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $p))))))
  (alias export $io-poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.3" (instance $clock
    (alias outer 1 $pollable (type $p0))
    (export "pollable" (type $p (eq $p0)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))"#;

fn waiter(process: &str) -> Guest {
    Guest {
        imports: format!("{TYPES}{TIMERS}"),
        lower: r#"
  (core func $timer (canon lower (func $clock "subscribe-duration")))
  (core func $block (canon lower (func $io-poll "[method]pollable.block")))"#
            .to_owned(),
        lowered: r#"(export "timer" (func $timer)) (export "block" (func $block))"#.to_owned(),
        core_imports: r#"
      (import "host" "timer" (func $timer (param i64) (result i32)))
      (import "host" "block" (func $block (param i32)))"#
            .to_owned(),
        process: process.to_owned(),
        ..Guest::default()
    }
}

/// Waits for ever.
fn forever() -> Guest {
    waiter(&format!("(call $block (call $timer (i64.const -1))) {OK}"))
}

fn host() -> Host {
    Host {
        access: Access {
            runtime: Some(RUNTIME.handle().clone()),
            ..Access::default()
        },
        ..Host::default()
    }
}

fn load(guest: &Guest) -> Plugin {
    let offers = Offers {
        http: true,
        ..Offers::default()
    };
    sandbox()
        .load_unless(&guest.bytes(), offers, &|| false)
        .unwrap()
}

fn error(host: &Host, guest: &Guest) -> Error {
    let Err(error) = host.run_plugin(&load(guest)) else {
        panic!("the guest got away with it")
    };
    assert_eq!(
        host.memory.used.load(Ordering::SeqCst),
        0,
        "memory was not given back"
    );
    error
}

#[test]
fn a_guest_that_waits_for_ever_is_stopped() {
    let start = Instant::now();
    let error = error(&host(), &forever());
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    assert_eq!(
        error.to_string(),
        "call `process`: limit `call_time` of 200ms reached"
    );
}

#[test]
fn a_guest_that_waits_is_cancelled() {
    let mut host = host();
    host.limits.call_time = Duration::from_mins(10);
    let cancel = std::sync::Arc::clone(&host.cancel);
    let plugin = load(&forever());
    let bound = host.bind(&plugin).unwrap();
    let start = Instant::now();
    let ended = std::thread::scope(|scope| {
        let run = scope.spawn(|| bound.process(crate::host::batch(2, 10)).map(drop));
        cancel.store(true, Ordering::SeqCst);
        run.join().unwrap()
    });
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn a_loop_is_stopped_on_a_stack_of_its_own_too() {
    for body in [
        "(loop $again (br $again)) unreachable".to_owned(),
        "(loop $again (call $block (call $timer (i64.const 0))) (br $again)) unreachable"
            .to_owned(),
    ] {
        let error = error(&host(), &waiter(&body));
        assert!(
            matches!(error.kind(), ErrorKind::Limit | ErrorKind::Trap),
            "{error}"
        );
    }
    let start = Guest {
        start: "(loop $again (br $again))".to_owned(),
        ..forever()
    };
    assert_eq!(error(&host(), &start).kind(), ErrorKind::Limit);
}

#[test]
fn a_guest_that_may_wait_crashes_and_recurses_like_others() {
    let crash = error(&host(), &waiter("unreachable"));
    assert_eq!(crash.kind(), ErrorKind::Trap);
    assert!(crash.to_string().contains("unreachable"), "{crash}");
    let deep = error(&host(), &waiter("(drop (call $process)) unreachable"));
    assert!(deep.to_string().contains("call stack exhausted"), "{deep}");
}

#[test]
fn handles_that_are_never_given_back_end_the_guest() {
    let hoard = waiter("(loop $again (drop (call $timer (i64.const -1))) (br $again)) unreachable");
    let error = error(&host(), &hoard);
    assert_eq!(error.kind(), ErrorKind::Trap, "{error}");
}

#[test]
fn what_a_guest_that_may_wait_prints_becomes_messages() {
    let mut writer = wasi::write(2, &["one\\0atwo"]);
    writer.imports.insert_str(0, TYPES);
    let host = host();
    host.run_plugin(&load(&writer)).unwrap();
    let said = host.logs.take();
    let said: Vec<_> = said
        .iter()
        .map(|(level, line)| (*level, line.as_str()))
        .collect();
    assert_eq!(said, [(Level::Warn, "one"), (Level::Warn, "two")]);
}

#[test]
fn without_a_runtime_there_is_no_waiting() {
    let error = error(&Host::default(), &forever());
    assert_eq!(error.kind(), ErrorKind::Internal);
}
