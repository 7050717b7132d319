//! `sluice plugin`: what authors and operators do with plugins.

mod bench;
mod build;
mod cargo;
mod check;
mod compile;
mod fixture;
mod inspect;
mod new;
mod package;
mod project;
mod replay;
mod sdk;
mod test;
mod toolchain;
mod wrap;

use sluicegate::error::Result;
use sluicegate::sandbox::{Offers, Plugin, Sandbox};

use crate::place;
use crate::report::Outcome;

/// Makes, builds, tests and inspects plugins
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Task {
    New(new::Arguments),
    Build(build::Arguments),
    Test(test::Arguments),
    Bench(bench::Arguments),
    Package(package::Arguments),
    Fmt(check::FormatArguments),
    Lint(check::LintArguments),
    #[command(hide = true)]
    Compile(compile::Arguments),
    Inspect(inspect::Arguments),
    Replay(replay::Arguments),
    Wrap(wrap::Arguments),
}

/// Does the task.
pub(crate) fn run(task: &Task, json: bool) -> Outcome {
    match task {
        Task::New(arguments) => new::new(arguments, json),
        Task::Build(arguments) => build::build(arguments, json),
        Task::Test(arguments) => test::test(arguments, json),
        Task::Bench(arguments) => bench::bench(arguments, json),
        Task::Package(arguments) => package::package(arguments, json),
        Task::Fmt(arguments) => check::format(arguments, json),
        Task::Lint(arguments) => check::lint(arguments, json),
        Task::Compile(arguments) => compile::compile(arguments),
        Task::Inspect(arguments) => inspect::inspect(arguments, json),
        Task::Replay(arguments) => replay::replay(arguments, json),
        Task::Wrap(arguments) => wrap::wrap(arguments, json),
    }
}

/// A sandbox as a run has it, with the same checks and the same cache.
fn sandbox() -> Result<Sandbox> {
    Sandbox::new(place::sandbox()?)
}

/// Loads one component as a run would whose step declares everything.
fn load(component: &[u8]) -> Result<Plugin> {
    sandbox()?.load_unless(component, Offers::ALL, &|| false)
}
