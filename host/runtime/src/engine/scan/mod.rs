//! Inputs as tables: which files, in which pieces, in which format.

mod csv;
mod decompress;
mod diagnose;
mod exact;
mod groups;
mod hive;
mod ipc;
mod json;
mod located;
mod mask;
mod merge;
mod names;
mod parquet;
mod rescue;
mod schema;
mod source;
mod split;
mod text;

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as DfResult;
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::Expr;
use datafusion::object_store::{ObjectMeta, ObjectStore};
use datafusion::physical_plan::ExecutionPlan;

use self::csv::Csv;
use self::ipc::Ipc;
pub(super) use self::ipc::only_batch;
use self::json::Json;
use self::located::Located;
pub(super) use self::mask::Masked;
pub(crate) use self::mask::{ColumnMask, HashKey};
use self::rescue::Leaving;
use self::source::Source;
use super::quarantine::Tally;
use crate::error::{Error, Result};
use crate::spec::{Compression, Input, InputFormat, SchemaSource};
use crate::storage::Retries;

/// The files of an input and the store that holds them.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) objects: Vec<ObjectMeta>,
    /// What precedes the keys of the objects in messages, such as `s3://bucket/`.
    pub(crate) origin: String,
    /// Whether reading a byte twice costs next to nothing, as on a local disk.
    pub(crate) local: bool,
    /// Whether policies may mask columns: messages then repeat no values, and the names of columns are the files' own.
    pub(crate) discreet: bool,
}

impl Files {
    /// What a message calls one of the files.
    fn name(&self, object: &ObjectMeta) -> String {
        format!("{}{}", self.origin, object.location)
    }
}

/// An input as DataFusion sees it.
pub(super) struct Table {
    source: Arc<dyn FileSource>,
    schema: SchemaRef,
    groups: Vec<FileGroup>,
    url: ObjectStoreUrl,
}

impl Table {
    /// Finds the schema of `input` and cuts its files into at most `partitions` pieces of similar size; `tally` takes
    /// records that cannot be read.
    pub(super) async fn open(
        input: &Input,
        files: &Files,
        url: ObjectStoreUrl,
        session: &dyn Session,
        (partitions, shared): (usize, (Arc<Tally>, Arc<Retries>)),
    ) -> Result<Self> {
        if files.discreet {
            names::check_options(input)?;
        }
        let hive = hive::Columns::new(&input.partitions, &files.objects)?;
        let file_schema = schema::of(input, files, session).await?;
        if files.discreet {
            names::check(input, files, &file_schema).await?;
        }
        refuse_duplicates(&file_schema)?;
        refuse_types(&file_schema)?;
        hive.refuse_stored(&file_schema)?;
        let table_schema = TableSchema::builder(Arc::clone(&file_schema))
            .with_table_partition_cols(hive.fields())
            .build();
        let schema = Arc::clone(table_schema.table_schema());
        let source = file_source(input, files, table_schema, shared).await?;
        let pieces = groups::cut(input, files, partitions).await?;
        let groups = pieces
            .into_iter()
            .map(|group| {
                let group = group.into_iter().map(|piece| hive.label(piece));
                Ok(FileGroup::new(
                    group.collect::<Result<Vec<PartitionedFile>>>()?,
                ))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            source,
            schema,
            groups,
            url,
        })
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Table({}, {} groups)",
            self.source.file_type(),
            self.groups.len()
        )
    }
}

#[async_trait]
impl TableProvider for Table {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let config = FileScanConfigBuilder::new(self.url.clone(), Arc::clone(&self.source))
            .with_file_groups(self.groups.clone())
            .with_limit(limit)
            // Or partitions take each other's pieces, and rows lose their order.
            .with_preserve_order(true)
            .with_projection_indices(projection.cloned())?
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

async fn file_source(
    input: &Input,
    files: &Files,
    schema: TableSchema,
    (tally, retries): (Arc<Tally>, Arc<Retries>),
) -> Result<Arc<dyn FileSource>> {
    let origin = &files.origin;
    let discreet = files.discreet;
    let leaving = tally.leaves_out().then_some(Leaving { tally, discreet });
    let source: Arc<dyn FileSource> = match &input.format {
        InputFormat::Csv(options) => {
            let csv = Csv::new(options.clone())?;
            Arc::new(Source::new(csv, schema, origin).leaving(leaving))
        }
        InputFormat::Json(options) => {
            let json = Json {
                array: options.array,
                closed: !matches!(options.schema, SchemaSource::Explicit(_)),
            };
            Arc::new(Source::new(json, schema, origin).leaving(leaving))
        }
        InputFormat::Parquet => Arc::new(ParquetSource::new(schema)),
        InputFormat::Arrow => {
            let ipc = Ipc {
                file: ipc::is_file(files).await?,
            };
            Arc::new(Source::new(ipc, schema, origin))
        }
    };
    let diagnosis = diagnose::Diagnosis::new(&input.format);
    // A local disk does not get better by waiting.
    let retries = (!files.local).then(|| (retries, format!("input {}", input.name).into()));
    let located = Located::new(source, origin, diagnosis, files.discreet).retrying(retries);
    Ok(Arc::new(match text_compression(&input.format) {
        Some(compression) => located.decompress(compression),
        None => located,
    }))
}

/// How the files of a text format are compressed; None for Parquet and Arrow, which compress inside.
fn text_compression(format: &InputFormat) -> Option<Compression> {
    match format {
        InputFormat::Csv(options) => Some(options.compression),
        InputFormat::Json(options) => Some(options.compression),
        InputFormat::Parquet | InputFormat::Arrow => None,
    }
}

/// Refuses types that no transform and hardly an output takes, before a row of them is read.
fn refuse_types(schema: &Schema) -> Result<()> {
    let refused = |field: &&Arc<Field>| {
        let alone = Schema::new(vec![Arc::clone(field)]);
        alone.flattened_fields().iter().any(|part| {
            use DataType::{LargeListView, ListView, RunEndEncoded, Union};
            matches!(
                part.data_type(),
                Union(..) | RunEndEncoded(..) | ListView(_) | LargeListView(_)
            )
        })
    };
    match schema.fields().iter().find(refused) {
        None => Ok(()),
        Some(field) => Err(Error::input(format!(
            "column `{}` is of type {}, which is not read",
            field.name(),
            field.data_type()
        ))
        .fact("column", field.name())
        .hint("write the file with the column in a plain type, or without it")),
    }
}

/// The value that a text stands for in a column of a type, as in CSV; none where it does not fit exactly.
pub(super) fn parse(text: &str, ty: &DataType) -> Option<ArrayRef> {
    let text: ArrayRef = Arc::new(StringArray::from(vec![text]));
    exact::Notation::Csv.convert(&text, ty).ok()
}

fn refuse_duplicates(schema: &Schema) -> Result<()> {
    let mut seen = std::collections::HashSet::new();
    match schema
        .fields()
        .iter()
        .find(|field| !seen.insert(field.name()))
    {
        None => Ok(()),
        Some(field) => Err(Error::input(format!(
            "the input has two columns named `{}`",
            field.name()
        ))
        .hint(
            "give the columns names of their own, by `header = false` and a `schema` if need be",
        )),
    }
}
