//! Turns what went wrong inside a guest, or because of it, into an error for the person who must act.

use std::fmt;

use wasmtime::{Trap, WasmBacktrace};

use super::contract::Fault;
use super::logs::harmless;
use super::memory::Refusal;
use super::state::State;
use crate::{Error, ErrorKind};

/// Bytes of a guest function's name that are shown.
const NAME_BYTES: usize = 120;

/// Frames of a crash that are shown.
const FRAMES: usize = 20;

/// Bytes of a message of wasmtime that are shown.
const CAUSE_BYTES: usize = 400;

/// What wasmtime says where a host call lifts more than `hostcall_fuel`; it has no type for it.
const LIFTED_TOO_MUCH: &str = "fuel allocated for hostcalls has been exhausted";

/// What wasmtime says where a store has too many instances, memories or tables.
const TOO_MANY: &str = "resource limit exceeded";

/// A limit of the guest was reached.
pub(super) fn limit(name: &'static str, value: impl fmt::Display) -> Error {
    Error::limit_key(name, value)
}

/// What to do about a transform that crashed or broke a rule.
const REPORT: &str =
    "this is a mistake in the plugin, not in the data: report it to the plugin's author";

/// The guest broke a rule of the contract.
pub(super) fn broken(rule: impl fmt::Display) -> Error {
    Error::new(
        ErrorKind::Trap,
        format!("the transform broke the contract: {rule}"),
    )
    .hint(REPORT)
}

/// Bytes for people: in the largest unit that is exact.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let exact = UNITS
        .iter()
        .find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit));
    match exact {
        Some((unit, name)) => format!("{} {name}", bytes / unit),
        None => format!("{bytes} bytes"),
    }
}

impl Fault {
    /// The error for what the guest returned.
    pub(super) fn into_error(self, state: &State) -> Error {
        let show = |text: &str| harmless(text, state.limits.message_bytes);
        let error = match &self {
            Self::Invalid(text) => Error::new(
                ErrorKind::Guest,
                format!(
                    "the transform refused its parameters or its input: {}",
                    show(text)
                ),
            )
            .hint("change the parameters of the step, or the columns that reach it"),
            Self::Data(text) => Error::new(
                ErrorKind::Guest,
                format!("the transform cannot process the data: {}", show(text)),
            ),
            Self::Transient(text) => Error::new(
                ErrorKind::Guest,
                format!("the transform failed for a passing reason: {}", show(text)),
            )
            .passing()
            .fact("transient", true)
            .hint("run it again"),
        };
        called(error, state)
    }
}

/// The error for a call that did not return.
pub(super) fn failure(error: wasmtime::Error, state: &mut State) -> Error {
    let frames = backtrace(&error);
    let refusal = state.memory.take_refusal();
    let said = state.logs.lock().take_last_words();
    let crashed = error.is::<Trap>();
    let mut failure = match error.downcast::<Error>() {
        Ok(failure) => failure,
        Err(error) => classify(&error, &frames, state),
    };
    // A guest that gets no memory has hardly another way out than to crash.
    if let Some(refusal) = refusal.filter(|_| failure.kind() == ErrorKind::Trap) {
        let crash = crashed.then(|| failure.to_string());
        failure = memory_limit(refusal, state);
        failure = crash.into_iter().fold(failure, Error::context);
    }
    if !said.is_empty() && (crashed || failure.kind() == ErrorKind::Trap) {
        failure = failure.context(format!("the transform said `{said}`"));
    }
    if !frames.is_empty() {
        failure = failure.fact("backtrace", frames.join(" < "));
    }
    called(failure, state)
}

/// Says which call of the guest it was.
fn called(error: Error, state: &State) -> Error {
    error.context(format!("call `{}`", state.call.phase.as_str()))
}

fn classify(error: &wasmtime::Error, frames: &[String], state: &State) -> Error {
    if let Some(trap) = error.downcast_ref::<Trap>() {
        let place = frames
            .first()
            .map(|frame| format!(" in `{frame}`"))
            .unwrap_or_default();
        let trap = trap.to_string();
        let why = trap.strip_prefix("wasm trap: ").unwrap_or(&trap);
        return Error::new(
            ErrorKind::Trap,
            format!("the transform crashed{place}: {why}"),
        );
    }
    let cause = error.root_cause().to_string();
    if cause.contains(LIFTED_TOO_MUCH) {
        return limit("lift_bytes", bytes(state.limits.lift_bytes));
    }
    if cause.starts_with(TOO_MANY) {
        return Error::new(ErrorKind::Limit, harmless(&cause, CAUSE_BYTES))
            .hint("build the plugin from fewer nested components: these counts are fixed");
    }
    broken(harmless(&cause, CAUSE_BYTES))
}

fn memory_limit(refusal: Refusal, state: &State) -> Error {
    match refusal {
        Refusal::Instance => limit("guest_memory", bytes(state.limits.memory)),
        Refusal::Run => Error::new(ErrorKind::Limit, "the memory of the run is used up")
            .fact("limit", "memory")
            .hint(
                "raise `memory` under `[limits]` in the application file, or pass `--limit-memory`",
            ),
    }
}

/// The functions of the guest that were running, innermost first.
fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    let mut names = error
        .downcast_ref::<WasmBacktrace>()
        .map(frames)
        .unwrap_or_default();
    names.truncate(FRAMES);
    names
}

/// The names of the functions on a guest's stack, innermost first.
pub(super) fn frames(backtrace: &WasmBacktrace) -> Vec<String> {
    // Only the text has demangled names: `  0:   0x1a - module!function`, one line a frame, as debug
    // information is off.
    let text = backtrace.to_string();
    let lines = text.lines().skip(1);
    let names = lines.zip(backtrace.frames()).map(|(line, frame)| {
        let module = format!("{}!", frame.module().name().unwrap_or("<unknown>"));
        let name = line
            .split_once(module.as_str())
            .map_or(line, |(_, name)| name);
        harmless(name.trim(), NAME_BYTES)
    });
    names.collect()
}
