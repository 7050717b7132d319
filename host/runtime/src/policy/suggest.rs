//! From what was used, or will be, to the fewest statements that allow it and nothing else.
//!
//! How far a statement reaches beyond what it was made of:
//!
//! * an object below a folder that was listed is allowed as all in that folder, as what is there changes;
//! * what is written otherwise is allowed as all in its folder, as a run makes up the names of its files; folders such
//!   as `date=2026-11-22` belong to the name;
//! * other objects are named one by one, up to [`NAMED_MAX`] of one folder and action; above, all in the folder;
//! * requests over HTTP are held to their host, scheme, methods and paths, paths as objects; addresses change and are
//!   not part of it;
//! * a secret is held to the hosts that it was sent to; everything else is named.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::audit::Decided;
use super::file::{PolicyFile, Syntax};
use super::need::Need;
use super::request::Context;
use super::resource::{Pattern, Resource};
use super::vocabulary::{Action, ResourceKind};
use super::{Layer, VALUES_MAX};
use crate::error::{Error, Result};

/// Objects of one folder that are named one by one.
pub const NAMED_MAX: usize = 8;

/// Something that was done, or will be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Use {
    action: Action,
    resource: Resource,
    /// Whether all that is in the folder is meant.
    within: bool,
    context: Vec<(&'static str, String)>,
}

impl Use {
    /// What an audit tells of something that was allowed; none where nobody has to allow it.
    ///
    /// # Errors
    ///
    /// Fails where the texts are not those of an audit of ours.
    pub fn of(decided: &Decided) -> Result<Option<Self>> {
        let action = Action::parse(&decided.action)
            .ok_or_else(|| Error::input(format!("there is no action `{}`", decided.action)))?;
        if action.is_given() {
            return Ok(None);
        }
        let mut known = decided.context.iter();
        let context = known.try_fold(Context::default(), |context, (key, value)| {
            context.with(action, key, value)
        })?;
        Ok(Some(Self {
            action,
            within: false,
            resource: Resource::parse(&decided.resource, action)?,
            context: context.entries().collect(),
        }))
    }
}

impl From<&Need> for Use {
    fn from(need: &Need) -> Self {
        Self {
            action: need.action,
            resource: need.resource.clone(),
            within: need.within,
            context: need.context.entries().collect(),
        }
    }
}

/// Statements, and what none can say.
#[derive(Clone, Debug)]
pub struct Suggestion {
    /// The statements.
    pub file: PolicyFile,
    /// Resources whose names no statement can carry, as they have a `*`, a `?` or a `${`.
    pub unsayable: Vec<String>,
}

/// By operators, then keys: values.
type Condition = BTreeMap<&'static str, BTreeMap<&'static str, BTreeSet<String>>>;

/// An action on what a pattern names, under a condition.
type Grant = (Action, String, Condition);

/// The fewest statements of `layer` that allow the runs of each application all of its uses.
///
/// # Errors
///
/// Fails where the name of an application is malformed, or there are more statements than a file may have.
pub fn suggest<'a>(
    layer: Layer,
    applications: impl IntoIterator<Item = (&'a str, &'a [Use])>,
) -> Result<Suggestion> {
    let mut unsayable = BTreeSet::new();
    let mut statements = Vec::new();
    for (application, uses) in applications {
        let mut grants = Vec::new();
        objects(uses, &mut grants, &mut unsayable);
        requests(uses, &mut grants);
        named(uses, &mut grants);
        let merged = merge(grants).into_iter();
        statements.extend(merged.map(|merged| statement(application, merged)));
    }
    let text = json!({ "layer": layer, "statement": statements }).to_string();
    Ok(Suggestion {
        file: PolicyFile::parse(&text, "suggested", Syntax::Json, None)?,
        unsayable: unsayable.into_iter().collect(),
    })
}

fn of_kind(uses: &[Use], kind: ResourceKind) -> impl Iterator<Item = &Use> {
    uses.iter().filter(move |found| found.action.kind() == kind)
}

/// What objects are named by: an object, or all in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    name: String,
    folder: bool,
}

impl Target {
    fn within(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            folder: true,
        }
    }

    /// Whether all of `other` is in this.
    fn holds(&self, other: &Self) -> bool {
        let rest = other.name.strip_prefix(&self.name);
        self.folder && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// As statements name it; none where they cannot.
    fn pattern(&self) -> Option<String> {
        let resource = Resource {
            kind: ResourceKind::Object,
            name: self.name.clone(),
            folder: self.folder,
        };
        let mut text = resource.to_string();
        let same = if self.folder {
            text = format!("{}/*", text.strip_suffix('/').unwrap_or(&text));
            Pattern::Within(self.name.clone())
        } else {
            Pattern::One(ResourceKind::Object, self.name.clone())
        };
        let is_literal = !text.contains("${") && Pattern::parse(&text) == Ok(same);
        is_literal.then_some(text)
    }
}

