//! No value is cut, changed or left out without a word: it is read as it stands, or the run fails and
//! says where.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Float64Array, Int64Array, RecordBatch, RunArray, StringArray, UnionArray,
};
use arrow::datatypes::{DataType, Field, Int32Type, UnionFields};
use arrow::ipc::writer::FileWriter;
use parquet::arrow::ArrowWriter;

use crate::project::Project;

/// An application without steps.
fn copying(input: &str, output: &str) -> Project {
    let project = Project::new();
    project.write(
        "app.toml",
        format!(
            "name = \"copy\"\n[inputs.rows]\n{input}\n[output]\nuri = \"out\"\nmode = \"overwrite\"\n{output}\n"
        ),
    );
    project
}

/// What is said where `text` is read with the columns of `schema`.
fn told(name: &str, schema: &str, text: &str) -> String {
    let project = copying(&format!("uri = \"{name}\"\n{schema}"), "");
    project.write(name, text);
    let ended = project.try_run(&["--json"]);
    assert_eq!(ended.code, Some(3), "{name}: {}{}", ended.out, ended.err);
    ended.err
}

fn column(name: &str, data_type: &str) -> String {
    format!("schema = [{{ name = \"{name}\", type = '{data_type}' }}]")
}

#[test]
fn values_of_csv_that_do_not_fit_are_refused() {
    for (data_type, value, wanted) in [
        ("date32", "2024-01-31T10:00:00", "Date32"),
        ("decimal128(10, 2)", "1.005", "Decimal128(10, 2)"),
        ("float64", "1e999", "Float64"),
        ("float32", "-1e39", "Float32"),
        (
            "timestamp(\"ms\")",
            "2024-01-31T10:00:00.0005",
            "Timestamp(ms)",
        ),
        ("time32(\"s\")", "10:00:00.5", "Time32(s)"),
        ("null", "x", "Null"),
    ] {
        let text = format!("a\n{}{value}\n", "\"\"\n".repeat(10_000));
        let told = told("in.csv", &column("a", data_type), &text);
        let expected =
            format!("in.csv`, line 10002: column `a` wants {wanted}, but there stands `{value}`");
        assert!(told.contains(&expected), "{told}");
        assert!(told.contains("\"line\":\"10002\""), "{told}");
    }
}

#[test]
fn infinity_in_csv_is_a_value() {
    let project = copying(&format!("uri = \"in.csv\"\n{}", column("a", "float64")), "");
    project.write("in.csv", "a\n1.5\ninf\n-inf\nNaN\n");
    project.run(&[]);
    assert_eq!(project.parquet("out").matches("inf").count(), 2);
}

#[test]
fn values_of_ndjson_that_do_not_fit_are_refused() {
    for (data_type, value, wanted, shown) in [
        ("int64", "2.5", "Int64", "2.5"),
        ("uint8", "256", "UInt8", "256"),
        ("int64", "\"007\"", "Int64", "007"),
        ("float64", "1e999", "Float64", "1e999"),
        ("decimal128(10, 2)", "1.005", "Decimal128(10, 2)", "1.005"),
        (
            "date32",
            "\"2024-01-31T10:00:00\"",
            "Date32",
            "2024-01-31T10:00:00",
        ),
        (
            "timestamp(\"s\")",
            "\"2024-01-31T10:00:00.5\"",
            "Timestamp(s)",
            "2024-01-31T10:00:00.5",
        ),
        ("null", "5", "Null", "5"),
    ] {
        let text = format!("{}{{\"a\":{value}}}\n", "{\"a\":null}\n\n".repeat(10_000));
        let told = told("in.ndjson", &column("a", data_type), &text);
        let expected = format!(
            "in.ndjson`, line 20001: column `a` wants {wanted}, but there stands `{shown}`"
        );
        assert!(told.contains(&expected), "{told}");
    }
}

#[test]
fn the_line_is_that_of_the_file_in_every_piece_of_it() {
    let good = "{\"a\":1,\"text\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}\n".repeat(100_000);
    let told = told("in.ndjson", "", &format!("{good}{{\"a\":x}}\n"));
    assert!(told.contains("in.ndjson`, line 100001: "), "{told}");
}

#[test]
fn malformed_json_is_told_with_its_line() {
    for (name, text, line) in [
        ("in.ndjson", "{\"a\":1}\n{\"a\":2\n{\"a\":3}\n", 2),
        ("in.ndjson", "{\"a\":1}\n{\"a\":true}\n", 2),
        ("in.ndjson", "{\"a\":1}\n\n[1]\n", 3),
        ("in.json", "[\n{\"a\":1},\n{\"a\":\"x\"}\n]", 3),
        ("in.json", "[\n{\"a\":1}\n{\"a\":2}\n]", 3),
        ("in.json", "[\n{\"a\":1},\n", 3),
    ] {
        let told = told(name, &column("a", "int64"), text);
        assert!(told.contains(&format!("line {line}: ")), "{text}: {told}");
        assert!(
            told.contains(&format!("\"line\":\"{line}\"")),
            "{text}: {told}"
        );
        assert!(told.contains(name), "{told}");
    }
}

