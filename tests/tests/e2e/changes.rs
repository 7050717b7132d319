//! Policies and secrets that change while a run goes on.

use std::os::unix::fs::PermissionsExt;

use crate::project::{Ended, Project, root};

const FIRST: &str = "first-value-81c2";
const SECOND: &str = "second-value-97e4";

/// Allows everything, as a file of policies.
const ALL: &str = "[[statement]]\nsid = \"all\"\neffect = \"allow\"\nprincipal = \"any-run\"\naction = \"*\"\nresource = \"*\"\n";

/// That a statement of the file denies.
fn denying(action: &str, resource: &str) -> String {
    format!(
        "{ALL}[[statement]]\nsid = \"revoked\"\neffect = \"deny\"\nprincipal = \"any-run\"\naction = \"{action}\"\n\
         resource = \"{resource}\"\n"
    )
}

/// A project whose transform asks for something until the answer is another.
fn project(params: &str, more: &str) -> Project {
    let project = Project::new();
    project.write("rows.csv", "x\n1\n2\n");
    project.write("lookup/a", "four");
    let guest = root().join("tests/guests/access/access.wasm");
    std::fs::copy(guest, project.path("access.wasm")).unwrap();
    keep(&project, FIRST);
    project.write("policy.toml", ALL);
    let text = format!(
        "name = \"lab\"\n[secrets.token]\nfile = \"token\"\n[inputs.rows]\nuri = \"rows.csv\"\n[[steps]]\n\
         name = \"wait\"\nplugin = \"access.wasm\"\nparams = {{ mode = \"until-changed\", {params} }}\n\
         secrets = [\"token\"]\n{more}[[steps.http]]\nurl = \"https://unused.invalid/*\"\n\
         [steps.objects.lookup]\nuri = \"lookup/\"\n[output]\nuri = \"out\"\n"
    );
    project.write("app.toml", text);
    project
}

/// What the commit will do is asked for before a row is read, by all names that it will write.
#[test]
fn a_run_whose_commit_would_be_denied_does_no_work() {
    for (action, name) in [
        ("object:create", "out/_sluice/log/*"),
        ("object:create", "out/_sluice/receipts/*"),
        ("object:create", "out/_SUCCESS"),
        ("object:create", "out/part-*"),
    ] {
        let project = Project::lab();
        let folder = project.path("");
        let resource = format!("file://{}{name}", folder.display());
        project.write("policy.toml", denying(action, &resource));
        let arguments = ["--policy", "policy.toml"];
        let told = project.refusal(&arguments);
        assert!(told.contains("prepare the output"), "{name}: {told}");
        assert!(!project.path("out").exists(), "{name}");
        let checked = project.sluice(&["policy", "check", "app.toml", "--policy", "policy.toml"]);
        assert_eq!(
            checked.code,
            Some(8),
            "{name}: {}{}",
            checked.out,
            checked.err
        );
    }
}

/// Gives the secret a value, as programs that rotate secrets do: in one step.
fn keep(project: &Project, value: &str) {
    project.write("token.new", value);
    let new = project.path("token.new");
    std::fs::set_permissions(&new, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::rename(new, project.path("token")).unwrap();
}

/// Puts another file of policies in the place of the one that decides.
fn decree(project: &Project, text: &str) {
    project.write("policy.new", text);
    std::fs::rename(project.path("policy.new"), project.path("policy.toml")).unwrap();
}

/// Runs the application, and acts as soon as the transform has its first answer.
fn run(project: &Project, act: impl FnOnce()) -> Ended {
    let arguments = [
        "run",
        "app.toml",
        "--policy",
        "policy.toml",
        "--audit",
        "audit",
    ];
    let first = ("audit", "\"step\":\"wait\"");
    project.interfered(&arguments, first, act)
}

#[test]
fn a_secret_that_is_revoked_is_denied_from_then_on_and_the_audit_has_both() {
    let project = project("name = \"token\"", "");
    let act = || decree(&project, &denying("secret:read", "secret:token"));
    let ended = run(&project, act);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(
        ended.err.contains("was [secret], is denied"),
        "{}",
        ended.err
    );
    let audit = std::fs::read_to_string(project.path("audit")).unwrap();
    let reads = audit.lines().filter(|line| line.contains("secret:read"));
    let (allowed, denied): (Vec<_>, Vec<_>) =
        reads.partition(|line| line.contains("\"allowed\":true"));
    assert!(!allowed.is_empty() && !denied.is_empty(), "{audit}");
}

#[test]
fn an_object_that_is_revoked_is_denied_though_it_was_granted_before() {
    let project = project("folder = \"lookup\", path = \"a\"", "");
    let folder = format!("file://{}/*", project.path("lookup").display());
    let ended = run(&project, || {
        decree(&project, &denying("object:head", &folder));
    });
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("was 4, is denied"), "{}", ended.err);
}

#[test]
fn a_secret_that_is_rotated_has_its_new_value_and_both_are_hidden() {
    let project = project("name = \"token\"", "");
    let ended = run(&project, || keep(&project, SECOND));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let told = "was [secret], is [secret]";
    assert!(ended.err.contains(told), "{}", ended.err);
    assert!(!ended.err.contains(SECOND), "{}", ended.err);
}

#[test]
fn a_secret_whose_file_is_taken_away_is_there_no_more() {
    let project = project("name = \"token\"", "");
    let act = || std::fs::remove_file(project.path("token")).unwrap();
    let ended = run(&project, act);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let told = "was [secret], is unavailable";
    assert!(ended.err.contains(told), "{}", ended.err);
}

#[test]
fn an_output_that_is_revoked_before_the_commit_does_not_appear() {
    let project = project("name = \"token\"", "");
    let folder = format!("file://{}/*", project.path("out").display());
    let ended = run(&project, || {
        decree(&project, &denying("object:create", &folder));
        keep(&project, SECOND);
    });
    assert_eq!(ended.code, Some(8), "{}", ended.err);
    let names = project.names();
    let appeared = names.iter().any(|name| name.starts_with("out/"));
    assert!(!appeared, "{names:?}");
}

#[test]
fn what_was_decided_once_for_the_run_ends_it_when_it_is_revoked() {
    let clock = denying("clock:read", "clock:wall");
    let column = "effect = \"deny\"\nprincipal = \"any-run\"\naction = \"column:read\"\n";
    for (case, declared) in [("clock", "clock = \"real\"\n"), ("column", "")] {
        let project = project("name = \"token\"", declared);
        let folder = project.path("").display().to_string();
        let masked = format!(
            "{ALL}[[statement]]\nsid = \"hidden\"\n{column}resource = \"file://{folder}*\"\n"
        );
        let policies = if case == "clock" { &clock } else { &masked };
        let ended = run(&project, || decree(&project, policies));
        insta::assert_snapshot!(format!("revoked_{case}"), project.told(&ended));
        assert!(!project.path("out").exists(), "{case}");
    }
}
