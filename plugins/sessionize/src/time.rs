//! Times as counts of a unit, whichever type a file gives them.

use std::sync::Arc;

use serde::Deserialize;
use sluicegate_guest::array::types::{
    ArrowPrimitiveType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use sluicegate_guest::array::{Array, ArrayRef, Int64Array, PrimitiveArray};
use sluicegate_guest::buffer::ScalarBuffer;
use sluicegate_guest::data::ArrayData;
use sluicegate_guest::{DataType, Fault, Readable, TimeUnit};

/// What a time counts.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub enum Unit {
    #[default]
    #[serde(rename = "s")]
    Second,
    #[serde(rename = "ms")]
    Millisecond,
    #[serde(rename = "us")]
    Microsecond,
    #[serde(rename = "ns")]
    Nanosecond,
}

impl Unit {
    /// The unit of a timestamp; `None` for other types.
    pub const fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Timestamp(TimeUnit::Second, _) => Some(Self::Second),
            DataType::Timestamp(TimeUnit::Millisecond, _) => Some(Self::Millisecond),
            DataType::Timestamp(TimeUnit::Microsecond, _) => Some(Self::Microsecond),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => Some(Self::Nanosecond),
            _ => None,
        }
    }

    /// So many minutes in this unit, rounded down.
    pub fn ticks(self, minutes: f64) -> Result<i64, Fault> {
        let per_minute = match self {
            Self::Second => 60e0,
            Self::Millisecond => 60e3,
            Self::Microsecond => 60e6,
            Self::Nanosecond => 60e9,
        };
        let ticks = (minutes * per_minute).floor();
        if !(minutes > 0.0 && ticks <= TICKS_MAX) {
            return Err(Fault::invalid(format!(
                "parameter `gap_minutes` of {minutes} is out of range"
            )));
        }
        #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
        Ok(ticks as i64)
    }
}

/// 2^62, so that no gap comes near the end of 64 bits.
const TICKS_MAX: f64 = 4_611_686_018_427_387_904.0;

/// A column of timestamps or of integers of 64 bits.
#[derive(Clone, Debug)]
pub struct Times(Int64Array);

impl Times {
    /// The time of a row; `None` for null.
    pub fn get(&self, row: usize) -> Option<i64> {
        let time = self.0.values().get(row)?;
        self.0.is_valid(row).then_some(*time)
    }
}

impl Readable for Times {
    fn accepts(data_type: &DataType) -> bool {
        matches!(data_type, DataType::Timestamp(_, _) | DataType::Int64)
    }

    fn expected() -> String {
        "a timestamp or Int64".to_owned()
    }

    fn from_data(data: ArrayData) -> Option<Self> {
        let values = ScalarBuffer::new(data.buffers().first()?.clone(), data.offset(), data.len());
        Some(Self(Int64Array::new(values, data.nulls().cloned())))
    }
}

/// The times as an array of `data_type`, a type that [`Times`] accepts.
pub fn array(data_type: &DataType, times: Vec<i64>) -> ArrayRef {
    fn typed<T: ArrowPrimitiveType<Native = i64>>(
        data_type: &DataType,
        times: Vec<i64>,
    ) -> ArrayRef {
        Arc::new(PrimitiveArray::<T>::new(times.into(), None).with_data_type(data_type.clone()))
    }
    match Unit::of(data_type) {
        Some(Unit::Second) => typed::<TimestampSecondType>(data_type, times),
        Some(Unit::Millisecond) => typed::<TimestampMillisecondType>(data_type, times),
        Some(Unit::Microsecond) => typed::<TimestampMicrosecondType>(data_type, times),
        Some(Unit::Nanosecond) => typed::<TimestampNanosecondType>(data_type, times),
        None => Arc::new(Int64Array::from(times)),
    }
}
