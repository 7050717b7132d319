//! The mistakes that authors of plugins make most, and what they are told.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use insta::assert_snapshot;

use super::{OwnedArray, hand_over};
use crate::Error;
use crate::columns::{FlatField, Selection, flatten_schema, parse_field};
use crate::limits::GuestLimits;

fn declared(fields: &[(&str, &str, u32)]) -> Error {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, format, children)| FlatField {
            name: (*name).to_owned(),
            format: (*format).to_owned(),
            nullable: true,
            children: *children,
            ..FlatField::default()
        })
        .collect();
    parse_field(&fields, &GuestLimits::default()).unwrap_err()
}

fn handed(data_type: DataType, nullable: bool, rows: usize, arrays: &[OwnedArray]) -> Error {
    let field = Field::new("amount", data_type, nullable);
    hand_over(&field, arrays, rows).unwrap_err()
}

#[test]
fn a_schema_that_cannot_be_carried() {
    let item = Arc::new(Field::new("item", DataType::Int8, true));
    let schema = Schema::new(vec![Field::new("tags", DataType::ListView(item), true)]);
    assert_snapshot!(flatten_schema(&schema).unwrap_err(), @"column `tags` cannot be given to a transform: field `tags` is of type `ListView`");
}

#[test]
fn a_format_that_is_a_name_of_a_type() {
    assert_snapshot!(declared(&[("amount", "int64", 0)]), @"the transform broke the contract: column `amount`: format `int64` cannot be used: it is not known");
}

#[test]
fn a_nested_type_without_its_children() {
    assert_snapshot!(declared(&[("tags", "+l", 0)]), @"the transform broke the contract: column `tags`: format `+l` has 1 children, but 0 are declared");
}

#[test]
fn two_columns_declared_as_one() {
    assert_snapshot!(declared(&[("a", "l", 0), ("b", "l", 0)]), @"the transform broke the contract: column `a`: 1 fields follow its last child");
}

#[test]
fn a_column_of_the_wrong_length() {
    let arrays = [OwnedArray::new(3, 0, &[&[], &[0; 24]])];
    assert_snapshot!(handed(DataType::Int64, true, 4, &arrays), @"the transform broke the contract: column `amount`: its array has 3 values, but must have 4");
}

#[test]
fn values_of_the_wrong_width() {
    let arrays = [OwnedArray::new(4, 0, &[&[], &[0; 16]])];
    assert_snapshot!(handed(DataType::Int64, true, 4, &arrays), @"the transform broke the contract: column `amount`: its values buffer has 16 bytes, but 32 are needed");
}

#[test]
fn a_validity_bitmap_that_was_left_out() {
    let arrays = [OwnedArray::new(4, 0, &[&[0; 32]])];
    assert_snapshot!(handed(DataType::Int64, true, 4, &arrays), @"the transform broke the contract: column `amount`: its array has 1 buffers, but must have 2: validity, values");
}

#[test]
fn a_null_count_that_was_guessed() {
    let arrays = [OwnedArray::new(4, 1, &[&[0b1001], &[0; 32]])];
    assert_snapshot!(handed(DataType::Int64, true, 4, &arrays), @"the transform broke the contract: column `amount`: its null count is 1, but 2 values are null");
}

#[test]
fn nulls_in_a_column_declared_without() {
    let arrays = [OwnedArray::new(4, 2, &[&[0b1001], &[0; 32]])];
    assert_snapshot!(handed(DataType::Int64, false, 4, &arrays), @"the transform broke the contract: column `amount`: it holds nulls, but is declared as not nullable");
}

#[test]
fn one_offset_too_few() {
    let arrays = [OwnedArray::new(2, 0, &[&[], &[0; 8], b"ab"])];
    assert_snapshot!(handed(DataType::Utf8, true, 2, &arrays), @"the transform broke the contract: column `amount`: its offsets buffer has 8 bytes, but 12 are needed");
}

#[test]
fn a_filter_with_too_few_bits() {
    assert_snapshot!(Selection::filter(&[0xFF; 4], 100).unwrap_err(), @"the transform broke the contract: the filter has 4 bytes, but 100 rows need 13");
}

#[test]
fn every_one_of_them_says_who_can_mend_it() {
    let error = declared(&[("a", "x", 0)]);
    assert_snapshot!(error.hints().join("; "), @"this is a mistake in the plugin, not in the data: report it to the plugin's author");
}
