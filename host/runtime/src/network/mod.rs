//! Requests over HTTP that transforms send: the only module that opens connections for them.
//!
//! A [`Client`] sends what the [`Rule`]s of one step allow. Each request goes this way, and ends where a step says no:
//!
//! 1. what it asks for is read in one form only; what could be read in two is refused;
//! 2. a rule of the step has to fit: scheme, host, port, method and path;
//! 3. the name is resolved, once, and *every* address that it has has to be allowed: special ones only where the rule
//!    says so, all by the policies (see [`Gate`]);
//! 4. the connection goes to one of these addresses. Connecting takes the proof of the decision;
//! 5. headers from secrets are added, those of this rule alone, and the answer is read within the [limits](crate::limits::HttpLimits).
//!
//! Whatever is denied, by whom ever, is in the audit, and the run's error tells it in full; who sent the request learns
//! that it was denied, and no more.

mod address;
mod body;
mod budget;
mod client;
mod connect;
mod failure;
mod gate;
mod headers;
mod probe;
mod rule;
mod stand_in;
mod trust;

#[cfg(test)]
mod tests;

pub use address::{Range, special};
pub use body::Answer;
pub use budget::Budget;
pub use client::{Client, Means};
pub use connect::{Resolve, SystemResolver};
pub use gate::Gate;
pub use headers::HeaderSecrets;
pub use probe::{Reached, probe};
pub use rule::Rule;
pub use stand_in::StandIn;
