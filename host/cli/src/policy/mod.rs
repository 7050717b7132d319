//! `sluice policy`: who may do what, before anybody tries.

mod check;
mod convert;
mod explain;
mod fmt;
mod follow;
mod load;
mod suggest;
mod test;

pub(crate) use self::follow::follow;
use crate::report::Outcome;

/// Checks what a run needs, and tests, explains, suggests, formats and converts policies
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Task {
    Check(Box<check::Arguments>),
    Suggest(suggest::Arguments),
    Test(test::Arguments),
    Explain(Box<explain::Arguments>),
    Fmt(fmt::Arguments),
    Convert(convert::Arguments),
}

/// Does the task.
pub(crate) fn run(task: &Task, json: bool) -> Outcome {
    match task {
        Task::Check(arguments) => check::check(arguments, json),
        Task::Suggest(arguments) => suggest::suggest(arguments, json),
        Task::Test(arguments) => test::test(arguments, json),
        Task::Explain(arguments) => explain::explain(arguments, json),
        Task::Fmt(arguments) => fmt::format(arguments, json),
        Task::Convert(arguments) => convert::convert(arguments, json),
    }
}
