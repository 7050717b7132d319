//! What the host hands out comes back the same.

use arrow::array::{Array, AsArray, StringArray, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema};
use proptest::prelude::*;

use super::arrays::{Dice, array, leaf_types};
use super::fields::field;
use super::{cases, hand_over, owned};
use crate::columns::{flatten, flatten_schema, parse_field};
use crate::limits::GuestLimits;

/// Slices a random array, hands it out and in again.
fn check(seed: u64, field: &Field, length: usize) {
    let mut dice = Dice(seed);
    let whole = array(&mut dice, field, length);
    let start = dice.below(length + 1);
    let rows = dice.below(length - start + 1);
    for part in [whole.slice(start, rows), whole.slice(0, 0), whole] {
        let back = hand_over(field, &owned(&part), part.len())
            .unwrap_or_else(|error| panic!("{field:?} {part:?}: {error}"));
        back.to_data().validate_full().unwrap();
        assert_eq!(back.data_type(), field.data_type());
        assert_eq!(&back, &part, "{field:?}");
    }
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn arrays_of_any_type_come_back_equal(seed: u64, depth in 0..4_usize, length in 0..70_usize) {
        let field = field(&mut Dice(seed), "x", depth);
        check(seed, &field, length);
    }

    #[test]
    fn schemas_of_any_type_come_back_equal(seed: u64, depth in 0..5_usize) {
        let field = field(&mut Dice(seed), "x", depth);
        let flat = flatten_schema(&Schema::new(vec![field.clone()])).unwrap();
        let back = parse_field(&flat, &GuestLimits::default()).unwrap();
        prop_assert_eq!(back.as_ref(), &field);
    }
}

#[test]
fn every_plain_type_comes_back_equal_with_and_without_nulls() {
    for data_type in leaf_types() {
        for seed in 0..20 {
            let nullable = data_type == DataType::Null || seed % 2 == 0;
            check(seed, &Field::new("x", data_type.clone(), nullable), 40);
        }
    }
}

#[test]
fn columns_of_a_schema_follow_each_other_in_pre_order() {
    let child = Field::new("item", DataType::Utf8, true);
    let schema = Schema::new(vec![
        Field::new("a", DataType::new_list(DataType::Int64, false), true),
        Field::new("b", DataType::Struct(vec![child].into()), false),
        Field::new_dictionary("c", DataType::Int8, DataType::Utf8, true),
    ]);
    let flat = flatten_schema(&schema).unwrap();
    let seen: Vec<_> = flat
        .iter()
        .map(|f| {
            (
                f.name.as_str(),
                f.format.as_str(),
                f.nullable,
                f.dictionary,
                f.children,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("a", "+l", true, false, 1),
            ("item", "l", false, false, 0),
            ("b", "+s", false, false, 1),
            ("item", "u", true, false, 0),
            ("c", "c", true, true, 1),
            ("values", "u", true, false, 0),
        ]
    );
}

#[test]
fn a_slice_without_nulls_has_no_validity_and_shares_its_values() {
    let whole: StringArray = ["a", "bc", "def"].into_iter().map(Some).collect();
    let flat = flatten(&whole.slice(0, 2)).unwrap();
    let [flat] = flat.as_slice() else {
        panic!("one array")
    };
    assert_eq!(flat.buffers[0].len(), 0);
    assert_eq!(flat.buffers[2].as_slice(), b"abc");
    assert_eq!(flat.buffers[2].as_ptr(), whole.values().as_ptr());
    assert_eq!(
        flat.buffers[1].as_ptr(),
        whole.offsets().inner().inner().as_ptr()
    );
}

#[test]
fn a_slice_beyond_the_first_value_starts_at_offset_zero() {
    let whole: StringArray = ["a", "bc", "def"].into_iter().map(Some).collect();
    let flat = flatten(&whole.slice(1, 2)).unwrap();
    assert_eq!(flat[0].buffers[1].typed_data::<i32>(), [0, 2, 5]);
    assert_eq!(flat[0].buffers[2].as_slice(), b"bcdef");
}

#[test]
fn views_that_use_little_of_their_data_are_compacted() {
    let long = "x".repeat(1_000);
    let whole: StringViewArray = (0..100).map(|_| Some(long.as_str())).collect();
    let part = whole.slice(50, 1);
    let flat = flatten(&part).unwrap();
    let bytes: usize = flat[0].buffers.iter().map(arrow::buffer::Buffer::len).sum();
    assert!(bytes < 2_000, "{bytes} bytes for one value of 1,000");
    let field = Field::new("x", DataType::Utf8View, false);
    let back = hand_over(&field, &owned(&part), 1).unwrap();
    assert_eq!(back.as_string_view().value(0), long);
    let whole_bytes: usize = flatten(&whole).unwrap()[0]
        .buffers
        .iter()
        .map(arrow::buffer::Buffer::len)
        .sum();
    assert!(whole_bytes >= 100_000);
}
