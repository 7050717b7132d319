//! What is done again where a bucket fails for longer than its client tries, and what is not.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::ipc::writer::FileWriter;
use arrow::json::LineDelimitedWriter;
use parquet::arrow::ArrowWriter;
use serde_json::Value;

use crate::project::{Ended, Project, root};
use crate::servers::{Fate, SECRET, Server, Verb};

const OUT: &str = "s3://lake/out/";

/// Files of the input, all of one partition where there is one thread.
const FILES: u64 = 3;

/// Rows of each.
const ROWS: u64 = 3_000;

/// Requests that a client sends before it gives up.
const TRIES: u64 = 7;

/// A bucket with rows among which each kind of bad one is, in the middle file.
fn server(trap: &str) -> Server {
    let server = Server::of_s3();
    for file in 0..FILES {
        let mut rows = "id,word\n".to_owned();
        for row in 0..ROWS {
            let id = file * ROWS + row;
            let word = match (file, row) {
                (1, 7 | 1_500) => trap,
                (1, 100 | 2_000) => "reject",
                _ => "a word",
            };
            writeln!(rows, "{id},{word}").unwrap();
            if file == 1 && row % 1_000 == 500 {
                rows.push_str("not a number,b\n");
            }
        }
        server.put("landing", &format!("rows/{file}.csv"), rows);
    }
    server.make("lake");
    server
}

fn project(server: &Server, on_error: &str) -> Project {
    let mut project = Project::new();
    server.serves_s3(&mut project, SECRET);
    let built = root().join("tests/guests/faulty/faulty.wasm");
    project.write("faulty.wasm", std::fs::read(built).unwrap());
    let on_error = format!("on_error = \"{on_error}\"");
    let input = if on_error.contains("fail") {
        "on_error = \"skip\""
    } else {
        &on_error
    };
    project.write(
        "app.toml",
        format!(
            "name = \"again\"\n[inputs.rows]\nuri = \"s3://landing/rows/\"\nformat = \"csv\"\n\
             schema = [{{ name = \"id\", type = \"int64\" }}, {{ name = \"word\", type = \"utf8\" }}]\n{input}\n\
             [[steps]]\nname = \"check\"\nplugin = \"faulty.wasm\"\n{on_error}\n[output]\nuri = \"{OUT}\"\n\
             [[output.rules]]\nkind = \"unique\"\ncolumn = \"id\"\n[[output.rules]]\nkind = \"row-count\"\nmin = 1\n"
        ),
    );
    project
}

/// Has requests fail that come once the output was begun: with `fates`, one after the other, those that `is_meant`.
/// Yields how many came.
fn fail(
    server: &Server,
    is_meant: impl Fn(Verb) -> bool + Send + Sync + 'static,
    fates: impl Fn(u64) -> Fate + Send + Sync + 'static,
) -> Arc<AtomicU64> {
    let (begun, count) = (AtomicU64::new(0), Arc::<AtomicU64>::default());
    let counted = Arc::clone(&count);
    server.judge_each(move |verb| {
        if verb == Verb::Create {
            begun.fetch_add(1, Ordering::SeqCst);
        }
        if begun.load(Ordering::SeqCst) == 0 || !is_meant(verb) {
            return Fate::Served;
        }
        fates(counted.fetch_add(1, Ordering::SeqCst))
    });
    count
}

fn is_read(verb: Verb) -> bool {
    matches!(verb, Verb::Get | Verb::GetRange)
}

const RUN: [&str; 5] = ["--json", "--threads", "1", "--run-id", "run"];

fn summary(ended: &Ended) -> Value {
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    serde_json::from_str(&ended.out).unwrap()
}

/// What a run left, and what it said of it, without what each run has another of.
fn left(project: &Project, summary: &Value) -> String {
    let mut told = String::new();
    for folder in [OUT.to_owned(), format!("{OUT}_sluice/quarantine/")] {
        let shown = project.sluice(&["--json", "head", &folder, "-n", "100000"]);
        assert_eq!(shown.code, Some(0), "{}", shown.err);
        told.push_str(&shown.out);
    }
    let step = &summary["steps"][0];
    for figure in [
        &summary["rows_in"],
        &summary["rows_out"],
        &summary["rows_rejected"],
        &summary["rows_failed"],
        &summary["bad_rows"],
        &summary["checks"],
        &step["rows_in"],
        &step["rows_out"],
        &step["rejected"],
    ] {
        writeln!(told, "{figure}").unwrap();
    }
    told
}

