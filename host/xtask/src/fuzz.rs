//! Fuzzing, on the stable compiler: instruments the crates of the workspace alone.

use std::path::Path;
use std::process::Command;

use crate::shell::{Doing as _, Failure, Outcome, run};
use crate::workspace::{cargo, root, target};

/// How long a target is searched unless told.
pub(crate) const SECONDS: u64 = 60;

/// Bytes of an input: what breaks a reader is small, and the search among small inputs is fast.
const INPUT_BYTES_MAX: usize = 8 * 1024;

/// Memory above which the fuzzer calls an input a failure: a run has 2 GiB by default.
const MEMORY_MIB_MAX: usize = 2_048;

/// Seconds above which the fuzzer calls an input a failure: a call of a guest has ten by default.
const INPUT_SECONDS_MAX: usize = 20;

/// Searches for inputs that break the target `name`, for `seconds`.
pub(crate) fn fuzz(name: &str, seconds: u64) -> Outcome {
    let seeds = root().join("tests/fuzz/corpus").join(name);
    if !seeds.is_dir() {
        return Err(Failure::new(format!("there is no target `{name}`"))
            .hint("the targets are the folders in `tests/fuzz/corpus`"));
    }
    run(cargo()?
        .env(
            "RUSTC_WORKSPACE_WRAPPER",
            root().join("tests/fuzz/instrument"),
        )
        // The features of all of the workspace, so that dependencies are those of every other build.
        .args(["build", "--release", "--workspace", "--bin", "fuzz"])
        .args(["--features", "sluicegate-fuzz/libfuzzer"]))?;
    let found = target()?.join("fuzz").join(name);
    std::fs::create_dir_all(&found).doing(format!("create `{}`", found.display()))?;
    run(Command::new(target()?.join("release").join("fuzz"))
        .current_dir(root())
        .env("SLUICE_FUZZ_TARGET", name)
        .args([&found, &seeds])
        .args(options(&found, seconds)))
    .map_err(|failure| {
        Failure::new(failure.to_string()).hint(format!(
            "the input that failed is above, as `{}/crash-*`: fix what it breaks and keep it in `{}`",
            found.display(),
            seeds.display()
        ))
    })
}

fn options(found: &Path, seconds: u64) -> [String; 6] {
    [
        format!("-max_total_time={seconds}"),
        format!("-max_len={INPUT_BYTES_MAX}"),
        format!("-rss_limit_mb={MEMORY_MIB_MAX}"),
        format!("-timeout={INPUT_SECONDS_MAX}"),
        format!("-artifact_prefix={}/", found.display()),
        "-print_final_stats=1".to_owned(),
    ]
}
