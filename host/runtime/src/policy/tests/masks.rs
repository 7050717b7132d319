//! Columns: what statements may say of them, and what is left of one.

use super::*;

fn denial(resource: &str, more: &str) -> String {
    format!(
        "[[statement]]\neffect = \"deny\"\nprincipal = \"any\"\naction = \"column:read\"\nresource = \"{resource}\"\n{more}\n"
    )
}

/// What is left of a column in a folder.
fn left(policies: &Policies, folder: &str, column: &str) -> Option<Mask> {
    let known = [("column:name", column)];
    ask_with(policies, &run(), "column:read", folder, &known).mask()
}

const EMAIL: &str = "condition = { StringEquals = { \"column:name\" = \"email\" } }";

#[test]
fn columns_are_given_unless_a_statement_takes_them() {
    assert_eq!(left(&Policies::default(), "s3://raw/sales", "email"), None);
    let policies = identity(&denial("s3://raw/sales/*", EMAIL));
    for (folder, column, mask) in [
        ("s3://raw/sales", "email", Some(Mask::Hide)),
        ("s3://raw/sales/date=2026-11-22", "email", Some(Mask::Hide)),
        ("s3://raw/sales", "Email", None),
        ("s3://raw/sales", "id", None),
        ("s3://raw/sales-hr", "email", None),
        ("s3://raw", "email", None),
    ] {
        assert_eq!(left(&policies, folder, column), mask, "{folder} {column}");
    }
    // A deny of everything is one of columns as well.
    let everything = statement("any", "*", "*", "").replace("allow", "deny");
    let policies = identity(&everything);
    assert_eq!(left(&policies, "s3://raw", "id"), Some(Mask::Hide));
}

#[test]
fn a_statement_says_what_is_left_in_every_syntax() {
    for (mask, expected) in [
        ("hide", Mask::Hide),
        ("null", Mask::Null),
        ("hash:pepper", Mask::Hash("pepper".to_owned())),
    ] {
        let text = denial("s3://raw/*", &format!("mask = \"{mask}\"\n{EMAIL}"));
        let file = PolicyFile::parse(&text, "p.toml", Syntax::Toml, None).unwrap();
        for syntax in [Syntax::Toml, Syntax::Json, Syntax::Cedar] {
            let text = file.to_syntax(syntax).unwrap();
            assert!(text.contains(mask), "{text}");
            let again = PolicyFile::parse(&text, "p", syntax, None).unwrap();
            assert_eq!(again.format(&text, "p").unwrap(), text);
            let policies = Policies::new(vec![again]);
            assert_eq!(
                left(&policies, "s3://raw", "email").as_ref(),
                Some(&expected)
            );
            assert_eq!(left(&policies, "s3://raw", "id"), None);
        }
    }
}

#[test]
fn masks_that_mean_nothing_are_refused_with_their_line() {
    let with_mask = denial("s3://raw/*", "mask = \"null\"");
    for (text, parts) in [
        (
            with_mask.replace("\"deny\"", "\"allow\""),
            ["p:1", "`mask`"],
        ),
        (
            with_mask.replace("\"column:read\"", "[\"column:read\", \"object:get\"]"),
            ["p:1", "another action"],
        ),
        (
            with_mask.replace("\"column:read\"", "\"*\""),
            ["p:1", "another action"],
        ),
        (
            with_mask.replace("null", "blur"),
            ["p:6", "unknown mask `blur`"],
        ),
        (with_mask.replace("null", "hash:"), ["p:6", "malformed"]),
        (with_mask.replace("null", "hash:a b"), ["p:6", "malformed"]),
        (with_mask.replace("\"null\"", "1"), ["p:6", "string"]),
    ] {
        check_refused(&text, &parts);
    }
    let cedar =
        "@mask(\"null\")\nforbid (principal, action == Sluice::Action::\"column:read\", resource);";
    assert!(PolicyFile::parse(cedar, "p", Syntax::Cedar, None).is_ok());
    for (text, part) in [
        (
            cedar.replace("forbid", "permit"),
            "`@mask` stands at a policy",
        ),
        (
            cedar.replace(" == Sluice::Action::\"column:read\"", ""),
            "`@mask` stands at a policy",
        ),
        (cedar.replace("null", "blur"), "unknown mask `blur`"),
    ] {
        let told = refusal(&format!("\n{text}"), Syntax::Cedar);
        assert!(told.contains(part) && told.contains("p:2"), "{told}");
    }
}

