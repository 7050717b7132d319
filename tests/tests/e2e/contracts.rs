//! What is expected of inputs and of the output.

use std::fmt::Write as _;

use serde_json::Value;

use crate::project::{Ended, Project};

/// The lab with these rules, each a table in one line.
fn lab(rules: &[&str]) -> Project {
    let project = Project::lab();
    let rules = format!("uri = \"out\"\nrules = [\n{}\n]", rules.join(",\n"));
    project.application("", "", &rules);
    project
}

const IDS: &str = "{ kind = \"unique\", column = \"order_id\" }";
const SMALL: &str = "{ name = \"no small amounts\", kind = \"range\", column = \"amount\", min = 50, severity = \"warn\" }";
const REGIONS: &str =
    "{ kind = \"accepted-values\", column = \"region\", values = [\"APAC\", \"NA\"] }";

/// The scorecard of the only run, without the run's name.
fn scorecard(project: &Project) -> String {
    let ended = project.sluice(&["head", "out/_sluice/checks", "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let mut text = String::new();
    for line in ended.out.lines() {
        let mut row: Value = serde_json::from_str(line).unwrap();
        assert_eq!(row["run"].as_str().unwrap().len(), 36);
        row.as_object_mut().unwrap().remove("run");
        writeln!(text, "{row}").unwrap();
    }
    text
}

/// The lines of a summary about rules.
fn told(ended: &Ended) -> String {
    let lines = ended
        .out
        .lines()
        .skip_while(|line| !line.starts_with("  rules"));
    let lines: Vec<_> = lines
        .take_while(|line| !line.starts_with("  output"))
        .collect();
    lines.join("\n")
}

#[test]
fn rules_that_hold_and_one_that_warns_leave_a_scorecard() {
    let project = lab(&[IDS, SMALL, "{ kind = \"row-count\", min = 1 }"]);
    let ended = project.run(&[]);
    insta::assert_snapshot!(told(&ended), @r#"
      rules   2 of 3 hold, 1 warned
              warned: `no small amounts`: 1 of 4 rows violate it
                {"amount":19.99,"order_id":1002,"customer_id":"C002","region":"EMEA","amount_bucket":"low"}
    "#);
    insta::assert_snapshot!(scorecard(&project));
    let head = project.sluice(&["head", "out", "--json"]);
    assert_eq!(head.out.lines().count(), 4, "{}", head.out);
}

#[test]
fn a_broken_rule_leaves_nothing() {
    let project = lab(&[IDS, SMALL, REGIONS]);
    let before = project.names();
    let refusal = project.refusal(&[]);
    assert!(refusal.starts_with("exit code 10\n"), "{refusal}");
    insta::assert_snapshot!(refusal);
    assert_eq!(project.names(), before);
    let ended = project.try_run(&["--json"]);
    let error: Value = serde_json::from_str(ended.err.lines().last().unwrap()).unwrap();
    assert_eq!(error["error"]["kind"], "contract");
    assert_eq!(error["error"]["facts"]["rules"], "accepted-values(region)");
}

#[test]
fn a_broken_rule_spares_what_was_there() {
    let project = Project::lab();
    project.run(&[]);
    let rows = project.parquet("out");
    project.application(
        "",
        "",
        &format!("mode = \"overwrite\"\nrules = [{REGIONS}]"),
    );
    project.refusal(&[]);
    assert_eq!(project.parquet("out"), rows);
}

#[test]
fn rules_may_forgive_some_rows() {
    let project = lab(&[&REGIONS.replace(" }", ", allow = \"50%\" }")]);
    let ended = project.run(&[]);
    assert!(
        told(&ended).contains("1 of 1 hold, 0 warned"),
        "{}",
        ended.out
    );
    let project = lab(&[&REGIONS.replace(" }", ", allow = 1 }")]);
    assert!(project.refusal(&[]).contains("2 of 4 rows"));
}

#[test]
fn values_may_have_to_be_in_other_data() {
    let rule = "{ kind = \"references\", column = \"customer_id\", to = { uri = \"customers.csv\" }, field = \"id\" }";
    let project = lab(&[rule]);
    project.write("customers.csv", "name,id\nAnna,C001\nBen,C002\nCleo,\n");
    insta::assert_snapshot!(project.refusal(&[]));
    project.write("customers.csv", "name,id\nAnna,C001\nBen,C002\nCleo,C004\n");
    project.run(&[]);
}

#[test]
fn data_that_are_referred_to_may_lack_the_column_or_be_missing() {
    let rule = "{ kind = \"references\", column = \"customer_id\", to = { uri = \"customers.csv\" }, field = \"idd\" }";
    let project = lab(&[rule]);
    project.write("customers.csv", "name,id\nAnna,C001\n");
    insta::assert_snapshot!("a_column_that_is_missing", project.refusal(&[]));
    std::fs::remove_file(project.path("customers.csv")).unwrap();
    insta::assert_snapshot!("data_that_are_missing", project.refusal(&[]));
}

#[test]
fn nothing_is_compared_with_a_column_that_a_policy_masks() {
    let rule = "{ kind = \"references\", column = \"customer_id\", to = { uri = \"other/customers.csv\" }, field = \"id\" }";
    let project = lab(&[rule]);
    project.write("other/customers.csv", "id\nC001\nC002\nC004\n");
    let folder = project.path("").canonicalize().unwrap();
    let folder = folder.display();
    project.write(
        "policy.toml",
        format!(
            "[[statement]]\neffect = \"allow\"\nprincipal = \"any-run\"\naction = \"*\"\nresource = \"*\"\n\
             [[statement]]\neffect = \"deny\"\nprincipal = \"any-run\"\naction = \"column:read\"\n\
             resource = \"file://{folder}/other/*\"\nmask = \"null\"\n\
             condition.StringEquals = {{ \"column:name\" = \"id\" }}\n"
        ),
    );
    let refusal = project.refusal(&["--policy", "policy.toml"]);
    assert!(refusal.starts_with("exit code 8\n"), "{refusal}");
    assert!(
        refusal.contains("a policy masks the column `id`"),
        "{refusal}"
    );
}

#[test]
fn rules_that_cannot_hold_are_told_before_a_row_is_read() {
    let project = lab(&[
        "{ kind = \"unique\", column = \"order\" }",
        "{ kind = \"regex\", column = \"amount\", pattern = \"^1\" }",
    ]);
    insta::assert_snapshot!(project.refusal(&[]));
}

#[test]
fn the_columns_of_the_output_are_compared_with_their_contract() {
    let project = Project::lab();
    let contract = "[output.contract]\nschema = [\n  { name = \"order_id\", type = \"int32\" },\n  \
                    { name = \"amount\", type = \"float64\" },\n  { name = \"currency\", type = \"utf8\" },\n]";
    project.application("", "", contract);
    insta::assert_snapshot!(project.refusal(&[]));
    project.application("", "", &format!("{contract}\ncompatibility = \"any\""));
    project.run(&[]);
}

#[test]
fn a_column_that_is_never_null_is_a_rule() {
    let project = Project::lab();
    project.write(
        "sales.csv",
        "order_id,customer_id,amount,region\n1,C1,20,\n2,C2,30,NA\n",
    );
    let contract = "[output.contract]\ncompatibility = \"forward\"\n\
                    schema = [{ name = \"region\", type = \"utf8\", nullable = false }]";
    project.application("", "", contract);
    let refusal = project.refusal(&[]);
    assert!(
        refusal.contains("`not-null(region)`: 1 of 2 rows"),
        "{refusal}"
    );
}

#[test]
fn an_input_that_changed_is_told_with_all_its_changes() {
    let project = Project::lab();
    let schema = project.sluice(&["schema", "sales.csv"]);
    project.write("sales.toml", &schema.out);
    let input = |rule: &str| {
        let contract = format!("schema_file = \"sales.toml\", compatibility = \"{rule}\"");
        project.application(
            &format!("contract = {{ {contract} }}"),
            "",
            "mode = \"overwrite\"",
        );
    };
    input("exact");
    project.run(&[]);
    project.write(
        "sales.csv",
        "order_id,customer_id,amount,channel\nA1,C001,20.5,web\n",
    );
    let before = project.names();
    insta::assert_snapshot!(project.refusal(&[]));
    assert_eq!(project.names(), before);
    input("forward");
    assert!(project.refusal(&[]).starts_with("exit code 10\n"));
}

#[test]
fn a_new_column_is_forgiven_forward_and_told() {
    let project = Project::lab();
    let schema = project.sluice(&["schema", "sales.csv"]);
    project.write("sales.toml", &schema.out);
    let contract = "contract = { schema_file = \"sales.toml\", compatibility = \"forward\" }";
    project.application(contract, "", "");
    project.write(
        "sales.csv",
        "order_id,customer_id,amount,region,channel\n1,C001,20.5,NA,web\n",
    );
    let ended = project.run(&["--json"]);
    let summary: Value = serde_json::from_str(&ended.out).unwrap();
    let message = summary["logs"][0]["message"].as_str().unwrap();
    assert_eq!(
        message,
        "differs from its contract: `channel` is new, of the type utf8"
    );
}

#[test]
fn one_thread_and_four_find_the_same() {
    let mut text = String::from("order_id,customer_id,amount,region\n");
    for row in 0..60_000 {
        // Some orders come again, also in another piece of the file.
        let order = if row % 1_000 == 999 { row / 2 } else { row };
        let customer = order % 77;
        writeln!(text, "{order},C{customer},{}.5,{}", row % 300, row % 11).unwrap();
    }
    let rules = [
        "{ kind = \"unique\", column = \"order_id\", severity = \"warn\" }",
        "{ kind = \"unique\", columns = [\"customer_id\", \"order_id\"], severity = \"warn\" }",
        "{ kind = \"range\", column = \"amount\", max = 290, severity = \"warn\" }",
        "{ kind = \"regex\", column = \"customer_id\", pattern = \"^C[1-6]\", severity = \"warn\" }",
        "{ kind = \"accepted-values\", column = \"region\", values = [1, 2, 3], severity = \"warn\" }",
    ];
    let card = |threads: &str| {
        let project = lab(&rules);
        project.write("sales.csv", &text);
        project.run(&["--threads", threads]);
        scorecard(&project)
    };
    let alone = card("1");
    assert_eq!(alone.matches("\"passed\":false").count(), 5, "{alone}");
    assert_eq!(card("4"), alone);
}
