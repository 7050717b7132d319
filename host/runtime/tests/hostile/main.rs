//! Hostile guests: each does one thing that a transform must not do, and the sandbox must survive it.

mod guest;
mod host;
mod well_behaved;
