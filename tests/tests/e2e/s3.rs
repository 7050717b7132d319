//! Input from and output to S3, through a server that speaks its protocol and checks signatures.

use std::path::Path;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::project::{Project, SALES};

const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "not-much-of-a-secret";

/// A server of the buckets in a temporary folder, for as long as it lives.
struct Server {
    folder: TempDir,
    address: String,
    _runtime: Runtime,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = s3s_fs::FileSystem::new(folder.path()).unwrap();
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = builder.build();
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let connection =
                        http1::Builder::new().serve_connection(TokioIo::new(socket), service);
                    // A client that goes away is no concern of the server.
                    let _ = connection.await;
                });
            }
        });
        Self {
            folder,
            address,
            _runtime: runtime,
        }
    }

    /// Makes a bucket with one object.
    fn put(&self, bucket: &str, key: &str, content: &str) {
        let path = self.folder.path().join(bucket).join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// The lab between this server's buckets.
    fn lab(&self, secret: &str) -> Project {
        self.put("landing", "sales/2024/sales.csv", SALES);
        std::fs::create_dir_all(self.folder.path().join("lake")).unwrap();
        let mut project = Project::lab();
        project.set("AWS_ENDPOINT_URL", &self.address);
        project.set("AWS_ACCESS_KEY_ID", KEY);
        project.set("AWS_SECRET_ACCESS_KEY", secret);
        project.set("AWS_REGION", "us-east-1");
        project.application(
            "uri = \"s3://landing/sales/\"\nformat = \"csv\"",
            "",
            "uri = \"s3://lake/out\"",
        );
        project
    }

    /// Every object of a bucket, as path and size.
    fn objects(&self, bucket: &str) -> Vec<(String, u64)> {
        let mut found = Vec::new();
        walk(&self.folder.path().join(bucket), "", &mut found);
        found.sort();
        found
    }
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

#[test]
fn the_lab_runs_from_bucket_to_bucket() {
    let server = Server::start();
    let project = server.lab(SECRET);
    project.run(&[]);
    let objects = server.objects("lake");
    let parquet = |(name, size): &&(String, u64)| {
        name.starts_with("out/") && name.ends_with(".parquet") && *size > 0
    };
    assert_eq!(objects.iter().filter(parquet).count(), 1, "{objects:?}");
    let head = project.sluice(&["head", "s3://lake/out/", "--json"]);
    assert_eq!(head.code, Some(0), "{}", head.err);
    assert_eq!(head.out.lines().count(), 4, "{}", head.out);
    assert!(
        !head.out.contains("1004") && head.out.contains("medium"),
        "{}",
        head.out
    );
}

#[test]
fn a_second_run_into_the_same_prefix_is_refused() {
    let server = Server::start();
    let project = server.lab(SECRET);
    project.run(&[]);
    let before = server.objects("lake");
    project.refusal(&[]);
    assert_eq!(server.objects("lake"), before);
}

#[test]
fn a_wrong_secret_is_a_storage_error_that_does_not_show_it() {
    let server = Server::start();
    let project = server.lab("guessed-secret");
    let ended = project.try_run(&[]);
    assert_eq!(ended.code, Some(9), "{}", ended.err);
    assert!(!ended.err.contains("guessed-secret"), "{}", ended.err);
    assert!(server.objects("lake").is_empty());
}

#[test]
fn a_transform_that_traps_leaves_no_object() {
    let server = Server::start();
    let project = server.lab(SECRET);
    project.write("guest.wasm", crate::guests::component(crate::guests::TRAP));
    project.application(
        "uri = \"s3://landing/sales/sales.csv\"",
        "plugin = \"guest.wasm\"",
        "uri = \"s3://lake/out\"",
    );
    server.put("landing", "sales/sales.csv", SALES);
    let ended = project.try_run(&[]);
    assert_eq!(ended.code, Some(6), "{}", ended.err);
    let left: Vec<_> = server
        .objects("lake")
        .into_iter()
        .filter(|(name, _)| name.starts_with("out/"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
