//! Steps that send requests: to whom they get through, what they learn, and how they end.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::own_network::is_inside;
use crate::project::{Ended, Project, root};

/// What no artefact may show.
const CANARY: &str = "canary-7f3a9c";

/// The same as it is, in hexadecimal and in Base64.
const FORMS: [&str; 3] = [CANARY, "63616e6172792d376633613963", "Y2FuYXJ5LTdmM2E5Yw"];

/// A server that notes what it is sent.
pub(crate) struct Server {
    pub(crate) port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

/// How a server answers a path.
pub(crate) type Answer = fn(&str, u16) -> Option<String>;

/// Says hello to all.
#[expect(
    clippy::unnecessary_wraps,
    reason = "an answer of a server, which may be none"
)]
pub(crate) fn hello(_path: &str, _port: u16) -> Option<String> {
    Some("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_owned())
}

/// Says nothing.
pub(crate) fn nothing(_path: &str, _port: u16) -> Option<String> {
    None
}

impl Server {
    pub(crate) fn new(address: &str, answer: Answer) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&heads);
        // It ends with the process of the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let log = Arc::clone(&log);
                std::thread::spawn(move || serve(stream.unwrap(), &log, answer, port));
            }
        });
        Self { port, heads }
    }

    pub(crate) fn here(answer: Answer) -> Self {
        Self::new("127.0.0.1:0", answer)
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, log: &Mutex<Vec<String>>, answer: Answer, port: u16) {
    let Some(head) = read_until(&mut stream, b"\r\n\r\n") else {
        return;
    };
    let head = String::from_utf8_lossy(&head).into_owned();
    let is_chunked = head.contains("transfer-encoding: chunked\r\n");
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    log.lock().unwrap().push(head);
    // Its body, to the end.
    if is_chunked && read_until(&mut stream, b"\r\n0\r\n\r\n").is_none() {
        return;
    }
    match answer(&path, port) {
        Some(text) => {
            let _ = stream.write_all(text.as_bytes());
        }
        // Until the client goes away.
        None => while stream.read(&mut [0]).is_ok_and(|read| read > 0) {},
    }
}

/// What comes up to `end`; none where it does not come.
fn read_until(stream: &mut TcpStream, end: &[u8]) -> Option<Vec<u8>> {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(end) {
        match stream.read(&mut byte) {
            Ok(1) => bytes.push(byte[0]),
            _ => return None,
        }
    }
    Some(bytes)
}

/// A project with the guest that sends requests; where the target of WASI is missing its tests are skipped, loudly.
pub(crate) fn project(script: &str, step: &str) -> Option<Project> {
    let built = root().join("tests/guests/requests/requests.wasm");
    if !built.is_file() {
        let hint = "`cargo xtask guests` builds it where rustup has the target wasm32-wasip2";
        let required = std::env::var("SLUICE_TEST_PEERS").as_deref() == Ok("required");
        assert!(!required, "`{}` is missing\nhint: {hint}", built.display());
        eprintln!("SKIPPED: no `{}`; {hint}", built.display());
        return None;
    }
    let mut project = Project::new();
    project.set("API_TOKEN", CANARY);
    project.write("sales.csv", "id\na\n");
    std::fs::copy(built, project.path("requests.wasm")).unwrap();
    project.write(
        "app.toml",
        format!(
            "name = \"requests\"\n\n[inputs.sales]\nuri = \"sales.csv\"\n\n[secrets.token]\nenv = \"API_TOKEN\"\n\n\
             [[steps]]\nname = \"send\"\nplugin = \"requests.wasm\"\nparams = {{ script = [{script}] }}\n{step}\n\n\
             [output]\nuri = \"out\"\n"
        ),
    );
    Some(project)
}

/// A rule for a server on this machine.
pub(crate) fn rule(port: u16, path: &str, more: &str) -> String {
    format!(
        "[[steps.http]]\nurl = \"http://127.0.0.1:{port}{path}\"\nmethods = [\"GET\", \"POST\"]\n\
         addresses = [\"127.0.0.1/32\"]\n{more}\n"
    )
}

pub(crate) fn get(url: &str) -> String {
    format!("{{ send = {{ url = \"{url}\" }} }}, ")
}

