//! What a server can do to who asks it, and what it cannot.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use http::Request;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;

use super::server::{Names, Reply, Server, World, gate, here, limits, ok};
use crate::error::ErrorKind;
use crate::http::{Failure, Times};
use crate::limits::HttpLimits;
use crate::network::Budget;

async fn world(reply: Reply, limits: HttpLimits) -> (Server, World, String) {
    let server = Server::new(reply).await;
    let world = World::new(&[here(server.port)], limits);
    let url = format!("http://api.test:{}/", server.port);
    (server, world, url)
}

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

const SHORT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_server_that_never_answers_is_left() {
    let limits = HttpLimits {
        first_byte_time: SHORT,
        ..limits()
    };
    let (server, world, url) = world(Reply::Stall(Vec::new()), limits).await;
    assert_eq!(world.get(&url).await.unwrap_err(), Failure::ReadTimeout);
    assert_eq!(server.heads().len(), 1);
}

#[tokio::test]
async fn a_server_that_stops_halfway_is_left() {
    let limits = HttpLimits {
        between_bytes_time: SHORT,
        ..limits()
    };
    let head = bytes("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
    let (_server, world, url) = world(Reply::Stall(head), limits).await;
    assert_eq!(world.text(&url).await.unwrap_err(), Failure::ReadTimeout);
}

#[tokio::test]
async fn a_guest_asks_for_less_time_and_not_for_more_nor_for_none() {
    let (_server, world, url) = world(
        Reply::Stall(Vec::new()),
        HttpLimits {
            first_byte_time: SHORT,
            ..limits()
        },
    )
    .await;
    for first_byte in [
        Duration::ZERO,
        Duration::from_millis(1),
        Duration::from_nanos(u64::MAX),
    ] {
        let times = Times {
            first_byte: Some(first_byte),
            ..Times::default()
        };
        let request = Request::get(&url).body(Full::<Bytes>::default()).unwrap();
        let failure = world.client.send(request, times).await.unwrap_err();
        assert_eq!(failure, Failure::ReadTimeout);
    }
}

#[tokio::test]
async fn a_name_that_is_never_resolved_is_no_connection_in_time() {
    struct Never;
    #[async_trait::async_trait]
    impl crate::network::Resolve for Never {
        async fn resolve(&self, _name: &str) -> std::io::Result<Vec<std::net::IpAddr>> {
            std::future::pending().await
        }
    }
    let limits = HttpLimits {
        connect_time: SHORT,
        ..limits()
    };
    let mut world = World::new(&[here(80)], limits);
    let resolver = Arc::new(Never);
    let means = crate::network::Means {
        resolver,
        ..world.client.means()
    };
    world.client = world.client.with_means(means);
    assert_eq!(
        world.get("http://api.test/").await.unwrap_err(),
        Failure::ConnectTimeout
    );
}

#[tokio::test]
async fn an_answer_is_cut_where_it_is_too_large() {
    let limits = HttpLimits {
        response_bytes: 1000,
        ..limits()
    };
    let most = Failure::ResponseBody(1000);
    // It says so.
    let head = bytes("HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n");
    let (server, endless, url) =
        world(Reply::Endless(head, vec![b'x'; 4096]), limits.clone()).await;
    assert_eq!(endless.get(&url).await.unwrap_err(), most);
    drop(server);
    // It does not.
    for head in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    ] {
        let piece = if head.contains("chunked") {
            "a\r\n0123456789\r\n"
        } else {
            "0123456789"
        };
        let (_server, world, url) =
            world(Reply::Endless(bytes(head), bytes(piece)), limits.clone()).await;
        assert_eq!(world.text(&url).await.unwrap_err(), most, "{head}");
    }
    let (_server, world, url) = world(ok(&"x".repeat(1000)), limits).await;
    assert_eq!(world.text(&url).await.unwrap().len(), 1000);
}

