//! Files that are damaged, by chance or on purpose: each is read, or refused in words that name it, in bounded time and
//! memory, and whoever reads it goes on to live.
//!
//! `SLUICE_TEST_MUTANTS` says how many there are of each file, `SLUICE_TEST_MUTANT` which number is tried alone.

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch,
    StringArray,
};
use arrow::datatypes::Int32Type;
use arrow::ipc::writer::{FileWriter, StreamWriter};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{WriterProperties, WriterVersion};

use crate::project::{Ended, Project};

const MIB: u64 = 1 << 20;

/// What the command may hold, whatever a file says.
const BYTES_MAX: u64 = 512 * MIB;

/// The same for Arrow, of which a batch that says so may be as long as 1 GiB.
const ARROW_BYTES_MAX: u64 = 1_280 * MIB;

/// The longest that a small file may take, on a machine that has much else to do.
const TIME_MAX: Duration = Duration::from_secs(20);

/// Damaged files of each format.
const MUTANTS: u64 = 80;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Numbers that follow from a seed alone.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 += 1;
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(self.0);
        usize::try_from(hash % end.max(1) as u64).unwrap()
    }
}

/// A damaged file, the same for the same number.
fn mutant(good: &[u8], number: u64) -> Vec<u8> {
    const EXTREMES: [u64; 6] = [0, u64::MAX, i64::MAX as u64, 1 << 31, 0x7fff_ffff, 1 << 40];
    let mut random = Random(number << 32);
    let mut bytes = good.to_vec();
    for _ in 0..=random.below(3) {
        // What files say of themselves stands at their ends.
        let at = match random.below(3) {
            0 => random.below(bytes.len()),
            1 => random.below(bytes.len().min(200)),
            _ => bytes.len().saturating_sub(1 + random.below(600)),
        };
        match random.below(6) {
            0 | 1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, b'"', b'\n'][random.below(7)],
            3 => {
                let length = [1, 2, 4, 8][random.below(4)].min(bytes.len() - at);
                let extreme = EXTREMES[random.below(6)].to_le_bytes();
                bytes[at..at + length].copy_from_slice(&extreme[..length]);
            }
            4 => {
                let end = (at + 1 + random.below(64)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            _ => bytes.truncate(at.max(1)),
        }
    }
    bytes
}

/// Fails unless a file is read, or refused by name and in words, within bounds.
fn tried(project: &Project, name: &str, what: &str) -> Ended {
    let started = Instant::now();
    let (ended, peak) = project.measured(&["--json", "head", name, "-n", "100000"]);
    let took = started.elapsed();
    match ended.code {
        Some(0) => {}
        Some(3 | 7 | 9) => assert!(ended.err.contains(name), "{what}: {}", ended.err),
        code => panic!("{what}: {code:?}: {}", ended.err),
    }
    let most = if name.ends_with(".arrow") {
        ARROW_BYTES_MAX
    } else {
        BYTES_MAX
    };
    assert!(peak < most, "{what}: {} MiB", peak / MIB);
    assert!(took < TIME_MAX, "{what}: {took:?}");
    ended
}

fn rows() -> RecordBatch {
    const ROWS: i32 = 500;
    let texts = (0..ROWS).map(|n| (n % 7 != 0).then(|| format!("text {}", n % 50)));
    let lists = (0..ROWS).map(|n| (n % 5 != 0).then(|| (0..n % 4).map(Some).collect::<Vec<_>>()));
    let columns: [(&str, ArrayRef); 6] = [
        ("i", Arc::new((0..ROWS).map(Some).collect::<Int32Array>())),
        (
            "l",
            Arc::new(
                (0..ROWS)
                    .map(|n| (n % 3 != 0).then_some(i64::from(n) << 20))
                    .collect::<Int64Array>(),
            ),
        ),
        (
            "f",
            Arc::new(
                (0..ROWS)
                    .map(|n| Some(f64::from(n) / 3.0))
                    .collect::<Float64Array>(),
            ),
        ),
        (
            "b",
            Arc::new(
                (0..ROWS)
                    .map(|n| Some(n % 2 == 0))
                    .collect::<BooleanArray>(),
            ),
        ),
        ("s", Arc::new(texts.collect::<StringArray>())),
        (
            "a",
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists)),
        ),
    ];
    let columns = columns
        .into_iter()
        .map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn parquet(compression: Compression, encoding: Option<Encoding>) -> Vec<u8> {
    let mut properties = WriterProperties::builder()
        .set_compression(compression)
        .set_data_page_row_count_limit(200);
    if let Some(encoding) = encoding {
        properties = properties
            .set_dictionary_enabled(false)
            .set_writer_version(WriterVersion::PARQUET_2_0)
            .set_column_encoding("s".into(), encoding);
    }
    let batch = rows();
    let mut writer =
        ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn arrow(is_file: bool) -> Vec<u8> {
    let batch = rows();
    if is_file {
        let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        return writer.into_inner().unwrap();
    }
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn lines(json: bool) -> Vec<u8> {
    let mut text = String::new();
    if !json {
        text += "id,amount,note\n";
    }
    for n in 0..300 {
        let note = ["plain", "with \"\"quotes\"\"", "über", "a, comma"][n % 4];
        if json {
            let note = note.replace("\"\"", "\\\"");
            writeln!(
                text,
                "{{\"id\":{n},\"amount\":{n}.25,\"note\":\"{note}\",\"a\":[{n},null]}}"
            )
            .unwrap();
        } else {
            writeln!(text, "{n},{n}.25,\"{note}\"").unwrap();
        }
    }
    text.into_bytes()
}

#[test]
fn damage_of_any_kind_is_read_or_refused() {
    let files = [
        ("plain.parquet", parquet(Compression::UNCOMPRESSED, None)),
        ("snappy.parquet", parquet(Compression::SNAPPY, None)),
        (
            "packed.parquet",
            parquet(Compression::UNCOMPRESSED, Some(Encoding::DELTA_BYTE_ARRAY)),
        ),
        ("file.arrow", arrow(true)),
        ("stream.arrow", arrow(false)),
        ("lines.csv", lines(false)),
        ("lines.ndjson", lines(true)),
    ];
    let numbers = match variable("SLUICE_TEST_MUTANT") {
        Some(number) => number..number + 1,
        None => 0..variable("SLUICE_TEST_MUTANTS").unwrap_or(MUTANTS),
    };
    let cases: Vec<_> = files
        .iter()
        .flat_map(|file| numbers.clone().map(move |n| (file, n)))
        .collect();
    let (next, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let project = Project::new();
                while let Some(((name, good), number)) =
                    cases.get(next.fetch_add(1, Ordering::SeqCst) as usize)
                {
                    project.write(name, mutant(good, *number));
                    let what = format!("{name}, `SLUICE_TEST_MUTANT={number}`");
                    let ended = tried(&project, name, &what);
                    refused.fetch_add(u64::from(ended.code != Some(0)), Ordering::SeqCst);
                }
            });
        }
    });
    // Most damage is seen; what hits a value cannot be.
    let refused = refused.into_inner();
    assert!(
        refused * 3 > cases.len() as u64,
        "{refused} of {}",
        cases.len()
    );
}

