//! Benchmarks: the crossing by criterion, whole jobs against other engines.

use crate::guests;
use crate::sdks;
use crate::shell::{Outcome, run};
use crate::workspace::{cargo, python, sluice};

/// Runs the benches of the workspace, then `tests/peers/compare.py` with `options`.
pub(crate) fn bench(options: &[&str]) -> Outcome {
    run(cargo()?.args(["build", "--release", "--workspace", "--bins"]))?;
    guests::build()?;
    run(cargo()?.args(["bench", "--workspace", "--benches"]))?;
    run(python()
        .arg("tests/peers/compare.py")
        .arg("--sluice")
        .arg(sluice()?)
        .args(options))
}

/// Measures one transform in every language: two columns of 65,536 rows, one added to both.
pub(crate) fn languages() -> Outcome {
    guests::build()?;
    sdks::build(true)?;
    run(cargo()?.args(["bench", "--workspace", "--bench", "native"]))
}
