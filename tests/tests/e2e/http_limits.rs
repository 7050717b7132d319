//! What the requests of a run are held to: at each limit, one past it, and who is told how to raise it.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::http::{Server, get, hello, nothing, printed, project, rule};
use crate::project::Ended;

/// What makes a run fail that was denied something, so that its error tells.
const FAIL: &str = "{ abuse = \"many-fields\" }";

/// Nearly as many requests at once as a guest has handles for, of which each takes three while it waits; a multiple of
/// the connections.
const FLOOD: usize = 300;
const CONNECTIONS: usize = 6;

fn post(port: u16, bytes: u64) -> String {
    format!(
        "{{ send = {{ method = \"POST\", url = \"http://127.0.0.1:{port}/\", body = {bytes} }} }}, "
    )
}

/// Whether the error of a run that failed says which limit was reached, and how to raise it.
fn assert_told(ended: &Ended, key: &str, limit: &str) {
    let flag = key.replace('_', "-");
    for part in [
        format!("limit `{key}` of {limit} reached"),
        format!("raise `{key}` under `[limits]`"),
        format!("`--limit-{flag}`"),
    ] {
        assert!(
            ended.err.contains(&part),
            "`{part}` is not in:\n{}",
            ended.err
        );
    }
    assert_eq!(ended.code, Some(6), "{}", ended.err);
}

#[test]
fn a_run_sends_as_many_requests_as_its_limit_and_no_more() {
    let server = Server::here(hello);
    let url = format!("http://127.0.0.1:{}/", server.port);
    let script = get(&url).repeat(3) + FAIL;
    let limits = "[limits]\nhttp_requests = 2\n";
    let Some(project) = project(&script, &(rule(server.port, "/*", "") + limits)) else {
        return;
    };
    let ended = project.try_run(&[]);
    let sent = format!("GET {url}: 200, 5 bytes \"hello\"");
    let denied = format!("GET {url}: ErrorCode::HttpRequestDenied");
    assert_eq!(printed(&ended), [sent.clone(), sent, denied]);
    assert_eq!(server.heads().len(), 2);
    assert_told(&ended, "http_requests", "2");
    // The command line raises it.
    let ended = project.try_run(&["--limit-http-requests", "3"]);
    assert_eq!(server.heads().len(), 5, "{}", ended.err);
    assert!(!ended.err.contains("http_requests"), "{}", ended.err);
}

#[test]
fn the_body_of_a_request_is_as_large_as_its_limit_and_no_larger() {
    let server = Server::here(hello);
    let script = post(server.port, 8192) + &post(server.port, 8193) + FAIL;
    let Some(project) = project(&script, &rule(server.port, "/*", "")) else {
        return;
    };
    let ended = project.try_run(&["--limit-http-request-bytes", "8KiB"]);
    let said = printed(&ended);
    assert!(said[0].ends_with("200, 5 bytes \"hello\""), "{}", said[0]);
    assert!(
        said[1].ends_with("HttpRequestBodySize(Some(8192))"),
        "{}",
        said[1]
    );
    assert_told(&ended, "http_request_bytes", "8 KiB");
}

#[test]
fn the_body_of_an_answer_is_as_large_as_its_limit_and_no_larger() {
    let server = Server::here(|path, _| {
        let body = "x".repeat(path.trim_start_matches('/').parse().unwrap());
        Some(format!("HTTP/1.1 200 OK\r\n\r\n{body}"))
    });
    let url = |bytes| format!("http://127.0.0.1:{}/{bytes}", server.port);
    let script = get(&url(100)) + &get(&url(101)) + FAIL;
    let Some(project) = project(&script, &rule(server.port, "/*", "")) else {
        return;
    };
    let ended = project.try_run(&["--limit-http-response-bytes", "100"]);
    let said = printed(&ended);
    assert!(said[0].contains("200, 100 bytes"), "{}", said[0]);
    assert!(!said[0].contains("exceeds"), "{}", said[0]);
    assert!(
        said[1].contains("response body size exceeds limit: 100 bytes"),
        "{}",
        said[1]
    );
    assert_told(&ended, "http_response_bytes", "100 B");
}

#[test]
fn who_does_not_answer_in_time_is_left_and_the_limit_is_told_where_it_was_the_run_s() {
    let server = Server::here(nothing);
    let url = format!("http://127.0.0.1:{}/", server.port);
    // A millisecond, in nanoseconds, of the guest's own choice.
    let own = format!("{{ send = {{ url = \"{url}\", timeout = 1000000 }} }}, ");
    for (script, is_limit) in [(get(&url), true), (own, false)] {
        let Some(project) = project(&(script + FAIL), &rule(server.port, "/*", "")) else {
            return;
        };
        let ended = project.try_run(&["--limit-http-first-byte-time", "50ms"]);
        let said = printed(&ended);
        assert!(said[0].contains("Timeout"), "{}", said[0]);
        if is_limit {
            assert_told(&ended, "http_first_byte_time", "50ms");
        }
        let told = ended.err.contains("http_first_byte_time");
        assert_eq!(told, is_limit, "{}", ended.err);
    }
}

/// Requests that came and were not answered yet, now and at most; and all that came.
static WAITING: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);
static CAME: AtomicUsize = AtomicUsize::new(0);

/// Answers when as many requests wait as there are connections. Until then their client has none to spare.
fn in_groups(path: &str, port: u16) -> Option<String> {
    let waiting = WAITING.fetch_add(1, Ordering::SeqCst) + 1;
    MOST.fetch_max(waiting, Ordering::SeqCst);
    let group = CAME.fetch_add(1, Ordering::SeqCst) / CONNECTIONS + 1;
    while CAME.load(Ordering::SeqCst) < group * CONNECTIONS {
        std::thread::yield_now();
    }
    WAITING.fetch_sub(1, Ordering::SeqCst);
    hello(path, port)
}

#[test]
fn requests_at_once_share_a_few_connections_and_all_are_answered() {
    let server = Server::here(in_groups);
    let url = format!("http://127.0.0.1:{}/", server.port);
    let script = format!("{{ flood = [{{ url = \"{url}\" }}, {FLOOD}] }}");
    let Some(project) = project(&script, &rule(server.port, "/*", "")) else {
        return;
    };
    let ended = project.run(&["--limit-call-time", "1m"]);
    let end = "\"200, 5 bytes \\\"hello\\\"\"";
    assert_eq!(
        printed(&ended),
        [format!("{FLOOD} at once: {{{end}: {FLOOD}}}")]
    );
    assert_eq!(server.heads().len(), FLOOD);
    assert_eq!(MOST.load(Ordering::SeqCst), CONNECTIONS);
}

#[test]
fn a_cancelled_run_drops_the_requests_that_wait_for_a_connection() {
    let server = Server::here(nothing);
    let url = format!("http://127.0.0.1:{}/", server.port);
    let script = format!("{{ flood = [{{ url = \"{url}\" }}, {FLOOD}] }}");
    let Some(project) = project(&script, &rule(server.port, "/*", "")) else {
        return;
    };
    let arguments = ["run", "app.toml", "--limit-call-time", "10m"];
    let connected = || server.heads().len() == CONNECTIONS;
    let ended = project.signalled(&arguments, "INT", connected);
    assert_eq!(ended.code, Some(130), "{}", ended.err);
    // Nobody who waited took the place of one that ended.
    assert_eq!(server.heads().len(), CONNECTIONS);
}
