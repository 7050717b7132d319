//! Decisions compared with the reference, and what must hold for all policies.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use super::reference::{self, Asked, Asker, Said};
use crate::policy::{
    Action, Context, Layer, Policies, PolicyFile, Principal, Request, RunIdentity, Syntax,
};

/// Sets of statements that are compared with the reference. Each is asked every question by everybody: 10^5 decisions.
const SETS_COMPARED: u32 = 1_000;

/// Sets of statements of every other property.
const SETS: u32 = 256;

const PRINCIPALS: [&str; 9] = [
    "any",
    "any-user",
    "any-run",
    "user:u1",
    "group:g1",
    "dynamic-group:prod",
    "dynamic-group:a2",
    "application:a1",
    "user:u2",
];

const ACTIONS: [&str; 8] = [
    "*",
    "object:*",
    "object:get",
    "object:list",
    "object:create",
    "*:use",
    "network:http",
    "secret:use",
];

const RESOURCES: [&str; 16] = [
    "*",
    "object:*",
    "s3://bbb/*",
    "s3://bbb/a/*",
    "s3://bbb/a/b/*",
    "s3://bbb/ab/*",
    "s3://bbb/a/x",
    "s3://bbb/a/*.csv",
    "s3://bbb/*/x",
    "s3://bbb/${principal.name}/*",
    "s3://bbb/${tag.env}/*",
    "secret:*",
    "secret:s1",
    "secret:s*",
    "host:*.example:443",
    "host:h.example:*",
];

fn conditions() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("StringEquals", "tag:env", json!("prod")),
        ("StringNotEquals", "tag:env", json!(["prod", "live"])),
        ("StringEqualsIfExists", "run:application", json!("a1")),
        ("StringLike", "run:application", json!(["b*", "*1"])),
        ("StringNotLikeIfExists", "principal:name", json!("u*")),
        ("NumericLessThan", "object:size", json!(10)),
        ("NumericGreaterThanEqualsIfExists", "object:size", json!(10)),
        ("Bool", "object:staged", json!(true)),
        (
            "IpAddress",
            "network:address",
            json!(["10.0.0.0/8", "192.168.0.0/16"]),
        ),
        ("NotIpAddress", "network:address", json!("10.0.0.0/8")),
        ("DateLessThan", "time:now", json!("2026-11-22")),
        ("Null", "object:size", json!(true)),
        ("Null", "time:now", json!(false)),
    ]
}

fn said() -> impl Strategy<Value = Said> {
    let mostly_allow = prop::bool::weighted(0.75);
    let layer = prop_oneof![
        4 => Just(Layer::Identity),
        2 => Just(Layer::Application),
        1 => select(Layer::ALL.to_vec()),
    ];
    (
        layer,
        mostly_allow,
        select(PRINCIPALS.to_vec()),
        subsequence(ACTIONS.to_vec(), 1..=2),
        subsequence(RESOURCES.to_vec(), 1..=2),
        prop_oneof![2 => Just(Vec::new()), 1 => subsequence(conditions(), 1..=2)],
    )
        .prop_map(
            |(layer, allow, principal, actions, resources, conditions)| Said {
                layer,
                allow,
                principal,
                actions,
                resources,
                conditions,
            },
        )
        .prop_filter("accepted", |said| {
            parse(std::slice::from_ref(said), said.layer).is_ok()
        })
}

/// Statements, and layers that are given whether they have any or not.
fn sets() -> impl Strategy<Value = (Vec<Layer>, Vec<Said>)> {
    let empty = prop_oneof![
        3 => Just(Vec::new()),
        1 => subsequence(Layer::ALL.to_vec(), 1..=1),
    ];
    (empty, prop::collection::vec(said(), 0..10)).prop_map(|(mut given, said)| {
        given.extend(said.iter().map(|said| said.layer));
        given.sort_unstable();
        given.dedup();
        (given, said)
    })
}