#[tokio::test]
async fn headers_without_end_are_cut() {
    let mut many = bytes("HTTP/1.1 200 OK\r\n");
    let text = (0..100_000).fold(String::new(), |mut text, at| {
        write!(text, "x-{at}: 1\r\n").unwrap();
        text
    });
    many.extend_from_slice(text.as_bytes());
    let few = (0..101).fold(String::new(), |mut text, at| {
        write!(text, "x-{at}: 1\r\n").unwrap();
        text
    });
    for head in [
        many,
        bytes(&format!("HTTP/1.1 200 OK\r\n{few}\r\n")),
        bytes(&format!("HTTP/1.1 200 OK\r\nx: {}", "1".repeat(1 << 20))),
    ] {
        let (_server, world, url) = world(Reply::Stall(head), limits()).await;
        assert_eq!(world.get(&url).await.unwrap_err(), Failure::ResponseHead);
    }
    // Trailers, too.
    let trailers =
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n{text}");
    let (_server, world, url) = world(Reply::Stall(bytes(&trailers)), limits()).await;
    assert!(world.text(&url).await.is_err());
}

#[tokio::test]
async fn what_is_no_http_or_ends_early_is_an_error() {
    for (reply, failure) in [
        ("", Failure::Ended),
        ("HTTP/1.1 200", Failure::Ended),
        ("220 mail.test ESMTP\r\n\r\n", Failure::Protocol),
        ("<html>", Failure::Protocol),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
            Failure::Protocol,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
            Failure::Ended,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            Failure::Protocol,
        ),
    ] {
        let (_server, world, url) = world(Reply::All(bytes(reply)), limits()).await;
        assert_eq!(world.text(&url).await.unwrap_err(), failure, "{reply}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    for status in [301, 302, 303, 307, 308] {
        let other = Server::new(ok("secret")).await;
        let location = format!("http://api.test:{}/", other.port);
        let reply =
            format!("HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        let (_server, world, url) = world(Reply::All(bytes(&reply)), limits()).await;
        let answer = world.get(&url).await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["location"], location.as_str());
        // Who follows it asks again, for what is not declared.
        assert_eq!(world.get(&location).await.unwrap_err(), Failure::Denied);
        assert!(other.heads().is_empty());
    }
}

#[tokio::test]
async fn a_request_is_cut_where_it_is_too_large() {
    let limits = HttpLimits {
        request_bytes: 100,
        ..limits()
    };
    let (server, world, url) = world(ok("hello"), limits).await;
    let most = Failure::RequestBody(100);
    let large = Request::post(&url).body(Full::from(vec![0; 101])).unwrap();
    assert_eq!(world.send(large).await.unwrap_err(), most);
    let said = Request::post(&url)
        .header("content-length", "101")
        .body(Full::default())
        .unwrap();
    assert_eq!(world.send(said).await.unwrap_err(), most);
    let fits = Request::post(&url).body(Full::from(vec![0; 100])).unwrap();
    assert!(world.send(fits).await.is_ok());
    drop(server);
}

#[tokio::test]
async fn trailers_of_a_request_are_refused() {
    let (_server, world, url) = world(Reply::Stall(Vec::new()), limits()).await;
    let frames = [
        Ok::<_, Failure>(Frame::data(Bytes::from("x"))),
        Ok(Frame::trailers(http::HeaderMap::new())),
    ];
    let body = StreamBody::new(futures::stream::iter(frames));
    let request = Request::post(&url).body(body).unwrap();
    let failure = world
        .client
        .send(request, Times::default())
        .await
        .unwrap_err();
    assert_eq!(failure, Failure::RequestTrailers);
}

#[tokio::test]
async fn a_run_has_a_few_connections_and_the_rest_wait() {
    let limits = HttpLimits {
        connections: 2,
        first_byte_time: Duration::from_millis(200),
        ..limits()
    };
    let (server, world, url) = world(Reply::Stall(bytes("HTTP/1.1 200 OK\r\n\r\nx")), limits).await;
    let first = world.get(&url).await.unwrap();
    let second = world.get(&url).await.unwrap();
    assert_eq!(world.get(&url).await.unwrap_err(), Failure::Connections);
    assert_eq!(server.heads().len(), 2);
    assert!(server.open.load(Ordering::SeqCst) <= 2);
    // Dropped before its end, an answer frees its connection.
    drop(first);
    let third = world.get(&url).await.unwrap();
    drop((second, third));
    let all = join_all((0..50).map(|_| async { world.get(&url).await.map(drop) })).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
}