#[test]
fn a_column_that_inference_did_not_see_is_not_left_out() {
    let text = "{\"a\":1}\n{\"a\":2,\"b\":3}\n";
    let told = told("in.ndjson", "infer_rows = 1", text);
    assert!(told.contains("line 2: column `b` was in none"), "{told}");

    let project = copying(
        &format!("uri = \"in.ndjson\"\n{}", column("a", "int64")),
        "",
    );
    project.write("in.ndjson", text);
    project.run(&[]);
    assert!(project.parquet("out").contains("| 2 |"));
}

#[test]
fn numbers_and_texts_in_one_column_of_json_are_text() {
    let project = copying("uri = \"in.ndjson\"", "");
    project.write("in.ndjson", "{\"a\":1.50}\n{\"a\":\"x\"}\n{\"a\":true}\n");
    project.run(&[]);
    let table = project.parquet("out");
    for value in ["| 1.50 |", "| x    |", "| true |"] {
        assert!(table.contains(value), "{table}");
    }
}

#[test]
fn nested_json_is_read_exactly() {
    let project = copying("uri = \"in.ndjson\"", "");
    project.write(
        "in.ndjson",
        "{\"a\":[1,2],\"b\":{\"c\":1.5,\"d\":[{\"e\":9007199254740993}]}}\n{\"b\":null}\n",
    );
    project.run(&[]);
    let table = project.parquet("out");
    assert!(
        table.contains("[1, 2]") && table.contains("{c: 1.5, d: [{e: 9007199254740993}]}"),
        "{table}"
    );
    project.write(
        "in.ndjson",
        "{\"b\":{\"c\":[1]}}\n{\"b\":{\"c\":[1, \"x\"]}}\n",
    );
    let ended = project.sluice(&["head", "in.ndjson"]);
    assert!(ended.out.contains("[1, x]"), "{}{}", ended.out, ended.err);
}

#[test]
fn fat_rows_are_read_in_shorter_batches() {
    let project = copying("uri = \"in.csv\"", "format = \"csv\"");
    let fat = format!("1,\"{}\n\"\n", "x".repeat(30_000_000));
    let text = format!("a,b\n{}", fat.repeat(10));
    project.write("in.csv", &text);
    project.run(&["--threads", "1"]);
    let mut names = project.names();
    names.retain(|name| name.starts_with("out/") && name.ends_with(".csv"));
    let written = std::fs::read_to_string(project.path(&names[0])).unwrap();
    assert!(written == text, "{names:?}: {} bytes", written.len());
}

fn not_a_number() -> Vec<u8> {
    let a: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(f64::NAN)]));
    let rows = RecordBatch::try_from_iter([("a", a)]).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn what_json_cannot_hold_is_not_written_as_null() {
    let project = copying("uri = \"in.parquet\"", "format = \"ndjson\"");
    project.write("in.parquet", not_a_number());
    let ended = project.try_run(&[]);
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    assert!(
        ended.err.contains("column `a` is NaN or infinite in row 3"),
        "{}",
        ended.err
    );
}

fn arrow_of(column: ArrayRef) -> Vec<u8> {
    let rows = RecordBatch::try_from_iter([("strange", column)]).unwrap();
    let mut writer = FileWriter::try_new(Vec::new(), &rows.schema()).unwrap();
    writer.write(&rows).unwrap();
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn types_that_are_not_read_are_refused_by_column() {
    let fields = UnionFields::try_new([0], [Field::new("n", DataType::Int64, true)]).unwrap();
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let union = UnionArray::try_new(fields, vec![0].into(), None, vec![numbers]).unwrap();
    let runs = RunArray::<Int32Type>::try_new(
        &vec![1].into(),
        &StringArray::from(vec!["x"]) as &dyn Array,
    );
    for (column, name) in [
        (Arc::new(union) as ArrayRef, "Union"),
        (Arc::new(runs.unwrap()), "RunEndEncoded"),
    ] {
        let project = copying("uri = \"in.arrow\"", "");
        project.write("in.arrow", arrow_of(column));
        let ended = project.try_run(&["--json"]);
        assert_eq!(ended.code, Some(3), "{}", ended.err);
        assert!(
            ended.err.contains("column `strange` is of type") && ended.err.contains(name),
            "{}",
            ended.err
        );
    }
}

#[test]
fn a_damaged_page_of_parquet_is_told_with_its_file() {
    let project = copying("uri = \"in/\"\nformat = \"parquet\"", "");
    let good = not_a_number();
    project.write("in/1.parquet", &good);
    let mut damaged = good;
    damaged[4..40].fill(0xff);
    project.write("in/2.parquet", damaged);
    let ended = project.try_run(&[]);
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    assert!(ended.err.contains("in/2.parquet"), "{}", ended.err);
}
