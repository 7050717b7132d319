//! From a component to machine code, in a process of its own that may use little.
//!
//! A compiler is the largest program that a hostile component meets, and how much memory and time it takes is the
//! component's choice. A process can be held to both, and its end is nobody else's.

use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use wasmtime::Engine;

use super::logs::harmless;
use super::plugin::refused;
use super::{engine, fault};
use crate::limits::CompileLimits;
use crate::{Error, ErrorKind, Result};

/// Compiled code is four to eight times as large as a component; what is larger is not taken.
pub(super) const CODE_BYTES_MAX: u64 = 2 << 30;

/// Bytes that are read of what a compiler says of its failure.
const TOLD_BYTES_MAX: u64 = 64 * 1024;

/// Bytes of a compiler's message that are shown.
const CAUSE_BYTES: usize = 400;

/// How often a compiler's caller looks whether it should still wait.
const BEAT: Duration = Duration::from_millis(20);

/// How many times as long as its time on a processor a compiler may take: on a busy machine it waits for others.
const PATIENCE: u32 = 5;

/// What to do about a component that does not compile.
const BUILD_AGAIN: &str =
    "build it again; it may be damaged or use a feature of WebAssembly that is not offered";

/// Signals that end a process: its own abort, somebody else's kill, too much time on a processor.
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGXCPU: i32 = 24;

/// What the standard library says before it aborts for want of memory.
const OUT_OF_MEMORY: &str = "memory allocation of";

/// A program that compiles one component and ends.
///
/// It is started with `--bytes`, `--memory` and `--seconds` after its own arguments. It holds itself to so many bytes
/// of address space and seconds of processor time, reads so many bytes of component from standard input, and writes
/// what [`compile`] returns on standard output; or it exits with another code than 0 and the error as JSON on standard
/// error. Its standard input stays open until it has ended: where that ends early, so must it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiler {
    /// The program.
    pub program: PathBuf,
    /// Its first arguments.
    pub arguments: Vec<String>,
    /// All of its environment.
    pub environment: Vec<(String, String)>,
}

/// Machine code that came out of the compiler just now, in this process or in one that it started.
pub(super) struct Compiled(Vec<u8>);

impl Compiled {
    pub(super) fn code(&self) -> &[u8] {
        &self.0
    }
}

/// The machine code of a component, for a [`Compiler`] to hand back. Uses what it needs.
///
/// # Errors
///
/// `Plugin` where it is no valid component.
pub fn compile(component: &[u8]) -> Result<Vec<u8>> {
    Ok(compile_here(&engine::without_clock()?, component)?.0)
}

/// Compiles in this process.
pub(super) fn compile_here(engine: &Engine, component: &[u8]) -> Result<Compiled> {
    // Components that are joined across two memories make the compiler panic, as that feature is off.
    let compile = AssertUnwindSafe(|| engine.precompile_component(component));
    match catch_unwind(compile) {
        Ok(Ok(code)) => Ok(Compiled(code)),
        Ok(Err(error)) => {
            let cause = harmless(&format!("{error:#}"), CAUSE_BYTES);
            Err(refused(format!("it is no valid component: {cause}")).hint(BUILD_AGAIN))
        }
        Err(_) => Err(senseless("")),
    }
}

/// The compiler failed on a component, in a way that it should not.
fn senseless(how: &str) -> Error {
    refused(format!("the compiler cannot make sense of it{how}"))
        .hint(BUILD_AGAIN)
        .hint("components that were joined to one must share their memory")
}

/// What a compiler handed back.
struct Answer {
    code: Vec<u8>,
    told: Vec<u8>,
}

