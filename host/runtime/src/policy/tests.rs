//! What files are accepted, what they mean, and what is told about a denial.

mod changes;
mod corpus;
mod masks;
mod properties;
mod reference;

use super::*;

/// The policies of files, each of a layer.
fn policies(files: &[(Layer, &str)]) -> Policies {
    Policies::new(
        files
            .iter()
            .map(|(layer, text)| {
                let name = format!("{layer}.toml");
                PolicyFile::parse(text, &name, Syntax::Toml, Some(*layer)).unwrap()
            })
            .collect(),
    )
}

fn identity(text: &str) -> Policies {
    policies(&[(Layer::Identity, text)])
}

fn anna() -> Principal {
    Principal::user("anna").unwrap()
}

fn run() -> Principal {
    Principal::run(RunIdentity {
        id: "r-1".to_owned(),
        application: "sales-etl".to_owned(),
        compartment: "acme".to_owned(),
        submitter: "anna".to_owned(),
        tags: [("env".to_owned(), "prod".to_owned())].into(),
    })
    .unwrap()
}

fn ask(policies: &Policies, principal: &Principal, action: &str, resource: &str) -> Decision {
    ask_with(policies, principal, action, resource, &[])
}

fn ask_with(
    policies: &Policies,
    principal: &Principal,
    action: &str,
    resource: &str,
    context: &[(&str, &str)],
) -> Decision {
    let action = Action::parse(action).unwrap();
    let context = context
        .iter()
        .fold(Context::default(), |context, (key, value)| {
            context.with(action, key, value).unwrap()
        });
    let request = Request::new(action, resource, context).unwrap();
    policies.snapshot(principal).unwrap().decide(&request)
}

fn statement(principal: &str, action: &str, resource: &str, more: &str) -> String {
    format!(
        "[[statement]]\nsid = \"s\"\neffect = \"allow\"\nprincipal = \"{principal}\"\naction = \"{action}\"\n\
         resource = \"{resource}\"\n{more}\n"
    )
}

fn refusal(text: &str, syntax: Syntax) -> String {
    let error = PolicyFile::parse(text, "p", syntax, None).unwrap_err();
    format!("{error} {:?}", error.hints())
}

#[track_caller]
fn check_refused(text: &str, parts: &[&str]) {
    let told = refusal(text, Syntax::Toml);
    for part in parts {
        assert!(told.contains(part), "`{part}` is not in:\n{told}");
    }
}

#[test]
fn nothing_is_allowed_without_a_statement() {
    for principal in [anna(), run()] {
        for action in ["object:get", "object:list"] {
            let decision = ask(&Policies::default(), &principal, action, "s3://raw/a");
            assert!(!decision.allowed);
            assert_eq!(decision.errors, [""; 0]);
        }
    }
}

#[test]
fn prefixes_end_at_a_slash() {
    let policies = identity(&statement("any", "object:*", "s3://raw/a/b/*", ""));
    let allowed = |action, resource| ask(&policies, &anna(), action, resource).allowed;
    assert!(allowed("object:get", "s3://raw/a/b/c"));
    assert!(allowed("object:get", "s3://raw/a/b/c/d"));
    assert!(allowed("object:list", "s3://raw/a/b"));
    assert!(allowed("object:list", "s3://raw/a/b/c/"));
    assert!(!allowed("object:get", "s3://raw/a/bc"));
    assert!(!allowed("object:get", "s3://raw/a/bc/d"));
    assert!(!allowed("object:get", "s3://raw/a/b"));
    assert!(!allowed("object:get", "s3://raw2/a/b/c"));
    assert!(!allowed("object:list", "s3://raw/a"));
    assert!(!allowed("object:list", "s3://raw"));
}

