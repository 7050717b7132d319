//! Inputs and outputs that lie within each other.

use super::listing::{MATCHING, is_hidden};
use crate::error::{Error, Result};
use crate::spec::{Input, Output, Uri};

/// Refuses an output that holds an input which an overwrite would replace, and an input that covers
/// what the run writes, so that the next run would read it. Names are compared as they are written:
/// a symbolic link is not followed.
///
/// # Errors
///
/// Fails with the name of the first such input.
pub fn check_overlap(inputs: &[Input], output: &Output) -> Result<()> {
    let written = written_name(output);
    for Input { name, uri, .. } in inputs {
        let (target, source) = (
            output.uri.in_account_of(uri),
            uri.in_account_of(&output.uri),
        );
        if output.mode.replaces() && target.contains(&source) {
            return Err(Error::input(format!(
                "input `{name}` at `{uri}` lies within the output `{}`, which is overwritten",
                output.uri
            ))
            .hint("choose a folder of its own for the output"));
        }
        if covers(&source, &target, &written) {
            return Err(Error::input(format!(
                "output `{}` lies within input `{name}` at `{uri}`, which would read it in the next run",
                output.uri
            ))
            .hint("choose a folder outside of the input, or narrow the input down with a glob such as `*.csv`"));
        }
    }
    Ok(())
}

/// Whether an input at `input` reads the file `written` of an output.
fn covers(input: &Uri, output: &Uri, written: &str) -> bool {
    let Some(below) = input.split_glob().0.relative(output) else {
        return false;
    };
    let name = format!("{below}/{written}");
    let name = name.trim_start_matches('/');
    // Malformed globs are refused when they are listed.
    let matches = |pattern: &str| {
        glob::Pattern::new(pattern).is_ok_and(|glob| glob.matches_with(name, MATCHING))
    };
    !is_hidden(name) && input.pattern().is_none_or(matches)
}

/// A name that the run might give to a file.
fn written_name(output: &Output) -> String {
    let folders = output
        .partition_by
        .iter()
        .map(|column| format!("{column}=0/"));
    let extension = output.format.extension();
    format!(
        "{}part-00000-000-run{extension}",
        folders.collect::<String>()
    )
}
