//! Guests that do not come back.

use std::time::{Duration, Instant};

use sluicegate::ErrorKind;

use crate::guest::{Guest, OK, add_one};
use crate::host::{Host, batch, sandbox};

const FOREVER: &str = "(loop $again (br $again)) unreachable";

/// A call may take 200 ms here; a second more forgives a busy machine.
const PATIENCE: Duration = Duration::from_millis(1200);

#[track_caller]
fn check_stopped(name: &str, guest: &Guest) {
    let host = Host::default();
    let start = Instant::now();
    let error = host.error(guest);
    assert!(
        start.elapsed() < PATIENCE,
        "{name} took {:?}",
        start.elapsed()
    );
    assert_eq!(error.kind(), ErrorKind::Limit, "{name}: {error}");
    assert!(
        error
            .to_string()
            .contains("limit `call_time` of 200ms reached"),
        "{name}: {error}"
    );
    assert!(
        error
            .hints()
            .iter()
            .any(|hint| hint.contains("--limit-call-time")),
        "{name}"
    );
}

#[test]
fn a_loop_in_every_entry_point_is_stopped() {
    let forever = || FOREVER.to_owned();
    check_stopped(
        "start",
        &Guest {
            start: forever(),
            ..Guest::default()
        },
    );
    check_stopped(
        "bind",
        &Guest {
            bind: forever(),
            ..Guest::default()
        },
    );
    check_stopped(
        "process",
        &Guest {
            process: forever(),
            ..Guest::default()
        },
    );
    check_stopped(
        "finish",
        &Guest {
            finish: forever(),
            ..Guest::default()
        },
    );
    check_stopped(
        "realloc",
        &Guest {
            realloc: forever(),
            ..Guest::default()
        },
    );
    check_stopped(
        "post-return",
        &Guest {
            post_return: forever(),
            ..Guest::default()
        },
    );
}

#[test]
fn recursion_without_depth_is_stopped() {
    // Tail calls need no stack, so that only time ends them.
    let items = "(func $spin (return_call $spin))".to_owned();
    let process = format!("(call $spin) {OK}");
    check_stopped(
        "tail calls",
        &Guest {
            process,
            items,
            ..Guest::default()
        },
    );
}

#[test]
fn filling_all_memory_over_and_over_is_stopped() {
    let fill = "(loop $again
        (memory.fill (i32.const 131072) (i32.const 1) (i32.const 66846720))
        (memory.copy (i32.const 131072) (i32.const 131073) (i32.const 66846719))
        (br $again)) unreachable";
    check_stopped(
        "bulk",
        &Guest {
            pages: 1023,
            process: fill.to_owned(),
            ..Guest::default()
        },
    );
}

#[test]
fn host_calls_in_a_loop_are_stopped_by_their_number() {
    let process = "(loop $again (drop (call $rows)) (br $again)) unreachable";
    let host = Host::default();
    let error = host.error(&Guest {
        process: process.to_owned(),
        ..Guest::default()
    });
    let expected = "call `process`: limit `host_calls` of 1000000 reached";
    // On a slow machine the time may be over first.
    if !error.to_string().contains("call_time") {
        assert_eq!(error.to_string(), expected);
    }
    let mut host = Host::default();
    host.limits.host_calls = 1000;
    let error = host.error(&Guest {
        process: process.to_owned(),
        ..Guest::default()
    });
    assert_eq!(
        error.to_string(),
        "call `process`: limit `host_calls` of 1000 reached"
    );
}

#[test]
fn a_cancelled_run_stops_at_the_next_tick() {
    let host = Host::default();
    let mut slow = Host::default();
    slow.limits.call_time = Duration::from_mins(1);
    slow.cancel = std::sync::Arc::clone(&host.cancel);
    let guest = Guest {
        process: FOREVER.to_owned(),
        ..Guest::default()
    };
    let bound = slow.bind(&sandbox().load(&guest.bytes()).unwrap()).unwrap();
    let start = Instant::now();
    let error = std::thread::scope(|scope| {
        let call = scope.spawn(|| bound.process(batch(2, 10)).unwrap_err());
        host.cancel.store(true, std::sync::atomic::Ordering::SeqCst);
        call.join().unwrap()
    });
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(start.elapsed() < PATIENCE);
    let error = slow
        .bind(&sandbox().load(&add_one(2, false).bytes()).unwrap())
        .unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Cancelled,
        "a cancelled run starts nothing"
    );
}
