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

use std::sync::{Arc, OnceLock};

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
pub(crate) use self::groups::Unit;
use self::ipc::Ipc;
pub(super) use self::ipc::only_batch;
use self::json::Json;
use self::located::Located;
pub(super) use self::mask::Masked;
pub(crate) use self::mask::{ColumnMask, HashKey};
pub(crate) use self::parquet::provenance;
use self::rescue::Leaving;
use self::source::Source;
use super::quarantine::Tally;
use crate::error::{Error, Result};
use crate::spec::{Compression, Input, InputFormat, SchemaColumn, SchemaSource};
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
    pub(crate) fn name(&self, object: &ObjectMeta) -> String {
        format!("{}{}", self.origin, object.location)
    }
}

/// An input as DataFusion sees it.
pub(super) struct Table {
    source: Arc<dyn FileSource>,
    schema: SchemaRef,
    groups: Groups,
    url: ObjectStoreUrl,
}

/// What takes records that cannot be read, and what is read again where storage fails.
pub(super) type Shared = (Arc<Tally>, Arc<Retries>);

/// What the partitions of a scan read, once that is known; nothing before.
type Groups = Arc<OnceLock<Vec<FileGroup>>>;

impl Table {
    /// Finds the schema of `input` and cuts its files into at most `partitions` pieces of similar size; `shared` takes
    /// records that cannot be read.
    pub(super) async fn open(
        input: &Input,
        files: &Files,
        url: ObjectStoreUrl,
        session: &dyn Session,
        (partitions, shared): (usize, Shared),
    ) -> Result<Self> {
        check_options(input, files)?;
        let schema = schema::of(input, files, session).await?;
        let (table, later) = Self::with_schema(input, files, url, (schema, shared)).await?;
        later.set(groups::cut(input, files, partitions).await?)?;
        Ok(table)
    }

    /// The same, whose files are cut later. Where `sample` holds some of them, and those have the columns that stand
    /// with it, so have all.
    pub(super) async fn open_later(
        input: &Input,
        files: &Files,
        url: ObjectStoreUrl,
        session: &dyn Session,
        (sample, shared): (Option<(Files, &[SchemaColumn])>, Shared),
    ) -> Result<(Self, Later)> {
        check_options(input, files)?;
        let mut schema = None;
        if let Some((some, columns)) = sample {
            let found = schema::of(input, &some, session).await?;
            let same = found
                .fields()
                .iter()
                .map(|field| SchemaColumn::from(&**field))
                .eq(columns.iter().cloned());
            schema = same.then_some(found);
        }
        let schema = match schema {
            Some(schema) => schema,
            None => schema::of(input, files, session).await?,
        };
        Self::with_schema(input, files, url, (schema, shared)).await
    }

    async fn with_schema(
        input: &Input,
        files: &Files,
        url: ObjectStoreUrl,
        (file_schema, shared): (SchemaRef, Shared),
    ) -> Result<(Self, Later)> {
        let hive = hive::Columns::new(&input.partitions, &files.objects)?;
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
        let groups = Groups::default();
        let table = Self {
            source,
            schema,
            groups: Arc::clone(&groups),
            url,
        };
        let columns = file_schema.fields().iter();
        let later = Later {
            input: input.clone(),
            columns: columns.map(|field| SchemaColumn::from(&**field)).collect(),
            hive,
            groups,
        };
        Ok((table, later))
    }
}

/// What is left to say of a table: which of its files are read, and in which pieces.
#[derive(Debug)]
pub(crate) struct Later {
    input: Input,
    columns: Vec<SchemaColumn>,
    hive: hive::Columns,
    groups: Groups,
}

impl Later {
    /// The columns of the files, without those of their paths.
    pub(crate) fn columns(&self) -> &[SchemaColumn] {
        &self.columns
    }

    /// Has the table read `files`, of its own, in units of about `share` bytes, one for each partition. Yields the units.
    pub(crate) async fn read(&self, files: &Files, share: u64) -> Result<Vec<Unit>> {
        let found = groups::units(&self.input, files, share).await?;
        let (units, groups) = found.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
        self.set(groups)?;
        Ok(units)
    }

    fn set(&self, groups: Vec<Vec<PartitionedFile>>) -> Result<()> {
        let labelled = groups.into_iter().map(|group| {
            let group = group.into_iter().map(|piece| self.hive.label(piece));
            Ok(FileGroup::new(
                group.collect::<Result<Vec<PartitionedFile>>>()?,
            ))
        });
        let set = self.groups.set(labelled.collect::<Result<_>>()?);
        set.map_err(|_| Error::internal("the files of a table were cut twice"))
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Table({}, {} groups)",
            self.source.file_type(),
            self.groups.get().map_or(0, Vec::len)
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
        // A plan without partitions is none.
        let groups = self.groups.get().filter(|groups| !groups.is_empty());
        let groups = groups
            .cloned()
            .unwrap_or_else(|| vec![FileGroup::default()]);
        let config = FileScanConfigBuilder::new(self.url.clone(), Arc::clone(&self.source))
            .with_file_groups(groups)
            .with_limit(limit)
            // Or partitions take each other's pieces, and rows lose their order.
            .with_preserve_order(true)
            .with_projection_indices(projection.cloned())?
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// Refuses options of an input that would tell values of masked columns.
fn check_options(input: &Input, files: &Files) -> Result<()> {
    if files.discreet {
        names::check_options(input)?;
    }
    Ok(())
}

async fn file_source(
    input: &Input,
    files: &Files,
    schema: TableSchema,
    (tally, retries): Shared,
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
