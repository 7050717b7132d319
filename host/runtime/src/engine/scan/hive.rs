//! Columns whose values stand in the path, as in `date=2026-01-31/part-0.parquet`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::ScalarValue;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::object_store::ObjectMeta;
use datafusion::object_store::path::Path;

use crate::engine::HIVE_NULL;
use crate::error::{Error, Result};
use crate::spec::Partitions;

/// The partition columns of an input, in the order of the path.
#[derive(Debug)]
pub(super) struct Columns(Vec<FieldRef>);

impl Columns {
    /// # Errors
    ///
    /// The columns are to be found out, and two paths have different ones.
    pub(super) fn new(declared: &Partitions, objects: &[ObjectMeta]) -> Result<Self> {
        let fields = match declared {
            Partitions::None => Vec::new(),
            Partitions::Columns(fields) => fields.iter().cloned().map(Arc::new).collect(),
            Partitions::Auto => {
                let mut objects = objects.iter().map(|object| &object.location);
                let first = objects.next();
                let names = first.map_or_else(Vec::new, keys);
                if let (Some(first), Some(other)) =
                    (first, objects.find(|other| keys(other) != names))
                {
                    return Err(differ(first, other));
                }
                let fields = names.into_iter();
                fields
                    .map(|key| Arc::new(Field::new(key, DataType::Utf8, true)))
                    .collect()
            }
        };
        Ok(Self(fields))
    }

    /// Refuses a column that stands both in the path and in the files.
    pub(super) fn refuse_stored(&self, stored: &Schema) -> Result<()> {
        match self
            .0
            .iter()
            .find(|field| stored.column_with_name(field.name()).is_some())
        {
            None => Ok(()),
            Some(field) => Err(Error::input(format!(
                "column `{}` stands both in the path and in the files",
                field.name()
            ))
            .fact("column", field.name())
            .hint(
                "leave `partitions` out to read the column of the files, or rename one of the two",
            )),
        }
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

fn keys(path: &Path) -> Vec<String> {
    pairs(path).map(|(key, _)| key).collect()
}

fn differ(first: &Path, other: &Path) -> Error {
    Error::input(format!(
        "the paths have different partition columns: `{first}` has [{}], but `{other}` has [{}]",
        keys(first).join(", "),
        keys(other).join(", ")
    ))
    .hint("move one of the files, or give the folders inputs of their own")
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
    if text == HIVE_NULL {
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
            // Or the parser would take `+1` for a number, too.
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.unwrap_or(byte));
        rest = tail
            .get(if code.is_some() { 2 } else { 0 }..)
            .unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
