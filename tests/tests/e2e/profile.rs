//! `sluice run --profile`: where transforms spend their time.

use std::fmt::Write as _;

use serde_json::Value;

use crate::guests;
use crate::project::Project;

/// The stacks of every sample, outermost function first, as the Firefox profiler resolves them.
fn stacks(project: &Project) -> Vec<String> {
    let text = std::fs::read_to_string(project.path("profile.json")).unwrap();
    let profile: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(profile["meta"]["interval"], 1.0);
    assert!(profile["meta"]["preprocessedProfileVersion"].is_u64());
    let threads = profile["threads"].as_array().unwrap();
    threads
        .iter()
        .flat_map(|thread| {
            assert_eq!(thread["processName"], "etl");
            let samples = thread["samples"]["stack"].as_array().unwrap();
            samples.iter().map(|stack| named(thread, stack))
        })
        .collect()
}

/// The names of the functions on a stack.
fn named(thread: &Value, stack: &Value) -> String {
    let at = |index: &Value| usize::try_from(index.as_u64().unwrap()).unwrap();
    let (table, frames, functions) = (
        &thread["stackTable"],
        &thread["frameTable"],
        &thread["funcTable"],
    );
    let mut names = Vec::new();
    let mut next = stack;
    while !next.is_null() {
        let function = &frames["func"][at(&table["frame"][at(next)])];
        let name = &thread["stringArray"][at(&functions["name"][at(function)])];
        names.push(name.as_str().unwrap());
        next = &table["prefix"][at(next)];
    }
    names.reverse();
    names.join(" > ")
}

#[test]
fn a_profile_names_the_functions_of_a_plugin() {
    let project = Project::new();
    project.plugin("mask");
    let mut rows = "name\n".to_owned();
    for row in 0..100_000 {
        writeln!(rows, "somebody {row}").unwrap();
    }
    project.write("people.csv", rows);
    project.write(
        "app.toml",
        "name = \"share\"\ninputs.people.uri = \"people.csv\"\noutput.uri = \"out\"\n[[steps]]\nname = \"etl\"\n\
         plugin = \"mask.wasm\"\nparams = { hash = [\"name\"], key = \"a long random text\" }\n",
    );
    project.run(&["--profile", "profile.json"]);
    let stacks = stacks(&project);
    let own = |stack: &&String| stack.starts_with("process > ") && stack.contains("mask::Mask");
    let count = stacks.iter().filter(own).count();
    assert!(count > 10, "{stacks:#?}");
}

#[test]
fn a_run_that_fails_leaves_its_profile() {
    let project = Project::lab();
    project.write("guest.wasm", guests::component(guests::SPIN));
    project.application("", "plugin = \"guest.wasm\"", "");
    let ended = project.try_run(&[
        "--profile",
        "profile.json",
        "--limit-call-time",
        "100ms",
        "--threads",
        "1",
    ]);
    assert_eq!(ended.code, Some(7), "{}", ended.err);
    let stacks = stacks(&project);
    let spins = stacks
        .iter()
        .filter(|stack| stack.starts_with("process > "));
    assert!(spins.count() > 10, "{stacks:#?}");
    let names = project.names();
    let partial = |name: &String| name.contains("partial");
    assert!(!names.iter().any(partial), "{names:?}");
}

#[test]
fn a_profile_that_cannot_be_written_is_told() {
    let ended = Project::lab().try_run(&["--profile", "missing/profile.json"]);
    assert_eq!(ended.code, Some(9), "{}", ended.err);
    assert!(
        ended.err.contains("write `missing/profile.json`"),
        "{}",
        ended.err
    );
}
