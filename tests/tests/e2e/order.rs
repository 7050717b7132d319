//! Large files are read in pieces side by side: nothing of that may show.

use std::fmt::Write as _;

use crate::project::Project;

/// Enough for several pieces of a megabyte or more.
const ROWS: u64 = 120_000;

/// A CSV of [`ROWS`] rows, some with newlines and quotes within their notes.
fn sales() -> String {
    let mut text = String::from("order_id,amount,note\n");
    for row in 0..ROWS {
        let note = match row % 3 {
            0 => "plain",
            1 => "\"first line\n999999,1.0,second line\"",
            _ => "\"she said \"\"no\"\", twice\"",
        };
        writeln!(text, "{row},{}.5,{note} ", row % 200).unwrap();
    }
    // A space behind a closing quote would make the file irregular, and so one piece.
    text.replace("\" \n", "\"\n").replace("plain \n", "plain\n")
}

fn order_ids(project: &Project) -> Vec<i64> {
    let mut ids = Vec::new();
    for batch in project.batches("out") {
        let column = batch.column_by_name("order_id").unwrap();
        let column = column
            .as_any()
            .downcast_ref::<arrow::array::Int64Array>()
            .unwrap();
        ids.extend(column.values());
    }
    ids
}

#[test]
fn rows_keep_their_order_and_quoted_newlines_stay_within_their_rows() {
    let project = Project::lab();
    project.write("sales.csv", sales());
    project.application(
        "",
        "params = { min_amount = 0 }\nplugin = \"sales-etl.wasm\"",
        "",
    );
    let ended = project.run(&["--threads", "4", "--explain"]);
    assert!(
        ended.out.contains("4 groups"),
        "the file was not cut:\n{}",
        ended.out
    );
    let expected: Vec<_> = (0..ROWS.cast_signed()).collect();
    assert!(
        order_ids(&project) == expected,
        "rows are lost, doubled or out of order"
    );
}

#[test]
fn a_malformed_row_in_a_later_piece_is_told_with_its_line_in_the_whole_file() {
    let project = Project::lab();
    let mut text = String::from("order_id,amount\n");
    for row in 0..400_000 {
        let amount = if row == 399_998 { "twelve" } else { "12.5" };
        writeln!(text, "{row},{amount}").unwrap();
    }
    project.write("sales.csv", text);
    let ended = project.try_run(&["--threads", "4"]);
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    assert!(ended.err.contains("line 400000"), "{}", ended.err);
    assert!(
        ended.err.contains("`amount`") && ended.err.contains("`twelve`"),
        "{}",
        ended.err
    );
}

#[test]
fn a_stateful_transform_sees_each_user_in_time_order_whatever_the_order_of_the_file() {
    let project = Project::lab();
    project.plugin("sessionize");
    let mut text = String::from("user,at\n");
    // Each user has two sessions of three events, an hour apart, in reversed order.
    for minute in [70, 65, 60, 10, 5, 0] {
        for user in 0..1_000 {
            writeln!(text, "u{user},{}", minute * 60).unwrap();
        }
    }
    project.write("sales.csv", text);
    project.application(
        "",
        "plugin = \"sessionize.wasm\"\nparams = { user = \"user\", time = \"at\", gap_minutes = 30 }\n\
         partition_by = [\"user\"]\norder_by = [\"at\"]",
        "",
    );
    project.run(&["--threads", "3"]);
    let mut sessions = std::collections::BTreeMap::<String, u64>::new();
    for batch in project.batches("out") {
        let column = batch.column_by_name("session_id").unwrap();
        let column = column
            .as_any()
            .downcast_ref::<arrow::array::StringArray>()
            .unwrap();
        for session in column.iter().flatten() {
            *sessions.entry(session.to_owned()).or_default() += 1;
        }
    }
    assert_eq!(sessions.len(), 2_000, "two sessions for each user");
    assert!(
        sessions.values().all(|events| *events == 3),
        "three events in each"
    );
}
