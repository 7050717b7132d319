//! A transform in Python, which brings a whole interpreter along and so imports all of the base of WASI.
//!
//! `cargo xtask test` makes a Python environment with its compiler and names it in `SLUICE_TEST_PYTHON`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::peers::python;
use crate::project::{Project, root};

/// What the component is made of; a change of one builds it anew.
const SOURCES: [&str; 3] = [
    include_str!("../../guests/python/app.py"),
    include_str!("../../guests/python/requirements.txt"),
    include_str!("../../../wit/transform.wit"),
];

/// Interfaces of WASI that the component imports where it is built without `--stub-wasi`.
const WASI_INTERFACES_MIN: usize = 25;

const SALES: &str = "id,quantity,region\na,1,north\nb,,south\nc,41,north\n";

const PLUS_ONE: &str = "\
+----+----------+--------+----------+
| id | quantity | region | plus_one |
+----+----------+--------+----------+
| a  | 1        | north  | 2        |
| b  |          | south  |          |
| c  | 41       | north  | 42       |
+----+----------+--------+----------+";

/// What the guest in Python says, but for random numbers.
const SAID: &str = "\
info python: file: refused, ENOENT
info python: new file: refused, ENOENT
info python: folder: refused, ENOENT
info python: environment: saw []
info python: arguments: saw []
info python: input: saw ''
info python: connection: refused, EACCES
info python: listener: refused, EACCES
info python: datagram: refused, EACCES
info python: name: refused, EACCES
info python: clock: saw 0.0
info python: passed: saw (0.0, 0.0)
info python: hello from cpython
warn python: trouble from cpython";

/// A component and what `sluice plugin inspect` told of it, which also compiled it for all runs.
struct Guest {
    component: PathBuf,
    inspection: Value,
}

/// The guest, built once for all tests; without a compiler these are skipped, loudly.
fn guest() -> Option<&'static Guest> {
    static BUILT: OnceLock<Option<Guest>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let component = build(&python()?);
        let path = component.to_str().unwrap();
        let ended = Project::new().sluice(&["plugin", "inspect", "--json", path]);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let inspection = serde_json::from_str(&ended.out).unwrap();
        Some(Guest {
            component,
            inspection,
        })
    });
    built.as_ref()
}

/// Builds the component unless its sources were built before.
fn build(python: &str) -> PathBuf {
    let mut hash = Sha256::new();
    for source in SOURCES {
        hash.update(source.len().to_le_bytes());
        hash.update(source);
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-guest");
    let built = folder.join(format!("{}.wasm", hex::encode(hash.finalize())));
    if built.is_file() {
        return built;
    }
    // A copy of its own, since the compiler leaves bytecode beside the source, and a name that appears
    // when the file is whole, since another process may build the same.
    std::fs::create_dir_all(&folder).unwrap();
    let scratch = tempfile::tempdir_in(&folder).unwrap();
    std::fs::write(scratch.path().join("app.py"), SOURCES[0]).unwrap();
    let unfinished = scratch.path().join("app.wasm");
    let compiler = Path::new(python).with_file_name("componentize-py");
    let mut command = Command::new(&compiler);
    command
        .current_dir(root())
        .args(["--quiet", "--wit-path", "wit", "--world", "transformer"])
        .args(["componentize", "app", "--python-path"])
        .arg(scratch.path())
        .arg("--output")
        .arg(&unfinished);
    let done = command.output().unwrap_or_else(|cause| {
        panic!(
            "failed to start `{}`: {cause}\nhint: `{python} -m pip install --requirement \
             tests/guests/python/requirements.txt` installs it",
            compiler.display()
        )
    });
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "failed to build the guest:\n{said}");
    std::fs::rename(&unfinished, &built).unwrap();
    built
}

/// An application with the guest as its only step, granted nothing, beside a secret variable.
fn project(guest: &Guest) -> Project {
    let mut project = Project::new();
    project.set("SECRET", "loot");
    project.write("sales.csv", SALES);
    std::fs::copy(&guest.component, project.path("plus-one.wasm")).unwrap();
    project.write(
        "app.toml",
        "name = \"python\"\n\n[inputs.sales]\nuri = \"sales.csv\"\n\n[[steps]]\nname = \"python\"\n\
         plugin = \"plus-one.wasm\"\nparams = { column = \"quantity\" }\n\n[output]\nuri = \"out\"\n\n\
         [limits]\nguest_memory = \"32MiB\"\n",
    );
    project
}

#[test]
fn a_transform_in_python_computes_a_column() {
    let Some(guest) = guest() else { return };
    let project = project(guest);
    let ended = project.run(&[]);
    assert_eq!(project.parquet("out"), PLUS_ONE);
    assert!(
        ended.out.contains("3 in, 3 out, 0 rejected"),
        "{}",
        ended.out
    );
}

#[test]
fn a_transform_in_python_imports_all_of_wasi_and_reaches_nothing() {
    let Some(guest) = guest() else { return };
    let imports = guest.inspection["imports"].as_array().unwrap();
    let wasi = imports
        .iter()
        .filter(|it| it["name"].as_str().unwrap().starts_with("wasi:"));
    let wasi = wasi.count();
    assert!(wasi >= WASI_INTERFACES_MIN, "{wasi} in {imports:?}");

    let ended = project(guest).run(&[]);
    let random = |line: &&str| line.contains("entropy: saw ") || line.contains("random: saw ");
    let (random, said): (Vec<_>, Vec<_>) = ended.err.lines().partition(random);
    assert_eq!(said.join("\n"), SAID);
    assert_eq!(random.len(), 2, "{}", ended.err);
}

#[test]
fn a_transform_in_python_sees_the_same_in_every_run() {
    let Some(guest) = guest() else { return };
    let first = project(guest).run(&[]).err;
    assert!(first.contains("entropy: saw "), "{first}");
    assert_eq!(first, project(guest).run(&[]).err);
}

#[test]
fn a_fault_of_a_transform_in_python_is_told_in_its_words() {
    let Some(guest) = guest() else { return };
    let project = project(guest);
    project.write("sales.csv", "id,region\na,north\n");
    let told = project.refusal(&[]);
    assert!(told.starts_with("exit code 5\n"), "{told}");
    let words = "no int64 column `quantity` among ['id', 'region']";
    assert!(told.contains(words), "{told}");
}
