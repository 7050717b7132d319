//! Sends rows to the folder of their partition values, as in `region=APAC/`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::engine::HIVE_NULL;
use crate::engine::transform::unknown_column;
use crate::error::{Error, Result};

/// Splits batches by the values of partition columns, which do not stand in the files.
#[derive(Debug)]
pub(super) struct Router {
    keys: Vec<usize>,
    kept: Vec<usize>,
    file_schema: SchemaRef,
}

impl Router {
    pub(super) fn new(partition_by: &[String], schema: &SchemaRef) -> Result<Self> {
        let keys = partition_by
            .iter()
            .map(|name| match schema.column_with_name(name) {
                Some((index, _)) => Ok(index),
                None => Err(unknown_column(name, schema).context("partition the output")),
            })
            .collect::<Result<Vec<_>>>()?;
        let kept: Vec<_> = (0..schema.fields().len())
            .filter(|index| !keys.contains(index))
            .collect();
        if kept.is_empty() {
            return Err(
                Error::input("every column of the output is in `partition_by`")
                    .hint("a file needs at least one column of its own"),
            );
        }
        let file_schema = Arc::new(project(schema, &kept)?);
        Ok(Self {
            keys,
            kept,
            file_schema,
        })
    }

    /// The schema of the files, without the partition columns.
    pub(super) fn file_schema(&self) -> SchemaRef {
        Arc::clone(&self.file_schema)
    }

    /// The rows of `batch` by folder; a folder is empty or ends in `/`.
    pub(super) fn route(&self, batch: RecordBatch) -> Result<Vec<(String, RecordBatch)>> {
        if self.keys.is_empty() {
            return Ok(vec![(String::new(), batch)]);
        }
        let mut rows_of: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        let folders = self.folders(&batch)?;
        for (row, folder) in (0u32..).zip(folders) {
            rows_of.entry(folder).or_default().push(row);
        }
        let rows = batch.project(&self.kept).map_err(internal)?;
        rows_of
            .into_iter()
            .map(|(folder, indices)| {
                let indices = UInt32Array::from(indices);
                Ok((
                    folder,
                    take_record_batch(&rows, &indices).map_err(internal)?,
                ))
            })
            .collect()
    }

    fn folders(&self, batch: &RecordBatch) -> Result<Vec<String>> {
        let mut folders = vec![String::new(); batch.num_rows()];
        let schema = batch.schema();
        let keys = self
            .keys
            .iter()
            .filter_map(|&index| Some((schema.fields().get(index)?, batch.columns().get(index)?)));
        for (field, column) in keys {
            append(&mut folders, field.name(), column)?;
        }
        Ok(folders)
    }
}

fn append(folders: &mut [String], name: &str, column: &ArrayRef) -> Result<()> {
    let options = FormatOptions::new();
    let values = ArrayFormatter::try_new(column, &options).map_err(internal)?;
    for (row, folder) in folders.iter_mut().enumerate() {
        let value = if column.is_null(row) {
            HIVE_NULL.to_owned()
        } else {
            escaped(&values.value(row).to_string())
        };
        folder.push_str(&escaped(name));
        folder.push('=');
        folder.push_str(&value);
        folder.push('/');
    }
    Ok(())
}

/// Escapes what a path segment cannot hold, as Hive does.
fn escaped(text: &str) -> String {
    if text.is_empty() {
        return HIVE_NULL.to_owned();
    }
    let plain = |c: char| c.is_alphanumeric() || "-_. +@".contains(c);
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if plain(character) {
            out.push(character);
        } else {
            let mut buffer = [0; 4];
            for byte in character.encode_utf8(&mut buffer).bytes() {
                // Writing to a string cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    // A segment of dots alone would leave the folder.
    if out.bytes().all(|byte| byte == b'.') {
        out.replace('.', "%2E")
    } else {
        out
    }
}

fn project(schema: &SchemaRef, kept: &[usize]) -> Result<Schema> {
    schema.project(kept).map_err(internal)
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("split rows by partition: {error}"))
}
