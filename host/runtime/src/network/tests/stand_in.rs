//! Answers in place of the network: all but the network is as ever.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use super::rules::rule;
use super::server::{TOKEN, World, limits};
use crate::http::Failure;
use crate::limits::HttpLimits;
use crate::network::StandIn;
use crate::spec::{CannedAnswer, HeaderSecret};

const URL: &str = "http://api.test:8080/a";

fn answer(body: &str) -> CannedAnswer {
    CannedAnswer {
        method: "GET".to_owned(),
        url: URL.to_owned(),
        status: 200,
        body: body.to_owned(),
        ..CannedAnswer::default()
    }
}

fn world(answers: Vec<CannedAnswer>, limits: HttpLimits) -> (World, Arc<StandIn>) {
    let mut rule = rule("api.test", 8080, "/*", &["GET", "POST"]);
    rule.headers = vec![HeaderSecret {
        name: "x-token".to_owned(),
        secret: "token".to_owned(),
        prefix: String::new(),
    }];
    let stand_in = Arc::new(StandIn::new(answers));
    (World::new(&[rule], limits).answering(&stand_in), stand_in)
}

#[tokio::test]
async fn a_request_has_all_headers_and_no_name_is_resolved() {
    let told = CannedAnswer {
        request_headers: vec![("x-token".to_owned(), TOKEN.to_owned())],
        headers: vec![("echo".to_owned(), format!("{TOKEN}!"))],
        ..answer("hello")
    };
    let (world, stand_in) = world(vec![told], limits());
    let response = world.get(URL).await.unwrap();
    assert!(response.headers().get("echo").is_none());
    assert_eq!(world.text(URL).await.unwrap(), "hello");
    assert_eq!(world.names.asked.load(Ordering::SeqCst), 0);
    assert!(stand_in.problems().is_empty());
}

#[tokio::test]
async fn answers_are_given_in_their_order_as_often_as_they_say() {
    let once = |body| CannedAnswer {
        times: Some(1),
        ..answer(body)
    };
    let (world, stand_in) = world(vec![once("one"), once("two")], limits());
    assert_eq!(stand_in.problems().len(), 2);
    assert_eq!(world.text(URL).await.unwrap(), "one");
    assert_eq!(world.text(URL).await.unwrap(), "two");
    assert!(stand_in.problems().is_empty());
    assert_eq!(world.get(URL).await.unwrap_err(), Failure::Denied);
    let expected = format!("no answer fits `GET {URL}`: all answers were given");
    assert_eq!(stand_in.problems(), [expected]);
}

#[tokio::test]
async fn rules_and_caps_come_first() {
    let limits = HttpLimits {
        response_bytes: 4,
        request_bytes: 4,
        ..limits()
    };
    let (world, stand_in) = world(vec![answer("hello")], limits);
    let elsewhere = world.get("http://other.test/").await;
    assert_eq!(elsewhere.unwrap_err(), Failure::Denied);
    assert!(stand_in.denials()[0].contains("the step does not declare it"));
    assert_eq!(world.get(URL).await.unwrap_err(), Failure::ResponseBody(4));
    let large = Request::post(URL).body(Full::from(Bytes::from_static(b"hello")));
    let large = world.send(large.unwrap()).await;
    assert_eq!(large.unwrap_err(), Failure::RequestBody(4));
    assert!(stand_in.problems().is_empty());
}
