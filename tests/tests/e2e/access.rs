//! Transforms that reach beyond their columns, in every language: objects, secrets and requests, each only as declared and allowed.
//!
//! What the guests do is written in `tests/conformance/README.md`.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::UInt64Type;

use crate::project::{Project, languages_required, root};
use crate::servers::{SECRET, Server};

/// Bytes of the object that is copied: more than one piece, and no multiple of one.
const COPIED_BYTES: usize = 200_001;

/// Objects that are listed: three pages.
const LISTED: usize = 2_500;

/// What must be found nowhere.
const CANARY: &str = "canary-6b1f/+=%20";

/// The guests of all languages that are built; those that are not are named.
fn guests() -> Vec<(&'static str, PathBuf)> {
    let tests = root().join("tests");
    let mut found = vec![("rust", tests.join("guests/access/access.wasm"))];
    for language in ["c", "go", "javascript", "python"] {
        let folder = tests.join("conformance").join(language).join("access");
        found.push((language, folder.join("access.wasm")));
    }
    found.retain(|(language, component)| {
        let there = component.is_file();
        assert!(
            there || !languages_required(),
            "`{}` is missing",
            component.display()
        );
        if !there {
            eprintln!("*** SKIPPED: no guest in {language}: run `cargo xtask sdks` ***");
        }
        there
    });
    found
}

/// What every guest imports, declared as little as can be.
const DECLARED: &str = "secrets = [\"token\"]\n[steps.objects.lookup]\nuri = \"lookup/\"\n[steps.objects.side]\nuri = \"side/\"\n\
     actions = [\"create\", \"head\"]\n[[steps.http]]\nurl = \"https://unused.invalid/*\"\n";

/// A project with a guest in one mode, and a secret.
fn project(component: &std::path::Path, params: &str, declared: &str) -> Project {
    let mut project = Project::new();
    project.write("rows.csv", "x\n1\n2\n3\n");
    std::fs::copy(component, project.path("access.wasm")).unwrap();
    project.set("API_TOKEN", CANARY);
    application(&project, params, declared, "");
    project
}

fn application(project: &Project, params: &str, declared: &str, more: &str) {
    let text = format!(
        "name = \"lab\"\n[secrets.token]\nenv = \"API_TOKEN\"\n[inputs.rows]\nuri = \"rows.csv\"\n[[steps]]\nname = \"reach\"\n\
         plugin = \"access.wasm\"\nparams = {{ {params} }}\n{declared}\n{more}\n[output]\nuri = \"out\"\n"
    );
    project.write("app.toml", text);
}

/// Runs a case for every language, and says for which it failed.
fn for_each(case: impl Fn(&std::path::Path)) {
    let mut failed = Vec::new();
    for (language, component) in guests() {
        let run = std::panic::AssertUnwindSafe(|| case(&component));
        if std::panic::catch_unwind(run).is_err() {
            failed.push(language);
        }
    }
    assert!(failed.is_empty(), "failed for {}", failed.join(", "));
}

fn rust() -> PathBuf {
    guests().swap_remove(0).1
}

/// Bytes that tell where they stand.
fn content() -> Vec<u8> {
    let byte = |at: usize| u8::try_from(at * 31 % 251).unwrap();
    (0..COPIED_BYTES).map(byte).collect()
}

const COPY: &str = "mode = \"object-copy\", source = \"lookup\", source_path = \"a/b.bin\", target = \"side\", target_path = \"c/d.bin\"";

#[test]
fn objects_are_read_and_written_in_pieces() {
    for_each(|component| {
        let project = project(component, COPY, DECLARED);
        project.write("lookup/a/b.bin", content());
        project.run(&[]);
        assert!(std::fs::read(project.path("side/c/d.bin")).unwrap() == content());
        // What is there is not written again without leave, and the run that wanted to leaves nothing.
        let ended = project.try_run(&["--json"]);
        assert_eq!(ended.code, Some(3), "{}", ended.err);
        std::fs::remove_dir_all(project.path("out")).unwrap();
        let ended = project.try_run(&[]);
        assert_eq!(ended.code, Some(5), "{}", ended.err);
        assert!(!project.path("out").exists());
    });
}

