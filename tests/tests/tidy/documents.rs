//! ARCHITECTURE.md tells the truth about files and modules.

use crate::files::{self, root};
use crate::report;

const GUIDE: &str = "ARCHITECTURE.md";

#[test]
fn every_file_that_the_guide_names_exists() {
    let mut problems = Vec::new();
    for (line, path) in paths(&files::read(GUIDE)) {
        if !root().join(&path).exists() {
            problems.push(format!("{GUIDE}:{line}: `{path}` does not exist"));
        }
    }
    report(
        &problems,
        "Name files by their path from the root, and rename them here in the same commit.",
    );
}

#[test]
fn the_guide_names_every_module() {
    let guide = files::read(GUIDE);
    let named: Vec<String> = spans(&guide)
        .map(|(_, span)| {
            span.trim_end_matches('/')
                .trim_end_matches(".rs")
                .to_owned()
        })
        .collect();
    let mut problems = Vec::new();
    for module in modules() {
        let name = module.rsplit('/').next().unwrap();
        let short = module.replace("host/runtime/src/", "");
        if !named
            .iter()
            .any(|span| *span == module || *span == short || span == name)
        {
            problems.push(format!("{GUIDE}: `{module}` is not named"));
        }
    }
    report(
        &problems,
        "Give each module a paragraph in the code map: what it owns, and what it must not know.",
    );
}

/// The modules right under the library's root, and the folders of the other crates.
fn modules() -> Vec<String> {
    let mut modules: Vec<String> = files::rust("host/runtime/src")
        .into_iter()
        .filter_map(|file| {
            let path = file
                .path
                .strip_suffix("/mod.rs")
                .or(file.path.strip_suffix(".rs"))?
                .to_owned();
            (path.matches('/').count() == 3 && !path.ends_with("/lib")).then_some(path)
        })
        .collect();
    modules.extend(
        [
            "host/cli",
            "host/xtask",
            "guest-sdk/rust",
            "plugins",
            "tests",
            "wit",
        ]
        .map(str::to_owned),
    );
    modules.dedup();
    modules
}

/// What stands in backticks, with its line; fenced blocks aside.
fn spans(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().flat_map(move |(line, text)| {
        if text.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let text = if fenced { "" } else { text };
        text.split('`')
            .skip(1)
            .step_by(2)
            .map(move |span| (line + 1, span))
    })
}

/// The code spans that are paths of the checkout: with a folder, or with the ending of a source file.
fn paths(text: &str) -> Vec<(usize, String)> {
    const ENDINGS: [&str; 6] = [".rs", ".toml", ".md", ".wit", ".py", ".lock"];
    spans(text)
        .filter(|(_, span)| {
            let plain = span
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
            let ends = ENDINGS.iter().any(|ending| span.ends_with(ending));
            plain && !span.starts_with(['/', '-', '.']) && (span.contains('/') || ends)
        })
        // Artefacts exist only after a build.
        .filter(|(_, span)| !span.starts_with("target/") && !span.ends_with(".wasm"))
        .map(|(line, span)| (line, span.to_owned()))
        .collect()
}

#[test]
fn paths_are_told_from_other_code() {
    let text = "`host/cli/`, `a::b`, `x.rs`, `--flag/x`, `plugins/<name>/`\n```\n`y.rs`\n```\n`target/demo`";
    let found: Vec<String> = paths(text).into_iter().map(|(_, path)| path).collect();
    assert_eq!(found, ["host/cli/", "x.rs"]);
}