#[test]
fn resources_have_one_form() {
    let read = |text: &str, action| Resource::parse(text, action).map(|found| found.to_string());
    let host = read("host:EXAMPLE.com.:443", Action::NetworkHttp);
    assert_eq!(host.unwrap(), "host:example.com:443");
    let host = read("host:[0::1]:80", Action::NetworkTcp);
    assert_eq!(host.unwrap(), "host:[::1]:80");
    for wrong in [
        "s3://raw/../x",
        "s3://raw/./x",
        "s3://raw//x",
        "s3://raw/x/",
        "s3://raw",
        "s3:///x",
        "s3://raw/%2e%2E/x",
        "s3://raw/a%2Fb",
        "s3://raw/a%252Fb",
        "s3://raw/a\\b",
        "s3://raw/a\0b",
        "s3://raw/a\u{200B}b",
        "s3://raw/a\u{202E}b",
        "secret:x",
        "raw/x",
    ] {
        assert!(read(wrong, Action::ObjectGet).is_err(), "{wrong}");
    }
    let long = format!("s3://raw/{}", "x".repeat(RESOURCE_BYTES_MAX));
    assert!(read(&long, Action::ObjectGet).is_err());
    let deep = |names: usize| format!("s3://raw{}", "/x".repeat(names - 1));
    assert!(read(&deep(SEGMENTS_MAX), Action::ObjectGet).is_ok());
    assert!(read(&deep(SEGMENTS_MAX + 1), Action::ObjectGet).is_err());
    for wrong in [
        "host:example.com",
        "host:example.com:0",
        "host:example.com:0443",
        "host:example.com:443/x",
        "host:user@example.com:443",
        "host:a..b:1",
        "host:127.1:80",
        "host:0x7f.1:80",
        "host:2130706433:80",
        "host:*.com:443",
    ] {
        assert!(read(wrong, Action::NetworkHttp).is_err(), "{wrong}");
    }
}

#[test]
fn a_deny_wins_in_any_layer() {
    let allow = statement("any", "*", "*", "");
    let deny = "[[statement]]\nsid = \"no\"\neffect = \"deny\"\nprincipal = \"any\"\naction = \"object:get\"\n\
                resource = \"s3://raw/secret/*\"\n";
    for layer in Layer::ALL {
        let all: Vec<(Layer, String)> = Layer::ALL
            .into_iter()
            .map(|other| {
                let deny = if other == layer { deny } else { "" };
                (other, format!("{allow}{deny}"))
            })
            .collect();
        let files: Vec<(Layer, &str)> = all.iter().map(|(of, text)| (*of, text.as_str())).collect();
        let policies = policies(&files);
        assert!(ask(&policies, &run(), "object:get", "s3://raw/x").allowed);
        let decision = ask(&policies, &run(), "object:get", "s3://raw/secret/x");
        assert!(!decision.allowed, "{layer}");
        let sids: Vec<_> = decision
            .determining()
            .iter()
            .map(|of| of.sid.clone())
            .collect();
        assert_eq!(sids, ["no"]);
        assert_eq!(decision.determining()[0].place, format!("{layer}.toml:8"));
    }
}

#[test]
fn a_run_needs_its_application_and_whatever_bounds_it() {
    let allow = statement("any", "object:get", "s3://raw/*", "");
    let other = statement("any", "object:get", "s3://other/*", "");
    let get = |policies: &Policies| ask(policies, &run(), "object:get", "s3://raw/x").allowed;
    assert!(!get(&identity(&allow)));
    let both = [
        (Layer::Identity, allow.as_str()),
        (Layer::Application, &allow),
    ];
    assert!(get(&policies(&both)));
    let owner = [
        (Layer::Resource, allow.as_str()),
        (Layer::Application, &allow),
    ];
    assert!(get(&policies(&owner)));
    for layer in [Layer::Platform, Layer::Tenant, Layer::Session] {
        let with = |text| [both[0], both[1], (layer, text)];
        assert!(get(&policies(&with(&allow))));
        assert!(!get(&policies(&with(&other))));
        // Given and empty: nothing is within it.
        assert!(!get(&policies(&with(""))));
    }
    // An application binds its runs, not people.
    let bound = [(Layer::Identity, allow.as_str()), (Layer::Application, "")];
    assert!(ask(&policies(&bound), &anna(), "object:get", "s3://raw/x").allowed);
}

