//! A statement as people write it, checked and not yet compiled.

use super::condition::{self, Condition};
use super::mask::Mask;
use super::principal::Who;
use super::resource::Pattern;
use super::variables::{Scope, Unresolved, has_any};
use super::vocabulary::{Action, ResourceKind};
use super::{Layer, VALUES_MAX};
use crate::spec::{Fields, Kind, Node, Problems, clip, nearest};

const KEYS: [&str; 7] = [
    "sid",
    "effect",
    "principal",
    "action",
    "resource",
    "mask",
    "condition",
];

/// Bytes of a statement's id.
pub const SID_BYTES_MAX: usize = 64;

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

impl Effect {
    const WORDS: [(&'static str, Self); 2] = [("allow", Self::Allow), ("deny", Self::Deny)];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// A statement; its texts are as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) sid: String,
    pub(super) effect: Effect,
    pub(super) principals: Vec<Who>,
    pub(super) actions: Vec<String>,
    pub(super) resources: Vec<String>,
    /// What is left of a column that it denies; none where it says nothing of that.
    pub(super) mask: Option<Mask>,
    pub(super) conditions: Vec<Condition>,
}

impl Statement {
    /// Reads the statement of this number, from one.
    pub(super) fn read(
        node: &Node,
        number: usize,
        layer: Layer,
        problems: &Problems,
    ) -> Option<Self> {
        let fields = Fields::new(node, &node.span, "the statement", &KEYS, problems)?;
        let sid = fields.or("sid", format!("#{number}"), |node| read_sid(node, problems));
        let effect = fields
            .required("effect")
            .and_then(|node| node.choice(&Effect::WORDS, problems));
        let principals = if layer.is_of_one_run() && fields.get("principal").is_none() {
            Some(vec![Who::Any])
        } else {
            fields
                .required("principal")
                .and_then(|node| each(node, problems, Who::parse))
        };
        let actions = fields.required("action").and_then(|node| {
            each(node, problems, |text| {
                let known = actions_of(text)?;
                if known.is_empty() {
                    return Err(unknown_action(text));
                }
                Ok(text.to_owned())
            })
        });
        let resources = fields
            .required("resource")
            .and_then(|node| each(node, problems, check_resource));
        let mask = fields.or("mask", None, |node| read_mask(node, problems).map(Some));
        let conditions = fields.or("condition", Vec::new(), |node| {
            condition::read(node, problems)
        });
        let statement = Self {
            sid: sid?,
            effect: effect?,
            principals: principals?,
            actions: actions?,
            resources: resources?,
            mask: mask?,
            conditions: conditions?,
        };
        statement.check(node, problems).then_some(statement)
    }

    /// What no field shows alone: actions that no resource takes, keys that no action carries.
    fn check(&self, node: &Node, problems: &Problems) -> bool {
        let mut fine = true;
        let Ok(patterns) = self.patterns(Scope::Check) else {
            return false;
        };
        for (text, pattern) in self.resources.iter().zip(&patterns) {
            if self.actions_on(pattern).is_empty() {
                let message = format!("none of the actions acts on `{}`", clip(text));
                problems.add(&node.span, message);
                fine = false;
            }
        }
        for text in &self.actions {
            let known = actions_of(text).unwrap_or_default();
            let acts = |action: &Action| patterns.iter().any(|pattern| fits(pattern, *action));
            if !known.iter().any(acts) {
                let message = format!("`{}` acts on none of the resources", clip(text));
                problems.add(&node.span, message);
                fine = false;
            }
        }
        for condition in &self.conditions {
            let carries = |action: &Action| condition.key.applies_to(*action);
            let mut actions = patterns.iter().flat_map(|pattern| self.actions_on(pattern));
            if fine && !actions.any(|action| carries(&action)) {
                let message = format!(
                    "none of the actions carries `{}`: the condition would never hold",
                    clip(&condition.key_name)
                );
                problems.add(&node.span, message);
                fine = false;
            }
        }
        if fine && self.mask.is_some() && !self.denies_columns_alone(&patterns) {
            let message = "`mask` stands in a statement that denies another action than `column:read`, or that allows";
            problems.add(&node.span, message);
            fine = false;
        }
        fine
    }

    fn denies_columns_alone(&self, patterns: &[Pattern]) -> bool {
        let mut actions = patterns.iter().flat_map(|pattern| self.actions_on(pattern));
        self.effect == Effect::Deny && actions.all(|action| action == Action::ColumnRead)
    }

    /// The resources, with variables replaced.
    pub(super) fn patterns(&self, scope: Scope<'_>) -> Result<Vec<Pattern>, Unresolved> {
        self.resources
            .iter()
            .map(|text| Pattern::parse(&scope.expand_name(text)?).map_err(Unresolved))
            .collect()
    }

    /// The actions that a resource of this pattern takes, in order.
    pub(super) fn actions_on(&self, pattern: &Pattern) -> Vec<Action> {
        let texts = self.actions.iter();
        let mut actions: Vec<Action> = texts
            .flat_map(|text| actions_of(text).unwrap_or_default())
            .filter(|action| fits(pattern, *action))
            .collect();
        actions.sort_unstable();
        actions.dedup();
        actions
    }

    /// Whether any text of it varies with who asks.
    pub(super) fn has_variables(&self) -> bool {
        self.resources.iter().any(|text| has_any(text))
            || self.conditions.iter().any(Condition::has_variables)
    }
}

/// Whether a pattern can name what the action acts on.
fn fits(pattern: &Pattern, action: Action) -> bool {
    // A single object is not listed, and a text with `*` names folders only as far as it goes.
    if action.takes_folder() {
        let single = matches!(pattern, Pattern::One(ResourceKind::Object, _));
        let vague = matches!(pattern, Pattern::Glob(ResourceKind::Object, _));
        if single || vague && action == Action::ColumnRead {
            return false;
        }
    }
    pattern.kind().is_none_or(|kind| kind == action.kind())
}

/// The actions that a text names: one, or all that match its `*`.
fn actions_of(text: &str) -> Result<Vec<Action>, String> {
    if text.contains('?') {
        return Err(format!(
            "`{}` has a `?`, expected names and `*`",
            clip(text)
        ));
    }
    let matches = |action: &Action| matches_glob(text, action.as_str());
    Ok(Action::ALL.iter().copied().filter(matches).collect())
}

/// Whether a text with `*` matches a name.
fn matches_glob(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(start) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        // The first place is as good as any other.
        let Some((_, after)) = name.split_once(part) else {
            return false;
        };
        name = after;
    }
    name.ends_with(end)
}

fn unknown_action(text: &str) -> String {
    let known = Action::ALL.iter().map(|action| action.as_str());
    let hint = nearest(text, known).map(|name| format!(", did you mean `{name}`?"));
    format!(
        "unknown action `{}`{}",
        clip(text),
        hint.unwrap_or_default()
    )
}

fn check_resource(text: &str) -> Result<String, String> {
    let expanded = Scope::Check.expand_name(text).map_err(|cause| cause.0)?;
    // Which kind of thing is meant must not be a value's choice.
    let kind = text.split_once(':').map_or(text, |(kind, _)| kind);
    if has_any(kind) {
        return Err(format!("`{}` has a variable in its kind", clip(text)));
    }
    Pattern::parse(&expanded)?;
    Ok(text.to_owned())
}

fn read_mask(node: &Node, problems: &Problems) -> Option<Mask> {
    let mask = Mask::parse(&node.string(problems)?);
    let mask = mask.map_err(|message| problems.add(&node.span, message));
    mask.ok()
}

fn read_sid(node: &Node, problems: &Problems) -> Option<String> {
    let text = node.string(problems)?;
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if (1..=SID_BYTES_MAX).contains(&text.len()) && text.chars().all(legal) {
        return Some(text);
    }
    let message = format!(
        "sid `{}` is malformed, expected 1 to {SID_BYTES_MAX} letters, digits, `.`, `_`, `-`",
        clip(&text)
    );
    problems.add(&node.span, message);
    None
}

/// One text or several, each read.
fn each<T>(
    node: &Node,
    problems: &Problems,
    read: impl Fn(&str) -> Result<T, String>,
) -> Option<Vec<T>> {
    let nodes = match &node.kind {
        Kind::Array(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if nodes.is_empty() || nodes.len() > VALUES_MAX {
        let message = format!("{} values, expected 1 to {VALUES_MAX}", nodes.len());
        problems.add(&node.span, message);
        return None;
    }
    let read_one = |node: &Node| {
        let text = node.string(problems)?;
        read(&text)
            .map_err(|message| problems.add(&node.span, message))
            .ok()
    };
    let values: Vec<_> = nodes.iter().map(read_one).collect();
    values.into_iter().collect()
}
