//! What becomes of bad rows: those of an input that cannot be read, and those of a step that its transform
//! rejects or fails over.

use std::fmt;

use super::document::{Fields, Node, Problems};
use super::quantity::{clip, parse_share};

/// The keys that an input and a step have in common.
pub(super) const KEYS: [&str; 3] = ["on_error", "max_bad_rows", "max_bad_share"];

const WORDS: [(&str, OnError); 3] = [
    ("fail", OnError::Fail),
    ("skip", OnError::Skip),
    ("quarantine", OnError::Quarantine),
];

/// Bad rows where neither key bounds them. Where more rows are wrong than a person looks through, the file or the
/// transform is.
const ROWS_MAX: u64 = 1_000;

/// What is done with a bad row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// The run fails.
    Fail,
    /// The row is left out and counted.
    Skip,
    /// The row is left out, and kept beside the output with the reason.
    Quarantine,
}

impl OnError {
    /// The word for it in an application file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Skip => "skip",
            Self::Quarantine => "quarantine",
        }
    }
}

/// What becomes of the bad rows of one input or step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRows {
    /// None where the file does not say: an unreadable row and a failing transform then end the run, and what a
    /// transform rejects is left out and told.
    pub on_error: Option<OnError>,
    /// Rows that may be left out; one more ends the run.
    pub rows_max: u64,
    /// The part of all rows that may be left out, looked at once all are read.
    pub share_max: Option<Share>,
}

impl BadRows {
    /// Whether bad rows are left out rather than ending the run.
    #[must_use]
    pub const fn leaves_out(&self) -> bool {
        matches!(self.on_error, Some(OnError::Skip | OnError::Quarantine))
    }

    /// Whether bad rows are kept.
    #[must_use]
    pub const fn keeps(&self) -> bool {
        matches!(self.on_error, Some(OnError::Quarantine))
    }
}

impl Default for BadRows {
    fn default() -> Self {
        Self {
            on_error: None,
            rows_max: u64::MAX,
            share_max: None,
        }
    }
}

/// A part of a whole, to the millionth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    millionths: u64,
}

impl Share {
    /// `millionths` of a whole, at most all of it.
    #[must_use]
    pub const fn new(millionths: u64) -> Option<Self> {
        if millionths > 1_000_000 {
            return None;
        }
        Some(Self { millionths })
    }

    /// Whether `part` is more of `whole` than this.
    #[must_use]
    pub fn is_exceeded(self, part: u64, whole: u64) -> bool {
        u128::from(part) * 1_000_000 > u128::from(whole) * u128::from(self.millionths)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.millionths / 10_000, self.millionths % 10_000);
        if rest == 0 {
            return write!(f, "{whole}%");
        }
        let digits = format!("{rest:04}");
        write!(f, "{whole}.{}%", digits.trim_end_matches('0'))
    }
}

/// Reads the keys of an input or a step.
pub(super) fn read(fields: &Fields<'_>) -> Option<BadRows> {
    let problems = fields.problems;
    let on_error = fields.or("on_error", None, |node| {
        node.choice(&WORDS, problems).map(Some)
    });
    let rows = fields.or("max_bad_rows", None, |node| {
        node.integer(0, i64::MAX.unsigned_abs(), problems).map(Some)
    });
    let share_max = fields.or("max_bad_share", None, |node| {
        share(node, problems).map(Some)
    });
    let (on_error, rows, share_max) = (on_error?, rows?, share_max?);
    if !matches!(on_error, Some(OnError::Skip | OnError::Quarantine)) {
        let why = "needs `on_error = \"skip\"` or `on_error = \"quarantine\"`";
        fields.refuse(&["max_bad_rows", "max_bad_share"], why);
        return Some(BadRows {
            on_error,
            ..BadRows::default()
        });
    }
    let otherwise = if share_max.is_some() {
        u64::MAX
    } else {
        ROWS_MAX
    };
    Some(BadRows {
        on_error,
        rows_max: rows.unwrap_or(otherwise),
        share_max,
    })
}

