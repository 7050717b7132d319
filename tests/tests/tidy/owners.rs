//! Each heavy dependency is known to one module, so that it can be replaced or upgraded in one place.

use crate::files;
use crate::lexer::{mask, tokens};
use crate::report;

/// A crate and the only paths that may name it. A path that goes through another crate's re-export,
/// such as `datafusion::object_store`, belongs to that crate.
const OWNERS: [(&str, &[&str]); 23] = [
    (
        "wasmtime",
        &["host/runtime/src/sandbox/", "host/runtime/benches/epochs"],
    ),
    ("wasmtime_wasi", &["host/runtime/src/sandbox/"]),
    ("wasmtime_wasi_http", &["host/runtime/src/sandbox/"]),
    ("http_body_util", HTTP),
    ("hyper", HTTP),
    ("hyper_util", &["host/runtime/src/network/", "tests/"]),
    ("tokio_rustls", &["host/runtime/src/network/"]),
    ("webpki_roots", &["host/runtime/src/network/"]),
    (
        "fxprof_processed_profile",
        &["host/runtime/src/sandbox/profile"],
    ),
    ("datafusion", &["host/runtime/src/engine/"]),
    ("cedar_policy", &["host/runtime/src/policy/"]),
    ("object_store", &["host/runtime/src/storage/"]),
    (
        "cap_std",
        &[
            "host/runtime/src/storage/",
            "host/runtime/src/sandbox/cache",
        ],
    ),
    ("rayon", &["host/runtime/src/schedule/"]),
    ("rustix", &["host/cli/src/plugin/compile"]),
    ("clap", &["host/cli/"]),
    ("indicatif", &["host/cli/"]),
    (
        "mimalloc",
        &["host/cli/", "host/runtime/benches/", "tests/benches/"],
    ),
    ("wit_component", &["host/cli/src/plugin/", "tests/"]),
    ("wasm_metadata", &["host/cli/src/plugin/"]),
    ("wit_bindgen", &["guest-sdk/"]),
    ("axum", &[]),
    ("anyhow", &["tests/"]),
];

/// Who knows requests and answers: who sends them, and who takes them from guests.
const HTTP: &[&str] = &[
    "host/runtime/src/network/",
    "host/runtime/src/sandbox/access",
    "host/runtime/src/sandbox/http",
    "tests/",
];

/// The only places that may write `unsafe`, each with the reason beside it.
const UNSAFE: [&str; 3] = [
    // wasmtime trusts the bytes of compiled code: they are authenticated first.
    "host/runtime/src/sandbox/cache",
    // A guest hands out its own linear memory.
    "guest-sdk/rust/src/",
    "tests/guests/",
];

/// The only place that may turn bytes into compiled code.
const DESERIALIZE: &str = "host/runtime/src/sandbox/cache";

fn sources() -> Vec<files::File> {
    ["host", "guest-sdk", "plugins", "tests"]
        .into_iter()
        .flat_map(files::rust)
        .collect()
}

#[test]
fn heavy_dependencies_have_one_owner() {
    let mut problems = Vec::new();
    for file in sources() {
        let masked = mask(&file.text);
        let tokens = tokens(&masked);
        for (at, token) in tokens.iter().enumerate() {
            let Some((name, places)) = OWNERS.iter().find(|(name, _)| *name == token.text) else {
                continue;
            };
            let before = at.checked_sub(1).map_or("", |before| tokens[before].text);
            let after = tokens.get(at + 1).map_or("", |after| after.text);
            let is_crate = before != "::" && (after == "::" || before == "use");
            if is_crate && !places.iter().any(|place| file.path.starts_with(place)) {
                let owner = if places.is_empty() {
                    "nobody".to_owned()
                } else {
                    places.join(" and ")
                };
                problems.push(format!(
                    "{}:{}: names `{name}`, which belongs to {owner}",
                    file.path, token.line
                ));
            }
        }
    }
    report(
        &problems,
        "Ask the owner for what is needed, in types of the project or of arrow. The owners are in \
         tests/tests/tidy/owners.rs.",
    );
}

#[test]
fn unsafe_code_stays_in_its_place() {
    let mut problems = Vec::new();
    for file in sources() {
        if UNSAFE.iter().any(|place| file.path.starts_with(place)) {
            continue;
        }
        for token in tokens(&mask(&file.text))
            .iter()
            .filter(|token| token.text == "unsafe")
        {
            problems.push(format!("{}:{}: `unsafe`", file.path, token.line));
        }
    }
    report(
        &problems,
        "Find a safe way; the only places for `unsafe` are in tests/tests/tidy/owners.rs.",
    );
}

#[test]
fn compiled_code_is_loaded_by_the_cache_only() {
    let mut problems = Vec::new();
    for file in sources() {
        if file.path.starts_with(DESERIALIZE) {
            continue;
        }
        let masked = mask(&file.text);
        for three in tokens(&masked).windows(3) {
            let of_engine =
                matches!(three[0].text, "Component" | "Module") && three[1].text == "::";
            let loads = three[2].text.starts_with("deserialize") && of_engine;
            let loads_file = matches!(three[2].text, "deserialize_file" | "deserialize_raw");
            if loads || loads_file {
                problems.push(format!(
                    "{}:{}: `{}`",
                    file.path, three[2].line, three[2].text
                ));
            }
        }
    }
    report(
        &problems,
        "Compiled code runs with the rights of the host: only the cache loads it, after checking its MAC.",
    );
}
