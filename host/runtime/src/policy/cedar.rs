//! Cedar itself: its schema, its policies from text, their validation.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use cedar_policy::ffi::DetailedError;
use cedar_policy::{
    ActionConstraint, Effect, EntityId, EntityTypeName, EntityUid, ParseError, Policy, PolicyId,
    PolicySet, Schema, ValidationMode, Validator,
};
use serde_json::Value;

use super::STATEMENTS_MAX;
use super::compile::{MASK, NAMESPACE};
use super::mask::Mask;
use super::vocabulary::Action;
use crate::error::{Error, Result};
use crate::spec::{Problems, clip};

/// Bytes of one policy in Cedar: it is parsed and evaluated by recursion.
pub const CEDAR_POLICY_BYTES_MAX: usize = 8 * 1024;

/// How deep brackets nest in a policy in Cedar, for the same reason.
pub const CEDAR_DEPTH_MAX: usize = 32;

static VALIDATOR: LazyLock<Result<Validator, String>> = LazyLock::new(|| {
    Schema::from_cedarschema_str(include_str!("schema.cedarschema"))
        .map(|(schema, _)| Validator::new(schema))
        .map_err(|cause| cause.to_string())
});

fn validator() -> Result<&'static Validator> {
    VALIDATOR
        .as_ref()
        .map_err(|cause| Error::internal(format!("the schema of policies is malformed: {cause}")))
}

/// The one schema.
pub(super) fn schema() -> Result<&'static Schema> {
    validator().map(Validator::schema)
}

/// Types of entities that requests name. To parse the name of one takes as long as to evaluate ten policies.
static TYPES: LazyLock<BTreeMap<&str, EntityTypeName>> = LazyLock::new(|| {
    let names = [
        "Action",
        "Application",
        "Bucket",
        "Clock",
        "DynamicGroup",
        "Group",
        "Host",
        "Log",
        "Object",
        "Prefix",
        "Random",
        "Run",
        "Secret",
        "User",
    ];
    let parse = |name| Some((name, format!("{NAMESPACE}::{name}").parse().ok()?));
    names.into_iter().filter_map(parse).collect()
});

/// Makes what the first decision needs. That takes two milliseconds, mostly to build the lexers of schema and policies, which
/// a thread of its own may spend while a run reads its application.
pub fn prepare() {
    // Whoever needs them is told what is wrong with them.
    let _ = validator();
    LazyLock::force(&TYPES);
}

/// The entity of a type and a name.
pub(super) fn uid(ty: &str, name: &str) -> Result<EntityUid> {
    let ty = TYPES
        .get(ty)
        .ok_or_else(|| Error::internal(format!("`{ty}` is no type of entity")))?;
    Ok(EntityUid::from_type_name_and_id(
        ty.clone(),
        EntityId::new(name),
    ))
}

/// A policy of a syntax tree.
pub(super) fn policy(id: &str, tree: Value) -> Result<Policy> {
    Policy::from_json(Some(PolicyId::new(id)), tree)
        .map_err(|cause| Error::internal(format!("a statement was compiled wrongly: {cause}")))
}

/// What the strict validation finds: the id of the policy, and what is wrong with it.
pub(super) fn validate(policies: &[Policy]) -> Result<Vec<(String, String)>> {
    let set = PolicySet::from_policies(policies.iter().cloned())
        .map_err(|cause| Error::internal(cause.to_string()))?;
    let found = validator()?.validate(&set, ValidationMode::Strict);
    Ok(found
        .validation_errors()
        .map(|error| {
            (
                error.policy_id().to_string(),
                first_line(&error.to_string()),
            )
        })
        .collect())
}

/// The first line of what the engine says, which quotes the policy as it is.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// A policy of a file in Cedar.
#[derive(Debug)]
pub(super) struct Written {
    /// Its `@id`, or its number.
    pub(super) sid: String,
    pub(super) span: Range<usize>,
    pub(super) tree: Value,
}

