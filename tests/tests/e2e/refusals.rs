//! What is told to somebody who gave something wrong. The texts are in `snapshots/`.

use crate::guests;
use crate::project::Project;

/// Fails unless the run is refused in the words of the snapshot of this test, and leaves nothing behind.
macro_rules! assert_refusal {
    ($project:expr, $arguments:expr) => {{
        let before = $project.names();
        insta::assert_snapshot!($project.refusal($arguments));
        assert_eq!(
            $project.names(),
            before,
            "the refused run left something behind"
        );
    }};
}

/// The lab with a guest of its own as its only step.
fn hostile(process: &str) -> Project {
    with_plugin(&guests::component(process))
}

fn with_plugin(bytes: &[u8]) -> Project {
    let project = Project::lab();
    project.write("guest.wasm", bytes);
    project.application("", "plugin = \"guest.wasm\"", "");
    project
}

#[test]
fn a_missing_application_names_the_nearest_file() {
    let project = Project::lab();
    let ended = project.sluice(&["run", "ap.toml"]);
    insta::assert_snapshot!(project.told(&ended));
}

#[test]
fn a_wrong_command_line_has_an_exit_code_of_its_own() {
    let project = Project::lab();
    assert_eq!(project.sluice(&["rnu", "app.toml"]).code, Some(2));
    assert_eq!(project.sluice(&["run"]).code, Some(2));
    assert_eq!(
        project.sluice(&["run", "app.toml", "-p", "novalue"]).code,
        Some(2)
    );
}

#[test]
fn an_unknown_key_of_the_application_is_shown_in_its_line() {
    let project = Project::lab();
    project.application("delimeter = \";\"", "", "");
    assert_refusal!(project, &[]);
}

#[test]
fn an_unknown_parameter_names_the_known_ones() {
    assert_refusal!(Project::lab(), &["-p", "min_amont=5"]);
}

#[test]
fn a_parameter_of_the_wrong_type_says_what_is_expected() {
    assert_refusal!(Project::lab(), &["-p", "min_amount=ten"]);
}

#[test]
fn a_limit_out_of_bounds_is_refused() {
    assert_refusal!(Project::lab(), &["--limit-guest-memory", "1B"]);
}

#[test]
fn an_error_as_json_is_one_object_with_kind_and_exit_code() {
    let project = Project::lab();
    let ended = project.try_run(&["--json", "-p", "min_amont=5"]);
    assert_eq!(ended.out, "");
    let object: serde_json::Value = serde_json::from_str(&ended.err).unwrap();
    assert_eq!(object["error"]["kind"], "input");
    assert_eq!(object["error"]["exit_code"], 3);
    assert_eq!(ended.code, Some(3));
    assert!(
        object["error"]["message"]
            .as_str()
            .unwrap()
            .contains("min_amont"),
        "{object}"
    );
}

#[test]
fn a_wrong_command_line_is_told_as_json_too() {
    let project = Project::lab();
    for (arguments, told) in [
        (["rnu", "--json"].as_slice(), "rnu"),
        (&["--json", "run"], "required"),
        (
            &["run", "app.toml", "--json", "-p", "novalue"],
            "NAME=VALUE",
        ),
    ] {
        let ended = project.sluice(arguments);
        let object: serde_json::Value = serde_json::from_str(&ended.err).unwrap();
        assert_eq!(object["error"]["kind"], "usage");
        assert_eq!(object["error"]["exit_code"], 2);
        assert_eq!(ended.code, Some(2));
        let message = object["error"]["message"].as_str().unwrap();
        assert!(message.contains(told), "{object}");
    }
    let help = project.sluice(&["--json", "--help"]);
    assert_eq!(help.code, Some(0));
    assert!(help.out.contains("Usage"), "{}", help.out);
}

#[test]
fn a_delimiter_that_quotes_values_is_refused() {
    let project = Project::lab();
    project.application("", "", "format = \"csv\"\ndelimiter = '\"'");
    assert_refusal!(project, &[]);
}

#[test]
fn a_missing_input_names_the_nearest_file() {
    let project = Project::lab();
    project.application("uri = \"sale.csv\"", "", "");
    assert_refusal!(project, &[]);
}

