//! Components are compiled in a process that may use little.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use crate::guests;
use crate::project::{Project, binary};

fn lab(plugin: &[u8]) -> Project {
    let project = Project::lab();
    project.write("guest.wasm", plugin);
    project.application("", "plugin = \"guest.wasm\"", "");
    project
}

#[test]
fn a_component_that_takes_too_much_to_compile_reaches_a_limit() {
    let project = lab(&guests::heavy());
    for (flag, value) in [("memory", "256MiB"), ("time", "1s")] {
        let limit = format!("--limit-compile-{flag}");
        let ended = project.try_run(&["--no-cache", &limit, value]);
        assert_eq!(ended.code, Some(7), "{}", ended.err);
        let reached = format!("limit `compile_{flag}`");
        assert!(ended.err.contains(&reached), "{}", ended.err);
        assert!(ended.err.contains(&limit), "{}", ended.err);
    }
}

#[test]
fn a_damaged_component_is_refused_in_the_words_of_its_compiler() {
    let mut component = guests::component(guests::PASS);
    component.truncate(component.len() / 2);
    insta::assert_snapshot!(lab(&component).refusal(&[]), @r#"
    exit code 4
    error: failed to run `app.toml`: load the plugin `[PROJECT]/guest.wasm` of step `etl`: the plugin is refused: it is no valid component: failed to parse WebAssembly module: unexpected end-of-file (at offset 0x8f5)
    hint: build it again; it may be damaged or use a feature of WebAssembly that is not offered
    "#);
}

#[test]
fn a_compiler_ends_when_nobody_waits_for_it() {
    let component = guests::heavy();
    let mut compiler = Command::new(binary())
        .args(["plugin", "compile", "--memory", "8589934592"])
        .args(["--seconds", "60", "--bytes", &component.len().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = compiler.stdin.take().unwrap();
    input.write_all(&component).unwrap();
    drop(input);
    let mut code = Vec::new();
    let mut output = compiler.stdout.take().unwrap();
    output.read_to_end(&mut code).unwrap();
    assert_eq!(compiler.wait().unwrap().code(), Some(1));
    assert!(code.is_empty());
}
