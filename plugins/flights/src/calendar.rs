//! Days of the week in the Gregorian calendar.

/// Whether a day is a Saturday or a Sunday; `None` where there is no such day.
pub fn is_weekend(year: f64, month: f64, day: f64) -> Option<bool> {
    let (year, month, day) = (
        whole(year, 1, 9999)?,
        whole(month, 1, 12)?,
        whole(day, 1, 31)?,
    );
    if day > days_in_month(year, month) {
        return None;
    }
    // Sakamoto's method: Sunday is 0; January and February count to the year before.
    let offset = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4].get(usize::try_from(month - 1).ok()?)?;
    let year = if month < 3 { year - 1 } else { year };
    let weekday = (year + year / 4 - year / 100 + year / 400 + offset + day) % 7;
    Some(weekday == 0 || weekday == 6)
}

fn days_in_month(year: i32, month: i32) -> i32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the bounds are those of a calendar"
)]
fn whole(value: f64, min: i32, max: i32) -> Option<i32> {
    (value.fract() == 0.0 && value >= f64::from(min) && value <= f64::from(max))
        .then_some(value as i32)
}
