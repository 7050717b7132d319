//! Input from and output to the stores of Google, Azure and Oracle, through servers that speak their protocols and check who
//! asks.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use crate::http::Server as HttpServer;
use crate::project::{Project, SALES};
use crate::servers::{Azurite, KEY, SECRET, Server, TOKEN};

/// The lab from one URI to another, with the variables that its stores need.
fn lab(input: &str, output: &str, variables: &[(&str, &str)]) -> Project {
    let mut project = Project::lab();
    for (name, value) in variables {
        project.set(name, value);
    }
    project.application(
        &format!("uri = \"{input}\"\nformat = \"csv\""),
        "",
        &format!("uri = \"{output}\""),
    );
    project
}

/// Runs the lab once, reads its output back, and lets a second run be refused.
fn check(project: &Project, output: &str, names: impl Fn() -> Vec<String>) {
    project.run(&[]);
    let after = names();
    let [success, part] = after.as_slice() else {
        panic!("{after:?}")
    };
    assert_eq!(success, "out/_SUCCESS");
    assert!(part.starts_with("out/part-") && part.ends_with(".parquet"));
    let head = project.sluice(&["head", output, "--json"]);
    assert_eq!(head.code, Some(0), "{}", head.err);
    assert_eq!(head.out.lines().count(), 4, "{}", head.out);
    let told = project.refusal(&[]);
    assert!(told.contains("exists already: it holds `part"), "{told}");
    assert_eq!(names(), after);
}

/// What a run is told that the store does not admit; not how it introduced itself.
fn refused(project: &Project, secret: &str) -> String {
    let ended = project.try_run(&[]);
    assert_eq!(ended.code, Some(9), "{}", ended.err);
    assert!(!ended.err.contains(secret), "{}", ended.err);
    project.told(&ended)
}

/// Whether a name is that of the output, and not of its log.
fn is_output(name: &str) -> bool {
    name.starts_with("out/") && !name.starts_with("out/_sluice/")
}

/// The names of an output in a container.
fn outputs(server: &Azurite) -> Vec<String> {
    let mut names = server.names("lake");
    names.retain(|name| is_output(name));
    names
}

/// A bucket with the lab's input at `sales/2024/sales.csv`, and an empty one for its output.
fn filled(server: &Server) -> impl Fn() -> Vec<String> {
    server.put("landing", "sales/2024/sales.csv", SALES);
    server.make("lake");
    || {
        let objects = server.objects("lake").into_iter();
        let names = objects.map(|(name, _)| name);
        names.filter(|name| is_output(name)).collect()
    }
}

/// What runs from inputs that are not there are told.
fn missing(inputs: &[&str], output: &str, variables: &[(&str, &str)]) -> String {
    let told = inputs.iter().map(|input| {
        let project = lab(input, output, variables);
        format!("{input}\n{}\n", project.refusal(&[]))
    });
    told.collect()
}

#[test]
fn the_lab_runs_between_buckets_of_google() {
    let server = Server::of_google();
    let names = filled(&server);
    let variables = [
        ("GOOGLE_ENDPOINT_URL", server.address.as_str()),
        ("GOOGLE_OAUTH_ACCESS_TOKEN", TOKEN),
    ];
    let project = lab("gs://landing/sales/", "gs://lake/out", &variables);
    check(&project, "gs://lake/out/", names);
    let wrong = ["gs://nowhere/sales.csv", "gs://landing/sales/2024/sale.csv"];
    let told = missing(&wrong, "gs://lake/new", &variables);
    let guessed = [
        variables[0],
        ("GOOGLE_OAUTH_ACCESS_TOKEN", "guessed-secret"),
    ];
    let project = lab("gs://landing/sales/", "gs://lake/new", &guessed);
    insta::assert_snapshot!(told + &refused(&project, "guessed-secret"));
}

#[test]
fn the_lab_runs_between_buckets_of_oracle() {
    let server = Server::of_s3();
    let names = filled(&server);
    let variables = [
        ("OCI_ENDPOINT_URL", server.address.as_str()),
        ("OCI_REGION", "eu-frankfurt-1"),
        ("OCI_ACCESS_KEY_ID", KEY),
        ("OCI_SECRET_ACCESS_KEY", SECRET),
    ];
    let project = lab(
        "oci://landing@tenancy/sales/",
        "oci://lake@tenancy/out",
        &variables,
    );
    check(&project, "oci://lake@tenancy/out/", names);
    let wrong = [
        "oci://nowhere@tenancy/sales.csv",
        "oci://landing@tenancy/sales/2024/sale.csv",
    ];
    let told = missing(&wrong, "oci://lake@tenancy/new", &variables);
    let mut guessed = variables;
    guessed[3].1 = "guessed-secret";
    let project = lab(
        "oci://landing@tenancy/sales/",
        "oci://lake@tenancy/new",
        &guessed,
    );
    insta::assert_snapshot!(told + &refused(&project, "guessed-secret"));
}

