//! The same transform, `flights`, as native code and as a guest.
//!
//! The native side runs in the SDK's harness, without the checks that only a harness makes; the guest's time is
//! what the sandbox counts as spent in the guest. That includes the copy of the columns into its memory, which
//! `reading` shows by itself: a guest that reads the same columns and does nothing with them.
//! `cargo xtask guests` has to have built the plugin.
//!
//! And one transform in every language: the conformance guests add one to 65,536 x (i64, f64), by what their SDK offers
//! for it. `cargo xtask sdks` builds them.

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

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow::csv::ReaderBuilder;
use arrow::csv::reader::Format;
use criterion::{Criterion, criterion_group, criterion_main};
use sluicegate::limits::GuestLimits;
use sluicegate::sandbox::{Bound, InstanceContext, Plugin, Sandbox, SandboxConfig};
use sluicegate_guest::harness::Harness;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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

/// A guest that is bound anew when it is worn, as a run does it.
struct Guest<'a> {
    plugin: Plugin,
    batch: &'a RecordBatch,
    params: &'a str,
    bound: Option<Bound>,
}

impl<'a> Guest<'a> {
    fn new(component: &[u8], batch: &'a RecordBatch, params: &'a str) -> Self {
        let sandbox = Sandbox::new(SandboxConfig::default()).unwrap();
        Self {
            plugin: sandbox.load(component).unwrap(),
            batch,
            params,
            bound: None,
        }
    }

    fn bind(&self) -> Bound {
        let context = InstanceContext::new(GuestLimits::default());
        let instance = self.plugin.instantiate(&context).unwrap();
        instance.bind(&self.batch.schema(), self.params).unwrap()
    }

    /// The columns that it reads.
    fn entering(&self) -> RecordBatch {
        self.batch.project(&self.bind().plan().reads).unwrap()
    }

    /// The time in the guest for `iterations` batches.
    fn spend(&mut self, entering: &RecordBatch, iterations: u64) -> Duration {
        let mut spent = Duration::ZERO;
        for _ in 0..iterations {
            let bound = self.bound.take().filter(|bound| !bound.is_worn());
            let bound = bound.unwrap_or_else(|| self.bind());
            let (bound, produced) = bound.process(entering.clone()).unwrap();
            self.bound = Some(bound);
            spent += produced.guest_time;
        }
        spent
    }
}

fn native_and_guest(criterion: &mut Criterion) {
    let batch = flights();
    let mut group = criterion.benchmark_group("flights x 8192");
    let mut harness = Harness::<flights::Flights>::unchecked(&batch.schema(), "{}").unwrap();
    group.bench_function("native", |bencher| {
        bencher.iter(|| harness.process(&batch).unwrap());
    });
    let mut guest = Guest::new(&component(), &batch, "{}");
    let entering = guest.entering();
    group.bench_function("guest", |bencher| {
        bencher.iter_custom(|iterations| guest.spend(&entering, iterations));
    });
    let columns = u32::try_from(entering.num_columns()).unwrap();
    let mut guest = Guest::new(&reading(columns), &entering, "{}");
    group.bench_function("reading", |bencher| {
        bencher.iter_custom(|iterations| guest.spend(&entering, iterations));
    });
    group.finish();
}

/// The conformance guest in each language that is built.
fn languages() -> Vec<(&'static str, Vec<u8>)> {
    let places = [
        ("rust", "tests/guests/conformance"),
        ("c", "tests/conformance/c"),
        ("go", "tests/conformance/go"),
        ("javascript", "tests/conformance/javascript"),
        ("python", "tests/conformance/python"),
    ];
    let built = places.into_iter().filter_map(|(language, folder)| {
        let component = std::fs::read(root().join(folder).join("conformance.wasm"));
        component.ok().map(|bytes| (language, bytes))
    });
    built.collect()
}

fn add_one(criterion: &mut Criterion) {
    let rows = 0..65_536_u32;
    let a: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.clone().map(i64::from)));
    let b: ArrayRef = Arc::new(Float64Array::from_iter_values(rows.map(f64::from)));
    let batch = RecordBatch::try_from_iter([("a", a), ("b", b)]).unwrap();
    let mut group = criterion.benchmark_group("add one to 65536 x (i64, f64)");
    for (language, component) in languages() {
        let mut guest = Guest::new(&component, &batch, r#"{"mode":"add-one"}"#);
        group.bench_function(language, |bencher| {
            bencher.iter_custom(|iterations| guest.spend(&batch, iterations));
        });
    }
    group.finish();
}

criterion_group!(benches, native_and_guest, add_one);
criterion_main!(benches);
