//! Input from and output to S3, through a server that speaks its protocol and checks signatures.

use crate::project::{Project, SALES};
use crate::servers::{SECRET, Server};

/// The lab between the server's buckets.
fn lab(server: &Server, secret: &str) -> Project {
    server.put("landing", "sales/2024/sales.csv", SALES);
    server.make("lake");
    let mut project = Project::lab();
    server.serves_s3(&mut project, secret);
    project.application(
        "uri = \"s3://landing/sales/\"\nformat = \"csv\"",
        "",
        "uri = \"s3://lake/out\"",
    );
    project
}

#[test]
fn the_lab_runs_from_bucket_to_bucket() {
    let server = Server::of_s3();
    let project = lab(&server, SECRET);
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
    let server = Server::of_s3();
    let project = lab(&server, SECRET);
    project.run(&[]);
    let before = server.objects("lake");
    project.refusal(&[]);
    assert_eq!(server.objects("lake"), before);
}

#[test]
fn a_wrong_secret_is_a_storage_error_that_does_not_show_it() {
    let server = Server::of_s3();
    let project = lab(&server, "guessed-secret");
    let ended = project.try_run(&[]);
    assert_eq!(ended.code, Some(9), "{}", ended.err);
    assert!(!ended.err.contains("guessed-secret"), "{}", ended.err);
    assert!(server.objects("lake").is_empty());
}

#[test]
fn a_transform_that_traps_leaves_no_object() {
    let server = Server::of_s3();
    let project = lab(&server, SECRET);
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
