//! Who is let through, and to which addresses.

use super::rules::rule;
use super::server::{Names, Server, World, gate, here, limits, ok};
use crate::http::Failure;
use crate::spec::HttpRule;

fn names(answers: &[&[&'static str]]) -> Names {
    Names {
        answers: answers.iter().map(|answer| answer.to_vec()).collect(),
        ..Names::default()
    }
}

#[tokio::test]
async fn a_declared_request_is_answered() {
    let server = Server::new(ok("hello")).await;
    let world = World::new(&[here(server.port)], limits());
    let url = format!("http://API.test:{}/a?b=c", server.port);
    assert_eq!(world.text(&url).await.unwrap(), "hello");
    let heads = server.heads();
    assert_eq!(heads.len(), 1);
    assert!(
        heads[0].starts_with("GET /a?b=c HTTP/1.1\r\n"),
        "{}",
        heads[0]
    );
    assert!(
        heads[0].contains(&format!("host: api.test:{}\r\n", server.port)),
        "{}",
        heads[0]
    );
    assert_eq!(world.told(), "");
}

#[tokio::test]
async fn what_the_step_does_not_declare_reaches_nobody() {
    let server = Server::new(ok("hello")).await;
    let world = World::new(&[rule("api.test", server.port, "/a/*", &["GET"])], limits());
    for path in ["/b", "/a", "/a/../b"] {
        let url = format!("http://api.test:{}{path}", server.port);
        assert_eq!(
            world.get(&url).await.unwrap_err(),
            Failure::Denied,
            "{path}"
        );
    }
    let told = world.told();
    let expected = format!(
        "policy: `GET http://api.test:{}/b` is denied: the step does not declare it [where that is meant, add a \
         `[[steps.http]]` with its `url` and its `methods` to the step]",
        server.port
    );
    assert!(told.contains(&expected), "{told}");
    assert_eq!(
        world.names.asked.load(std::sync::atomic::Ordering::SeqCst),
        0
    );
    assert!(server.heads().is_empty());
}

#[tokio::test]
async fn a_special_address_needs_a_declaration() {
    let server = Server::new(ok("hello")).await;
    let plain = rule("api.test", server.port, "/*", &["GET"]);
    let world = World::new(std::slice::from_ref(&plain), limits());
    let url = format!("http://api.test:{}/", server.port);
    assert_eq!(world.get(&url).await.unwrap_err(), Failure::Denied);
    let told = world.told();
    for part in [
        "`api.test` is at 127.0.0.1, which is special (this machine)",
        "addresses = [\"127.0.0.1\"]",
    ] {
        assert!(told.contains(part), "{told}");
    }
    // As does one that is written in place of a name.
    let world = World::new(&[rule("127.0.0.1", server.port, "/*", &["GET"])], limits());
    let url = format!("http://127.0.0.1:{}/", server.port);
    assert_eq!(world.get(&url).await.unwrap_err(), Failure::Denied);
    assert!(server.heads().is_empty());
}

#[tokio::test]
async fn one_special_address_among_others_denies_all_of_them() {
    let server = Server::new(ok("hello")).await;
    for answer in [
        &["127.0.0.1", "169.254.169.254"],
        &["10.0.0.1", "127.0.0.1"],
        &["127.0.0.1", "::1"],
    ] {
        let world = World::with(&[here(server.port)], limits(), gate(None), names(&[answer]));
        let url = format!("http://api.test:{}/", server.port);
        assert_eq!(
            world.get(&url).await.unwrap_err(),
            Failure::Denied,
            "{answer:?}"
        );
    }
    assert!(server.heads().is_empty());
}

#[tokio::test]
async fn a_name_is_resolved_once_and_a_second_answer_is_decided_about_anew() {
    let server = Server::new(ok("hello")).await;
    let names = names(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let world = World::with(&[here(server.port)], limits(), gate(None), names);
    let url = format!("http://api.test:{}/", server.port);
    assert_eq!(world.text(&url).await.unwrap(), "hello");
    assert_eq!(
        world.names.asked.load(std::sync::atomic::Ordering::SeqCst),
        1
    );
    assert_eq!(world.get(&url).await.unwrap_err(), Failure::Denied);
    assert!(world.told().contains("127.0.0.2"), "{}", world.told());
    assert_eq!(server.heads().len(), 1);
}

/// What a policy says of requests to `api.test`, with a condition.
fn allow(condition: &str) -> String {
    format!(
        "[[statement]]\neffect = \"allow\"\nprincipal = \"any-run\"\naction = \"network:http\"\nresource = \"host:*\"\n{condition}\n"
    )
}

#[tokio::test]
async fn where_there_are_policies_a_special_address_needs_a_statement_that_names_it() {
    let server = Server::new(ok("hello")).await;
    let url = format!("http://api.test:{}/", server.port);
    let range =
        |range: &str| format!("condition = {{ IpAddress = {{ \"network:address\" = {range} }} }}");
    let but = |range: &str| {
        format!("condition = {{ NotIpAddress = {{ \"network:address\" = {range} }} }}")
    };
    let cases = [
        (allow(""), false),
        (allow(&range("\"127.0.0.0/8\"")), true),
        (allow(&range("\"127.0.0.1\"")), true),
        (allow(&range("\"10.0.0.0/8\"")), false),
        (allow(&range("\"0.0.0.0/0\"")), false),
        (allow(&range("[\"0.0.0.0/0\", \"127.0.0.0/8\"]")), false),
        (allow(&but("\"10.0.0.0/8\"")), false),
        (allow("") + &allow(&range("\"127.0.0.0/8\"")), true),
        (
            allow(&range("\"127.0.0.0/8\"")) + &allow("").replace("allow", "deny"),
            false,
        ),
    ];
    for (statements, allowed) in cases {
        let gate = gate(Some(&statements));
        let world = World::with(
            &[here(server.port)],
            limits(),
            gate.clone(),
            names(&[&["127.0.0.1"]]),
        );
        assert_eq!(
            world.get(&url).await.is_ok(),
            allowed,
            "{statements}\n{}",
            world.told()
        );
        // And never without the step's declaration.
        let undeclared = HttpRule {
            addresses: Vec::new(),
            ..here(server.port)
        };
        let world = World::with(&[undeclared], limits(), gate, names(&[&["127.0.0.1"]]));
        assert_eq!(
            world.get(&url).await.unwrap_err(),
            Failure::Denied,
            "{statements}"
        );
    }
    let world = World::with(
        &[here(server.port)],
        limits(),
        gate(Some(&allow(""))),
        names(&[&["127.0.0.1"]]),
    );
    assert!(world.get(&url).await.is_err());
    assert!(
        world
            .told()
            .contains("the condition that `network:address` is in `127.0.0.1`"),
        "{}",
        world.told()
    );
}

#[tokio::test]
async fn a_name_without_an_address_is_nobody() {
    let world = World::with(&[here(80)], limits(), gate(None), names(&[]));
    assert_eq!(
        world.get("http://api.test/").await.unwrap_err(),
        Failure::Name
    );
    let world = World::with(&[here(80)], limits(), gate(None), names(&[&[]]));
    assert_eq!(
        world.get("http://api.test/").await.unwrap_err(),
        Failure::Name
    );
}
