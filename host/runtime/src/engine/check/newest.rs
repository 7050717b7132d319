//! How old the newest row is.

use std::time::{Duration, SystemTime};

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, TimeUnit};
use serde_json::Value;

use super::keys::words;
use super::sample;

const NANOS_PER_SECOND: i128 = 1_000_000_000;
const SECONDS_PER_DAY: i128 = 86_400;

/// The instant that a value has to reach, and the nanoseconds in a unit of the column.
#[derive(Debug)]
pub(super) struct Newest {
    wanted_nanos: i128,
    unit_nanos: i128,
}

/// The newest value so far, in units since 1970.
#[derive(Debug)]
pub(super) struct Found {
    units: i64,
    shown: Value,
}

impl Newest {
    /// None for a type that tells no instant. Where there is no zone, UTC is meant, and a date begins its day.
    pub(super) fn new(ty: &DataType, age: Duration, started: SystemTime) -> Option<Self> {
        let unit_nanos = match ty {
            DataType::Date32 => SECONDS_PER_DAY * NANOS_PER_SECOND,
            DataType::Date64 => NANOS_PER_SECOND / 1_000,
            DataType::Timestamp(unit, _) => match unit {
                TimeUnit::Second => NANOS_PER_SECOND,
                TimeUnit::Millisecond => NANOS_PER_SECOND / 1_000,
                TimeUnit::Microsecond => NANOS_PER_SECOND / 1_000_000,
                TimeUnit::Nanosecond => 1,
            },
            _ => return None,
        };
        let now = started.duration_since(SystemTime::UNIX_EPOCH);
        let nanos = |time: Duration| i128::try_from(time.as_nanos()).unwrap_or(i128::MAX / 2);
        Some(Self {
            wanted_nanos: now.map_or(0, nanos) - nanos(age),
            unit_nanos,
        })
    }

    /// Whether what was found is new enough; nothing is not.
    pub(super) fn is_met(&self, found: Option<&Found>) -> bool {
        found.is_some_and(|found| i128::from(found.units) * self.unit_nanos >= self.wanted_nanos)
    }
}

impl Found {
    /// The newer of the newest value of a column and of what was found before.
    pub(super) fn look(column: &ArrayRef, before: &mut Option<Self>) {
        let nulls = column.logical_nulls();
        let is_value = |row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        let values = words(column).unwrap_or_default().into_iter().enumerate();
        let newest = values
            .filter(|(row, _)| is_value(*row))
            .max_by_key(|(_, value)| value.cast_signed());
        let Some((row, value)) = newest else {
            return;
        };
        let units = value.cast_signed();
        if before.as_ref().is_none_or(|before| before.units < units) {
            let shown = sample::value(column, row);
            *before = Some(Self { units, shown });
        }
    }

    /// The newer of two.
    pub(super) fn newer(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        [one, other]
            .into_iter()
            .flatten()
            .max_by_key(|found| found.units)
    }

    pub(super) fn shown(self) -> Value {
        self.shown
    }
}