fn parse(said: &[Said], layer: Layer) -> crate::Result<PolicyFile> {
    let statements = said.iter().map(|said| {
        let mut conditions: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        for (operator, key, value) in &said.conditions {
            let keys = conditions.entry(operator).or_default();
            keys.insert((*key).to_owned(), value.clone());
        }
        json!({
            "effect": if said.allow { "allow" } else { "deny" },
            "principal": said.principal,
            "action": said.actions,
            "resource": said.resources,
            "condition": conditions,
        })
    });
    let mut root = json!({ "statement": statements.collect::<Vec<_>>() });
    if layer == Layer::Tenant || layer == Layer::Identity {
        root["groups"] = json!({ "g1": ["u1"] });
        root["dynamic-groups"] = json!({ "prod": "tag.env = 'prod'", "a2": "application = 'a2'" });
    }
    PolicyFile::parse(&root.to_string(), layer.as_str(), Syntax::Json, None).map(|mut file| {
        file.layer = layer;
        file
    })
}

fn policies(given: &[Layer], said: &[Said]) -> Policies {
    let file = |layer: &Layer| {
        let ours: Vec<Said> = said
            .iter()
            .filter(|said| said.layer == *layer)
            .cloned()
            .collect();
        parse(&ours, *layer).unwrap()
    };
    let mut files: Vec<PolicyFile> = given.iter().map(file).collect();
    // Who is in which group does not depend on the layers of the test.
    if !given
        .iter()
        .any(|layer| matches!(layer, Layer::Tenant | Layer::Identity))
    {
        files.push(parse(&[], Layer::Identity).unwrap());
    }
    Policies::new(files)
}

fn askers() -> [(Principal, Asker); 4] {
    let user = |name, known_as| {
        let values = BTreeMap::from([("principal.name", name), ("principal:name", name)]);
        let asker = Asker {
            name,
            is_run: false,
            known_as,
            values,
        };
        (Principal::user(name).unwrap(), asker)
    };
    let run = |name, application, env: Option<&'static str>, known_as| {
        let mut values = BTreeMap::from([
            ("principal.name", name),
            ("principal:name", name),
            ("run:application", application),
        ]);
        values.extend(
            env.iter()
                .flat_map(|env| [("tag.env", *env), ("tag:env", *env)]),
        );
        let identity = RunIdentity {
            id: name.to_owned(),
            application: application.to_owned(),
            tags: env
                .iter()
                .map(|env| ("env".to_owned(), (*env).to_owned()))
                .collect(),
            ..RunIdentity::default()
        };
        let asker = Asker {
            name,
            is_run: true,
            known_as,
            values,
        };
        (Principal::run(identity).unwrap(), asker)
    };
    [
        user("u1", &["any", "any-user", "user:u1", "group:g1"]),
        user("u2", &["any", "any-user", "user:u2"]),
        run(
            "a",
            "a1",
            Some("prod"),
            &["any", "any-run", "application:a1", "dynamic-group:prod"],
        ),
        run(
            "r2",
            "a2",
            None,
            &["any", "any-run", "application:a2", "dynamic-group:a2"],
        ),
    ]
}

fn questions() -> Vec<Asked> {
    let mut questions = Vec::new();
    let mut ask = |action, resource, contexts: &[&[(&'static str, &'static str)]]| {
        for context in contexts {
            let context = context.iter().copied().collect();
            questions.push(Asked {
                action,
                resource,
                context,
            });
        }
    };
    let small: &[_] = &[
        ("object:size", "5"),
        ("object:staged", "true"),
        ("time:now", "2026-11-21"),
    ];
    let large: &[_] = &[
        ("object:size", "50"),
        ("object:staged", "false"),
        ("time:now", "2026-11-23"),
    ];
    for resource in [
        "s3://bbb/a/x",
        "s3://bbb/a/b/c.csv",
        "s3://bbb/ab/x",
        "s3://bbb/u1/x",
        "s3://bbb/prod/x",
        "s3://ccc/a/x",
    ] {
        ask("object:get", resource, &[&[], small]);
    }
    ask("object:create", "s3://bbb/a/x.csv", &[&[], small, large]);
    for resource in ["s3://bbb", "s3://bbb/a", "s3://bbb/ab", "s3://bbb/a/x"] {
        ask("object:list", resource, &[&[]]);
    }
    ask(
        "secret:use",
        "secret:s1",
        &[&[], &[("time:now", "2026-11-21")]],
    );
    ask("secret:read", "secret:t", &[&[]]);
    let address = |address| [("network:address", address)];
    ask(
        "network:http",
        "host:h.example:443",
        &[&[], &address("10.1.2.3"), &address("192.168.1.1")],
    );
    ask(
        "network:http",
        "host:a.h.example:80",
        &[&address("8.8.8.8")],
    );
    questions
}

