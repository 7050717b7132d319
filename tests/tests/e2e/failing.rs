//! Batches over which transforms fail: kept, and run again.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use arrow::array::Int64Array;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::FileWriter;
use arrow::record_batch::RecordBatch;
use serde_json::Value;

use crate::guests;
use crate::project::{Ended, Project, root};

/// A project whose step fails over a row whose `word` is `word`.
fn project(word: &str) -> Project {
    let project = Project::new();
    let built = root().join("tests/guests/faulty/faulty.wasm");
    project.write("faulty.wasm", std::fs::read(built).unwrap());
    project.write(
        "rows.csv",
        format!("id,word,amount\n1,a,1.5\n2,{word},2.5\n3,b,3.5\n"),
    );
    application(&project, "", "");
    project
}

fn application(project: &Project, step: &str, rest: &str) {
    project.write(
        "app.toml",
        format!(
            "name = \"fails\"\n[inputs.rows]\nuri = \"rows.csv\"\n[[steps]]\nname = \"check\"\n\
             plugin = \"faulty.wasm\"\n{step}\n[output]\nuri = \"out\"\n[limits]\ncall_time = \"1s\"\n{rest}\n"
        ),
    );
}

const KEEP: [&str; 5] = ["--quiet", "--run-id", "first", "--keep-failing", "kept"];

/// The files that were kept, in order.
fn kept(project: &Project) -> Vec<String> {
    let names = project.names().into_iter();
    names
        .filter(|name| name.starts_with("kept/") && name.ends_with(".arrow"))
        .collect()
}

/// The one batch that a run keeps which fails with `code`.
fn failed(project: &Project, code: i32) -> (String, Ended) {
    let ended = project.try_run(&KEEP);
    assert_eq!(ended.code, Some(code), "{}", ended.err);
    let kept = kept(project);
    assert_eq!(kept.len(), 1, "{kept:?}");
    (kept[0].clone(), ended)
}

fn replay(project: &Project, file: &str, arguments: &[&str]) -> Ended {
    project.sluice(&[&["--json", "plugin", "replay", file], arguments].concat())
}

/// What a replay said that ended with `code`.
fn replayed(project: &Project, file: &str, arguments: &[&str], code: i32) -> Value {
    let ended = replay(project, file, arguments);
    assert_eq!(ended.code, Some(code), "{}{}", ended.out, ended.err);
    serde_json::from_str(&ended.out).unwrap()
}

/// What a command printed, without what differs between machines.
fn told(project: &Project, ended: Ended) -> String {
    let err = format!("{}{}", ended.out, ended.err);
    project.told(&Ended { err, ..ended })
}

#[test]
fn what_a_transform_fails_over_is_kept_and_fails_again() {
    for (word, limits, code, kind) in [
        ("trap", "", 6, "trap"),
        ("fault", "", 5, "guest"),
        ("transient", "", 5, "guest"),
        ("spin", "", 7, "limit"),
        ("grow", "", 7, "limit"),
    ] {
        let project = project(word);
        application(&project, "", limits);
        let (file, ended) = failed(&project, code);
        let told = format!("`sluice plugin replay {file}` runs it again");
        assert!(ended.err.contains(&told), "{}", ended.err);
        let again = replayed(&project, &file, &[], code);
        assert_eq!(again["verdict"], "same", "{word}: {again}");
        assert_eq!(again["before"]["kind"], kind);
        assert_eq!(again["error"]["kind"], kind);
        assert_eq!(again["before"]["plugin"], again["plugin"]);
    }
}

