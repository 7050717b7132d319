//! One run for each day between two.

use serde_json::Value;

use crate::project::{Ended, Project};

/// An application with a parameter for the day, which reads a file of that name.
fn project(parameters: &str, output: &str) -> Project {
    let project = Project::new();
    project.plugin("sales-etl");
    project.write(
        "app.toml",
        format!(
            "name = \"daily\"\n\n[parameters.date]\ntype = \"date\"\n{parameters}\n\n\
             [inputs.sales]\nuri = \"in/${{date}}.csv\"\n\n[[steps]]\nname = \"etl\"\n\
             plugin = \"sales-etl.wasm\"\nparams = {{ min_amount = 10.0 }}\n\n[output]\n{output}\n"
        ),
    );
    project
}

fn day(project: &Project, day: &str, order: u64) {
    let text = format!("order_id,customer_id,amount,region\n{order},C001,50.5,R{order}\n");
    project.write(&format!("in/2026-01-{day}.csv"), text);
}

fn backfill(project: &Project, arguments: &[&str]) -> Ended {
    let days = ["--from", "2026-01-01", "--to", "2026-01-03"];
    project.sluice(&[&["--json", "backfill", "app.toml"], &days[..], arguments].concat())
}

/// Days with what became of each, and of each the name of its run.
fn states(ended: &Ended) -> (Vec<String>, Vec<String>) {
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    let text = |run: &Value, key: &str| run[key].as_str().unwrap().to_owned();
    let runs = told["runs"].as_array().unwrap().iter();
    runs.map(|run| {
        let state = format!("{} {}", text(run, "period"), text(run, "state"));
        (state, text(run, "run_id"))
    })
    .unzip()
}

#[test]
fn a_day_that_fails_leaves_the_others_and_only_it_is_done_again() {
    let project = project("", "uri = \"out/${date}\"");
    day(&project, "01", 1);
    day(&project, "03", 3);
    let ended = backfill(&project, &["--skip-succeeded", "--max-parallel", "2"]);
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    assert!(ended.err.contains("run it for 2026-01-02"), "{}", ended.err);
    let (found, ids) = states(&ended);
    assert_eq!(
        found,
        [
            "2026-01-01 succeeded",
            "2026-01-02 failed",
            "2026-01-03 succeeded"
        ]
    );
    assert_eq!(
        ids,
        ["daily-2026-01-01", "daily-2026-01-02", "daily-2026-01-03"]
    );

    // What was done needs no input any more.
    std::fs::remove_file(project.path("in/2026-01-01.csv")).unwrap();
    day(&project, "02", 2);
    let ended = backfill(&project, &["--skip-succeeded"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(
        states(&ended).0,
        [
            "2026-01-01 skipped",
            "2026-01-02 succeeded",
            "2026-01-03 skipped"
        ]
    );
    let days = [
        "--from",
        "2026-01-01",
        "--to",
        "2026-01-04",
        "--skip-succeeded",
        "-q",
    ];
    let table = project.sluice(&[&["backfill", "app.toml"], &days[..]].concat());
    let told = format!("{}{}", table.out, project.told(&table));
    let words = told.replace(&*project.path("").to_string_lossy(), "[PROJECT]/");
    let words = words.split(' ').map(|word| {
        let is_time = word.contains('.') && word.parse::<f64>().is_ok();
        if is_time { "[TIME]" } else { word }
    });
    insta::assert_snapshot!(words.collect::<Vec<_>>().join(" "));
}

#[test]
fn runs_side_by_side_put_partitions_into_one_output() {
    let output = "uri = \"out\"\nmode = \"overwrite-partitions\"\npartition_by = [\"region\"]";
    let project = project("", output);
    for (name, order) in [("01", 1), ("02", 2), ("03", 3)] {
        day(&project, name, order);
    }
    let first = backfill(&project, &["--max-parallel", "3"]);
    assert_eq!(first.code, Some(0), "{}", first.err);
    // Without `--skip-succeeded`, all are done again, in names of their own.
    let again = backfill(&project, &[]);
    assert_eq!(again.code, Some(0), "{}", again.err);
    let (found, ids) = states(&again);
    assert!(
        found.iter().all(|run| run.ends_with("succeeded")),
        "{found:?}"
    );
    assert!(
        ids.iter().all(|id| !states(&first).1.contains(id)),
        "{ids:?}"
    );
    let rows: usize = project
        .batches("out")
        .iter()
        .map(arrow::array::RecordBatch::num_rows)
        .sum();
    assert_eq!(rows, 3);
}

#[test]
fn what_cannot_be_meant_is_refused_before_a_run_begins() {
    let replacing = project("", "uri = \"out\"\nmode = \"overwrite\"");
    day(&replacing, "01", 1);
    let told = |project: &Project, arguments: &[&str]| {
        let ended = project.sluice(&[&["backfill", "app.toml"], arguments].concat());
        project.told(&ended)
    };
    let days = ["--from", "2026-01-01", "--to", "2026-01-03"];
    insta::assert_snapshot!("all_into_one_output", told(&replacing, &days));
    let two = "[parameters.other]\ntype = \"date\"\ndefault = \"2026-01-01\"";
    let two = project(two, "uri = \"out/${date}\"");
    insta::assert_snapshot!("two_days", told(&two, &days));
    let hours = [&days[..], &["--every", "hour"]].concat();
    insta::assert_snapshot!("no_hour", told(&replacing, &hours));
    let unknown = [&days[..], &["--over", "day"]].concat();
    insta::assert_snapshot!("an_unknown_parameter", told(&replacing, &unknown));
    assert!(!replacing.names().contains(&"out/".to_owned()));
}

#[test]
fn a_backfill_that_is_cancelled_begins_no_other_run() {
    let project = project("", "uri = \"out/${date}\"");
    for name in ["01", "02", "03"] {
        day(&project, name, 1);
    }
    let days = ["--from", "2026-01-01", "--to", "2028-01-03"];
    let arguments = [&["--json", "backfill", "app.toml"], &days[..]].concat();
    let begun = || project.path("out/2026-01-01/_SUCCESS").exists();
    let ended = project.signalled(&arguments, "INT", begun);
    // Days without a file fail, if they were tried.
    assert!([Some(3), Some(130)].contains(&ended.code), "{}", ended.err);
    let (found, _) = states(&ended);
    assert!(found[0].ends_with("succeeded"), "{found:?}");
    assert!(found.last().unwrap().ends_with("cancelled"), "{found:?}");
}
