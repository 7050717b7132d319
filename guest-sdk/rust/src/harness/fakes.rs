//! What a transform reaches beyond its columns, as a test has it.

use std::cell::RefCell;
use std::rc::Rc;

#[cfg(feature = "http")]
use crate::http::{Error, Request, Response};

/// What a transform reaches beyond its columns, as a test has it: folders of bytes, secrets, and a function that answers
/// requests.
///
/// Once [installed](Self::install), it is there for the transforms of the thread, until another is.
///
/// ```
/// use sluicegate_guest::harness::Fakes;
/// use sluicegate_guest::http::{Request, Response};
/// use sluicegate_guest::objects::Folder;
///
/// let fakes = Fakes::new()
///     .folder("out", [("old.txt", "old")])
///     .secret("token", "hunter2")
///     .http(|request| Ok(Response::new(200, request.url.clone())));
/// fakes.install();
///
/// Folder::open("out")?.create("new.txt")?.finish()?;
/// assert_eq!(fakes.written("out", "new.txt").unwrap(), b"");
/// assert_eq!(Request::get("http://x/y").send()?.body, b"http://x/y");
/// # Ok::<_, sluicegate_guest::Fault>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Fakes(Rc<State>);

#[derive(Debug, Default)]
pub(super) struct State {
    #[cfg(feature = "objects")]
    pub(super) folders: RefCell<super::objects::Folders>,
    #[cfg(feature = "secrets")]
    pub(super) secrets: RefCell<std::collections::BTreeMap<String, String>>,
    #[cfg(feature = "http")]
    server: RefCell<Option<Server>>,
}

thread_local! {
    static INSTALLED: RefCell<Rc<State>> = RefCell::default();
}

/// What the thread's transforms see.
pub(super) fn installed() -> Rc<State> {
    INSTALLED.with_borrow(Rc::clone)
}

impl Fakes {
    /// Nothing to reach.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the transforms of this thread see it.
    pub fn install(&self) {
        INSTALLED.set(Rc::clone(&self.0));
    }
}

#[cfg(feature = "objects")]
impl Fakes {
    /// Adds a folder with its objects.
    #[must_use]
    pub fn folder<P: Into<String>, B: Into<Vec<u8>>>(
        self,
        name: impl Into<String>,
        objects: impl IntoIterator<Item = (P, B)>,
    ) -> Self {
        let objects = objects.into_iter();
        let objects = objects.map(|(path, bytes)| (path.into(), bytes.into()));
        let mut folders = self.0.folders.borrow_mut();
        folders.add(name.into(), objects.collect());
        drop(folders);
        self
    }

    /// An object that was written and finished.
    #[must_use]
    pub fn written(&self, folder: &str, path: &str) -> Option<Vec<u8>> {
        self.0.folders.borrow().written(folder, path)
    }

    /// Whether an object was deleted.
    #[must_use]
    pub fn is_deleted(&self, folder: &str, path: &str) -> bool {
        self.0.folders.borrow().is_deleted(folder, path)
    }
}

#[cfg(feature = "secrets")]
impl Fakes {
    /// Adds a secret.
    #[must_use]
    pub fn secret(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        self.0.secrets.borrow_mut().insert(name, value);
        self
    }
}

#[cfg(feature = "http")]
type Answers = dyn FnMut(&Request) -> Result<Response, Error>;

#[cfg(feature = "http")]
struct Server(Box<Answers>);

#[cfg(feature = "http")]
impl Fakes {
    /// Answers requests; without it, all are denied.
    #[must_use]
    pub fn http(self, server: impl FnMut(&Request) -> Result<Response, Error> + 'static) -> Self {
        *self.0.server.borrow_mut() = Some(Server(Box::new(server)));
        self
    }
}

#[cfg(feature = "http")]
impl State {
    pub(super) fn answer(&self, request: &Request) -> Result<Response, Error> {
        match &mut *self.server.borrow_mut() {
            Some(Server(server)) => server(request),
            None => Err(Error::new(
                crate::http::ErrorKind::Denied,
                "the step does not declare it",
            )),
        }
    }
}

#[cfg(feature = "http")]
impl std::fmt::Debug for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Server")
    }
}
