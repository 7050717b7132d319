//! The main jobs, with their results.

use serde_json::Value;

use crate::guests;
use crate::project::{Project, root};

const LAB: &str = "\
+----------+-------------+--------+--------+---------------+
| order_id | customer_id | amount | region | amount_bucket |
+----------+-------------+--------+--------+---------------+
| 1001     | C001        | 120.5  | APAC   | high          |
| 1002     | C002        | 19.99  | EMEA   | low           |
| 1003     | C001        | 220.0  | APAC   | high          |
| 1005     | C004        | 89.0   | EMEA   | medium        |
+----------+-------------+--------+--------+---------------+";

#[test]
fn the_lab_drops_the_small_order_and_buckets_the_others() {
    let project = Project::lab();
    let ended = project.run(&[]);
    assert_eq!(project.parquet("out"), LAB);
    assert!(
        ended.out.contains("5 in, 4 out, 0 rejected"),
        "{}",
        ended.out
    );
}

#[test]
fn a_parameter_on_the_command_line_changes_the_result() {
    let project = Project::lab();
    project.run(&["-p", "min_amount=100"]);
    let table = project.parquet("out");
    assert!(table.contains("1001") && table.contains("1003"), "{table}");
    assert!(
        !table.contains("1002") && !table.contains("1005"),
        "{table}"
    );
}

#[test]
fn the_summary_as_json_has_the_figures_of_the_run() {
    let project = Project::lab();
    let ended = project.run(&["--json"]);
    let summary: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(ended.out.lines().count(), 1, "{}", ended.out);
    assert_eq!(summary["application"], "lab");
    assert_eq!(summary["rows_in"], 5);
    assert_eq!(summary["rows_out"], 4);
    assert_eq!(summary["rows_rejected"], 0);
    assert_eq!(summary["steps"][0]["name"], "etl");
    assert_eq!(summary["steps"][0]["rows_in"], 5);
    assert_eq!(summary["steps"][0]["rows_out"], 4);
    assert_eq!(summary["files"][0]["rows"], 4);
    let file = summary["files"][0]["path"].as_str().unwrap();
    let size = std::fs::metadata(project.path("out").join(file))
        .unwrap()
        .len();
    assert_eq!(summary["files"][0]["bytes"], size);
    assert!(summary["peak_rss"].as_u64().unwrap() > 0, "{summary}");
}

#[test]
fn one_thread_and_no_cache_give_the_same_result() {
    let project = Project::lab();
    project.run(&["--threads", "1", "--no-cache"]);
    assert_eq!(project.parquet("out"), LAB);
}

#[test]
fn an_explained_run_shows_the_transform_in_its_plan() {
    let project = Project::lab();
    let ended = project.run(&["--explain"]);
    let plan = ended.out.lines().find(|line| line.contains("Transform"));
    assert!(plan.is_some(), "{}", ended.out);
    assert_eq!(project.parquet("out"), LAB);
}

#[test]
fn two_steps_run_one_after_the_other() {
    let project = Project::lab();
    project.write("pass.wasm", guests::component(guests::PASS));
    let first = "plugin = \"sales-etl.wasm\"\nparams = { min_amount = 10.0 }";
    let second = "[[steps]]\nname = \"again\"\nplugin = \"pass.wasm\"";
    project.application("", &format!("{first}\n\n{second}"), "");
    let ended = project.run(&["--json"]);
    let summary: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(summary["steps"][1]["rows_in"], 4, "{summary}");
    // The second guest only passes the first column on.
    let table = project.parquet("out");
    assert!(
        table.contains("1005") && !table.contains("medium"),
        "{table}"
    );
}

#[test]
fn the_flights_job_keeps_every_flight_of_the_sample() {
    let project = Project::new();
    project.plugin("flights");
    let application = root().join("plugins/flights/application.toml");
    let text = std::fs::read_to_string(application).unwrap();
    project.write("app.toml", text.replace("../../target/demo/flights", "out"));
    let sample = root().join("tests/data/flights-sample.csv");
    std::fs::copy(sample, project.path("flights.csv")).unwrap();
    let ended = project.run(&["--json", "-p", "input=flights.csv"]);
    let summary: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(summary["rows_in"], 4_491);
    assert!(summary["rows_out"].as_u64().unwrap() > 4_000, "{summary}");
    assert!(
        project.parquet("out").contains("N14228"),
        "the first flight is gone"
    );
}

#[test]
fn head_shows_rows_of_input_and_output() {
    let project = Project::lab();
    project.run(&[]);
    let input = project.sluice(&["head", "sales.csv", "--rows", "2"]);
    assert_eq!(input.code, Some(0), "{}", input.err);
    assert!(
        input.out.contains("1002") && !input.out.contains("1003"),
        "{}",
        input.out
    );
    let output = project.sluice(&["head", "out", "--json"]);
    assert_eq!(output.code, Some(0), "{}", output.err);
    let last: Value = serde_json::from_str(output.out.lines().last().unwrap()).unwrap();
    assert_eq!(last["order_id"], 1005);
    assert_eq!(last["amount_bucket"], "medium");
}

#[test]
fn a_schema_that_was_printed_can_be_read_back() {
    let project = Project::lab();
    let schema = project.sluice(&["schema", "sales.csv"]);
    assert_eq!(schema.code, Some(0), "{}", schema.err);
    project.write("schema.toml", &schema.out);
    project.application("schema_file = \"schema.toml\"", "", "");
    project.run(&[]);
    assert_eq!(project.parquet("out"), LAB);
}

#[test]
fn an_inspected_plugin_says_what_it_could_ask_for() {
    let project = Project::lab();
    let ended = project.sluice(&["plugin", "inspect", "sales-etl.wasm", "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let inspection: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(inspection["digest"].as_str().unwrap().len(), 64);
    let exports = inspection["exports"].as_array().unwrap();
    let transform = exports
        .iter()
        .find(|export| export["name"] == "sluicegate:transform/transform@0.1.0");
    assert_eq!(
        transform.unwrap()["functions"].as_array().unwrap().len(),
        3,
        "{inspection}"
    );
}