#[test]
fn missing_keys_fail_an_allow_and_keep_a_negated_deny() {
    let with = |effect: &str, condition: &str| {
        let allow = statement("any", "*", "*", "");
        let tested = format!(
            "[[statement]]\nsid = \"t\"\neffect = \"{effect}\"\nprincipal = \"any\"\naction = \"object:create\"\n\
             resource = \"s3://raw/*\"\ncondition = {{ {condition} }}\n"
        );
        let text = if effect == "allow" {
            tested
        } else {
            allow + &tested
        };
        identity(&text)
    };
    let create = |policies: &Policies, context: &[(&str, &str)]| {
        ask_with(policies, &anna(), "object:create", "s3://raw/x", context).allowed
    };
    let small = [("object:size", "10")];
    let large = [("object:size", "2KiB")];
    let less = "NumericLessThan = { \"object:size\" = \"1KiB\" }";
    assert!(create(&with("allow", less), &small));
    assert!(!create(&with("allow", less), &large));
    assert!(!create(&with("allow", less), &[]));
    let less = "NumericLessThanIfExists = { \"object:size\" = \"1KiB\" }";
    assert!(create(&with("allow", less), &[]));
    assert!(!create(&with("allow", less), &large));
    let not = "NumericNotEquals = { \"object:size\" = 10 }";
    assert!(!create(&with("allow", not), &[]));
    assert!(create(&with("allow", not), &large));
    assert!(!create(&with("deny", not), &[]));
    assert!(!create(&with("deny", not), &large));
    assert!(create(&with("deny", not), &small));
    let none = "Null = { \"object:size\" = true }";
    assert!(create(&with("allow", none), &[]));
    assert!(!create(&with("allow", none), &small));
}

#[test]
fn several_values_are_or_and_several_keys_are_and() {
    let text = statement(
        "any",
        "network:http",
        "host:*.example.com:443",
        "[statement.condition]\nStringEquals = { \"network:method\" = [\"GET\", \"HEAD\"], \"network:scheme\" = \"https\" }\n\
         NotIpAddress = { \"network:address\" = [\"10.0.0.0/8\", \"127.0.0.0/8\"] }",
    );
    let policies = identity(&text);
    let http = |host: &str, method: &str, address: &str| {
        let context = [
            ("network:method", method),
            ("network:scheme", "HTTPS"),
            ("network:address", address),
        ];
        ask_with(&policies, &anna(), "network:http", host, &context).allowed
    };
    assert!(http("host:API.example.com:443", "get", "93.184.216.34"));
    assert!(http("host:api.example.com:443", "HEAD", "2001:db8::1"));
    assert!(!http("host:api.example.com:443", "POST", "93.184.216.34"));
    assert!(!http("host:api.example.com:443", "GET", "10.1.2.3"));
    assert!(!http("host:api.example.com:443", "GET", "::ffff:10.1.2.3"));
    assert!(!http("host:api.example.com:443", "GET", "127.0.0.1"));
    assert!(!http("host:example.com:443", "GET", "93.184.216.34"));
    assert!(!http("host:api.example.com:80", "GET", "93.184.216.34"));
    assert!(!http(
        "host:api.example.com.evil.org:443",
        "GET",
        "93.184.216.34"
    ));
}

