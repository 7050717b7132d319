//! Whole jobs through the built command, as a user runs them.
//!
//! `cargo xtask test` builds what these tests start: the command, and the plugins beside their
//! sources. Expected error texts are in `snapshots/`; after a change of a text, write them anew with
//! `INSTA_UPDATE=always cargo xtask test` and read the difference.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skipped"
)]

mod access;
mod authoring;
mod backfill;
mod bad_rows;
mod beside;
mod cancel;
mod changes;
mod commits;
mod compile;
mod contracts;
mod datasets;
mod disks;
mod dns;
mod documents;
mod exactness;
mod failing;
mod fates;
mod faults;
mod fixtures;
mod formats;
mod guests;
mod hoard;
mod hostile;
mod http;
mod http_limits;
mod incremental;
mod ipc;
mod jobs;
mod languages;
mod malformed;
mod masks;
mod messages;
mod order;
mod output;
mod own_network;
mod peers;
mod policy;
mod profile;
mod project;
mod python;
mod receipts;
mod refusals;
mod retries;
mod s3;
mod servers;
mod special;
mod std_io;
mod stores;
mod templates;
mod uploads;
