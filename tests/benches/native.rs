//! The same transform, `flights`, as native code and as a guest.
//!
//! The native side runs in the SDK's harness, without the checks that only a harness makes; the guest's time is
//! what the sandbox counts as spent in the guest. That includes the copy of the columns into its memory, which
//! `reading` shows by itself: a guest that reads the same columns and does nothing with them.
//! `cargo xtask guests` has to have built the plugin.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench without its input has nothing to measure"
)]

#[expect(dead_code, reason = "shared with the tests of the sandbox")]
#[path = "../../host/runtime/tests/hostile/guest.rs"]
mod by_hand;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::csv::ReaderBuilder;
use arrow::csv::reader::Format;
use criterion::{Criterion, criterion_group, criterion_main};
use sluicegate::limits::GuestLimits;
use sluicegate::sandbox::{
    Bound, InstanceContext, Level, LogSink, MemoryBudget, Sandbox, SandboxConfig,
};
use sluicegate_guest::harness::Harness;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Nobody;

impl MemoryBudget for Nobody {
    fn try_grow(&self, _bytes: usize) -> bool {
        true
    }

    fn shrink(&self, _bytes: usize) {}
}

impl LogSink for Nobody {
    fn log(&self, _level: Level, _message: &str) {}
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A morsel of flights: the sample twice, cut to 8,192 rows.
fn flights() -> RecordBatch {
    let path = root().join("tests/data/flights-sample.csv");
    let nulls = regex::Regex::new("^NA$").unwrap();
    let format = Format::default().with_header(true).with_null_regex(nulls);
    let (schema, _) = format
        .infer_schema(File::open(&path).unwrap(), None)
        .unwrap();
    let schema = Arc::new(schema);
    let reader = ReaderBuilder::new(Arc::clone(&schema))
        .with_format(format)
        .build(File::open(&path).unwrap())
        .unwrap();
    let batches: Vec<_> = reader.map(Result::unwrap).collect();
    let twice: Vec<_> = batches.iter().chain(&batches).cloned().collect();
    concat_batches(&schema, &twice).unwrap().slice(0, 8_192)
}

/// The plugin, as `cargo xtask guests` built it.
fn component() -> Vec<u8> {
    let path = root().join("plugins/flights/flights.wasm");
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}: run `cargo xtask guests`", path.display()))
}

/// A guest that reads the first `columns` columns.
fn reading(columns: u32) -> Vec<u8> {
    let all: Vec<u32> = (0..columns).collect();
    let guest = by_hand::Guest {
        output: vec![by_hand::Output::Pass(0)],
        items: format!(
            "(data (i32.const {}) \"{}\")",
            by_hand::SCRATCH,
            by_hand::words(&all)
        ),
        process: format!(
            "(global.set $heap (i32.const {}))
             (call $read (i32.const {}) (i32.const {columns}) (i32.const 128)) {}",
            by_hand::HEAP,
            by_hand::SCRATCH,
            by_hand::OK
        ),
        reads: all,
        ..by_hand::Guest::default()
    };
    guest.bytes()
}

fn bound(component: &[u8], batch: &RecordBatch) -> Bound {
    let plugin = Sandbox::new(SandboxConfig::default())
        .and_then(|sandbox| sandbox.load(component))
        .unwrap();
    let context = InstanceContext {
        limits: GuestLimits::default(),
        memory: Arc::new(Nobody),
        logs: Arc::new(Nobody),
        cancel: Arc::new(|| false),
    };
    let instance = plugin.instantiate(&context).unwrap();
    instance.bind(&batch.schema(), "{}").unwrap()
}

/// The time in the guest for `iterations` batches.
fn in_guest(bound: &mut Option<Bound>, entering: &RecordBatch, iterations: u64) -> Duration {
    let mut spent = Duration::ZERO;
    for _ in 0..iterations {
        let (next, produced) = bound.take().unwrap().process(entering.clone()).unwrap();
        *bound = Some(next);
        spent += produced.guest_time;
    }
    spent
}

fn native_and_guest(criterion: &mut Criterion) {
    let batch = flights();
    let mut group = criterion.benchmark_group("flights x 8192");
    let mut harness = Harness::<flights::Flights>::unchecked(&batch.schema(), "{}").unwrap();
    group.bench_function("native", |bencher| {
        bencher.iter(|| harness.process(&batch).unwrap());
    });
    let guest = bound(&component(), &batch);
    let entering = batch.project(&guest.plan().reads).unwrap();
    let mut guest = Some(guest);
    group.bench_function("guest", |bencher| {
        bencher.iter_custom(|iterations| in_guest(&mut guest, &entering, iterations));
    });
    let columns = u32::try_from(entering.num_columns()).unwrap();
    let mut guest = Some(bound(&reading(columns), &entering));
    group.bench_function("reading", |bencher| {
        bencher.iter_custom(|iterations| in_guest(&mut guest, &entering, iterations));
    });
    group.finish();
}

criterion_group!(benches, native_and_guest);
criterion_main!(benches);
