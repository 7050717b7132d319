//! What it costs to hand columns to a guest and to take them back, without the guest.
//!
//! `flatten` is the way out, where nothing is copied yet; `assemble` the way in, which copies and checks
//! every byte. The rows of one are the fixed cost of a batch.

#![expect(
    clippy::expect_used,
    reason = "a bench without its input has nothing to measure"
)]

use std::hint::black_box;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, StringViewArray};
use arrow::datatypes::Field;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluicegate::columns::{FlatArray, GuestArray, assemble, flatten};

/// Rows of a batch as the engine makes them.
const ROWS: usize = 8_192;

fn numbers(rows: usize) -> ArrayRef {
    Arc::new(
        (0..i64::try_from(rows).unwrap_or(i64::MAX))
            .map(Some)
            .collect::<Int64Array>(),
    )
}

fn texts(rows: usize, letter: char) -> impl Iterator<Item = Option<String>> {
    (0..rows).map(move |row| Some(format!("customer {letter}{row:06}")))
}

fn guest(flat: &[FlatArray]) -> Vec<GuestArray<'_>> {
    let handed = flat.iter().map(|flat| {
        let buffers = flat
            .buffers
            .iter()
            .map(arrow::buffer::Buffer::as_slice)
            .collect();
        GuestArray {
            length: flat.length,
            null_count: flat.null_count,
            buffers,
        }
    });
    handed.collect()
}

fn there_and_back(columns: &[(Field, ArrayRef)]) {
    for (field, column) in columns {
        let flat = flatten(black_box(column)).expect("a plain column");
        let back = assemble(field, &guest(&flat), column.len()).expect("what was handed out");
        black_box(back);
    }
}

fn bench(criterion: &mut Criterion, name: &str, columns: &[ArrayRef]) {
    let fields = columns
        .iter()
        .map(|column| Field::new("x", column.data_type().clone(), true));
    let columns: Vec<_> = fields.zip(columns.iter().cloned()).collect();
    let bytes: usize = columns
        .iter()
        .flat_map(|(_, column)| flatten(column).expect("a plain column"))
        .flat_map(|flat| flat.buffers)
        .map(|buffer| buffer.len())
        .sum();
    let mut group = criterion.benchmark_group("columns");
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function(name, |bencher| bencher.iter(|| there_and_back(&columns)));
    group.finish();
}

fn columns(criterion: &mut Criterion) {
    bench(criterion, "2 x int64 x 1", &[numbers(1), numbers(1)]);
    bench(
        criterion,
        "2 x int64 x 8192",
        &[numbers(ROWS), numbers(ROWS)],
    );
    let ascii: ArrayRef = Arc::new(texts(ROWS, 'a').collect::<StringArray>());
    bench(criterion, "utf8 x 8192, ascii", &[ascii]);
    let accents: ArrayRef = Arc::new(texts(ROWS, 'é').collect::<StringArray>());
    bench(criterion, "utf8 x 8192, accents", &[accents]);
    let views: ArrayRef = Arc::new(texts(ROWS, 'a').collect::<StringViewArray>());
    bench(criterion, "utf8 view x 8192, ascii", &[views]);
}

criterion_group!(benches, columns);
criterion_main!(benches);
