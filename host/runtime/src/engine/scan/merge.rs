//! One schema for all files of an input.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};

use crate::error::{Error, Result};

/// The schema of one file, and what messages call the file.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) schema: Schema,
}

/// Whether the types of the files' columns are what was written, or what was concluded from the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Types {
    Stored,
    Inferred,
}

/// All columns of all files, in the order in which they come.
///
/// # Errors
///
/// A file has two columns of one name, or two files have a column of one name with types that do not
/// agree; the message names the files.
pub(super) fn schemas(files: &[Found], types: Types) -> Result<SchemaRef> {
    let mut merged: Vec<(FieldRef, &str, usize)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for file in files {
        super::refuse_duplicates(&file.schema).map_err(|error| {
            error
                .fact("file", &file.name)
                .context(format!("read `{}`", file.name))
        })?;
        for field in file.schema.fields() {
            let place = places.get(field.name().as_str()).copied();
            match place.and_then(|place| merged.get_mut(place)) {
                None => {
                    places.insert(field.name(), merged.len());
                    merged.push((Arc::clone(field), &file.name, 1));
                }
                Some((known, first, found)) => {
                    *found += 1;
                    *known = Arc::new(
                        union(known, field, types)
                            .ok_or_else(|| disagree((known, first), (field, &file.name)))?,
                    );
                }
            }
        }
    }
    let fields = merged.into_iter().map(|(field, _, found)| {
        // Rows of a file that lacks the column have none of its values.
        if found == files.len() || field.is_nullable() {
            return field;
        }
        Arc::new(field.as_ref().clone().with_nullable(true))
    });
    let fields: Vec<_> = fields.collect();
    Ok(Arc::new(Schema::new(fields)))
}

fn union(one: &Field, other: &Field, types: Types) -> Option<Field> {
    if types == Types::Inferred
        && let Some(data_type) = wider(one.data_type(), other.data_type())
    {
        return Some(one.clone().with_data_type(data_type).with_nullable(true));
    }
    // What a writer noted about a column may differ between files; the rows do not depend on it.
    let mut union = one.clone().with_metadata(HashMap::new());
    union
        .try_merge(&other.clone().with_metadata(HashMap::new()))
        .ok()?;
    Some(union.with_metadata(one.metadata().clone()))
}

/// A type that holds the values of both.
fn wider(one: &DataType, other: &DataType) -> Option<DataType> {
    match (one, other) {
        (DataType::Null, known) | (known, DataType::Null) => Some(known.clone()),
        (DataType::Int64, DataType::Float64) | (DataType::Float64, DataType::Int64) => {
            Some(DataType::Float64)
        }
        (DataType::Date32, DataType::Timestamp(unit, None))
        | (DataType::Timestamp(unit, None), DataType::Date32) => {
            Some(DataType::Timestamp(*unit, None))
        }
        (DataType::Timestamp(one, None), DataType::Timestamp(other, None)) => {
            let nanoseconds = [one, other].contains(&&TimeUnit::Nanosecond);
            let unit = if nanoseconds {
                TimeUnit::Nanosecond
            } else {
                TimeUnit::Microsecond
            };
            Some(DataType::Timestamp(unit, None))
        }
        _ => None,
    }
}

fn disagree((one, first): (&Field, &str), (other, second): (&Field, &str)) -> Error {
    Error::input(format!(
        "column `{}` is {} in `{first}`, but {} in `{second}`",
        one.name(),
        one.data_type(),
        other.data_type()
    ))
    .fact("column", one.name())
    .hint("files of one input need the same types; for text, declare them with `schema` or `schema_file`")
}
