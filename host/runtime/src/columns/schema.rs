//! Schemas: the fields of the host as pre-order lists, and the lists of a guest as fields.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::slice;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};

use super::format::{Format, format_of, parse_format};
use super::size::is_plain;
use super::{blame, broken, quoted};
use crate::error::{Error, Result, ResultExt};
use crate::limits::GuestLimits;

/// Levels of nesting that are read whatever the limits say: the host recurses once for each.
const DEPTH_MAX: usize = 64;

/// Pairs of metadata that one field may declare; extension types need two.
const METADATA_MAX: usize = 64;

/// The name of the child that holds a dictionary's values, which has none in Arrow.
const DICTIONARY_VALUES: &str = "values";

/// A field in flat form, the record `field` of the contract.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlatField {
    /// The name of the column, or of the child of a nested type.
    pub name: String,
    /// The format string of the Arrow C data interface; that of the indices for a dictionary.
    pub format: String,
    /// Whether the array may hold nulls.
    pub nullable: bool,
    /// Whether the array is dictionary-encoded; its one child is the field of the values.
    pub dictionary: bool,
    /// Direct children, which follow in the list, each with its own descendants.
    pub children: u32,
    /// Key and value pairs, sorted by key.
    pub metadata: Vec<(String, String)>,
}

/// The columns of `schema` with their descendants, in pre-order.
///
/// Metadata of the schema itself, and whether maps are sorted and dictionaries ordered, are not carried.
///
/// # Errors
///
/// Of kind `Input`, if a column or a child of one is a union, run-end encoded or a list view.
pub fn flatten_schema(schema: &Schema) -> Result<Vec<FlatField>> {
    let mut flat = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        push_field(field, &mut flat).with_context(|| {
            format!(
                "column {} cannot be given to a transform",
                quoted(field.name())
            )
        })?;
    }
    Ok(flat)
}

fn push_field(field: &Field, flat: &mut Vec<FlatField>) -> Result<()> {
    let metadata: BTreeMap<&String, &String> = field.metadata().iter().collect();
    let metadata = metadata
        .into_iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    push_type(
        field.name(),
        field.data_type(),
        field.is_nullable(),
        metadata,
        flat,
    )
}

fn push_type(
    name: &str,
    data_type: &DataType,
    nullable: bool,
    metadata: Vec<(String, String)>,
    flat: &mut Vec<FlatField>,
) -> Result<()> {
    let format = format_of(data_type).ok_or_else(|| {
        Error::input(format!(
            "field {} is of type `{}`",
            quoted(name),
            kind_of(data_type)
        ))
        .hint("cast the column to a plain type, or leave it out of the input")
    })?;
    let children: &[FieldRef] = match data_type {
        DataType::List(child)
        | DataType::LargeList(child)
        | DataType::FixedSizeList(child, _)
        | DataType::Map(child, _) => slice::from_ref(child),
        DataType::Struct(children) => children,
        _ => &[],
    };
    let dictionary = match data_type {
        DataType::Dictionary(_, values) => Some(values),
        _ => None,
    };
    flat.push(FlatField {
        name: name.to_owned(),
        format: format.into_owned(),
        nullable,
        dictionary: dictionary.is_some(),
        children: u32::try_from(children.len())
            .map_err(|_| Error::input("more than 2^32 children"))?
            .max(u32::from(dictionary.is_some())),
        metadata,
    });
    if let Some(values) = dictionary {
        return push_type(DICTIONARY_VALUES, values, true, Vec::new(), flat);
    }
    children
        .iter()
        .try_for_each(|child| push_field(child, flat))
}

/// The name of a type that is not offered, without its parameters.
fn kind_of(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Union(_, _) => "Union",
        DataType::RunEndEncoded(_, _) => "RunEndEncoded",
        DataType::ListView(_) => "ListView",
        DataType::LargeListView(_) => "LargeListView",
        _ => "unknown",
    }
}

/// Reads one column, a pre-order list that a guest declared, root first.
///
/// Fields of several columns together, names that are taken twice by columns, and the size of the whole
/// plan are the caller's to limit. Of a dictionary's values only the type is kept, as in Arrow.
///
/// # Errors
///
/// Of kind `Trap`, if the list has more or fewer fields than it declares children, if it exceeds
/// `limits.fields`, `limits.depth` or `limits.name_bytes`, if a type is unknown, not offered or
/// has the wrong children, if children of a struct have no name or the same, or if the values of a
/// dictionary are nested.
pub fn parse_field(fields: &[FlatField], limits: &GuestLimits) -> Result<FieldRef> {
    parse_column(fields, limits).map(Arc::new).map_err(blame)
}

fn parse_column(fields: &[FlatField], limits: &GuestLimits) -> Result<Field> {
    if fields.len() > limits.fields {
        return Err(broken(format!(
            "a column has {} fields, more than the limit of {}",
            fields.len(),
            limits.fields
        )));
    }
    let mut parser = Parser {
        fields: fields.iter(),
        limits,
    };
    let root = parser.field(1)?;
    require_name(&root)?;
    match parser.fields.len() {
        0 => Ok(root),
        extra => Err(broken(format!(
            "column {}: {extra} fields follow its last child",
            quoted(root.name())
        ))),
    }
}

