//! Numbers the sessions of users: a session ends with a gap in time.

mod session;
mod time;

use serde::Deserialize;
use sluicegate_guest::array::builder::StringBuilder;
use sluicegate_guest::prelude::*;

use session::{Sessions, User};
use time::{Times, Unit};

/// What an application may set.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct Params {
    /// The column that tells users apart, text or integers.
    user: String,
    /// The column of event times, timestamps or integers.
    time: String,
    /// What an integer time counts.
    time_unit: Unit,
    /// A longer pause than this starts a new session.
    gap_minutes: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            user: "user".to_owned(),
            time: "time".to_owned(),
            time_unit: Unit::default(),
            gap_minutes: 30.0,
        }
    }
}

/// Keeps the last session of every user that it saw.
#[derive(Debug)]
pub struct Sessionize {
    user: User,
    time: Column<Times>,
    time_type: DataType,
    sessions: Sessions,
}

impl Transform for Sessionize {
    type Params = Params;

    fn bind(plan: &mut Plan, params: Params) -> Result<Self, Fault> {
        let (user, time) = (User::read(plan, &params.user)?, plan.read(&params.time)?);
        let time_type = plan.field(&params.time)?.data_type().clone();
        plan.pass_all()
            .compute(Field::new("session_id", DataType::Utf8, false))
            .compute(Field::new("session_start", time_type.clone(), false));
        let unit = Unit::of(&time_type).unwrap_or(params.time_unit);
        Ok(Self {
            user,
            time,
            time_type,
            sessions: Sessions::new(unit.ticks(params.gap_minutes)?),
        })
    }

    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Fault> {
        let (users, times) = (self.user.names(batch), batch.column(self.time));
        let mut ids = StringBuilder::with_capacity(batch.n_rows(), batch.n_rows() * 16);
        let mut starts = Vec::with_capacity(batch.n_rows());
        let mut kept = Vec::with_capacity(batch.n_rows());
        for row in 0..batch.n_rows() {
            let (user, time) = (users.get(row), times.get(row));
            kept.push(user.is_some() && time.is_some());
            match (user, time) {
                (Some(user), Some(time)) => {
                    let session = self
                        .sessions
                        .at(user, time)
                        .map_err(|fault| fault.in_row(row))?;
                    session.write_id(user, &mut ids);
                    starts.push(session.start);
                }
                (None, _) => out.reject(row, "the user is null"),
                (_, None) => out.reject(row, "the time is null"),
            }
        }
        let starts = time::array(&self.time_type, starts);
        out.filter(
            &kept.into_iter().collect::<Filter>(),
            &[&ids.finish(), &starts],
        )
    }
}

sluicegate_guest::export!(Sessionize);

#[cfg(test)]
mod tests;
