//! Columns that a policy hides, makes null or hashes: the values are nowhere, whatever the application does.

use std::collections::BTreeSet;

use arrow::array::AsArray as _;
use arrow::datatypes::DataType;

use crate::project::{Ended, Project};

const CANARY: &str = "canary-7f3a@example.com";

const SALES: &str = "order_id,email,day,amount\n\
    1,canary-7f3a@example.com,2026-01-01,50.0\n\
    2,,2026-01-02,60.0\n\
    3,canary-7f3a@example.com,2026-01-03,70.0\n";

/// A project with data and a policy that leaves `mask` of the column `column` of all that is in `data`.
fn project(column: &str, mask: &str) -> Project {
    let mut project = Project::new();
    project.set("PEPPER", "a secret for hashes");
    project.write("data/a.csv", SALES);
    let folder = project.path("data").display().to_string();
    project.write(
        "policy.toml",
        format!(
            r#"[[statement]]
effect = "allow"
principal = "any-run"
action = "*"
resource = "*"

[[statement]]
sid = "masks"
effect = "deny"
principal = "any-run"
action = "column:read"
resource = "file://{folder}/*"
mask = "{mask}"
[statement.condition]
StringEquals = {{ "column:name" = "{column}" }}
"#
        ),
    );
    project
}

fn application(project: &Project, input: &str, steps: &str, output: &str) {
    project.write(
        "app.toml",
        format!(
            "name = \"lab\"\n[secrets.pepper]\nenv = \"PEPPER\"\n[inputs.sales]\n{input}\n{steps}\n\
             [output]\nuri = \"out\"\n{output}\n"
        ),
    );
}

fn masked(project: &Project) -> Ended {
    let ended = project.try_run(&["--policy", "policy.toml"]);
    let told = format!("{}{}", ended.out, ended.err);
    assert!(!told.contains(CANARY), "{told}");
    ended
}

fn masked_well(project: &Project) {
    let ended = masked(project);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    for name in project.names() {
        if name.starts_with("out") && !name.ends_with('/') {
            let bytes = std::fs::read(project.path(&name)).unwrap();
            let found = memchr(&bytes, CANARY.as_bytes());
            assert!(!found, "`{name}` has the value");
        }
    }
}

