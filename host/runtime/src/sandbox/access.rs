//! What an instance can be given beyond its columns.
//!
//! The sandbox knows how a guest asks, not who answers: whoever runs it implements these traits, asks the policies, and
//! counts. An interface is linked only where [`Offers`] has it, and answers only where [`Access`] has somebody who does.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Body;
use tokio::runtime::Handle;
use wasmtime_wasi_http::WasiBody;

use crate::http::{Failure, Times};

/// Which interfaces beyond columns and messages are linked. Another one that a component imports is refused when it is
/// loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    /// `sluicegate:access/objects`.
    pub objects: bool,
    /// `sluicegate:access/secrets`.
    pub secrets: bool,
    /// `wasi:http`.
    pub http: bool,
}

impl Offers {
    /// Everything that there is: to look at a component, never to run it.
    pub const ALL: Self = Self {
        objects: true,
        secrets: true,
        http: true,
    };
}

/// Who answers an instance.
#[derive(Clone, Default)]
pub struct Access {
    /// Opens folders.
    pub objects: Option<Arc<dyn Objects>>,
    /// Reads secrets.
    pub secrets: Option<Arc<dyn Secrets>>,
    /// Whether clocks show the time, to the millisecond, in place of standing still.
    pub clock: bool,
    /// Whether random numbers are the system's, in place of the same in every run.
    pub random: bool,
    /// Sends requests.
    pub http: Option<Arc<dyn Outgoing>>,
    /// Where waiting happens; calls that have to wait fail without one.
    pub runtime: Option<Handle>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("objects", &self.objects.is_some())
            .field("secrets", &self.secrets.is_some())
            .field("http", &self.http.is_some())
            .finish_non_exhaustive()
    }
}

/// Why something was not done with an object; each is a value that the guest can handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectError {
    /// Not declared, or refused by a policy.
    Denied(String),
    /// There is no such object.
    Missing,
    /// There is one already.
    Exists,
    /// The path names nothing.
    Malformed(String),
    /// A limit of the run was reached.
    Limit(String),
    /// The store did not do it.
    Unavailable(String),
}

/// What is known of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Relative to its folder.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// Changes when the content does.
    pub etag: Option<String>,
}

/// A part of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectPage {
    /// In the order of their paths.
    pub objects: Vec<ObjectInfo>,
    /// Where the next part begins.
    pub next: Option<String>,
}

/// The folders of a step, by name.
pub trait Objects: Send + Sync {
    /// Opens the folder of this name. Nothing is asked of a store.
    ///
    /// # Errors
    ///
    /// `Denied` where the step has none of this name.
    fn open(&self, name: &str) -> Result<Arc<dyn Folder>, ObjectError>;
}

/// A folder that was opened. Every call is decided about on its own.
#[async_trait]
pub trait Folder: Send + Sync {
    /// A part of what is in `prefix`, after `after`.
    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<ObjectPage, ObjectError>;
    /// One object.
    async fn head(&self, path: &str) -> Result<ObjectInfo, ObjectError>;
    /// At most `length` bytes from `offset` on.
    async fn read(&self, path: &str, offset: u64, length: u32) -> Result<Bytes, ObjectError>;
    /// Begins an object.
    async fn create(&self, path: &str, overwrite: bool) -> Result<Box<dyn Writer>, ObjectError>;
    /// Deletes an object with the commit.
    async fn delete(&self, path: &str) -> Result<(), ObjectError>;
}

/// An object that is being written; dropped before its end, it leaves nothing.
#[async_trait]
pub trait Writer: Send {
    /// Appends.
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectError>;
    /// Ends the object, which appears with the commit.
    async fn finish(self: Box<Self>) -> Result<ObjectInfo, ObjectError>;
}

/// Why there is no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretError {
    /// Not declared, or refused by a policy.
    Denied(String),
    /// It could not be had.
    Unavailable(String),
}

/// The secrets that a step may see.
pub trait Secrets: Send + Sync {
    /// The secret of this name.
    ///
    /// # Errors
    ///
    /// As [`SecretError`].
    fn read(&self, name: &str) -> Result<String, SecretError>;
}

/// A request of a guest, with its body as it comes.
pub type HttpRequest = http::Request<WasiBody>;

/// An answer, with its body as it comes.
#[derive(Debug)]
pub struct HttpAnswer(pub(super) http::Response<WasiBody>);

impl HttpAnswer {
    /// An answer whose body may still fail.
    #[must_use]
    pub fn new<B>(response: http::Response<B>) -> Self
    where
        B: Body<Data = Bytes, Error = Failure> + Send + 'static,
    {
        Self(response.map(|body| body.map_err(Into::into).boxed_unsync()))
    }
}

/// Sends the requests of a step.
#[async_trait]
pub trait Outgoing: Send + Sync {
    /// Whether a guest may not set a header, given in lower case.
    fn is_forbidden_header(&self, name: &str) -> bool;

    /// Sends a request. Whatever is under way ends when the future, or the answer, is dropped.
    ///
    /// # Errors
    ///
    /// As [`Failure`].
    async fn send(&self, request: HttpRequest, times: Times) -> Result<HttpAnswer, Failure>;
}
