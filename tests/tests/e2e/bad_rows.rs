//! Bad rows: whatever is wrong with some of them, the others arrive, in order, and none is lost.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::Int64Type;
use serde_json::Value;

use crate::project::{Project, root};

/// A row for each way in which one can be wrong, among good ones.
const ROWS: &[u8] = b"id,word,amount\n\
    1,a,1.5\n\
    2,trap,2\n\
    x,b,3\n\
    4,reject,4\n\
    5,b\n\
    6,trap,2\n\
    7,grow,1\n\
    8,fault,1\n\
    9,\"two\nlines\",1\n\
    10,b,1,2\n\
    11,c,1e999\n\
    12,\xff\xfe,1\n\
    13,last,1";

const SCHEMA: &str = "schema = [{ name = \"id\", type = \"int64\" }, { name = \"word\", type = \"utf8\" }, \
    { name = \"amount\", type = \"float64\" }]";

/// A project with the guest that fails over rows whose `word` tells it to.
fn project(file: &str, rows: impl AsRef<[u8]>) -> Project {
    let project = Project::new();
    let built = root().join("tests/guests/faulty/faulty.wasm");
    let component = std::fs::read(&built).unwrap_or_else(|cause| {
        panic!(
            "failed to read `{}`: {cause}\nhint: `cargo xtask guests` builds it",
            built.display()
        )
    });
    project.write("faulty.wasm", component);
    project.write(file, rows);
    project
}

fn application(project: &Project, file: &str, input: &str, step: &str, rest: &str) {
    project.write(
        "app.toml",
        format!(
            "name = \"bad\"\n[inputs.rows]\nuri = \"{file}\"\n{SCHEMA}\n{input}\n[[steps]]\nname = \"check\"\n\
             plugin = \"faulty.wasm\"\n{step}\n[output]\nuri = \"out\"\n{rest}\n"
        ),
    );
}

const QUARANTINE: &str = "on_error = \"quarantine\"";

fn ids(batches: &[RecordBatch]) -> Vec<i64> {
    let column = |batch: &RecordBatch| {
        let ids = batch.column_by_name("id").unwrap();
        ids.as_primitive::<Int64Type>().values().to_vec()
    };
    batches.iter().flat_map(column).collect()
}

/// What the dataset holds of each bad row: whose it is, where it stood, what it was and why.
fn kept(project: &Project) -> Vec<BTreeMap<String, String>> {
    let mut rows = Vec::new();
    for batch in project.batches("out/_sluice/quarantine") {
        for row in 0..batch.num_rows() {
            let mut cells = BTreeMap::new();
            for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
                if column.is_valid(row) && field.name() != "run" {
                    let shown = arrow::util::display::array_value_to_string(column, row).unwrap();
                    cells.insert(field.name().clone(), shown);
                }
            }
            rows.push(cells);
        }
    }
    rows
}

/// The dataset without what differs between machines, a line each.
fn told(project: &Project) -> String {
    let folder = project.path("").canonicalize().unwrap();
    let mut text = String::new();
    for row in kept(project) {
        writeln!(text, "{row:?}").unwrap();
    }
    text.replace(&*folder.to_string_lossy(), "[PROJECT]")
}

fn summary(out: &str) -> Value {
    serde_json::from_str(out).unwrap()
}

#[test]
fn every_kind_of_bad_row_is_set_aside() {
    let text = String::from_utf8_lossy(ROWS).replace("6,trap", "6,spin");
    let text = text.replace("\u{fffd}\u{fffd}", "\u{1}").into_bytes();
    let text: Vec<_> = text
        .into_iter()
        .map(|byte| if byte == 1 { 0xff } else { byte })
        .collect();
    let project = project("rows.csv", text);
    let limits = "[limits]\ncall_time = \"1s\"";
    application(&project, "rows.csv", QUARANTINE, QUARANTINE, limits);
    let ended = project.run(&["--quiet"]);
    assert_eq!(ids(&project.batches("out/part")), [1, 9, 13]);
    insta::assert_snapshot!(told(&project));
    let shown: Vec<_> = ended
        .out
        .lines()
        .filter(|line| line.starts_with("  bad ") || line.starts_with("  rows "))
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
    let file = ended
        .out
        .lines()
        .find(|line| line.contains("  kept "))
        .unwrap();
    assert!(
        file.contains("/out/_sluice/quarantine/part-00000-000-"),
        "{file}"
    );
}