#[test]
fn the_lab_runs_between_containers_of_azure() {
    let Some(server) = Azurite::start() else {
        return;
    };
    server.make("landing");
    server.make("lake");
    server.put("landing", "sales/2024/sales.csv", SALES);
    let variables = [
        ("AZURE_ENDPOINT_URL", server.endpoint.as_str()),
        ("AZURE_STORAGE_ACCOUNT", Azurite::ACCOUNT),
        ("AZURE_STORAGE_KEY", Azurite::KEY),
    ];
    let whole = format!(
        "abfss://landing@{}.dfs.core.windows.net/sales/",
        Azurite::ACCOUNT
    );
    let project = lab(&whole, "az://lake/out", &variables);
    check(&project, "az://lake/out/", || outputs(&server));
    let wrong = ["az://nowhere/sales.csv", "az://landing/sales/2024/sale.csv"];
    let told = missing(&wrong, "az://lake/new", &variables);

    let mut guessed = variables;
    guessed[2].1 = "Z3Vlc3NlZC1zZWNyZXQ=";
    let project = lab("az://landing/sales/", "az://lake/new", &guessed);
    let told = told + &refused(&project, guessed[2].1);
    guessed[2] = (
        "AZURE_STORAGE_SAS_TOKEN",
        "sv=2021-12-02&ss=b&srt=sco&sp=rwl&se=2099-01-01T00%3A00%3A00Z&sig=Z3Vlc3NlZA%3D%3D",
    );
    let project = lab("az://landing/sales/", "az://lake/new", &guessed);
    insta::assert_snapshot!(told + "\n" + &refused(&project, "Z3Vlc3NlZA"));
}

#[test]
fn a_file_without_a_byte_is_written_everywhere() {
    let nothing = "params = { min_amount = 1e300 }\nplugin = \"sales-etl.wasm\"";
    let check = |project: &Project, input: &str, output: &str, names: &dyn Fn() -> Vec<String>| {
        project.application(
            &format!("uri = \"{input}\"\nformat = \"csv\""),
            nothing,
            &format!("uri = \"{output}\"\nformat = \"ndjson\""),
        );
        project.run(&[]);
        assert!(
            names().contains(&"out/_SUCCESS".to_owned()),
            "{:?}",
            names()
        );
    };
    if let Some(server) = Azurite::start() {
        server.make("lake");
        server.put("lake", "sales.csv", SALES);
        let variables = [
            ("AZURE_ENDPOINT_URL", server.endpoint.as_str()),
            ("AZURE_STORAGE_ACCOUNT", Azurite::ACCOUNT),
            ("AZURE_STORAGE_KEY", Azurite::KEY),
        ];
        let project = lab("az://lake/sales.csv", "az://lake/out", &variables);
        check(&project, "az://lake/sales.csv", "az://lake/out", &|| {
            outputs(&server)
        });
    }
    let server = Server::of_google();
    let names = filled(&server);
    let variables = [
        ("GOOGLE_ENDPOINT_URL", server.address.as_str()),
        ("GOOGLE_OAUTH_ACCESS_TOKEN", TOKEN),
    ];
    let project = lab("gs://landing/sales/", "gs://lake/out", &variables);
    check(&project, "gs://landing/sales/", "gs://lake/out", &names);
}

/// The key of a service account of no cloud.
const GOOGLE_KEY: &str = include_str!("google-key.pem");

/// What that account signs begins with this: `{"iss":"etl@lab.iam.gserviceaccount.com`, as Base64.
const GOOGLE_CLAIMS: &str = "eyJpc3MiOiJldGxAbGFiLmlhbS5nc2VydmljZWFjY291bnQuY29t";

#[test]
fn the_file_of_a_key_of_google_is_used_and_nobody_is_asked_for_a_token() {
    let no =
        |_: &str, _: u16| Some("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n".to_owned());
    let (bucket, tokens) = (HttpServer::here(no), HttpServer::here(no));
    let endpoint = format!("http://127.0.0.1:{}", bucket.port);
    let mut project = Project::new();
    let key = serde_json::json!({
        "type": "service_account",
        "private_key": GOOGLE_KEY,
        "private_key_id": "1",
        "client_email": "etl@lab.iam.gserviceaccount.com",
        "token_uri": format!("http://127.0.0.1:{}/token", tokens.port),
    });
    project.write("key.json", key.to_string());
    let path = project.path("key.json");
    project.set("GOOGLE_ENDPOINT_URL", &endpoint);
    project.set("GOOGLE_APPLICATION_CREDENTIALS", &path.to_string_lossy());
    let allow = |mode| std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    let head = || project.told(&project.sluice(&["head", "gs://landing/a.csv"])) + "\n";
    allow(0o644);
    let mut told = head();
    allow(0o600);
    // The account signs for itself: Google takes that in place of a token.
    let refused = head();
    assert!(
        refused.contains("`GOOGLE_APPLICATION_CREDENTIALS`"),
        "{refused}"
    );
    let heads = bucket.heads();
    let bearer = heads[0]
        .lines()
        .find_map(|line| line.strip_prefix("authorization: Bearer "));
    let signed: Vec<&str> = bearer.unwrap().split('.').collect();
    assert!(
        signed.len() == 3 && signed[1].starts_with(GOOGLE_CLAIMS),
        "{signed:?}"
    );
    assert!(tokens.heads().is_empty());
    let seen = heads.len();
    for wrong in [
        "hunter2",
        r#"{"type": "authorized_user", "refresh_token": "hunter2"}"#,
    ] {
        project.write("key.json", wrong);
        told += &head();
    }
    std::fs::remove_file(&path).unwrap();
    told += &head();
    assert_eq!(bucket.heads().len(), seen);
    insta::assert_snapshot!(told);
}

/// Nothing of the machine's is used in their place: the home folder holds a key of Google's, and is not looked at.
#[test]
fn missing_credentials_are_named() {
    let told = [
        "gs://landing/a.csv",
        "az://landing/a.csv",
        "oci://landing@tenancy/a.csv",
    ]
    .map(|input| {
        let project = lab(input, "out", &[]);
        project.write(".config/gcloud/application_default_credentials.json", "{}");
        format!("{input}\n{}\n", project.refusal(&[]))
    });
    insta::assert_snapshot!(told.concat());
}
