//! Runs that make anew only what has changed, and always leave what a run over everything would.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use parquet::arrow::ArrowWriter;
use proptest::prelude::{Strategy, any};
use proptest::prop_oneof;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::project::Project;
use crate::servers::{SECRET, Server};

/// Order lines with these numbers, in a file of its own. All are kept but those that end in 4, of which the amount is too
/// small.
fn lines(orders: &[u64]) -> String {
    let lines = orders.iter().map(|order| {
        let amount = if order % 10 == 4 { 5.5 } else { 50.5 };
        format!("{order},C001,{amount},APAC\n")
    });
    format!(
        "order_id,customer_id,amount,region\n{}",
        lines.collect::<String>()
    )
}

/// The lab over a folder, with more lines in its step and its output.
fn lab(step: &str, output: &str) -> Project {
    let project = Project::lab();
    application(&project, step, output);
    project
}

fn application(project: &Project, step: &str, output: &str) {
    project.application(
        "uri = \"in/\"\nformat = \"csv\"",
        step,
        &format!("mode = \"incremental\"\n{output}"),
    );
}

/// What a run says of itself.
fn told(project: &Project, arguments: &[&str]) -> Value {
    let arguments = [&["--json", "run", "app.toml"], arguments].concat();
    let ended = project.sluice(&arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    serde_json::from_str(&ended.out).unwrap()
}

/// Files that were reused, processed and removed, and why all were processed if they were.
fn run(project: &Project, arguments: &[&str]) -> (u64, u64, u64, String) {
    let told = told(project, arguments);
    let found = &told["incremental"];
    let count = |name: &str| found[name].as_u64().unwrap();
    let why = found["anew"].as_str().unwrap_or_default().to_owned();
    (
        count("files_reused"),
        count("files_processed"),
        count("files_removed"),
        why,
    )
}

/// The orders that a reader of the output sees.
fn orders(project: &Project, output: &str) -> Vec<u64> {
    let ended = project.sluice(&["--json", "head", output, "-n", "1000000"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let orders = ended.out.lines().map(|line| {
        let row: Value = serde_json::from_str(line).unwrap();
        row["order_id"].as_u64().unwrap()
    });
    let mut orders: Vec<_> = orders.collect();
    orders.sort_unstable();
    orders
}

const NEW: &str = "there is no version yet";

#[test]
fn only_what_has_changed_is_made_anew() {
    let project = lab("", "partition_by = [\"region\"]");
    project.write("in/1.csv", lines(&[11, 12, 14]));
    project.write("in/2.csv", lines(&[21]));
    assert_eq!(run(&project, &[]), (0, 2, 0, NEW.to_owned()));
    assert_eq!(orders(&project, "out"), [11, 12, 21]);

    project.write("in/3.csv", lines(&[31, 34]));
    let third = told(&project, &[]);
    assert_eq!(
        (&third["rows_in"], &third["rows_out"]),
        (&2.into(), &1.into())
    );
    assert_eq!(third["version"], 2);
    assert_eq!(orders(&project, "out"), [11, 12, 21, 31]);

    let nothing = told(&project, &[]);
    assert_eq!(
        (&nothing["skipped"], &nothing["version"]),
        (&true.into(), &2.into())
    );
    assert_eq!(nothing["incremental"]["files_reused"], 3);

    // The first two files were read, and are kept, together.
    project.write("in/1.csv", lines(&[11, 13]));
    assert_eq!(run(&project, &[]), (1, 2, 0, String::new()));
    assert_eq!(orders(&project, "out"), [11, 13, 21, 31]);
    std::fs::remove_file(project.path("in/3.csv")).unwrap();
    assert_eq!(run(&project, &[]), (2, 0, 1, String::new()));
    assert_eq!(orders(&project, "out"), [11, 13, 21]);
    let told = project.run(&[]).out;
    assert!(
        told.contains("skipped: the input is as it was for version 4"),
        "{told}"
    );
}

#[test]
fn in_a_bucket_too() {
    let server = Server::of_s3();
    server.put("landing", "in/1.csv", &lines(&[11, 14]));
    server.make("lake");
    let mut project = Project::lab();
    server.serves_s3(&mut project, SECRET);
    let (input, output) = ("s3://landing/in/", "s3://lake/out/");
    project.application(
        &format!("uri = \"{input}\"\nformat = \"csv\""),
        "",
        &format!("uri = \"{output}\"\nmode = \"incremental\""),
    );
    assert_eq!(run(&project, &[]), (0, 1, 0, NEW.to_owned()));
    server.put("landing", "in/2.csv", &lines(&[21]));
    assert_eq!(run(&project, &[]), (1, 1, 0, String::new()));
    assert_eq!(orders(&project, output), [11, 21]);
    assert_eq!(run(&project, &[]), (2, 0, 0, String::new()));
    server.put("landing", "in/1.csv", &lines(&[11, 12]));
    assert_eq!(run(&project, &[]), (1, 1, 0, String::new()));
    assert_eq!(orders(&project, output), [11, 12, 21]);
    assert_eq!(server.uploads(), 0);
}

#[test]
fn whatever_decides_about_rows_makes_all_of_them_anew() {
    let project = lab("", "");
    project.write("in/1.csv", lines(&[11]));
    project.write("in/2.csv", lines(&[24]));
    run(&project, &[]);
    let all = |reason: &str| (0, 2, 0, reason.to_owned());
    let params = "the parameters of step `etl` changed";
    assert_eq!(run(&project, &["-p", "min_amount=1"]), all(params));
    assert_eq!(orders(&project, "out"), [11, 24]);
    assert_eq!(
        run(&project, &["-p", "min_amount=1"]),
        (2, 0, 0, String::new())
    );
    assert_eq!(run(&project, &[]), all(params));
    assert_eq!(orders(&project, "out"), [11]);

    project.write(
        "again.wasm",
        another(&std::fs::read(project.path("sales-etl.wasm")).unwrap()),
    );
    let step = "plugin = \"again.wasm\"\nparams = { min_amount = \"${min_amount}\" }";
    application(&project, step, "");
    assert_eq!(run(&project, &[]), all("the plugin of step `etl` changed"));
    application(&project, step, "compression = \"zstd\"");
    assert_eq!(run(&project, &[]), all("the format of the output changed"));
    let rule =
        "compression = \"zstd\"\n\n[[output.rules]]\nkind = \"not-null\"\ncolumn = \"order_id\"";
    application(&project, step, rule);
    assert_eq!(run(&project, &[]), all("the rules on the output changed"));
    assert_eq!(run(&project, &[]), (2, 0, 0, String::new()));
    // A number with a fraction makes the column one of such.
    project.write("in/2.csv", lines(&[24]).replace("24,", "24.5,"));
    assert_eq!(
        run(&project, &[]).3,
        "the schema of input `sales` changed".to_owned()
    );
}

/// A component that does the same, and is not the same: with one section more, which says nothing.
fn another(component: &[u8]) -> Vec<u8> {
    [component, &[0, 5, 4, b'n', b'o', b't', b'e']].concat()
}

#[test]
fn a_new_column_in_parquet_makes_all_anew_and_an_old_one_does_not() {
    let project = Project::lab();
    project.application(
        "uri = \"in/\"\nformat = \"parquet\"",
        "",
        "mode = \"incremental\"",
    );
    std::fs::create_dir(project.path("in")).unwrap();
    let write = |name: &str, columns: &[(&str, ArrayRef)]| {
        let batch = RecordBatch::try_from_iter(columns.iter().cloned()).unwrap();
        let file = File::create(project.path(name)).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    };
    let numbers = |value: i64| Arc::new(Int64Array::from(vec![value])) as ArrayRef;
    let amounts = || Arc::new(arrow::array::Float64Array::from(vec![50.5])) as ArrayRef;
    let old = |order| [("order_id", numbers(order)), ("amount", amounts())];
    write("in/1.parquet", &old(1));
    write("in/2.parquet", &old(2));
    run(&project, &[]);
    write("in/3.parquet", &old(3));
    assert_eq!(run(&project, &[]), (2, 1, 0, String::new()));
    let schema = "the schema of input `sales` changed".to_owned();
    write(
        "in/4.parquet",
        &[&old(4)[..], &[("more", numbers(1))]].concat(),
    );
    assert_eq!(run(&project, &[]), (0, 4, 0, schema.clone()));
    // It lacks a column that the others have: all have to be looked at, and nothing has changed.
    write("in/5.parquet", &old(5));
    assert_eq!(run(&project, &[]), (4, 1, 0, String::new()));
    assert_eq!(orders(&project, "out"), [1, 2, 3, 4, 5]);
    std::fs::remove_file(project.path("in/4.parquet")).unwrap();
    assert_eq!(run(&project, &[]), (0, 4, 1, schema));
    assert_eq!(orders(&project, "out"), [1, 2, 3, 5]);
}

#[test]
fn a_rollback_takes_back_what_is_known_of_the_input() {
    let project = lab("", "keep_versions = 5");
    project.write("in/1.csv", lines(&[11]));
    run(&project, &[]);
    project.write("in/2.csv", lines(&[21]));
    run(&project, &[]);
    assert_eq!(
        project.sluice(&["dataset", "rollback", "out"]).code,
        Some(0)
    );
    assert_eq!(orders(&project, "out"), [11]);
    assert_eq!(run(&project, &[]), (1, 1, 0, String::new()));
    assert_eq!(orders(&project, "out"), [11, 21]);
    std::fs::remove_file(project.path("in/1.csv")).unwrap();
    assert_eq!(run(&project, &[]), (1, 0, 1, String::new()));
    assert_eq!(
        project.sluice(&["dataset", "rollback", "out"]).code,
        Some(0)
    );
    assert_eq!(orders(&project, "out"), [11, 21]);
    assert_eq!(run(&project, &[]), (1, 0, 1, String::new()));
    assert_eq!(orders(&project, "out"), [21]);
    let history = project.sluice(&["dataset", "history", "out"]).out;
    assert_eq!(history.matches("incremental").count(), 5, "{history}");
}

#[test]
fn what_others_make_of_the_output_is_told_and_made_anew() {
    let project = lab("", "");
    project.write("in/1.csv", lines(&[11]));
    run(&project, &[]);
    project.application("uri = \"in/\"\nformat = \"csv\"", "", "mode = \"append\"");
    project.run(&[]);
    application(&project, "", "");
    let changed = "its files were changed since the last run in this mode".to_owned();
    assert_eq!(run(&project, &[]), (0, 1, 0, changed));
    assert_eq!(orders(&project, "out"), [11]);
    let merge = project.sluice(&["dataset", "compact", "out"]);
    insta::assert_snapshot!(project.told(&merge));

    project.application(
        "uri = \"in/\"\nformat = \"csv\"",
        "",
        "mode = \"overwrite\"",
    );
    project.run(&[]);
    application(&project, "", "");
    let none = "no run in this mode wrote the last version".to_owned();
    assert_eq!(run(&project, &[]), (0, 1, 0, none));

    let names = project.names();
    let bookmark = names
        .iter()
        .find(|name| name.starts_with("out/_sluice/bookmark/") && name.ends_with(".json"));
    project.write(bookmark.unwrap(), "{\"format\": 1, \"units\": {}}");
    let (_, processed, _, malformed) = run(&project, &[]);
    assert!(malformed.contains("malformed"));
    assert_eq!((processed, orders(&project, "out")), (1, vec![11]));
}

#[test]
fn an_output_without_rows_has_columns_until_it_has_rows() {
    let project = lab("", "");
    project.write("in/1.csv", lines(&[14]));
    run(&project, &[]);
    assert_eq!(project.batches("out").len(), 0);
    project.write("in/2.csv", lines(&[21]));
    assert_eq!(run(&project, &[]), (1, 1, 0, String::new()));
    assert_eq!(orders(&project, "out"), [21]);
    std::fs::remove_file(project.path("in/2.csv")).unwrap();
    assert_eq!(run(&project, &[]), (1, 0, 1, String::new()));
    assert_eq!(orders(&project, "out"), Vec::<u64>::new());
    std::fs::remove_file(project.path("in/1.csv")).unwrap();
    assert_eq!(project.try_run(&[]).code, Some(3));
}

#[test]
fn a_large_file_is_kept_in_parts_and_made_anew_as_a_whole() {
    let project = lab("", "");
    let many: Vec<u64> = (0..200_000).collect();
    let few = |numbers: &[u64]| numbers.iter().filter(|order| *order % 10 != 4).count();
    project.write("in/1.csv", lines(&many));
    project.write("in/2.csv", lines(&[200_000]));
    let first = told(&project, &["--threads", "2"]);
    assert!(first["files"].as_array().unwrap().len() > 1, "{first}");
    assert_eq!(first["rows_out"], few(&many) + 1);
    project.write("in/2.csv", lines(&[200_001]));
    let second = told(&project, &["--threads", "2"]);
    assert_eq!(second["incremental"]["files_reused"], 1);
    assert_eq!(orders(&project, "out").len(), few(&many) + 1);
    let less = &many[..150_000];
    project.write("in/1.csv", lines(less));
    run(&project, &["--threads", "2"]);
    assert_eq!(orders(&project, "out").len(), few(less) + 1);
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let project = lab(
        "partition_by = [\"region\"]\nclock = \"real\"",
        "\n[[output.rules]]\nkind = \"unique\"\ncolumn = \"order_id\"\n\n\
         [[output.rules]]\nkind = \"row-count\"\nmin = 1",
    );
    project.write("in/1.csv", lines(&[11]));
    insta::assert_snapshot!("rules_on_all_rows", project.refusal(&[]));
    application(
        &project,
        "partition_by = [\"region\"]\nclock = \"real\"",
        "",
    );
    insta::assert_snapshot!("a_step_that_reaches_out", project.refusal(&[]));
    project.plugin("sessionize");
    let stateful = "plugin = \"sessionize.wasm\"\n\
        params = { user = \"customer_id\", time = \"order_id\", gap_minutes = 30 }";
    application(&project, stateful, "");
    insta::assert_snapshot!("a_stateful_step", project.refusal(&[]));
    assert!(
        !project
            .names()
            .iter()
            .any(|name| name.starts_with("out/_sluice/log"))
    );
}

/// What somebody does to one of the files.
#[derive(Clone, Debug)]
enum Step {
    Write(u8, Vec<u8>),
    Remove(u8),
    RollBack,
}

#[test]
fn any_changes_of_the_input_leave_what_all_of_it_gives() {
    let write = (0..6u8, proptest::collection::vec(any::<u8>(), 0..5));
    let step = prop_oneof![
        4 => write.prop_map(|(file, orders)| Step::Write(file, orders)),
        2 => (0..6u8).prop_map(Step::Remove),
        1 => proptest::strategy::Just(Step::RollBack),
    ];
    let steps = proptest::collection::vec(proptest::collection::vec(step, 0..4), 1..7);
    // Each case is some ten processes.
    let config = Config {
        cases: 12,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&steps, |steps| {
        let project = lab("", "");
        let mut files = BTreeMap::from([(9, vec![1])]);
        project.write("in/9.csv", lines(&[1]));
        told(&project, &[]);
        for changes in steps {
            for change in changes {
                match change {
                    Step::Write(file, orders) => {
                        let orders: Vec<u64> = orders.into_iter().map(u64::from).collect();
                        project.write(&format!("in/{file}.csv"), lines(&orders));
                        files.insert(file, orders);
                    }
                    Step::Remove(file) => {
                        if files.remove(&file).is_some() {
                            let path = project.path(&format!("in/{file}.csv"));
                            std::fs::remove_file(path).unwrap();
                        }
                    }
                    // Where there is nothing to go back to, it is refused.
                    Step::RollBack => drop(project.sluice(&["dataset", "rollback", "out"])),
                }
            }
            told(&project, &[]);
            let kept = files.values().flatten().copied();
            let mut expected: Vec<u64> = kept.filter(|order| order % 10 != 4).collect();
            expected.sort_unstable();
            assert_eq!(orders(&project, "out"), expected);
        }
        Ok(())
    });
    outcome.unwrap();
}
