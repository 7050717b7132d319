//! The house rules that no compiler checks. Every failure says where, and what to do.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod contract;
mod documents;
mod files;
mod layers;
mod lexer;
mod manifests;
mod owners;
mod sizes;
mod words;

/// Fails with every problem, one a line, and what to do about them.
fn report(problems: &[String], advice: &str) {
    assert!(
        problems.is_empty(),
        "\n\n  {}\n\n{advice}\n",
        problems.join("\n  ")
    );
}
