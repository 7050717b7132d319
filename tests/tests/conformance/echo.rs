//! Every type, into a guest and back.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use sluicegate::ErrorKind;

use crate::arrays::{Dice, array, leaf_types};
use crate::guest::{Guest, guests};

/// The document that says what each language supports.
const DOCUMENT: &str = "../guest-sdk/TYPES.md";

const HEAD: &str = "\
# Types

Which columns a transform can read and compute in each language, as the conformance suite sees it: every type goes into a guest and comes back
unchanged, with nulls and without, whole and as a slice. A type that a language does not know is refused by `bind`, with the column's name.
Written by `SLUICE_UPDATE=1 cargo test --release --workspace --test conformance`.

";

/// The types, nested ones included; each is tried with arrays drawn at random.
fn types() -> Vec<DataType> {
    let item = |data_type: DataType| Arc::new(Field::new("item", data_type, true));
    let pair = DataType::Struct(
        vec![
            Field::new("a", DataType::Int64, true),
            Field::new("b", DataType::Utf8, true),
        ]
        .into(),
    );
    let entries = DataType::Struct(
        vec![
            Field::new("key", DataType::Utf8, false),
            Field::new("value", DataType::Float64, true),
        ]
        .into(),
    );
    let mut types = leaf_types();
    types.extend([
        DataType::List(item(DataType::Int32)),
        DataType::LargeList(item(DataType::Utf8)),
        DataType::FixedSizeList(item(DataType::Float32), 3),
        DataType::List(item(DataType::List(item(DataType::Boolean)))),
        pair.clone(),
        DataType::List(item(pair)),
        DataType::Map(Arc::new(Field::new("entries", entries, false)), false),
        DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
        DataType::Dictionary(Box::new(DataType::UInt8), Box::new(DataType::Int64)),
    ]);
    types
}

#[test]
fn every_type_comes_back_unchanged_or_is_refused_by_name() {
    let mut table: BTreeMap<usize, Vec<bool>> = BTreeMap::new();
    let mut problems = Vec::new();
    for guest in guests() {
        for (row, data_type) in types().into_iter().enumerate() {
            let supported = echoes(guest, &data_type).unwrap_or_else(|problem| {
                problems.push(format!("{}: {data_type}: {problem}", guest.language));
                false
            });
            table.entry(row).or_default().push(supported);
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    compare(&table);
}

/// Whether a guest knows a type; an error where what it knows does not come back.
fn echoes(guest: &Guest, data_type: &DataType) -> Result<bool, String> {
    let mut dice = Dice(7);
    for nullable in [true, *data_type == DataType::Null] {
        let field = Field::new("column", data_type.clone(), nullable);
        let schema = Arc::new(Schema::new(vec![field.clone()]));
        for rows in [0, 1, 9, 300] {
            let whole = array(&mut dice, &field, rows + 20);
            for column in [whole.slice(0, rows), whole.slice(13, rows)] {
                let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column]);
                let batch = batch.map_err(|error| error.to_string())?;
                let run = match guest.mode("echo", &schema) {
                    Ok(run) => run,
                    Err(error) => return refused(&error, data_type),
                };
                let (_, made) = run.process(&batch).map_err(|error| error.to_string())?;
                let back = concat_batches(&schema, &made.batches);
                let back = back.map_err(|error| error.to_string())?;
                same(batch.column(0), back.column(0))?;
            }
        }
    }
    Ok(true)
}

fn refused(error: &sluicegate::Error, data_type: &DataType) -> Result<bool, String> {
    let text = error.to_string();
    if error.kind() == ErrorKind::Guest && text.contains("`column`") {
        return Ok(false);
    }
    Err(format!("{data_type} is refused by {text}"))
}

/// Whether both say the same. A dictionary may be another, and so may the bits of a NaN: what counts is
/// what a person reads.
fn same(before: &ArrayRef, after: &ArrayRef) -> Result<(), String> {
    if before == after {
        return Ok(());
    }
    let formats = FormatOptions::new().with_null("null").with_types_info(true);
    let read = |array: &ArrayRef| -> Result<Vec<String>, String> {
        let formatter = ArrayFormatter::try_new(array, &formats).map_err(|e| e.to_string())?;
        let rows = (0..array.len()).map(|row| formatter.value(row).try_to_string());
        rows.collect::<Result<_, _>>().map_err(|e| e.to_string())
    };
    let (before, after) = (read(before)?, read(after)?);
    match before
        .iter()
        .zip(&after)
        .position(|(before, after)| before != after)
    {
        None if before.len() == after.len() => Ok(()),
        None => Err(format!("{} rows became {}", before.len(), after.len())),
        Some(row) => Err(format!("row {row}: {} became {}", before[row], after[row])),
    }
}

/// Checks that the document says what was seen.
fn compare(table: &BTreeMap<usize, Vec<bool>>) {
    let languages: Vec<_> = guests().iter().map(|guest| guest.language).collect();
    let mut text = format!("{HEAD}| type | {} |\n", languages.join(" | "));
    writeln!(text, "| --- |{}", " --- |".repeat(languages.len())).unwrap();
    for (row, data_type) in types().iter().enumerate() {
        let cells = table[&row]
            .iter()
            .map(|known| if *known { "yes" } else { "no" });
        let cells: Vec<_> = cells.collect();
        writeln!(text, "| `{data_type}` | {} |", cells.join(" | ")).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT);
    if std::env::var_os("SLUICE_UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    if written.contains(&format!("| type | {} |", languages.join(" | "))) {
        assert_eq!(written, text, "write it again with SLUICE_UPDATE=1");
    } else {
        eprintln!("*** NOT COMPARED: {DOCUMENT} is about other languages ***");
    }
}