fn objects(uses: &[Use], grants: &mut Vec<Grant>, unsayable: &mut BTreeSet<String>) {
    let uses: Vec<&Use> = of_kind(uses, ResourceKind::Object).collect();
    let listed: BTreeSet<&str> = uses
        .iter()
        .filter(|found| found.action == Action::ObjectList)
        .map(|found| found.resource.name())
        .collect();
    let mut wanted: BTreeSet<(Action, Target)> = BTreeSet::new();
    let mut single: BTreeMap<(Action, &str), BTreeSet<&str>> = BTreeMap::new();
    for found in &uses {
        let name = found.resource.name();
        let parent = parent(name);
        let above = std::iter::successors(Some(parent), |name| {
            Some(self::parent(name)).filter(|up| up != name)
        });
        let mut above = above.filter(|folder| listed.contains(folder));
        if found.within || found.resource.folder {
            wanted.insert((found.action, Target::within(name)));
        } else if let Some(folder) = above.next() {
            wanted.insert((found.action, Target::within(folder)));
        } else if matches!(found.action, Action::ObjectHead | Action::ObjectGet) {
            single
                .entry((found.action, parent))
                .or_default()
                .insert(name);
        } else {
            wanted.insert((found.action, Target::within(without_partitions(parent))));
        }
    }
    for ((action, folder), names) in single {
        if names.len() > NAMED_MAX {
            wanted.insert((action, Target::within(folder)));
        } else {
            wanted.extend(names.into_iter().map(|name| {
                let target = Target {
                    name: name.to_owned(),
                    folder: false,
                };
                (action, target)
            }));
        }
    }
    let is_held = |(action, target): &(Action, Target)| {
        let mut others = wanted.iter();
        others.any(|(of, other)| of == action && other != target && other.holds(target))
    };
    for (action, target) in wanted.iter().filter(|wanted| !is_held(wanted)) {
        match target.pattern() {
            Some(pattern) => grants.push((*action, pattern, Condition::new())),
            None => drop(unsayable.insert(target.name.clone())),
        }
    }
}

/// The folder of a name; a bucket is its own.
fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(folder, _)| folder)
}

fn without_partitions(folder: &str) -> &str {
    let mut folder = folder;
    while let Some((above, name)) = folder.rsplit_once('/') {
        if !name.contains('=') {
            break;
        }
        folder = above;
    }
    folder
}

