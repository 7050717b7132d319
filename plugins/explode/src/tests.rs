use std::sync::Arc;

use sluicegate_guest::array::cast::AsArray;
use sluicegate_guest::array::types::Int64Type;
use sluicegate_guest::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use sluicegate_guest::harness::Harness;

use super::*;

fn films() -> RecordBatch {
    let genres = vec![
        Some("Drama, War"),
        Some("Comedy"),
        None,
        Some(" ,"),
        Some(""),
    ];
    let columns: [(&str, ArrayRef); 2] = [
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3, 4, 5]))),
        ("genres", Arc::new(StringArray::from(genres))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))
        .unwrap()
}

fn exploded(batch: &RecordBatch, params: &str, column: &str) -> Vec<(i64, Option<String>)> {
    let output = Harness::<Explode>::new(&batch.schema(), params)
        .unwrap()
        .process(batch)
        .unwrap()
        .batch;
    let parts = output[column]
        .as_string::<i32>()
        .iter()
        .map(|part| part.map(str::to_owned));
    output["id"]
        .as_primitive::<Int64Type>()
        .values()
        .iter()
        .copied()
        .zip(parts)
        .collect()
}

fn row(id: i64, part: &str) -> (i64, Option<String>) {
    (id, Some(part.to_owned()))
}

#[test]
fn each_part_becomes_a_row_and_empty_ones_none() {
    let rows = exploded(&films(), r#"{"column": "genres"}"#, "genres");
    assert_eq!(rows, [row(1, "Drama"), row(1, "War"), row(2, "Comedy")]);
}

#[test]
fn white_space_empty_parts_and_nulls_can_be_kept() {
    let rows = exploded(
        &films(),
        r#"{"column": "genres", "trim": false, "drop_empty": false}"#,
        "genres",
    );
    let expected = [
        row(1, "Drama"),
        row(1, " War"),
        row(2, "Comedy"),
        (3, None),
        row(4, " "),
        row(4, ""),
        row(5, ""),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn parts_can_have_a_column_of_their_own() {
    let rows = exploded(
        &films(),
        r#"{"column": "genres", "as": "genre", "separator": "a, "}"#,
        "genre",
    );
    assert_eq!(
        rows,
        [row(1, "Dram"), row(1, "War"), row(2, "Comedy"), row(4, ",")]
    );
    let fault = Harness::<Explode>::new(&films().schema(), r#"{"column": "genres", "as": "id"}"#)
        .unwrap_err();
    assert_eq!(fault.message(), "the output would have two columns `id`");
}

#[test]
fn more_parts_than_a_batch_holds_keep_their_order() {
    let many = (0..100_000)
        .map(|part| part.to_string())
        .collect::<Vec<_>>()
        .join(",");
    let columns: [(&str, ArrayRef); 2] = [
        ("id", Arc::new(Int64Array::from(vec![1, 2]))),
        ("text", Arc::new(StringArray::from(vec![&*many, "x"]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let rows = exploded(&batch, r#"{"column": "text"}"#, "text");
    let expected: Vec<_> = (0..100_000)
        .map(|part: i32| row(1, &part.to_string()))
        .chain([row(2, "x")])
        .collect();
    assert!(rows == expected);
}

#[test]
fn an_empty_separator_and_a_missing_column_are_refused() {
    let refusal = |params| {
        Harness::<Explode>::new(&films().schema(), params)
            .unwrap_err()
            .message()
            .to_owned()
    };
    assert_eq!(
        refusal(r#"{"column": "genres", "separator": ""}"#),
        "parameter `separator` is empty"
    );
    assert_eq!(
        refusal("{}"),
        "parameter `column` is missing; the application must set it"
    );
    assert!(refusal(r#"{"column": "genre"}"#).contains("did you mean `genres`?"));
}
