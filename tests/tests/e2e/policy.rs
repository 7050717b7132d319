//! Policies on the command line: tests of them, one request explained, forms and syntaxes.

use crate::project::Project;

const GUARD: &str = r#"layer = "tenant"

[[statement]]
effect = "allow"
principal = "any"
action = "*"
resource = "*"

[[statement]]
sid = "no-private-addresses"
effect = "deny"
principal = "any-run"
action = "network:*"
resource = "host:*"
[statement.condition]
NotIpAddress = { "network:address" = "93.184.0.0/16" }
"#;

const SALES: &str = r#"layer = "identity"

[groups]
staff = ["anna"]

[dynamic-groups]
sales-runs = "all { application = 'sales-etl', tag.env = 'prod' }"

# What the nightly job writes.
[[statement]]
sid = "sales-output"
effect = "allow"
principal = "dynamic-group:sales-runs"
action = ["object:create", "object:overwrite"]
resource = "s3://curated/sales/*"
[statement.condition]
NumericLessThanEquals = { "object:size" = "1GiB" }

[[statement]]
sid = "staff-reads"
effect = "allow"
principal = "group:staff"
action = ["object:get", "object:list"]
resource = "s3://curated/*"
"#;

const APPLICATION: &str = r#"layer = "application"

[[statement]]
effect = "allow"
action = "object:*"
resource = "s3://curated/sales/*"
"#;

const CASES: &str = r#"policies = ["policies/guard.toml", "policies/sales.toml", "application=policies/app.toml"]

[principals]
anna = "user:anna"
nightly = { run = "r-1", application = "sales-etl", tags = { env = "prod" } }
trial = { run = "r-2", application = "sales-etl", tags = { env = "test" } }

[[case]]
name = "the nightly job writes its output"
principal = "nightly"
action = "object:create"
resource = "s3://curated/sales/part-0.parquet"
context = { "object:size" = "10MiB" }
expect = "allow"
sid = "sales-output"

[[case]]
principal = "anna"
action = "object:get"
resource = "s3://curated/sales/part-0.parquet"
expect = "allow"

[[case]]
name = "a trial writes nothing"
principal = "trial"
action = "object:create"
resource = "s3://curated/sales/part-0.parquet"
context = { "object:size" = 1 }
expect = "deny"
"#;

fn project() -> Project {
    let project = Project::new();
    project.write("policies/guard.toml", GUARD);
    project.write("policies/sales.toml", SALES);
    project.write("policies/app.toml", APPLICATION);
    project.write("cases.toml", CASES);
    project
}

const FILES: [&str; 6] = [
    "--policy",
    "policies/guard.toml",
    "--policy",
    "policies/sales.toml",
    "--policy",
    "policies/app.toml",
];

fn explain(project: &Project, arguments: &[&str]) -> String {
    let ended = project.sluice(&[&["policy", "explain"], &FILES[..], arguments].concat());
    format!("{}{}", ended.out, project.told(&ended))
}