impl Compiler {
    /// Compiles in another process, which is gone when this returns.
    ///
    /// # Errors
    ///
    /// As [`compile`]; `Limit` where it needs more than `limits`, `Cancelled` where `cancelled` says so, and `Internal`
    /// where the program is none.
    pub(super) fn run(
        &self,
        component: &[u8],
        limits: &CompileLimits,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Compiled> {
        let mut child = self.start(component.len(), limits)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = pipes else {
            return Err(Error::internal("a compiler without pipes"));
        };
        let (sender, answer) = sync_channel(1);
        let started = Instant::now();
        let (answer, status) = thread::scope(|scope| {
            let exchange = move || {
                // Nobody listens where the wait was given up.
                let _ = sender.send(exchange(component, input, output, errors));
            };
            // Where no thread can be started, the pipes are closed, and so is the channel.
            let _ = thread::Builder::new().spawn_scoped(scope, exchange);
            let answer = loop {
                match answer.recv_timeout(BEAT) {
                    Ok(answer) => break answer,
                    Err(RecvTimeoutError::Disconnected) => {
                        break Err(Error::internal("the exchange with the compiler failed"));
                    }
                    Err(RecvTimeoutError::Timeout) if cancelled() => {
                        break Err(Error::new(ErrorKind::Cancelled, "the run was cancelled"));
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                }
                if started.elapsed() > limits.time.saturating_mul(PATIENCE) {
                    break Err(out_of_time(limits));
                }
            };
            if answer.is_err() {
                // Fails only where it has ended.
                let _ = child.kill();
            }
            (answer, child.wait())
        });
        let answer = answer?;
        let status =
            status.map_err(|cause| Error::internal(format!("wait for the compiler: {cause}")))?;
        if status.success() {
            return checked(answer.code);
        }
        Err(failure(status, &answer.told, limits))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one process that the library starts, whose program the command names"
    )]
    fn start(&self, bytes: usize, limits: &CompileLimits) -> Result<Child> {
        let seconds = limits.time.as_secs().max(1);
        Command::new(&self.program)
            .args(&self.arguments)
            .args(["--bytes", &bytes.to_string()])
            .args(["--memory", &limits.memory.to_string()])
            .args(["--seconds", &seconds.to_string()])
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            // What a terminal sends to the caller is the caller's to answer.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|cause| {
                Error::internal(cause.to_string())
                    .context(format!("start the compiler `{}`", self.program.display()))
            })
    }
}

/// Hands the component over and takes what comes back, until the compiler closes its output.
fn exchange(
    component: &[u8],
    mut input: ChildStdin,
    output: ChildStdout,
    errors: ChildStderr,
) -> Result<Answer> {
    // A compiler that ends before it has read everything says why.
    let _ = input.write_all(component);
    let failed =
        |cause: std::io::Error| Error::internal(format!("read from the compiler: {cause}"));
    let (mut code, mut told) = (Vec::new(), Vec::new());
    let mut bounded = output.take(CODE_BYTES_MAX + 1);
    bounded.read_to_end(&mut code).map_err(failed)?;
    errors
        .take(TOLD_BYTES_MAX)
        .read_to_end(&mut told)
        .map_err(failed)?;
    Ok(Answer { code, told })
}

fn checked(code: Vec<u8>) -> Result<Compiled> {
    match code.len() as u64 {
        0 => Err(Error::internal("the compiler handed nothing back")),
        1..=CODE_BYTES_MAX => Ok(Compiled(code)),
        _ => Err(refused(format!(
            "its compiled code has more than {}",
            fault::bytes(CODE_BYTES_MAX)
        ))),
    }
}

/// An error as the command writes it.
#[derive(Deserialize)]
struct Told {
    error: ToldError,
}

#[derive(Deserialize)]
struct ToldError {
    kind: String,
    message: String,
    hints: Vec<String>,
}

/// Why a compiler failed.
fn failure(status: ExitStatus, told: &[u8], limits: &CompileLimits) -> Error {
    let text = String::from_utf8_lossy(told);
    if status.signal() == Some(SIGXCPU) {
        return out_of_time(limits);
    }
    if status.signal() == Some(SIGABRT) && text.contains(OUT_OF_MEMORY) {
        return Error::limit_key("compile_memory", fault::bytes(limits.memory));
    }
    if let Ok(Told { error }) = serde_json::from_slice(told) {
        let kind = if error.kind == ErrorKind::Plugin.as_str() {
            ErrorKind::Plugin
        } else {
            ErrorKind::Internal
        };
        let failure = Error::new(kind, error.message);
        return error.hints.into_iter().fold(failure, Error::hint);
    }
    match status.signal() {
        // What kills it from outside is not the component's doing; what it does to itself is.
        None | Some(SIGKILL) => {
            let text = harmless(text.trim(), CAUSE_BYTES);
            Error::internal(format!("the compiler ended with {status}: {text}"))
                .hint("where the system is short of memory, it kills")
        }
        Some(signal) => senseless(&format!(": it ended by signal {signal}")),
    }
}

fn out_of_time(limits: &CompileLimits) -> Error {
    Error::limit_key("compile_time", format_args!("{:?}", limits.time))
}
