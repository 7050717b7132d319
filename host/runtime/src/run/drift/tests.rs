use arrow::datatypes::{DataType, Field, Schema, TimeUnit};

use super::compare;
use crate::spec::Compatibility::{self, Any, Backward, Exact, Forward};

fn schema(columns: &[(&str, DataType, bool)]) -> Schema {
    let fields = columns.iter().cloned();
    Schema::new(
        fields
            .map(|(name, ty, nullable)| Field::new(name, ty, nullable))
            .collect::<Vec<_>>(),
    )
}

/// Which of the rules forgive that the one column became another.
fn forgiving(before: DataType, now: DataType) -> Vec<Compatibility> {
    let before = schema(&[("a", before, true)]);
    forgiving_change(&before, &schema(&[("a", now, true)]))
}

fn forgiving_change(before: &Schema, now: &Schema) -> Vec<Compatibility> {
    let all = [Exact, Forward, Backward, Any].into_iter();
    all.filter(|rule| compare(before, now, *rule).1).collect()
}

const NUMBER: (&str, DataType, bool) = ("n", DataType::Int64, true);
const TEXT: (&str, DataType, bool) = ("t", DataType::Utf8, true);

#[test]
fn each_rule_forgives_what_it_says() {
    let (both, one) = (schema(&[NUMBER, TEXT]), schema(&[NUMBER]));
    let swapped = schema(&[TEXT, NUMBER]);
    let never = schema(&[("n", DataType::Int64, false)]);
    assert_eq!(
        forgiving_change(&both, &both),
        [Exact, Forward, Backward, Any]
    );
    assert_eq!(forgiving_change(&one, &both), [Forward, Any]);
    assert_eq!(forgiving_change(&both, &one), [Backward, Any]);
    assert_eq!(forgiving_change(&both, &swapped), [Forward, Backward, Any]);
    assert_eq!(forgiving_change(&never, &one), [Backward, Any]);
    assert_eq!(
        forgiving_change(&one, &never),
        [Exact, Forward, Backward, Any]
    );
}

#[test]
fn a_type_may_become_narrower_or_wider_but_not_another() {
    use DataType::{Decimal128, Float32, Float64, Int8, Int32, Int64, LargeUtf8, UInt32, Utf8};
    let (narrowed, widened) = (vec![Forward, Any], vec![Backward, Any]);
    for (narrow, wide) in [
        (Int32, Int64),
        (UInt32, Int64),
        (Int8, Float32),
        (Int32, Float64),
        (Float32, Float64),
        (Decimal128(10, 2), Decimal128(12, 4)),
        (DataType::Null, Utf8),
        (
            DataType::new_list(Int32, true),
            DataType::new_list(Int64, true),
        ),
    ] {
        assert_eq!(
            forgiving(wide.clone(), narrow.clone()),
            narrowed,
            "{narrow}"
        );
        assert_eq!(forgiving(narrow.clone(), wide), widened, "{narrow}");
    }
    let stamp = |unit| DataType::Timestamp(unit, None);
    for (one, other) in [
        (Int64, Float64),
        (Int32, UInt32),
        (Int64, Utf8),
        (Decimal128(10, 2), Decimal128(10, 4)),
        (stamp(TimeUnit::Millisecond), stamp(TimeUnit::Microsecond)),
    ] {
        assert_eq!(
            forgiving(one.clone(), other.clone()),
            [Any],
            "{one} {other}"
        );
        assert_eq!(forgiving(other, one), [Any]);
    }
    let all = [Exact, Forward, Backward, Any];
    assert_eq!(forgiving(Utf8, LargeUtf8), all);
    assert_eq!(
        forgiving(Int64, DataType::Dictionary(Box::new(Int8), Box::new(Int64))),
        all
    );
}

#[test]
fn all_differences_are_told_together() {
    let before = schema(&[NUMBER, TEXT, ("gone", DataType::Date32, true)]);
    let now = schema(&[
        ("n", DataType::Utf8, true),
        TEXT,
        ("new", DataType::new_list(DataType::Int8, true), true),
    ]);
    let (told, _) = compare(&before, &now, Any);
    insta::assert_snapshot!(told.join("\n"), @r"
    `n` is of the type utf8 in place of int64
    `gone` is missing
    `new` is new, of the type list(int8)
    ");
}
