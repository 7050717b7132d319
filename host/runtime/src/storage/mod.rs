//! Where bytes come from and go to: local folders, buckets of S3, Google, Azure and Oracle, and web servers for reading.
//!
//! Everything behind this module is an `ObjectStore`. [`ConfinedStore`] keeps local access inside one folder. Concerns are
//! layers over a store, one each: `Guarded` asks the policies about every verb, [`Metered`] counts bytes, `Ranges` reads parts of files from servers that send only
//! whole ones, `Steady` takes up what breaks off; timeouts and first retries are the clients' own, with bounds that are named here, and what fails beyond these a run does again
//! ([`Retries`]). [`Staging`] makes a run's
//! files appear only when all of them are complete.

mod confined;
mod dataset;
mod failure;
mod guarded;
mod layer;
mod listing;
mod meter;
mod objects;
mod overlap;
mod pause;
mod private;
mod ranged;
mod read;
mod remote;
mod retry;
mod scratch;
mod staging;
mod steady;
mod stores;
mod upload;

pub use object_store::ObjectMeta;

pub use confined::ConfinedStore;
pub use dataset::{
    DataFile, MARKER, Manifest, Operation, Past, Repaired, Snapshot, Swept, kept, names_beside,
    repair, rollback, run_of, snapshot,
};
pub use failure::storage_error;
pub use layer::{Layer, Layered};
pub use listing::{is_hidden, list};
pub use meter::{Meter, Metered};
pub use objects::{Key, Object, head_object, list_page, read_range};
pub use overlap::check_overlap;
pub use private::{Stamp, private_stamp, read_private};
pub use read::{blake3_of, read_whole};
pub use retry::{Attempts, Retrier, Retries, persistent};
pub use staging::{
    Beginning, Begun, Committed, FinishedFile, Intent, SideObjects, StagedFile, Staging,
};
pub use stores::{Place, Stores, canonical};

#[cfg(test)]
mod tests;