#[test]
fn a_kept_batch_holds_what_the_transform_read_for_its_owner_alone() {
    let project = project("fault");
    let (file, ended) = failed(&project, 5);
    insta::assert_snapshot!("kept", project.told(&ended));
    let mode = |name: &str| project.path(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("kept"), mode(&file)), (0o700, 0o600));
    let shown = project.sluice(&["--json", "head", &file]);
    assert_eq!(
        shown.out,
        "{\"word\":\"a\"}\n{\"word\":\"fault\"}\n{\"word\":\"b\"}\n"
    );
    let again = project.sluice(&["plugin", "replay", &file]);
    insta::assert_snapshot!("replayed", told(&project, again));
    project.write("fixed.wasm", guests::component(guests::PASS));
    let fixed = project.sluice(&["plugin", "replay", &file, "--plugin", "fixed.wasm"]);
    insta::assert_snapshot!("fixed", told(&project, fixed));
}

#[test]
fn another_build_is_told_fixed_or_not() {
    let project = project("trap");
    let (file, _) = failed(&project, 6);
    project.write("fixed.wasm", guests::component(guests::PASS));
    project.write("fault.wasm", guests::component(guests::FAULT));
    let fixed = replayed(&project, &file, &["--plugin", "fixed.wasm"], 0);
    assert_eq!(fixed["verdict"], "fixed");
    assert_eq!(
        (&fixed["rows_in"], &fixed["rows_out"]),
        (&3.into(), &3.into())
    );
    // It passes the first column by, which was not kept.
    assert_eq!(fixed["absent"][0], "id");
    let other = replayed(&project, &file, &["--plugin", "fault.wasm"], 5);
    assert_eq!(other["verdict"], "other");

    // What failed is not there any more.
    project.write("faulty.wasm", guests::component(guests::PASS));
    let changed = replay(&project, &file, &[]);
    assert_eq!(changed.code, Some(3));
    assert!(
        changed.err.contains("is not the plugin that failed"),
        "{}",
        changed.err
    );
    std::fs::remove_file(project.path("faulty.wasm")).unwrap();
    let gone = replay(&project, &file, &[]);
    assert_eq!(gone.code, Some(3));
    assert!(gone.err.contains("--plugin"), "{}", gone.err);
}

#[test]
fn a_replay_shows_rows_rejections_and_limits() {
    let project = project("reject");
    let memory = "params = { bytes_per_row = 30_000_000 }";
    application(&project, memory, "guest_memory = \"16MiB\"");
    let (file, _) = failed(&project, 7);
    let again = replayed(&project, &file, &[], 7);
    assert_eq!(again["verdict"], "same");
    // The batch was halved before: one row is too much.
    assert_eq!(again["rows_in"], 1);
    let more = ["--limit-guest-memory", "256MiB"];
    let more = replayed(&project, &file, &more, 0);
    assert_eq!(more["verdict"], "not-reproduced");
    assert_eq!(more["first"][0]["word"], "a");

    application(&project, "params = { stateful = true }", "");
    project.write("rows.csv", "id,word\n1,reject\n2,b\n3,trap\n");
    std::fs::remove_dir_all(project.path("kept")).unwrap();
    let (file, _) = failed(&project, 6);
    let text = project.sluice(&["plugin", "replay", &file]);
    assert!(
        text.out
            .starts_with("fails as before: step check of fails over rows 0-2")
    );
}

#[test]
fn rows_that_are_left_out_are_kept_up_to_a_limit() {
    let project = project("trap");
    project.write(
        "rows.csv",
        "id,word\n1,trap\n2,a\n3,fault\n4,trap\n5,b\n6,trap\n",
    );
    application(&project, "on_error = \"skip\"", "kept_batches = 2");
    let ended = project.run(&["--json", "--keep-failing", "kept"]);
    let summary: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(summary["rows_failed"], 4);
    let told = summary["kept"].as_array().unwrap();
    let files = kept(&project);
    assert_eq!((told.len(), files.len()), (2, 2));
    for (file, code) in files.iter().zip([6, 5]) {
        let again = replayed(&project, file, &[], code);
        assert_eq!(
            (&again["verdict"], &again["rows_in"]),
            (&"same".into(), &1.into())
        );
    }
    std::fs::remove_dir_all(project.path("out")).unwrap();
    let told = project.run(&[
        "--quiet",
        "--keep-failing",
        "kept",
        "--run-id",
        "a",
        "--limit-kept-batches",
        "0",
    ]);
    assert!(!told.out.contains("failing"), "{}", told.out);
}

