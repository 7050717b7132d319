//! libFuzzer at work on the target that `SLUICE_FUZZ_TARGET` names. One program for all targets, since to link
//! one takes as long as to compile what is in it.

#![no_main]
#![expect(clippy::expect_used, reason = "a fuzzer fails by panicking")]

use std::sync::LazyLock;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("SLUICE_FUZZ_TARGET").expect("`cargo xtask fuzz` names the target");
    // Readers of binary files panic, and the engine catches it. The fuzzer's hook ends the program at any panic;
    // without it, only at one that nobody caught.
    if name == "binary" {
        std::panic::set_hook(Box::new(|_| ()));
    }
    sluicegate_fuzz::target(&name).expect("the target exists")
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET(bytes));