/// What the guest printed.
pub(crate) fn printed(ended: &Ended) -> Vec<&str> {
    let lines = ended.err.lines();
    lines
        .filter_map(|line| line.strip_prefix("info send: "))
        .collect()
}

#[test]
fn a_step_reaches_what_it_declares_and_nothing_else() {
    let (server, other) = (Server::here(hello), Server::here(hello));
    let (port, stranger) = (server.port, other.port);
    let urls = [
        format!("http://127.0.0.1:{port}/a/b?c"),
        format!("http://127.0.0.1:{port}/b"),
        format!("http://127.0.0.1:{port}/a/../b"),
        format!("http://127.0.0.1:{stranger}/a/b"),
        format!("http://127.1:{port}/a/b"),
        format!("http://2130706433:{port}/a/b"),
        format!("http://localhost:{port}/a/b"),
        format!("http://x@127.0.0.1:{port}/a/b"),
        format!("https://127.0.0.1:{port}/a/b"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ];
    let script: String = urls.iter().map(|url| get(url)).collect();
    let Some(project) = project(&script, &rule(port, "/a/*", "")) else {
        return;
    };
    let ended = project.run(&[]);
    let said = printed(&ended);
    assert_eq!(said[0], format!("GET {}: 200, 5 bytes \"hello\"", urls[0]));
    for (url, line) in urls.iter().zip(&said).skip(1) {
        assert_eq!(*line, format!("GET {url}: ErrorCode::HttpRequestDenied"));
    }
    assert_eq!(
        (said.len(), server.heads().len(), other.heads().len()),
        (10, 1, 0)
    );
}

#[test]
fn every_denial_is_in_the_audit() {
    let server = Server::here(hello);
    let port = server.port;
    let bound = "headers = { x-api-key = { secret = \"token\" } }\n";
    let rules = rule(port, "/a/*", bound)
        + &format!("[[steps.http]]\nurl = \"http://127.0.0.1:{port}/plain\"\n");
    let urls = [
        (format!("http://127.0.0.1:{port}/a/b"), None),
        (
            format!("http://127.0.0.1:{port}/b"),
            Some("the step does not declare it"),
        ),
        (
            format!("http://127.0.0.1:{port}/plain"),
            Some("is at 127.0.0.1, which is special (this machine)"),
        ),
        (
            format!("http://127.1:{port}/a/b"),
            Some("a host or a port in an odd form"),
        ),
        (
            format!("http://127.0.0.1:{port}/a/../b"),
            Some("a path in an odd form"),
        ),
    ];
    let script: String = urls.iter().map(|(url, _)| get(url)).collect();
    let Some(project) = project(&script, &rules) else {
        return;
    };
    project.run(&["--audit", "audit.jsonl"]);
    assert_eq!(server.heads().len(), 1);
    let verified = project.sluice(&["audit", "verify", "audit.jsonl"]);
    assert_eq!(verified.code, Some(0), "{}", verified.err);
    let audit = std::fs::read_to_string(project.path("audit.jsonl")).unwrap();
    let requests: Vec<&str> = audit
        .lines()
        .filter(|line| line.contains("\"network:http\"") && line.contains("\"step\":\"send\""))
        .collect();
    assert_eq!(requests.len(), urls.len(), "{audit}");
    for (line, (url, why)) in requests.iter().zip(&urls) {
        let allowed = format!("\"allowed\":{}", why.is_none());
        let host = url.split('/').nth(2).unwrap();
        for part in [why.unwrap_or(""), &allowed, &format!("\"host:{host}\"")] {
            assert!(line.contains(part), "`{part}` is not in:\n{line}");
        }
    }
    // What was denied is no reason to allow it.
    let suggested = project.sluice(&["policy", "suggest", "--from-run", "audit.jsonl"]);
    assert_eq!(suggested.out.matches("network:http").count(), 1);
    assert!(!suggested.out.contains("/plain"), "{}", suggested.out);
}

#[test]
fn a_redirect_is_not_followed() {
    let secret = Server::here(hello);
    let server = Server::here(|path, _| {
        let to = path.trim_start_matches('/');
        Some(format!(
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{to}/\r\ncontent-length: 0\r\n\r\n"
        ))
    });
    let url = format!("http://127.0.0.1:{}/{}", server.port, secret.port);
    let Some(project) = project(&get(&url), &rule(server.port, "/*", "")) else {
        return;
    };
    let ended = project.run(&[]);
    let location = format!("location: http://127.0.0.1:{}/", secret.port);
    assert_eq!(
        printed(&ended),
        [format!("GET {url}: 302, {location}, 0 bytes \"\"")]
    );
    assert!(secret.heads().is_empty());
}

#[test]
fn a_secret_header_goes_where_it_is_bound_to_and_is_shown_to_nobody() {
    let server = Server::here(|_, _| {
        Some(format!(
            "HTTP/1.1 200 OK\r\nx-echo: Bearer {CANARY}\r\ncontent-length: 0\r\n\r\n"
        ))
    });
    let port = server.port;
    let script = format!(
        "{}{}{{ send = {{ url = \"http://127.0.0.1:{port}/api/c\", headers = [[\"Authorization\", \"mine\"]] }} }}",
        get(&format!("http://127.0.0.1:{port}/api/a")),
        get(&format!("http://127.0.0.1:{port}/other/b")),
    );
    let bound = "headers = { authorization = { secret = \"token\", prefix = \"Bearer \" } }";
    let rules = rule(port, "/api/*", bound) + &rule(port, "/*", "");
    let Some(project) = project(&script, &rules) else {
        return;
    };
    let ended = project.run(&["--audit", "audit.jsonl", "--profile", "profile.json"]);
    let heads = server.heads();
    assert_eq!(heads.len(), 2);
    assert!(
        heads[0].contains(&format!("authorization: Bearer {CANARY}\r\n")),
        "{}",
        heads[0]
    );
    assert!(!heads[1].contains(CANARY), "{}", heads[1]);
    let said = printed(&ended).join("\n");
    assert!(
        said.contains("header Authorization: HeaderError::Forbidden"),
        "{said}"
    );
    assert!(
        !ended.err.contains(CANARY) && !ended.out.contains(CANARY),
        "{}",
        ended.err
    );
    let names = project.names();
    for wanted in ["audit.jsonl", "profile.json"] {
        assert!(names.iter().any(|name| name == wanted), "{names:?}");
    }
    for name in names.iter().filter(|name| !name.ends_with('/')) {
        let bytes = std::fs::read(project.path(name)).unwrap();
        for form in FORMS {
            let mut parts = bytes.windows(form.len());
            let found = parts.any(|part| part == form.as_bytes());
            assert!(!found, "the secret is in `{name}` as `{form}`");
        }
    }
}

#[test]
fn proxies_of_the_environment_are_not_asked() {
    let (server, proxy) = (Server::here(hello), Server::here(hello));
    let url = format!("http://127.0.0.1:{}/", server.port);
    let Some(mut project) = project(&get(&url), &rule(server.port, "/*", "")) else {
        return;
    };
    let address = format!("http://127.0.0.1:{}", proxy.port);
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "all_proxy",
    ] {
        project.set(name, &address);
    }
    project.set("SSL_CERT_FILE", "/dev/null");
    project.write(".netrc", "machine 127.0.0.1 login x password y\n");
    project.run(&[]);
    assert!(proxy.heads().is_empty());
    let head = server.heads().pop().unwrap();
    assert!(
        head.starts_with("GET / HTTP/1.1\r\n") && !head.contains("authorization"),
        "{head}"
    );
}

