//! The days, or other periods, from one day to another.

use chrono::{Days, Months, NaiveDate, NaiveTime, TimeDelta};
use clap::ValueEnum;
use sluicegate::error::{Error, Result};

/// Runs of one backfill: a year by the hour is fewer, and more are better begun in parts.
const RUNS_MAX: usize = 10_000;

/// How far the runs of a backfill are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Every {
    Hour,
    Day,
    Week,
    Month,
}

/// What one run is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Period {
    /// Its first day or hour, for people and as part of a name.
    pub(super) name: String,
    /// The same, as its parameter takes it.
    pub(super) value: String,
}

/// The periods that begin from the day `from` up to the day `to`, that day included.
pub(super) fn periods(from: NaiveDate, to: NaiveDate, every: Every) -> Result<Vec<Period>> {
    if from > to {
        return Err(Error::input(format!(
            "`--from` {from} is after `--to` {to}"
        )));
    }
    let mut found = Vec::new();
    for count in 0.. {
        let Some(period) = period(from, every, count).filter(|(day, _)| *day <= to) else {
            break;
        };
        if found.len() >= RUNS_MAX {
            let raise = "bring `--from` and `--to` together";
            return Err(Error::limit("runs of a backfill", RUNS_MAX, raise));
        }
        found.push(period.1);
    }
    Ok(found)
}

/// The period number `count` with the day that it begins on; none after the last day that there is.
fn period(from: NaiveDate, every: Every, count: u32) -> Option<(NaiveDate, Period)> {
    let day = match every {
        Every::Hour => {
            let begin = from.and_time(NaiveTime::MIN);
            let begin = begin.checked_add_signed(TimeDelta::hours(count.into()))?;
            let period = Period {
                name: begin.format("%Y-%m-%dT%H").to_string(),
                value: begin.format("%Y-%m-%dT%H:00:00Z").to_string(),
            };
            return Some((begin.date(), period));
        }
        Every::Day => from.checked_add_days(Days::new(count.into()))?,
        Every::Week => from.checked_add_days(Days::new(u64::from(count) * 7))?,
        // The last day of a month that is shorter.
        Every::Month => from.checked_add_months(Months::new(count))?,
    };
    let name = day.to_string();
    let value = name.clone();
    Some((day, Period { name, value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(from: &str, to: &str, every: Every) -> Vec<String> {
        let found = periods(from.parse().unwrap(), to.parse().unwrap(), every).unwrap();
        found.into_iter().map(|period| period.name).collect()
    }

    #[test]
    fn both_ends_are_included() {
        let days = names("2024-02-28", "2024-03-01", Every::Day);
        assert_eq!(days, ["2024-02-28", "2024-02-29", "2024-03-01"]);
        assert_eq!(
            names("2024-02-28", "2024-02-28", Every::Day),
            ["2024-02-28"]
        );
        let weeks = names("2024-01-01", "2024-01-15", Every::Week);
        assert_eq!(weeks, ["2024-01-01", "2024-01-08", "2024-01-15"]);
        let months = names("2024-01-31", "2024-04-01", Every::Month);
        assert_eq!(months, ["2024-01-31", "2024-02-29", "2024-03-31"]);
        let hours = names("2024-01-01", "2024-01-02", Every::Hour);
        assert_eq!((hours.len(), &*hours[47]), (48, "2024-01-02T23"));
    }

    #[test]
    fn too_many_and_none_are_refused() {
        let refused = |from: &str, to: &str| {
            let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
            periods(from, to, Every::Day).unwrap_err().to_string()
        };
        assert!(refused("2024-01-02", "2024-01-01").contains("after"));
        assert!(refused("1900-01-01", "2024-01-01").contains("10000"));
        // The last days that there are end it as well.
        let last = NaiveDate::MAX;
        assert_eq!(periods(last, last, Every::Day).unwrap().len(), 1);
    }
}
