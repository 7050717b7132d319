//! `sluice`: reads the command line and the environment, asks the library, prints, exits.

#![expect(
    clippy::print_stderr,
    reason = "the command is the one place that talks to the person at the terminal"
)]

mod audit;
mod backfill;
mod dataset;
mod head;
mod interrupt;
mod keep;
mod limits;
mod place;
mod plugin;
mod policy;
mod progress;
mod report;
mod run;
mod schema;
mod summary;
mod whence;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Most of the time of a large batch is page faults with the allocators of many systems.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs untrusted data transforms, at native speed
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = report::EXIT_CODES)]
struct Command {
    /// Prints results on standard output, and errors on standard error, as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Run(run::Arguments),
    Backfill(backfill::Arguments),
    Head(head::Arguments),
    Schema(schema::Arguments),
    Whence(whence::Arguments),
    Lineage(whence::Lineage),
    #[command(subcommand)]
    Dataset(dataset::Task),
    #[command(subcommand)]
    Plugin(plugin::Task),
    #[command(subcommand)]
    Policy(policy::Task),
    #[command(subcommand)]
    Audit(audit::Task),
}

fn main() -> ExitCode {
    let Command { json, task } = match Command::try_parse() {
        Ok(command) => command,
        Err(error) => {
            return report::usage(&error, std::env::args_os().any(|word| word == "--json"));
        }
    };
    // A panic is reported like every other error, below or where the library catches it.
    std::panic::set_hook(Box::new(|_| {}));
    match std::panic::catch_unwind(|| run(task, json)) {
        Ok(outcome) => report::exit(outcome, json),
        Err(panic) => report::exit(Err(report::bug(panic.as_ref())), json),
    }
}

fn run(task: Task, json: bool) -> report::Outcome {
    match task {
        Task::Run(arguments) => run::run(&arguments, json),
        Task::Backfill(arguments) => backfill::backfill(&arguments, json),
        Task::Head(arguments) => head::head(&arguments, json),
        Task::Schema(arguments) => schema::schema(&arguments, json),
        Task::Whence(arguments) => whence::whence(&arguments, json),
        Task::Lineage(arguments) => whence::lineage(&arguments),
        Task::Dataset(task) => dataset::tend(&task, json),
        Task::Plugin(task) => plugin::run(&task, json),
        Task::Policy(task) => policy::run(&task, json),
        Task::Audit(task) => audit::run(&task, json),
    }
}
