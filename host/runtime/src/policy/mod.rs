//! Who may do what: statements of policies, and decisions.
//!
//! Text in, data out: nothing here reads a file, the environment or the clock. [`PolicyFile`] is a file of statements
//! of one [`Layer`], [`Policies`] all files together, [`Snapshot`] what they mean for one principal. A decision is
//!
//! ```text
//! denied  = a statement of any layer denies, or anything fails while it is evaluated
//! granted = the identity layer or the resource layer allows
//! bounded = platform, tenant, application and session each allow, or were not given; a run's application always is
//! allowed = granted and bounded and not denied
//! ```
//!
//! Columns are given with the object that they are in, and messages with the run; both are only taken away: for
//! `column:read` and `log:write`, `allowed = not denied`. A statement that denies a column may leave a [`Mask`] of it.
//!
//! What a decision allows is a [`Granted`], which only this module makes: code that demands one cannot be reached
//! without a decision. Statements are compiled to Cedar and decided by it; no other module knows of that.

pub mod audit;
mod cases;
mod cedar;
mod compile;
mod condition;
mod decide;
mod explain;
mod file;
mod grant;
mod guard;
mod json;
mod mask;
mod need;
mod principal;
mod request;
mod resource;
mod rule;
mod slices;
mod statement;
mod suggest;
mod variables;
mod vocabulary;
mod write;

pub use audit::{Audit, AuditLog, Record, Unaudited};
pub use cases::{CASES_MAX, CaseResult, Cases};
pub use cedar::{CEDAR_DEPTH_MAX, CEDAR_POLICY_BYTES_MAX, prepare};
pub use condition::TEXT_BYTES_MAX;
pub use decide::{Decision, LayerResult, Policies, Snapshot, StatementRef, Verdict};
pub use explain::{Explanation, NEAR_STATEMENTS_MAX, NearMiss, Part};
pub use file::{GROUPS_MAX, MEMBERS_MAX, PolicyFile, Syntax};
pub use grant::{Act, Granted};
pub use guard::Guard;
pub use json::JSON_DEPTH_MAX;
pub use mask::Mask;
pub use need::Need;
pub use principal::{NAME_BYTES_MAX, Principal, RunIdentity};
pub use request::{Context, Request};
pub use resource::{RESOURCE_BYTES_MAX, Resource, SEGMENTS_MAX, check_path};
pub use rule::{RULE_BYTES_MAX, RULE_DEPTH_MAX, Rule};
pub use statement::SID_BYTES_MAX;
pub use suggest::{NAMED_MAX, Suggestion, Use, suggest};
pub use vocabulary::{Action, ResourceKind, act};

/// Bytes of a policy file: ten thousand statements.
pub const POLICY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Statements of a file. A decision looks at each of them that names the resource.
pub const STATEMENTS_MAX: usize = 10_000;

/// Principals, actions, resources, and values of a condition, in one statement. A statement becomes a policy for each
/// principal and resource.
pub const VALUES_MAX: usize = 64;

/// Policies that the statements of a file become.
pub const POLICIES_MAX: usize = 100_000;

/// Where statements come from, and so what they can do: the outermost first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// What no tenant may leave.
    Platform,
    /// What nobody in the compartment may leave.
    Tenant,
    /// What users, groups and runs may do.
    Identity,
    /// What the owner of a bucket, a secret or a host permits.
    Resource,
    /// What an application declared that it needs. Binds runs alone.
    Application,
    /// What one run was narrowed to. Binds runs alone.
    Session,
}

impl Layer {
    /// All of them, the outermost first.
    pub const ALL: [Self; 6] = [
        Self::Platform,
        Self::Tenant,
        Self::Identity,
        Self::Resource,
        Self::Application,
        Self::Session,
    ];

    /// Its name in files and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Tenant => "tenant",
            Self::Identity => "identity",
            Self::Resource => "resource",
            Self::Application => "application",
            Self::Session => "session",
        }
    }

    /// The layer of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layer| layer.as_str() == text)
    }

    /// Whether it is about one run, so that its statements need not say whom they are about.
    const fn is_of_one_run(self) -> bool {
        matches!(self, Self::Application | Self::Session)
    }

    /// Whether it may say who is in a group: whoever owns a bucket or an application may not.
    const fn defines_groups(self) -> bool {
        matches!(self, Self::Platform | Self::Tenant | Self::Identity)
    }
}

impl std::fmt::Display for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
