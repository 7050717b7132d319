//! Guests that want too much memory.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sluicegate::ErrorKind;

use crate::guest::{Guest, OK, add_one};
use crate::host::{Host, Memory, batch, sandbox, shown};

const MIB: usize = 1 << 20;

/// Grows by a MiB until that fails, then does what `then` says.
fn grow_until_refused(then: &str) -> Guest {
    let process = format!(
        "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) {then}"
    );
    Guest {
        process,
        ..Guest::default()
    }
}

#[test]
fn growth_ends_at_the_limit_and_the_guest_may_live_with_it() {
    let host = Host::default();
    host.run(&grow_until_refused(OK)).unwrap();
    assert_eq!(host.memory.peak.load(Ordering::SeqCst), 64 * MIB);
    assert_eq!(host.memory.used.load(Ordering::SeqCst), 0);
}

#[test]
fn a_guest_that_crashes_for_want_of_memory_gets_the_limit_as_its_error() {
    let said = "(call $log (i32.const 4) (i32.const 4096) (i32.const 20)) unreachable";
    let mut guest = grow_until_refused(said);
    guest.items = r#"(data (i32.const 4096) "allocation of 1 MiB!")"#.to_owned();
    insta::assert_snapshot!(Host::default().message(&guest), @r#"
    limit: call `process`: the transform said `allocation of 1 MiB!`: the transform crashed in `process`: wasm `unreachable` instruction executed: limit `guest_memory` of 64 MiB reached
      limit: guest_memory
      backtrace: process
      hint: if the transform is right to need more, raise `guest_memory` under `[limits]` in the application file, or pass `--limit-guest-memory`
    "#);
}

#[test]
fn a_guest_gets_no_more_than_the_run_has_left() {
    let host = Host {
        memory: Arc::new(Memory {
            limit: Some(8 * MIB),
            ..Memory::default()
        }),
        ..Host::default()
    };
    insta::assert_snapshot!(host.message(&grow_until_refused("unreachable")), @r#"
    limit: call `process`: the transform crashed in `process`: wasm `unreachable` instruction executed: the memory of the run is used up
      limit: memory
      backtrace: process
      hint: raise `memory` under `[limits]` in the application file, or pass `--limit-memory`
    "#);
}

#[test]
fn memory_that_wasmtime_refuses_first_takes_no_charge_back() {
    // Each growth is followed by one that no 32-bit memory can have, which wasmtime reports as a failure.
    let process = format!(
        "(loop $again
           (drop (memory.grow (i32.const -1)))
           (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) {OK}"
    );
    let host = Host::default();
    host.run(&Guest {
        process,
        ..Guest::default()
    })
    .unwrap();
    assert_eq!(host.memory.peak.load(Ordering::SeqCst), 64 * MIB);
}

/// Components within a component: each brings 64 MiB of its own.
fn nested(count: usize) -> Guest {
    let mut imports = "(core module $big (memory 1024))".to_owned();
    for _ in 0..count {
        imports.push_str("(core instance (instantiate $big))");
    }
    Guest {
        imports,
        ..Guest::default()
    }
}

#[test]
fn fifty_nested_instances_are_one_sum() {
    let mut host = Host::default();
    host.limits.memory = 256 << 20;
    let message = host.message(&nested(50));
    assert!(
        message.contains("limit `guest_memory` of 256 MiB reached"),
        "{message}"
    );
}

#[test]
fn too_many_small_instances_are_refused() {
    let mut guest = nested(0);
    write!(guest.imports, "(core module $small)").unwrap();
    for _ in 0..40 {
        guest
            .imports
            .push_str("(core instance (instantiate $small))");
    }
    let error = Host::default().error(&guest);
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    assert!(error.to_string().contains("instance count"), "{error}");
}

#[test]
fn tables_count_as_memory() {
    let table = |size: &str| Guest {
        items: format!("(table {size} funcref)"),
        ..Guest::default()
    };
    for size in ["4294967295", "10000000", "10000000 4294967295"] {
        let error = Host::default().error(&table(size));
        assert_eq!(error.kind(), ErrorKind::Limit, "{size}: {error}");
    }
    let items = "(table $t 1 funcref)".to_owned();
    let process = format!(
        "(loop $again (br_if $again
           (i32.ne (table.grow $t (ref.null func) (i32.const 100000)) (i32.const -1)))) {OK}"
    );
    let host = Host::default();
    host.run(&Guest {
        process,
        items,
        ..Guest::default()
    })
    .unwrap();
    let peak = host.memory.peak.load(Ordering::SeqCst);
    assert!((62 * MIB..=64 * MIB).contains(&peak), "{peak}");
}

#[test]
fn an_instance_that_grew_is_worn() {
    let host = Host::default();
    let bound = host
        .bind(&sandbox().load(&add_one(2, false).bytes()).unwrap())
        .unwrap();
    assert!(!bound.is_worn());
    let plugin = sandbox().load(&grow_until_refused(OK).bytes()).unwrap();
    let (bound, _) = host.bind(&plugin).unwrap().process(batch(2, 10)).unwrap();
    assert!(bound.is_worn());
}

#[test]
fn a_component_of_a_bigger_memory_than_allowed_does_not_start() {
    let guest = Guest {
        pages: 2000,
        ..Guest::default()
    };
    let error = Host::default().error(&guest);
    insta::assert_snapshot!(shown(&error), @r#"
    limit: call `instantiate`: limit `guest_memory` of 64 MiB reached
      limit: guest_memory
      hint: if the transform is right to need more, raise `guest_memory` under `[limits]` in the application file, or pass `--limit-guest-memory`
    "#);
}