/// Reads and validates a file of policies.
///
/// # Errors
///
/// Fails with every policy that is malformed or that the schema does not permit, each with its line.
pub(super) fn parse(text: &str, origin: &str) -> Result<Vec<Written>> {
    let problems = Problems::default();
    let mut written = Vec::new();
    for (number, span) in pieces(text, &problems).into_iter().enumerate() {
        if number == STATEMENTS_MAX {
            problems.add(&span, format!("more than {STATEMENTS_MAX} policies"));
            break;
        }
        let piece = text.get(span.clone()).unwrap_or_default();
        match read(piece, number + 1) {
            Ok((sid, tree)) => written.push(Written { sid, span, tree }),
            Err((at, message)) => {
                let at = at.map_or(span.clone(), |at| {
                    span.start + at.start..span.start + at.end
                });
                problems.add(&at, message);
            }
        }
    }
    problems.into_result(text, origin)?;
    Ok(written)
}

type Flaw = (Option<Range<usize>>, String);

fn read(piece: &str, number: usize) -> Result<(String, Value), Flaw> {
    let policy =
        Policy::parse(Some(PolicyId::new(number.to_string())), piece).map_err(|errors| {
            let at = errors.iter().find_map(place);
            (
                at,
                errors
                    .iter()
                    .next()
                    .map_or_else(String::new, |error| first_line(&error.to_string())),
            )
        })?;
    let sid = policy
        .annotation("id")
        .map_or_else(|| format!("#{number}"), clip);
    let whole = |message: String| (None, message);
    let flaws =
        validate(std::slice::from_ref(&policy)).map_err(|error| whole(error.to_string()))?;
    if let Some((_, flaw)) = flaws.into_iter().next() {
        return Err(whole(flaw));
    }
    if let Some(mask) = policy.annotation(MASK) {
        Mask::parse(mask).map_err(whole)?;
        if !denies_columns_alone(&policy) {
            let message = "`@mask` stands at a policy that is no `forbid` of `column:read` alone";
            return Err(whole(message.to_owned()));
        }
    }
    let tree = policy
        .to_json()
        .map_err(|cause| whole(first_line(&cause.to_string())))?;
    Ok((sid, tree))
}

/// Whether a policy denies an action, under whatever conditions.
pub(super) fn may_deny(policy: &Policy, action: Action) -> bool {
    let is = |uid: &EntityUid| uid.id().unescaped() == action.as_str();
    let covers = match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(uid) => is(&uid),
        ActionConstraint::In(uids) => uids.iter().any(is),
    };
    covers && policy.effect() == Effect::Forbid
}

fn denies_columns_alone(policy: &Policy) -> bool {
    let denied = Action::ALL
        .iter()
        .filter(|action| may_deny(policy, **action));
    denied.eq([&Action::ColumnRead])
}

/// Where a syntax error stands.
fn place(error: &ParseError) -> Option<Range<usize>> {
    let label = DetailedError::from(error)
        .source_locations
        .into_iter()
        .next()?;
    Some(label.loc.start..label.loc.end.max(label.loc.start + 1))
}

/// Each policy of a text, from its first character that is not blank to its `;`.
///
/// Knows no more of the language than strings, comments, brackets and semicolons.
fn pieces(text: &str, problems: &Problems) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let (mut start, mut depth) = (None, 0_usize);
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == '/' && chars.peek().is_some_and(|(_, next)| *next == '/') {
            while chars.next_if(|(_, c)| *c != '\n').is_some() {}
            continue;
        }
        if c.is_whitespace() {
            continue;
        }
        let from = *start.get_or_insert(at);
        match c {
            '"' => {
                while let Some((_, c)) = chars.next() {
                    match c {
                        '\\' => drop(chars.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > CEDAR_DEPTH_MAX || at - from > CEDAR_POLICY_BYTES_MAX {
            let message = format!(
                "policy nests deeper than {CEDAR_DEPTH_MAX} or is longer than {CEDAR_POLICY_BYTES_MAX} bytes"
            );
            problems.add(&(from..from + 1), message);
            return pieces;
        }
        if c == ';' && depth == 0 {
            pieces.push(from..at + 1);
            start = None;
        }
    }
    if let Some(from) = start {
        problems.add(&(from..from + 1), "policy does not end in `;`");
    }
    pieces
}
