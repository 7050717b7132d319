//! Files that a run writes beside its rows, below `_sluice/`, and that appear with them.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use super::{Encoder, FLUSH_BYTES, OpenFile, Sink, WrittenFile};
use crate::error::Result;
use crate::spec::{Compression, OutputFormat, ParquetOutput};

/// Rows of a row group, which is collected in memory: of the longest records, 64 MiB.
const ROW_GROUP_ROWS: usize = 1_024;

/// The name of the file of a run in `folder`, relative to the output.
pub(crate) fn file_beside(folder: &str, run_id: &str) -> String {
    format!("{folder}part-00000-000-{run_id}.parquet")
}

/// One Parquet file, which is made when it gets its first rows.
pub(in crate::engine) struct Aside {
    sink: Arc<Sink>,
    folder: &'static str,
    schema: SchemaRef,
    file: Option<OpenFile>,
}

impl Aside {
    /// A file of rows of `schema` in `folder`, which is relative to the output and ends in `/`.
    pub(in crate::engine) fn new(sink: Arc<Sink>, folder: &'static str, schema: SchemaRef) -> Self {
        Self {
            sink,
            folder,
            schema,
            file: None,
        }
    }

    /// The run that the file belongs to.
    pub(in crate::engine) fn run_id(&self) -> &str {
        &self.sink.run_id
    }

    /// Appends rows, whose bytes count as those of the output.
    pub(in crate::engine) async fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.create(rows).await?,
        };
        file.encoder.write(rows)?;
        file.rows += rows.num_rows() as u64;
        file.flush(&self.sink, FLUSH_BYTES).await?;
        self.file = Some(file);
        Ok(())
    }

    /// Ends the file; none where no row was written.
    pub(in crate::engine) async fn finish(self) -> Result<Option<WrittenFile>> {
        let Some(mut file) = self.file else {
            return Ok(None);
        };
        file.encoder.finish()?;
        file.flush(&self.sink, 0).await?;
        Ok(Some(WrittenFile {
            file: file.staged.finish().await?,
            rows: file.rows,
            partition: 0,
        }))
    }

    async fn create(&mut self, first: &RecordBatch) -> Result<OpenFile> {
        let format = OutputFormat::Parquet(ParquetOutput {
            compression: Compression::Zstd,
            row_group_rows: ROW_GROUP_ROWS,
        });
        let name = file_beside(self.folder, self.run_id());
        let retrier = self.sink.retries.partition(self.folder, 0);
        Ok(OpenFile {
            encoder: Encoder::new(&format, &self.schema, first, None)?,
            staged: self
                .sink
                .staging
                .create_retrying(&name, Some(retrier))
                .await?,
            rows: 0,
            last_used: 0,
        })
    }
}
