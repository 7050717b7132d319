//! `sluice plugin compile`: what this program starts to compile a component. Not for people.

use std::io::{Read, Write};
use std::thread;

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sluicegate::error::{Error, Result};
use sluicegate::sandbox;

use crate::report::Outcome;

/// Compiles the component on standard input to machine code on standard output
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Bytes of the component; standard input stays open behind them for as long as the answer is wanted
    #[arg(long)]
    bytes: u64,
    /// Bytes of address space to use at most
    #[arg(long)]
    memory: u64,
    /// Seconds of processor time to use at most
    #[arg(long)]
    seconds: u64,
}

/// Compiles one component under its limits.
pub(crate) fn compile(arguments: &Arguments) -> Outcome {
    confine(arguments)?;
    let failed = |cause: std::io::Error| Error::internal(format!("talk to the caller: {cause}"));
    let mut component = Vec::new();
    let mut input = std::io::stdin().lock().take(arguments.bytes);
    input.read_to_end(&mut component).map_err(failed)?;
    if component.len() as u64 != arguments.bytes {
        return Err(Error::internal("the component ended early").into());
    }
    // The lock is this thread's.
    drop(input);
    thread::Builder::new()
        .spawn(end_with_caller)
        .map_err(failed)?;
    let code = sandbox::compile(&component)?;
    let mut output = std::io::stdout().lock();
    output
        .write_all(&code)
        .and_then(|()| output.flush())
        .map_err(failed)?;
    Ok(())
}

/// Gives up what a compiler does not need, before it has read a byte of the component.
fn confine(arguments: &Arguments) -> Result<()> {
    let limits = [
        (Resource::As, arguments.memory, arguments.memory),
        // The soft limit ends the process by a signal that says why; the hard one is for a process that ignores it.
        (
            Resource::Cpu,
            arguments.seconds,
            arguments.seconds.saturating_add(1),
        ),
        // Neither files nor an image of the memory that the component is in.
        (Resource::Fsize, 0, 0),
        (Resource::Core, 0, 0),
    ];
    for (resource, soft, hard) in limits {
        // Whoever started this may have set less, which cannot be raised.
        let hard = getrlimit(resource)
            .maximum
            .map_or(hard, |set| set.min(hard));
        let limit = Rlimit {
            current: Some(soft.min(hard)),
            maximum: Some(hard),
        };
        setrlimit(resource, limit).map_err(|cause| {
            Error::internal(cause.to_string()).context(format!("limit {resource:?}"))
        })?;
    }
    Ok(())
}

/// Ends the process when the caller has closed standard input, or is gone.
#[expect(clippy::exit, reason = "nobody waits for the answer any more")]
fn end_with_caller() {
    // Whether it is closed or broken, nobody is there.
    let _ = std::io::stdin().lock().read(&mut [0]);
    std::process::exit(1);
}