fn require_name(field: &Field) -> Result<()> {
    if field.name().is_empty() {
        return Err(broken("a column, or a child of a struct, has no name"));
    }
    Ok(())
}

struct Parser<'a> {
    fields: slice::Iter<'a, FlatField>,
    limits: &'a GuestLimits,
}

impl Parser<'_> {
    fn field(&mut self, depth: usize) -> Result<Field> {
        let Some(flat) = self.fields.next() else {
            return Err(broken("fields end before the last child"));
        };
        self.check_texts(flat)?;
        let what = if depth == 1 { "column" } else { "child" };
        self.field_of(flat, depth)
            .with_context(|| format!("{what} {}", quoted(&flat.name)))
    }

    fn check_texts(&self, flat: &FlatField) -> Result<()> {
        let limit = self.limits.name_bytes;
        let pairs = flat.metadata.iter().flat_map(|(key, value)| [key, value]);
        let longest = pairs
            .chain([&flat.name, &flat.format])
            .map(String::len)
            .max()
            .unwrap_or(0);
        if longest > limit {
            return Err(Error::limit_key("name_bytes", limit).context(format!(
                "field {} has a name, format or metadata of {longest} bytes",
                quoted(&flat.name)
            )));
        }
        if flat.metadata.len() > METADATA_MAX {
            return Err(broken(format!(
                "field {} has {} pairs of metadata, more than the limit of {METADATA_MAX}",
                quoted(&flat.name),
                flat.metadata.len()
            )));
        }
        Ok(())
    }

    fn field_of(&mut self, flat: &FlatField, depth: usize) -> Result<Field> {
        let limit = self.limits.depth.min(DEPTH_MAX);
        if depth > limit {
            return Err(Error::limit_key("depth", limit).context("types nest too deep"));
        }
        let format = parse_format(&flat.format).map_err(|why| {
            broken(format!(
                "format {} cannot be used: {why}",
                quoted(&flat.format)
            ))
        })?;
        let data_type = if flat.dictionary {
            self.dictionary(flat, format, depth)?
        } else {
            self.data_type(flat, format, depth)?
        };
        let metadata: HashMap<String, String> = flat.metadata.iter().cloned().collect();
        Ok(Field::new(&flat.name, data_type, flat.nullable).with_metadata(metadata))
    }

    fn dictionary(&mut self, flat: &FlatField, format: Format, depth: usize) -> Result<DataType> {
        match format {
            Format::Leaf(indices) if indices.is_integer() => {
                let values = self.only_child(flat, depth)?;
                if !is_plain(values.data_type()) {
                    return Err(broken(
                        "the values of a dictionary must be of a type without children",
                    ));
                }
                Ok(DataType::Dictionary(
                    Box::new(indices),
                    Box::new(values.data_type().clone()),
                ))
            }
            _ => Err(broken(format!(
                "format {} cannot be that of a dictionary's indices, which are integers",
                quoted(&flat.format)
            ))),
        }
    }

    fn data_type(&mut self, flat: &FlatField, format: Format, depth: usize) -> Result<DataType> {
        Ok(match format {
            Format::Leaf(data_type) => {
                expect_children(flat, 0)?;
                data_type
            }
            Format::List => DataType::List(self.only_child(flat, depth)?),
            Format::LargeList => DataType::LargeList(self.only_child(flat, depth)?),
            Format::FixedSizeList(size) => {
                DataType::FixedSizeList(self.only_child(flat, depth)?, size)
            }
            Format::Struct => DataType::Struct(self.struct_children(flat, depth)?),
            Format::Map => DataType::Map(self.map_entries(flat, depth)?, false),
        })
    }

    fn only_child(&mut self, flat: &FlatField, depth: usize) -> Result<FieldRef> {
        expect_children(flat, 1)?;
        self.field(depth + 1).map(Arc::new)
    }

    fn struct_children(&mut self, flat: &FlatField, depth: usize) -> Result<Fields> {
        let mut names = HashSet::new();
        // Not preallocated: the number is the guest's.
        let mut children = Vec::new();
        for _ in 0..flat.children {
            let child = self.field(depth + 1)?;
            require_name(&child)?;
            if !names.insert(child.name().clone()) {
                return Err(broken(format!(
                    "two children are called {}",
                    quoted(child.name())
                )));
            }
            children.push(child);
        }
        Ok(children.into())
    }

    fn map_entries(&mut self, flat: &FlatField, depth: usize) -> Result<FieldRef> {
        let entries = self.only_child(flat, depth)?;
        let DataType::Struct(children) = entries.data_type() else {
            return Err(broken(
                "the child of a map must be a struct of a key and a value",
            ));
        };
        let [key, _] = children.as_ref() else {
            return Err(broken(format!(
                "the entries of a map are a key and a value, not {} children",
                children.len()
            )));
        };
        if entries.is_nullable() || key.is_nullable() {
            return Err(broken(
                "the entries of a map, and their keys, must not be nullable",
            ));
        }
        Ok(entries)
    }
}

fn expect_children(flat: &FlatField, children: u32) -> Result<()> {
    if flat.children != children {
        return Err(broken(format!(
            "format {} has {children} children, but {} are declared",
            quoted(&flat.format),
            flat.children
        )));
    }
    Ok(())
}
