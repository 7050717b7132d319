//! The lab in every format that can be written, read back by the command.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::writer::{FileWriter, StreamWriter};
use parquet::arrow::ArrowWriter;
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

/// Two members each, of which the first holds `a`, 1 and the second 2, 3.
const MEMBERS: [(&str, &str); 4] = [
    (
        "gz",
        "1f8b08000000000002034be432e402000024c189040000001f8b080000000000020333e232e60200cee64f6204000000",
    ),
    (
        "bz2",
        "425a68393141592653591f79e99e000001c900001020002000200030cc0c7a8271772453850901f79e99e0425a6839314159265359f9fb7809000001480000101800200030cc0c7a827177245385090f9fb78090",
    ),
    (
        "xz",
        "fd377a585a000004e6d6b4460200210116000000742fe5a3010003610a310a00a595dbc3b7bea3f000011c046f2c9cc11fb6f37d010000000004595afd377a585a000004e6d6b4460200210116000000742fe5a3010003320a330a000f85d509b55d6a9100011c046f2c9cc11fb6f37d010000000004595a",
    ),
    (
        "zst",
        "28b52ffd0458210000610a310a751cc30128b52ffd0458210000320a330a444cde31",
    ),
];

/// What `sluice head` shows of a file, on lines.
fn head(project: &Project, name: &str) -> Vec<String> {
    let ended = project.sluice(&["head", name, "--json"]);
    assert_eq!(ended.code, Some(0), "{name}: {}", ended.err);
    ended.out.lines().map(str::to_owned).collect()
}

/// What is said about a file that cannot be read; the exit code has to blame the file.
fn refused(project: &Project, name: &str) -> String {
    let ended = project.sluice(&["head", name, "--json"]);
    assert_eq!(ended.code, Some(3), "{name}: {}{}", ended.out, ended.err);
    ended.err
}

#[test]
fn all_members_of_a_compressed_file_are_read() {
    let project = Project::new();
    for (extension, bytes) in MEMBERS {
        let bytes = hex::decode(bytes).unwrap();
        let name = format!("in.csv.{extension}");
        project.write(&name, &bytes);
        let rows = head(&project, &name);
        assert_eq!(rows, ["{\"a\":1}", "{\"a\":2}", "{\"a\":3}"], "{name}");

        let cut = format!("cut.csv.{extension}");
        project.write(&cut, &bytes[..bytes.len() - 9]);
        let told = refused(&project, &cut);
        assert!(told.contains("damaged") && told.contains(&cut), "{told}");

        let lines = format!("in.ndjson.{extension}");
        project.write(&lines, hex::decode(objects(extension)).unwrap());
        assert_eq!(
            head(&project, &lines),
            ["{\"a\":1}", "{\"a\":2}"],
            "{lines}"
        );
    }
}

#[test]
fn two_columns_of_one_name_are_refused() {
    let project = Project::new();
    project.write("twice.csv", "a,a\n1,2\n");
    project.write("twice.parquet", parquet_of(&["a", "a"]));
    project.write("twice.arrow", arrow_of(&["a", "a"], false));
    for name in ["twice.csv", "twice.parquet", "twice.arrow"] {
        let told = refused(&project, name);
        assert!(
            told.contains("two columns named `a`") && told.contains(name),
            "{told}"
        );
    }
}

#[test]
fn a_quote_that_is_never_closed_is_refused() {
    let project = Project::new();
    let tail = "2,y\n".repeat(50_000);
    for (name, text) in [
        ("open.csv", format!("a,b\n1,\"x\n{tail}")),
        ("end.csv", "a,b\n1,x\n2,\"".to_owned()),
    ] {
        project.write(name, text);
        let told = refused(&project, name);
        assert!(
            told.contains("never closed") && told.contains(name),
            "{told}"
        );
    }
    for (name, text) in [
        ("lines.csv", "a,b\n1,\"x\ny\"\n"),
        ("no-end.csv", "a,b\n1,\"x\ny\""),
        ("inside.csv", "a,b\n1,5\" pipe"),
        ("cr.csv", "a,b\r1,x\r"),
    ] {
        project.write(name, text);
        assert_eq!(head(&project, name).len(), 1, "{name}");
    }
}

#[test]
fn a_quote_that_opens_behind_the_inferred_rows_is_refused_too() {
    let project = Project::lab();
    let rows = "1,50.0\n".repeat(20_000);
    project.write(
        "late.csv",
        format!("order_id,amount\n{rows}\"2,1.0\n{rows}"),
    );
    project.application("uri = \"late.csv\"", "", "");
    let ended = project.try_run(&[]);
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    assert!(
        ended.err.contains("after the first 20000 is never closed"),
        "{}",
        ended.err
    );
}

#[test]
fn files_without_values_and_of_wider_numbers_fit_the_others() {
    let project = Project::new();
    project.write("in/1.csv", "a,b\n");
    project.write("in/2.csv", "a,b\n1,\n");
    project.write("in/3.csv", "a,b\n2.5,7\n");
    assert_eq!(head(&project, "in"), ["{\"a\":1.0}", "{\"a\":2.5,\"b\":7}"]);

    project.write("in/4.csv", "a,b\nx,7\n");
    let told = refused(&project, "in");
    assert!(
        told.contains("3.csv") || told.contains("1.csv") && told.contains("4.csv"),
        "{told}"
    );
}

