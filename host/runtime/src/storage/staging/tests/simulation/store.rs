//! A store in memory that takes its time, fails now and then, and tells what it was asked for.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart,
};

/// Numbers that follow from a seed alone.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 += 1;
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        hasher.finish() % end
    }

    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What all that happens in one simulation shares.
#[derive(Debug)]
pub(super) struct World {
    pub(super) random: Random,
    /// Of a hundred requests, those that fail.
    pub(super) faults: u64,
    /// What was asked for, and what became of it.
    pub(super) trace: Vec<String>,
}

pub(super) type Shared = Arc<Mutex<World>>;

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Served,
    Refused,
    Unanswered,
}

#[derive(Debug)]
struct Gate(Shared);

impl Gate {
    /// Lets others have their turns, then says what is to become of a request.
    async fn pass(&self, verb: &str, path: &str) -> Fate {
        // Whoever is woken is asked again; the order is the simulation's.
        tokio::task::yield_now().await;
        let mut world = self.0.lock().unwrap();
        let faults = world.faults;
        let fate = match world.random.below(200) {
            roll if roll >= 2 * faults => Fate::Served,
            roll if roll < faults => Fate::Refused,
            _ => Fate::Unanswered,
        };
        // Attempts have names of their own each time.
        let path = path.split("/staging/").next().unwrap_or_default();
        world.trace.push(format!("{verb} {path} {fate:?}"));
        fate
    }

    async fn ask<T>(
        &self,
        (verb, path): (&str, &str),
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let fate = self.pass(verb, path).await;
        if let Fate::Refused = fate {
            return Err(failed());
        }
        let done = work.await;
        if let Fate::Unanswered = fate {
            return Err(failed());
        }
        done
    }

    fn again(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

fn failed() -> Error {
    Error::Generic {
        store: "simulated",
        source: "out of order".into(),
    }
}

#[derive(Debug)]
pub(super) struct Faulty {
    inner: Arc<dyn ObjectStore>,
    gate: Gate,
}

impl Faulty {
    pub(super) fn new(inner: Arc<dyn ObjectStore>, world: &Shared) -> Self {
        let gate = Gate(Arc::clone(world));
        Self { inner, gate }
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

fn name(prefix: Option<&Path>) -> &str {
    prefix.map_or("", Path::as_ref)
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let put = self.inner.put_opts(location, payload, options);
        self.gate.ask(("put", location.as_ref()), put).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let begun = self.inner.put_multipart_opts(location, options);
        let upload = self.gate.ask(("begin", location.as_ref()), begun).await?;
        let gate = self.gate.again();
        let location = location.to_string();
        Ok(Box::new(FaultyUpload {
            upload,
            gate,
            location,
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let get = self.inner.get_opts(location, options);
        self.gate.ask(("get", location.as_ref()), get).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let (inner, gate) = (Arc::clone(&self.inner), Arc::new(self.gate.again()));
        let deleted = locations.then(move |location| {
            let (inner, gate) = (Arc::clone(&inner), Arc::clone(&gate));
            async move {
                let location = location?;
                let delete = inner.delete(&location);
                gate.ask(("delete", location.as_ref()), delete).await?;
                Ok(location)
            }
        });
        deleted.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (inner, gate) = (Arc::clone(&self.inner), self.gate.again());
        let prefix = prefix.cloned();
        let listed = async move {
            let found = async { Ok(inner.list(prefix.as_ref())) };
            match gate.ask(("list", name(prefix.as_ref())), found).await {
                Ok(found) => found,
                Err(error) => stream::once(async { Err(error) }).boxed(),
            }
        };
        stream::once(listed).flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let listed = self.inner.list_with_delimiter(prefix);
        self.gate.ask(("level", name(prefix)), listed).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let copied = self.inner.copy_opts(from, to, options);
        self.gate.ask(("copy", to.as_ref()), copied).await
    }
}

#[derive(Debug)]
struct FaultyUpload {
    upload: Box<dyn MultipartUpload>,
    gate: Gate,
    location: String,
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (part, gate) = (self.upload.put_part(data), self.gate.again());
        let location = self.location.clone();
        Box::pin(async move { gate.ask(("part", &location), part).await })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let done = self.upload.complete();
        self.gate.ask(("complete", &self.location), done).await
    }

    async fn abort(&mut self) -> Result<()> {
        let done = self.upload.abort();
        self.gate.ask(("abort", &self.location), done).await
    }
}
