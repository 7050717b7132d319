//! An upload that can be given up from elsewhere than where it is written.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use object_store::{Error as StoreError, MultipartUpload, PutPayload};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

/// The longest that giving up waits for parts under way: those of which a server has all bytes are stored by then, and of
/// the others, whose connections end, nothing is.
const PARTS_TIME: Duration = Duration::from_secs(1);

/// What came of a part, or of the task that stored it.
type Stored = Result<Result<(), StoreError>, JoinError>;

/// An upload and its parts under way. Whoever writes and whoever may give up have clones.
#[derive(Clone)]
pub(super) struct Slot(Arc<Mutex<Inner>>);

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}

struct Inner {
    /// None once it is completed or given up.
    upload: Option<Box<dyn MultipartUpload>>,
    parts: JoinSet<Result<(), StoreError>>,
}

/// An upload that nobody writes to any more.
pub(super) struct Taken(Box<dyn MultipartUpload>, JoinSet<Result<(), StoreError>>);

impl Slot {
    pub(super) fn new(upload: Box<dyn MultipartUpload>) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            upload: Some(upload),
            parts: JoinSet::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to store a part; false where the upload was given up.
    pub(super) fn send(&self, payload: PutPayload) -> bool {
        let inner = &mut *self.lock();
        let Some(upload) = &mut inner.upload else {
            return false;
        };
        inner.parts.spawn(upload.put_part(payload));
        true
    }

    /// Parts under way.
    pub(super) fn under_way(&self) -> usize {
        self.lock().parts.len()
    }

    /// Waits for a part; none is under way where it yields none.
    pub(super) async fn settle_one(&self) -> Option<Stored> {
        poll_fn(|context| self.lock().parts.poll_join_next(context)).await
    }

    /// The upload, unless somebody took it.
    pub(super) fn take(&self) -> Option<Taken> {
        let inner = &mut *self.lock();
        let parts = std::mem::take(&mut inner.parts);
        Some(Taken(inner.upload.take()?, parts))
    }
}

impl Taken {
    /// Gives it up. A part that is stored after that would stay, in a bucket for as long as that bucket has rules for it,
    /// and to stop asking does not stop a server.
    pub(super) async fn abort(mut self) -> Result<(), StoreError> {
        let settled = async { while self.1.join_next().await.is_some() {} };
        // What takes longer is left to the server.
        let _ = timeout(PARTS_TIME, settled).await;
        drop(self.1);
        self.0.abort().await
    }
}
