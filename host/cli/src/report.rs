//! How a command ends: what it prints about a failure, and its exit code.

use std::error::Error as _;
use std::io::{ErrorKind as IoKind, Write};
use std::process::ExitCode;

use serde_json::json;
use sluicegate::error::Error;
use sluicegate::run::LogLine;

/// The exit codes, as `sluice --help` shows them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
    0  success
    1  internal   a bug in Sluicegate
    2  usage      the command line is wrong
    3  input      the application file, a parameter or the data is wrong
    4  plugin     the plugin is no component, speaks another contract, or imports what is not offered
    5  guest      the transform returned a fault of its own
    6  trap       the transform crashed or broke the contract
    7  limit      a limit was reached
    8  policy     a policy refused the access
    9  storage    storage failed or refused
   10  contract   columns or rows are not what the application says
   11  conflict   somebody else wrote to the output meanwhile
  130  cancelled  the run was cancelled";

/// The result of a command.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something for the person to read, and what the transforms of a run said before.
    Error(Error, Vec<LogLine>),
    /// Whoever read the output has seen enough, as in `sluice head x | head -1`.
    Closed,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error, Vec::new())
    }
}

/// A panic, which is a bug, as an error.
pub(crate) fn bug(panic: &(dyn std::any::Any + Send)) -> Failure {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    Error::internal(format!(
        "a bug: {}",
        text.unwrap_or("a panic without a message")
    ))
    .hint("report it with the command, and the application file if you can share it")
    .into()
}

/// Prints `text` on standard output.
pub(crate) fn print(text: &str) -> Outcome {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(cause) if cause.kind() == IoKind::BrokenPipe => Err(Failure::Closed),
        Err(cause) => {
            let error = Error::storage(cause.to_string()).context("write to standard output");
            Err(error.into())
        }
    }
}

/// Prints `value` on standard output, as one line of JSON.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Outcome {
    let text = serde_json::to_string(value)
        .map_err(|cause| Error::internal(cause.to_string()).context("write JSON"))?;
    print(&(text + "\n"))
}

/// Prints a failure on standard error and yields the exit code.
pub(crate) fn exit(outcome: Outcome, json: bool) -> ExitCode {
    match outcome {
        Ok(()) | Err(Failure::Closed) => ExitCode::SUCCESS,
        Err(Failure::Error(error, logs)) => {
            if json {
                eprintln!("{}", machine_text(&error, &logs));
            } else {
                print_logs(&logs);
                eprintln!("{}", human_text(&error));
            }
            ExitCode::from(error.kind().exit_code())
        }
    }
}

/// Prints what is wrong with the command line, or the help that it asks for, and yields the exit code.
pub(crate) fn usage(error: &clap::Error, json: bool) -> ExitCode {
    if json && error.use_stderr() {
        eprintln!("{}", usage_text(error));
    } else {
        // Nobody is left to tell that the terminal is gone.
        let _ = error.print();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1))
}

/// The first paragraph says what is wrong, the others what would be right.
fn usage_text(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let mut paragraphs = text
        .split("\n\n")
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let message = paragraphs.next().unwrap_or_default();
    json!({
        "error": {
            "kind": "usage",
            "exit_code": error.exit_code(),
            "message": message.trim_start_matches("error: "),
            "causes": [],
            "hints": paragraphs.collect::<Vec<_>>(),
            "facts": {},
        }
    })
    .to_string()
}

fn human_text(error: &Error) -> String {
    let mut lines = vec![format!(
        "error: failed to {}",
        printable(&error.to_string())
    )];
    lines.extend(
        causes(error)
            .iter()
            .map(|cause| format!("  cause: {}", printable(cause))),
    );
    let facts = error.facts().iter();
    lines.extend(facts.map(|(name, value)| format!("  {name}: {}", printable(value))));
    lines.extend(
        error
            .hints()
            .iter()
            .map(|hint| format!("hint: {}", printable(hint))),
    );
    lines.join("\n")
}

/// A failure as JSON.
pub(crate) fn machine(error: &Error) -> serde_json::Value {
    let facts: serde_json::Map<String, serde_json::Value> = error
        .facts()
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    json!({
        "kind": error.kind().as_str(),
        "exit_code": error.kind().exit_code(),
        "transient": error.is_transient(),
        "message": error.to_string(),
        "causes": causes(error),
        "hints": error.hints(),
        "facts": facts,
    })
}

fn machine_text(error: &Error, logs: &[LogLine]) -> String {
    let mut text = json!({ "error": machine(error) });
    if let (Some(text), false) = (text.as_object_mut(), logs.is_empty()) {
        text.insert("logs".to_owned(), json!(logs));
    }
    text.to_string()
}

/// Prints the transforms' messages on standard error.
pub(crate) fn print_logs(logs: &[LogLine]) {
    for line in logs {
        eprintln!("{} {}: {}", line.level, line.step, printable(&line.message));
    }
}

fn causes(error: &Error) -> Vec<String> {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    causes
}

/// The text without what could steer a terminal; line breaks stay.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\n' {
                '\u{FFFD}'
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use sluicegate::error::ErrorKind;

    use super::*;

    #[test]
    fn every_kind_is_listed_with_its_exit_code() {
        use ErrorKind::{
            Cancelled, Conflict, Contract, Guest, Input, Internal, Limit, Plugin, Policy, Storage,
            Trap,
        };
        for kind in [
            Internal, Input, Plugin, Guest, Trap, Limit, Policy, Storage, Contract, Conflict,
            Cancelled,
        ] {
            let listed = EXIT_CODES.lines().any(|line| {
                let mut words = line.split_whitespace();
                words.next() == Some(&kind.exit_code().to_string())
                    && words.next() == Some(kind.as_str())
            });
            assert!(listed, "{kind:?} is not in the help");
        }
    }

    #[test]
    fn an_error_is_told_with_cause_facts_and_hints() {
        let error = Error::input("no such column\u{1b}[31m `a`")
            .context("run `x.toml`")
            .fact("step", "etl")
            .hint("columns: `b`")
            .source(std::io::Error::other("inner"));
        assert_eq!(
            human_text(&error),
            "error: failed to run `x.toml`: no such column\u{FFFD}[31m `a`\n  cause: inner\n  \
             step: etl\nhint: columns: `b`"
        );
        let machine: serde_json::Value = serde_json::from_str(&machine_text(&error, &[])).unwrap();
        assert_eq!(machine["error"]["exit_code"], 3);
        assert_eq!(machine["error"]["facts"]["step"], "etl");
    }
}
