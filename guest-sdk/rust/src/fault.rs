//! Why a transform cannot go on.

use std::fmt;

/// Why a transform cannot go on; the run ends with its message.
///
/// A single row that cannot be processed is no fault: see [`Output::reject`](crate::Output::reject).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The parameters or the input schema do not fit: the run fails before any data is read.
    Invalid(String),
    /// The data cannot be processed.
    Data(String),
    /// Worth another try, as a dependency did not answer.
    Transient(String),
}

impl Fault {
    /// The parameters or the input schema do not fit.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    /// The data cannot be processed.
    pub fn data(message: impl Into<String>) -> Self {
        Self::Data(message.into())
    }

    /// Worth another try.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::Transient(message.into())
    }

    /// What went wrong, for the person who runs the transform.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::Invalid(message) | Self::Data(message) | Self::Transient(message) => message,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.message())
    }
}

impl std::error::Error for Fault {}

impl From<arrow_schema::ArrowError> for Fault {
    fn from(error: arrow_schema::ArrowError) -> Self {
        Self::Data(error.to_string())
    }
}

/// Names what exists, and the nearest to `wanted`, for an error about a name that does not.
#[expect(
    single_use_lifetimes,
    reason = "an argument of an unnamed type needs it"
)]
pub(crate) fn names_hint<'a>(
    wanted: &str,
    existing: impl Iterator<Item = &'a str> + Clone,
) -> String {
    let nearest = existing
        .clone()
        .map(|name| {
            (
                strsim::damerau_levenshtein(&wanted.to_lowercase(), &name.to_lowercase()),
                name,
            )
        })
        .min()
        .filter(|(distance, _)| *distance <= 1 + wanted.len() / 3);
    let list = quoted(existing);
    match nearest {
        Some((_, name)) => format!("did you mean `{name}`? {list}"),
        None => list,
    }
}

/// At most this many names are listed in an error, so that a wide schema stays readable.
const NAMES_MAX: usize = 40;

#[expect(
    single_use_lifetimes,
    reason = "an argument of an unnamed type needs it"
)]
fn quoted<'a>(names: impl Iterator<Item = &'a str> + Clone) -> String {
    let n_names = names.clone().count();
    if n_names == 0 {
        return "there are none".to_owned();
    }
    let listed: Vec<_> = names
        .take(NAMES_MAX)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = n_names.saturating_sub(NAMES_MAX);
    let tail = if more == 0 {
        String::new()
    } else {
        format!(" and {more} more")
    };
    format!("there are {}{tail}", listed.join(", "))
}