#[test]
fn a_batch_that_is_too_large_or_cannot_be_kept_changes_nothing() {
    let project = project("trap");
    let small = [&KEEP[..], &["--limit-kept-bytes", "64"]].concat();
    let ended = project.try_run(&small);
    assert_eq!(ended.code, Some(6));
    assert!(
        ended.err.contains("hint: the batch is not kept: it has "),
        "{}",
        ended.err
    );
    assert!(
        ended.err.contains("limit `kept_bytes` of 64 bytes reached"),
        "{}",
        ended.err
    );
    assert!(kept(&project).is_empty());
    // Without being told to, a run keeps nothing, and says nothing of it.
    let ended = project.try_run(&[]);
    assert!(!ended.err.contains("kept"), "{}", ended.err);
    project.write("file", "");
    let ended = project.try_run(&["--keep-failing", "file"]);
    assert_eq!(ended.code, Some(9), "{}", ended.err);
    assert!(
        ended.err.contains("keep failing batches in `file`"),
        "{}",
        ended.err
    );
}

#[test]
fn a_hidden_column_is_not_in_the_file() {
    let project = project("trap");
    let folder = project.path("").display().to_string();
    project.write(
        "policy.toml",
        format!(
            "[[statement]]\neffect = \"allow\"\nprincipal = \"any-run\"\naction = \"*\"\nresource = \"*\"\n\
             [[statement]]\neffect = \"deny\"\nprincipal = \"any-run\"\naction = \"column:read\"\n\
             resource = \"file://{folder}*\"\nmask = \"hide\"\n[statement.condition]\n\
             StringEquals = {{ \"column:name\" = \"amount\" }}\n"
        ),
    );
    let ended = project.try_run(&[&KEEP[..], &["--policy", "policy.toml"]].concat());
    assert_eq!(ended.code, Some(6), "{}", ended.err);
    let file = &kept(&project)[0];
    let columns = columns(&project, file);
    let names: Vec<_> = columns.fields().iter().map(|field| field.name()).collect();
    assert_eq!(names, ["id", "word"]);
}

/// What the file says are the columns of the step.
fn columns(project: &Project, file: &str) -> Schema {
    let (schema, _) = content(project, file);
    let encoded = &schema.metadata()["sluicegate.columns"];
    let bytes: Vec<u8> = decoded(encoded);
    let reader = FileReader::try_new(std::io::Cursor::new(bytes), None).unwrap();
    reader.schema().as_ref().clone()
}

/// The bytes that a text in Base64 stands for.
fn decoded(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.trim_end_matches('=').chars();
    let digits: Vec<_> = digits.map(|c| DIGITS.find(c).unwrap() as u32).collect();
    let whole = digits.chunks(4).flat_map(|group| {
        let bits = group.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - group.len()));
        bits.to_be_bytes()[1..group.len()].to_vec()
    });
    whole.collect()
}

fn content(project: &Project, file: &str) -> (Schema, Vec<RecordBatch>) {
    let reader = FileReader::try_new(File::open(project.path(file)).unwrap(), None).unwrap();
    let schema = reader.schema().as_ref().clone();
    (schema, reader.map(Result::unwrap).collect())
}

