//! The settings of wasmtime, and the clock that interrupts guests.

use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, OptLevel, Strategy, WasmBacktraceDetails,
    WasmFeatures,
};

use crate::{Error, Result};

/// Bytes of stack for a guest; the stack of a thread has 2 MiB and the host needs the rest.
pub(super) const STACK_BYTES: usize = 512 * 1024;

/// Frames of a stack that are told, innermost first: interpreters recurse, and a profile is read from the
/// outermost.
const FRAMES: usize = 256;

/// What toolchains emit; everything else is surface that nobody needs.
const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::CALL_INDIRECT_OVERLONG)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::BULK_MEMORY_OPT)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::COMPONENT_MODEL);

/// An engine whose epoch advances every `tick` for as long as it lives.
///
/// # Errors
///
/// `Internal` where the settings do not fit this machine or no thread can be started.
pub(super) fn start(tick: Duration) -> Result<Engine> {
    let engine = without_clock()?;
    let weak = engine.weak();
    let ticker = thread::Builder::new().name("epoch".to_owned());
    // A thread of its own: a task would stop where the runtime is starved by guests.
    let started = ticker.spawn(move || {
        loop {
            thread::park_timeout(tick);
            match weak.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => break,
            }
        }
    });
    started.map_err(|error| Error::internal(format!("start the clock of the sandbox: {error}")))?;
    Ok(engine)
}

/// An engine that compiles, and runs nothing.
///
/// # Errors
///
/// `Internal` where the settings do not fit this machine.
pub(super) fn without_clock() -> Result<Engine> {
    Engine::new(&settings()).map_err(|error| Error::internal("start wasmtime").source(error))
}

fn settings() -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        // Or the same rows could become other bytes on another machine.
        .cranelift_nan_canonicalization(true)
        .wasm_features(WasmFeatures::all().difference(FEATURES), false)
        .wasm_features(FEATURES, true)
        .gc_support(false)
        .shared_memory(false)
        .concurrency_support(false)
        .epoch_interruption(true)
        .consume_fuel(false)
        .max_wasm_stack(STACK_BYTES)
        .async_stack_zeroing(true)
        .signals_based_traps(true)
        .memory_init_cow(true)
        .guard_before_linear_memory(true)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(NonZeroUsize::new(FRAMES))
        .debug_info(false)
        // Frames are shown by name; a seventh of the code that a run loads would say where in a function they are.
        .generate_address_map(false)
        .parallel_compilation(false)
        .allocation_strategy(InstanceAllocationStrategy::OnDemand);
    config
}
