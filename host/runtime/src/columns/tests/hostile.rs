//! Arrays made by hand to break one rule each.

use std::sync::Arc;

use arrow::array::Array;
use arrow::datatypes::{DataType, Field, Fields};

use super::{OwnedArray, hand_over};
use crate::error::ErrorKind;

fn le<const N: usize>(values: [i32; N]) -> Vec<u8> {
    values.into_iter().flat_map(i32::to_le_bytes).collect()
}

fn le64<const N: usize>(values: [i64; N]) -> Vec<u8> {
    values.into_iter().flat_map(i64::to_le_bytes).collect()
}

/// A view of a text that is in a data buffer.
fn view(length: u32, prefix: [u8; 4], buffer: u32, offset: u32) -> Vec<u8> {
    [
        length.to_le_bytes(),
        prefix,
        buffer.to_le_bytes(),
        offset.to_le_bytes(),
    ]
    .concat()
}

fn array(length: u32, null_count: u32, buffers: &[&[u8]]) -> OwnedArray {
    OwnedArray::new(length, null_count, buffers)
}

fn child(name: &str, data_type: DataType, nullable: bool) -> Arc<Field> {
    Arc::new(Field::new(name, data_type, nullable))
}

#[track_caller]
fn refused(field: &Field, rows: usize, arrays: &[OwnedArray], why: &str) {
    let error = hand_over(field, arrays, rows).expect_err(why);
    assert_eq!(error.kind(), ErrorKind::Trap);
    let text = error.to_string();
    let start = format!(
        "the transform broke the contract: column `{}`: ",
        field.name()
    );
    assert_eq!(text.strip_prefix(&start), Some(why), "{text}");
}

#[track_caller]
fn accepted(field: &Field, rows: usize, arrays: &[OwnedArray]) {
    let built = hand_over(field, arrays, rows).unwrap();
    built.to_data().validate_full().unwrap();
    assert_eq!(built.len(), rows);
}

#[test]
fn offsets_that_leave_their_values_are_refused() {
    let text = Field::new("t", DataType::Utf8, true);
    let large = Field::new("t", DataType::LargeBinary, true);
    let two = |offsets: &[u8], values: &[u8]| [array(2, 0, &[&[], offsets, values])];
    accepted(&text, 2, &two(&le([0, 1, 3]), b"abc"));
    accepted(&text, 2, &two(&le([1, 1, 3]), b"abc"));
    let cases: [(&Field, Vec<u8>, &str); 6] = [
        (
            &text,
            le([0, 2, 1]),
            "value 1 ends before it starts: its offsets decrease",
        ),
        (&text, le([-1, 1, 3]), "its first offset is -1, below zero"),
        (
            &text,
            le([0, 1, 4]),
            "its values buffer has 3 bytes, but 4 are needed",
        ),
        (
            &text,
            le([0, 1, i32::MAX]),
            "its values buffer has 3 bytes, but 2147483647 are needed",
        ),
        (
            &text,
            le([0, 1]),
            "its offsets buffer has 8 bytes, but 12 are needed",
        ),
        (
            &large,
            le64([0, 1, i64::MAX]),
            "its values buffer has 3 bytes, but 9223372036854775807 are needed",
        ),
    ];
    for (field, offsets, why) in cases {
        refused(field, 2, &two(&offsets, b"abc"), why);
    }
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let text = Field::new("t", DataType::Utf8, true);
    let two = |offsets: [i32; 3], values: &[u8]| [array(2, 0, &[&[], &le(offsets), values])];
    accepted(&text, 2, &two([0, 2, 3], "éa".as_bytes()));
    refused(
        &text,
        2,
        &two([0, 1, 3], "éa".as_bytes()),
        "value 1 starts within a character",
    );
    refused(
        &text,
        2,
        &two([0, 1, 3], b"a\xFFb"),
        "value 1 is not UTF-8 at byte 1 of its values buffer",
    );
    refused(
        &text,
        2,
        &two([0, 1, 2], "aé".as_bytes()),
        "value 1 is not UTF-8 at byte 1 of its values buffer",
    );
    let views = Field::new("t", DataType::Utf8View, true);
    let inline = [&[2, 0, 0, 0, 0xC3, 0x28][..], &[0; 10]].concat();
    let error = hand_over(&views, &[array(1, 0, &[&[], &inline])], 1).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("its views are wrong: encountered non-UTF-8"),
        "{error}"
    );
}