#[test]
fn a_machine_reads_what_a_person_does() {
    let project = project("rows.csv", ROWS);
    let limits = "";
    application(
        &project,
        "rows.csv",
        QUARANTINE,
        "on_error = \"skip\"",
        limits,
    );
    let summary = summary(&project.run(&["--json", "--quiet"]).out);
    assert_eq!(summary["rows_in"], 8);
    assert_eq!(summary["rows_out"], 3);
    assert_eq!(summary["rows_rejected"], 1);
    assert_eq!(summary["rows_failed"], 4);
    let [input, step] = summary["bad_rows"].as_array().unwrap().as_slice() else {
        panic!("{summary}");
    };
    assert_eq!(
        (&input["input"], &input["on_error"], &input["rows"]),
        (&"rows".into(), &"quarantine".into(), &5.into())
    );
    assert_eq!(
        (&step["step"], &step["on_error"], &step["rows"]),
        (&"check".into(), &"skip".into(), &5.into())
    );
    assert_eq!(input["unreadable"][0]["line"], 4);
    assert_eq!(input["unreadable"][0]["offset"], 32);
    assert_eq!(summary["steps"][0]["rejected"][0]["failed"], true);
    let file = summary["quarantine"].as_str().unwrap();
    assert!(project.path("out").join(file).is_file());
    // The step's rows are not kept.
    assert!(kept(&project).iter().all(|row| row.contains_key("input")));
}

#[test]
fn without_bad_rows_nothing_is_written_beside_the_output() {
    let project = project("rows.csv", "id,word,amount\n1,a,1\n");
    application(&project, "rows.csv", QUARANTINE, QUARANTINE, "");
    let summary = summary(&project.run(&["--json"]).out);
    assert!(summary["quarantine"].is_null());
    assert!(!project.path("out/_sluice/quarantine").exists());
}

#[test]
fn lines_of_json_that_cannot_be_read_are_set_aside() {
    let rows = "{\"id\":1,\"word\":\"a\",\"amount\":1}\n{\"id\":2,\"word\":\n{\"id\":3,\"word\":\"b\"}\n\
                {\"id\":2.5,\"word\":\"c\"}\n\nnot json\n{\"id\":4,\"word\":\"d\"} {\"id\":5,\"word\":\"e\"}\n\
                {\"id\":6,\"word\":\"f\"} and more\n{\"id\":7,\"word\":\"unclosed\n{\"id\":8,\"word\":\"g\"";
    let project = project("rows.ndjson", rows);
    application(&project, "rows.ndjson", QUARANTINE, "", "");
    project.run(&[]);
    assert_eq!(ids(&project.batches("out/part")), [1, 3, 4, 5]);
    insta::assert_snapshot!(told(&project));
}

#[test]
fn records_that_will_be_left_out_say_nothing_of_the_columns() {
    for (file, rows) in [
        (
            "rows.csv",
            b"id,word\n1\n2,a,b\n3,c\n4,\xff\n5,d\n".to_vec(),
        ),
        (
            "rows.ndjson",
            b"{\"id\":3,\"word\":\"c\"}\n{\"id\":\n7\n{\"id\":5,\"word\":\"d\"}\n".to_vec(),
        ),
    ] {
        let project = project(file, rows);
        project.write(
            "app.toml",
            format!(
                "name = \"bad\"\n[inputs.rows]\nuri = \"{file}\"\n{QUARANTINE}\n[[steps]]\nname = \"check\"\n\
                 plugin = \"faulty.wasm\"\n[output]\nuri = \"out\"\n"
            ),
        );
        project.run(&[]);
        let found = ids(&project.batches("out/part"));
        assert!(found == [3, 5] || found == [3, 4, 5], "{file}: {found:?}");
    }
}

