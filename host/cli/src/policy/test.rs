//! `sluice policy test`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use sluicegate::error::{Error, ErrorKind, Result, ResultExt as _};
use sluicegate::policy::{CaseResult, Cases, Policies};

use super::load;
use crate::place;
use crate::report::{self, Outcome, printable};

/// Decides the cases of a file and tells which are not decided as expected
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The cases, which also name the policies
    cases: PathBuf,
    /// Decides nothing, and shows which of the cases' principals are in which group
    #[arg(long)]
    matches: bool,
}

/// Prints the cases that failed.
pub(crate) fn test(arguments: &Arguments, json: bool) -> Outcome {
    let doing = || format!("test `{}`", arguments.cases.display());
    let (cases, policies) = read(&arguments.cases).with_context(doing)?;
    if arguments.matches {
        return matches(&cases, &policies, json);
    }
    let results = cases.check(&policies).with_context(doing)?;
    if json {
        report::print_json(&results)?;
    } else {
        report::print(&printable(&text(&results)))?;
    }
    let failed = results.iter().filter(|result| !result.passed).count();
    if failed == 0 {
        return Ok(());
    }
    let message = format!("{failed} of {} cases failed", results.len());
    Err(Error::new(ErrorKind::Policy, message)
        .context(doing())
        .into())
}

fn read(path: &Path) -> Result<(Cases, Policies)> {
    let cases = Cases::parse(&place::read_text(path)?, &path.display().to_string())?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let policies = load::policies(&cases.policies, folder)?;
    Ok((cases, policies))
}

fn matches(cases: &Cases, policies: &Policies, json: bool) -> Outcome {
    let members = cases.members(policies);
    if json {
        let groups = members.into_iter();
        let groups = groups.map(|(group, members)| json!({ "group": group, "members": members }));
        return report::print_json(&groups.collect::<Vec<_>>());
    }
    let mut text = String::new();
    for (group, members) in members {
        let members = match members.as_slice() {
            [] => "nobody of the file".to_owned(),
            members => members.join(", "),
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{group}: {members}");
    }
    report::print(&printable(&text))
}

fn text(results: &[CaseResult]) -> String {
    let mut text = String::new();
    for result in results.iter().filter(|result| !result.passed) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "FAILED {}: expected {}", result.name, result.expected);
        for line in result.explanation.text().lines() {
            let _ = writeln!(text, "  {line}");
        }
        for advice in result.explanation.advice() {
            let _ = writeln!(text, "  {}", advice.trim_end().replace('\n', "\n    "));
        }
    }
    let passed = results.iter().filter(|result| result.passed).count();
    let _ = writeln!(text, "{passed} of {} cases passed", results.len());
    text
}