#[test]
fn views_that_leave_their_buffers_are_refused() {
    let field = Field::new("v", DataType::BinaryView, true);
    let data = b"0123456789abcdef";
    let one = |view: &[u8]| [array(1, 0, &[&[], view, data])];
    accepted(&field, 1, &one(&view(14, *b"2345", 0, 2)));
    let cases = [
        (
            view(15, *b"2345", 0, 2),
            "its views are wrong: invalid buffer slice at 0: got 2..17 but buffer 0 has length 16",
        ),
        (
            view(16, *b"0123", 1, 0),
            "its views are wrong: invalid buffer index at 0: got index 1 but only has 1 buffers",
        ),
        (
            view(16, *b"9999", 0, 0),
            "its views are wrong: mismatch between embedded prefix and data",
        ),
        (
            view(2, *b"ab\0\x01", 0, 0),
            "its views are wrong: view at index 0 contained non-zero padding for string of length 2",
        ),
        (
            view(u32::MAX, *b"0123", 0, 0),
            "its views stand for 4294967295 bytes, more than the 67108864 that its buffers allow",
        ),
    ];
    for (view, why) in cases {
        refused(&field, 1, &one(&view), why);
    }
}

#[test]
fn null_counts_are_exact_and_bitmaps_complete() {
    let field = Field::new("n", DataType::Int8, true);
    let values: &[u8] = &[0; 9];
    let nine = |nulls: u32, bitmap: &[u8]| [array(9, nulls, &[bitmap, values])];
    accepted(&field, 9, &nine(0, &[]));
    accepted(&field, 9, &nine(0, &[0xFF, 0x01]));
    accepted(&field, 9, &nine(1, &[0xFE, 0xFF, 0xAA]));
    refused(
        &field,
        9,
        &nine(2, &[0xFE, 0x01]),
        "its null count is 2, but 1 values are null",
    );
    refused(
        &field,
        9,
        &nine(0, &[0xFE, 0x01]),
        "its null count is 0, but 1 values are null",
    );
    refused(
        &field,
        9,
        &nine(u32::MAX, &[0, 0]),
        "its null count is 4294967295, but 9 values are null",
    );
    refused(
        &field,
        9,
        &nine(1, &[0xFE]),
        "its validity buffer has 1 bytes, but 2 are needed",
    );
    refused(
        &field,
        9,
        &nine(1, &[]),
        "its validity buffer has 0 bytes, but 2 are needed",
    );
    let null = Field::new("n", DataType::Null, true);
    accepted(&null, 3, &[array(3, 3, &[])]);
    refused(
        &null,
        3,
        &[array(3, 0, &[])],
        "its null count is 0, but 3 values are null",
    );
}

#[test]
fn nulls_stand_only_where_they_may() {
    let why = "it holds nulls, but is declared as not nullable";
    let nulls = array(2, 1, &[&[0b01], &[0, 0]]);
    let plain = Field::new("n", DataType::Int8, false);
    refused(&plain, 2, std::slice::from_ref(&nulls), why);
    refused(
        &Field::new("n", DataType::Null, false),
        2,
        &[array(2, 2, &[])],
        why,
    );

    let inner = child("c", DataType::Int8, false);
    let child_why = format!("child `c`: {why}");
    let list = Field::new("l", DataType::List(Arc::clone(&inner)), true);
    refused(
        &list,
        1,
        &[array(1, 0, &[&[], &le([0, 2])]), nulls.clone()],
        &child_why,
    );

    let tuple = Field::new(
        "s",
        DataType::Struct(Fields::from(vec![Arc::clone(&inner)])),
        true,
    );
    refused(&tuple, 2, &[array(2, 0, &[&[]]), nulls.clone()], &child_why);
    refused(
        &tuple,
        2,
        &[array(2, 1, &[&[0b10]]), nulls.clone()],
        &child_why,
    );
    accepted(&tuple, 2, &[array(2, 1, &[&[0b01]]), nulls.clone()]);

    let pair = Field::new("f", DataType::FixedSizeList(inner, 2), true);
    refused(&pair, 1, &[array(1, 0, &[&[]]), nulls.clone()], &child_why);
    accepted(&pair, 1, &[array(1, 1, &[&[0]]), nulls.clone()]);

    let data_type = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Int8));
    let keys = array(1, 0, &[&[], &[1]]);
    refused(
        &Field::new("d", data_type.clone(), false),
        1,
        &[keys.clone(), nulls.clone()],
        why,
    );
    accepted(&Field::new("d", data_type, true), 1, &[keys, nulls]);
}

