//! One suite for the guests of every language: `tests/conformance/README.md` says what each mode does.
//!
//! `cargo xtask sdks` builds the guests. Those that are not there are named and skipped, unless
//! `SLUICE_TEST_LANGUAGES` is `required`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test may fail"
)]

#[path = "../../../host/runtime/src/columns/tests/arrays.rs"]
mod arrays;
mod echo;
mod faults;
mod guest;
mod limits;
#[path = "../../../host/runtime/tests/hostile/lines.rs"]
mod lines;
mod rows;
mod state;
