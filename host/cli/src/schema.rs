//! `sluice schema`.

use clap::Args;
use serde_json::json;
use sluicegate::error::{Error, ResultExt as _};
use sluicegate::spec;

use crate::head;
use crate::report::{self, Outcome};

/// Rows that are looked at for the schema of a text format.
const ROWS: usize = 1_000;

/// Prints the schema of an input as a file that `schema_file` of an application can name
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A path or a URI
    uri: String,
}

/// Prints the schema, as TOML or as a list of names and types.
pub(crate) fn schema(arguments: &Arguments, json: bool) -> Outcome {
    let doing = || format!("show the schema of `{}`", arguments.uri);
    let batches = head::rows(&arguments.uri, ROWS).with_context(doing)?;
    let no_rows = || Error::input("there are no rows to tell the schema from");
    let schema = batches
        .first()
        .ok_or_else(no_rows)
        .with_context(doing)?
        .schema();
    if !json {
        return report::print(&spec::schema_to_toml(&schema).with_context(doing)?);
    }
    let fields = schema.fields().iter().map(|field| {
        json!({
            "name": field.name(),
            "type": field.data_type().to_string(),
            "nullable": field.is_nullable(),
        })
    });
    report::print_json(&fields.collect::<Vec<_>>())
}
