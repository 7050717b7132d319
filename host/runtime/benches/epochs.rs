//! What it costs a guest that it can be stopped: the same loops without checks, with epochs, and with fuel.
//!
//! The loops add one to 64 KiB of memory, so that what they compute is the least that a loop can: eight bytes
//! in a turn, or 64 with `v128`, which is what unrolling makes of it.

#![expect(
    clippy::expect_used,
    reason = "a bench without its input has nothing to measure"
)]

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wasmtime::{Config, Engine, Instance, Module, Store, TypedFunc};

const BYTES: u32 = 64 * 1024;

/// A module whose `run` does `body` to the memory at `$at`, which it moves, up to the end.
fn module(body: &str) -> String {
    format!(
        "(module (memory 1) (func (export \"run\") (local $at i32)
           (loop $next {body} (br_if $next (i32.lt_u (local.get $at) (i32.const {BYTES}))))))"
    )
}

fn one_by_one() -> String {
    module(
        "(i64.store (local.get $at) (i64.add (i64.load (local.get $at)) (i64.const 1)))
         (local.set $at (i32.add (local.get $at) (i32.const 8)))",
    )
}

fn eight_by_eight() -> String {
    let pair = |offset: u32| {
        format!(
            "(v128.store offset={offset} (local.get $at)
               (i64x2.add (v128.load offset={offset} (local.get $at)) (v128.const i64x2 1 1)))"
        )
    };
    let pairs: String = [0, 16, 32, 48].map(pair).concat();
    module(&format!(
        "{pairs} (local.set $at (i32.add (local.get $at) (i32.const 64)))"
    ))
}

fn guest(config: &Config, text: &str) -> (Store<()>, TypedFunc<(), ()>) {
    let engine = Engine::new(config).expect("starts");
    let binary = wat::parse_str(text).expect("parses");
    let module = Module::new(&engine, binary).expect("compiles");
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("instantiates");
    let run = instance
        .get_typed_func(&mut store, "run")
        .expect("exported");
    (store, run)
}

fn checks(criterion: &mut Criterion) {
    let mut epochs = Config::new();
    epochs.epoch_interruption(true);
    let mut fuel = Config::new();
    fuel.consume_fuel(true);
    let configs = [("none", Config::new()), ("epochs", epochs), ("fuel", fuel)];
    for (name, text) in [("8 bytes", one_by_one()), ("64 bytes", eight_by_eight())] {
        let mut group = criterion.benchmark_group(format!("checks, {name} in a turn"));
        group.throughput(Throughput::Bytes(u64::from(BYTES)));
        for (check, config) in &configs {
            let (mut store, run) = guest(config, &text);
            // Without fuel the first is refused, without epochs nothing is asked of the second.
            let _ = store.set_fuel(u64::MAX);
            store.set_epoch_deadline(u64::MAX / 2);
            group.bench_function(*check, |bencher| {
                bencher.iter(|| run.call(&mut store, ()).expect("runs"));
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    targets = checks
}
criterion_main!(benches);
