//! What does not fit is told; what fits is the value that was written.

use std::sync::Arc;

use arrow::array::types::Int32Type;
use arrow::array::{Array as _, ArrayRef, AsArray as _, ListArray, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, TimeUnit};
use arrow::util::display::array_value_to_string;

use super::{Failure, Notation};

/// What `text` is as `wanted`, as Arrow shows it; none if it does not fit.
fn read(notation: Notation, wanted: &DataType, text: &str) -> Option<String> {
    let column: ArrayRef = Arc::new(StringArray::from(vec![None, Some(text)]));
    match notation.convert(&column, wanted) {
        Ok(values) => {
            assert_eq!(values.data_type(), wanted);
            assert!(values.is_null(0));
            Some(array_value_to_string(&values, 1).unwrap())
        }
        Err(Failure::Misfit(misfit)) => {
            assert_eq!((misfit.row, misfit.value.as_str()), (1, text));
            None
        }
        Err(Failure::Arrow(error)) => panic!("{error}"),
    }
}

fn csv(wanted: &DataType, text: &str) -> Option<String> {
    read(Notation::Csv, wanted, text)
}

fn json(wanted: &DataType, text: &str) -> Option<String> {
    read(Notation::Json, wanted, text)
}

#[test]
fn integers_are_whole() {
    for (text, value) in [
        ("2.5", None),
        ("2.0", Some("2")),
        ("1e3", Some("1000")),
        ("12e-1", None),
        ("-0", Some("0")),
        ("9007199254740993.0", Some("9007199254740993")),
        ("9223372036854775808", None),
        ("007", None),
        ("1e400000000", None),
        ("true", None),
        ("", None),
    ] {
        assert_eq!(json(&DataType::Int64, text).as_deref(), value, "{text}");
    }
    assert_eq!(json(&DataType::UInt8, "256"), None);
    assert_eq!(json(&DataType::UInt64, "-1"), None);
}

#[test]
fn numbers_out_of_range_are_not_infinite() {
    assert_eq!(json(&DataType::Float64, "1e999"), None);
    assert_eq!(json(&DataType::Float32, "1e39"), None);
    assert_eq!(json(&DataType::Float16, "65520"), None);
    assert_eq!(json(&DataType::Float64, "inf").as_deref(), Some("inf"));
    assert_eq!(json(&DataType::Float64, "0.1").as_deref(), Some("0.1"));
}

#[test]
fn decimals_keep_their_digits() {
    let wanted = DataType::Decimal128(5, 2);
    for (text, value) in [
        ("123.45", Some("123.45")),
        ("123.450", Some("123.45")),
        ("123.456", None),
        ("007.50", Some("7.50")),
        ("1234.5", None),
        ("1.5e1", Some("15.00")),
        ("1e-3", None),
        ("1e65536", None),
        ("-.5", Some("-0.50")),
        ("5.", Some("5.00")),
        ("1 ", None),
    ] {
        assert_eq!(csv(&wanted, text).as_deref(), value, "{text}");
    }
    let long = format!("{}.5", "1".repeat(300));
    assert_eq!(csv(&DataType::Decimal256(76, 2), &long), None);
    assert_eq!(
        csv(&DataType::Decimal128(5, -2), "12300").as_deref(),
        Some("12300")
    );
    assert_eq!(csv(&DataType::Decimal128(5, -2), "12345"), None);
}

#[test]
fn dates_have_no_time_of_day() {
    for (text, value) in [
        ("2024-01-31", Some("2024-01-31")),
        ("2024-01-31T00:00:00", Some("2024-01-31")),
        ("2024-01-31T10:00:00", None),
        ("2024-01-31T00:00:00+02:00", None),
        ("2024-01-31T00:00:00.0000000001", None),
        ("19753", None),
    ] {
        assert_eq!(csv(&DataType::Date32, text).as_deref(), value, "{text}");
    }
    assert_eq!(
        json(&DataType::Date32, "19753").as_deref(),
        Some("2024-01-31")
    );
    assert_eq!(json(&DataType::Date32, "19753.5"), None);
}

#[test]
fn times_are_no_finer_than_their_unit() {
    let of = |unit| DataType::Timestamp(unit, None);
    for (wanted, text, value) in [
        (
            of(TimeUnit::Second),
            "2024-01-31T10:00:00.0",
            Some("2024-01-31T10:00:00"),
        ),
        (of(TimeUnit::Second), "2024-01-31T10:00:00.5", None),
        (
            of(TimeUnit::Microsecond),
            "2024-01-31T10:00:00.1234567",
            None,
        ),
        (
            of(TimeUnit::Nanosecond),
            "1969-12-31T23:59:59.5",
            Some("1969-12-31T23:59:59.500"),
        ),
        (
            of(TimeUnit::Nanosecond),
            "2024-01-31T10:00:00.1234567891",
            None,
        ),
        (of(TimeUnit::Nanosecond), "3024-01-31T10:00:00", None),
        (
            DataType::Date64,
            "2024-01-31T10:00:00.5",
            Some("2024-01-31T10:00:00.500"),
        ),
        (DataType::Date64, "2024-01-31T10:00:00.0005", None),
        (
            DataType::Time32(TimeUnit::Second),
            "10:00:00",
            Some("10:00:00"),
        ),
        (DataType::Time32(TimeUnit::Second), "10:00:00.5", None),
        (
            DataType::Time64(TimeUnit::Nanosecond),
            "10:00:00.1234567891",
            None,
        ),
    ] {
        assert_eq!(csv(&wanted, text).as_deref(), value, "{text} as {wanted}");
    }
    assert_eq!(csv(&of(TimeUnit::Second), "1706695200"), None);
    assert_eq!(
        json(&of(TimeUnit::Second), "1706695200").as_deref(),
        Some("2024-01-31T10:00:00")
    );
}

#[test]
fn a_column_without_a_type_swallows_nothing() {
    assert_eq!(csv(&DataType::Null, "x"), None);
}

#[test]
fn nested_values_are_looked_at() {
    let wanted = DataType::List(Arc::new(Field::new_list_field(DataType::Int32, true)));
    let list = |texts: Vec<Option<&str>>| -> ArrayRef {
        let offsets = OffsetBuffer::from_lengths([1, texts.len() - 1]);
        let item = Arc::new(Field::new_list_field(DataType::Utf8, true));
        Arc::new(ListArray::new(
            item,
            offsets,
            Arc::new(StringArray::from(texts)),
            None,
        ))
    };
    assert_eq!(
        Notation::Json.decoded(&wanted),
        list(vec![None]).data_type().clone()
    );
    let read = Notation::Json.convert(&list(vec![Some("1"), None, Some("3")]), &wanted);
    let values = read.unwrap().as_list::<i32>().value(1);
    assert_eq!(values.as_primitive::<Int32Type>().value(1), 3);
    let read = Notation::Json.convert(&list(vec![Some("1"), Some("2.5")]), &wanted);
    assert!(matches!(read, Err(Failure::Misfit(misfit)) if misfit.value == "2.5"));
}
