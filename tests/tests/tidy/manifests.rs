//! What the manifests and the lock files promise.

use toml::{Table, Value};

use crate::files::{self, root};
use crate::report;

/// The least versions without a known hole that an attacker could reach, and what the hole was.
/// Advisory databases lag behind, so this list is kept by hand.
const FLOORS: [(&str, &str, &str); 12] = [
    (
        "wasmtime",
        "48.0.8",
        "borrows moved between components unchecked, native stack overwritten",
    ),
    (
        "wasmtime-wasi",
        "48.0.8",
        "allocations that a guest without stdio could force",
    ),
    (
        "cap-primitives",
        "4.0.3",
        "a trailing slash left the root folder",
    ),
    ("cap-std", "4.0.3", "a trailing slash left the root folder"),
    ("object_store", "0.10.2", "tokens in logged URLs"),
    (
        "lz4_flex",
        "0.12.1",
        "uninitialised memory in decompressed data",
    ),
    ("h2", "0.4.16", "empty frames queued without bound"),
    ("rustls", "0.23.18", "denial of service in the handshake"),
    ("ring", "0.17.12", "panic on an overflow"),
    ("tokio", "1.44.2", "unsound broadcast channel"),
    ("hyper", "1.0.0", "request smuggling"),
    ("crossbeam-channel", "0.5.15", "double free"),
];

#[test]
fn dependencies_are_not_below_their_floor() {
    let mut problems = Vec::new();
    for lock in [
        "Cargo.lock",
        "plugins/Cargo.lock",
        "tests/guests/Cargo.lock",
    ] {
        if !root().join(lock).exists() {
            assert_ne!(lock, "Cargo.lock", "Cargo.lock is missing: commit it");
            continue;
        }
        for package in packages(lock) {
            let (name, version) = (text(&package, "name"), text(&package, "version"));
            for (_, floor, hole) in FLOORS.iter().filter(|(floored, ..)| *floored == name) {
                if numbers(&version) < numbers(floor) {
                    problems.push(format!("{lock}: {name} {version} is below {floor}: {hole}"));
                }
            }
        }
    }
    report(
        &problems,
        "Raise it: `cargo update -p NAME --precise VERSION`.",
    );
}

#[test]
fn the_host_has_the_floored_dependencies_it_was_floored_for() {
    let names: Vec<String> = packages("Cargo.lock")
        .iter()
        .map(|package| text(package, "name"))
        .collect();
    for needed in ["wasmtime", "object_store", "cap-std"] {
        assert!(
            names.iter().any(|name| name == needed),
            "Cargo.lock: `{needed}` is gone; drop its floor"
        );
    }
}

#[test]
fn every_member_inherits_the_lints_and_the_version_table() {
    let mut problems = Vec::new();
    for member in members() {
        let path = format!("{member}/Cargo.toml");
        let manifest: Table = files::read(&path).parse().unwrap();
        let lints = manifest
            .get("lints")
            .and_then(|lints| lints.get("workspace"));
        if lints.and_then(Value::as_bool) != Some(true) {
            problems.push(format!("{path}: no `[lints] workspace = true`"));
        }
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let dependencies = manifest.get(table).and_then(Value::as_table);
            for (name, dependency) in dependencies.into_iter().flatten() {
                if dependency.get("workspace").and_then(Value::as_bool) != Some(true) {
                    problems.push(format!("{path}: `{name}` has a version of its own"));
                }
            }
        }
    }
    report(
        &problems,
        "The lints and the versions of all dependencies stand in the root's Cargo.toml; members say \
         `workspace = true`.",
    );
}

fn members() -> Vec<String> {
    let manifest: Table = files::read("Cargo.toml").parse().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    members
        .iter()
        .map(|member| member.as_str().unwrap().to_owned())
        .collect()
}

fn packages(lock: &str) -> Vec<Table> {
    let lock: Table = files::read(lock).parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    packages
        .iter()
        .map(|package| package.as_table().unwrap().clone())
        .collect()
}

fn text(table: &Table, key: &str) -> String {
    table
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// The numbers of a version, for comparing; a pre-release counts as its release.
fn numbers(version: &str) -> Vec<u64> {
    let release = version.split(['-', '+']).next().unwrap_or_default();
    release
        .split('.')
        .map(|number| number.parse().unwrap_or(0))
        .collect()
}

#[test]
fn versions_compare_by_number() {
    assert!(numbers("48.0.10") > numbers("48.0.8"));
    assert!(numbers("0.17.9") < numbers("0.17.12"));
    assert_eq!(numbers("1.2.3+x"), [1, 2, 3]);
}