/// What fails, by which requests, in which way, and whose attempt that is.
type Case = (
    &'static str,
    fn(Verb) -> bool,
    fn(u64) -> Fate,
    &'static str,
);

const CASES: [Case; 5] = [
    ("a file", is_read, |at| refused(at, TRIES + 1), "input rows"),
    (
        "the rest of a body",
        is_read,
        |at| {
            if at == 0 {
                Fate::Cut
            } else {
                refused(at, TRIES + 3)
            }
        },
        "input rows",
    ),
    (
        "the rest of what was said to be all",
        is_read,
        |at| if at == 0 { Fate::Short } else { Fate::Served },
        "input rows",
    ),
    (
        "a part",
        |verb| verb == Verb::Part,
        |at| refused(at, TRIES + 1),
        "output",
    ),
    (
        "connections",
        is_read,
        |at| match at {
            0..8 => Fate::Lost,
            8 => Fate::Late(Duration::from_millis(20)),
            _ => Fate::Slow(8_192, Duration::from_millis(1)),
        },
        "input rows",
    ),
];

/// The first requests, up to `until`, are refused.
fn refused(at: u64, until: u64) -> Fate {
    match at {
        at if at >= until => Fate::Served,
        at if at % 2 == 0 => Fate::Refused(500),
        _ => Fate::Said(503, "SlowDown"),
    }
}

#[test]
fn what_fails_in_the_middle_is_done_again_and_nothing_is_lost_or_doubled() {
    let whole = server("trap");
    let reference = project(&whole, "quarantine");
    let done = summary(&reference.try_run(&RUN));
    assert_eq!(done["rows_out"], FILES * ROWS - 4);
    assert_eq!(done["attempts"], Value::Array(Vec::new()));
    let expected = left(&reference, &done);
    std::thread::scope(|scope| {
        for (name, is_meant, fates, of) in CASES {
            let expected = &expected;
            scope.spawn(move || {
                let server = server("trap");
                let project = project(&server, "quarantine");
                fail(&server, is_meant, fates);
                let ended = project.try_run(&RUN);
                server.judge(None);
                let done = summary(&ended);
                assert_eq!(left(&project, &done), *expected, "{name}");
                let again = done["attempts"].as_array().unwrap();
                // A client that was still trying has read on by itself.
                if name == "the rest of a body" && again.is_empty() {
                    return;
                }
                assert_eq!(again.len(), 1, "{name}: {again:?}");
                assert_eq!(
                    (&again[0]["of"], &again[0]["partition"]),
                    (&of.into(), &0.into())
                );
                assert_eq!(again[0]["attempts"], 2, "{name}: {again:?}");
                assert_eq!(again[0]["reasons"].as_array().unwrap().len(), 1);
                let logs = done["logs"].to_string();
                assert!(logs.contains("attempt 2 of 3 in"), "{name}: {logs}");
            });
        }
    });
}

/// A file of `format` with rows of these numbers.
fn file(format: &str, ids: Range<i64>) -> Vec<u8> {
    let words = ids.clone().map(|id| format!("word {id}"));
    let words: ArrayRef = Arc::new(StringArray::from_iter_values(words));
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(ids));
    let rows = RecordBatch::try_from_iter([("id", ids), ("word", words)]).unwrap();
    let mut file = Vec::new();
    match format {
        "parquet" => {
            let mut writer = ArrowWriter::try_new(&mut file, rows.schema(), None).unwrap();
            writer.write(&rows).unwrap();
            writer.close().unwrap();
        }
        "arrow" => {
            let mut writer = FileWriter::try_new(&mut file, &rows.schema()).unwrap();
            writer.write(&rows).unwrap();
            writer.finish().unwrap();
        }
        _ => {
            let mut writer = LineDelimitedWriter::new(&mut file);
            writer.write(&rows).unwrap();
            writer.finish().unwrap();
        }
    }
    file
}