#[test]
fn thresholds_are_reached_at_the_first_row_above() {
    // Five unreadable records of thirteen, five rows of eight that the step cannot take.
    let limits = "";
    for (input, step, key) in [
        ("max_bad_rows = 5", "max_bad_rows = 5", None),
        (
            "max_bad_rows = 4",
            "",
            Some("input `rows`: leave out a row"),
        ),
        ("", "max_bad_rows = 4", Some("`max_bad_rows`")),
        ("max_bad_share = \"39%\"", "max_bad_share = \"62.5%\"", None),
        ("max_bad_share = \"38%\"", "", Some("`max_bad_share`")),
        ("", "max_bad_share = \"62.4%\"", Some("`max_bad_share`")),
        (
            "max_bad_rows = 5\nmax_bad_share = \"38%\"",
            "",
            Some("`max_bad_share`"),
        ),
    ] {
        let project = project("rows.csv", ROWS);
        let with = |keys: &str| format!("{QUARANTINE}\n{keys}");
        application(&project, "rows.csv", &with(input), &with(step), limits);
        let ended = project.try_run(&["--quiet"]);
        let what = format!("{input} {step}: {}", ended.err);
        match key {
            None => assert_eq!(ended.code, Some(0), "{what}"),
            Some(key) => {
                assert_eq!(ended.code, Some(7), "{what}");
                assert!(ended.err.contains(key) || key.contains("input"), "{what}");
                let names = project.names();
                assert!(
                    !names.iter().any(|name| name.ends_with(".parquet")),
                    "{names:?}"
                );
            }
        }
    }
}

#[test]
fn a_threshold_says_which_and_how_to_raise_it() {
    let project = project("rows.csv", ROWS);
    let few = format!("{QUARANTINE}\nmax_bad_rows = 0");
    application(&project, "rows.csv", &few, "", "");
    insta::assert_snapshot!(project.refusal(&["--quiet"]));
    let share = format!("{QUARANTINE}\nmax_bad_share = \"1%\"");
    let rows = "id,word,amount\n1,a,1\n2,reject,1\n3,c,1\n";
    project.write("rows.csv", rows);
    application(&project, "rows.csv", "", &share, "");
    insta::assert_snapshot!(project.refusal(&["--quiet"]));
}

#[test]
fn without_on_error_rejected_rows_are_told_and_failures_end_the_run() {
    let rows = "id,word,amount\n1,a,1\n2,reject,1\n3,c,1\n";
    let project = project("rows.csv", rows);
    application(&project, "rows.csv", "", "", "mode = \"overwrite\"");
    project.run(&[]);
    assert_eq!(ids(&project.batches("out")), [1, 3]);
    application(
        &project,
        "rows.csv",
        "",
        "on_error = \"fail\"",
        "mode = \"overwrite\"",
    );
    insta::assert_snapshot!(project.refusal(&["--quiet"]));
    project.write("rows.csv", rows.replace("reject", "trap"));
    for step in ["", "on_error = \"fail\""] {
        application(&project, "rows.csv", "", step, "mode = \"overwrite\"");
        assert_eq!(project.try_run(&["--quiet"]).code, Some(6), "{step}");
    }
}

#[test]
fn what_rows_are_not_to_blame_for_ends_the_run() {
    let rows = |word: &str| format!("id,word,amount\n1,a,1\n2,{word},1\n3,c,1\n");
    for (word, step, code) in [
        ("transient", "", 5),
        ("trap", "params = { stateful = true }", 6),
        // Called again, it could write twice.
        (
            "trap",
            "[steps.objects.side]\nuri = \"side/\"\nactions = [\"create\"]",
            6,
        ),
        (
            "trap",
            "[[steps.http]]\nurl = \"https://example.com/*\"\nmethods = [\"POST\"]",
            6,
        ),
    ] {
        let project = project("rows.csv", rows(word));
        application(
            &project,
            "rows.csv",
            "",
            &format!("{QUARANTINE}\n{step}"),
            "",
        );
        let ended = project.try_run(&["--quiet"]);
        assert_eq!(ended.code, Some(code), "{word} {step}: {}", ended.err);
        // Rows that it rejects are left out all the same.
        project.write("rows.csv", rows("reject"));
        project.run(&["--quiet"]);
        assert_eq!(ids(&project.batches("out/part")), [1, 3]);
    }
}

