//! Schemas as people write them, in an application file or in a file of their own.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use super::document::{self, Fields, Node, Problems};
use super::quantity::clip;
use super::type_name;
use crate::error::{Error, Result};

/// Columns that a schema may have. Wider tables exist, but not as files of rows.
const COLUMNS_MAX: usize = 10_000;

/// Reads a schema file: `[[columns]]` with `name`, `type` and `nullable`.
///
/// # Errors
///
/// Fails with every problem, each with its line; `origin` names the file in the error.
pub fn parse_schema(text: &str, origin: &str) -> Result<SchemaRef> {
    let root = document::parse(text, origin)?;
    let problems = Problems::default();
    let fields = Fields::new(&root, &(0..0), "the schema", &["columns"], &problems);
    let schema = fields.and_then(|fields| read(fields.required("columns")?, &problems));
    problems.into_result(text, origin)?;
    schema.ok_or_else(|| Error::internal("schema is neither read nor refused"))
}

/// Writes a schema as a file that [`parse_schema`] reads back.
///
/// # Errors
///
/// Fails for a type that has no name in schema files, such as a union.
pub fn schema_to_toml(schema: &Schema) -> Result<String> {
    let mut text = String::new();
    for field in schema.fields() {
        let Some(ty) = type_name::write(field.data_type()) else {
            let (name, ty) = (clip(field.name()), field.data_type());
            return Err(Error::input(format!(
                "column `{name}` is of type `{ty}`, which cannot be saved"
            ))
            .hint("leave the column out, or read it as another type"));
        };
        let name = toml::Value::String(field.name().clone());
        let ty = toml::Value::String(ty);
        let null = if field.is_nullable() {
            ""
        } else {
            "nullable = false\n"
        };
        let gap = if text.is_empty() { "" } else { "\n" };
        let _ = write!(text, "{gap}[[columns]]\nname = {name}\ntype = {ty}\n{null}");
    }
    if text.is_empty() {
        text.push_str("columns = []\n");
    }
    Ok(text)
}

/// A column as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaColumn {
    /// Its name.
    pub name: String,
    /// The name of its type in schema files, or Arrow's where it has none there.
    #[serde(rename = "type")]
    pub data_type: String,
    /// Whether values may be missing.
    pub nullable: bool,
}

impl From<&Field> for SchemaColumn {
    fn from(field: &Field) -> Self {
        Self {
            name: field.name().clone(),
            data_type: type_text(field.data_type()),
            nullable: field.is_nullable(),
        }
    }
}

/// What a schema file calls a type, or what Arrow does where it has no name there.
pub(crate) fn type_text(ty: &DataType) -> String {
    type_name::write(ty).unwrap_or_else(|| ty.to_string())
}

/// Reads an array of columns.
pub(super) fn read(node: &Node, problems: &Problems) -> Option<SchemaRef> {
    let columns = read_columns(node, "a column", problems)?;
    Some(Arc::new(Schema::new(columns)))
}

/// Reads an array of columns, each of which is `what`.
pub(super) fn read_columns(
    node: &Node,
    what: &'static str,
    problems: &Problems,
) -> Option<Vec<Field>> {
    let nodes = node.array("an array of columns", problems)?;
    if nodes.len() > COLUMNS_MAX {
        problems.add(
            &node.span,
            format!("{} columns, expected at most {COLUMNS_MAX}", nodes.len()),
        );
        return None;
    }
    let mut names = BTreeSet::new();
    let mut columns = Vec::with_capacity(nodes.len());
    for node in nodes {
        let column = read_column(node, what, problems);
        if let Some(column) = &column
            && !names.insert(column.name().clone())
        {
            problems.add(
                &node.span,
                format!("column `{}` is named twice", clip(column.name())),
            );
        }
        columns.push(column);
    }
    columns.into_iter().collect()
}

fn read_column(node: &Node, what: &'static str, problems: &Problems) -> Option<Field> {
    let fields = Fields::new(
        node,
        &node.span,
        what,
        &["name", "type", "nullable"],
        problems,
    )?;
    let name = fields
        .required("name")
        .and_then(|node| node.string(problems));
    let ty = fields.required("type").and_then(|node| {
        let text = node.string(problems)?;
        type_name::parse(&text)
            .map_err(|(message, hint)| match hint {
                Some(hint) => problems.add_with_hint(&node.span, message, hint),
                None => problems.add(&node.span, message),
            })
            .ok()
    });
    let nullable = fields.or("nullable", true, |node| node.bool(problems));
    Some(Field::new(name?, ty?, nullable?))
}
