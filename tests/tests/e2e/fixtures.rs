//! Fixtures of plugins that reach beyond their columns: what they declare, what they find there, and who answers.

use serde_json::Value;

use crate::project::{Project, root};

const DECLARED: &str = "[secrets]\ntoken = \"made-up-token\"\n[step]\nsecrets = [\"token\"]\n[step.objects.lookup]\n\
    [step.objects.side]\nactions = [\"create\"]\n[[step.http]]\nurl = \"https://api.example.com/v1/*\"\n\
    methods = [\"GET\", \"POST\"]\nheaders = { authorization = { secret = \"token\" } }\n";

/// A project with the guest that reaches for all that there is, in one mode; its rows pass.
fn reaching(params: &str) -> Project {
    let project = Project::new();
    project.write(
        "plugin.toml",
        "name = \"reach\"\nversion = \"1.2.3\"\nlanguage = \"c\"\n",
    );
    let built = root().join("tests/guests/access/access.wasm");
    project.write("reach.wasm", std::fs::read(built).unwrap());
    project.write("fixtures/one/input.csv", "x\n1\n");
    project.write("fixtures/one/params.json", params);
    project.write("fixtures/one/access.toml", DECLARED);
    project.write("fixtures/one/expected.ndjson", "{\"x\":1}\n");
    project
}

const COPY: &str = r#"{"mode": "object-copy", "source": "lookup", "source_path": "a.txt", "target": "side", "target_path": "b/c.txt"}"#;

fn copying() -> Project {
    let project = reaching(COPY);
    project.write("fixtures/one/objects/lookup/a.txt", "first\nsecond\n");
    project
}

/// What a test of the plugin prints, without times.
fn tested(project: &Project, arguments: &[&str]) -> String {
    let ended = project.sluice(&[&["plugin", "test"], arguments].concat());
    let times = regex::Regex::new(r"\(\d+ ms\)").unwrap();
    let out = times.replace_all(&ended.out, "([TIME])").into_owned();
    let folder = project.path("").canonicalize().unwrap();
    let out = out.replace(folder.to_str().unwrap(), "[PROJECT]");
    format!("{out}{}", project.told(&ended))
}

fn passes(project: &Project) {
    let told = tested(project, &[]);
    assert!(told.starts_with("passed  one"), "{told}");
}

#[test]
fn objects_that_a_fixture_expects_are_compared_with_what_is_there() {
    let project = copying();
    insta::assert_snapshot!("an_object_that_nobody_expected", tested(&project, &[]));
    assert!(tested(&project, &["--update"]).starts_with("updated one"));
    let written = project.path("fixtures/one/expected-objects/side/b/c.txt");
    assert_eq!(
        std::fs::read_to_string(&written).unwrap(),
        "first\nsecond\n"
    );
    // The folder that did not change is not written down, and the fixture's own objects are as they were.
    assert!(
        !project
            .path("fixtures/one/expected-objects/lookup")
            .exists()
    );
    assert!(!project.path("fixtures/one/objects/side").exists());
    passes(&project);
    std::fs::write(&written, "first\nthird\n").unwrap();
    project.write("fixtures/one/expected-objects/side/d.txt", "");
    insta::assert_snapshot!("objects_that_differ", tested(&project, &[]));
    assert!(tested(&project, &["--update"]).starts_with("updated one"));
    assert!(
        !project
            .path("fixtures/one/expected-objects/side/d.txt")
            .exists()
    );
    passes(&project);
}

#[test]
fn a_fixture_grants_what_it_declares_and_no_more() {
    let project = copying();
    let reading = DECLARED.replace("\"create\"", "\"head\"");
    project.write("fixtures/one/access.toml", &reading);
    insta::assert_snapshot!("an_action_that_is_not_declared", tested(&project, &[]));
    // What is there needs another action.
    project.write("fixtures/one/access.toml", DECLARED);
    project.write("fixtures/one/objects/side/b/c.txt", "");
    let told = tested(&project, &[]);
    assert!(told.contains("there is one already"), "{told}");
    std::fs::remove_file(project.path("fixtures/one/access.toml")).unwrap();
    std::fs::remove_dir_all(project.path("fixtures/one/objects")).unwrap();
    insta::assert_snapshot!("nothing_is_declared", tested(&project, &[]));
}