#[test]
fn a_file_with_other_columns_or_an_open_quote_has_no_bad_row_but_is_wrong() {
    for (rows, told) in [
        (
            "id,words,amount\n1,a,1\n",
            "column 2 of the header should be",
        ),
        ("id,word\n1,a,1\n", "expected 3 fields"),
        (
            "id,word,amount\n1,a,1\nx,b,1\n2,\"b,1\n3,c,1\n",
            "never closed",
        ),
        ("id,word,amount\n1,a,1\nx,b,1\n2,c,\"1\n", "never closed"),
    ] {
        let project = project("rows.csv", rows);
        application(&project, "rows.csv", QUARANTINE, "", "");
        let ended = project.try_run(&["--quiet"]);
        assert_eq!(ended.code, Some(3), "{rows}: {}", ended.err);
        assert!(ended.err.contains(told), "{rows}: {}", ended.err);
    }
}

#[test]
fn where_records_have_one_line_an_open_quote_ends_with_it() {
    let rows = "id,word,amount\n1,a,1\n2,\"b,1\n3,c,1\n4,\"d\",1\n5,e,\"1\n";
    let project = project("rows.csv", rows);
    let input = format!("{QUARANTINE}\nmultiline = false");
    application(&project, "rows.csv", &input, "", "");
    project.run(&[]);
    assert_eq!(ids(&project.batches("out/part")), [1, 3, 4]);
    let kept = kept(&project);
    let originals: Vec<_> = kept.iter().map(|row| row["original"].as_str()).collect();
    assert_eq!(originals, ["2,\"b,1", "5,e,\"1"]);
}

#[test]
fn the_text_of_a_compressed_file_has_places_too() {
    let project = project("rows.csv", "id,word,amount\n1,a,1\nx,b,1\n2,c,1\n");
    let zipped = std::process::Command::new("gzip")
        .arg(project.path("rows.csv"))
        .status();
    assert!(zipped.unwrap().success());
    application(&project, "rows.csv.gz", QUARANTINE, "", "");
    project.run(&[]);
    let kept = kept(&project);
    assert_eq!((&*kept[0]["line"], &*kept[0]["offset"]), ("3", "21"));
}

#[test]
fn a_long_record_is_kept_in_part() {
    let long = "é".repeat(40_000);
    let project = project(
        "rows.csv",
        format!("id,word,amount\n1,a,1\nx,{long},1\n2,reject{long},1\n"),
    );
    application(&project, "rows.csv", QUARANTINE, QUARANTINE, "");
    project.run(&[]);
    let kept = kept(&project);
    assert!(kept[0]["original"].len() > 65_000 && kept[0]["original"].len() <= 65_536);
    assert_eq!(kept[0]["note"], "the first 65536 of 80004 bytes");
}

/// Many rows, so that files are cut and guests run side by side; every `nth` is wrong in one of four ways.
fn many(rows: i64, nth: i64) -> (String, Vec<i64>) {
    let (mut text, mut good) = ("id,word,amount\n".to_owned(), Vec::new());
    let mut write = |row: i64, word: &str, amount: &str| {
        writeln!(text, "{row},{word},{amount}").unwrap();
    };
    for row in 0..rows {
        match (row % nth, row / nth % 4) {
            (0, 0) => write(row, "a", "much"),
            (0, 1) => write(row, "reject", "1"),
            (0, 2) => write(row, "trap", "1"),
            (0, _) => write(row, "a", "1,2"),
            _ => {
                write(row, "some words that make the row longer", "1.25");
                good.push(row);
            }
        }
    }
    (text, good)
}

