//! What it costs to cross into a guest and back.
//!
//! The guests are written by hand: `nop` does nothing, `add-one` pulls two columns of `i64`, adds one to each
//! value and emits them, one value at a time or with `v128`.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a bench without its input has nothing to measure"
)]
#[expect(dead_code, reason = "shared with the tests")]
#[path = "../tests/hostile/guest.rs"]
mod guest;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sluicegate::limits::GuestLimits;
use sluicegate::sandbox::{InstanceContext, Plugin, Sandbox, SandboxConfig};

use guest::{Guest, add_one};

// The allocator of the command: with that of the system, large batches measure page faults.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn context() -> InstanceContext {
    InstanceContext::new(GuestLimits::default())
}

fn schema() -> Schema {
    let field = |name: &str| Field::new(name, DataType::Int64, true);
    Schema::new(vec![field("x"), field("y")])
}

fn batch(rows: usize) -> RecordBatch {
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let column = || Arc::new(Int64Array::from_iter_values(0..rows)) as ArrayRef;
    RecordBatch::try_new(Arc::new(schema()), vec![column(), column()]).expect("fits")
}

fn processing(criterion: &mut Criterion, name: &str, plugin: &Plugin, rows: usize) {
    let mut group = criterion.benchmark_group("process");
    group.throughput(Throughput::Elements(rows as u64));
    let instance = plugin.instantiate(&context()).expect("instantiates");
    let mut bound = Some(instance.bind(&schema(), "{}").expect("binds"));
    let batch = batch(rows);
    group.bench_function(format!("{name}/{rows}"), |bencher| {
        bencher.iter(|| {
            let (next, produced) = bound
                .take()
                .expect("there")
                .process(batch.clone())
                .expect("runs");
            bound = Some(next);
            produced
        });
    });
    group.finish();
}

fn crossing(criterion: &mut Criterion) {
    let sandbox = Sandbox::new(SandboxConfig::default()).expect("starts");
    let load = |guest: &Guest| sandbox.load(&guest.bytes()).expect("loads");
    processing(criterion, "nop", &load(&Guest::default()), 1024);
    for rows in [1024, 8192, 65536] {
        let big = |guest| Guest { pages: 64, ..guest };
        processing(criterion, "add-one", &load(&big(add_one(2, false))), rows);
        processing(
            criterion,
            "add-one-v128",
            &load(&big(add_one(2, true))),
            rows,
        );
    }
    let plugin = load(&add_one(2, false));
    criterion.bench_function("instantiate", |bencher| {
        bencher.iter_batched(
            || (),
            |()| plugin.instantiate(&context()),
            BatchSize::PerIteration,
        );
    });
    criterion.bench_function("instantiate and bind", |bencher| {
        bencher.iter(|| {
            plugin
                .instantiate(&context())
                .expect("instantiates")
                .bind(&schema(), "{}")
        });
    });
}

fn loading(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a directory");
    let config = SandboxConfig {
        cache: Some(directory.path().join("plugins")),
        ..SandboxConfig::default()
    };
    let sandbox = Sandbox::new(config).expect("starts");
    // As large as a small plugin of a toolchain, most of it code.
    let functions = (0..400).map(|n| {
        format!(
            "(func (export \"f{n}\") (param i64) (result i64) {})",
            "(local.get 0) (i64.const 7) (i64.mul) (i64.const 3) (i64.rotl) (local.set 0)"
                .repeat(12)
                + "(local.get 0)"
        )
    });
    let mut guest = add_one(2, false);
    guest.items.extend(functions);
    let bytes = guest.bytes();
    sandbox.load(&bytes).expect("loads");
    from_cache(
        criterion,
        &sandbox,
        &format!("{} KiB", bytes.len() / 1024),
        &bytes,
    );
    for language in ["c", "go", "javascript", "python"] {
        let path = format!("../../guest-sdk/{language}/examples/mask/mask.wasm");
        match std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)) {
            Ok(bytes) => from_cache(criterion, &sandbox, language, &bytes),
            Err(_) => eprintln!("not measured: {language}; `cargo xtask sdks` builds its guests"),
        }
    }
}

/// Compiles once, and measures each load after it.
fn from_cache(criterion: &mut Criterion, sandbox: &Sandbox, name: &str, bytes: &[u8]) {
    sandbox.load(bytes).expect("loads");
    criterion.bench_function(&format!("load from the cache/{name}"), |bencher| {
        bencher.iter(|| sandbox.load(bytes).expect("loads"));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    targets = crossing, loading
}
criterion_main!(benches);
