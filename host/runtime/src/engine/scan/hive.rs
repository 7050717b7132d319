//! Columns whose values stand in the path, as in `date=2026-01-31/part-0.parquet`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::object_store::ObjectMeta;
use datafusion::object_store::path::Path;

use crate::error::{Error, Result};
use crate::spec::Partitions;

/// What Hive and Spark write in a path for a null.
const NULL_NAME: &str = "__HIVE_DEFAULT_PARTITION__";

/// The partition columns of an input, in the order of the path.
#[derive(Debug)]
pub(super) struct Columns(Vec<FieldRef>);

impl Columns {
    pub(super) fn new(declared: &Partitions, objects: &[ObjectMeta]) -> Self {
        let fields = match declared {
            Partitions::None => Vec::new(),
            Partitions::Columns(fields) => fields.iter().cloned().map(Arc::new).collect(),
            Partitions::Auto => objects.first().map_or_else(Vec::new, |object| {
                pairs(&object.location)
                    .map(|(key, _)| Arc::new(Field::new(key, DataType::Utf8, true)))
                    .collect()
            }),
        };
        Self(fields)
    }

    pub(super) fn fields(&self) -> Vec<FieldRef> {
        self.0.clone()
    }

    /// Gives a piece of a file the partition values of its path.
    pub(super) fn label(&self, piece: PartitionedFile) -> Result<PartitionedFile> {
        if self.0.is_empty() {
            return Ok(piece);
        }
        let values = self
            .0
            .iter()
            .map(|field| value(field, piece.path()))
            .collect::<Result<_>>()?;
        Ok(piece.with_partition_values(values))
    }
}

fn pairs(path: &Path) -> impl Iterator<Item = (String, String)> + '_ {
    path.parts().filter_map(|part| {
        let part = part.as_ref().to_owned();
        let (key, value) = part.split_once('=')?;
        Some((key.to_owned(), value.to_owned()))
    })
}

fn value(field: &Field, path: &Path) -> Result<ScalarValue> {
    let text = pairs(path)
        .find(|(key, _)| key == field.name())
        .map(|(_, value)| value)
        .ok_or_else(|| {
            Error::input(format!("the path `{path}` has no `{}=`", field.name())).hint(
                "every file of a partitioned input lies below a folder for each partition column",
            )
        })?;
    if text == NULL_NAME {
        return ScalarValue::try_new_null(field.data_type())
            .map_err(|error| Error::internal(error.to_string()));
    }
    let decoded = percent_decoded(&text);
    ScalarValue::try_from_string(decoded.clone(), field.data_type()).map_err(|_| {
        Error::input(format!(
            "the path `{path}` has `{decoded}` for the partition column `{}`, which is no {}",
            field.name(),
            field.data_type()
        ))
    })
}

/// Writers escape what a path cannot hold as `%2F`.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let code = tail
            .get(..2)
            .filter(|_| byte == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.unwrap_or(byte));
        rest = tail
            .get(if code.is_some() { 2 } else { 0 }..)
            .unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
