//! Uploads that another process can complete.
//!
//! Whoever begins a file puts a [`Ticket`] into the options of the upload. The store writes into it by what the upload
//! can be completed; that goes into the commit, so that whatever happens to the writer, anybody who reads the commit can
//! make the file appear, by beginning an upload with [`Resume`] in its options and completing it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    Error, MultipartUpload, ObjectStore, PutMultipartOptions, PutPayload, PutResult, Result,
    UploadPart,
};
use serde::{Deserialize, Serialize};

use super::layer::Layer;
use super::retry::Retrier;

/// By what an upload can be completed: the store's name for it, and those of its parts. A local file has no parts, and
/// its name is where it is hidden, or what tells it from others that are hidden beside what they become.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unfinished {
    pub(super) id: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<String>,
}

/// In the options of an upload: where the store says by what it can be completed.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    /// Where a store of files hides what is not complete; without one, beside what it becomes.
    pub(super) folder: Option<Path>,
    /// What may be done again.
    retrier: Option<Retrier>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    id: String,
    parts: Vec<Option<String>>,
    detached: bool,
}

impl Ticket {
    pub(super) fn new(folder: Option<Path>) -> Self {
        Self {
            folder,
            retrier: None,
            state: Arc::default(),
        }
    }

    /// The same, where what fails may be done again.
    pub(super) fn retrying(self, retrier: Option<Retrier>) -> Self {
        Self { retrier, ..self }
    }

    /// Waits until what failed with `error` may be done again.
    async fn again(&self, location: &Path, error: Error) -> Result<()> {
        match &self.retrier {
            Some(retrier) => retrier.again(location.as_ref(), error).await,
            None => Err(error),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says the name of the upload.
    pub(super) fn begin(&self, id: String) {
        self.lock().id = id;
    }

    fn stored(&self, index: usize, part: String) {
        let mut state = self.lock();
        if state.parts.len() <= index {
            state.parts.resize(index + 1, None);
        }
        if let Some(place) = state.parts.get_mut(index) {
            *place = Some(part);
        }
    }

    /// By what the upload can be completed. From now on it outlasts its writer: dropping it does not give it up.
    pub(super) fn detach(&self) -> Unfinished {
        let mut state = self.lock();
        state.detached = true;
        Unfinished {
            id: state.id.clone(),
            parts: state.parts.iter().flatten().cloned().collect(),
        }
    }

    /// Whether somebody else may complete the upload.
    pub(super) fn is_detached(&self) -> bool {
        self.lock().detached
    }
}

/// In the options of an upload: not a new one, but one that was begun before, to be completed or given up.
#[derive(Clone, Debug)]
pub(super) struct Resume {
    pub(super) upload: Unfinished,
    /// Where a store of files hides what is not complete, as its ticket says; it takes nothing from elsewhere.
    pub(super) folder: Option<Path>,
}

/// Uploads of a store that knows them by name.
pub(super) struct Resumable<S>(pub(super) Arc<S>);

/// The store is not shown: clients of buckets hold credentials.
impl<S> fmt::Debug for Resumable<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resumable")
    }
}

#[async_trait]
impl<S: MultipartStore> Layer for Resumable<S> {
    async fn put_multipart_opts(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let ticket = if let Some(Resume { upload, folder }) = options.extensions.get() {
            let ticket = Ticket::new(folder.clone());
            ticket.begin(upload.id.clone());
            for (index, part) in upload.parts.iter().enumerate() {
                ticket.stored(index, part.clone());
            }
            ticket
        } else if let Some(ticket) = options.extensions.get::<Ticket>() {
            // One whose name got lost stays behind as one of a run that was killed does.
            let id = loop {
                match self.0.create_multipart(location).await {
                    Ok(id) => break id,
                    Err(error) => ticket.again(location, error).await?,
                }
            };
            ticket.begin(id);
            ticket.clone()
        } else {
            return store.put_multipart_opts(location, options).await;
        };
        Ok(Box::new(NamedUpload {
            store: Arc::clone(&self.0),
            location: location.clone(),
            ticket,
            begun: 0,
        }))
    }
}

/// An upload whose ticket says all that is known of it.
struct NamedUpload<S> {
    store: Arc<S>,
    location: Path,
    ticket: Ticket,
    /// Parts so far.
    begun: usize,
}

impl<S> fmt::Debug for NamedUpload<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamedUpload")
            .field("location", &self.location)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl<S: MultipartStore> MultipartUpload for NamedUpload<S> {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let index = self.begun;
        self.begun += 1;
        let (store, location) = (Arc::clone(&self.store), self.location.clone());
        let ticket = self.ticket.clone();
        Box::pin(async move {
            let id = ticket.lock().id.clone();
            // A part has its number, whichever attempt stores it.
            let part = loop {
                match store.put_part(&location, &id, index, data.clone()).await {
                    Ok(part) => break part,
                    Err(error) => ticket.again(&location, error).await?,
                }
            };
            ticket.stored(index, part.content_id);
            Ok(())
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let (id, parts) = {
            let state = self.ticket.lock();
            let parts: Option<Vec<_>> = state.parts.iter().cloned().collect();
            let parts = parts.ok_or_else(|| Error::Generic {
                store: "upload",
                source: "it is completed before its parts are stored".into(),
            })?;
            (state.id.clone(), parts)
        };
        let parts = parts.into_iter().map(|content_id| PartId { content_id });
        self.store
            .complete_multipart(&self.location, &id, parts.collect())
            .await
    }

    async fn abort(&mut self) -> Result<()> {
        let id = self.ticket.lock().id.clone();
        self.store.abort_multipart(&self.location, &id).await
    }
}
