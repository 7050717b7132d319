//! Runs other people's data transforms on your data, at native speed, without trusting them.
//!
//! A *transform* is a WebAssembly component that exports `sluicegate:transform/transform`. An *application*
//! names inputs, steps and an output; a *run* is one execution of it, planned as one DataFusion plan
//! in which each transform is a node. The modules below are listed in the order in which they may
//! import each other: a module knows only those before it.

pub mod error;
pub mod http;
pub mod limits;

pub mod columns;
pub mod spec;

pub mod policy;

pub mod network;
pub mod sandbox;
pub mod storage;

pub mod schedule;

pub mod engine;

pub mod run;

pub use error::{Error, ErrorKind, Result, ResultExt};
pub use limits::Limits;
