//! Servers of buckets and containers, on ports of their own, for as long as they live.

use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderValue, IF_NONE_MATCH};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::fates::Spoilt;
pub(crate) use crate::fates::{Fate, Verb};
use crate::project::{Project, root};

/// Who may sign requests to [`Server::of_s3`].
pub(crate) const KEY: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "not-much-of-a-secret";

/// Who may send requests to [`Server::of_google`].
pub(crate) const TOKEN: &str = "not-much-of-a-token";

/// Decides what becomes of the requests.
type Judge = Arc<dyn Fn(Verb) -> Fate + Send + Sync>;

/// A server of the buckets in a temporary folder.
pub(crate) struct Server {
    folder: TempDir,
    judge: Arc<Mutex<Option<Judge>>>,
    /// Where it listens, as `http://host:port`.
    pub(crate) address: String,
    _runtime: Runtime,
}

impl Server {
    /// A server that speaks the protocol of S3 and checks signatures.
    pub(crate) fn of_s3() -> Self {
        Self::start(
            |builder| builder.set_auth(SimpleAuth::from_single(KEY, SECRET)),
            |_| true,
        )
    }

    /// Has its buckets stand for those of S3, to a project that signs with `secret`.
    pub(crate) fn serves_s3(&self, project: &mut Project, secret: &str) {
        project.set("AWS_ENDPOINT_URL", &self.address);
        project.set("AWS_ACCESS_KEY_ID", KEY);
        project.set("AWS_SECRET_ACCESS_KEY", secret);
        project.set("AWS_REGION", "us-east-1");
    }

    /// A server that speaks the XML interface of Google's Cloud Storage. It is S3's but for the names of two headers; no
    /// emulator that can be installed without containers knows its uploads in parts.
    pub(crate) fn of_google() -> Self {
        Self::start(|_| (), from_google)
    }

    fn start(
        configure: impl FnOnce(&mut S3ServiceBuilder),
        admits: fn(&mut Request<Incoming>) -> bool,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = s3s_fs::FileSystem::new(folder.path()).unwrap();
        let mut builder = S3ServiceBuilder::new(files);
        configure(&mut builder);
        let service = builder.build();
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let judge = Arc::<Mutex<Option<Judge>>>::default();
        let judged = Arc::clone(&judge);
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (service, judge) = (service.clone(), Arc::clone(&judged));
                tokio::spawn(async move {
                    let answer = service_fn(|request| answer(&service, request, admits, &judge));
                    let connection =
                        http1::Builder::new().serve_connection(TokioIo::new(socket), answer);
                    // A client that goes away is no concern of the server.
                    let _ = connection.await;
                });
            }
        });
        Self {
            folder,
            judge,
            address,
            _runtime: runtime,
        }
    }

    /// Has somebody decide what becomes of the requests, or nobody any more.
    pub(crate) fn judge(&self, judge: Option<Arc<dyn Fn() -> Fate + Send + Sync>>) {
        *self.judge.lock().unwrap() = judge.map(|judge| Arc::new(move |_| judge()) as Judge);
    }

    /// As [`judge`](Self::judge), by what is asked for.
    pub(crate) fn judge_each(&self, judge: impl Fn(Verb) -> Fate + Send + Sync + 'static) {
        *self.judge.lock().unwrap() = Some(Arc::new(judge));
    }

    /// Has the buckets of another.
    pub(crate) fn copy_of(&self, other: &Self) {
        let copied = Command::new("cp")
            .arg("-a")
            .arg(other.folder.path().join("."))
            .arg(self.folder.path())
            .status();
        assert!(copied.unwrap().success());
    }

    /// Makes an empty bucket.
    pub(crate) fn make(&self, bucket: &str) {
        std::fs::create_dir_all(self.folder.path().join(bucket)).unwrap();
    }

    /// Makes a bucket with one object.
    pub(crate) fn put(&self, bucket: &str, key: &str, content: impl AsRef<[u8]>) {
        let path = self.folder.path().join(bucket).join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// The text of an object.
    pub(crate) fn read(&self, bucket: &str, key: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(bucket).join(key)).unwrap()
    }

    /// Uploads in parts that were begun, and neither completed nor given up.
    pub(crate) fn uploads(&self) -> usize {
        let names = std::fs::read_dir(self.folder.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name());
        names
            .filter(|name| name.to_string_lossy().starts_with(".upload"))
            .count()
    }

    /// Every object of a bucket, as path and size.
    pub(crate) fn objects(&self, bucket: &str) -> Vec<(String, u64)> {
        let mut found = Vec::new();
        walk(&self.folder.path().join(bucket), "", &mut found);
        found.sort();
        found
    }
}

