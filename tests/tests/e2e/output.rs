//! What happens to what is already there, and what a run leaves behind.

use crate::guests;
use crate::project::{Project, SALES};

#[test]
fn an_output_that_exists_is_refused_and_stays_as_it_is() {
    let project = Project::lab();
    project.run(&[]);
    let (before, rows) = (project.names(), project.parquet("out"));
    insta::assert_snapshot!(project.refusal(&["-p", "min_amount=100"]));
    assert_eq!(project.names(), before);
    assert_eq!(project.parquet("out"), rows);
}

#[test]
fn overwrite_replaces_what_was_there() {
    let project = Project::lab();
    project.run(&[]);
    project.application("", "", "mode = \"overwrite\"");
    project.run(&["-p", "min_amount=100"]);
    let table = project.parquet("out");
    assert!(table.contains("1003") && !table.contains("1005"), "{table}");
}

#[test]
fn append_adds_to_what_was_there() {
    let project = Project::lab();
    project.run(&[]);
    project.application("", "", "mode = \"append\"");
    project.run(&[]);
    assert_eq!(project.parquet("out").matches("1005").count(), 2);
}

/// Fails unless the run is refused, for a reason that names `what`, and changes nothing.
fn assert_refused(project: &Project, what: &str) {
    let before = project.names();
    let told = project.refusal(&[]);
    assert!(
        told.starts_with("exit code 3\n") && told.contains(what),
        "{told}"
    );
    assert_eq!(project.names(), before);
}

#[test]
fn an_overwrite_spares_what_no_run_wrote() {
    let project = Project::lab();
    project.write("data/other/deep/precious.parquet", "dear");
    project.application("", "", "uri = \"data\"\nmode = \"overwrite\"");
    assert_refused(&project, "`other/deep/precious.parquet`");
}

#[test]
fn an_overwrite_of_its_own_input_is_refused() {
    let project = Project::lab();
    project.write("data/part-0.csv", SALES);
    let output = "uri = \"data\"\nmode = \"overwrite\"";
    project.application("uri = \"data/part-0.csv\"", "", output);
    assert_refused(&project, "input `sales`");
}

#[test]
fn an_output_that_the_next_run_would_read_is_refused() {
    let project = Project::lab();
    project.write("data/in.csv", SALES);
    let output = "uri = \"data/out\"\nformat = \"csv\"";
    project.application("uri = \"data/\"\nformat = \"csv\"", "", output);
    assert_refused(&project, "input `sales`");
    project.application("uri = \"data/**/*.csv\"", "", output);
    assert_refused(&project, "input `sales`");
    // Neither of these reads what the run writes.
    project.application("uri = \"data/*.csv\"", "", output);
    project.run(&[]);
}

#[test]
fn an_overwrite_that_fails_keeps_what_was_there() {
    let project = Project::lab();
    project.run(&[]);
    let (before, rows) = (project.names(), project.parquet("out"));
    project.application("", "", "mode = \"overwrite\"");
    project.write(
        "sales.csv",
        "order_id,customer_id,amount,region\n1,C1,50.0,APAC\n2\n",
    );
    project.refusal(&[]);
    assert_eq!(project.names(), before);
    assert_eq!(project.parquet("out"), rows);
}

#[test]
fn a_finished_run_leaves_only_its_output() {
    let project = Project::lab();
    let before = project.names();
    project.run(&[]);
    let new: Vec<String> = project
        .names()
        .into_iter()
        .filter(|name| !before.contains(name))
        .collect();
    assert!(new.iter().all(|name| name.starts_with("out/")), "{new:?}");
    assert!(new.iter().any(|name| name.ends_with(".parquet")), "{new:?}");
    assert!(
        !new.iter()
            .any(|name| name.contains("partial") || name.contains("tmp")),
        "{new:?}"
    );
}

#[test]
fn a_run_that_is_told_to_end_leaves_nothing() {
    for signal in ["TERM", "HUP", "INT"] {
        let project = Project::lab();
        project.write("guest.wasm", guests::component(guests::STALL));
        project.write(
            "sales.csv",
            SALES.to_owned() + &"1,C1,50.0,APAC\n".repeat(100_000),
        );
        project.application("", "plugin = \"guest.wasm\"", "format = \"csv\"");
        let before = project.names();
        let arguments = [
            "run",
            "app.toml",
            "--threads",
            "1",
            "--limit-call-time",
            "1h",
        ];
        let is_writing = || project.path("out").is_dir();
        let ended = project.signalled(&arguments, signal, is_writing);
        assert_eq!(ended.code, Some(130), "{signal}: {}", ended.err);
        assert_eq!(project.names(), before, "{signal}");
    }
}

#[test]
fn hive_partitions_become_folders() {
    let project = Project::lab();
    project.application("", "", "partition_by = [\"region\"]");
    project.run(&[]);
    let names = project.names();
    assert!(
        names.iter().any(|name| name == "out/region=APAC/"),
        "{names:?}"
    );
    assert!(
        names.iter().any(|name| name == "out/region=EMEA/"),
        "{names:?}"
    );
    assert!(
        !names.iter().any(|name| name.contains("region=NA")),
        "order 1004 is gone: {names:?}"
    );
    let apac = project.parquet("out/region=APAC/");
    assert!(
        apac.contains("1001") && apac.contains("1003") && !apac.contains("1002"),
        "{apac}"
    );
}