#[test]
fn variables_stand_for_one_literal_name() {
    let text = statement(
        "any",
        "object:get",
        "s3://raw/${tag.env}/${principal.name}/*",
        "",
    );
    let both = |text: &str| policies(&[(Layer::Identity, text), (Layer::Application, text)]);
    let get = |policies: &Policies, env: &str, resource: &str| {
        let Principal::Run(mut identity) = run() else {
            panic!("a run is a run")
        };
        identity.tags.insert("env".to_owned(), env.to_owned());
        ask(policies, &Principal::Run(identity), "object:get", resource)
    };
    assert!(get(&both(&text), "prod", "s3://raw/prod/r-1/x").allowed);
    assert!(!get(&both(&text), "prod", "s3://raw/prod/r-2/x").allowed);
    for odd in ["*", "..", "a/b", "", "a*", "${run.id}"] {
        assert!(
            !get(&both(&text), odd, "s3://raw/prod/r-1/x").allowed,
            "{odd}"
        );
    }
    // A star in a value is a star, not a wildcard.
    let like = statement(
        "any",
        "object:get",
        "s3://raw/*",
        "condition = { StringLike = { \"run:application\" = \"${tag.env}*\" } }",
    );
    assert!(get(&both(&like), "sales", "s3://raw/x").allowed);
    assert!(!get(&both(&like), "*", "s3://raw/x").allowed);
}

#[test]
fn a_deny_that_cannot_be_expanded_denies_all() {
    let allow = statement("any", "*", "*", "");
    let deny = "[[statement]]\nsid = \"no\"\neffect = \"deny\"\nprincipal = \"any\"\naction = \"object:get\"\n\
                resource = \"s3://raw/${tag.team}/*\"\n";
    let text = format!("{allow}{deny}");
    let policies = policies(&[(Layer::Identity, &text), (Layer::Application, &allow)]);
    let decision = ask(&policies, &run(), "secret:use", "secret:x");
    assert!(!decision.allowed);
    assert!(
        decision.errors[0].contains("no value for `${tag.team}`"),
        "{decision:?}"
    );
}

#[test]
fn what_fails_while_it_is_evaluated_denies() {
    // Integers that overflow are the one failure that validation cannot exclude.
    let text = "permit (principal, action, resource);\n\
                @id(\"sum\") forbid (principal, action == Sluice::Action::\"object:get\", resource) when { \
                context has size && context.size + 9223372036854775807 < 0 };";
    let file = PolicyFile::parse(text, "p.cedar", Syntax::Cedar, None).unwrap();
    let policies = Policies::new(vec![file]);
    let get = |context: &[(&str, &str)]| {
        ask_with(&policies, &anna(), "object:get", "s3://raw/x", context)
    };
    assert!(get(&[]).allowed);
    let decision = get(&[("object:size", "1")]);
    assert!(!decision.allowed);
    assert!(decision.errors[0].contains("overflow"), "{decision:?}");
}

#[test]
fn groups_and_rules_say_who_belongs() {
    let text = "[groups]\nstaff = [\"anna\", \"ben\"]\n[dynamic-groups]\n\
                prod = \"all { compartment = 'acme', any { tag.env = 'prod', tag.env = 'live' }, application != 'x' }\"\n\
                none = \"tag.team != 'x'\"\n";
    let policies = identity(text);
    assert_eq!(policies.groups_of(&anna()), ["staff"]);
    assert_eq!(
        policies.groups_of(&Principal::user("carl").unwrap()),
        [""; 0]
    );
    assert_eq!(policies.groups_of(&run()), ["prod"]);
    assert_eq!(
        policies.groups(),
        ["dynamic-group:none", "dynamic-group:prod", "group:staff"]
    );
    for (rule, part) in [
        ("", "rule"),
        ("all { }", "expected"),
        ("all { application = 'x' ", "`}` is expected"),
        ("application == 'x'", "`'` is expected"),
        ("application = 'x", "a value in `'`"),
        ("application = 'x' or", "the end of the rule"),
        ("aplication = 'x'", "`aplication`"),
    ] {
        let told = Rule::parse(rule).unwrap_err();
        assert!(told.contains(part), "{rule}: {told}");
    }
    let deep = |depth: usize| {
        format!(
            "{}application='x'{}",
            "all{".repeat(depth),
            "}".repeat(depth)
        )
    };
    assert!(Rule::parse(&deep(RULE_DEPTH_MAX)).is_ok());
    assert!(Rule::parse(&deep(RULE_DEPTH_MAX + 1)).is_err());
    assert!(Rule::parse(&deep(RULE_BYTES_MAX)).is_err());
}

