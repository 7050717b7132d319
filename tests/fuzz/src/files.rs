//! Files of an input.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use arrow::array::RecordBatch;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// Rows that are asked for: fewer than some files have, more than most.
const ROWS: usize = 100;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().unwrap()
});

/// The first byte tells how the others are read.
pub(crate) fn text(bytes: &[u8]) {
    head(
        &[
            "x.csv",
            "x.tsv",
            "x.ndjson",
            "x.json",
            "x.csv.gz",
            "x.csv.zst",
        ],
        bytes,
    );
}

/// As [`text`].
pub(crate) fn binary(bytes: &[u8]) {
    head(&["x.parquet", "x.arrow"], bytes);
}

fn head(names: &[&str], bytes: &[u8]) {
    let Some((choice, content)) = bytes.split_first() else {
        return;
    };
    let Some(name) = names.get(usize::from(*choice) % names.len()) else {
        return;
    };
    std::fs::write(FOLDER.path().join(name), content).unwrap();
    let head = sluicegate::run::head(name, FOLDER.path(), ROWS, BTreeMap::new());
    match RUNTIME.block_on(head) {
        Ok(batches) => {
            let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
            assert!(rows <= ROWS, "{rows} rows");
        }
        // It quotes the data as it is: the command makes it fit for a terminal.
        Err(error) => drop(error.to_string()),
    }
}
