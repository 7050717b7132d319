use super::*;
use crate::Fault;
use crate::harness::Fakes;

#[test]
fn a_request_arrives_as_it_was_made() {
    let fakes = Fakes::new().http(|request| {
        let told = format!("{} {} {:?}", request.method, request.url, request.headers);
        Ok(Response {
            headers: vec![("Content-Type".to_owned(), b"text/plain".to_vec())],
            ..Response::new(404, [told.as_bytes(), &request.body].concat())
        })
    });
    fakes.install();
    let response = Request::post("https://x/y?z", "{}")
        .header("a", "b")
        .send()
        .unwrap();
    let told = r#"POST https://x/y?z [("a", "b")]{}"#;
    assert_eq!(String::from_utf8(response.body.clone()).unwrap(), told);
    assert_eq!(response.header("content-type"), Some("text/plain"));
    assert_eq!((response.is_success(), response.header("x")), (false, None));
}

#[test]
fn errors_have_kinds_and_hide_what_follows_the_question_mark() {
    let error = Request::get("https://x/y?key=secret").send().unwrap_err();
    assert_eq!(
        error.to_string(),
        "GET https://x/y: the step does not declare it"
    );
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(matches!(Fault::from(error), Fault::Data(_)));

    let late = |_: &Request| Err(Error::new(ErrorKind::Timeout, "it took too long"));
    Fakes::new().http(late).install();
    let error = Request::get("https://x").send().unwrap_err();
    assert!(matches!(Fault::from(error), Fault::Transient(_)));
    for url in ["", "x/y", "ftp://x", "https://", "https:///y"] {
        let error = Request::get(url).send().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other, "{url}");
    }
}

#[test]
fn a_body_beyond_its_bound_is_too_large() {
    let server = |_: &Request| Ok(Response::new(200, "12345"));
    Fakes::new().http(server).install();
    let request = Request::get("http://x").body_bytes_max(5);
    assert_eq!(request.send().unwrap().body, b"12345");
    let error = request.body_bytes_max(4).send().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[test]
fn a_url_is_taken_apart() {
    let parts = |url| {
        Target::of(url).map(|target| (target.is_tls, target.authority, target.path_with_query))
    };
    assert_eq!(parts("HTTP://x:8080"), Some((false, "x:8080", "")));
    assert_eq!(parts("https://x?y=/#z"), Some((true, "x", "?y=/")));
    assert_eq!(
        parts("https://[::1]/a/b?c#d"),
        Some((true, "[::1]", "/a/b?c"))
    );
}
