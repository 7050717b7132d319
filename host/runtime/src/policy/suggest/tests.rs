//! What is suggested allows what was used, and not one thing more than the rules say.

use super::*;
use crate::policy::{Policies, Principal, Request, RunIdentity};

fn used(action: &str, resource: &str) -> Use {
    with(action, resource, &[])
}

fn with(action: &str, resource: &str, context: &[(&str, &str)]) -> Use {
    let context = context.iter();
    Use::of(&Decided {
        principal: String::new(),
        step: None,
        action: action.to_owned(),
        resource: resource.to_owned(),
        context: context
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        allowed: true,
        by: Vec::new(),
        missing: Vec::new(),
        errors: Vec::new(),
    })
    .unwrap()
    .unwrap()
}

fn get(method: &str, path: &str) -> Use {
    let context = [
        ("network:scheme", "https"),
        ("network:method", method),
        ("network:path", path),
        ("network:address", "93.184.215.14"),
    ];
    with("network:http", "host:api.example.com:443", &context)
}

fn toml(uses: &[Use]) -> String {
    let suggestion = suggest(Layer::Identity, [("etl", uses)]).unwrap();
    assert_eq!(suggestion.unsayable, Vec::<String>::new());
    let text = suggestion.file.to_syntax(Syntax::Toml).unwrap();
    PolicyFile::parse(&text, "again", Syntax::Toml, None).unwrap();
    text
}

fn allows(uses: &[Use], wanted: &Use) -> bool {
    let suggestion = suggest(Layer::Identity, [("etl", uses)]).unwrap();
    let all = "[[statement]]\neffect = \"allow\"\naction = \"*\"\nresource = \"*\"\n";
    let all = PolicyFile::parse(all, "all", Syntax::Toml, Some(Layer::Application)).unwrap();
    let run = Principal::run(RunIdentity {
        id: "r-1".to_owned(),
        application: "etl".to_owned(),
        ..RunIdentity::default()
    });
    let snapshot = Policies::new(vec![suggestion.file, all]).snapshot(&run.unwrap());
    let context = wanted.context.iter();
    let context = context.fold(Context::default(), |context, (key, value)| {
        context.with(wanted.action, key, value).unwrap()
    });
    let request = Request::on(wanted.action, wanted.resource.clone(), context).unwrap();
    snapshot.unwrap().decide(&request).allowed
}

/// A run as the lab's, with an API and a secret.
fn run() -> Vec<Use> {
    vec![
        used("object:list", "s3://raw/sales/"),
        used("object:get", "s3://raw/sales/2024/a.csv"),
        used("object:get", "s3://raw/sales/b.csv"),
        used("object:head", "file:///plugins/etl.wasm"),
        used("object:get", "file:///plugins/etl.wasm"),
        used("object:list", "s3://curated/sales/"),
        used(
            "object:create",
            "s3://curated/sales/date=2026-11-22/part-0.parquet",
        ),
        used("object:create", "s3://curated/sales/_SUCCESS"),
        get("GET", "/v1/users"),
        get("POST", "/v1/query"),
        with(
            "secret:use",
            "secret:token",
            &[("secret:host", "api.example.com")],
        ),
        used("clock:read", "clock:wall"),
    ]
}

#[test]
fn a_run_becomes_one_statement_for_each_set_of_actions() {
    insta::assert_snapshot!(toml(&run()));
}

#[test]
fn all_that_was_used_is_allowed_and_one_use_less_denies_it() {
    let uses = run();
    for (at, used) in uses.iter().enumerate() {
        assert!(allows(&uses, used), "{used:?}");
        let mut less = uses.clone();
        less.remove(at);
        // One of two objects of a listed folder stands for both.
        let twin = |other: &Use| {
            other.action == used.action
                && used.action.kind() == ResourceKind::Object
                && other.resource.to_string().starts_with("s3://")
                && used.resource.to_string().starts_with("s3://")
        };
        let stands = used.action != Action::ObjectList && less.iter().any(twin);
        assert_eq!(allows(&less, used), stands, "{used:?}");
    }
}

#[test]
fn what_was_not_used_is_denied() {
    let uses = run();
    for other in [
        used("object:overwrite", "s3://curated/sales/_SUCCESS"),
        used("object:get", "s3://raw/sales-hr/a.csv"),
        used("object:get", "s3://curated/sales/_SUCCESS"),
        used("object:get", "file:///plugins/other.wasm"),
        get("DELETE", "/v1/users"),
        get("GET", "/v1/query"),
        get("GET", "/v1/users/7"),
        with(
            "secret:use",
            "secret:token",
            &[("secret:host", "evil.example.com")],
        ),
        used("secret:read", "secret:token"),
        used("random:read", "random:secure"),
    ] {
        assert!(!allows(&uses, &other), "{other:?}");
    }
}

#[test]
fn objects_are_named_one_by_one_until_they_are_many() {
    let of = |count: usize| -> Vec<Use> {
        let names = 0..count;
        names
            .map(|at| used("object:get", &format!("s3://raw/x/{at}")))
            .collect()
    };
    assert!(!allows(
        &of(NAMED_MAX),
        &used("object:get", "s3://raw/x/other")
    ));
    assert!(allows(
        &of(NAMED_MAX + 1),
        &used("object:get", "s3://raw/x/other")
    ));
    let paths = |count: usize| -> Vec<Use> {
        (0..count)
            .map(|at| get("GET", &format!("/v1/users/{at}")))
            .collect()
    };
    assert!(!allows(&paths(NAMED_MAX), &get("GET", "/v1/users/me")));
    assert!(allows(&paths(NAMED_MAX + 1), &get("GET", "/v1/users/me")));
    assert!(!allows(&paths(NAMED_MAX + 1), &get("GET", "/v1/groups")));
}

#[test]
fn what_is_written_is_allowed_by_folder_without_its_partitions() {
    let uses = [used("object:create", "s3://out/t/a=1/b=2/part-0")];
    assert!(toml(&uses).contains("resource = \"s3://out/t/*\""));
}

#[test]
fn more_than_a_statement_holds_becomes_several() {
    let uses: Vec<Use> = (0..200)
        .map(|at| used("object:get", &format!("s3://raw/{at}/x")))
        .collect();
    assert_eq!(toml(&uses).matches("[[statement]]").count(), 4);
    assert!(uses.iter().all(|used| allows(&uses, used)));
    let hosts: Vec<Use> = (0..200)
        .map(|at| {
            let host = format!("h{at}.example.com");
            with("secret:use", "secret:token", &[("secret:host", &host)])
        })
        .collect();
    assert!(hosts.iter().all(|used| allows(&hosts, used)));
}

#[test]
fn names_that_would_be_patterns_do_not_become_some() {
    let odd = Use {
        resource: Resource {
            kind: ResourceKind::Object,
            name: "s3:raw/a*".to_owned(),
            folder: false,
        },
        ..used("object:get", "s3://raw/x")
    };
    let suggestion = suggest(Layer::Identity, [("etl", [odd].as_slice())]).unwrap();
    assert_eq!(suggestion.unsayable, ["s3:raw/a*"]);
    assert!(!allows(&[get("GET", "/v1/a*b")], &get("GET", "/v2/axb")));
    assert!(allows(&[get("GET", "/v1/a*b")], &get("GET", "/v1/a*b")));
    let variable = [get("GET", "/v1/${run.id}")];
    assert!(toml(&variable).contains("\"network:path\" = \"/v1/*\""));
}
