//! The lab in every format that can be written, read back by the command.

use serde_json::Value;

use crate::project::Project;

const ROWS: [(i64, f64, &str); 4] = [
    (1001, 120.5, "high"),
    (1002, 19.99, "low"),
    (1003, 220.0, "high"),
    (1005, 89.0, "medium"),
];

/// Writes the lab as `format` and reads it back.
fn round_trip(format: &str, options: &str) {
    let project = Project::lab();
    project.application("", "", &format!("format = \"{format}\"\n{options}"));
    project.run(&[]);
    let ended = project.sluice(&["head", "out", "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let rows: Vec<(i64, f64, String)> = ended
        .out
        .lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            let bucket = row["amount_bucket"].as_str().unwrap().to_owned();
            (
                row["order_id"].as_i64().unwrap(),
                row["amount"].as_f64().unwrap(),
                bucket,
            )
        })
        .collect();
    assert_eq!(
        rows,
        ROWS.map(|(id, amount, bucket)| (id, amount, bucket.to_owned()))
    );
}

#[test]
fn parquet_is_written_and_read_with_each_compression() {
    for compression in ["none", "snappy", "zstd"] {
        round_trip("parquet", &format!("compression = \"{compression}\""));
    }
}

#[test]
fn csv_is_written_and_read() {
    round_trip("csv", "");
    round_trip("csv", "compression = \"gzip\"");
}

#[test]
fn ndjson_is_written_and_read() {
    round_trip("ndjson", "");
}

#[test]
fn arrow_is_written_and_read() {
    round_trip("arrow", "");
}

#[test]
fn ndjson_json_and_delimited_text_are_read() {
    let lines = "{\"order_id\":1,\"amount\":50.0}\n{\"order_id\":2,\"amount\":1.0}\n";
    let array = "[{\"order_id\":1,\"amount\":50.0},{\"order_id\":2,\"amount\":1.0}]";
    let tabs = "order_id\tamount\n1\t50.0\n2\t1.0\n";
    for (name, text, options) in [
        ("in.ndjson", lines, "format = \"ndjson\""),
        ("in.json", array, "format = \"json\""),
        ("in.tsv", tabs, "format = \"csv\"\ndelimiter = \"\\t\""),
    ] {
        let project = Project::lab();
        project.write(name, text);
        project.application(&format!("uri = \"{name}\"\n{options}"), "", "");
        project.run(&[]);
        let table = project.parquet("out");
        assert_eq!(
            table.lines().count(),
            5,
            "{name}: one row passes the filter\n{table}"
        );
        assert!(table.contains("medium"), "{name}:\n{table}");
    }
}

#[test]
fn a_folder_a_glob_and_hive_partitions_are_read() {
    let project = Project::lab();
    project.write("days/day=2024-01-30/a.csv", "order_id,amount\n1,50.0\n");
    project.write("days/day=2024-01-31/a.csv", "order_id,amount\n2,60.0\n");
    project.application(
        "uri = \"days/\"\nformat = \"csv\"\npartitions = \"auto\"",
        "",
        "",
    );
    let ended = project.try_run(&["--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let table = project.parquet("out");
    assert!(
        table.contains("2024-01-30") && table.contains("2024-01-31"),
        "{table}"
    );

    project.application("uri = \"days/*/a.csv\"", "", "mode = \"overwrite\"");
    project.run(&[]);
    assert_eq!(project.parquet("out").lines().count(), 6);
}