#[test]
fn a_typo_is_told_with_its_line_and_the_nearest_name() {
    check_refused(
        &statement("any", "object:gte", "s3://raw/*", ""),
        &[
            "p:5:10",
            "unknown action `object:gte`, did you mean `object:get`?",
        ],
    );
    check_refused(
        &statement("grup:x", "object:get", "s3://raw/*", ""),
        &["p:4:13", "unknown principal `grup:x`", "`group:NAME`"],
    );
    check_refused(
        &statement("any", "object:get", "sekret:x", ""),
        &[
            "p:6:12",
            "unknown kind of resource `sekret`, did you mean `secret`?",
        ],
    );
    check_refused(
        &statement(
            "any",
            "object:get",
            "s3://raw/*",
            "condition = { StringEqual = {} }",
        ),
        &["p:7:15", "did you mean `StringEquals`?"],
    );
    check_refused(
        &statement(
            "any",
            "object:get",
            "s3://raw/*",
            "[statement.condition.Bool]\n\"object:stagd\" = true",
        ),
        &["p:8:1", "did you mean `object:staged`?"],
    );
    check_refused("[[statment]]\n", &["p:1:", "did you mean `statement`?"]);
}

#[test]
fn what_cannot_be_represented_or_never_applies_is_refused() {
    let refused = |action, resource, more: &str, part| {
        check_refused(&statement("any", action, resource, more), &[part]);
    };
    refused("object:get", "s3://raw/?", "", "cannot be represented");
    refused("object:get", "s3://raw-*/x", "", "reach across buckets");
    refused("object:get", "s3://raw", "", "`s3://raw/*` is all");
    refused("object:get", "s3://raw/../x/*", "", "`..`");
    refused(
        "object:get",
        "secret:x",
        "",
        "none of the actions acts on `secret:x`",
    );
    refused("object:list", "s3://raw/x", "", "none of the actions");
    refused("network:http", "host:exam*ple.com:443", "", "elsewhere");
    refused("network:http", "host:example.com", "", "no port");
    refused(
        "object:get",
        "s3://raw/${run.idd}/*",
        "",
        "unknown variable `${run.idd}`",
    );
    refused("object:get", "${run.id}:raw/*", "", "kind");
    let size = "condition = { NumericEquals = { \"object:size\" = 1 } }";
    refused(
        "secret:use",
        "secret:x",
        size,
        "the condition would never hold",
    );
    let size = "condition = { StringEquals = { \"object:size\" = \"1\" } }";
    refused(
        "object:get",
        "s3://raw/*",
        size,
        "this operator compares a string",
    );
    let between = "condition = { NumericLessThan = { \"object:size\" = [1, 2] } }";
    refused("object:get", "s3://raw/*", between, "expected one bound");
    let address = "condition = { IpAddress = { \"network:address\" = \"10.0.0/8\" } }";
    refused("network:http", "host:*", address, "no address or range");
    check_refused("layer = \"session\"\n[groups]\na = []\n", &["alone"]);
    let twice = statement("any", "*", "*", "");
    check_refused(&format!("{twice}{twice}"), &["a second statement `s`"]);
}

