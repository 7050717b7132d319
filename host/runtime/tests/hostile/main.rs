//! Hostile guests: each does one thing that a transform must not do, and the sandbox must survive it.

mod guest;
mod host;

mod abi;
mod cache;
mod contract;
mod crash;
mod load;
mod logs;
mod memory;
mod time;
mod wasi;
mod well_behaved;
