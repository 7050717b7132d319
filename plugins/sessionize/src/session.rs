//! Users and their sessions.

use std::collections::HashMap;
use std::fmt::Write as _;

use sluicegate_guest::array::builder::StringBuilder;
use sluicegate_guest::prelude::*;

/// The column that tells users apart.
#[derive(Clone, Copy, Debug)]
pub enum User {
    /// Users that are named.
    Text(Column<Text>),
    /// Users that are numbered.
    Integers(Column<Integers>),
}

impl User {
    /// Reads the column of this name.
    pub fn read(plan: &mut Plan, name: &str) -> Result<Self, Fault> {
        match plan.field(name)?.data_type().is_integer() {
            true => plan.read(name).map(Self::Integers),
            false => plan.read(name).map(Self::Text),
        }
    }

    /// The users of a batch.
    pub fn names(self, batch: &Batch) -> Names {
        match self {
            Self::Text(column) => Names::Text(batch.column(column)),
            Self::Integers(column) => {
                let numbers = batch.column(column);
                Names::Numbers(
                    numbers
                        .iter()
                        .map(|number| number.map(|number| number.to_string()))
                        .collect(),
                )
            }
        }
    }
}

/// The users of a batch, by row.
#[derive(Debug)]
pub enum Names {
    Text(Text),
    Numbers(Vec<Option<String>>),
}

impl Names {
    /// The user of a row; `None` for null.
    pub fn get(&self, row: usize) -> Option<&str> {
        match self {
            Self::Text(names) => names.get(row),
            Self::Numbers(names) => names.get(row)?.as_deref(),
        }
    }
}

/// The last session of every user.
#[derive(Debug)]
pub struct Sessions {
    gap: i64,
    users: HashMap<Box<str>, Session>,
}

/// A session of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Counted from one for each user.
    pub number: u64,
    /// When it started.
    pub start: i64,
    last: i64,
}

/// A time before the one that the user had.
#[derive(Debug)]
pub struct Backwards {
    user: String,
    from: i64,
    to: i64,
}

impl Sessions {
    /// Sessions that end with a pause of more than `gap`.
    pub fn new(gap: i64) -> Self {
        Self {
            gap,
            users: HashMap::new(),
        }
    }

    /// The session of a user at a time.
    pub fn at(&mut self, user: &str, time: i64) -> Result<Session, Backwards> {
        let Some(session) = self.users.get_mut(user) else {
            let session = Session {
                number: 1,
                start: time,
                last: time,
            };
            self.users.insert(user.into(), session);
            return Ok(session);
        };
        if time < session.last {
            return Err(Backwards {
                user: user.to_owned(),
                from: session.last,
                to: time,
            });
        }
        if time.saturating_sub(session.last) > self.gap {
            *session = Session {
                number: session.number + 1,
                start: time,
                last: time,
            };
        }
        session.last = time;
        Ok(*session)
    }
}

impl Session {
    /// Appends the session's name.
    pub fn write_id(self, user: &str, ids: &mut StringBuilder) {
        // Writing to memory cannot fail.
        let _ = write!(ids, "{user}-{}", self.number);
        ids.append_value("");
    }
}

impl Backwards {
    /// The fault of the batch in whose row it happened.
    pub fn in_row(self, row: usize) -> Fault {
        let Self { user, from, to } = self;
        Fault::data(format!(
            "row {row} of the batch: the time of user `{user}` goes back from {from} to {to}; \
             set `partition_by` to the user and `order_by` to the time in this step"
        ))
    }
}