#[test]
fn json_says_the_same_and_problems_have_lines() {
    let text = "{\n \"statement\": [\n  {\"effect\": \"allow\", \"principal\": \"any\",\n   \"action\": \"object:get\", \
                \"resource\": [\"s3://raw/*\", \"s3://aaa\\u002fb/*\"]}\n ]\n}\n";
    let file = PolicyFile::parse(text, "p.json", Syntax::Json, None).unwrap();
    let policies = Policies::new(vec![file]);
    let decision = ask(&policies, &anna(), "object:get", "s3://aaa/b/c");
    assert_eq!(decision.determining()[0].to_string(), "#1 (p.json:3)");
    let told = refusal(
        "{\n \"statement\": [\n {\"efect\": \"allow\"}]\n}",
        Syntax::Json,
    );
    assert!(told.contains("p:3:3: unknown key `efect`"), "{told}");
    let told = refusal("{\n \"statement\": [\n {]\n}", Syntax::Json);
    assert!(told.contains("p:3:3: key must be a string"), "{told}");
    let told = refusal(
        "{\"layer\": \"tenant\", \"layer\": \"session\"}",
        Syntax::Json,
    );
    assert!(told.contains("duplicate key `layer`"), "{told}");
    let told = refusal(
        "{\"statement\": [1.5, null, 99999999999999999999]}",
        Syntax::Json,
    );
    assert!(told.contains("`1.5` stands where"), "{told}");
    let deep = |depth: usize| {
        let text = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        refusal(&text, Syntax::Json)
    };
    assert!(deep(JSON_DEPTH_MAX).contains("expected a table"));
    assert!(deep(JSON_DEPTH_MAX + 1).contains("nests deeper than 16"));
    assert!(deep(1_000_000).contains("nests deeper than 16"));
}

#[test]
fn cedar_is_held_to_the_schema() {
    let told = |text: &str| refusal(text, Syntax::Cedar);
    let text = "permit (principal, action, resource);\n\npermit (principal, action == Sluice::Action::\"object:gte\", resource);";
    assert!(told(text).contains("p:3:1"), "{}", told(text));
    let unsafe_access = "permit (principal, action, resource) when { context.size < 1 };";
    assert!(
        told(unsafe_access).contains("size"),
        "{}",
        told(unsafe_access)
    );
    assert!(told("permit (principal, action, resource)").contains("does not end in `;`"));
    assert!(
        told("permit (principal action);").contains("p:1:19"),
        "{}",
        told("permit (principal action);")
    );
    let deep = |depth: usize| {
        let (open, close) = ("(".repeat(depth), ")".repeat(depth));
        format!("permit (principal, action, resource) when {{ {open}true{close} }};")
    };
    assert!(PolicyFile::parse(&deep(CEDAR_DEPTH_MAX - 1), "p", Syntax::Cedar, None).is_ok());
    assert!(told(&deep(CEDAR_DEPTH_MAX)).contains("nests deeper"));
    let long = |terms: usize| {
        let and = "&& true".repeat(terms);
        format!("permit (principal, action, resource) when {{ true {and} }};")
    };
    assert!(PolicyFile::parse(&long(1_000), "p", Syntax::Cedar, None).is_ok());
    assert!(told(&long(10_000)).contains("is longer"));
}

#[test]
fn bounds_hold_at_their_limit() {
    let several = |count: usize| {
        let resources: Vec<String> = (0..count).map(|at| format!("\"secret:s{at}\"")).collect();
        format!(
            "[[statement]]\neffect = \"allow\"\nprincipal = \"any\"\naction = \"secret:use\"\nresource = [{}]\n",
            resources.join(", ")
        )
    };
    assert!(PolicyFile::parse(&several(VALUES_MAX), "p", Syntax::Toml, None).is_ok());
    check_refused(&several(VALUES_MAX + 1), &["65 values"]);
    let large = " ".repeat(POLICY_BYTES_MAX + 1);
    assert!(refusal(&large, Syntax::Json).contains("larger than 4 MiB"));
    let many = "{\"statement\": [".to_owned() + &"1,".repeat(STATEMENTS_MAX) + "1]}";
    assert!(refusal(&many, Syntax::Json).contains("10001 statements"));
}

#[test]
fn only_a_decision_makes_a_grant() {
    let policies = identity(&statement(
        "user:anna",
        "object:get",
        "s3://raw/sales/*",
        "",
    ));
    let snapshot = policies.snapshot(&anna()).unwrap();
    let granted = snapshot.grant::<act::ObjectGet>("s3://raw/sales/x", Context::default());
    assert_eq!(granted.unwrap().resource().name(), "s3:raw/sales/x");
    let refused = snapshot.grant::<act::ObjectDelete>("s3://raw/sales/x", Context::default());
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Policy);
    let told = format!("{error}\n{}", error.hints().join("\n"));
    for part in [
        "user:anna may not object:delete on s3://raw/sales/x",
        "s (identity.toml:1) of the layer identity would allow it but for its action, which is `object:get`",
        "resource = \"s3://raw/sales/x\"",
    ] {
        assert!(told.contains(part), "{part} is not in:\n{told}");
    }
}

