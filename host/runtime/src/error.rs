//! The one error type of the runtime: what failed, where, why, and what to do about it.

use std::error::Error as StdError;
use std::fmt;

/// Who has to act on an error.
///
/// Each kind has one exit code, listed in the README, and later one HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The application file, a parameter or the data is wrong.
    Input,
    /// The plugin is not a component, speaks another contract, or imports what is not offered.
    Plugin,
    /// The transform returned a fault of its own.
    Guest,
    /// The transform crashed or broke the contract.
    Trap,
    /// A limit was reached.
    Limit,
    /// A policy refused the access.
    Policy,
    /// Storage failed or refused.
    Storage,
    /// Somebody else wrote to the output meanwhile.
    Conflict,
    /// Columns or rows are not what the application says that they are.
    Contract,
    /// The run was cancelled.
    Cancelled,
    /// A bug in Sluicegate.
    Internal,
}

impl ErrorKind {
    /// The word for this kind in machine-readable output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Plugin => "plugin",
            Self::Guest => "guest",
            Self::Trap => "trap",
            Self::Limit => "limit",
            Self::Policy => "policy",
            Self::Storage => "storage",
            Self::Conflict => "conflict",
            Self::Contract => "contract",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }

    /// The exit code of a process that ends with an error of this kind.
    ///
    /// Two is left to wrong command lines.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Input => 3,
            Self::Plugin => 4,
            Self::Guest => 5,
            Self::Trap => 6,
            Self::Limit => 7,
            Self::Policy => 8,
            Self::Storage => 9,
            Self::Conflict => 11,
            Self::Contract => 10,
            Self::Cancelled => 130,
        }
    }
}

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error for the person who must act.
///
/// Displays as a lowercase fragment without a final period, outermost context first, joined by `: `.
/// Hints, and facts such as the step or the batch, are kept apart from the text.
#[derive(Debug)]
pub struct Error(Box<Repr>);

#[derive(Debug)]
struct Repr {
    kind: ErrorKind,
    transient: bool,
    /// Innermost first.
    messages: Vec<String>,
    hints: Vec<String>,
    facts: Vec<(&'static str, String)>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind` that says `message`.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Repr {
            kind,
            transient: false,
            messages: vec![message.into()],
            hints: Vec::new(),
            facts: Vec::new(),
            source: None,
        }))
    }

    /// Something that the user gave is wrong.
    #[must_use]
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, message)
    }

    /// Storage failed or refused.
    #[must_use]
    pub fn storage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Storage, message)
    }

    /// A bug in Sluicegate.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// The limit `name` was reached; `raise` says how to raise it.
    #[must_use]
    pub fn limit(name: &'static str, limit: impl fmt::Display, raise: impl Into<String>) -> Self {
        Self::new(
            ErrorKind::Limit,
            format!("limit `{name}` of {limit} reached"),
        )
        .fact("limit", name)
        .hint(raise)
    }

    /// The limit with the key `name` of an application's `[limits]` was reached.
    #[must_use]
    pub fn limit_key(name: &'static str, limit: impl fmt::Display) -> Self {
        let flag = name.replace('_', "-");
        let raise = format!(
            "if the transform is right to need more, raise `{name}` under `[limits]` in the application file, or \
             pass `--limit-{flag}`"
        );
        Self::limit(name, limit, raise)
    }

    /// Says what was being done: the new outermost part of the text.
    #[must_use]
    pub fn context(mut self, doing: impl Into<String>) -> Self {
        self.0.messages.push(doing.into());
        self
    }

    /// Says that the reason may pass: the same, done again later, may succeed.
    #[must_use]
    pub fn passing(mut self) -> Self {
        self.0.transient = true;
        self
    }

    /// Whether the reason may pass.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hints.push(hint.into());
        self
    }

    /// Attaches a machine-readable fact, such as `("step", "mask")`.
    #[must_use]
    pub fn fact(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.0.facts.push((name, value.to_string()));
        self
    }

    /// Keeps the error that caused this one; its text is not repeated in this one's.
    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// A copy without the source, for an error that several owners share.
    #[must_use]
    pub fn to_shared(&self) -> Self {
        Self(Box::new(Repr {
            kind: self.0.kind,
            transient: self.0.transient,
            messages: self.0.messages.clone(),
            hints: self.0.hints.clone(),
            facts: self.0.facts.clone(),
            source: None,
        }))
    }

    /// The same with every text changed: what was said, hints and facts. The source, whose text nobody changed, is gone.
    #[must_use]
    pub fn map_texts(&self, change: impl Fn(&str) -> String) -> Self {
        let mut changed = self.to_shared();
        let texts = changed.0.messages.iter_mut().chain(&mut changed.0.hints);
        for text in texts.chain(changed.0.facts.iter_mut().map(|(_, value)| value)) {
            *text = change(text);
        }
        changed
    }

    /// The innermost part of the text: what went wrong, without what was being done.
    #[must_use]
    pub fn message(&self) -> &str {
        self.0.messages.first().map_or("", String::as_str)
    }

    /// Who has to act.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What to do about it, in the order of likelihood.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.0.hints
    }

    /// Machine-readable facts.
    #[must_use]
    pub fn facts(&self) -> &[(&'static str, String)] {
        &self.0.facts
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, message) in self.0.messages.iter().rev().enumerate() {
            if i > 0 {
                f.write_str(": ")?;
            }
            f.write_str(message)?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// Adds context to a result.
pub trait ResultExt<T> {
    /// Says what was being done when this failed.
    fn context(self, doing: impl Into<String>) -> Result<T>;

    /// As `context`, worked out only when it is needed.
    fn with_context<S: Into<String>>(self, doing: impl FnOnce() -> S) -> Result<T>;
}

impl<T, E: Into<Error>> ResultExt<T> for std::result::Result<T, E> {
    fn context(self, doing: impl Into<String>) -> Result<T> {
        self.map_err(|error| error.into().context(doing))
    }

    fn with_context<S: Into<String>>(self, doing: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|error| error.into().context(doing()))
    }
}