#[test]
fn a_guest_that_waits_for_ever_ends_at_its_deadline() {
    let server = Server::here(nothing);
    let url = format!("http://127.0.0.1:{}/", server.port);
    for script in [get(&url), format!("{{ sleep = {} }}", u64::MAX / 1_000_000)] {
        let Some(project) = project(&script, &rule(server.port, "/*", "")) else {
            return;
        };
        let start = Instant::now();
        let told = project.refusal(&["--limit-call-time", "1s"]);
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "{:?}",
            start.elapsed()
        );
        assert!(told.starts_with("exit code 7\n"), "{told}");
        assert!(told.contains("limit `call_time` of 1s reached"), "{told}");
        assert!(
            !project
                .names()
                .iter()
                .any(|name| name.ends_with(".parquet")),
            "{:?}",
            project.names()
        );
    }
}

#[test]
fn a_run_is_cancelled_while_its_guest_waits() {
    let server = Server::here(nothing);
    let url = format!("http://127.0.0.1:{}/", server.port);
    let Some(project) = project(&get(&url), &rule(server.port, "/*", "")) else {
        return;
    };
    let arguments = ["run", "app.toml", "--limit-call-time", "10m"];
    let ended = project.signalled(&arguments, "INT", || !server.heads().is_empty());
    assert_eq!(ended.code, Some(130), "{}", ended.err);
}

