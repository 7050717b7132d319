//! Rows that a guest selects, of columns that it never sees.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type};
use proptest::prelude::*;

use super::arrays::{Dice, array};
use super::cases;
use super::fields::field;
use crate::columns::{Selection, unpacked_bytes};
use crate::error::ErrorKind;

fn numbers(rows: i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(0..rows))
}

fn le(indices: &[u32]) -> Vec<u8> {
    indices
        .iter()
        .flat_map(|index| index.to_le_bytes())
        .collect()
}

fn kept(selection: &Selection, column: &ArrayRef) -> Vec<i64> {
    selection
        .apply(column)
        .unwrap()
        .as_primitive::<Int64Type>()
        .values()
        .to_vec()
}

#[test]
fn a_filter_keeps_rows_whose_bit_is_set_least_significant_first() {
    let selection = Selection::filter(&[0b0000_0101, 0b1111_1110], 9).unwrap();
    assert_eq!(selection.len(9), 2);
    assert_eq!(kept(&selection, &numbers(9)), [0, 2]);
}

#[test]
fn a_filter_that_keeps_all_passes_columns_untouched() {
    let selection = Selection::filter(&[0xFF, 0xFF], 9).unwrap();
    assert!(matches!(selection, Selection::All));
    let column = numbers(9);
    let passed = selection.apply(&column).unwrap();
    assert!(Arc::ptr_eq(&passed, &column));
}

#[test]
fn a_filter_with_too_few_bits_is_refused() {
    let error = Selection::filter(&[0xFF], 9).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Trap);
    assert_eq!(
        error.to_string(),
        "the transform broke the contract: the filter has 1 bytes, but 9 rows need 2"
    );
}

#[test]
fn rows_are_taken_in_any_order_and_number() {
    let selection = Selection::take(&le(&[2, 0, 2]), 3).unwrap();
    assert_eq!(selection.len(3), 3);
    assert_eq!(kept(&selection, &numbers(3)), [2, 0, 2]);
    let none = Selection::take(&[], 0).unwrap();
    assert_eq!(none.len(0), 0);
    assert!(kept(&none, &numbers(0)).is_empty());
}

#[test]
fn indices_out_of_range_or_cut_are_refused() {
    for (bytes, rows, why) in [
        (
            le(&[0, 3]),
            3,
            "row 3 is to be taken from a batch of 3 rows",
        ),
        (
            le(&[u32::MAX]),
            3,
            "row 4294967295 is to be taken from a batch of 3 rows",
        ),
        (le(&[0]), 0, "row 0 is to be taken from a batch of 0 rows"),
        (
            vec![0; 5],
            3,
            "the indices to take are 5 bytes, not a multiple of 4",
        ),
    ] {
        let error = Selection::take(&bytes, rows).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Trap);
        assert_eq!(
            error.to_string(),
            format!("the transform broke the contract: {why}")
        );
    }
}

#[test]
fn a_large_row_that_is_taken_often_is_counted_and_refused() {
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(1 << 20), "y".to_owned()]));
    let often = Selection::take(&le(&vec![0; 4_096]), 2).unwrap();
    let bytes = often.selected_bytes(std::slice::from_ref(&text));
    assert_eq!(bytes, 4_096 * ((1 << 20) + 4));
    let error = often.apply(&text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Trap);
    assert_eq!(
        error.to_string(),
        "the transform broke the contract: taking 4096 rows makes more than 2147483647 bytes of one column"
    );
    let small = Selection::take(&le(&vec![1; 4_096]), 2).unwrap();
    assert_eq!(small.apply(&text).unwrap().len(), 4_096);
}

#[test]
fn a_column_of_another_batch_is_an_internal_error() {
    for selection in [
        Selection::filter(&[1], 8).unwrap(),
        Selection::take(&le(&[7]), 8).unwrap(),
    ] {
        assert_eq!(
            selection.apply(&numbers(3)).unwrap_err().kind(),
            ErrorKind::Internal
        );
    }
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn selected_rows_are_those_of_the_column(seed: u64, depth in 0..3_usize, rows in 1..40_usize) {
        let mut dice = Dice(seed);
        let drawn = [field(&mut dice, "x", depth), Field::new("y", DataType::Int64, true)];
        let columns: Vec<_> = drawn.iter().map(|field| array(&mut dice, field, rows)).collect();
        let bits = dice.bytes(rows.div_ceil(8));
        let expected: Vec<u32> = (0..u32::try_from(rows).unwrap())
            .filter(|row| bits[*row as usize / 8] >> (row % 8) & 1 == 1)
            .collect();
        let filter = Selection::filter(&bits, rows).unwrap();
        let take = Selection::take(&le(&expected), rows).unwrap();
        for selection in [filter, take] {
            prop_assert_eq!(selection.len(rows), expected.len());
            let selected = selection.apply_all(&columns).unwrap();
            for (selected, column) in selected.iter().zip(&columns) {
                prop_assert_eq!(selected.len(), expected.len());
                for (at, row) in expected.iter().enumerate() {
                    prop_assert_eq!(&selected.slice(at, 1), &column.slice(*row as usize, 1));
                }
                if matches!(selection, Selection::Take(_)) {
                    let taken = selection.selected_bytes(std::slice::from_ref(column));
                    let whole = unpacked_bytes(column);
                    prop_assert!(taken <= whole, "{} of {}", taken, whole);
                }
            }
        }
    }
}
