//! Dynamic groups: which runs belong, by application, compartment and tags.

use super::principal::{Principal, RunIdentity};
use crate::spec::clip;

/// Bytes of a rule.
pub const RULE_BYTES_MAX: usize = 4_096;

/// How deep `all` and `any` nest.
pub const RULE_DEPTH_MAX: usize = 8;

/// Which runs belong: `all { application = 'sales-etl', any { tag.env = 'prod', tag.env = 'test' } }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule(Term);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    All(Vec<Self>),
    Any(Vec<Self>),
    Is {
        variable: Variable,
        value: String,
        negated: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Variable {
    Application,
    Compartment,
    Submitter,
    Tag(String),
}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    ///
    /// Says what was expected and what stands there.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > RULE_BYTES_MAX {
            return Err(format!("rule is longer than {RULE_BYTES_MAX} bytes"));
        }
        let mut reader = Reader(text);
        let term = reader.term(0)?;
        if reader.0.trim().is_empty() {
            Ok(Self(term))
        } else {
            Err(reader.expected("the end of the rule"))
        }
    }

    /// Whether a principal belongs. A user never does.
    #[must_use]
    pub fn matches(&self, principal: &Principal) -> bool {
        match principal {
            Principal::User(_) => false,
            Principal::Run(run) => self.0.holds(run),
        }
    }
}

impl Term {
    fn holds(&self, run: &RunIdentity) -> bool {
        match self {
            Self::All(terms) => terms.iter().all(|term| term.holds(run)),
            Self::Any(terms) => terms.iter().any(|term| term.holds(run)),
            // What is not there is neither equal nor unequal.
            Self::Is {
                variable,
                value,
                negated,
            } => variable
                .of(run)
                .is_some_and(|found| (found == value) != *negated),
        }
    }
}

impl Variable {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "application" => Some(Self::Application),
            "compartment" => Some(Self::Compartment),
            "submitter" => Some(Self::Submitter),
            _ => {
                let key = word.strip_prefix("tag.").filter(|key| !key.is_empty())?;
                Some(Self::Tag(key.to_owned()))
            }
        }
    }

    fn of<'a>(&self, run: &'a RunIdentity) -> Option<&'a str> {
        let value = match self {
            Self::Application => &run.application,
            Self::Compartment => &run.compartment,
            Self::Submitter => &run.submitter,
            Self::Tag(key) => return run.tags.get(key).map(String::as_str),
        };
        (!value.is_empty()).then_some(value)
    }
}

/// What is left of a rule.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn term(&mut self, depth: usize) -> Result<Term, String> {
        let word = self.word();
        if !matches!(word, "all" | "any") {
            return self.comparison(word);
        }
        if depth == RULE_DEPTH_MAX {
            return Err(format!("rule nests deeper than {RULE_DEPTH_MAX}"));
        }
        self.take('{')?;
        let mut terms = vec![self.term(depth + 1)?];
        while self.take(',').is_ok() {
            terms.push(self.term(depth + 1)?);
        }
        self.take('}')?;
        Ok(if word == "all" {
            Term::All(terms)
        } else {
            Term::Any(terms)
        })
    }

    fn comparison(&mut self, word: &str) -> Result<Term, String> {
        let Some(variable) = Variable::parse(word) else {
            let what = "`all {`, `any {`, `application`, `compartment`, `submitter` or `tag.KEY`";
            if word.is_empty() {
                return Err(self.expected(what));
            }
            return Err(format!("`{}` stands where {what} is expected", clip(word)));
        };
        let negated = self.take('!').is_ok();
        self.take('=')?;
        self.take('\'')?;
        let Some((value, rest)) = self.0.split_once('\'') else {
            return Err(self.expected("a value in `'`"));
        };
        self.0 = rest;
        Ok(Term::Is {
            variable,
            value: value.to_owned(),
            negated,
        })
    }

    fn word(&mut self) -> &'a str {
        let rest = self.0.trim_start();
        let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let (word, rest) = rest.split_at(rest.find(|c| !legal(c)).unwrap_or(rest.len()));
        self.0 = rest;
        word
    }

    fn take(&mut self, wanted: char) -> Result<(), String> {
        match self.0.trim_start().strip_prefix(wanted) {
            Some(rest) => {
                self.0 = rest;
                Ok(())
            }
            None => Err(self.expected(&format!("`{wanted}`"))),
        }
    }

    fn expected(&self, what: &str) -> String {
        match self.0.trim_start() {
            "" => format!("rule ends where {what} is expected"),
            rest => format!("`{}` stands where {what} is expected", clip(rest)),
        }
    }
}