#[test]
fn the_strictest_mask_of_all_layers_wins() {
    let with = |mask: &str| denial("s3://raw/*", &format!("mask = \"{mask}\""));
    let bare = denial("s3://raw/*", "");
    let hash = |name: &str| Mask::Hash(name.to_owned());
    for (platform, identity, expected) in [
        (with("hash:a"), with("hash:a"), hash("a")),
        (with("hash:a"), with("hash:b"), Mask::Hide),
        (with("hash:a"), with("null"), Mask::Null),
        (with("null"), with("hide"), Mask::Hide),
        (with("null"), bare.clone(), Mask::Hide),
        (bare, with("hash:a"), Mask::Hide),
    ] {
        let policies = policies(&[(Layer::Platform, &platform), (Layer::Identity, &identity)]);
        assert_eq!(left(&policies, "s3://raw", "x"), Some(expected));
    }
    let all = [hash("a"), Mask::Null, hash("b")];
    assert_eq!(Mask::strictest(all), Some(Mask::Hide));
}

#[test]
fn whatever_fails_hides() {
    // A variable without a value: nobody knows which folder is meant.
    let text = denial("s3://raw/${tag.region}/*", "mask = \"null\"");
    let policies = identity(&text);
    assert_eq!(left(&policies, "s3://other", "x"), Some(Mask::Hide));
    let folder = Resource::parse("s3://other", Action::ColumnRead).unwrap();
    assert!(policies.snapshot(&run()).unwrap().may_mask(&folder));
}

#[test]
fn folders_whose_columns_may_be_masked_are_known_without_the_columns() {
    let policies = identity(&denial("s3://raw/sales/*", EMAIL));
    let snapshot = policies.snapshot(&run()).unwrap();
    let may =
        |folder: &str| snapshot.may_mask(&Resource::parse(folder, Action::ColumnRead).unwrap());
    assert!(may("s3://raw/sales") && may("s3://raw/sales/a/b"));
    assert!(!may("s3://raw") && !may("s3://raw/sales2"));
    assert!(snapshot.denies_columns());
    // What denies something else, or others, costs nothing.
    let others = denial("s3://raw/*", "").replace("\"any\"", "\"user:ben\"");
    let get = denial("s3://raw/*", "").replace("column:read", "object:get");
    let snapshot = identity(&format!("{others}{get}"))
        .snapshot(&run())
        .unwrap();
    assert!(!snapshot.denies_columns());
    // A guardrail that does not ask for the name is decided at once.
    let guardrail = denial(
        "*",
        "condition = { StringNotEquals = { \"run:compartment\" = \"acme\" } }",
    );
    let snapshot = identity(&guardrail).snapshot(&run()).unwrap();
    let folder = Resource::parse("s3://raw", Action::ColumnRead).unwrap();
    assert!(snapshot.denies_columns() && !snapshot.may_mask(&folder));
}

#[test]
fn objects_with_masked_columns_are_not_read_as_bytes() {
    let text = format!(
        "{}{}",
        statement("any", "*", "*", ""),
        denial("s3://raw/sales/*", EMAIL)
    );
    let application = statement("any", "*", "*", "");
    let policies = policies(&[(Layer::Identity, &text), (Layer::Application, &application)]);
    let guard = Guard::new(
        policies.snapshot(&run()).unwrap(),
        std::sync::Arc::new(Unaudited),
    );
    let get = |guard: &Guard, object: &str| {
        let object = Resource::parse(object, Action::ObjectGet).unwrap();
        guard
            .grant::<act::ObjectGet>(object, Context::default())
            .map(drop)
    };
    let inside = "s3://raw/sales/x.csv";
    assert!(get(&guard, inside).is_ok());
    for raw in [guard.of_step("etl"), guard.of_bytes()] {
        assert!(get(&raw, "s3://raw/x.csv").is_ok());
        let error = get(&raw, inside).unwrap_err();
        assert!(format!("{:?}", error.hints()).contains("masked"), "{error}");
    }
}

#[test]
fn an_explanation_shows_the_mask() {
    let policies = identity(&denial("s3://raw/*", "mask = \"hash:pepper\""));
    let snapshot = policies.snapshot(&anna()).unwrap();
    let request = Request::new(Action::ColumnRead, "s3://raw", Context::default()).unwrap();
    let explanation = snapshot.explain(&request, snapshot.decide(&request));
    assert!(
        explanation
            .text()
            .contains("#1 (identity.toml:1) with mask `hash:pepper`")
    );
    let json = serde_json::to_value(&explanation).unwrap().to_string();
    assert!(json.contains("\"mask\":\"hash:pepper\""), "{json}");
}
