//! What the interface of the sandbox does not show.

use std::time::{Duration, Instant};

use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder};

use super::wait::wait;
use crate::Error;

/// As a guest's thread may drive a task, which tokio lets do 128 things at once.
#[test]
fn a_call_waits_for_more_than_tokio_lets_a_task_do_at_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let handle = runtime.handle().clone();
    let start = Instant::now();
    let in_time = || {
        let is_late = start.elapsed() > Duration::from_secs(30);
        if is_late {
            return Err(Error::internal("waits for ever"));
        }
        Ok(())
    };
    runtime.block_on(async {
        for number in 0..1_000 {
            let work = handle.spawn(async move { number });
            assert_eq!(wait(&handle, work, in_time).unwrap().unwrap(), number);
        }
    });
}

/// Why there is a limiter of our own: what passes here is refused in `tests/hostile/memory.rs`.
#[test]
fn fifty_nested_instances_pass_the_limiter_of_wasmtime() {
    let mut text = "(component (core module $big (memory 1024))".to_owned();
    for _ in 0..50 {
        text.push_str("(core instance (instantiate $big))");
    }
    let bytes = wat::parse_str(text + ")").unwrap();
    let engine = Engine::default();
    let component = Component::from_binary(&engine, &bytes).unwrap();
    let limits = StoreLimitsBuilder::new().memory_size(256 << 20).build();
    let mut store = Store::new(&engine, limits);
    store.limiter(|limits: &mut StoreLimits| limits);
    let linker = Linker::new(&engine);
    assert!(linker.instantiate(&mut store, &component).is_ok());
}