/// Writes `batches` with other key-values.
fn write(project: &Project, metadata: HashMap<String, String>, batches: &[RecordBatch]) {
    let fields = batches[0].schema().fields().clone();
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    let out = File::create(project.path("changed.arrow")).unwrap();
    let mut writer = FileWriter::try_new(out, &schema).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn a_file_that_lies_is_refused() {
    let project = project("trap");
    let (file, _) = failed(&project, 6);
    let (schema, batches) = content(&project, &file);
    let metadata = schema.metadata();
    for (key, value, told) in [
        ("failing-batch", None, "holds no batch over which"),
        ("failing-batch", Some("2"), "kept by another release"),
        ("columns", None, "missing field `columns`"),
        ("columns", Some("!"), "the columns of the step are damaged"),
        ("columns", Some("aGVsbG8="), "the columns of the step"),
        ("limits", Some("{"), "the limits of the batch are damaged"),
        ("limits", Some("{\"call_time\":\"9999d\"}"), "out of bounds"),
        ("limits", Some("{\"depth\":\"1000\"}"), "out of bounds"),
        ("params", Some("{"), "parameters are not a JSON object"),
        (
            "plugin",
            Some("http://127.0.0.1:1/x.wasm"),
            "is not on this machine",
        ),
        (
            "plugin",
            Some("file:///etc/hostname"),
            "is not the plugin that failed",
        ),
        (
            "reaches",
            Some("http"),
            "declares `http`, which a replay has not",
        ),
    ] {
        let mut changed = metadata.clone();
        let key = format!("sluicegate.{key}");
        match value {
            Some(value) => drop(changed.insert(key.clone(), value.to_owned())),
            None => drop(changed.remove(&key)),
        }
        write(&project, changed, &batches);
        let ended = replay(&project, "changed.arrow", &[]);
        assert!(
            [Some(3), Some(5)].contains(&ended.code) && ended.err.contains(told),
            "{key} = {value:?}: {:?} {}",
            ended.code,
            ended.err
        );
    }
}

#[test]
fn a_file_with_other_rows_than_it_says_is_refused() {
    let project = project("trap");
    let (file, _) = failed(&project, 6);
    let (schema, batches) = content(&project, &file);
    let metadata = schema.metadata();
    write(
        &project,
        metadata.clone(),
        &[batches[0].clone(), batches[0].clone()],
    );
    let ended = replay(&project, "changed.arrow", &[]);
    assert_eq!(ended.code, Some(3));
    assert!(ended.err.contains("more than one batch"), "{}", ended.err);
    let field = Field::new("word", DataType::Int64, true);
    let numbers = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let number = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![numbers]).unwrap();
    write(&project, metadata.clone(), &[number]);
    let ended = replay(&project, "changed.arrow", &[]);
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    assert!(
        ended.err.contains("is kept in another type"),
        "{}",
        ended.err
    );
    // Other columns than the plugin was bound to.
    let schema = batches[0].schema();
    let other = schema.fields().iter().map(|field| {
        let field = field.as_ref().clone();
        let name = format!("{}s", field.name());
        field.with_name(name)
    });
    let other = Arc::new(Schema::new(other.collect::<Vec<_>>()));
    let other = RecordBatch::try_new(other, batches[0].columns().to_vec()).unwrap();
    write(&project, metadata.clone(), &[other]);
    let ended = replay(&project, "changed.arrow", &[]);
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    assert!(
        ended.err.contains("reads column `word`, which is not kept"),
        "{}",
        ended.err
    );
}

#[test]
fn a_damaged_file_is_a_typed_error_or_a_batch() {
    let project = project("trap");
    let (file, _) = failed(&project, 6);
    let whole = std::fs::read(project.path(&file)).unwrap();
    for at in 0..60 {
        let mut bytes = whole.clone();
        if at % 2 == 0 {
            bytes.truncate(whole.len() * at / 60);
        } else {
            let byte = whole.len() * at / 60;
            bytes[byte] ^= 0xff;
        }
        project.write("damaged.arrow", bytes);
        let ended = replay(&project, "damaged.arrow", &[]);
        let codes = [Some(0), Some(3), Some(5), Some(6), Some(7)];
        assert!(
            codes.contains(&ended.code),
            "{at}: {:?} {}",
            ended.code,
            ended.err
        );
    }
}
