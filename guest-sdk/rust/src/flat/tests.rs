//! Every type of the contract survives the crossing, sliced or not.

use std::sync::Arc;

use arrow_array::builder::{
    FixedSizeListBuilder, Int32Builder, ListBuilder, MapBuilder, StringBuilder,
};
use arrow_array::types::{Int8Type, IntervalDayTimeType, IntervalMonthDayNanoType};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array,
    DictionaryArray, DurationSecondArray, FixedSizeBinaryArray, Float64Array, Int64Array,
    IntervalDayTimeArray, IntervalMonthDayNanoArray, LargeStringArray, NullArray, RecordBatch,
    StringArray, StringViewArray, StructArray, Time32SecondArray, Time64NanosecondArray,
    TimestampMicrosecondArray, UInt16Array, make_array,
};
use arrow_buffer::i256;
use arrow_schema::{DataType, Field, UnionFields, UnionMode};

use super::{FlatField, Trust, array_from_flat, column_to_flat, field_to_flat, fields_from_flat};

#[expect(clippy::too_many_lines, reason = "a table: one entry for each type")]
fn arrays() -> Vec<ArrayRef> {
    let mut list = ListBuilder::new(StringBuilder::new());
    let mut fixed = FixedSizeListBuilder::new(Int32Builder::new(), 2);
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for row in 0..20 {
        (0..row % 3).for_each(|n| list.values().append_value(format!("{row}-{n}")));
        list.append(row % 4 != 0);
        fixed.values().append_slice(&[row, -row]);
        fixed.append(row % 5 != 0);
        map.keys().append_value("key");
        map.values().append_option((row % 2 == 0).then_some(row));
        map.append(true).unwrap();
    }
    let numbers = || (0..20).map(|row| (row % 3 != 0).then_some(row));
    let texts = || numbers().map(|row| row.map(|row| format!("value {row}, too long for a view")));
    let integers: ArrayRef = Arc::new(numbers().collect::<Int64Array>());
    let strings: ArrayRef = Arc::new(texts().collect::<StringArray>());
    let fields = vec![
        (
            Arc::new(Field::new("n", DataType::Int64, true)),
            Arc::clone(&integers),
        ),
        (
            Arc::new(Field::new("s", DataType::Utf8, true)),
            Arc::clone(&strings),
        ),
    ];
    vec![
        integers,
        strings,
        Arc::new(StructArray::from(fields)),
        Arc::new(NullArray::new(20)),
        Arc::new(
            numbers()
                .map(|row| row.map(|row| row % 2 == 0))
                .collect::<BooleanArray>(),
        ),
        Arc::new((0..20).collect::<UInt16Array>()),
        Arc::new((0..20).map(f64::from).collect::<Float64Array>()),
        Arc::new(texts().collect::<LargeStringArray>()),
        Arc::new(texts().collect::<StringViewArray>()),
        Arc::new(
            texts()
                .collect::<Vec<_>>()
                .iter()
                .map(Option::as_deref)
                .collect::<DictionaryArray<Int8Type>>(),
        ),
        Arc::new((0..20).map(|row| Some([row; 3])).collect::<BinaryArray>()),
        Arc::new(FixedSizeBinaryArray::try_from_iter((0..20).map(|row| [row; 3])).unwrap()),
        Arc::new((0..20).map(Some).collect::<Date32Array>()),
        Arc::new((0..20).map(Some).collect::<Time32SecondArray>()),
        Arc::new((0..20).map(Some).collect::<Time64NanosecondArray>()),
        Arc::new((0..20).map(Some).collect::<DurationSecondArray>()),
        Arc::new(
            numbers()
                .collect::<TimestampMicrosecondArray>()
                .with_timezone("Europe/Berlin"),
        ),
        Arc::new(
            (0..20)
                .map(|row| Some(IntervalDayTimeType::make_value(row, row)))
                .collect::<IntervalDayTimeArray>(),
        ),
        Arc::new(
            (0..20)
                .map(|row| {
                    Some(IntervalMonthDayNanoType::make_value(
                        row,
                        row,
                        i64::from(row),
                    ))
                })
                .collect::<IntervalMonthDayNanoArray>(),
        ),
        Arc::new(
            (0..20)
                .map(Some)
                .collect::<Decimal128Array>()
                .with_precision_and_scale(12, 3)
                .unwrap(),
        ),
        Arc::new(
            (0..20)
                .map(|row| Some(i256::from_i128(row)))
                .collect::<Decimal256Array>(),
        ),
        Arc::new(list.finish()),
        Arc::new(fixed.finish()),
        Arc::new(map.finish()),
    ]
}

#[test]
fn every_type_survives_the_crossing() {
    for array in arrays() {
        for slice in [Arc::clone(&array), array.slice(3, 11), array.slice(20, 0)] {
            let field = Field::new("column", array.data_type().clone(), true);
            let back = fields_from_flat(field_to_flat(&field).unwrap()).unwrap();
            assert_eq!(back[0].data_type(), array.data_type());
            let flat = column_to_flat(&slice).unwrap();
            let data = array_from_flat(array.data_type(), flat, Trust::Nobody).unwrap();
            assert_eq!(&make_array(data), &slice, "{}", array.data_type());
        }
    }
}

#[test]
fn what_is_sent_starts_at_zero_and_holds_no_more_than_its_rows() {
    let strings = StringArray::from(vec!["aa", "bbb", "c"]);
    let flat = column_to_flat(&strings.slice(1, 2)).unwrap();
    assert_eq!(flat[0].buffers[1].typed_data::<i32>(), [0, 3, 4]);
    assert_eq!(flat[0].buffers[2].as_slice(), b"bbbc");
}

#[test]
fn an_array_without_nulls_sends_no_validity() {
    let integers = Int64Array::from(vec![Some(1), None, Some(3)]);
    assert_eq!(
        column_to_flat(&integers).unwrap()[0].buffers[0].as_slice(),
        [0b101]
    );
    assert!(column_to_flat(&integers.slice(2, 1)).unwrap()[0].buffers[0].is_empty());
}

#[test]
fn a_schema_keeps_its_fields_and_metadata() {
    let inner = Field::new("inner", DataType::Utf8, false);
    let outer = Field::new("outer", DataType::Struct(vec![inner].into()), true);
    let fields = [
        outer,
        Field::new("n", DataType::Int8, true).with_metadata([("a".into(), "b".into())].into()),
    ];
    let flat: Vec<FlatField> = fields
        .iter()
        .flat_map(|field| field_to_flat(field).unwrap())
        .collect();
    assert_eq!(flat.len(), 3);
    let back = fields_from_flat(flat).unwrap();
    assert_eq!(
        back.iter().map(AsRef::as_ref).cloned().collect::<Vec<_>>(),
        fields
    );
}

#[test]
fn a_type_that_cannot_cross_is_named() {
    let union = DataType::Union(UnionFields::empty(), UnionMode::Sparse);
    let error = field_to_flat(&Field::new("u", union, true)).unwrap_err();
    assert!(error.starts_with("column `u`: type Union"), "{error}");
}

#[test]
fn a_column_that_is_cut_short_is_an_error() {
    let batch = RecordBatch::try_from_iter([("n", arrays().remove(0))]).unwrap();
    let mut flat = column_to_flat(batch.column(0)).unwrap();
    flat[0].buffers.pop();
    let error = array_from_flat(&DataType::Int64, flat, Trust::Host).unwrap_err();
    assert_eq!(error, "0 buffers where 1 are expected");
    assert_eq!(
        array_from_flat(&DataType::Int64, Vec::new(), Trust::Host).unwrap_err(),
        "an array is missing"
    );
}
