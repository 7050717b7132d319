//! Hostile guests: each does one thing that a transform must not do, and the sandbox must survive it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod abi;
mod cache;
mod compile;
mod contract;
mod crash;
mod guest;
mod host;
mod lines;
mod load;
mod logs;
mod memory;
mod residue;
mod time;
mod wasi;
mod wasi_limits;
mod web;
mod well_behaved;