#[test]
fn a_malformed_csv_row_is_told_with_file_line_and_column() {
    let project = Project::lab();
    let rows = (0..20_000).map(|row| format!("{row},C{row},{row}.5,APAC\n"));
    let head = "order_id,customer_id,amount,region\n".to_owned();
    let text: String = std::iter::once(head).chain(rows).collect();
    project.write("sales.csv", text + "20000,C1,much,APAC\n");
    assert_refusal!(project, &[]);
}

#[test]
fn a_csv_row_with_too_few_values_is_told_with_file_and_line() {
    let project = Project::lab();
    project.write(
        "sales.csv",
        "order_id,customer_id,amount,region\n1,C1,50.0,APAC\n2,C2\n",
    );
    assert_refusal!(project, &[]);
}

#[test]
fn a_column_that_the_transform_needs_and_the_input_lacks_is_named() {
    let project = Project::lab();
    project.write("sales.csv", "order_id,total\n1,50.0\n");
    assert_refusal!(project, &[]);
}

#[test]
fn a_parameter_that_the_transform_does_not_know_is_named() {
    let project = Project::lab();
    project.application(
        "",
        "plugin = \"sales-etl.wasm\"\nparams = { min_amont = 5.0 }",
        "",
    );
    assert_refusal!(project, &[]);
}

#[test]
fn a_missing_plugin_names_the_nearest_file() {
    let project = Project::lab();
    project.application("", "plugin = \"sales_etl.wasm\"", "");
    assert_refusal!(project, &[]);
}

#[test]
fn a_plugin_that_is_no_component_is_refused() {
    assert_refusal!(with_plugin(b"#!/bin/sh\necho hello\n"), &[]);
}

#[test]
fn a_core_module_is_refused_with_the_command_that_wraps_it() {
    assert_refusal!(with_plugin(&guests::core_module()), &[]);
}

#[test]
fn a_plugin_of_another_contract_version_names_the_offered_ones() {
    assert_refusal!(with_plugin(&guests::component_of_another_version()), &[]);
}

#[test]
fn a_plugin_with_a_strange_import_names_it() {
    assert_refusal!(with_plugin(&guests::component_with_a_strange_import()), &[]);
}

#[test]
fn a_trap_is_told_with_step_batch_rows_and_functions() {
    assert_refusal!(hostile(guests::TRAP), &[]);
}

#[test]
fn a_fault_of_the_transform_is_told_in_its_words() {
    assert_refusal!(hostile(guests::FAULT), &[]);
}

#[test]
fn a_transform_that_never_returns_reaches_the_limit_of_a_call() {
    assert_refusal!(hostile(guests::SPIN), &["--limit-call-time", "200ms"]);
}

#[test]
fn a_transform_that_never_returns_reaches_the_limit_of_the_run() {
    assert_refusal!(hostile(guests::SPIN), &["--limit-wall-time", "300ms"]);
}

#[test]
fn a_transform_that_takes_memory_reaches_its_limit() {
    assert_refusal!(hostile(guests::HOARD), &["--limit-guest-memory", "8MiB"]);
}

#[test]
fn a_transform_that_emits_without_end_reaches_the_limit_of_rows() {
    assert_refusal!(hostile(guests::FLOOD), &["--limit-emit-rows", "1000"]);
}

#[test]
fn an_output_above_its_limit_is_refused() {
    assert_refusal!(Project::lab(), &["--limit-output-bytes", "10B"]);
}

#[test]
fn what_a_transform_said_before_it_failed_is_shown() {
    let project = hostile(&format!("{} unreachable", guests::SHOUT));
    let ended = project.try_run(&["--quiet"]);
    assert_eq!(ended.code, Some(6), "{}", ended.err);
    let (said, failed) = ended.err.split_once("\nerror: ").unwrap();
    assert!(said.starts_with("warn etl: red "), "{said}");
    assert!(failed.contains("unreachable"), "{failed}");

    let ended = project.try_run(&["--json"]);
    let text: serde_json::Value = serde_json::from_str(&ended.err).unwrap();
    assert_eq!(text["error"]["kind"], "trap");
    assert_eq!(text["logs"][0]["level"], "warn");
    assert_eq!(text["logs"][0]["step"], "etl");
}

#[test]
fn messages_of_a_transform_cannot_steer_the_terminal() {
    let project = hostile(guests::SHOUT);
    let ended = project.run(&[]);
    assert!(ended.err.contains("warn etl: red "), "{}", ended.err);
    assert!(
        !ended.err.contains('\u{1b}') && !ended.out.contains('\u{1b}'),
        "{:?}",
        ended.err
    );
}
