//! The main job on real input, from a fresh checkout.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::guests;
use crate::shell::{Outcome, run};
use crate::workspace::{cargo, root, sluice};

/// The applications that the demo runs, each with the URI of what it writes.
const JOBS: [(&str, &str); 2] = [
    ("plugins/sales-etl/application.toml", "target/demo/sales"),
    ("plugins/flights/application.toml", "target/demo/flights"),
];

/// Builds everything, runs each job, shows the first rows of what it read and wrote.
pub(crate) fn demo() -> Outcome {
    let started = Instant::now();
    // `--workspace` and not `--package`: the features are then those of the tests, and so are the artefacts.
    run(cargo()?.args(["build", "--release", "--workspace", "--bins"]))?;
    guests::build()?;
    let built = started.elapsed();
    let ran = Instant::now();
    for (application, output) in JOBS {
        job(application, output)?;
    }
    println!(
        "\nBuilt in {:.0} s, ran in {:.1} s. The command is {}",
        built.as_secs_f64(),
        ran.elapsed().as_secs_f64(),
        sluice()?.display()
    );
    println!(
        "Next: change a parameter, `sluice run plugins/sales-etl/application.toml -p min_amount=50`"
    );
    Ok(())
}

fn job(application: &str, output: &str) -> Outcome {
    let sluice = sluice()?;
    run(Command::new(&sluice)
        .current_dir(root())
        .args(["run", application]))?;
    run(Command::new(&sluice)
        .current_dir(root())
        .arg("head")
        .arg(Path::new(output))
        .args(["--rows", "10"]))
}
