//! Runs transforms that nobody trusts: the only module that knows wasmtime.
//!
//! A [`Sandbox`] loads a component into a [`Plugin`], which makes an [`Instance`] for each worker and
//! run; [`Instance::bind`] turns that into a [`Bound`], which processes batches. Each step takes the one
//! before by value: an instance that crashed, or was stopped, cannot be used again.
//!
//! What a guest does ends in one of four errors, apart from bugs of the host: a fault that it returned
//! (`Guest`), a crash or a broken rule of the contract (`Trap`), a limit (`Limit`), or a component that
//! does not fit (`Plugin`).

mod access;
mod cache;
mod compiler;
mod contract;
mod engine;
mod fault;
mod hash;
mod host;
mod http;
mod instance;
mod link;
mod logs;
mod memory;
mod objects;
mod plan;
mod plugin;
mod profile;
mod random;
mod state;
mod wait;
mod wasi;

#[cfg(test)]
mod tests;

pub use access::{
    Access, Folder, HttpAnswer, HttpRequest, ObjectError, ObjectInfo, ObjectPage, Objects, Offers,
    Outgoing, SecretError, Secrets, Writer,
};
pub use compiler::{Compiler, compile};
pub use instance::{Bound, Emitted, Instance, InstanceContext, Produced, Rejection};
pub use link::{Inspection, Interface};
pub use logs::{Level, LogSink};
pub use memory::MemoryBudget;
pub use plan::{OutputColumn, Plan};
pub use plugin::{Cached, Plugin, Sandbox, SandboxConfig};
pub use profile::{PROFILE_TICK, Profile, StepProfile};
