use std::sync::Arc;

use sluicegate_guest::array::cast::AsArray;
use sluicegate_guest::array::types::Float64Type;
use sluicegate_guest::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use sluicegate_guest::harness::Harness;

use super::*;

/// Tuesday, Saturday, Sunday, Monday, Tuesday; the third never left, the last never arrived.
fn batch() -> RecordBatch {
    let days = vec![Some(1), Some(5), Some(6), Some(7), Some(8)];
    let columns: [(&str, ArrayRef); 9] = [
        ("year", Arc::new(Int64Array::from(vec![2013; 5]))),
        ("month", Arc::new(Int64Array::from(vec![1; 5]))),
        ("day", Arc::new(Int64Array::from(days))),
        (
            "dep_time",
            Arc::new(Float64Array::from(vec![
                Some(517.0),
                Some(533.0),
                None,
                Some(544.0),
                Some(554.0),
            ])),
        ),
        (
            "dep_delay",
            Arc::new(Int64Array::from(vec![
                Some(2),
                Some(4),
                None,
                Some(61),
                Some(-6),
            ])),
        ),
        (
            "arr_delay",
            Arc::new(Float64Array::from(vec![
                Some(-11.0),
                Some(15.0),
                None,
                Some(60.0),
                None,
            ])),
        ),
        (
            "carrier",
            Arc::new(StringArray::from(vec!["UA", "UA", "AA", "B6", "DL"])),
        ),
        (
            "air_time",
            Arc::new(Int64Array::from(vec![
                Some(227),
                Some(0),
                None,
                Some(183),
                None,
            ])),
        ),
        (
            "distance",
            Arc::new(Int64Array::from(vec![1400, 1416, 1089, 1576, 762])),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))
        .unwrap()
}

fn flights(params: &str) -> RecordBatch {
    let batch = batch();
    let mut harness = Harness::<Flights>::new(&batch.schema(), params).unwrap();
    assert!(
        !harness.reads().contains(&"carrier"),
        "what is not read stays outside"
    );
    harness.process(&batch).unwrap().batch
}

#[test]
fn flights_are_classed_by_their_arrival() {
    let output = flights("{}");
    let classes: Vec<_> = output["delay_class"].as_string::<i32>().iter().collect();
    assert_eq!(
        classes,
        [
            Some("early"),
            Some("late"),
            Some("cancelled"),
            Some("very_late"),
            None
        ]
    );
    assert_eq!(output.num_columns(), batch().num_columns() + 4);
}

#[test]
fn speed_and_minutes_are_null_where_the_flight_has_none() {
    let output = flights("{}");
    let speeds: Vec<_> = output["speed_mph"]
        .as_primitive::<Float64Type>()
        .iter()
        .collect();
    assert_eq!(
        speeds,
        [
            Some(1400.0 * 60.0 / 227.0),
            None,
            None,
            Some(1576.0 * 60.0 / 183.0),
            None
        ]
    );
    let made_up: Vec<_> = output["made_up_minutes"]
        .as_primitive::<Float64Type>()
        .iter()
        .collect();
    assert_eq!(made_up, [Some(13.0), Some(-11.0), None, Some(1.0), None]);
}

#[test]
fn saturdays_and_sundays_are_weekends() {
    let output = flights("{}");
    let weekends: Vec<_> = output["is_weekend"].as_boolean().iter().flatten().collect();
    assert_eq!(weekends, [false, true, true, false, false]);
    assert_eq!(calendar::is_weekend(2024.0, 2.0, 29.0), Some(false));
    assert_eq!(calendar::is_weekend(2023.0, 2.0, 29.0), None);
}

#[test]
fn cancelled_flights_can_be_dropped() {
    let output = flights(r#"{"drop_cancelled": true}"#);
    let carriers: Vec<_> = output["carrier"]
        .as_string::<i32>()
        .iter()
        .flatten()
        .collect();
    assert_eq!(carriers, ["UA", "UA", "B6", "DL"]);
}

#[test]
fn the_bounds_of_a_delay_can_be_set() {
    let output = flights(r#"{"late_minutes": 16, "very_late_minutes": 61}"#);
    let classes: Vec<_> = output["delay_class"]
        .as_string::<i32>()
        .iter()
        .flatten()
        .collect();
    assert_eq!(classes, ["early", "on_time", "cancelled", "late"]);
    let fault = Harness::<Flights>::new(&batch().schema(), r#"{"late_minutes": 61}"#).unwrap_err();
    assert_eq!(
        fault.message(),
        "parameter `late_minutes` is above `very_late_minutes`"
    );
}
