//! Who acts: users and runs.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::{Error, Result};
use crate::spec::clip;

/// Bytes of a name.
pub const NAME_BYTES_MAX: usize = 128;

/// Who wants to act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A person, or a service that acts for itself.
    User(String),
    /// One execution of an application.
    Run(RunIdentity),
}

/// What is known of a run, none of it by its guest's choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunIdentity {
    /// The id of the run.
    pub id: String,
    /// The name of its application.
    pub application: String,
    /// Where the application belongs; may be empty.
    pub compartment: String,
    /// The user who started it; may be empty.
    pub submitter: String,
    /// The tags of the application.
    pub tags: BTreeMap<String, String>,
}

impl Principal {
    /// A user by name.
    ///
    /// # Errors
    ///
    /// Fails where the name is malformed.
    pub fn user(name: &str) -> Result<Self> {
        check_name(name).map_err(Error::input)?;
        Ok(Self::User(name.to_owned()))
    }

    /// A run.
    ///
    /// # Errors
    ///
    /// Fails where a name is malformed; compartment and submitter may be empty.
    pub fn run(identity: RunIdentity) -> Result<Self> {
        for name in [&identity.id, &identity.application] {
            check_name(name).map_err(Error::input)?;
        }
        for name in [&identity.compartment, &identity.submitter] {
            if !name.is_empty() {
                check_name(name).map_err(Error::input)?;
            }
        }
        Ok(Self::Run(identity))
    }

    /// The user's name, or the run's id.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::User(name) => name,
            Self::Run(run) => &run.id,
        }
    }

    /// The tags; a user has none.
    #[must_use]
    pub fn tags(&self) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        match self {
            Self::User(_) => &NONE,
            Self::Run(run) => &run.tags,
        }
    }

    /// The value of a variable that is no tag; none where it is empty.
    pub(super) fn attribute(&self, variable: &str) -> Option<&str> {
        let value = match (variable, self) {
            ("principal.name", _) => self.name(),
            ("run.id", Self::Run(run)) => &run.id,
            ("run.application", Self::Run(run)) => &run.application,
            ("run.compartment", Self::Run(run)) => &run.compartment,
            ("run.submitter", Self::Run(run)) => &run.submitter,
            _ => "",
        };
        (!value.is_empty()).then_some(value)
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user:{name}"),
            Self::Run(run) => write!(f, "run {} of application:{}", run.id, run.application),
        }
    }
}

/// Says what is wrong with the name of a user, a group, an application, a compartment or a run.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-@+".contains(c);
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.chars().all(legal) {
        return Ok(());
    }
    Err(format!(
        "name `{}` is malformed, expected 1 to {NAME_BYTES_MAX} letters, digits, `.`, `_`, `-`, `@`, `+`",
        clip(name)
    ))
}

/// Whom a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// `any`.
    Any,
    /// `any-user`.
    AnyUser,
    /// `any-run`, or `run`.
    AnyRun,
    /// `user:NAME`.
    User(String),
    /// `group:NAME`.
    Group(String),
    /// `dynamic-group:NAME`.
    DynamicGroup(String),
    /// `application:NAME`: its runs.
    Application(String),
}

impl Who {
    /// Reads what a statement says.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "any" | "*" => return Ok(Self::Any),
            "any-user" => return Ok(Self::AnyUser),
            "run" | "any-run" => return Ok(Self::AnyRun),
            _ => {}
        }
        let (kind, name) = text.split_once(':').unwrap_or((text, ""));
        let make = match kind {
            "user" => Self::User,
            "group" => Self::Group,
            "dynamic-group" => Self::DynamicGroup,
            "application" => Self::Application,
            _ => {
                return Err(format!(
                    "unknown principal `{}`, expected `user:NAME`, `group:NAME`, `dynamic-group:NAME`, \
                     `application:NAME`, `any-run`, `any-user` or `any`",
                    clip(text)
                ));
            }
        };
        check_name(name)?;
        Ok(make(name.to_owned()))
    }
}

impl Who {
    /// Whether a principal that is in these groups is meant.
    pub(super) fn means(&self, principal: &Principal, groups: &[String]) -> bool {
        match (self, principal) {
            (Self::Any, _)
            | (Self::AnyUser, Principal::User(_))
            | (Self::AnyRun, Principal::Run(_)) => true,
            (Self::User(name), Principal::User(user)) => name == user,
            (Self::Group(name), Principal::User(_))
            | (Self::DynamicGroup(name), Principal::Run(_)) => groups.contains(name),
            (Self::Application(name), Principal::Run(run)) => *name == run.application,
            _ => false,
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::AnyUser => f.write_str("any-user"),
            Self::AnyRun => f.write_str("any-run"),
            Self::User(name) => write!(f, "user:{name}"),
            Self::Group(name) => write!(f, "group:{name}"),
            Self::DynamicGroup(name) => write!(f, "dynamic-group:{name}"),
            Self::Application(name) => write!(f, "application:{name}"),
        }
    }
}