/// What a file of text says, and what is read of it.
const TEXTS: [(&str, &str); 14] = [
    ("a,b,c\n1,2,3\n", r#"{"a":1,"b":2,"c":3}"#),
    ("a,b,c\r\n1,2,3\r\n", r#"{"a":1,"b":2,"c":3}"#),
    ("a,b\r1,2\r", r#"{"a":1,"b":2}"#),
    ("\u{feff}a,b\n1,2\n", r#"{"a":1,"b":2}"#),
    (
        "a,b,c\n1,\"\",\"\"\n2,3,4\n",
        "{\"a\":1}\n{\"a\":2,\"b\":3,\"c\":4}",
    ),
    (
        "first,address\nJohn,\"120 any st., Anytown\"\n",
        r#"{"first":"John","address":"120 any st., Anytown"}"#,
    ),
    (
        "a,b\n1,\"ha \"\"ha\"\" ha\"\n3,4\n",
        "{\"a\":1,\"b\":\"ha \\\"ha\\\" ha\"}\n{\"a\":3,\"b\":\"4\"}",
    ),
    (
        "key,val\n1,\"{\"\"type\"\": \"\"Point\"\", \"\"at\"\": [1.0, 0.5]}\"\n",
        r#"{"key":1,"val":"{\"type\": \"Point\", \"at\": [1.0, 0.5]}"}"#,
    ),
    (
        "a,b\n\"Once upon \na time\",5\n",
        r#"{"a":"Once upon \na time","b":5}"#,
    ),
    (
        "a,b\n1,\"ha \n\"\"ha\"\" \nha\"\n",
        r#"{"a":1,"b":"ha \n\"ha\" \nha"}"#,
    ),
    ("a,b\n1,\u{2124}\n", "{\"a\":1,\"b\":\"\u{2124}\"}"),
    ("a,b\nx\u{0},2\n", r#"{"a":"x\u0000","b":2}"#),
    ("a\n\"\"\"\"\n", r#"{"a":"\""}"#),
    ("a,b\n1,2", r#"{"a":1,"b":2}"#),
];

#[test]
fn texts_of_every_custom_mean_what_they_say() {
    let project = Project::new();
    for (text, expected) in TEXTS {
        project.write("in.csv", text);
        let ended = tried(&project, "in.csv", text);
        assert_eq!(ended.out.trim_end(), expected, "{text:?}: {}", ended.err);
    }
}

/// Values that are JSON.
const VALUES: [&str; 22] = [
    "0",
    "-0",
    "1.5e10",
    "1E-2",
    "0e+1",
    "-1",
    "123.456",
    "true",
    "false",
    "null",
    "\"\"",
    "\"\\u0041\"",
    "\"\\ud834\\udd1e\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\u{7f}\"",
    "\"\u{10ffff}\"",
    "[]",
    "[1,null]",
    "{}",
    "{\"b\":1}",
    " [ 1 , 2 ] ",
    "\"\\u0000\"",
];

/// Values that are not.
const NO_VALUES: [&str; 48] = [
    "",
    "+1",
    "01",
    "-01",
    "1.",
    ".5",
    "-",
    "1e",
    "1e+",
    "0x1",
    "NaN",
    "Infinity",
    "-Infinity",
    "nan",
    "1 2",
    "1a",
    "--1",
    "1.2.3",
    "tru",
    "True",
    "nul",
    "TRUE",
    "undefined",
    "'a'",
    "a",
    "\"a",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\ud800\"",
    "\"\\udc00\"",
    "\"\\ud800\\u0041\"",
    "\"\t\"",
    "\"\u{1}\"",
    "\"\\\"",
    "\"\\'\"",
    "[",
    "]",
    "[1",
    "[1,",
    "[,1]",
    "[1,]",
    "[1 2]",
    "{",
    "{\"b\"}",
    "{\"b\":}",
    "{b:1}",
    "{\"b\":1,}",
    "{'b':1}",
];

#[test]
fn json_is_what_the_standard_says() {
    let project = Project::new();
    let name = "in.ndjson";
    for value in VALUES {
        project.write(name, format!("{{\"a\":{value}}}\n"));
        let ended = tried(&project, name, value);
        // A struct without fields has no type that can be written; it is refused for that.
        assert!(
            ended.code == Some(0) || value == "{}",
            "{value}: {}",
            ended.err
        );
    }
    let mut taken = Vec::new();
    for value in NO_VALUES {
        project.write(name, format!("{{\"a\":{value}}}\n{{\"a\":null}}\n"));
        let ended = tried(&project, name, value);
        if ended.code == Some(0) {
            taken.push((value, ended.out));
        } else {
            // What is open at the end of a line is found out on the next.
            assert!(ended.err.contains("line "), "{value}: {}", ended.err);
        }
    }
    assert!(taken.is_empty(), "{taken:#?}");
    for bytes in [
        &b"{\"a\":\"\xff\"}\n"[..],
        b"{\"a\":\"\xed\xa0\x80\"}\n",
        b"{\"\xff\":1}\n",
        b"\xfe\xff\x00{",
        b"{\"a\":1}\0\n",
    ] {
        project.write(name, bytes);
        let ended = tried(&project, name, &format!("{bytes:?}"));
        assert_eq!(ended.code, Some(3), "{bytes:?}: {}", ended.out);
    }
}

#[test]
fn what_is_deep_long_or_endless_is_refused_within_bounds() {
    let project = Project::new();
    let deep = 100_000;
    let cases = [
        (
            "arrays.ndjson",
            format!("{{\"a\":{}1{}}}\n", "[".repeat(deep), "]".repeat(deep)),
        ),
        (
            "objects.ndjson",
            format!("{}1{}\n", "{\"a\":".repeat(deep), "}".repeat(deep)),
        ),
        ("open.ndjson", "[".repeat(deep)),
        ("open.json", "[{\"a\":".repeat(deep)),
        ("number.ndjson", format!("{{\"a\":{}}}\n", "9".repeat(400))),
        ("number.csv", format!("a\n{}\n", "9".repeat(400))),
        ("fraction.csv", format!("a\n0.{}\n", "9".repeat(400))),
        ("columns.csv", "a,".repeat(deep)),
        ("quotes.csv", "\"".repeat(deep)),
        ("commas.csv", format!("a\n{}\n", ",".repeat(deep))),
        (
            "keys.ndjson",
            format!(
                "{{{}\"z\":1}}\n",
                (0..20_000).fold(String::new(), |text, n| text + &format!("\"k{n}\":1,"))
            ),
        ),
    ];
    for (name, text) in cases {
        project.write(name, text);
        tried(&project, name, name);
    }
    for name in [
        "line.csv",
        "line.ndjson",
        "line.json",
        "zeros.parquet",
        "zeros.arrow",
    ] {
        let file = std::fs::File::create(project.path(name));
        let mut file = file.unwrap();
        // A gigabyte without an end of a line, of which the disk has nothing.
        file.write_all(b"a\n1").unwrap();
        file.seek(SeekFrom::Start(1 << 30)).unwrap();
        file.write_all(b"\n").unwrap();
        drop(file);
        let ended = tried(&project, name, name);
        assert_ne!(ended.code, Some(0), "{name}");
    }
}

/// The row is told, and what follows it is not read for nothing.
#[test]
fn a_malformed_row_before_a_million_good_ones_ends_the_reading() {
    let project = Project::new();
    project.write(
        "in.csv",
        format!("a,b\n1,2\n3\n{}", "4,5\n".repeat(1_000_000)),
    );
    project.write(
        "in.ndjson",
        format!(
            "{{\"a\":1}}\n{{\"a\":}}\n{}",
            "{\"a\":2}\n".repeat(1_000_000)
        ),
    );
    // Inference counts the lines of JSON from the record that it is at.
    for (name, line) in [("in.csv", "3"), ("in.ndjson", "")] {
        let ended = tried(&project, name, name);
        assert_eq!(ended.code, Some(3), "{name}");
        assert!(ended.err.contains(&format!("line {line}")), "{}", ended.err);
    }
}

/// A known bound: Arrow's reader of Parquet allocates as many lengths of texts as the page says that it has, before it
/// looks how many there are. An allocation that fails ends the process, by a signal; nothing of it grows until then.
#[test]
fn a_page_that_says_to_have_endless_lengths_ends_the_process_at_worst() {
    let project = Project::new();
    for encoding in [
        Encoding::DELTA_LENGTH_BYTE_ARRAY,
        Encoding::DELTA_BYTE_ARRAY,
    ] {
        let mut bytes = parquet(Compression::UNCOMPRESSED, Some(encoding));
        // Blocks of 128 numbers in 4 pieces.
        let places = bytes.windows(3).enumerate();
        let places = places.filter(|(_, window)| *window == [0x80, 0x01, 0x04]);
        let places: Vec<usize> = places.map(|(at, _)| at + 3).collect();
        assert!(!places.is_empty());
        for at in places {
            // More of them than a process has room for.
            bytes[at..at + 7].copy_from_slice(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
        }
        project.write("lying.parquet", bytes);
        let (ended, peak) = project.measured(&["head", "lying.parquet", "-n", "100000"]);
        assert!(
            matches!(ended.code, None | Some(3)),
            "{encoding}: {:?} {}",
            ended.code,
            ended.err
        );
        assert!(peak < BYTES_MAX, "{encoding}: {} MiB", peak / MIB);
    }
}