#[test]
fn objects_are_listed_through_every_page_in_their_order() {
    for_each(|component| {
        let project = project(
            component,
            "mode = \"object-list\", folder = \"lookup\"",
            DECLARED,
        );
        let mut expected = Vec::new();
        for at in 0..LISTED {
            let path = format!("{}/{at}.txt", at % 7);
            project.write(&format!("lookup/{path}"), "x".repeat(at % 5));
            expected.push((path, (at % 5) as u64));
        }
        expected.sort();
        project.run(&[]);
        let listed = project
            .batches("out")
            .iter()
            .flat_map(listed)
            .collect::<Vec<_>>();
        assert!(listed == expected, "{:?}", listed.get(..5));
    });
}

fn listed(batch: &RecordBatch) -> Vec<(String, u64)> {
    let paths = batch
        .column(0)
        .as_string_opt::<i32>()
        .map(|paths| paths.iter().map(|path| path.unwrap().to_owned()).collect());
    let paths: Vec<String> = paths.unwrap_or_else(|| {
        let paths = batch.column(0).as_string_view().iter();
        paths.map(|path| path.unwrap().to_owned()).collect()
    });
    let sizes = batch.column(1).as_primitive::<UInt64Type>().values();
    paths.into_iter().zip(sizes.iter().copied()).collect()
}

#[test]
fn each_error_is_a_value_that_a_transform_can_handle() {
    for_each(|component| {
        let project = project(
            component,
            "mode = \"object-errors\", folder = \"side\", path = \"there.txt\"",
            DECLARED,
        );
        project.write("lookup/x", "");
        project.write("side/there.txt", "");
        let ended = project.run(&[]);
        assert!(
            ended.err.contains("denied missing malformed exists"),
            "{}",
            ended.err
        );
        let read = std::fs::read(project.path("side/there.txt")).unwrap();
        assert!(read.is_empty());
    });
}

#[test]
fn a_secret_is_read_only_where_it_is_declared() {
    for_each(|component| {
        let mode = |name: &str| format!("mode = \"secret\", name = \"{name}\"");
        let project = project(component, &mode("token"), DECLARED);
        let ended = project.run(&[]);
        assert!(
            ended
                .err
                .contains(&format!("secret {} bytes", CANARY.len())),
            "{}",
            ended.err
        );
        application(&project, &mode("other"), DECLARED, "");
        std::fs::remove_dir_all(project.path("out")).unwrap();
        let ended = project.run(&[]);
        assert!(ended.err.contains("denied"), "{}", ended.err);
    });
}

/// A server that answers `200 hello`, or 404 below `/missing`, and keeps what it was asked.
struct Web {
    address: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Web {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&heads);
        std::thread::spawn(move || {
            for mut socket in listener.incoming().map_while(Result::ok) {
                let lines = BufReader::new(socket.try_clone().unwrap()).lines();
                let head = lines
                    .map_while(Result::ok)
                    .take_while(|line| !line.is_empty());
                let head = head.collect::<Vec<_>>().join("\n");
                let status = if head.contains(" /missing") {
                    "404 Not Found"
                } else {
                    "200 OK"
                };
                kept.lock().unwrap().push(head);
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello"
                );
                // A client that goes away is no concern of the server.
                let _ = socket.write_all(answer.as_bytes());
            }
        });
        Self { address, heads }
    }

    fn declared(&self) -> String {
        let rule = format!(
            "url = \"http://{}/*\"\naddresses = [\"127.0.0.1/32\"]\nheaders = {{ authorization = {{ secret = \"token\", prefix = \"Bearer \" }} }}",
            self.address
        );
        DECLARED.replace("url = \"https://unused.invalid/*\"", &rule)
    }
}

#[test]
fn requests_go_where_the_step_declares_with_a_secret_that_no_transform_sees() {
    let web = Web::start();
    for_each(|component| {
        let mode = |path: &str| format!("mode = \"http\", url = \"http://{path}\"");
        let declared = web.declared();
        let project = project(component, "", &declared);
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        for (url, told) in [
            (format!("{}/v1/a?b=c", web.address), "200 5"),
            (format!("{}/missing", web.address), "404 5"),
            (format!("{}/x", other.local_addr().unwrap()), "denied"),
        ] {
            application(&project, &mode(&url), &declared, "");
            let ended = project.run(&[]);
            assert!(ended.err.contains(told), "{url}: {}", ended.err);
            std::fs::remove_dir_all(project.path("out")).unwrap();
        }
    });
    let heads = web.heads.lock().unwrap();
    assert_eq!(heads.len(), 2 * guests().len());
    let bearer = format!("bearer {CANARY}").to_lowercase();
    assert!(
        heads
            .iter()
            .all(|head| head.to_lowercase().contains(&bearer)),
        "{heads:?}"
    );
}