#[test]
fn every_format_is_read_on() {
    std::thread::scope(|scope| {
        for format in ["parquet", "arrow", "ndjson"] {
            scope.spawn(move || {
                let server = Server::of_s3();
                for part in 0..3 {
                    let rows = file(format, part * 4_000..(part + 1) * 4_000);
                    server.put("landing", &format!("rows/{part}.{format}"), rows);
                }
                server.make("lake");
                let project = project(&server, "fail");
                project.write(
                    "app.toml",
                    format!(
                        "name = \"again\"\n[inputs.rows]\nuri = \"s3://landing/rows/\"\nformat = \"{format}\"\n\
                         [[steps]]\nname = \"check\"\nplugin = \"faulty.wasm\"\n[output]\nuri = \"{OUT}\"\n"
                    ),
                );
                fail(&server, is_read, |at| refused(at, TRIES + 1));
                let ended = project.try_run(&RUN);
                server.judge(None);
                let done = summary(&ended);
                assert_eq!(done["attempts"][0]["attempts"], 2, "{format}: {done}");
                let shown = project.sluice(&["--json", "head", OUT, "-n", "100000"]);
                let ids = shown.out.lines().map(|line| {
                    let row: Value = serde_json::from_str(line).unwrap();
                    row["id"].as_i64().unwrap()
                });
                assert!(ids.eq(0..12_000), "{format}");
            });
        }
    });
}

/// What a run says of its failure.
fn failure(project: &Project, arguments: &[&str], code: i32) -> Value {
    let ended = project.try_run(&[&RUN[..], arguments].concat());
    assert_eq!(ended.code, Some(code), "{}{}", ended.out, ended.err);
    serde_json::from_str(&ended.err).unwrap()
}

#[test]
fn a_store_that_stays_down_ends_a_run_with_all_its_reasons() {
    let server = server("trap");
    let project = project(&server, "quarantine");
    let requests = fail(&server, is_read, |_| Fate::Refused(503));
    let told = failure(&project, &["--limit-attempts", "2"], 9);
    let error = &told["error"];
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("give up after 2 attempts"), "{message}");
    assert!(message.contains("rows/1.csv"), "{message}");
    assert_eq!(
        (&error["kind"], &error["transient"]),
        (&"storage".into(), &true.into())
    );
    assert_eq!(error["facts"]["attempts"], "2");
    assert!(error["facts"]["before"].as_str().unwrap().contains("503"));
    assert_eq!(requests.load(Ordering::SeqCst), 2 * TRIES);
    assert!(
        server
            .objects("lake")
            .iter()
            .all(|(name, _)| name.starts_with("out/_sluice/log"))
    );

    // The budget of the run is what is left of it.
    let told = failure(&project, &["--limit-retries", "0"], 9);
    let hints = told["error"]["hints"].to_string();
    assert!(hints.contains("`retries` of 0"), "{hints}");
}

#[test]
fn what_does_not_pass_is_not_done_again() {
    let denied = server("trap");
    let requests = fail(&denied, is_read, |_| Fate::Refused(403));
    let told = failure(&project(&denied, "quarantine"), &[], 9);
    assert_eq!(told["error"]["transient"], false);
    assert_eq!(requests.load(Ordering::SeqCst), 1);

    // A transform that fails is asked once, also where it says that the reason may pass.
    for (word, code) in [("fault", 5), ("transient", 5), ("trap", 6)] {
        let served = server(word);
        let reads = fail(&served, is_read, |_| Fate::Served);
        let told = failure(&project(&served, "fail"), &[], code);
        assert_eq!(told["error"]["transient"], word == "transient");
        assert!(told["error"]["facts"]["attempts"].is_null(), "{told}");
        assert!(reads.load(Ordering::SeqCst) < FILES, "{word}: {told}");
        let said = told["logs"].as_array().map_or(0, Vec::len);
        assert_eq!(said, usize::from(word == "trap"), "{told}");
    }
}
