//! What a fuzzer feeds to all that reads untrusted bytes: each target takes any bytes, and panics only where
//! a promise is broken.
//!
//! `cargo xtask fuzz TARGET` searches for such bytes; what is in `corpus/TARGET` is tried by every test run.

#![expect(clippy::unwrap_used, reason = "a broken promise is told by panicking")]

mod audit;
mod columns;
mod files;
mod manifest;
mod plugin;
mod policy;
mod receipt;
mod spec;

/// A target and its name.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 12] = [
    ("application", spec::application),
    ("uri", spec::uri),
    ("schema", spec::schema),
    ("columns", columns::columns),
    ("plugin", plugin::plugin),
    ("policy", policy::policy),
    ("resource", policy::resource),
    ("audit", audit::audit),
    ("manifest", manifest::manifest),
    ("receipt", receipt::receipt),
    ("text", files::text),
    ("binary", files::binary),
];

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<fn(&[u8])> {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, target)| *target)
}

/// What is told to a person is made of lines that a terminal shows as they are.
fn check_told(error: &sluicegate::Error) {
    let text = format!("{error}{:?}", error.hints());
    assert!(
        !text.contains(|c: char| c.is_control() && c != '\n'),
        "{text:?}"
    );
}