#[test]
fn folders_of_buckets_are_reached_the_same_way() {
    let server = Server::of_s3();
    let copied: String = "0123456789".repeat(20_000);
    server.put("landing", "lookup/a/b.bin", &copied);
    server.make("lake");
    let declared = DECLARED.replace("\"lookup/\"", "\"s3://landing/lookup/\"");
    let declared = declared.replace("\"side/\"", "\"s3://lake/side/\"");
    let mut project = project(&rust(), COPY, &declared);
    server.serves_s3(&mut project, SECRET);
    project.run(&[]);
    assert!(
        server
            .objects("lake")
            .contains(&("side/c/d.bin".to_owned(), 200_000))
    );
    let list = "mode = \"object-list\", folder = \"lookup\"";
    application(&project, list, &declared, "");
    std::fs::remove_dir_all(project.path("out")).unwrap();
    project.run(&[]);
    let listed: Vec<_> = project.batches("out").iter().flat_map(listed).collect();
    assert_eq!(listed, [("a/b.bin".to_owned(), 200_000)]);
}

#[test]
fn an_object_of_a_run_that_fails_never_appears() {
    let project = project(&rust(), COPY, DECLARED);
    project.write("lookup/a/b.bin", content());
    project.write("guest.wasm", crate::guests::component(crate::guests::TRAP));
    let trap = "[[steps]]\nname = \"trap\"\nplugin = \"guest.wasm\"\n";
    application(&project, COPY, DECLARED, trap);
    let ended = project.try_run(&[]);
    assert_eq!(ended.code, Some(6), "{}", ended.err);
    let names = project.names();
    assert!(
        !names
            .iter()
            .any(|name| name.starts_with("side") || name.starts_with("out")),
        "{names:?}"
    );
}

#[test]
fn what_a_transform_begins_and_does_not_finish_is_given_up() {
    let server = Server::of_s3();
    server.make("lake");
    let declared = DECLARED.replace("\"side/\"", "\"s3://lake/side/\"");
    let begin = "mode = \"object-errors\", folder = \"side\", path = \"begun.txt\"";
    let mut project = project(&rust(), begin, &declared);
    server.serves_s3(&mut project, SECRET);
    project.write("lookup/x", "");
    // Once in a run that succeeds, once in one that fails after `bind` and before its first row.
    let ended = project.run(&[]);
    assert!(ended.err.contains("malformed none"), "{}", ended.err);
    assert_eq!(server.uploads(), 0);
    let ended = project.try_run(&[]);
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    assert!(ended.err.contains("malformed none"), "{}", ended.err);
    assert_eq!(server.uploads(), 0);
    assert!(server.objects("lake").is_empty());
}

#[test]
fn a_path_that_hides_where_it_leads_is_refused_before_any_store_is_asked() {
    let server = Server::of_s3();
    server.put("landing", "lookup/x", "");
    server.put("landing", "beside", CANARY);
    let mut project = project(&rust(), "", DECLARED);
    server.serves_s3(&mut project, SECRET);
    project.write("lookup/x", "");
    project.write("beside", CANARY);
    let remote = DECLARED.replace("\"lookup/\"", "\"s3://landing/lookup/\"");
    let long = "x".repeat(1_025);
    let paths = [
        "../beside",
        "x/../../beside",
        "./x",
        "x//y",
        "/x",
        "",
        "%2e%2e/beside",
        "..%2fbeside",
        "%252e%252e/x",
        "..\\\\beside",
        "x\\u0000y",
        "x\\ny",
        "x\\u202ey",
        "x\\u200by",
        &long,
    ];
    for declared in [DECLARED, &remote] {
        for path in paths {
            application(&project, &COPY.replace("a/b.bin", path), declared, "");
            let ended = project.try_run(&[]);
            assert_eq!(ended.code, Some(5), "{path}: {}", ended.err);
            assert!(!ended.err.contains(CANARY), "{path}: {}", ended.err);
            assert!(!project.path("side").exists(), "{path}");
        }
    }
}