#[test]
fn a_timer_does_not_end_before_its_time() {
    let (server, silent) = (Server::here(hello), Server::here(nothing));
    let url = |port| format!("{{ url = \"http://127.0.0.1:{port}/\" }}");
    let script = format!(
        "{{ race = [{}, 60000] }}, {{ race = [{}, 20] }}",
        url(server.port),
        url(silent.port)
    );
    let rules = rule(server.port, "/*", "") + &rule(silent.port, "/*", "");
    let Some(project) = project(&script, &rules) else {
        return;
    };
    let ended = project.run(&["--limit-call-time", "2m"]);
    assert_eq!(
        printed(&ended),
        ["the answer was first", "the timer was first"]
    );
}

#[test]
fn times_of_nothing_and_of_for_ever_are_times() {
    let server = Server::here(hello);
    let with = |timeout: u64| {
        format!(
            "{{ send = {{ url = \"http://127.0.0.1:{}/\", timeout = {timeout} }} }}, ",
            server.port
        )
    };
    let script = with(0) + &with(i64::MAX.unsigned_abs());
    let Some(project) = project(&script, &rule(server.port, "/*", "")) else {
        return;
    };
    let ended = project.run(&[]);
    let said = printed(&ended);
    // A millisecond may be enough or not.
    assert!(
        said[0].contains("200") || said[0].contains("Timeout"),
        "{}",
        said[0]
    );
    assert!(said[1].ends_with("200, 5 bytes \"hello\""), "{}", said[1]);
}

#[test]
fn a_large_answer_is_cut() {
    let server =
        Server::here(|_, _| Some(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(65 << 20))));
    let url = format!("http://127.0.0.1:{}/", server.port);
    let Some(project) = project(&get(&url), &rule(server.port, "/*", "")) else {
        return;
    };
    let ended = project.run(&["--limit-call-time", "1m"]);
    let said = printed(&ended).join("\n");
    assert!(
        said.contains("HTTP response body size exceeds limit: 67108864 bytes"),
        "{said}"
    );
}

#[test]
fn what_no_honest_guest_does_ends_in_errors() {
    let server = Server::here(hello);
    let to = format!("127.0.0.1:{}", server.port);
    let script = format!(
        "{{ abuse = \"paths\" }}, {{ abuse = \"lengths\" }}, {{ abuse = \"forbidden\" }}, \
         {{ abuse = {{ short-body = \"{to}\" }} }}, {{ abuse = {{ long-body = \"{to}\" }} }}, \
         {{ abuse = {{ trailers = \"{to}\" }} }}"
    );
    let bound = "headers = { x-api-key = { secret = \"token\" } }";
    let Some(project) = project(&script, &rule(server.port, "/*", bound)) else {
        return;
    };
    let ended = project.run(&[]);
    let said = printed(&ended);
    let forbidden = "Some(HeaderError::Forbidden)";
    let expected = [
        "paths: [false, true, false, false, false, false]".to_owned(),
        "lengths: Ok(()) Err(HeaderError::InvalidSyntax) Err(HeaderError::InvalidSyntax) Ok(())"
            .to_owned(),
        format!(
            "headers: [{}, None, Some(HeaderError::InvalidSyntax)]",
            [forbidden; 6].join(", ")
        ),
    ];
    assert_eq!(said[..3], expected);
    for (said, name, written) in [(&said[3], "short", 5), (&said[4], "long", 10)] {
        // The server may have answered before the first byte was written, and nobody takes one any more.
        let size = |bytes| format!("Err(\"ErrorCode::HttpRequestBodySize(Some({bytes}))\")");
        let is_cut = said.contains(&size(written)) || said.contains(&size(0));
        assert!(said.starts_with(name) && is_cut, "{said}");
    }
    assert!(
        said[5].contains("HttpRequestTrailerSectionSize"),
        "{}",
        said[5]
    );
    for head in server.heads() {
        assert!(
            !head.contains("transfer-encoding: chunked\r\ncontent-length"),
            "{head}"
        );
    }
}

