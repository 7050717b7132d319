//! A file source whose errors say which file they come from.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileOpenFuture, FileOpener, FileScanConfig, FileSource,
};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::object_store::ObjectStore;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::{FutureExt as _, StreamExt, TryStreamExt};

use super::decompress::{ByteOrderMark, TextStore};
use super::diagnose::{Diagnosis, Start};
use crate::engine::error::{from_datafusion, to_datafusion};
use crate::error::Error;
use crate::spec::Compression;

/// Wraps `inner`, which reads files whose keys follow `origin` in messages.
#[derive(Clone)]
pub(super) struct Located {
    inner: Arc<dyn FileSource>,
    origin: Arc<str>,
    diagnosis: Diagnosis,
    /// How text is compressed; None for formats that are not text.
    text: Option<Compression>,
}

impl Located {
    pub(super) fn new(inner: Arc<dyn FileSource>, origin: &str, diagnosis: Diagnosis) -> Self {
        Self {
            inner,
            origin: origin.into(),
            diagnosis,
            text: None,
        }
    }

    /// Hands the inner source plain text, whatever the files are compressed with.
    pub(super) fn decompress(self, compression: Compression) -> Self {
        Self {
            text: Some(compression),
            ..self
        }
    }

    fn around(&self, inner: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(Self {
            inner,
            ..self.clone()
        })
    }
}

impl FileSource for Located {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> DfResult<Arc<dyn FileOpener>> {
        let readable: Arc<dyn ObjectStore> = match self.text {
            None => Arc::clone(&store),
            Some(compression) => {
                let mark = match self.diagnosis {
                    Diagnosis::Csv => ByteOrderMark::Remove,
                    Diagnosis::Other => ByteOrderMark::Blank,
                };
                Arc::new(TextStore::new(Arc::clone(&store), compression, mark))
            }
        };
        Ok(Arc::new(LocatedOpener {
            inner: self.inner.create_file_opener(readable, config, partition)?,
            schema: Arc::clone(self.inner.table_schema().file_schema()),
            origin: Arc::clone(&self.origin),
            diagnosis: self.diagnosis,
            store,
        }))
    }

    fn table_schema(&self) -> &TableSchema {
        self.inner.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        self.around(self.inner.with_batch_size(batch_size))
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.inner.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.inner.metrics()
    }

    fn file_type(&self) -> &str {
        self.inner.file_type()
    }

    fn fmt_extra(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_extra(kind, f)
    }

    /// Only `groups` knows where a file may be cut.
    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn try_pushdown_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> DfResult<Option<Arc<dyn FileSource>>> {
        let pushed = self.inner.try_pushdown_projection(projection)?;
        Ok(pushed.map(|inner| self.around(inner)))
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>,
    ) -> DfResult<TreeNodeRecursion> {
        self.inner.apply_expressions(visit)
    }
}

struct LocatedOpener {
    inner: Arc<dyn FileOpener>,
    schema: SchemaRef,
    origin: Arc<str>,
    diagnosis: Diagnosis,
    store: Arc<dyn ObjectStore>,
}

impl FileOpener for LocatedOpener {
    fn open(&self, file: PartitionedFile) -> DfResult<FileOpenFuture> {
        let start = Start {
            name: format!("{}{}", self.origin, file.object_meta.location),
            path: file.object_meta.location.clone(),
            offset: file
                .range
                .as_ref()
                .map_or(0, |range| range.start.cast_unsigned()),
        };
        let opening = self.inner.open(file)?;
        let (store, schema) = (Arc::clone(&self.store), Arc::clone(&self.schema));
        let diagnosis = self.diagnosis;
        Ok(Box::pin(async move {
            let explain = move |error| {
                let (start, schema, store) =
                    (start.clone(), Arc::clone(&schema), Arc::clone(&store));
                async move {
                    let error = from_datafusion(error);
                    to_datafusion(
                        diagnosis
                            .explain(error, &start, &schema, store.as_ref())
                            .await,
                    )
                }
            };
            // Some decoders take a damaged file for a bug of their own.
            let opened = AssertUnwindSafe(opening).catch_unwind().await;
            match opened.unwrap_or_else(|_| Err(to_datafusion(damaged()))) {
                Ok(batches) => Ok(AssertUnwindSafe(batches)
                    .catch_unwind()
                    .map(|batch| batch.unwrap_or_else(|_| Err(to_datafusion(damaged()))))
                    .or_else(move |error| {
                        let explained = explain(error);
                        async move { Err(explained.await) }
                    })
                    .boxed()),
                Err(error) => Err(explain(error).await),
            }
        }))
    }
}

fn damaged() -> Error {
    Error::input("the file is damaged: its content makes no sense")
        .hint("was it copied or written only in part?")
}
