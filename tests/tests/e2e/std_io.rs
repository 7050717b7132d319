//! A transform in Rust that tries all of `std`, granted nothing.

use std::path::PathBuf;

use crate::project::{Project, root};

const SALES: &str = "id,quantity\na,1\nb,\nc,41\n";

/// What the guest was refused, and what it saw.
const SAID: &str = "\
info std: file: refused, NotFound
info std: new file: refused, NotFound
info std: folder: refused, NotFound
info std: link: refused, NotFound
info std: working folder: saw \"/\"
info std: environment: saw []
info std: arguments: saw []
info std: input: saw 0
info std: connection: refused, PermissionDenied
info std: connection in time: refused, PermissionDenied
info std: listener: refused, PermissionDenied
info std: datagram: refused, PermissionDenied
info std: name: refused, PermissionDenied
info std: thread: refused, Unsupported
info std: date: saw Some(0ns)
info std: slept: saw 0ns
info std: hello from rust
warn std: trouble from rust";

/// The built guest; where the target of WASI is missing its tests are skipped, loudly.
fn component() -> Option<PathBuf> {
    let built = root().join("tests/guests/std-io/std-io.wasm");
    if built.is_file() {
        return Some(built);
    }
    let hint = "`cargo xtask guests` builds it where rustup has the target wasm32-wasip2";
    let required = std::env::var("SLUICE_TEST_PEERS").as_deref() == Ok("required");
    assert!(!required, "`{}` is missing\nhint: {hint}", built.display());
    eprintln!("SKIPPED: no `{}`; {hint}", built.display());
    None
}

/// An application with the guest as its only step, granted nothing, beside a secret variable.
pub(crate) fn project(step: &str) -> Option<Project> {
    let component = component()?;
    let mut project = Project::new();
    project.set("SECRET", "loot");
    project.write("sales.csv", SALES);
    std::fs::copy(component, project.path("std-io.wasm")).unwrap();
    project.write(
        "app.toml",
        format!(
            "name = \"std-io\"\n\n[inputs.sales]\nuri = \"sales.csv\"\n\n[[steps]]\nname = \"std\"\n\
             plugin = \"std-io.wasm\"\n{step}\n\n[output]\nuri = \"out\"\n"
        ),
    );
    Some(project)
}

#[test]
fn a_transform_that_tries_all_of_std_reaches_nothing_and_waits_for_nothing() {
    let Some(project) = project("") else { return };
    let ended = project.run(&["--limit-call-time", "20s"]);
    assert_eq!(ended.err.trim_end(), SAID);
    assert!(
        ended.out.contains("3 in, 3 out, 0 rejected"),
        "{}",
        ended.out
    );
    assert_eq!(project.batches("out")[0].num_rows(), 3);
    let mut names = project.names();
    names.retain(|name| !name.starts_with("out/"));
    assert_eq!(names, ["app.toml", "sales.csv", "std-io.wasm"]);
}
