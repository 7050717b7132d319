//! Policies on the command line: tests of them, one request explained, forms and syntaxes.

use crate::project::{Ended, Project};

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

const LAB_READS: &str = r#"layer = "identity"

[[statement]]
sid = "lab-reads"
effect = "allow"
principal = "application:lab"
action = ["object:head", "object:get"]
resource = ["file://[PROJECT]/sales.csv", "file://[PROJECT]/sales-etl.wasm"]
"#;

/// The lab with policies that let it read, and not write.
fn lab() -> Project {
    let project = Project::lab();
    let folder = project.path("").canonicalize().unwrap();
    let policies = LAB_READS.replace("[PROJECT]", &folder.to_string_lossy());
    project.write("policies.toml", policies);
    project
}

fn lines(project: &Project, ended: &Ended) -> String {
    let ended = Ended {
        err: format!("{}{}", ended.out, ended.err),
        out: String::new(),
        ..*ended
    };
    let milliseconds = regex::Regex::new(r"\(\d+\.\d ms\)").unwrap();
    let told = project.told(&ended);
    milliseconds.replace_all(&told, "([MS] ms)").into_owned()
}

#[test]
fn a_check_tells_every_need_and_the_statements_that_are_missing() {
    let project = lab();
    let check = ["policy", "check", "app.toml", "--policy", "policies.toml"];
    let ended = project.sluice(&check);
    assert_eq!(ended.code, Some(8));
    insta::assert_snapshot!(lines(&project, &ended));
    // What is told can be pasted, and is enough.
    let ended = project.sluice(&[&["--json"], &check[..]].concat());
    let told: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(told["fixes"][0]["layer"], "identity");
    project.write("fix.toml", told["fixes"][0]["toml"].as_str().unwrap());
    let ended = project.sluice(&[&check[..], &["--policy", "fix.toml"]].concat());
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    project.run(&["--policy", "policies.toml", "--policy", "fix.toml"]);
}

