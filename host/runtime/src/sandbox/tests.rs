//! What the interface of the sandbox does not show.

use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder};

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