#[test]
fn no_row_is_lost_doubled_or_moved_whatever_the_number_of_threads() {
    const ROWS: i64 = 100_000;
    let (text, good) = many(ROWS, 1_999);
    let mut kept_before = None;
    for threads in ["1", "2", "4"] {
        let project = project("rows.csv", &text);
        application(&project, "rows.csv", QUARANTINE, QUARANTINE, "");
        let ended = project.run(&["--quiet", "--json", "--threads", threads]);
        assert_eq!(ids(&project.batches("out/part")), good, "{threads} threads");
        let places = ["partition", "row"];
        let mut rows = kept(&project);
        for row in &mut rows {
            row.retain(|name, _| name != "file" && !places.contains(&&**name));
        }
        rows.sort();
        assert_eq!(rows.len() + good.len(), usize::try_from(ROWS).unwrap());
        let summary = summary(&ended.out);
        let bad = summary["bad_rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|bad| bad["rows"].as_u64().unwrap());
        assert_eq!(bad.sum::<u64>(), rows.len() as u64);
        // Where a record stands does not depend on who reads it.
        for row in rows.iter().filter(|row| row.contains_key("offset")) {
            let offset: usize = row["offset"].parse().unwrap();
            let line: usize = row["line"].parse().unwrap();
            let original = &row["original"];
            assert!(
                text[offset..].starts_with(&format!("{original}\n")),
                "{row:?}"
            );
            assert_eq!(text[..offset].lines().count() + 1, line, "{row:?}");
        }
        assert_eq!(
            *kept_before.get_or_insert_with(|| rows.clone()),
            rows,
            "{threads} threads"
        );
    }
}

#[test]
fn a_search_for_bad_rows_has_its_bounds() {
    // One bad row of eight takes six tries: both halves, three times.
    let rows = "id,word,amount\n1,a,1\n2,a,1\n3,a,1\n4,a,1\n5,a,1\n6,trap,1\n7,a,1\n8,a,1\n";
    let project = project("rows.csv", rows);
    application(&project, "rows.csv", "", QUARANTINE, "mode = \"append\"");
    for (limit, named) in [
        ("--limit-batch-tries", "batch_tries"),
        ("--limit-tries", "tries"),
    ] {
        let ended = project.try_run(&["--quiet", limit, "6"]);
        assert_eq!(ended.code, Some(0), "{named}: {}", ended.err);
        let ended = project.try_run(&["--quiet", limit, "5"]);
        assert_eq!(ended.code, Some(7), "{named}: {}", ended.err);
        assert!(ended.err.contains(&format!("`{named}`")), "{}", ended.err);
        assert!(ended.err.contains("the transform crashed"), "{}", ended.err);
    }
    application(&project, "rows.csv", "", QUARANTINE, "mode = \"append\"");
    insta::assert_snapshot!(project.refusal(&["--quiet", "--limit-batch-tries", "5"]));
}

#[test]
fn fewer_rows_are_tried_before_memory_is_missing() {
    let mut text = "id,word,amount\n".to_owned();
    (0..8_000).for_each(|row| writeln!(text, "{row},a,1").unwrap());
    let project = project("rows.csv", text);
    // 8,000 rows cost 256 MB, which an instance of 128 MiB has not.
    let step = "params = { bytes_per_row = 32_000 }";
    let few = "[limits]\nguest_memory = \"128 MiB\"";
    application(&project, "rows.csv", "", step, few);
    let summary = summary(&project.run(&["--quiet", "--json"]).out);
    assert!(ids(&project.batches("out")).into_iter().eq(0..8_000));
    assert_eq!(summary["rows_failed"], 0);
    // What no batch is small enough for ends the run.
    let step = "params = { bytes_per_row = 200_000_000 }";
    project.write("rows.csv", "id,word,amount\n1,a,1\n2,a,1\n3,a,1\n");
    application(
        &project,
        "rows.csv",
        "",
        step,
        &format!("mode = \"append\"\n{few}"),
    );
    let ended = project.try_run(&["--quiet"]);
    assert_eq!(ended.code, Some(7), "{}", ended.err);
    assert!(
        ended.err.contains("(rows 0 to 0 of the partition)"),
        "{}",
        ended.err
    );
}
