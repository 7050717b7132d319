//! Outputs: each partition of a plan becomes files of the output's format, staged until the commit.

mod aside;
mod dictionary;
mod encoder;
mod finite;
mod hive;
mod lossless;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use futures::TryStreamExt;

pub(super) use self::aside::Aside;
pub(crate) use self::aside::file_beside;
use self::encoder::Encoder;
use self::hive::Router;
use super::check::Checks;
use super::plan::Rows;
use crate::error::{Error, Result};
use crate::spec::Output;
use crate::storage::{FinishedFile, Retries, StagedFile, Staging};

/// Files that one partition of a plan keeps open at once for Hive partitions. Beyond it the one that was
/// written least recently is ended, so memory stays bounded and a partition may get several files.
const OPEN_FILES_MAX: usize = 64;

/// Encoded bytes that are collected before they go to the store.
const FLUSH_BYTES: usize = 1024 * 1024;

/// A file that is whole, but not visible yet.
#[derive(Debug)]
pub(crate) struct WrittenFile {
    pub(crate) file: FinishedFile,
    pub(crate) rows: u64,
    /// Of the plan, whose rows it has; zero of what no partition wrote.
    pub(crate) partition: usize,
}

/// What all partitions of an output share.
#[derive(Debug)]
pub(crate) struct Sink {
    pub(crate) output: Output,
    /// The folder that all files are in, with a `/` at its end; may be empty.
    pub(crate) folder: String,
    pub(crate) schema: SchemaRef,
    pub(crate) staging: Arc<Staging>,
    pub(crate) run_id: String,
    pub(crate) bytes_max: u64,
    /// Bytes that the run has written, others than this sink as well.
    pub(crate) bytes: Arc<AtomicU64>,
    /// Rows handed over so far, for whoever watches.
    pub(crate) rows: Arc<AtomicU64>,
    /// The rules on the rows, if there are any.
    pub(crate) checks: Option<Checks>,
    /// Where the rows come from, as each file says that can.
    pub(crate) provenance: Option<String>,
    /// What may be done again where storage fails.
    pub(crate) retries: Arc<Retries>,
}

impl Sink {
    /// Writes the rows of one partition, in order, into as many files as the output wants.
    pub(crate) async fn write(
        &self,
        partition: usize,
        mut batches: Rows,
    ) -> Result<Vec<WrittenFile>> {
        let router = Router::new(&self.output.partition_by, &self.schema)?;
        let mut files = Files::new(self, router.file_schema(), partition);
        let mut checking = self.checks.as_ref().map(Checks::partition);
        while let Some(batch) = batches.try_next().await? {
            if let Some(checking) = &mut checking {
                checking.look(&batch)?;
            }
            self.rows
                .fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
            for (folder, rows) in router.route(batch)? {
                files.write(folder, &rows).await?;
            }
        }
        if let Some(checking) = checking {
            checking.end(partition);
        }
        files.finish().await
    }

    /// Writes Parquet beside the output, into a file of `folder` that appears with it; none where there are no rows.
    pub(crate) async fn write_aside(
        self: &Arc<Self>,
        folder: &'static str,
        rows: &RecordBatch,
    ) -> Result<Option<WrittenFile>> {
        let mut aside = Aside::new(Arc::clone(self), folder, rows.schema());
        aside.write(rows).await?;
        aside.finish().await
    }

    /// Writes a file without rows, so that an empty output still has a schema. Hive partitions have no
    /// folder that it could stand in, so they get none.
    pub(crate) async fn write_empty(&self) -> Result<Vec<WrittenFile>> {
        if !self.output.partition_by.is_empty() {
            return Ok(Vec::new());
        }
        let router = Router::new(&self.output.partition_by, &self.schema)?;
        let mut files = Files::new(self, router.file_schema(), 0);
        let empty = RecordBatch::new_empty(router.file_schema());
        files.write(String::new(), &empty).await?;
        files.finish().await
    }

    fn count(&self, bytes: u64) -> Result<()> {
        let total = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if total <= self.bytes_max {
            return Ok(());
        }
        Err(Error::limit_key(
            "output_bytes",
            format!("{} bytes", self.bytes_max),
        ))
    }
}

/// The open files of one partition, by folder.
struct Files<'a> {
    sink: &'a Sink,
    schema: SchemaRef,
    partition: usize,
    open: BTreeMap<String, OpenFile>,
    made: u32,
    clock: u64,
    done: Vec<WrittenFile>,
}

struct OpenFile {
    encoder: Encoder,
    staged: StagedFile,
    rows: u64,
    last_used: u64,
}

impl OpenFile {
    /// Hands encoded bytes to the store, if there are at least `threshold`.
    async fn flush(&mut self, sink: &Sink, threshold: usize) -> Result<()> {
        let bytes = self.encoder.take(threshold);
        if bytes.is_empty() {
            return Ok(());
        }
        sink.count(bytes.len() as u64)?;
        self.staged.write(bytes).await
    }
}

impl<'a> Files<'a> {
    fn new(sink: &'a Sink, schema: SchemaRef, partition: usize) -> Self {
        Self {
            sink,
            schema,
            partition,
            open: BTreeMap::new(),
            made: 0,
            clock: 0,
            done: Vec::new(),
        }
    }

    async fn write(&mut self, folder: String, rows: &RecordBatch) -> Result<()> {
        self.clock += 1;
        let mut file = match self.open.remove(&folder) {
            Some(file) => file,
            None => self.create(&folder, rows).await?,
        };
        file.encoder.write(rows)?;
        file.rows += rows.num_rows() as u64;
        file.last_used = self.clock;
        file.flush(self.sink, FLUSH_BYTES).await?;
        if file.encoder.size() >= self.sink.output.target_file_bytes {
            return self.end(file).await;
        }
        self.open.insert(folder, file);
        self.bound_open_files().await
    }

    async fn create(&mut self, folder: &str, first: &RecordBatch) -> Result<OpenFile> {
        let name = format!(
            "{}{folder}part-{:05}-{:03}-{}{}",
            self.sink.folder,
            self.partition,
            self.made,
            self.sink.run_id,
            self.sink.output.format.extension()
        );
        self.made += 1;
        let retrier = self.sink.retries.partition("output", self.partition);
        Ok(OpenFile {
            encoder: Encoder::new(
                &self.sink.output.format,
                &self.schema,
                first,
                self.sink.provenance.as_deref(),
            )?,
            staged: self
                .sink
                .staging
                .create_retrying(&name, Some(retrier))
                .await?,
            rows: 0,
            last_used: self.clock,
        })
    }

    async fn bound_open_files(&mut self) -> Result<()> {
        if self.open.len() <= OPEN_FILES_MAX {
            return Ok(());
        }
        let oldest = self.open.iter().min_by_key(|(_, file)| file.last_used);
        let oldest = oldest.map(|(folder, _)| folder.clone());
        match oldest.and_then(|folder| self.open.remove(&folder)) {
            Some(file) => self.end(file).await,
            None => Ok(()),
        }
    }

    async fn end(&mut self, mut file: OpenFile) -> Result<()> {
        file.encoder.finish()?;
        file.flush(self.sink, 0).await?;
        self.done.push(WrittenFile {
            file: file.staged.finish().await?,
            rows: file.rows,
            partition: self.partition,
        });
        Ok(())
    }

    async fn finish(mut self) -> Result<Vec<WrittenFile>> {
        for file in std::mem::take(&mut self.open).into_values() {
            self.end(file).await?;
        }
        Ok(self.done)
    }
}