fn request(asked: &Asked) -> Request {
    let action = Action::parse(asked.action).unwrap();
    let context = asked
        .context
        .iter()
        .fold(Context::default(), |context, (key, value)| {
            context.with(action, key, value).unwrap()
        });
    Request::new(action, asked.resource, context).unwrap()
}

/// What everybody may do, in one order.
fn decide(given: &[Layer], said: &[Said]) -> Vec<bool> {
    let policies = policies(given, said);
    let mut allowed = Vec::new();
    for (principal, _) in askers() {
        let snapshot = policies.snapshot(&principal).unwrap();
        allowed.extend(
            questions()
                .iter()
                .map(|asked| snapshot.decide(&request(asked)).allowed),
        );
    }
    allowed
}

/// Whether a deny names a variable that not everybody has: its failure is its own test.
fn may_fail(said: &[Said]) -> bool {
    let varies = |said: &Said| said.resources.iter().any(|text| text.contains("tag.env"));
    said.iter().any(|said| !said.allow && varies(said))
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(SETS_COMPARED))]

    #[test]
    fn decisions_are_those_of_the_reference((given, said) in sets()) {
        prop_assume!(!may_fail(&said));
        let policies = policies(&given, &said);
        let mut given = given;
        // Where there is no identity layer there is an empty one, which says as much.
        given.push(Layer::Identity);
        for (principal, asker) in askers() {
            let snapshot = policies.snapshot(&principal).unwrap();
            for asked in questions() {
                let decision = snapshot.decide(&request(&asked));
                prop_assert_eq!(&decision.errors, &[""; 0]);
                let expected = reference::allowed(&given, &said, &asker, &asked);
                prop_assert_eq!(decision.allowed, expected, "{} {:?} {:?}", asker.name, asked, decision);
            }
        }
    }
}

proptest! {
    #![proptest_config(config(SETS))]

    #[test]
    fn order_and_repetition_change_nothing((given, said) in sets()) {
        let mut other: Vec<Said> = said.iter().rev().cloned().collect();
        other.extend(said.iter().take(2).cloned());
        prop_assert_eq!(decide(&given, &said), decide(&given, &other));
    }

    #[test]
    fn an_allow_takes_nothing_away_and_a_deny_gives_nothing((given, said) in sets(), more in said()) {
        // A layer that was not given binds nobody: it has to be there before.
        let mut given = given;
        given.push(more.layer);
        given.sort_unstable();
        given.dedup();
        let before = decide(&given, &said);
        let allow = more.allow;
        let after = decide(&given, &[&said[..], &[more]].concat());
        for (before, after) in before.into_iter().zip(after) {
            if allow {
                prop_assert!(after || !before);
            } else {
                prop_assert!(before || !after);
            }
        }
    }

    #[test]
    fn a_deny_of_all_leaves_nothing((given, said) in sets(), layer in select(Layer::ALL.to_vec())) {
        let deny = Said {
            layer,
            allow: false,
            principal: "any",
            actions: vec!["*"],
            resources: vec!["*"],
            conditions: Vec::new(),
        };
        let mut given = given;
        given.push(layer);
        given.sort_unstable();
        given.dedup();
        let allowed = decide(&given, &[&said[..], &[deny]].concat());
        let users = 2 * questions().len();
        let bound = if matches!(layer, Layer::Application | Layer::Session) { users } else { 0 };
        prop_assert!(!allowed[bound..].iter().any(|allowed| *allowed));
    }
}