fn share(node: &Node, problems: &Problems) -> Option<Share> {
    let text = node.string(problems)?;
    let share = parse_share(&text).and_then(Share::new);
    if share.is_none() {
        let message = format!(
            "`{}` is not a share, expected a text such as \"1%\" or \"0.05%\"",
            clip(&text)
        );
        problems.add(&node.span, message);
    }
    share
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{BadRows, OnError, Share};
    use crate::error::Result;
    use crate::spec::quantity::parse_share;
    use crate::spec::{Application, ApplicationFile};

    fn resolve(input: &str, step: &str) -> Result<Application> {
        let text = format!(
            "name = \"bad\"\n[inputs.rows]\n{input}\n[[steps]]\nname = \"check\"\nplugin = \"check.wasm\"\n{step}\n\
             [output]\nuri = \"out\"\n"
        );
        let none = BTreeMap::new();
        ApplicationFile::parse(&text, "app.toml")?.resolve("/jobs", &none, &none)
    }

    fn refused(input: &str, step: &str) -> String {
        let error = resolve(input, step).expect_err("accepted");
        let hints = error.hints().iter().map(|hint| format!("\nhint: {hint}"));
        format!("{error}{}", hints.collect::<String>())
    }

    #[test]
    fn inputs_and_steps_say_what_becomes_of_bad_rows() {
        let csv = "uri = \"rows.csv\"";
        let application = resolve(csv, "").unwrap();
        assert_eq!(application.inputs[0].bad_rows, BadRows::default());
        assert!(!application.keeps_bad_rows());
        let input = format!("{csv}\non_error = \"skip\"");
        let step = "on_error = \"quarantine\"\nmax_bad_rows = 5\nmax_bad_share = \"2.5%\"";
        let application = resolve(&input, step).unwrap();
        let skip = BadRows {
            on_error: Some(OnError::Skip),
            rows_max: 1_000,
            share_max: None,
        };
        assert_eq!(application.inputs[0].bad_rows, skip);
        let quarantine = BadRows {
            on_error: Some(OnError::Quarantine),
            rows_max: 5,
            share_max: Share::new(25_000),
        };
        assert_eq!(application.steps[0].bad_rows, quarantine);
        assert!(application.keeps_bad_rows());
        let share = resolve(csv, "on_error = \"skip\"\nmax_bad_share = \"1%\"").unwrap();
        assert_eq!(share.steps[0].bad_rows.rows_max, u64::MAX);
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let csv = "uri = \"rows.csv\"";
        let parquet = "uri = \"rows.parquet\"\non_error = \"skip\"";
        let array = "uri = \"rows.json\"\non_error = \"skip\"";
        for (input, step, told) in [
            (csv, "on_error = \"quarantin\"", "unknown value `quarantin`"),
            (csv, "on_error = \"quarantin\"", "app.toml:7:12"),
            (
                csv,
                "on_error = \"quarantin\"",
                "did you mean `quarantine`?",
            ),
            (
                csv,
                "max_bad_rows = 5",
                "`max_bad_rows` needs `on_error = \"skip\"`",
            ),
            (
                csv,
                "on_error = \"fail\"\nmax_bad_share = \"1%\"",
                "`max_bad_share` needs",
            ),
            (
                csv,
                "on_error = \"skip\"\nmax_bad_share = \"101%\"",
                "`101%` is not a share",
            ),
            (
                csv,
                "on_error = \"skip\"\nmax_bad_rows = -1",
                "max_bad_rows",
            ),
            (csv, "on_errors = \"skip\"", "did you mean `on_error`?"),
            (parquet, "", "`on_error` is for csv and ndjson only"),
            (array, "", "`on_error` is for csv and ndjson only"),
        ] {
            let error = refused(input, step);
            assert!(error.contains(told), "{told}: {error}");
        }
    }

    #[test]
    fn shares_are_exact_to_the_millionth() {
        for (text, millionths, shown) in [
            ("1%", 10_000, "1%"),
            ("0%", 0, "0%"),
            ("100 %", 1_000_000, "100%"),
            ("0.05%", 500, "0.05%"),
            ("12.3456%", 123_456, "12.3456%"),
        ] {
            let share = parse_share(text).and_then(Share::new).unwrap();
            assert_eq!(share, Share { millionths }, "{text}");
            assert_eq!(share.to_string(), shown);
        }
        for wrong in ["", "%", "1", "-1%", "100.0001%", "0.00001%", "1%%", "a%"] {
            assert_eq!(parse_share(wrong).and_then(Share::new), None, "{wrong}");
        }
    }

    #[test]
    fn a_share_is_exceeded_by_more_than_itself() {
        let percent = Share::new(10_000).unwrap();
        assert!(!percent.is_exceeded(1, 100));
        assert!(percent.is_exceeded(1, 99));
        assert!(!percent.is_exceeded(0, 0));
        assert!(percent.is_exceeded(u64::MAX, u64::MAX));
    }
}
