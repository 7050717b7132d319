//! What `sluice plugin new` makes builds, passes its own fixtures, and is formatted, in every language.

use std::path::Path;

use crate::project::{Ended, Project, languages_required};

/// The environment that compilers need: that of this test.
const PASSED_ON: [&str; 8] = [
    "PATH",
    "HOME",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "XDG_CACHE_HOME",
    "SLUICE_TOOLCHAINS",
    "TMPDIR",
];

/// What the errors of a machine without a network, or without Python, have in common.
const NO_TOOLCHAIN: [&str; 3] = ["failed to install", "python3", "start `cargo`"];

fn project() -> Project {
    let mut project = Project::new();
    for name in PASSED_ON {
        if let Ok(value) = std::env::var(name) {
            project.set(name, &value);
        }
    }
    // What crates are compiled to is kept from one run of the tests to the next.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("templates");
    project.set("CARGO_TARGET_DIR", &target.to_string_lossy());
    project
}

/// Whether a command succeeded; a toolchain that cannot be had is told, and is a failure where it is required.
fn succeeded(language: &str, ended: &Ended) -> bool {
    if ended.code == Some(0) {
        return true;
    }
    let required = languages_required();
    let no_toolchain = NO_TOOLCHAIN.iter().any(|part| ended.err.contains(part));
    assert!(
        no_toolchain && !required,
        "{language}:\n{}{}",
        ended.out,
        ended.err
    );
    eprintln!("*** SKIPPED: the template in {language} ***\n{}", ended.err);
    false
}

fn check(language: &str) {
    let project = project();
    let name = format!("made-in-{language}");
    let made = project.sluice(&["plugin", "new", "--lang", language, &name]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    let tested = project.sluice(&["plugin", "test", &name]);
    if !succeeded(language, &tested) {
        return;
    }
    assert!(tested.out.lines().count() >= 2, "{}", tested.out);
    assert!(
        tested.out.lines().all(|line| line.starts_with("passed")),
        "{}",
        tested.out
    );
    // Nothing changed, so nothing is built; and what was built says what it is made of.
    let packed = project.sluice(&["plugin", "package", &name, "--json"]);
    assert!(succeeded(language, &packed));
    assert!(!packed.err.contains("built in"), "{}", packed.err);
    for part in [
        "\"role\":\"sdk\"",
        "\"role\":\"compiler\"",
        "\"license\":\"Apache-2.0\"",
    ] {
        assert!(packed.out.contains(part), "no {part} in {}", packed.out);
    }
    for task in [&["fmt", "--check"][..], &["lint"]] {
        let ended = project.sluice(&[&["plugin"], task, &[&name]].concat());
        assert!(succeeded(language, &ended));
    }
}

#[test]
fn rust() {
    check("rust");
}

#[test]
fn python() {
    check("python");
}

#[test]
fn javascript() {
    check("javascript");
}

#[test]
fn typescript() {
    check("typescript");
}

#[test]
fn go() {
    check("go");
}

#[test]
fn c() {
    check("c");
}

#[test]
fn cpp() {
    check("cpp");
}