#[test]
fn a_link_out_of_the_folder_leads_nowhere() {
    let project = project(&rust(), COPY, DECLARED);
    project.write("secret.txt", CANARY);
    project.write("lookup/a/x", "");
    symlink(project.path("secret.txt"), project.path("lookup/a/b.bin")).unwrap();
    let ended = project.try_run(&[]);
    assert_eq!(ended.code, Some(5), "{}", ended.err);
    assert!(!project.path("side").exists());
}

#[test]
fn what_a_transform_was_denied_is_told_in_full_when_the_run_fails() {
    let project = project(&rust(), COPY, DECLARED);
    project.write("lookup/a/b.bin", content());
    let everything = "[[statement]]\nsid = \"all\"\neffect = \"allow\"\nprincipal = \"any-run\"\naction = \"*\"\nresource = \"*\"\n";
    let lookup = project.path("lookup");
    let deny = format!(
        "[[statement]]\nsid = \"no-lookup\"\neffect = \"deny\"\nprincipal = \"application:lab\"\naction = \"object:get\"\nresource = \"file://{}/*\"\n",
        lookup.display()
    );
    project.write("policy.toml", format!("{everything}{deny}"));
    insta::assert_snapshot!(
        "a_denied_object",
        project.refusal(&["--policy", "policy.toml"])
    );
    // Without a statement that denies, others that allow too little.
    let narrow = format!(
        "[[statement]]\nsid = \"most\"\neffect = \"allow\"\nprincipal = \"any-run\"\n\
         action = [\"object:list\", \"object:head\", \"object:create\"]\nresource = \"*\"\n\
         [[statement]]\nsid = \"own\"\neffect = \"allow\"\nprincipal = \"any-run\"\naction = \"object:get\"\n\
         resource = [\"file://{0}/access.wasm\", \"file://{0}/rows.csv\"]\n",
        project.path("").display().to_string().trim_end_matches('/')
    );
    project.write("policy.toml", narrow);
    insta::assert_snapshot!(
        "an_object_that_nothing_allows",
        project.refusal(&["--policy", "policy.toml"])
    );
}

#[test]
fn what_a_component_imports_and_its_step_does_not_declare_stops_the_run_before_it_starts() {
    let project = project(&rust(), "mode = \"secret\", name = \"token\"", "");
    insta::assert_snapshot!("undeclared_imports", project.refusal(&[]));
}

#[test]
fn secrets_come_from_files_that_are_private_and_from_programs() {
    let project = project(&rust(), "mode = \"secret\", name = \"token\"", DECLARED);
    let from = |source: &str| {
        let text = std::fs::read_to_string(project.path("app.toml")).unwrap();
        let (before, rest) = text.split_once("[secrets.token]\n").unwrap();
        let (_, after) = rest.split_once('\n').unwrap();
        project.write(
            "app.toml",
            format!("{before}[secrets.token]\n{source}\n{after}"),
        );
    };
    let mode = |mode: u32| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(project.path("token"), permissions).unwrap();
    };
    project.write("token", format!("{CANARY}\n"));
    from("file = \"token\"");
    for open in [0o644, 0o640, 0o604] {
        mode(open);
        let ended = project.try_run(&[]);
        assert_eq!(ended.code, Some(3), "{}", ended.err);
        assert!(
            ended.err.contains("chmod 600") && !ended.err.contains(CANARY),
            "{}",
            ended.err
        );
    }
    mode(0o600);
    let told = format!("secret {} bytes", CANARY.len());
    let ended = project.run(&[]);
    assert!(ended.err.contains(&told), "{}", ended.err);
    std::fs::remove_dir_all(project.path("out")).unwrap();
    // No shell reads the words.
    from(&format!("command = [\"printf\", \"%s\", \"{CANARY}\"]"));
    let ended = project.run(&[]);
    assert!(ended.err.contains(&told), "{}", ended.err);
    std::fs::remove_dir_all(project.path("out")).unwrap();
    for (source, code) in [
        ("command = [\"false\"]", 9),
        ("command = [\"no-such-program\"]", 9),
        ("env = \"NO_SUCH_VARIABLE\"", 3),
        ("file = \"absent\"", 3),
        ("file = \"token/\"", 3),
    ] {
        from(source);
        let ended = project.try_run(&[]);
        assert_eq!(ended.code, Some(code), "{source}: {}", ended.err);
        assert!(!project.path("out").exists(), "{source}");
    }
}