#[test]
fn each_part_that_differs_is_told() {
    let size = "condition = { NumericLessThan = { \"object:size\" = 10 } }";
    let policies = identity(&statement(
        "user:anna",
        "object:create",
        "s3://raw/sales/*",
        size,
    ));
    let near = |user: &str, action: &str, resource: &str, size: &str| {
        let action = Action::parse(action).unwrap();
        let context = Context::default()
            .with(action, "object:size", size)
            .unwrap();
        let request = Request::new(action, resource, context).unwrap();
        let snapshot = policies.snapshot(&Principal::user(user).unwrap()).unwrap();
        let decision = snapshot.decide(&request);
        let near = snapshot.explain(&request, decision).near;
        near.first().map(|near| near.differs)
    };
    let inside = "s3://raw/sales/x";
    assert_eq!(near("anna", "object:create", inside, "5"), None);
    assert_eq!(
        near("ben", "object:create", inside, "5"),
        Some(Part::Principal)
    );
    assert_eq!(near("anna", "object:get", inside, "5"), Some(Part::Action));
    assert_eq!(
        near("anna", "object:create", "s3://raw/x", "5"),
        Some(Part::Resource)
    );
    assert_eq!(
        near("anna", "object:create", inside, "50"),
        Some(Part::Condition)
    );
    assert_eq!(near("ben", "object:get", inside, "5"), None);
}

#[test]
fn the_proposed_statement_allows_the_request() {
    for (principal, action, resource) in [
        (anna(), "object:get", "s3://raw/a b/\"x\""),
        (anna(), "object:list", "s3://raw"),
        (run(), "object:list", "s3://raw/a/b"),
        (run(), "network:http", "host:example.com:443"),
        (run(), "object:list", "s3://raw/e-mail address"),
    ] {
        let snapshot = Policies::default().snapshot(&principal).unwrap();
        let request = Request::new(Action::parse(action).unwrap(), resource, Context::default());
        let request = request.unwrap();
        let explanation = snapshot.explain(&request, snapshot.decide(&request));
        let fix = explanation.fix.unwrap();
        let files: Vec<_> = explanation
            .missing
            .iter()
            .map(|layer| (*layer, fix.as_str()))
            .collect();
        assert!(
            ask(&policies(&files), &principal, action, resource).allowed,
            "{fix}"
        );
    }
    // What a statement cannot name is not proposed.
    let uri = crate::spec::Uri::parse("s3://raw/", None).unwrap();
    let starred = Resource::object(&uri, "a*b").unwrap();
    let request = Request::on(Action::ObjectGet, starred, Context::default()).unwrap();
    let snapshot = Policies::default().snapshot(&anna()).unwrap();
    let explanation = snapshot.explain(&request, snapshot.decide(&request));
    assert_eq!(explanation.fix, None);
}

#[test]
fn the_schema_knows_every_action_and_key() {
    let schema = include_str!("schema.cedarschema");
    for action in Action::ALL {
        assert!(schema.contains(&format!("\"{action}\"")), "{action}");
    }
    assert_eq!(
        schema.matches("action \"").count() + schema.matches("\", \"").count(),
        Action::ALL.len()
    );
    for key in vocabulary::KEYS {
        let optional = format!("{}?: ", key.attribute);
        let required = format!("{}: ", key.attribute);
        assert!(
            schema.contains(&optional) || schema.contains(&required),
            "{}",
            key.name
        );
    }
}