#[test]
fn dictionary_keys_outside_their_values_are_refused() {
    let of = |keys: DataType| {
        Field::new(
            "d",
            DataType::Dictionary(Box::new(keys), Box::new(DataType::Int8)),
            true,
        )
    };
    let values = array(2, 0, &[&[], &[7, 8]]);
    let arrays = |keys: OwnedArray| [keys, values.clone()];
    let why = "the key of value 1 is outside its dictionary of 2 values";
    accepted(
        &of(DataType::Int8),
        2,
        &arrays(array(2, 0, &[&[], &[0, 1]])),
    );
    refused(
        &of(DataType::Int8),
        2,
        &arrays(array(2, 0, &[&[], &[0, 2]])),
        why,
    );
    refused(
        &of(DataType::Int8),
        2,
        &arrays(array(2, 0, &[&[], &[0, 0xFF]])),
        why,
    );
    refused(
        &of(DataType::UInt64),
        2,
        &arrays(array(2, 0, &[&[], &le64([0, -1])])),
        why,
    );
    refused(
        &of(DataType::Int64),
        2,
        &arrays(array(2, 0, &[&[], &le64([0, i64::MIN])])),
        why,
    );
    // Under a null, a key may be anything.
    accepted(
        &of(DataType::Int8),
        2,
        &arrays(array(2, 1, &[&[0b01], &[0, 0x80]])),
    );
    let empty = [array(1, 0, &[&[], &[0]]), array(0, 0, &[&[], &[]])];
    refused(
        &of(DataType::Int8),
        1,
        &empty,
        "the key of value 0 is outside its dictionary of 0 values",
    );
}

#[test]
fn decimals_above_their_precision_are_refused() {
    let cases = [
        (DataType::Decimal32(2, 0), 4, 100_i128),
        (DataType::Decimal64(2, 0), 8, -100),
        (DataType::Decimal128(2, 0), 16, 100),
        (DataType::Decimal256(2, 0), 32, -100),
        (DataType::Decimal128(38, 0), 16, i128::MAX),
    ];
    for (data_type, width, value) in cases {
        let digits = if matches!(data_type, DataType::Decimal128(38, _)) {
            38
        } else {
            2
        };
        let field = Field::new("d", data_type, true);
        let sign = if value < 0 { [0xFF; 32] } else { [0; 32] };
        let bytes = [&value.to_le_bytes()[..], &sign].concat();
        let values = [&[0; 32][..width], &bytes[..width]].concat();
        let why = format!("value 1 has more than its {digits} digits");
        refused(&field, 2, &[array(2, 0, &[&[], &values])], &why);
        accepted(&field, 2, &[array(2, 1, &[&[0b01], &values])]);
    }
}

#[test]
fn lists_must_fit_their_children() {
    let ints = array(3, 0, &[&[], &[1, 2, 3]]);
    let list = Field::new("l", DataType::new_list(DataType::Int8, true), true);
    let lists = |offsets: [i32; 2]| [array(1, 0, &[&[], &le(offsets)]), ints.clone()];
    accepted(&list, 1, &lists([0, 3]));
    accepted(&list, 1, &lists([1, 2]));
    refused(
        &list,
        1,
        &lists([0, 4]),
        "its offsets end at 4, but its child `item` has 3 values",
    );

    let pair = DataType::FixedSizeList(child("item", DataType::Int8, true), 2);
    let pair = Field::new("p", pair, true);
    let why = "child `item`: its array has 3 values, but must have 4";
    refused(&pair, 2, &[array(2, 0, &[&[]]), ints.clone()], why);

    let tuple = DataType::Struct(vec![Field::new("a", DataType::Int8, true)].into());
    let tuple = Field::new("s", tuple, true);
    let why = "child `a`: its array has 3 values, but must have 2";
    refused(&tuple, 2, &[array(2, 0, &[&[]]), ints], why);
}

#[test]
fn maps_must_have_entries_and_keys() {
    let key = Field::new("key", DataType::Int8, false);
    let entries = DataType::Struct(vec![key, Field::new("value", DataType::Int8, true)].into());
    let field = Field::new(
        "m",
        DataType::Map(child("entries", entries, false), false),
        true,
    );
    let map = array(1, 0, &[&[], &le([0, 1])]);
    let one = array(1, 0, &[&[], &[5]]);
    let null = array(1, 1, &[&[0], &[5]]);
    let entry = array(1, 0, &[&[]]);
    let arrays = |entry: &OwnedArray, key: &OwnedArray| {
        [map.clone(), entry.clone(), key.clone(), null.clone()]
    };
    accepted(&field, 1, &arrays(&entry, &one));
    let why = "it holds nulls, but is declared as not nullable";
    refused(
        &field,
        1,
        &arrays(&entry, &null),
        &format!("child `entries`: child `key`: {why}"),
    );
    let no_entry = array(1, 1, &[&[0]]);
    refused(
        &field,
        1,
        &arrays(&no_entry, &one),
        &format!("child `entries`: {why}"),
    );
}