#[tokio::test]
async fn who_stops_waiting_frees_the_connection() {
    let limits = HttpLimits {
        connections: 1,
        ..limits()
    };
    let server = Server::new(Reply::Stall(Vec::new())).await;
    let world = World::new(&[here(server.port)], limits);
    let url = format!("http://api.test:{}/", server.port);
    let waiting = tokio::time::timeout(SHORT, world.get(&url)).await;
    assert!(waiting.is_err());
    let budget = &world.budget;
    let free = tokio::time::timeout(Duration::from_secs(5), budget.connection()).await;
    assert!(free.unwrap().is_ok());
    // The server sees it as well.
    while server.open.load(Ordering::SeqCst) > 0 {
        tokio::task::yield_now().await;
    }
}

/// As many as a run may send.
const MANY: usize = 10_000;

#[tokio::test]
async fn ten_thousand_requests_at_once_are_answered_a_few_at_a_time() {
    let (server, world, url) = world(ok("x"), limits()).await;
    let all = (0..MANY).map(|_| world.text(&url));
    let all = join_all(all).await;
    let failures = all.iter().filter(|answer| answer.is_err()).count();
    assert_eq!((failures, server.heads().len()), (0, MANY));
}

#[tokio::test]
async fn ten_thousand_requests_that_nobody_wants_any_more_are_gone() {
    let (server, world, url) = world(Reply::Stall(Vec::new()), limits()).await;
    let most = limits().connections;
    let mut all: FuturesUnordered<_> = (0..MANY).map(|_| world.get(&url)).collect();
    while server.heads().len() < most {
        let soon = tokio::time::timeout(Duration::from_millis(1), all.next()).await;
        assert!(soon.is_err(), "an answer of a server that does not answer");
    }
    drop(all);
    // Whoever comes next finds all connections free.
    let free = join_all((0..most).map(|_| world.budget.connection())).await;
    assert!(free.iter().all(Result::is_ok));
    while server.open.load(Ordering::SeqCst) > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.heads().len(), most);
}

#[tokio::test]
async fn a_run_sends_so_many_requests() {
    let limits = HttpLimits {
        requests: 2,
        ..limits()
    };
    let (server, world, url) = world(ok("x"), limits).await;
    for _ in 0..2 {
        world.text(&url).await.unwrap();
    }
    assert_eq!(world.get(&url).await.unwrap_err(), Failure::Denied);
    assert_eq!(server.heads().len(), 2);
    assert!(
        world
            .told()
            .starts_with("limit: limit `http_requests` of 2 reached"),
        "{}",
        world.told()
    );
}

#[tokio::test]
async fn a_server_that_refuses_is_told_apart_from_one_that_is_not_there() {
    let server = Server::new(ok("x")).await;
    let port = server.port;
    drop(server);
    let names = Names {
        answers: vec![vec!["127.0.0.1"]],
        ..Names::default()
    };
    let world = World::with(&[here(port)], limits(), gate(None), names);
    let failure = world
        .get(&format!("http://api.test:{port}/"))
        .await
        .unwrap_err();
    assert_eq!(failure, Failure::Refused);
}

#[tokio::test]
async fn an_answer_comes_as_it_is() {
    let reply = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-encoding: gzip\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nx-end: 1\r\n\r\n";
    let (_server, world, url) = world(Reply::All(bytes(reply)), limits()).await;
    let answer = world
        .get(&url)
        .await
        .unwrap()
        .into_body()
        .collect()
        .await
        .unwrap();
    let trailers = answer.trailers().cloned().unwrap_or_default();
    assert_eq!(answer.to_bytes(), "abcde");
    assert_eq!(trailers["x-end"], "1");
}

#[tokio::test]
async fn who_waits_when_the_run_ends_gets_no_connection() {
    let over = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&over);
    let limits = HttpLimits {
        connections: 1,
        ..limits()
    };
    let budget = Budget::new(limits, Arc::new(move || switch.load(Ordering::SeqCst)));
    let held = budget.connection().await.unwrap();
    let waiting = budget.connection();
    over.store(true, Ordering::SeqCst);
    drop(held);
    assert_eq!(waiting.await.unwrap_err().kind(), ErrorKind::Cancelled);
}