#[test]
fn a_canonical_file_says_the_same_and_stays_as_it_is() {
    let text = "# Top.\n[[statement]]\neffect='allow'\nsid='a'\nresource=['s3://raw/*','secret:\\u0078']\naction='*'\n\
                principal=['any']\n[statement.condition]\nStringEquals={'tag:a b'=['x','y\"']}\nBoolIfExists={'object:staged'=true}\n\
                # Second.\n[[statement]]\neffect='deny'\nprincipal='run'\naction='log:write'\nresource='log:*'\n\
                [groups]\nstaff=['anna']\n# End.\n"
        .replace("secret:\\u0078", "secret:x");
    let file = PolicyFile::parse(&text, "p.toml", Syntax::Toml, None).unwrap();
    let once = file.format(&text, "p.toml").unwrap();
    insta::assert_snapshot!(once);
    let again = PolicyFile::parse(&once, "p.toml", Syntax::Toml, None).unwrap();
    assert_eq!(again.format(&once, "p.toml").unwrap(), once);
    let json = again.to_syntax(Syntax::Json).unwrap();
    let back = PolicyFile::parse(&json, "p.json", Syntax::Json, None).unwrap();
    assert_eq!(back.format(&json, "p.json").unwrap(), json);
    assert_eq!(
        back.to_syntax(Syntax::Toml).unwrap(),
        file.to_syntax(Syntax::Toml).unwrap()
    );
}

#[test]
fn comments_that_would_be_lost_are_refused() {
    let text = statement("any", "*", "*", "") + "condition = { } # Why.\n";
    let file = PolicyFile::parse(&text, "p.toml", Syntax::Toml, None).unwrap();
    let error = file.format(&text, "p.toml").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("p.toml:8:17: comment would be lost"),
        "{error}"
    );
    let text = statement("user:a", "*", "*", "").replace("user:a", "any") + "# End \"of '''it\n";
    assert!(file.format(&text, "p.toml").is_ok());
}

#[test]
fn statements_become_cedar_that_decides_the_same() {
    let text = statement(
        "user:anna",
        "object:get",
        "s3://raw/*.csv",
        "condition = { DateLessThan = { \"time:now\" = 2026-11-22 } }",
    );
    let file = PolicyFile::parse(&text, "p.toml", Syntax::Toml, None).unwrap();
    let written = file.to_syntax(Syntax::Cedar).unwrap();
    insta::assert_snapshot!(written);
    let back = PolicyFile::parse(&written, "p.cedar", Syntax::Cedar, None).unwrap();
    assert_eq!(back.format(&written, "p.cedar").unwrap(), written);
    let policies = Policies::new(vec![back]);
    let get = |resource: &str, now: &str| {
        ask_with(
            &policies,
            &anna(),
            "object:get",
            resource,
            &[("time:now", now)],
        )
        .allowed
    };
    assert!(get("s3://raw/a/b.csv", "2026-11-21T23:59:59Z"));
    assert!(!get("s3://raw/a/b.csv", "2026-11-22T01:00:00+01:00"));
    assert!(!get("s3://raw/a/b.json", "2026-11-21"));
    let varies = statement("any", "object:get", "s3://raw/${principal.name}/*", "");
    let varies = PolicyFile::parse(&varies, "p.toml", Syntax::Toml, None).unwrap();
    assert!(
        varies
            .to_syntax(Syntax::Cedar)
            .unwrap_err()
            .to_string()
            .contains("variables")
    );
}

#[test]
fn ids_cannot_carry_policies() {
    // Whatever stands in a text stays a text, in any syntax.
    let evil = "x\\\"); permit(principal, action, resource); @id(\\\"";
    let text = statement("any", "object:get", &format!("s3://raw/{evil}"), "");
    let file = PolicyFile::parse(&text, "p.toml", Syntax::Toml, None).unwrap();
    let written = file.to_syntax(Syntax::Cedar).unwrap();
    let back = PolicyFile::parse(&written, "p.cedar", Syntax::Cedar, None).unwrap();
    for file in [file, back] {
        let policies = Policies::new(vec![file]);
        assert!(!ask(&policies, &anna(), "secret:read", "secret:x").allowed);
    }
}