async fn answer(
    service: &S3Service,
    mut request: Request<Incoming>,
    admits: fn(&mut Request<Incoming>) -> bool,
    judge: &Mutex<Option<Judge>>,
) -> Result<Response<Spoilt>, Box<dyn Error + Send + Sync>> {
    let refuse = |status, body: String| {
        let mut refusal = Response::new(s3s::Body::from(body));
        *refusal.status_mut() = StatusCode::from_u16(status).unwrap();
        Ok(Fate::Served.spoil(refusal))
    };
    if !admits(&mut request) {
        return refuse(401, String::new());
    }
    let judge = judge.lock().unwrap().clone();
    let fate = judge.map_or(Fate::Served, |judge| judge(Verb::of(&request)));
    match fate {
        Fate::Refused(status) => return refuse(status, String::new()),
        Fate::Said(status, code) => {
            let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>");
            return refuse(status, body);
        }
        Fate::Lost => return Err("lost".into()),
        Fate::Late(pause) => tokio::time::sleep(pause).await,
        _ => {}
    }
    // A server ends what it began, whether or not somebody waits for it.
    let service = service.clone();
    let request = request.map(s3s::Body::from);
    let answer = tokio::spawn(async move { service.call(request).await }).await?;
    if let Fate::Unanswered = fate {
        return Err("unanswered".into());
    }
    Ok(fate.spoil(answer?))
}

/// Says in the words of S3 what a request asks of Google's service; false if it carries no token that is known.
fn from_google(request: &mut Request<Incoming>) -> bool {
    let headers = request.headers_mut();
    let absent = headers.remove("x-goog-if-generation-match");
    if absent.is_some_and(|generation| generation == "0") {
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
    }
    let token = headers.remove(AUTHORIZATION);
    token.is_some_and(|token| token == format!("Bearer {TOKEN}"))
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<(String, u64)>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), &format!("{name}/"), found);
        } else {
            found.push((name, entry.metadata().unwrap().len()));
        }
    }
}

/// Azurite, which is Microsoft's emulator of Azure Blob Storage.
pub(crate) struct Azurite {
    process: Child,
    node: PathBuf,
    /// Where its only account is found, as `http://host:port/account`.
    pub(crate) endpoint: String,
}

impl Azurite {
    /// The only account.
    pub(crate) const ACCOUNT: &str = "tests";
    /// Its key: the Base64 of some bytes.
    pub(crate) const KEY: &str = "bm90LW11Y2gtb2YtYS1zZWNyZXQ=";

    /// Starts it; none where it is not installed, which is said.
    pub(crate) fn start() -> Option<Self> {
        let path = |name| std::env::var_os(name).map(PathBuf::from);
        let (Some(node), Some(main)) = (path("SLUICE_TEST_NODE"), path("SLUICE_TEST_AZURITE"))
        else {
            eprintln!(
                "*** SKIPPED: Azure, for want of Azurite; `cargo xtask test` installs it ***"
            );
            return None;
        };
        let mut process = Command::new(&node)
            .arg(main)
            .args(["--blobHost", "127.0.0.1", "--blobPort", "0", "--silent"])
            .args([
                "--inMemoryPersistence",
                "--skipApiVersionCheck",
                "--disableTelemetry",
            ])
            .env(
                "AZURITE_ACCOUNTS",
                format!("{}:{}", Self::ACCOUNT, Self::KEY),
            )
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, address) = line.split_once("successfully listens on ")?;
            Some(address.trim().to_owned())
        });
        // A pipe that nobody reads would stop it.
        thread::spawn(move || lines.for_each(drop));
        Some(Self {
            process,
            node,
            endpoint: format!("{}/{}", address.unwrap(), Self::ACCOUNT),
        })
    }

    /// Makes an empty container.
    pub(crate) fn make(&self, container: &str) {
        self.ask("PUT", &format!("/{container}?restype=container"), "");
    }

    /// Makes one blob.
    pub(crate) fn put(&self, container: &str, key: &str, content: &str) {
        self.ask("PUT", &format!("/{container}/{key}"), content);
    }

    /// The names of all blobs of a container, in order.
    pub(crate) fn names(&self, container: &str) -> Vec<String> {
        let listing = self.ask(
            "GET",
            &format!("/{container}?restype=container&comp=list"),
            "",
        );
        let names = listing.split("<Name>").skip(1);
        names
            .map(|rest| rest.split('<').next().unwrap().to_owned())
            .collect()
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let script = root().join("tests/tests/e2e/azure.mjs");
        let asked = Command::new(&self.node)
            .arg(script)
            .args([&self.endpoint, Self::KEY, method, path, body])
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&asked.stdout).into_owned();
        assert!(asked.status.success(), "{method} {path}: {told}");
        told
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        // It has nothing to keep.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
