//! What transforms say, and policies that take it away.

use crate::project::{Project, root};

const LEVELS: [&str; 5] = ["trace", "debug", "info", "warn", "error"];

/// A project whose transform is in one mode of the conformance guest, and a policy that denies it messages.
fn project(mode: &str, condition: &str) -> Project {
    let project = Project::new();
    project.write("rows.csv", "x\n1\n2\n");
    let guest = root().join("tests/guests/conformance/conformance.wasm");
    std::fs::copy(guest, project.path("guest.wasm")).unwrap();
    project.write(
        "app.toml",
        format!(
            "name = \"lab\"\n[inputs.rows]\nuri = \"rows.csv\"\n[[steps]]\nname = \"speak\"\nplugin = \"guest.wasm\"\n\
             params = {{ mode = \"{mode}\" }}\n[output]\nuri = \"out\"\nmode = \"overwrite\"\n"
        ),
    );
    let all = "[[statement]]\neffect = \"allow\"\nprincipal = \"any-run\"\naction = \"*\"\nresource = \"*\"\n";
    let quiet = "[[statement]]\nsid = \"quiet\"\neffect = \"deny\"\nprincipal = \"any-run\"\naction = \"log:write\"\nresource = \"log:*\"\n";
    project.write("policy.toml", format!("{all}{quiet}{condition}"));
    project
}

/// The levels of the messages that are shown of the transform.
fn shown(project: &Project, arguments: &[&str]) -> Vec<&'static str> {
    let ended = project.run(arguments);
    let said = |level: &&str| ended.err.contains(&format!("{level} speak: hello"));
    LEVELS.into_iter().filter(said).collect()
}

#[test]
fn messages_are_shown_unless_a_statement_denies_them() {
    let chatty =
        "[statement.condition]\nStringEquals = { \"log:level\" = [\"trace\", \"debug\"] }\n";
    let large = "[statement.condition]\nNumericGreaterThan = { \"log:bytes\" = \"100 KiB\" }\n";
    let policies = ["--policy", "policy.toml"];
    let some = project("log", chatty);
    assert_eq!(shown(&some, &[]), LEVELS);
    assert_eq!(shown(&some, &policies), ["info", "warn", "error"]);
    let none = project("log", "");
    assert_eq!(shown(&none, &policies), [""; 0]);
    insta::assert_snapshot!("denied_messages", none.told(&none.run(&policies)));
    // Whoever may say little may say it.
    let little = project("log", large);
    assert_eq!(shown(&little, &policies), [""; 0]);
    let limited = [&policies[..], &["--limit-log-bytes", "100KiB"]].concat();
    assert_eq!(shown(&little, &limited), LEVELS);
}

#[test]
fn what_a_transform_may_not_say_is_not_in_the_error_of_its_crash_either() {
    let project = project("panic", "");
    let told = project.try_run(&[]);
    assert!(told.err.contains("boom"), "{}", told.err);
    let denied = project.try_run(&["--policy", "policy.toml"]);
    assert_eq!(denied.code, Some(6), "{}", denied.err);
    assert!(!denied.err.contains("boom"), "{}", denied.err);
}