#[test]
fn without_policies_a_run_may_do_what_its_application_declares() {
    let project = Project::lab();
    let ended = project.sluice(&["policy", "check", "app.toml", "--probe"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    insta::assert_snapshot!(lines(&project, &ended));
    assert!(!project.path("out").exists(), "a probe made the output");
}

#[test]
fn a_check_names_the_statement_that_denies() {
    let project = lab();
    let deny = "layer = \"tenant\"\n\n[[statement]]\nsid = \"all\"\neffect = \"allow\"\nprincipal = \"any\"\n\
                action = \"*\"\nresource = \"*\"\n\n[[statement]]\nsid = \"frozen\"\neffect = \"deny\"\n\
                principal = \"any\"\naction = [\"object:create\", \"object:overwrite\"]\nresource = \"*\"\n";
    project.write("guard.toml", deny);
    let files = ["--policy", "policies.toml", "--policy", "guard.toml"];
    let ended = project.sluice(&[&["policy", "check", "app.toml"], &files[..]].concat());
    assert_eq!(ended.code, Some(8));
    let told = lines(&project, &ended);
    assert!(
        told.contains("statement frozen (guard.toml:10) of the layer tenant denies it"),
        "{told}"
    );
}

#[test]
fn a_probe_names_what_is_there_in_place_of_what_is_missing() {
    let mut project = Project::lab();
    project.set("EMPTY", "");
    project.application("uri = \"sale.csv\"", "secrets = [\"token\"]", "");
    let application = std::fs::read_to_string(project.path("app.toml")).unwrap();
    project.write(
        "app.toml",
        format!("{application}\n[secrets.token]\nenv = \"EMPTY\"\n"),
    );
    project.write("out/there.parquet", "x");
    let ended = project.sluice(&["policy", "check", "app.toml", "--probe"]);
    assert_eq!(ended.code, Some(9), "{}{}", ended.out, ended.err);
    insta::assert_snapshot!(lines(&project, &ended));
}

#[test]
fn a_probe_goes_to_each_host_and_tells_the_stage_that_fails() {
    let project = Project::lab();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let open = listener.local_addr().unwrap().port();
    let port = |listener: std::net::TcpListener| listener.local_addr().unwrap().port();
    let closed = port(std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let rule = |port: u16, more: &str| {
        format!("[[steps.http]]\nurl = \"http://127.0.0.1:{port}/v1/*\"\n{more}\n")
    };
    let declared = "addresses = [\"127.0.0.0/8\"]";
    let rules = [
        rule(open, declared),
        rule(closed, declared),
        rule(open, "methods = [\"POST\"]"),
    ];
    project.application("", &rules.concat(), "");
    let ended = project.sluice(&["policy", "check", "app.toml", "--probe"]);
    assert_eq!(ended.code, Some(9), "{}{}", ended.out, ended.err);
    let ports = regex::Regex::new(r"127\.0\.0\.1:\d+").unwrap();
    insta::assert_snapshot!(ports.replace_all(&lines(&project, &ended), "127.0.0.1:[PORT]"));
    // Nothing but a connection came.
    listener.set_nonblocking(true).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut sent = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut sent).unwrap();
    assert_eq!(sent, b"");
}

#[test]
fn what_a_run_used_is_all_that_its_next_run_needs() {
    let project = Project::lab();
    let ended = project.run(&["--audit", "audit.jsonl"]);
    let hash = ended
        .out
        .lines()
        .find_map(|line| line.trim().strip_prefix("audit   ends with "));
    let hash = hash.expect("the hash of the audit").to_owned();
    let verify = ["audit", "verify", "audit.jsonl", "--hash", &hash];
    let ended = project.sluice(&verify);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let ended = project.sluice(&["policy", "suggest", "--from-run", "audit.jsonl"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    project.write("suggested.toml", &ended.out);
    let told = Ended {
        code: ended.code,
        err: ended.out,
        out: String::new(),
    };
    insta::assert_snapshot!(project.told(&told));
    std::fs::remove_dir_all(project.path("out")).unwrap();
    let policy = ["--policy", "suggested.toml"];
    let check =
        |policy: &[&str]| project.sluice(&[&["policy", "check", "app.toml"], policy].concat());
    let ended = check(&policy);
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    project.run(&[&policy[..], &["--audit", "audit.jsonl"]].concat());
    assert_eq!(
        project.sluice(&["audit", "verify", "audit.jsonl"]).code,
        Some(0)
    );
    // One statement less is one denial more.
    let suggested = std::fs::read_to_string(project.path("suggested.toml")).unwrap();
    let statements: Vec<&str> = suggested.split("[[statement]]").collect();
    for left_out in 1..statements.len() {
        let mut fewer = statements.clone();
        fewer.remove(left_out);
        project.write("fewer.toml", fewer.join("[[statement]]"));
        assert_eq!(
            check(&["--policy", "fewer.toml"]).code,
            Some(8),
            "{suggested}"
        );
    }
}

#[test]
fn an_audit_that_was_tampered_with_is_told_with_its_record() {
    let project = lab();
    project.application("", "", "mode = \"overwrite\"");
    let audited = ["--audit", "audit.jsonl", "--quiet"];
    project.run(&audited);
    // A run that is denied is there as well.
    let ended = project.try_run(&[&audited[..], &["--policy", "policies.toml"]].concat());
    assert_eq!(ended.code, Some(8), "{}", ended.err);
    let path = project.path("audit.jsonl");
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let whole = std::fs::read_to_string(&path).unwrap();
    assert!(whole.contains("\"allowed\":false"), "{whole}");
    let told = |text: &str| {
        project.write("audit.jsonl", text);
        let ended = project.sluice(&["--json", "audit", "verify", "audit.jsonl"]);
        assert_eq!(ended.code, Some(3), "{}", ended.out);
        let told: serde_json::Value = serde_json::from_str(&ended.err).unwrap();
        let facts = &told["error"]["facts"];
        (
            facts["flaw"].as_str().unwrap().to_owned(),
            facts["record"].as_str().unwrap().to_owned(),
        )
    };
    let changed = whole.replace("\"allowed\":false", "\"allowed\":true ");
    assert_eq!(told(&changed).0, "changed");
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let without: Vec<&str> = lines
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != 1)
        .map(|(_, line)| *line)
        .collect();
    assert_eq!(
        told(&without.concat()),
        ("deleted".to_owned(), "1".to_owned())
    );
    let end = (lines.len() - 1).to_string();
    assert_eq!(
        told(&lines[..lines.len() - 1].concat()),
        ("not-closed".to_owned(), end)
    );
    // Nothing is appended to a file without an end.
    project.write("audit.jsonl", lines[..2].concat());
    let ended = project.try_run(&audited);
    assert_eq!(ended.code, Some(3), "{}", ended.err);
}

#[test]
fn what_cannot_be_audited_is_not_done() {
    let project = Project::lab();
    let ended = project.try_run(&["--audit", "no/such/folder"]);
    assert_eq!(ended.code, Some(9), "{}", ended.err);
    let ended = project.try_run(&["--audit", "/dev/full"]);
    assert_ne!(ended.code, Some(0), "{}", ended.out);
    assert!(!project.path("out").exists());
}