#[test]
fn cases_that_hold_pass() {
    let project = project();
    let ended = project.sluice(&["policy", "test", "cases.toml"]);
    assert_eq!(ended.out, "3 of 3 cases passed\n");
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

#[test]
fn cases_that_fail_say_why_and_what_would_change_it() {
    let project = project();
    let cases = CASES
        .replace("\"10MiB\"", "\"10GiB\"")
        .replace("principal = \"trial\"", "principal = \"nightly\"");
    project.write("cases.toml", cases);
    let ended = project.sluice(&["policy", "test", "cases.toml"]);
    insta::assert_snapshot!(format!("{}{}", ended.out, project.told(&ended)));
    let ended = project.sluice(&["--json", "policy", "test", "cases.toml"]);
    let results: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(ended.code, Some(8));
    assert_eq!(results[0]["passed"], false);
    assert_eq!(results[0]["explanation"]["near"][0]["differs"], "condition");
    assert_eq!(results[1]["passed"], true);
}

#[test]
fn who_matches_a_group_is_shown() {
    let project = project();
    let ended = project.sluice(&["policy", "test", "cases.toml", "--matches"]);
    assert_eq!(
        ended.out,
        "dynamic-group:sales-runs: nightly\ngroup:staff: anna\n"
    );
}

#[test]
fn a_typo_in_a_case_names_the_nearest_action() {
    let project = project();
    project.write(
        "cases.toml",
        CASES.replace("\"object:get\"", "\"object:gte\""),
    );
    let ended = project.sluice(&["policy", "test", "cases.toml"]);
    insta::assert_snapshot!(project.told(&ended));
}

#[test]
fn an_allowed_request_names_the_statements() {
    let project = project();
    let object = "s3://curated/sales/x";
    insta::assert_snapshot!(explain(&project, &["--user", "anna", "object:get", object]));
}

#[test]
fn a_denied_request_names_layers_the_nearest_statement_and_the_cure() {
    let project = project();
    let run = [
        "--run",
        "r-1",
        "--application",
        "sales-etl",
        "--tag",
        "env=prod",
    ];
    let request = ["object:delete", "s3://curated/sales/x"];
    insta::assert_snapshot!(explain(&project, &[&run[..], &request].concat()));
}

#[test]
fn an_explicit_deny_is_named() {
    let project = project();
    let run = ["--run", "r-1", "--application", "sales-etl"];
    let request = [
        "network:http",
        "host:metadata.internal:80",
        "--context",
        "network:address=169.254.169.254",
    ];
    insta::assert_snapshot!(explain(&project, &[&run[..], &request].concat()));
}

#[test]
fn a_policy_with_typos_is_refused_with_every_line() {
    let project = project();
    let wrong = SALES
        .replace("object:create", "object:creat")
        .replace("dynamic-group:sales", "dynamic-grup:sales")
        .replace("NumericLessThanEquals", "NumericLessThanEqual")
        .replace("s3://curated/*", "s3://curated/../*");
    project.write("policies/sales.toml", wrong);
    insta::assert_snapshot!(explain(
        &project,
        &["--user", "anna", "object:get", "s3://aaa/b"]
    ));
}

#[test]
fn canonical_files_stay_and_others_are_written_anew() {
    let project = project();
    let check = ["policy", "fmt", "--check", "policies/sales.toml"];
    let ended = project.sluice(&check);
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    let ended = project.sluice(&["policy", "fmt", "policies/sales.toml"]);
    assert_eq!(ended.out, "formatted policies/sales.toml\n");
    insta::assert_snapshot!(std::fs::read_to_string(project.path("policies/sales.toml")).unwrap());
    assert_eq!(project.sluice(&check).code, Some(0));
}

#[test]
fn a_policy_is_the_same_in_every_syntax() {
    let project = project();
    let convert = |file: &str, to: &str| {
        let ended = project.sluice(&["policy", "convert", file, "--to", to]);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        ended.out
    };
    let json = convert("policies/guard.toml", "json");
    project.write("guard.json", &json);
    let toml = convert("guard.json", "toml");
    project.write("again.toml", &toml);
    assert_eq!(convert("again.toml", "json"), json);
    let cedar = convert("guard.json", "cedar");
    project.write("guard.cedar", &cedar);
    insta::assert_snapshot!(cedar);
    for guard in ["policies/guard.toml", "guard.json", "tenant=guard.cedar"] {
        let cases = CASES.replace("policies/guard.toml", guard);
        project.write("cases.toml", cases);
        let ended = project.sluice(&["policy", "test", "cases.toml"]);
        assert_eq!(ended.code, Some(0), "{guard}: {}{}", ended.out, ended.err);
    }
    let ended = project.sluice(&["policy", "convert", "guard.cedar", "--to", "toml"]);
    assert_eq!(ended.code, Some(3));
}
