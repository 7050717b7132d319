//! Which requests fit a rule.

use http::Uri;
use proptest::prelude::*;
use proptest::sample::select;

use super::reference;
use crate::ErrorKind;
use crate::network::rule::{Rule, Target};
use crate::spec::HttpRule;

/// A rule for `http://HOST:PORT/PATH`.
pub(super) fn rule(host: &str, port: u16, path: &str, methods: &[&str]) -> HttpRule {
    HttpRule {
        tls: false,
        host: host.to_owned(),
        port,
        path: path.to_owned(),
        methods: methods.iter().map(|&method| method.to_owned()).collect(),
        headers: Vec::new(),
        addresses: Vec::new(),
        ca_file: None,
    }
}

fn read(method: &str, url: &str) -> Option<Target> {
    let uri: Uri = url.parse().ok()?;
    match Target::read(method, &uri) {
        Ok(target) => Some(target),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Policy);
            None
        }
    }
}

#[test]
fn a_host_has_one_form() {
    for authority in [
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.0.0.01",
        "0",
        "1.2.3.4.5",
        "256.1.1.1",
        "[::ffff:7f00:1]",
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:0:0:1]",
        "[::0001]",
        "[fe80::1%lo]",
        "[::1",
        "::1",
        "localhost.",
        "api.test.",
        ".api.test",
        "api..test",
        "127。0。0。1",
        "a@api.test",
        "a:b@api.test",
        "@api.test",
        "api.test:",
        "api.test:0",
        "api.test:080",
        "api.test:+80",
        "api.test:65536",
        "api.test:80:80",
        "api%2etest",
        "api_test:x",
        "",
        "api test",
        "*.test",
        "*",
    ] {
        assert_eq!(
            read("GET", &format!("http://{authority}/")),
            None,
            "{authority}"
        );
    }
    let target = read("GET", "http://API.Test:8080/a").unwrap();
    assert_eq!((target.host.as_str(), target.port), ("api.test", 8080));
    assert_eq!(target.authority(), "api.test:8080");
    let target = read("GET", "https://[::1]").unwrap();
    assert_eq!(
        (target.host.as_str(), target.port, target.path.as_str()),
        ("[::1]", 443, "/")
    );
    assert_eq!(target.authority(), "[::1]");
}

#[test]
fn a_path_has_one_form() {
    for path in [
        "/a/../b",
        "/..",
        "/a/.",
        "/./a",
        "//",
        "/a//b",
        "//a",
        "/a;b",
        "/a;/../b",
        "/a\\b",
        "/%2e%2e/b",
        "/%2E./b",
        "/.%2e/b",
        "/a%2fb",
        "/a%5cb",
        "/a%00",
        "/a%0d%0a",
        "/a%25",
        "/%252e",
        "/%61",
        "/%7e",
        "/a%",
        "/a%4",
        "/a%zz",
        "/a%3bb",
        "/é",
    ] {
        assert_eq!(
            read("GET", &format!("http://api.test{path}")),
            None,
            "{path}"
        );
    }
    for path in [
        "/",
        "/a/",
        "/a.b/..c/...",
        "/a%20b",
        "/%C3%A9",
        "/a:b@c!$&'()*+,=",
        "/a-_~",
    ] {
        assert!(
            read("GET", &format!("http://api.test{path}")).is_some(),
            "{path}"
        );
    }
    let query = read("GET", "http://api.test?x=/../%2e").unwrap();
    assert_eq!(
        (query.path.as_str(), query.path_and_query.as_str()),
        ("/", "/?x=/../%2e")
    );
    assert_eq!(
        read("GET", &format!("http://api.test/{}", "a".repeat(9000))),
        None
    );
    for method in ["get", "CONNECT", "TRACE", "G-T", ""] {
        assert_eq!(read(method, "http://api.test/"), None, "{method}");
    }
    assert_eq!(read("GET", "ftp://api.test/"), None);
    assert_eq!(read("GET", "/a"), None);
}

#[test]
fn neighbours_of_a_host_or_a_path_do_not_fit() {
    let ready = Rule::new(&rule("example.com", 80, "/a/*", &["GET"]), None).unwrap();
    let fits = |method, url: &str| read(method, url).is_some_and(|target| ready.fits(&target));
    for url in [
        "http://example.com/a/b",
        "http://EXAMPLE.com:80/a/",
        "http://example.com/a/b/c?x=//",
    ] {
        assert!(fits("GET", url), "{url}");
    }
    for url in [
        "http://evilexample.com/a/b",
        "http://example.com.evil/a/b",
        "http://www.example.com/a/b",
        "https://example.com/a/b",
        "https://example.com:80/a/b",
        "http://example.com:8080/a/b",
        "http://example.com/a",
        "http://example.com/ab/c",
        "http://example.com/A/b",
        "http://example.com/",
        "http://example.com/?/a/b",
    ] {
        assert!(!fits("GET", url), "{url}");
    }
    assert!(!fits("POST", "http://example.com/a/b"));
}

fn path() -> impl Strategy<Value = String> {
    let name = select(vec![
        "a", "b", "ab", "", ".", "..", "%2e", "a;b", "a%2fb", "%61", "..a",
    ]);
    prop::collection::vec(name, 0..4)
        .prop_map(|names| names.iter().flat_map(|name| ["/", name]).collect())
}

fn declared() -> impl Strategy<Value = HttpRule> {
    let paths = vec!["/*", "/a/*", "/a/b/*", "/a", "/a/b", "/a/", "/"];
    let methods = vec![vec!["GET"], vec!["GET", "HEAD"], vec!["POST"]];
    let host = select(vec!["x.test", "y.x.test", "[::1]", "10.1.2.3"]);
    let port = select(vec![80, 443, 8080]);
    (host, port, select(paths), select(methods), any::<bool>()).prop_map(
        |(host, port, path, methods, tls)| HttpRule {
            tls,
            ..rule(host, port, path, &methods)
        },
    )
}

fn url() -> impl Strategy<Value = String> {
    let host = select(vec![
        "x.test", "X.Test", "y.x.test", "xx.test", "x.test.y", "[::1]", "10.1.2.3", "a@x.test",
        "x.test.",
    ]);
    let port = select(vec!["", ":80", ":443", ":8080", ":080", ":"]);
    (
        select(vec!["http", "https"]),
        host,
        port,
        path(),
        select(vec!["", "?a=/b", "?"]),
    )
        .prop_map(|(scheme, host, port, path, query)| {
            format!("{scheme}://{host}{port}{path}{query}")
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn a_rule_allows_what_the_reference_does(
        rule in declared(),
        url in url(),
        method in select(vec!["GET", "HEAD", "POST", "get"]),
    ) {
        let ready = Rule::new(&rule, None).unwrap();
        let found = read(method, &url).is_some_and(|target| ready.fits(&target));
        prop_assert_eq!(found, reference::allows(&rule, method, &url), "{} {}", method, url);
    }

    #[test]
    fn what_is_let_through_reads_the_same_again(rest in "[ -~]{0,24}") {
        if let Some(target) = read("GET", &format!("http://{rest}")) {
            let again = read("GET", &format!("http://{}{}", target.authority(), target.path_and_query));
            prop_assert!(target.path.starts_with('/') && target.path.split('/').all(|name| name != ".."));
            prop_assert_eq!(again, Some(target));
        }
    }
}