fn memchr(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// The values of a text column of the output, in order.
fn texts(project: &Project, column: &str) -> Vec<Option<String>> {
    let mut texts = Vec::new();
    for batch in project.batches("out") {
        let values = batch.column_by_name(column).unwrap();
        let values = arrow::compute::cast(values, &DataType::Utf8).unwrap();
        let values = values.as_string::<i32>().iter();
        texts.extend(values.map(|text| text.map(str::to_owned)));
    }
    texts
}

/// Writes the data once more in another format, in place of the CSV.
fn convert(project: &Project, format: &str) {
    application(
        project,
        "uri = \"data/a.csv\"",
        "",
        &format!("format = \"{format}\""),
    );
    project.run(&[]);
    std::fs::remove_file(project.path("data/a.csv")).unwrap();
    std::fs::rename(project.path("out"), project.path("data/converted")).unwrap();
}

#[test]
fn the_value_is_nowhere_whatever_the_formats() {
    for mask in ["hide", "null", "hash:pepper"] {
        for from in ["csv", "parquet", "ndjson", "arrow"] {
            for to in ["parquet", "csv", "ndjson"] {
                let project = project("email", mask);
                if from != "csv" {
                    convert(&project, from);
                }
                let input = format!("uri = \"data/\"\nformat = \"{from}\"");
                let output = format!("format = \"{to}\"\ncompression = \"none\"");
                application(&project, &input, "", &output);
                masked_well(&project);
                if to != "parquet" {
                    continue;
                }
                let table = project.parquet("out");
                assert_eq!(table.contains("email"), mask != "hide", "{table}");
                assert!(table.contains("70.0"), "{table}");
                if mask == "null" {
                    assert_eq!(texts(&project, "email"), [None, None, None]);
                }
            }
        }
    }
}

#[test]
fn a_value_has_one_hash_in_all_files_and_runs() {
    let project = project("email", "hash:pepper");
    project.write("data/b.csv", SALES);
    application(&project, "uri = \"data/*.csv\"", "", "mode = \"append\"");
    masked_well(&project);
    masked_well(&project);
    let texts = texts(&project, "email");
    assert_eq!(texts.len(), 12);
    let hashes: BTreeSet<_> = texts.iter().flatten().collect();
    assert_eq!(hashes.len(), 1, "{hashes:?}");
    assert_eq!(texts.iter().flatten().count(), 8);
}

#[test]
fn what_one_folder_masks_is_masked_in_all_files_of_an_input() {
    let project = project("email", "null");
    project.write("other/b.csv", SALES);
    for uri in ["other/b.csv", "./*/*.csv"] {
        application(
            &project,
            &format!("uri = \"{uri}\""),
            "",
            "mode = \"overwrite\"",
        );
        let ended = project.run(&["--policy", "policy.toml"]);
        assert_eq!(ended.code, Some(0));
        let count = texts(&project, "email").iter().flatten().count();
        assert_eq!(count, if uri == "other/b.csv" { 2 } else { 0 }, "{uri}");
    }
}

#[test]
fn for_a_transform_a_hidden_column_is_not_there() {
    let hidden = project("amount", "hide");
    let absent = project("nothing", "hide");
    absent.write("data/a.csv", "order_id,email,day\n1,x,2026-01-01\n");
    let told = [hidden, absent].map(|project| {
        project.plugin("sales-etl");
        let steps =
            "[[steps]]\nname = \"etl\"\nplugin = \"sales-etl.wasm\"\nparams = { min_amount = 1.0 }";
        application(&project, "uri = \"data/a.csv\"", steps, "");
        let ended = masked(&project);
        project.told(&ended)
    });
    assert!(told[0].contains("amount"), "{}", told[0]);
    assert_eq!(told[0], told[1]);
}

#[test]
fn a_partition_column_is_masked_as_any_other() {
    for mask in ["hide", "null", "hash:pepper"] {
        let project = project("email", mask);
        std::fs::remove_file(project.path("data/a.csv")).unwrap();
        let file = format!("data/email={CANARY}/a.csv");
        project.write(&file, "order_id,amount\n1,50.0\n");
        application(
            &project,
            "uri = \"data/\"\npartitions = \"auto\"\nformat = \"csv\"",
            "",
            "",
        );
        masked_well(&project);
        let table = project.parquet("out");
        assert_eq!(table.contains("email"), mask != "hide", "{table}");
        // What would be kept beside the output names the files.
        application(
            &project,
            "uri = \"data/\"\npartitions = \"auto\"\nformat = \"csv\"",
            "",
            "mode = \"incremental\"",
        );
        let ended = masked(&project);
        assert_eq!(ended.code, Some(8), "{}", ended.err);
    }
}

#[test]
fn names_that_an_application_gives_do_not_get_around_a_mask() {
    for input in [
        "header = false",
        "header = false\nschema = [{ name = \"a\", type = \"utf8\" }, { name = \"b\", type = \"utf8\" }, { name = \"c\", type = \"utf8\" }, { name = \"d\", type = \"utf8\" }]",
        "schema = [{ name = \"order_id\", type = \"int64\" }, { name = \"x\", type = \"utf8\" }, { name = \"day\", type = \"utf8\" }, { name = \"amount\", type = \"float64\" }]",
        "delimiter = \";\"",
        "comment = \"o\"",
        "quote = \"o\"",
    ] {
        let project = project("email", "null");
        application(&project, &format!("uri = \"data/a.csv\"\n{input}"), "", "");
        let ended = masked(&project);
        assert_eq!(ended.code, Some(8), "{input}: {}", ended.err);
    }
    // A file of data is no schema, and is not shown either.
    let project = project("email", "null");
    application(
        &project,
        "uri = \"data/a.csv\"\nschema_file = \"data/a.csv\"",
        "",
        "",
    );
    assert_ne!(masked(&project).code, Some(0));
}

#[test]
fn errors_do_not_tell_values_either() {
    for (mask, format, schema) in [
        (
            "hash:pepper",
            "csv",
            "schema = [{ name = \"order_id\", type = \"int64\" }, { name = \"email\", type = \"int64\" }, { name = \"day\", type = \"utf8\" }, { name = \"amount\", type = \"float64\" }]",
        ),
        (
            "hash:pepper",
            "ndjson",
            "schema = [{ name = \"order_id\", type = \"int64\" }, { name = \"email\", type = \"int64\" }]",
        ),
        ("hide", "ndjson", "infer_rows = 1"),
    ] {
        let project = project("email", mask);
        let uri = if format == "csv" {
            "data/a.csv"
        } else {
            project.write(
                "data/a.ndjson",
                format!(
                    "{{\"order_id\":1,\"email\":1}}\n{{\"order_id\":2,\"email\":[\"{CANARY}\"]}}\n"
                ),
            );
            "data/a.ndjson"
        };
        application(&project, &format!("uri = \"{uri}\"\n{schema}"), "", "");
        let ended = masked(&project);
        assert_eq!(ended.code, Some(3), "{}", ended.err);
        assert!(ended.err.contains("not shown"), "{}", ended.err);
    }
}

#[test]
fn a_hash_needs_its_secret_and_a_type_that_has_one_text() {
    let without = project("email", "hash:salt");
    application(&without, "uri = \"data/a.csv\"", "", "");
    let ended = masked(&without);
    assert_eq!(ended.code, Some(8), "{}", ended.err);
    assert!(ended.err.contains("`salt`"), "{}", ended.err);

    let float = project("amount", "hash:pepper");
    application(&float, "uri = \"data/a.csv\"", "", "");
    let ended = masked(&float);
    assert_ne!(ended.code, Some(0));
    assert!(
        ended.err.contains("`amount`") && ended.err.contains("null"),
        "{}",
        ended.err
    );
    assert!(!float.names().iter().any(|name| name.starts_with("out/")));
}

#[test]
fn an_explanation_shows_what_is_left_of_a_column() {
    let project = project("email", "hash:pepper");
    let folder = project.path("data").display().to_string();
    let ended = project.sluice(&[
        "policy",
        "explain",
        "--policy",
        "policy.toml",
        "--run",
        "r-1",
        "--application",
        "lab",
        "--context",
        "column:name=email",
        "column:read",
        &format!("file://{folder}/"),
    ]);
    let told = format!("{}{}", ended.out, ended.err);
    assert!(told.contains("with mask `hash:pepper`"), "{told}");
}

#[test]
fn bad_records_of_a_masked_input_are_told_by_their_places_alone() {
    let project = project("email", "hide");
    let rows = format!("{SALES}x,{CANARY},2026-01-04,80.0\n5,{CANARY}\n6,,2026-01-06,90.0\n");
    project.write("data/a.csv", rows);
    let schema = "schema = [{ name = \"order_id\", type = \"int64\" }, { name = \"email\", type = \"utf8\" }, \
                  { name = \"day\", type = \"utf8\" }, { name = \"amount\", type = \"float64\" }]";
    let input = format!("uri = \"data/a.csv\"\n{schema}\non_error = \"quarantine\"");
    application(&project, &input, "", "mode = \"append\"");
    masked_well(&project);
    let kept = project.parquet("out/_sluice");
    assert!(!kept.contains(CANARY), "{kept}");
    assert!(
        kept.contains("not kept: policies mask columns of this input"),
        "{kept}"
    );
    assert!(
        kept.contains("what stands there does not fit its column"),
        "{kept}"
    );
    assert_eq!(
        project
            .batches("out/part")
            .iter()
            .map(arrow::array::RecordBatch::num_rows)
            .sum::<usize>(),
        4
    );
    // The threshold's error tells as little.
    application(
        &project,
        &format!("{input}\nmax_bad_rows = 0"),
        "",
        "mode = \"append\"",
    );
    assert_eq!(masked(&project).code, Some(7));
}

#[test]
fn rows_are_not_left_out_by_a_hashed_column() {
    // Which numbers have at most two digits would tell the numbers, one type after the other.
    let project = project("email", "hash:pepper");
    for on_error in ["skip", "quarantine"] {
        let input = format!("uri = \"data/a.csv\"\non_error = \"{on_error}\"");
        application(&project, &input, "", "mode = \"append\"");
        let ended = masked(&project);
        assert_eq!(ended.code, Some(8), "{}", ended.err);
        assert!(
            ended.err.contains("`on_error` leaves rows out"),
            "{}",
            ended.err
        );
    }
}

#[test]
fn what_an_incremental_run_keeps_was_masked_as_it_is_now() {
    let mut project = project("email", "hash:pepper");
    let input = "uri = \"data/\"\nformat = \"csv\"";
    let output = "mode = \"incremental\"\nkeep_versions = 0";
    application(&project, input, "", output);
    let hashes = |project: &Project| {
        let ended = masked(project);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let hashes: BTreeSet<_> = texts(project, "email").into_iter().flatten().collect();
        assert_eq!(hashes.len(), 1, "{hashes:?}");
        (hashes, ended.out)
    };
    let (before, _) = hashes(&project);
    project.write("data/b.csv", SALES);
    let (same, told) = hashes(&project);
    assert!(told.contains("1 files as they were, 1 processed"), "{told}");
    assert_eq!(same, before);
    // Another secret makes other hashes, and none of the old ones stays.
    project.set("PEPPER", "another secret for hashes");
    let (other, told) = hashes(&project);
    assert!(told.contains("what policies mask changed"), "{told}");
    assert_ne!(other, before);
    masked_well(&project);
}