#[test]
fn secrets_of_a_fixture_are_made_up_there() {
    let project = reaching(r#"{"mode": "secret", "name": "token"}"#);
    passes(&project);
    // What a transform says is shown where its fixture fails.
    project.write("fixtures/one/expected.ndjson", "");
    let told = tested(&project, &[]);
    assert!(told.contains("info: secret 13 bytes"), "{told}");
    project.write(
        "fixtures/one/access.toml",
        DECLARED
            .replace("secrets = [\"token\"]", "secrets = [\"other\"]\n")
            .replace("[step]", "other = \"x\"\n[step]"),
    );
    let told = tested(&project, &[]);
    assert!(told.contains("info: denied"), "{told}");
}

const ASKING: &str = r#"{"mode": "http", "url": "https://api.example.com/v1/7?full=yes", "method": "POST", "body": "hello"}"#;

#[test]
fn requests_are_answered_by_the_fixture() {
    let project = reaching(ASKING);
    let answers = |text: &str| {
        project.write(
            "fixtures/one/access.toml",
            format!("{DECLARED}[[answers]]\n{text}"),
        );
        tested(&project, &[])
    };
    let fitting = "method = \"POST\"\nurl = \"https://api.example.com/v1/7?full=yes\"\nrequest_body = \"hello\"\n\
        request_headers = { authorization = \"made-up-token\" }\nstatus = 201\nbody = \"four\"\n";
    let told = answers(fitting);
    assert!(told.starts_with("passed  one"), "{told}");
    project.write("fixtures/one/expected.ndjson", "");
    let told = answers(fitting);
    assert!(told.contains("info: 201 4"), "{told}");
    project.write("fixtures/one/expected.ndjson", "{\"x\":1}\n");
    insta::assert_snapshot!(
        "no_answer",
        answers("url = \"https://api.example.com/v1/7\"\n")
    );
    insta::assert_snapshot!("another_body", answers(&fitting.replace("hello", "hallo")));
    insta::assert_snapshot!(
        "another_header",
        answers(&fitting.replace("made-up", "real"))
    );
    insta::assert_snapshot!(
        "too_few_requests",
        answers(&format!("{fitting}times = 2\n"))
    );
    // There is no answer to write down for.
    let told = tested(&project, &["--update"]);
    assert!(told.starts_with("failed  one"), "{told}");
}

#[test]
fn rules_hold_before_anything_is_answered() {
    let project = reaching(&ASKING.replace("/v1/", "/v2/"));
    let answer = "[[answers]]\nmethod = \"POST\"\nurl = \"https://api.example.com/v2/7?full=yes\"\ntimes = 1\n";
    project.write("fixtures/one/access.toml", format!("{DECLARED}{answer}"));
    insta::assert_snapshot!("a_request_that_is_not_declared", tested(&project, &[]));
}

#[test]
fn what_is_wrong_with_a_fixture_is_told_with_file_and_line() {
    let project = copying();
    project.write(
        "fixtures/one/access.toml",
        "[step.objects.lookup]\nuri = \"lookup/\"\n[step.objects.side]\nactions = [\"crate\"]\n[[answer]]\nurl = \"/v1\"\n",
    );
    insta::assert_snapshot!("a_wrong_access_file", tested(&project, &[]));
    let project = copying();
    project.write("fixtures/one/objects/lokup/a.txt", "");
    insta::assert_snapshot!("a_folder_that_is_not_declared", tested(&project, &[]));
    let project = copying();
    project.write("fixtures/one/expected-objects/a.txt", "");
    insta::assert_snapshot!("an_object_outside_of_folders", tested(&project, &[]));
    let project = copying();
    std::fs::remove_file(project.path("fixtures/one/expected.ndjson")).unwrap();
    project.write("fixtures/one/expected-error.txt", "x");
    project.write("fixtures/one/expected-objects/side/a.txt", "");
    insta::assert_snapshot!("objects_and_an_error", tested(&project, &[]));
}

/// A project with a plugin of this checkout and its fixtures.
fn shipped(name: &str) -> Project {
    let project = Project::new();
    project.write(
        "plugin.toml",
        format!("name = \"{name}\"\nversion = \"1.2.3\"\nlanguage = \"c\"\n"),
    );
    project.plugin(name);
    let folder = root().join("plugins").join(name).join("fixtures");
    copy(&project, &folder, "fixtures");
    project
}

fn copy(project: &Project, folder: &std::path::Path, to: &str) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let to = format!("{to}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            copy(project, &entry.path(), &to);
        } else {
            project.write(&to, std::fs::read(entry.path()).unwrap());
        }
    }
}

#[test]
fn plugins_pass_their_own_fixtures() {
    let plugins = std::fs::read_dir(root().join("plugins")).unwrap();
    let mut tested = Vec::new();
    for plugin in plugins.map(Result::unwrap) {
        if plugin.path().join("fixtures").is_dir() {
            let name = plugin.file_name().into_string().unwrap();
            let ended = shipped(&name).sluice(&["plugin", "test"]);
            assert_eq!(ended.code, Some(0), "{name}: {}{}", ended.out, ended.err);
            tested.push(name);
        }
    }
    tested.sort();
    assert_eq!(tested, ["fetch-enrich", "manifest"]);
}

#[test]
fn a_bench_reaches_what_its_fixture_declares() {
    let bench = [
        "plugin",
        "bench",
        "--seconds",
        "0.05",
        "--rows",
        "100",
        "--json",
    ];
    for name in ["fetch-enrich", "manifest"] {
        let ended = shipped(name).sluice(&bench);
        assert_eq!(ended.code, Some(0), "{name}: {}", ended.err);
        let figures: Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!(figures["contenders"].as_array().unwrap().len(), 2);
    }
    // As a test says what to add, so does a bench.
    let project = shipped("fetch-enrich");
    let access = std::fs::read_to_string(project.path("fixtures/customers/access.toml")).unwrap();
    project.write(
        "fixtures/customers/access.toml",
        access.replace("customers/9", "customers/8"),
    );
    let ended = project.sluice(&["plugin", "bench", "--seconds", "0.05"]);
    insta::assert_snapshot!("a_bench_without_an_answer", project.told(&ended));
}
