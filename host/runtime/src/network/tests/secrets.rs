//! Headers that only the host sets, and those that nobody may.

use http::Request;
use http_body_util::Full;

use super::server::{Reply, Server, TOKEN, World, here, limits, ok};
use crate::http::Failure;
use crate::spec::{HeaderSecret, HttpRule};

fn rules(port: u16) -> [HttpRule; 2] {
    let header = |name: &str, prefix: &str| HeaderSecret {
        name: name.to_owned(),
        secret: "token".to_owned(),
        prefix: prefix.to_owned(),
    };
    let bound = HttpRule {
        path: "/api/*".to_owned(),
        headers: vec![header("authorization", "Bearer "), header("x-api-key", "")],
        ..here(port)
    };
    [bound, here(port)]
}

#[tokio::test]
async fn a_secret_goes_to_its_host_and_path_alone() {
    let server = Server::new(ok("x")).await;
    let world = World::new(&rules(server.port), limits());
    for (path, has) in [
        ("/api/a", true),
        ("/apis/a", false),
        ("/", false),
        ("/api", false),
    ] {
        let url = format!("http://api.test:{}{path}", server.port);
        let answer = world.get(&url).await.unwrap();
        let head = server.heads().pop().unwrap();
        assert_eq!(
            head.contains(&format!("authorization: Bearer {TOKEN}\r\n")),
            has,
            "{head}"
        );
        assert_eq!(head.contains(TOKEN), has, "{head}");
        assert!(!format!("{answer:?}").contains(TOKEN));
    }
    assert!(!format!("{:?}", world.client).contains(TOKEN));
}

#[tokio::test]
async fn a_guest_does_not_set_what_the_host_sets() {
    let server = Server::new(ok("x")).await;
    let world = World::new(&rules(server.port), limits());
    for name in [
        "authorization",
        "x-api-key",
        "X-Api-Key",
        "cookie",
        "host",
        "connection",
        "transfer-encoding",
        "te",
        "trailer",
        "expect",
        "upgrade",
        "x-http-method-override",
        "x-original-url",
    ] {
        let url = format!("http://api.test:{}/other", server.port);
        let request = Request::get(&url)
            .header(name, "1")
            .body(Full::default())
            .unwrap();
        assert_eq!(
            world.send(request).await.unwrap_err(),
            Failure::Denied,
            "{name}"
        );
        assert!(world.client.is_forbidden_header(&name.to_ascii_lowercase()));
    }
    assert!(server.heads().is_empty());
    assert!(
        world
            .told()
            .contains("a transform may not set the header `x-api-key`"),
        "{}",
        world.told()
    );
    let url = format!("http://api.test:{}/other", server.port);
    let request = Request::get(&url)
        .header("accept", "*/*")
        .body(Full::default())
        .unwrap();
    assert!(world.send(request).await.is_ok());
}

#[tokio::test]
async fn headers_that_repeat_a_secret_are_dropped() {
    let reply = format!(
        "HTTP/1.1 200 OK\r\nx-echo: Bearer {TOKEN}\r\nx-other: 1\r\ncontent-length: 0\r\n\r\n"
    );
    let server = Server::new(Reply::All(reply.into_bytes())).await;
    let world = World::new(&rules(server.port), limits());
    let answer = world
        .get(&format!("http://api.test:{}/api/a", server.port))
        .await
        .unwrap();
    assert!(answer.headers().get("x-echo").is_none());
    assert_eq!(answer.headers()["x-other"], "1");
}