#[test]
fn a_byte_order_mark_is_no_data() {
    let project = Project::new();
    project.write("in.csv", "\u{feff}a\n1\n");
    project.write("in.ndjson", "\u{feff}{\"a\":1}\n");
    project.write("in.json", "\u{feff}[{\"a\":1}]");
    for name in ["in.csv", "in.ndjson", "in.json"] {
        assert_eq!(head(&project, name), ["{\"a\":1}"], "{name}");
    }
}

#[test]
fn partition_columns_have_to_agree() {
    let project = Project::new();
    project.write("in/day=1/a.csv", "a\n1\n");
    project.write("in/hour=1/a.csv", "a\n1\n");
    let told = refused(&project, "in");
    assert!(
        told.contains("day=1/a.csv") && told.contains("hour=1/a.csv"),
        "{told}"
    );

    project.write("both/a=1/a.csv", "a\n1\n");
    let told = refused(&project, "both");
    assert!(told.contains("`a` stands both"), "{told}");
}

#[test]
fn damaged_and_mixed_files_are_refused_by_name() {
    let project = Project::new();
    let mut parquet = parquet_of(&["a"]);
    let end = parquet.len();
    parquet[end - 8..end - 4].copy_from_slice(&u32::MAX.to_le_bytes());
    project.write("long.parquet", &parquet);
    let told = refused(&project, "long.parquet");
    assert!(
        told.contains("damaged") && told.contains("long.parquet"),
        "{told}"
    );

    project.write("mixed/1.arrow", arrow_of(&["a"], false));
    project.write("mixed/2.arrow", arrow_of(&["a"], true));
    let told = refused(&project, "mixed");
    assert!(told.contains("2.arrow"), "{told}");
}

#[test]
fn no_damage_to_metadata_is_taken_for_a_bug() {
    let project = Project::new();
    let (parquet, arrow) = (parquet_of(&["a"]), arrow_of(&["a"], false));
    for (name, good) in [("bad.parquet", parquet), ("bad.arrow", arrow)] {
        let tail = good.len() - 300.min(good.len());
        for at in (tail..good.len()).step_by(23) {
            let mut bad = good.clone();
            bad[at] ^= 0xff;
            project.write(name, &bad);
            let ended = project.sluice(&["head", name, "--json"]);
            assert!(
                matches!(ended.code, Some(0 | 3 | 7)),
                "byte {at}: {}",
                ended.err
            );
        }
    }
}

#[test]
fn seconds_stay_times_in_parquet() {
    let project = Project::lab();
    project.write("in.csv", "order_id,amount,at\n1,50.0,2024-01-31T10:00:00\n");
    project.application(
        "uri = \"in.csv\"\nschema = [{ name = \"order_id\", type = \"int64\" }, { name = \"amount\", type = \"float64\" }, { name = \"at\", type = 'timestamp(\"s\")' }]",
        "",
        "",
    );
    project.run(&[]);
    let table = project.batches("out");
    let schema = table[0].schema();
    let at = schema.field_with_name("at").unwrap();
    assert_eq!(at.data_type().to_string(), "Timestamp(ms)");
    assert!(project.parquet("out").contains("2024-01-31T10:00:00"));
}

#[test]
fn an_empty_output_with_partitions_has_no_files() {
    let project = Project::lab();
    project.application("", "", "partition_by = [\"amount_bucket\"]");
    project.run(&["-p", "min_amount=1000000"]);
    let names = project.names();
    assert!(
        !names.iter().any(|name| name.ends_with(".parquet")),
        "{names:?}"
    );
}

fn numbers(names: &[&str]) -> RecordBatch {
    let fields: Vec<_> = names
        .iter()
        .map(|name| Field::new(*name, DataType::Int64, true))
        .collect();
    let columns = names
        .iter()
        .map(|_| Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef)
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

fn parquet_of(names: &[&str]) -> Vec<u8> {
    let rows = numbers(names);
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    writer.into_inner().unwrap()
}

fn arrow_of(names: &[&str], stream: bool) -> Vec<u8> {
    let rows = numbers(names);
    if stream {
        let mut writer = StreamWriter::try_new(Vec::new(), &rows.schema()).unwrap();
        writer.write(&rows).unwrap();
        return writer.into_inner().unwrap();
    }
    let mut writer = FileWriter::try_new(Vec::new(), &rows.schema()).unwrap();
    writer.write(&rows).unwrap();
    writer.into_inner().unwrap()
}

/// Two members of one object each.
fn objects(extension: &str) -> &'static str {
    match extension {
        "gz" => {
            "1f8b0800000000000203ab564a54b232ace5020046a3e874080000001f8b0800000000000203ab564a54b232aae502001f1dae7608000000"
        }
        "bz2" => {
            "425a6839314159265359bac64ddb00000359800010100020102000000a20002203650860114a1f177245385090bac64ddb425a6839314159265359b8afb85200000359800010100010102000000a20002203650860114a1f177245385090b8afb852"
        }
        "xz" => {
            "fd377a585a000004e6d6b4460200210116000000742fe5a30100077b2261223a317d0a00be4991435504ef8500012008bb19d9bb1fb6f37d010000000004595afd377a585a000004e6d6b4460200210116000000742fe5a30100077b2261223a327d0a00e3ff2ff08a27f3c400012008bb19d9bb1fb6f37d010000000004595a"
        }
        "zst" => {
            "28b52ffd04584100007b2261223a317d0ae2efece028b52ffd04584100007b2261223a327d0a86a83a3d"
        }
        other => panic!("no members for `{other}`"),
    }
}
