//! The library's modules import only what stands before them.

use crate::files::{self, File};
use crate::lexer::{Token, mask, tokens, without_tests};
use crate::report;

/// The order of the modules of `host/runtime/src`; modules of one layer do not know each other.
const LAYERS: [&[&str]; 7] = [
    &["error", "http", "limits"],
    &["columns", "spec"],
    &["policy"],
    &["network", "sandbox", "storage"],
    &["schedule"],
    &["engine"],
    &["run"],
];

const SOURCE: &str = "host/runtime/src/";

#[test]
fn modules_import_only_earlier_modules() {
    let mut problems = Vec::new();
    for file in files::rust("host/runtime/src") {
        let module = module_of(&file);
        if module == "lib" {
            continue;
        }
        let Some(own) = layer(module) else {
            problems.push(format!("{}: module `{module}` is in no layer", file.path));
            continue;
        };
        let code = without_tests(&mask(&file.text));
        for (line, imported) in imports(&tokens(&code), depth(&file)) {
            if imported != module && layer(&imported).is_some_and(|other| other >= own) {
                problems.push(format!(
                    "{}:{line}: `{module}` imports `{imported}`",
                    file.path
                ));
            }
        }
    }
    report(
        &problems,
        "A module imports only modules of earlier layers: move the item to the layer that both may know, \
         or hand it in as an argument. The layers are in tests/tests/tidy/layers.rs and ARCHITECTURE.md.",
    );
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// The module right under the crate's root that a file belongs to.
fn module_of(file: &File) -> &str {
    let path = file.path.strip_prefix(SOURCE).unwrap();
    path.split(['/', '.']).next().unwrap()
}

/// How many `super` lead from a file to the crate's root.
fn depth(file: &File) -> usize {
    let path = file.path.strip_prefix(SOURCE).unwrap();
    let folders = path.matches('/').count();
    if path.ends_with("/mod.rs") || path == "lib.rs" {
        folders
    } else {
        folders + 1
    }
}

/// The modules under the crate's root that are named through `crate::` or a chain of `super::`.
fn imports(tokens: &[Token<'_>], depth: usize) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        if at > 0 && tokens[at - 1].text == "::" {
            continue;
        }
        let mut next = at;
        if tokens[at].text == "crate" {
            next += 1;
        } else {
            while tokens[next].text == "super"
                && tokens.get(next + 1).is_some_and(|t| t.text == "::")
            {
                next += 2;
            }
            if depth == 0 || next != at + 2 * depth {
                continue;
            }
            next -= 1;
        }
        if tokens.get(next).is_some_and(|t| t.text == "::") {
            found.extend(heads(&tokens[next + 1..]));
        }
    }
    found
}

/// The first names of what follows `crate::`: one name, or those of a group.
fn heads(tokens: &[Token<'_>]) -> Vec<(usize, String)> {
    let Some(first) = tokens.first() else {
        return Vec::new();
    };
    if first.text != "{" {
        return vec![(first.line, first.text.to_owned())];
    }
    let (mut nesting, mut found) = (0, Vec::new());
    for pair in tokens.windows(2) {
        match pair[0].text {
            "{" => nesting += 1,
            "}" => nesting -= 1,
            _ => {}
        }
        if nesting == 0 {
            break;
        }
        if nesting == 1 && matches!(pair[0].text, "{" | ",") {
            found.push((pair[1].line, pair[1].text.to_owned()));
        }
    }
    found
}

#[test]
fn imports_are_found_in_paths_groups_and_chains() {
    let names = |source: &str, depth| -> Vec<String> {
        imports(&tokens(source), depth)
            .into_iter()
            .map(|(_, name)| name)
            .collect()
    };
    assert_eq!(
        names("use crate::run::{a, b}; crate::spec::x()", 1),
        ["run", "spec"]
    );
    assert_eq!(
        names("use crate::{error::{A, B}, limits, run::C};", 1),
        ["error", "limits", "run"]
    );
    assert_eq!(
        names("use super::super::engine::X; use super::y;", 2),
        ["engine"]
    );
    assert_eq!(names("use other::crate_like::x; super::y::z", 2), [""; 0]);
}
