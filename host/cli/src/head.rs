//! `sluice head`.

use arrow::array::RecordBatch;
use arrow::json::LineDelimitedWriter;
use arrow::util::pretty::pretty_format_batches;
use clap::Args;
use sluicegate::error::{Error, Result, ResultExt as _};

use crate::report::{self, Outcome};
use crate::{place, run};

/// Shows the first rows of a file, a folder or a glob in any format that a run can read
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A path or a URI
    uri: String,
    /// Rows to show
    #[arg(short = 'n', long, default_value_t = 20)]
    rows: usize,
}

/// Prints the first rows, as a table or as one JSON object a line.
pub(crate) fn head(arguments: &Arguments, json: bool) -> Outcome {
    let doing = || format!("show `{}`", arguments.uri);
    let batches = rows(&arguments.uri, arguments.rows).with_context(doing)?;
    print(&batches, json)
}

/// Prints rows, as a table or as one JSON object a line.
pub(crate) fn print(batches: &[RecordBatch], json: bool) -> Outcome {
    let text = if json { lines(batches) } else { table(batches) };
    report::print(&text?)
}

/// The first rows of `uri`.
pub(crate) fn rows(uri: &str, rows: usize) -> Result<Vec<RecordBatch>> {
    let base = place::working_folder()?;
    let head = sluicegate::run::head(uri, &base, rows, place::environment());
    run::runtime(0)?.block_on(head)
}

/// Rows as a table.
pub(crate) fn table(batches: &[RecordBatch]) -> Result<String> {
    let table = pretty_format_batches(batches).map_err(|cause| unprintable(&cause))?;
    Ok(report::printable(&format!("{table}\n")))
}

/// Rows as objects of JSON, one a line.
pub(crate) fn lines(batches: &[RecordBatch]) -> Result<String> {
    let mut writer = LineDelimitedWriter::new(Vec::new());
    writer
        .write_batches(&batches.iter().collect::<Vec<_>>())
        .map_err(|cause| unprintable(&cause))?;
    writer.finish().map_err(|cause| unprintable(&cause))?;
    Ok(String::from_utf8_lossy(&writer.into_inner()).into_owned())
}

fn unprintable(cause: &arrow::error::ArrowError) -> Error {
    Error::input(cause.to_string()).context("print the rows")
}
