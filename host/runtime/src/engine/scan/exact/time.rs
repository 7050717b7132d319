//! Dates and times in text, exactly or not at all.

use arrow::array::timezone::Tz;
use arrow::array::types::Date32Type;
use arrow::compute::kernels::cast_utils::{Parser, string_to_datetime, string_to_time_nanoseconds};
use arrow::datatypes::TimeUnit;
use arrow::error::ArrowError;
use chrono::{NaiveTime, Utc};

/// Characters of `2024-01-31`.
const DATE_CHARS: usize = 10;

/// Digits of a second that Arrow's parsers look at.
const FRACTION_DIGITS: usize = 9;

/// Days since 1970. A time of day has to be midnight, in UTC.
pub(super) fn days(text: &str) -> Option<i32> {
    let days = Date32Type::parse(text)?;
    if text.len() <= DATE_CHARS || text.starts_with(['+', '-']) {
        return Some(days);
    }
    let time = string_to_datetime(&Utc, text).ok()?.time();
    (time == NaiveTime::MIN && is_seen(text)).then_some(days)
}

/// Milliseconds since 1970, of a date or of a date and a time.
pub(super) fn date_millis(text: &str) -> Option<i64> {
    if text.len() <= DATE_CHARS || text.starts_with(['+', '-']) {
        return Some(i64::from(Date32Type::parse(text)?) * 86_400_000);
    }
    let utc: Tz = "+00:00".parse().ok()?;
    instant(text, TimeUnit::Millisecond, utc)
}

/// The zone in which times without one are read.
pub(super) fn zone(name: Option<&str>) -> Result<Tz, ArrowError> {
    name.unwrap_or("+00:00").parse()
}

/// Units since 1970.
pub(super) fn instant(text: &str, unit: TimeUnit, zone: Tz) -> Option<i64> {
    let instant = string_to_datetime(&zone, text).ok()?;
    let (per_second, nanos) = per_second(unit);
    let fraction = i64::from(instant.timestamp_subsec_nanos());
    if fraction % nanos != 0 || !is_seen(text) {
        return None;
    }
    let seconds = instant.timestamp();
    // Before 1970, what is in range may be beyond it without its fraction.
    let units = i128::from(seconds) * i128::from(per_second) + i128::from(fraction / nanos);
    units.try_into().ok()
}

/// Units since midnight.
pub(super) fn of_day(text: &str, unit: TimeUnit) -> Option<i64> {
    let time = string_to_time_nanoseconds(text).ok()?;
    let (_, nanos) = per_second(unit);
    (time % nanos == 0 && is_seen(text)).then_some(time / nanos)
}

/// Units in a second, and nanoseconds in a unit.
const fn per_second(unit: TimeUnit) -> (i64, i64) {
    match unit {
        TimeUnit::Second => (1, 1_000_000_000),
        TimeUnit::Millisecond => (1_000, 1_000_000),
        TimeUnit::Microsecond => (1_000_000, 1_000),
        TimeUnit::Nanosecond => (1_000_000_000, 1),
    }
}

/// Whether the parsers see all of a second's fraction.
fn is_seen(text: &str) -> bool {
    let Some((_, fraction)) = text.split_once('.') else {
        return true;
    };
    let digits = fraction.bytes().take_while(u8::is_ascii_digit);
    digits.skip(FRACTION_DIGITS).all(|digit| digit == b'0')
}