#[test]
fn arrays_and_buffers_that_are_missing_or_too_many_are_refused() {
    let field = Field::new("n", DataType::Int16, true);
    let good = array(1, 0, &[&[], &[0, 0]]);
    let cases = [
        (vec![], "its array is missing: one is needed for each field"),
        (
            vec![good.clone(), good.clone()],
            "2 arrays were given, 1 more than its fields",
        ),
        (
            vec![array(1, 0, &[&[0, 0]])],
            "its array has 1 buffers, but must have 2: validity, values",
        ),
        (
            vec![array(1, 0, &[&[], &[0, 0], &[]])],
            "its array has 3 buffers, but must have 2: validity, values",
        ),
        (
            vec![array(1, 0, &[&[], &[0]])],
            "its values buffer has 1 bytes, but 2 are needed",
        ),
        (
            vec![array(2, 0, &[&[], &[0; 4]])],
            "its array has 2 values, but must have 1",
        ),
    ];
    for (arrays, why) in cases {
        refused(&field, 1, &arrays, why);
    }
    // What is longer than needed is not read.
    accepted(&field, 1, &[array(1, 0, &[&[], &[1; 1_000]])]);
    let views = Field::new("v", DataType::Utf8View, true);
    let why = "its array has 1 buffers, but must have at least 2: validity, views";
    refused(&views, 0, &[array(0, 0, &[&[]])], why);
}

#[test]
fn values_that_take_no_bytes_are_bounded_by_the_rows() {
    let max = u32::MAX;
    let nothing = DataType::Struct(Fields::empty());
    let why = |arrays: &str, bound: usize| {
        format!(
            "{arrays}its array has {max} values, more than the {bound} that its bytes can stand for"
        )
    };
    let nulls = Field::new("n", DataType::Null, true);
    refused(
        &nulls,
        3,
        &[array(max, max, &[])],
        &format!("its array has {max} values, but must have 3"),
    );

    // Eight bytes of offsets bound what hides below them.
    let list = |inner: DataType| Field::new("l", DataType::new_list(inner, true), true);
    let offsets = array(1, 0, &[&[], &le([0, i32::MAX])]);
    let below = "child `item`: ";
    let null = [offsets.clone(), array(max, max, &[])];
    refused(&list(DataType::Null), 1, &null, &why(below, 64));
    let empty = [offsets.clone(), array(max, 0, &[&[]])];
    refused(&list(nothing), 1, &empty, &why(below, 64));
    let zero = [offsets.clone(), array(max, 0, &[&[], &[]])];
    refused(
        &list(DataType::FixedSizeBinary(0)),
        1,
        &zero,
        &why(below, 64),
    );
    accepted(
        &list(DataType::Null),
        1,
        &[array(1, 0, &[&[], &le([0, 64])]), array(64, 64, &[])],
    );
}

#[test]
fn lists_of_any_size_are_paid_for() {
    let huge = |inner: DataType, size: i32| {
        Field::new(
            "f",
            DataType::FixedSizeList(child("item", inner, true), size),
            true,
        )
    };
    let lists = array(2, 0, &[&[]]);
    let size = i32::MAX - 1;
    let values = u32::try_from(size).unwrap() * 2;
    let why = format!(
        "child `item`: its array has {values} values, more than the 2 that its bytes can stand for"
    );
    refused(
        &huge(DataType::Null, size),
        2,
        &[lists.clone(), array(values, values, &[])],
        &why,
    );
    let deep = huge(
        DataType::FixedSizeList(child("item", DataType::Null, true), i32::MAX),
        size,
    );
    refused(&deep, 2, &[lists.clone(), array(values, 0, &[&[]])], &why);
    accepted(
        &huge(DataType::Int64, 0),
        2,
        &[lists, array(0, 0, &[&[], &[]])],
    );
}

#[test]
fn bytes_that_are_named_over_and_over_are_bounded() {
    let views = Field::new("v", DataType::BinaryView, true);
    let data = vec![0_u8; 1 << 20];
    let same = |count: usize| view(1 << 20, [0; 4], 0, 0).repeat(count);
    let arrays = |count: u32| [array(count, 0, &[&[], &same(count as usize), &data])];
    accepted(&views, 64, &arrays(64));
    let why = "its views stand for 104857600 bytes, more than the 67211264 that its buffers allow";
    refused(&views, 100, &arrays(100), why);

    let dictionary = DataType::Dictionary(Box::new(DataType::UInt8), Box::new(DataType::Binary));
    let dictionary = Field::new("d", dictionary, true);
    let arrays = |count: u32| {
        let keys = vec![0; count as usize];
        let text = array(1, 0, &[&[], &le([0, 1 << 20]), &data]);
        [array(count, 0, &[&[], &keys]), text]
    };
    accepted(&dictionary, 50, &arrays(50));
    let why = "its keys stand for more than the 67115776 bytes that its buffers allow";
    refused(&dictionary, 100, &arrays(100), why);
}
