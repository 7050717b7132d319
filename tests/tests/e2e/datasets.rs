//! The versions of what runs wrote, as people see them.

use serde_json::Value;

use crate::project::{Project, SALES};

/// The lab, whose runs do to the output what `output` says.
fn lab(output: &str) -> Project {
    let project = Project::lab();
    project.application("", "", output);
    project
}

fn read(project: &Project, arguments: &[&str]) -> Value {
    let ended = project.sluice(&[&["--json", "dataset"], arguments].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    serde_json::from_str(&ended.out).unwrap()
}

/// The orders that a version has.
fn orders(project: &Project, arguments: &[&str]) -> Vec<u64> {
    let arguments = [&["--json", "dataset", "cat", "out"], arguments].concat();
    let ended = project.sluice(&arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let rows = ended.out.lines().map(|line| {
        let row: Value = serde_json::from_str(line).unwrap();
        row["order_id"].as_u64().unwrap()
    });
    rows.collect()
}

/// What a command says, without times.
fn told(project: &Project, arguments: &[&str]) -> String {
    let ended = project.sluice(&[&["dataset"], arguments].concat());
    let told = format!(
        "exit code {}\n{}{}",
        ended.code.unwrap(),
        ended.out,
        ended.err
    );
    let told = told.replace(&*project.path("").to_string_lossy(), "[PROJECT]/");
    let words = told.split(' ').map(|word| {
        let is_time = word.len() == 24 && word.ends_with('Z');
        if is_time { "[TIME]" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn versions_are_told_shown_and_gone_back_to() {
    let project = lab("mode = \"overwrite\"\nprovenance = false");
    project.run(&["--run-id", "large", "-p", "min_amount=100"]);
    project.run(&["--run-id", "all"]);
    insta::assert_snapshot!(told(&project, &["history", "out"]));
    assert_eq!(orders(&project, &[]), [1001, 1002, 1003, 1005]);
    assert_eq!(orders(&project, &["--version", "1"]), [1001, 1003]);
    insta::assert_snapshot!(told(&project, &["schema", "out"]));

    assert_eq!(
        told(&project, &["rollback", "out"]),
        "exit code 0\nversion 3 is current\n"
    );
    assert_eq!(orders(&project, &[]), [1001, 1003]);
    let table = project.parquet("out");
    assert!(table.contains("1003") && !table.contains("1005"), "{table}");
    // What was gone back from can be gone back to.
    project.sluice(&["dataset", "rollback", "out", "--to", "2"]);
    assert_eq!(orders(&project, &[]), [1001, 1002, 1003, 1005]);
    let history = read(&project, &["history", "out"]);
    assert_eq!(history["current"], 4);
    assert_eq!(history["versions"][3]["operation"], "rollback");
    insta::assert_snapshot!(told(&project, &["rollback", "out", "--to", "1"]));
    insta::assert_snapshot!(told(&project, &["history", "nowhere"]));
}

#[test]
fn small_files_are_merged_folder_by_folder_and_rows_stay() {
    let project = lab("mode = \"append\"\npartition_by = [\"region\"]");
    for _ in 0..3 {
        project.run(&[]);
    }
    let before = orders(&project, &[]);
    let files = |project: &Project| {
        let names = project.names();
        let parts = names.iter().filter(|name| name.starts_with("out/region="));
        parts.filter(|name| name.ends_with(".parquet")).count()
    };
    assert_eq!(files(&project), 6);
    let merged = read(&project, &["compact", "out"]);
    assert_eq!((&merged["merged"], &merged["into"]), (&6.into(), &2.into()));
    assert_eq!(files(&project), 2);
    assert_eq!(orders(&project, &[]), before);
    assert_eq!(orders(&project, &["--version", "3"]), before);
    assert_eq!(
        told(&project, &["compact", "out"]),
        "exit code 0\nthere is nothing to merge\n"
    );
    project.run(&[]);
    assert_eq!(orders(&project, &[]).len(), before.len() + 4);
}

#[test]
fn who_may_only_append_forgets_earlier_versions_too() {
    let project = lab("mode = \"append\"");
    for _ in 0..4 {
        project.run(&["--audit", "audit.jsonl"]);
    }
    let history = read(&project, &["history", "out"]);
    assert_eq!(history["kept"], serde_json::json!([3, 4]));
    let audit = std::fs::read_to_string(project.path("audit.jsonl")).unwrap();
    assert!(audit.contains("\"allowed\":true"), "{audit}");
    assert!(!audit.contains("\"allowed\":false"), "{audit}");
}

#[test]
fn a_run_is_done_once_under_its_name_and_says_so() {
    let project = lab("mode = \"append\"");
    project.run(&["--run-id", "daily-2024-01-31"]);
    let again = project.run(&["--run-id", "daily-2024-01-31"]);
    assert!(
        again
            .out
            .contains("skipped: this run committed version 1 before"),
        "{}",
        again.out
    );
    assert_eq!(orders(&project, &[]).len(), 4);
    let refused = project.try_run(&["--run-id", "a/b"]);
    assert_eq!(refused.code, Some(2), "{}", refused.err);
}

#[test]
fn what_is_there_is_ignored_by_who_wants_nothing_then() {
    let project = lab("mode = \"ignore\"");
    project.run(&[]);
    let again = project.run(&["-p", "min_amount=100"]);
    assert!(
        again.out.contains("skipped: the output is there"),
        "{}",
        again.out
    );
    assert_eq!(orders(&project, &[]).len(), 4);
}

#[test]
fn only_the_partitions_that_a_run_writes_are_replaced() {
    let project = lab("mode = \"overwrite-partitions\"\npartition_by = [\"region\"]");
    project.run(&[]);
    let emea: Vec<&str> = SALES
        .lines()
        .filter(|line| !line.contains("APAC"))
        .collect();
    project.write("sales.csv", emea.join("\n") + "\n");
    project.run(&["-p", "min_amount=50"]);
    let mut left = orders(&project, &[]);
    left.sort_unstable();
    assert_eq!(left, [1001, 1003, 1005]);
    project.application("", "", "mode = \"overwrite-partitions\"");
    let told = project.refusal(&[]);
    assert!(told.contains("needs `partition_by`"), "{told}");
}

#[test]
fn what_a_killed_process_left_is_removed_by_repair() {
    let project = lab("mode = \"append\"");
    project.run(&[]);
    project.write("out/_sluice/staging/dead.99999999999/part", "half a file");
    assert_eq!(
        told(&project, &["repair", "out"]),
        "exit code 0\nversion 1: its files are in place\n0 leftovers were removed, 1 may still be written\n"
    );
    let repaired = read(&project, &["repair", "out", "--all"]);
    assert_eq!(
        (&repaired["removed"], &repaired["left"]),
        (&1.into(), &0.into())
    );
    assert!(!project.path("out/_sluice/staging").exists());
}
