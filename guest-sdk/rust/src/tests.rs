//! What an author and the person who runs a transform notice.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, Float64Array, Int32Array,
    Int64Array, RecordBatch, StringArray, StringViewArray, types::Int32Type,
};
use arrow_schema::{DataType, Field, Schema};
use serde::Deserialize;

use crate::harness::{Harness, Rejection};
use crate::log::Level;
use crate::{Batch, Column, Fault, Filter, Labels, Numbers, Output, Plan, Text, Transform, rows};

const SIZES: Labels<2> = Labels::new(["small", "large"]);

#[derive(Deserialize)]
struct Params {
    min: f64,
    #[serde(default)]
    how: How,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum How {
    #[default]
    Filter,
    Take,
    Reject,
    TooShort,
    WrongType,
}

struct Sizes {
    amount: Column<Numbers>,
    name: Column<Text>,
    params: Params,
    n_rows: usize,
}

impl Transform for Sizes {
    type Params = Params;

    fn bind(plan: &mut Plan, params: Params) -> Result<Self, Fault> {
        let (amount, name) = (plan.read("amount")?, plan.read("name")?);
        plan.pass_all_but(&["secret"])
            .compute(Field::new("size", DataType::Utf8, true))
            .replace(Field::new("name", DataType::Utf8, true));
        Ok(Self {
            amount,
            name,
            params,
            n_rows: 0,
        })
    }

    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Fault> {
        self.n_rows += batch.n_rows();
        let (amounts, names) = (batch.column(self.amount), batch.column(self.name));
        let kept = Filter::by(&amounts, |amount| amount >= self.params.min);
        let sizes = SIZES.column_of(&amounts, &kept, |amount| usize::from(amount >= 100.0));
        match self.params.how {
            How::Filter => {
                let upper = kept.map(&names, str::to_uppercase);
                out.filter(&kept, &[&sizes, &upper])
            }
            How::Take => {
                let rows = vec![1, 1, 0];
                out.take(
                    rows,
                    &[
                        &StringArray::from(vec!["a", "b", "c"]),
                        &StringArray::new_null(3),
                    ],
                )
            }
            How::Reject => {
                crate::warn!("{} rows dropped", kept.n_rows() - kept.n_selected());
                (0..batch.n_rows())
                    .filter(|row| !kept.contains(*row))
                    .for_each(|row| out.reject(row, "too small"));
                out.filter(&kept, &[&sizes, &kept.map(&names, str::to_owned)])
            }
            How::TooShort => out.filter(&kept, &[&sizes, &StringArray::new_null(0)]),
            How::WrongType => out.all(&[
                &Int64Array::new_null(batch.n_rows()),
                &StringArray::new_null(batch.n_rows()),
            ]),
        }
    }
}

crate::export!(Sizes);

fn batch() -> RecordBatch {
    let names = [
        Some("ann"),
        None,
        Some("a name that is longer than a view"),
        Some("dan"),
    ];
    let columns: [(&str, ArrayRef); 3] = [
        ("name", Arc::new(StringViewArray::from_iter(names))),
        ("secret", Arc::new(Int32Array::from(vec![1, 2, 3, 4]))),
        (
            "amount",
            Arc::new(Float64Array::from(vec![
                Some(5.0),
                Some(10.0),
                Some(100.0),
                None,
            ])),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))
        .unwrap()
}

fn harness(params: &str) -> Result<Harness<Sizes>, Fault> {
    Harness::new(&batch().schema(), params)
}

fn invalid(params: &str) -> String {
    match harness(params) {
        Err(Fault::Invalid(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_filter_keeps_rows_and_columns_in_their_order() {
    let mut harness = harness(r#"{"min": 10}"#).unwrap();
    assert_eq!(harness.reads(), ["amount", "name"]);
    assert!(!harness.is_stateless());
    let batch = harness.process(&batch()).unwrap().batch;
    let names: Vec<_> = batch
        .schema_ref()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(names, ["name", "amount", "size"]);
    let names: Vec<_> = batch.column(0).as_string::<i32>().iter().collect();
    assert_eq!(names, [None, Some("A NAME THAT IS LONGER THAN A VIEW")]);
    let sizes: Vec<_> = batch
        .column(2)
        .as_string::<i32>()
        .iter()
        .flatten()
        .collect();
    assert_eq!(sizes, ["small", "large"]);
}

#[test]
fn taken_rows_may_repeat() {
    let outcome = harness(r#"{"min": 0, "how": "take"}"#)
        .unwrap()
        .process(&batch())
        .unwrap();
    assert_eq!(
        outcome.batch["amount"].as_ref(),
        &Float64Array::from(vec![10.0, 10.0, 5.0]) as &dyn Array
    );
}

#[test]
fn rejections_and_messages_arrive() {
    let outcome = harness(r#"{"min": 10, "how": "reject"}"#)
        .unwrap()
        .process(&batch())
        .unwrap();
    let rejection = |row| Rejection {
        row,
        reason: "too small".to_owned(),
    };
    assert_eq!(outcome.rejections, [rejection(0), rejection(3)]);
    assert_eq!(
        outcome.messages,
        [(Level::Warn, "2 rows dropped".to_owned())]
    );
}

#[test]
fn an_empty_batch_and_finish_emit_nothing() {
    let mut harness = harness(r#"{"min": 0}"#).unwrap();
    assert_eq!(
        harness
            .process(&batch().slice(0, 0))
            .unwrap()
            .batch
            .num_rows(),
        0
    );
    assert_eq!(harness.finish().unwrap().batch.num_rows(), 0);
}

#[test]
fn an_unknown_parameter_lists_those_that_exist() {
    let message = invalid(r#"{"min": 0, "hwo": "take"}"#);
    assert_eq!(
        message,
        "parameter `hwo` is not known; did you mean `how`? there are `min`, `how`"
    );
}

#[test]
fn a_parameter_of_the_wrong_type_or_missing_is_named() {
    assert_eq!(
        invalid(r#"{"min": "ten"}"#),
        "parameter `min`: invalid type: string \"ten\", expected f64"
    );
    assert_eq!(
        invalid("{}"),
        "parameter `min` is missing; the application must set it"
    );
    assert!(
        invalid(r#"{"min": 1, "how": "maybe"}"#)
            .starts_with("parameter `how`: unknown variant `maybe`")
    );
    assert!(invalid("[]").starts_with("parameters are not a JSON object"));
}

#[test]
fn a_missing_column_lists_those_that_exist() {
    let schema = Schema::new(vec![Field::new("ammount", DataType::Float64, true)]);
    let fault = Harness::<Sizes>::new(&schema, r#"{"min": 0}"#).unwrap_err();
    assert_eq!(
        fault.message(),
        "the input has no column `amount`; did you mean `ammount`? there are `ammount`"
    );
}

#[test]
fn a_column_of_another_type_says_what_was_expected() {
    let schema = Schema::new(vec![Field::new("amount", DataType::Utf8, true)]);
    let fault = Harness::<Sizes>::new(&schema, r#"{"min": 0}"#).unwrap_err();
    assert_eq!(
        fault.message(),
        "column `amount` is of type Utf8, expected a number"
    );
}

#[test]
fn wrong_columns_are_faults_and_not_traps() {
    let process = |params| harness(params).unwrap().process(&batch()).unwrap_err();
    let short = process(r#"{"min": 10, "how": "tooshort"}"#);
    assert_eq!(
        short.message(),
        "column `name` has 0 values for 2 selected rows"
    );
    let wrong = process(r#"{"min": 10, "how": "wrongtype"}"#);
    assert_eq!(
        wrong.message(),
        "column `size` is of type Int64, the plan says Utf8"
    );
}

#[test]
fn the_first_mistake_of_a_plan_is_told() {
    let plan = |build: fn(&mut Plan)| {
        let mut plan = Plan::new(batch().schema().as_ref().clone());
        build(&mut plan);
        plan.checked().unwrap_err().message().to_owned()
    };
    let twice = plan(|plan| {
        plan.pass_all()
            .compute(Field::new("name", DataType::Utf8, true))
            .pass("nowhere");
    });
    assert_eq!(twice, "the output would have two columns `name`");
    let unknown = plan(|plan| {
        plan.pass_all_but(&["secrt"]);
    });
    assert!(unknown.contains("did you mean `secret`?"), "{unknown}");
    let replaced = plan(|plan| {
        plan.replace(Field::new("name", DataType::Utf8, true));
    });
    assert_eq!(
        replaced,
        "column `name` is not passed through, so it cannot be replaced"
    );
}

#[test]
fn filters_of_any_length_agree_with_their_rows() {
    for n_rows in [0_usize, 1, 7, 8, 9, 63, 64, 65, 1000] {
        let values: Float64Array = (0_u32..)
            .take(n_rows)
            .map(|row| (row % 5 != 0).then(|| f64::from(row % 7)))
            .collect();
        let filter = Filter::by(&values, |value| value >= 3.0);
        let expected: Vec<_> = (0..n_rows)
            .filter(|row| values.is_valid(*row) && values.value(*row) >= 3.0)
            .collect();
        assert_eq!(filter.rows().collect::<Vec<_>>(), expected);
        assert_eq!(filter.n_selected(), expected.len());
        let labels = SIZES.column_of(&values, &filter, |value| usize::from(value >= 5.0));
        let expected: StringArray = expected
            .iter()
            .map(|row| {
                Some(if values.value(*row) >= 5.0 {
                    "large"
                } else {
                    "small"
                })
            })
            .collect();
        assert_eq!(labels, expected);
        labels.to_data().validate_full().unwrap();
    }
}

#[test]
fn functions_of_rows_see_each_row_that_survives_and_no_null() {
    use rows::nullable;
    for n_rows in [0_u32, 1, 7, 8, 9, 63, 64, 65, 1000] {
        let ints = |step: u32| -> Int64Array {
            let value = |row: u32| (!row.is_multiple_of(step)).then(|| i64::from(row));
            (0..n_rows).map(value).collect()
        };
        // The last column ends before the others: what it lacks is null.
        let (a, b, c) = (ints(19), ints(23), ints(11).slice(0, n_rows as usize / 2));
        let kept: Vec<u32> = (0..n_rows).filter(|row| row % 37 != 3).collect();
        let filter: Filter = (0..n_rows).map(|row| row % 37 != 3).collect();
        let value = |column: &Int64Array, row: u32| {
            let row = row as usize;
            (row < column.len() && column.is_valid(row)).then(|| column.value(row))
        };
        let expect = |f: &dyn Fn(u32) -> Option<i64>| -> Int64Array {
            kept.iter().map(|row| f(*row)).collect()
        };
        let odd = |sum: i64| (sum % 2 == 1).then_some(sum);
        assert_eq!(
            filter.map(&a, odd),
            expect(&|row| value(&a, row).and_then(odd))
        );
        let pair = |row| Some(value(&a, row)? + value(&b, row)?);
        assert_eq!(filter.map2(&a, &b, |a, b| a + b), expect(&pair));
        let triple = |row| Some(pair(row)? + value(&c, row)?);
        assert_eq!(
            filter.map3(&a, &b, &c, |a, b, c| a + b + c),
            expect(&triple)
        );
        let lacking = filter.map(&nullable(&a), |value| value.is_none());
        let expected = kept.iter().map(|row| value(&a, *row).is_none());
        assert_eq!(lacking, expected.map(Some).collect::<BooleanArray>());
        let texts = filter.map2(&a, &b, |a, b| (a < 500).then(|| format!("{a} {b}")));
        let text = |row: &u32| {
            let (a, b) = (value(&a, *row)?, value(&b, *row)?);
            (a < 500).then(|| format!("{a} {b}"))
        };
        assert_eq!(texts, kept.iter().map(text).collect::<StringArray>());
        let labels = SIZES.column(&filter, |row| a.is_valid(row).then_some(row % 2));
        let label = |row: &u32| value(&a, *row).map(|_| ["small", "large"][(row % 2) as usize]);
        assert_eq!(labels, kept.iter().map(label).collect::<StringArray>());
    }
}

#[test]
fn a_label_of_a_null_value_is_null() {
    let values = Int64Array::from(vec![Some(1), None, Some(0)]);
    let labels = SIZES.column_of(&values, &Filter::all(3), |value| {
        usize::try_from(value).unwrap_or(0)
    });
    assert_eq!(
        labels,
        StringArray::from(vec![Some("large"), None, Some("small")])
    );
    let labels = SIZES.column(&Filter::all(3), |row| (row != 0).then_some(row));
    assert_eq!(
        labels,
        StringArray::from(vec![None, Some("large"), Some("large")])
    );
}

#[test]
fn a_null_in_a_boolean_array_keeps_no_row() {
    let rows = BooleanArray::from(vec![Some(true), None, Some(false)]);
    assert_eq!(Filter::from(&rows).rows().collect::<Vec<_>>(), [0]);
}

#[test]
fn numbers_and_text_have_many_types() {
    use crate::Readable;
    let decimals = Decimal128Array::from(vec![150, 25])
        .with_precision_and_scale(5, 2)
        .unwrap();
    assert_eq!(
        Numbers::from_data(decimals.to_data()).unwrap().values(),
        &[1.5, 0.25]
    );
    let integers = Int32Array::from(vec![Some(3), None]);
    assert_eq!(
        *Numbers::from_data(integers.to_data()).unwrap(),
        Float64Array::from(vec![Some(3.0), None])
    );
    let dictionary: DictionaryArray<Int32Type> = [Some("x"), None, Some("y"), Some("x")]
        .into_iter()
        .collect();
    let text = Text::from_data(dictionary.slice(1, 3).to_data()).unwrap();
    assert_eq!(
        text.iter().collect::<Vec<_>>(),
        [None, Some("y"), Some("x")]
    );
    assert_eq!(
        rows::map(&text, |text| text == "x"),
        BooleanArray::from(vec![None, Some(false), Some(true)])
    );
}
