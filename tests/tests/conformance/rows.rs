//! Which rows come out: passing, selecting, rejecting, several batches of one; and parameters.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    UInt32Array,
};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema};
use serde_json::json;
use sluicegate::sandbox::Level;

use crate::guest::for_each;

/// A number, whether to keep it, and text.
fn sample(rows: usize) -> RecordBatch {
    let count = i64::try_from(rows).unwrap();
    let x: Int64Array = (0..count).map(|n| (n % 5 != 4).then_some(n * 3)).collect();
    let keep: BooleanArray = (0..rows)
        .map(|n| (n % 7 != 6).then_some(n % 3 == 0))
        .collect();
    let text: StringArray = (0..rows)
        .map(|n| (n % 4 != 3).then(|| format!("é{n}")))
        .collect();
    let columns: [(&str, ArrayRef); 3] = [
        ("x", Arc::new(x)),
        ("keep", Arc::new(keep)),
        ("text", Arc::new(text)),
    ];
    let columns = columns
        .into_iter()
        .map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

/// Batches of many lengths, and one that starts within another.
fn samples() -> Vec<RecordBatch> {
    let mut samples: Vec<_> = [0, 1, 7, 8, 9, 64, 8192].map(sample).into();
    samples.push(sample(200).slice(13, 101));
    samples
}

fn kept(batch: &RecordBatch) -> Vec<u32> {
    let keep = batch.column(1).as_boolean();
    let rows = keep.iter().enumerate();
    rows.filter(|(_, keep)| *keep == Some(true))
        .map(|(row, _)| u32::try_from(row).unwrap())
        .collect()
}

fn taken(batch: &RecordBatch, rows: Vec<u32>) -> RecordBatch {
    take_record_batch(batch, &UInt32Array::from(rows)).unwrap()
}

#[test]
fn columns_pass() {
    for_each(|guest| {
        for batch in samples() {
            let run = guest.mode("pass", &batch.schema()).unwrap();
            assert!(run.is_stateless());
            let made = run.only(&batch);
            assert_eq!(
                concat_batches(&batch.schema(), &made.batches).unwrap(),
                batch
            );
        }
    });
}

#[test]
fn rows_are_filtered() {
    for_each(|guest| {
        for batch in samples() {
            let run = guest.mode("filter", &batch.schema()).unwrap();
            let schema = Arc::new(run.schema().clone());
            let made = concat_batches(&schema, &run.only(&batch).batches).unwrap();
            let rows = kept(&batch);
            let passed = made.project(&[0, 1, 2]).unwrap();
            assert_eq!(passed.columns(), taken(&batch, rows.clone()).columns());
            assert_eq!(*made.column(3).as_primitive(), UInt32Array::from(rows));
            assert_eq!(*schema.field(3), Field::new("row", DataType::UInt32, false));
        }
    });
}

#[test]
fn rows_are_taken_in_any_order_and_more_than_once() {
    for_each(|guest| {
        for batch in samples() {
            let made = guest.mode("take", &batch.schema()).unwrap().only(&batch);
            let count = u32::try_from(batch.num_rows()).unwrap();
            let mut rows: Vec<u32> = (0..count).rev().collect();
            if count > 0 {
                rows.extend([0; 3]);
            }
            let made = concat_batches(&batch.schema(), &made.batches).unwrap();
            assert_eq!(made, taken(&batch, rows));
        }
    });
}

#[test]
fn rows_are_rejected_with_their_reason() {
    for_each(|guest| {
        for batch in samples() {
            let made = guest.mode("reject", &batch.schema()).unwrap().only(&batch);
            let kept = kept(&batch);
            let lost =
                (0..u32::try_from(batch.num_rows()).unwrap()).filter(|row| !kept.contains(row));
            let lost: Vec<_> = lost
                .map(|row| (row as usize, format!("row {row}")))
                .collect();
            assert_eq!(made.rejected, lost);
            let made = concat_batches(&batch.schema(), &made.batches).unwrap();
            assert_eq!(made, taken(&batch, kept));
        }
    });
}

#[test]
fn a_batch_may_become_many() {
    for_each(|guest| {
        let batch = sample(20);
        let made = guest.mode("many", &batch.schema()).unwrap().only(&batch);
        assert_eq!(made.batches.len(), 20);
        assert_eq!(
            concat_batches(&batch.schema(), &made.batches).unwrap(),
            batch
        );
    });
}

#[test]
fn numbers_are_computed() {
    for_each(|guest| {
        for rows in [0_u32, 1, 9, 65_536] {
            let a: Int64Array = (0..rows)
                .map(|n| (n % 3 != 1).then_some(i64::from(n) - 7))
                .collect();
            let b: Float64Array = (0..rows)
                .map(|n| (n % 4 != 1).then_some(f64::from(n) / 8.0))
                .collect();
            let plus: (Int64Array, Float64Array) = (
                a.iter().map(|a| a.map(|a| a + 1)).collect(),
                b.iter().map(|b| b.map(|b| b + 1.0)).collect(),
            );
            let columns: [(&str, ArrayRef); 2] = [("a", Arc::new(a)), ("b", Arc::new(b))];
            let columns = columns
                .into_iter()
                .map(|(name, column)| (name, column, true));
            let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
            let made = guest.mode("add-one", &batch.schema()).unwrap().only(&batch);
            let made = concat_batches(&batch.schema(), &made.batches).unwrap();
            assert_eq!(*made.column(0).as_primitive(), plus.0);
            assert_eq!(*made.column(1).as_primitive(), plus.1);
        }
    });
}

#[test]
fn parameters_have_types_and_defaults() {
    let schema = sample(0).schema();
    let told = |params: serde_json::Value, expected: &str| {
        for_each(|guest| {
            let batch = sample(2);
            let made = guest.bind(&params, &schema).unwrap().only(&batch);
            let column = made.batches[0].column(3).as_string::<i32>();
            assert_eq!(column.value(1), expected);
            assert_eq!(column.len(), 2);
        });
    };
    told(
        json!({ "mode": "params", "text": "a\"é", "whole": -3 }),
        r#"{"text":"a\"é","whole":-3,"real":1.5,"flag":false,"list":[]}"#,
    );
    told(
        json!({ "mode": "params", "text": "", "whole": 9_007_199_254_740_991_i64, "real": 0.25, "flag": true, "list": ["x", "y z"] }),
        r#"{"text":"","whole":9007199254740991,"real":0.25,"flag":true,"list":["x","y z"]}"#,
    );
}

#[test]
fn wrong_parameters_are_named() {
    let schema = Schema::empty();
    let named = |params: serde_json::Value, name: &str| {
        for_each(|guest| {
            let Err(error) = guest.bind(&params, &schema) else {
                panic!("{params} was taken")
            };
            let text = error.to_string();
            assert!(text.contains(&format!("`{name}`")), "{text}");
        });
    };
    named(json!({ "mode": "params", "whole": 1 }), "text");
    named(
        json!({ "mode": "params", "text": "", "whole": "1" }),
        "whole",
    );
    named(
        json!({ "mode": "params", "text": "", "whole": 1.5 }),
        "whole",
    );
    named(
        json!({ "mode": "params", "text": "", "whole": 1, "list": [1] }),
        "list",
    );
    named(
        json!({ "mode": "params", "text": "", "whole": 1, "colour": 1 }),
        "colour",
    );
    named(json!({ "mode": "fly" }), "fly");
}

#[test]
fn messages_keep_their_level() {
    for_each(|guest| {
        let run = guest.mode("log", &sample(0).schema()).unwrap();
        let said: Vec<_> = run.logs.take();
        let levels = [
            Level::Trace,
            Level::Debug,
            Level::Info,
            Level::Warn,
            Level::Error,
        ];
        let expected: Vec<_> = levels.map(|level| (level, "hello".to_owned())).into();
        assert_eq!(said, expected);
    });
}
