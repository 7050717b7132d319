//! `sluice policy`: who may do what, before anybody tries.

mod convert;
mod explain;
mod fmt;
pub(crate) mod load;
mod test;

use crate::report::Outcome;

/// Tests, explains, formats and converts policies
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Task {
    Test(test::Arguments),
    Explain(explain::Arguments),
    Fmt(fmt::Arguments),
    Convert(convert::Arguments),
}

/// Does the task.
pub(crate) fn run(task: &Task, json: bool) -> Outcome {
    match task {
        Task::Test(arguments) => test::test(arguments, json),
        Task::Explain(arguments) => explain::explain(arguments, json),
        Task::Fmt(arguments) => fmt::format(arguments, json),
        Task::Convert(arguments) => convert::convert(arguments, json),
    }
}