fn requests(uses: &[Use], grants: &mut Vec<Grant>) {
    // By host, the conditions that are equal, and paths: the methods.
    let mut hosts: BTreeMap<(Action, String, String), BTreeMap<String, BTreeSet<String>>> =
        BTreeMap::new();
    for found in of_kind(uses, ResourceKind::Host) {
        let known = |key| {
            let mut known = found.context.iter();
            let value = known.find(|(name, _)| *name == key);
            value.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let host = (
            found.action,
            found.resource.to_string(),
            known("network:scheme"),
        );
        let path = literal_path(&known("network:path"));
        let methods = hosts.entry(host).or_default().entry(path).or_default();
        methods.insert(known("network:method"));
    }
    for ((action, host, scheme), paths) in hosts {
        let mut by_methods: BTreeMap<BTreeSet<String>, BTreeSet<String>> = BTreeMap::new();
        for (path, methods) in few(paths) {
            by_methods.entry(methods).or_default().insert(path);
        }
        for (methods, paths) in by_methods {
            let paths: Vec<String> = paths.into_iter().collect();
            for paths in paths.chunks(VALUES_MAX) {
                let mut condition = Condition::new();
                demand(
                    &mut condition,
                    "StringEquals",
                    "network:scheme",
                    [scheme.clone()],
                );
                demand(
                    &mut condition,
                    "StringEquals",
                    "network:method",
                    methods.clone(),
                );
                demand(&mut condition, "StringLike", "network:path", paths.to_vec());
                grants.push((action, host.clone(), condition));
            }
        }
    }
}

/// Adds what has to hold; what is not known is no demand.
fn demand(
    condition: &mut Condition,
    operator: &'static str,
    key: &'static str,
    values: impl IntoIterator<Item = String>,
) {
    let values: BTreeSet<String> = values
        .into_iter()
        .filter(|value| !value.is_empty())
        .collect();
    if !values.is_empty() {
        condition.entry(operator).or_default().insert(key, values);
    }
}

/// A path, or where a condition would take part of it for a pattern, all below the folder before that.
fn literal_path(path: &str) -> String {
    let Some(at) = path.find(['*', '?', '$']) else {
        return path.to_owned();
    };
    let folder = path.get(..at).and_then(|path| path.rsplit_once('/'));
    format!("{}/*", folder.map_or("", |(folder, _)| folder))
}

/// Of many paths in one folder, the folder.
fn few(paths: BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, BTreeSet<String>> {
    let mut folders: BTreeMap<String, usize> = BTreeMap::new();
    for path in paths.keys() {
        *folders.entry(parent(path).to_owned()).or_default() += 1;
    }
    let mut few: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, methods) in paths {
        let folder = parent(&path);
        let path = match folders.get(folder) {
            Some(count) if *count > NAMED_MAX => format!("{folder}/*"),
            _ => path,
        };
        few.entry(path).or_default().extend(methods);
    }
    few
}

/// What is neither object nor host.
fn named(uses: &[Use], grants: &mut Vec<Grant>) {
    let mut hosts: BTreeMap<(Action, String), BTreeSet<String>> = BTreeMap::new();
    for found in uses {
        if matches!(
            found.action.kind(),
            ResourceKind::Object | ResourceKind::Host
        ) {
            continue;
        }
        let known = found.context.iter();
        let host = known.filter(|(key, _)| *key == "secret:host");
        let entry = hosts.entry((found.action, found.resource.to_string()));
        entry
            .or_default()
            .extend(host.map(|(_, host)| host.clone()));
    }
    for ((action, resource), hosts) in hosts {
        let hosts: Vec<String> = hosts.into_iter().collect();
        let mut chunks: Vec<&[String]> = hosts.chunks(VALUES_MAX).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        for hosts in chunks {
            let mut condition = Condition::new();
            demand(
                &mut condition,
                "StringEquals",
                "secret:host",
                hosts.to_vec(),
            );
            grants.push((action, resource.clone(), condition));
        }
    }
}

/// Actions, patterns and the condition of a statement.
type Merged = (Vec<Action>, Vec<String>, Condition);

/// One statement for all actions on a resource, and one for all resources with the same actions.
fn merge(grants: Vec<Grant>) -> Vec<Merged> {
    let mut by_resource: BTreeMap<(String, Condition), BTreeSet<Action>> = BTreeMap::new();
    for (action, pattern, condition) in grants {
        by_resource
            .entry((pattern, condition))
            .or_default()
            .insert(action);
    }
    let mut by_actions: BTreeMap<(Vec<Action>, Condition), Vec<String>> = BTreeMap::new();
    for ((pattern, condition), actions) in by_resource {
        let actions = actions.into_iter().collect();
        by_actions
            .entry((actions, condition))
            .or_default()
            .push(pattern);
    }
    let statements = by_actions.into_iter();
    let statements = statements.flat_map(|((actions, condition), patterns)| {
        let chunks: Vec<Merged> = patterns
            .chunks(VALUES_MAX)
            .map(|chunk| (actions.clone(), chunk.to_vec(), condition.clone()))
            .collect();
        chunks
    });
    statements.collect()
}

fn statement(application: &str, (actions, patterns, condition): Merged) -> Value {
    let one_or_more = |texts: Vec<String>| match texts.as_slice() {
        [one] => json!(one),
        texts => json!(texts),
    };
    let actions = actions.iter().map(ToString::to_string).collect();
    let mut fields = Map::from_iter([
        ("effect".to_owned(), json!("allow")),
        (
            "principal".to_owned(),
            json!(format!("application:{application}")),
        ),
        ("action".to_owned(), one_or_more(actions)),
        ("resource".to_owned(), one_or_more(patterns)),
    ]);
    let operators = condition.into_iter().map(|(operator, keys)| {
        let keys = keys.into_iter();
        let keys =
            keys.map(|(key, values)| (key.to_owned(), one_or_more(values.into_iter().collect())));
        (operator.to_owned(), Value::Object(keys.collect()))
    });
    let operators: Map<String, Value> = operators.collect();
    if !operators.is_empty() {
        fields.insert("condition".to_owned(), operators.into());
    }
    fields.into()
}

#[cfg(test)]
mod tests;