#[test]
fn what_fills_the_host_ends_the_guest() {
    for (abuse, code) in [
        ("many-headers", 6),
        ("many-fields", 6),
        ("many-timers", 6),
        ("many-calls", 7),
    ] {
        let script = format!("{{ abuse = \"{abuse}\" }}");
        let Some(project) = project(&script, &rule(80, "/*", "")) else {
            return;
        };
        let ended = project.try_run(&["--limit-call-time", "1m"]);
        assert_eq!(ended.code, Some(code), "{abuse}: {}", ended.err);
    }
}

#[test]
fn a_step_that_declares_no_requests_does_not_load_what_sends_them() {
    let Some(project) = project("", "") else {
        return;
    };
    let told = project.refusal(&[]);
    for part in [
        "exit code 8\n",
        "the plugin imports what its step does not declare: `wasi:http/types@0.2.",
        "`wasi:http/outgoing-handler@0.2.",
        "declare `[[steps.http]]` with a `url`",
    ] {
        assert!(told.contains(part), "`{part}` is not in:\n{told}");
    }
}

#[test]
fn with_policies_a_special_address_needs_a_statement_that_names_it() {
    let server = Server::here(hello);
    let url = format!("http://127.0.0.1:{}/", server.port);
    let Some(project) = project(&get(&url), &rule(server.port, "/*", "")) else {
        return;
    };
    let all = "[[statement]]\neffect = \"allow\"\nprincipal = \"any\"\naction = \"*\"\nresource = \"*\"\n";
    let named =
        format!("{all}condition = {{ IpAddress = {{ \"network:address\" = \"127.0.0.0/8\" }} }}\n");
    project.write("all.toml", all);
    project.write("named.toml", format!("{all}\n{named}"));
    let ended = project.run(&["--policy", "identity=all.toml"]);
    assert_eq!(
        printed(&ended),
        [format!("GET {url}: ErrorCode::HttpRequestDenied")]
    );
    assert!(server.heads().is_empty());
    std::fs::remove_dir_all(project.path("out")).unwrap();
    project.run(&["--policy", "identity=named.toml", "--limit-call-time", "1m"]);
    assert_eq!(server.heads().len(), 1);
}

/// In a network of its own, in which the addresses of a cloud's metadata and of a neighbour are this machine's.
#[test]
fn metadata_and_neighbours_are_out_of_reach_unless_declared() {
    let own = "http::metadata_and_neighbours_are_out_of_reach_unless_declared";
    let prepare = "ip addr add 169.254.169.254/32 dev lo && ip addr add 10.1.2.3/32 dev lo";
    if !is_inside(own, prepare) {
        return;
    }
    for address in ["169.254.169.254", "10.1.2.3"] {
        let place: SocketAddr = format!("{address}:80").parse().unwrap();
        let server = Server::new(&place.to_string(), hello);
        let url = format!("http://{address}/latest/meta-data/");
        let declared = format!("[[steps.http]]\nurl = \"http://{address}/*\"\n");
        let Some(plain) = project(&get(&url), &declared) else {
            return;
        };
        let ended = plain.run(&[]);
        assert_eq!(
            printed(&ended),
            [format!("GET {url}: ErrorCode::HttpRequestDenied")]
        );
        assert!(server.heads().is_empty());
        let meant = format!("{declared}addresses = [\"{address}/32\"]\n");
        let ended = project(&get(&url), &meant).unwrap().run(&[]);
        assert_eq!(
            printed(&ended),
            [format!("GET {url}: 200, 5 bytes \"hello\"")]
        );
    }
}
