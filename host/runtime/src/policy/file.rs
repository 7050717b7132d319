//! A policy file: statements of one layer, groups and dynamic groups.

use std::collections::BTreeMap;

use cedar_policy::Policy;
use serde_json::Value;

use super::cedar::{self, Written};
use super::compile::{MASK, compile};
use super::mask::Mask;
use super::principal::check_name;
use super::rule::Rule;
use super::statement::Statement;
use super::variables::{Scope, Unresolved};
use super::{Layer, POLICIES_MAX, POLICY_BYTES_MAX, STATEMENTS_MAX, json};
use crate::error::{Error, Result};
use crate::spec::{Fields, Node, Problems, format_size, parse_document};

/// Groups of a file, and dynamic groups.
pub const GROUPS_MAX: usize = 1_000;

/// Users of a group.
pub const MEMBERS_MAX: usize = 10_000;

const KEYS: [&str; 4] = ["layer", "groups", "dynamic-groups", "statement"];

/// What a policy file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// Statements in TOML.
    Toml,
    /// The same in JSON.
    Json,
    /// Policies of Cedar, of the schema of this module.
    Cedar,
}

impl Syntax {
    /// The syntax by the end of a file's name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "toml" => Some(Self::Toml),
            "json" => Some(Self::Json),
            "cedar" => Some(Self::Cedar),
            _ => None,
        }
    }
}

/// A file of statements that are known to be well-formed and to fit the schema.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    pub(super) syntax: Syntax,
    pub(super) layer: Layer,
    pub(super) groups: BTreeMap<String, Vec<String>>,
    /// As written, and as read.
    pub(super) dynamic_groups: BTreeMap<String, (String, Rule)>,
    pub(super) statements: Vec<Placed>,
}

/// A statement and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) sid: String,
    /// `file:line`.
    pub(super) place: String,
    pub(super) body: Body,
}

/// What a statement says.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Statement(Statement),
    /// A syntax tree of Cedar.
    Cedar(Value),
}

impl Body {
    /// The syntax trees that it becomes for whom `scope` is of.
    pub(super) fn compile(&self, scope: Scope<'_>) -> Result<Vec<Value>, Unresolved> {
        match self {
            Self::Statement(statement) => compile(statement, scope),
            Self::Cedar(tree) => Ok(vec![tree.clone()]),
        }
    }

    /// What is left of a column that it denies, where it says so.
    pub(super) fn mask(&self) -> Option<Mask> {
        match self {
            Self::Statement(statement) => statement.mask.clone(),
            Self::Cedar(tree) => {
                let text = tree.get("annotations")?.get(MASK)?.as_str()?;
                // It was read before; if it could not be, nothing is left.
                Some(Mask::parse(text).unwrap_or(Mask::Hide))
            }
        }
    }

    /// Whether it denies.
    pub(super) fn denies(&self) -> bool {
        match self {
            Self::Statement(statement) => statement.effect == super::statement::Effect::Deny,
            Self::Cedar(tree) => tree.get("effect").and_then(Value::as_str) != Some("permit"),
        }
    }
}

impl PolicyFile {
    /// Reads a file; `origin` names it in errors and decisions. `layer` is what the file's own `layer` says unless it
    /// is given here, and `identity` where neither does.
    ///
    /// # Errors
    ///
    /// Fails with every problem, each with its line, column and text: syntax, unknown keys and names, wrong types,
    /// statements that could never apply, and what cannot be represented. Fails above [`POLICY_BYTES_MAX`],
    /// [`STATEMENTS_MAX`] and [`POLICIES_MAX`].
    pub fn parse(text: &str, origin: &str, syntax: Syntax, layer: Option<Layer>) -> Result<Self> {
        if text.len() > POLICY_BYTES_MAX {
            let max = format_size(POLICY_BYTES_MAX as u64);
            return Err(Error::input(format!("`{origin}` is larger than {max}")));
        }
        let root = match syntax {
            Syntax::Toml => parse_document(text, origin)?,
            Syntax::Json => json::parse(text, origin)?,
            Syntax::Cedar => {
                let written = cedar::parse(text, origin)?;
                return Ok(Self::of_cedar(written, text, origin, layer));
            }
        };
        let problems = Problems::default();
        let file = Self::read(&root, Lines::new(text, origin), layer, &problems);
        let file = file.map(|file| Self { syntax, ..file });
        problems.into_result(text, origin)?;
        file.ok_or_else(|| Error::internal("policy file is neither read nor refused"))
    }

    /// The layer of its statements.
    #[must_use]
    pub const fn layer(&self) -> Layer {
        self.layer
    }

    fn of_cedar(written: Vec<Written>, text: &str, origin: &str, layer: Option<Layer>) -> Self {
        let mut lines = Lines::new(text, origin);
        let place = |found: Written| Placed {
            sid: found.sid,
            place: lines.place(found.span.start),
            body: Body::Cedar(found.tree),
        };
        Self {
            syntax: Syntax::Cedar,
            layer: layer.unwrap_or(Layer::Identity),
            groups: BTreeMap::new(),
            dynamic_groups: BTreeMap::new(),
            statements: written.into_iter().map(place).collect(),
        }
    }

    fn read(
        root: &Node,
        mut lines: Lines<'_>,
        layer: Option<Layer>,
        problems: &Problems,
    ) -> Option<Self> {
        let fields = Fields::new(root, &(0..0), "the policy file", &KEYS, problems)?;
        let words = Layer::ALL.map(|layer| (layer.as_str(), layer));
        let own = fields.or("layer", Layer::Identity, |node| {
            node.choice(&words, problems)
        })?;
        let layer = layer.unwrap_or(own);
        if !layer.defines_groups() {
            let why = "may stand in files of the layers platform, tenant and identity alone";
            fields.refuse(&["groups", "dynamic-groups"], why);
        }
        let groups = fields.or("groups", BTreeMap::new(), |node| {
            read_groups(node, problems)
        });
        let rules = fields.or("dynamic-groups", BTreeMap::new(), |node| {
            read_rules(node, problems)
        });
        let nodes = fields.or("statement", &[][..], |node| {
            node.array("statements, each under `[[statement]]`", problems)
        })?;
        if nodes.len() > STATEMENTS_MAX {
            let message = format!(
                "{} statements, expected at most {STATEMENTS_MAX}",
                nodes.len()
            );
            problems.add(&(0..0), message);
            return None;
        }
        let statements: Vec<_> = nodes
            .iter()
            .enumerate()
            .map(|(at, node)| {
                let statement = Statement::read(node, at + 1, layer, problems)?;
                Some(Placed {
                    sid: statement.sid.clone(),
                    place: lines.place(node.span.start),
                    body: Body::Statement(statement),
                })
            })
            .collect();
        let statements: Vec<Placed> = statements.into_iter().collect::<Option<_>>()?;
        refuse_twins(&statements, nodes, problems);
        validate(&statements, nodes, problems);
        Some(Self {
            syntax: Syntax::Toml,
            layer,
            groups: groups?,
            dynamic_groups: rules?,
            statements,
        })
    }
}

/// Statements of one sid: a decision would name both.
fn refuse_twins(statements: &[Placed], nodes: &[Node], problems: &Problems) {
    let mut seen = std::collections::BTreeSet::new();
    for (statement, node) in statements.iter().zip(nodes) {
        if !seen.insert(&statement.sid) {
            problems.add(
                &node.span,
                format!("a second statement `{}`", statement.sid),
            );
        }
    }
}

/// Compiles the statements and has the engine check them against the schema.
fn validate(statements: &[Placed], nodes: &[Node], problems: &Problems) {
    let mut policies: Vec<Policy> = Vec::new();
    for (at, (statement, node)) in statements.iter().zip(nodes).enumerate() {
        match statement.body.compile(Scope::Check) {
            Ok(trees) => {
                for (number, tree) in trees.into_iter().enumerate() {
                    match cedar::policy(&format!("{at}.{number}"), tree) {
                        Ok(policy) => policies.push(policy),
                        Err(error) => problems.add(&node.span, error.to_string()),
                    }
                }
            }
            Err(cause) => problems.add(&node.span, cause.0),
        }
        if policies.len() > POLICIES_MAX {
            let message = format!(
                "the statements become more than {POLICIES_MAX} policies, one for each principal and resource"
            );
            return problems.add(&node.span, message);
        }
    }
    match cedar::validate(&policies) {
        Ok(flaws) => {
            for (id, flaw) in flaws {
                let at = statement_of(&id).and_then(|at| nodes.get(at));
                problems.add(&at.map_or(0..0, |node| node.span.clone()), flaw);
            }
        }
        Err(error) => problems.add(&(0..0), error.to_string()),
    }
}

/// The index of the statement that a policy of this id came from.
pub(super) fn statement_of(id: &str) -> Option<usize> {
    id.split_once('.')?.0.parse().ok()
}

fn read_groups(node: &Node, problems: &Problems) -> Option<BTreeMap<String, Vec<String>>> {
    let mut groups = BTreeMap::new();
    let entries = node.table("the groups", problems)?;
    within(entries.len(), GROUPS_MAX, "groups", node, problems);
    for entry in entries {
        let members = entry.value.strings(problems)?;
        within(members.len(), MEMBERS_MAX, "users", &entry.value, problems);
        for name in [&entry.key].into_iter().chain(&members) {
            if let Err(message) = check_name(name) {
                problems.add(&entry.span, message);
            }
        }
        groups.insert(entry.key.clone(), members);
    }
    Some(groups)
}

fn read_rules(node: &Node, problems: &Problems) -> Option<BTreeMap<String, (String, Rule)>> {
    let mut rules = BTreeMap::new();
    let entries = node.table("the dynamic groups", problems)?;
    within(entries.len(), GROUPS_MAX, "dynamic groups", node, problems);
    for entry in entries {
        let text = entry.value.string(problems)?;
        if let Err(message) = check_name(&entry.key) {
            problems.add(&entry.span, message);
        }
        match Rule::parse(&text) {
            Ok(rule) => drop(rules.insert(entry.key.clone(), (text, rule))),
            Err(message) => problems.add(&entry.value.span, message),
        }
    }
    Some(rules)
}

fn within(count: usize, max: usize, what: &str, node: &Node, problems: &Problems) {
    if count > max {
        problems.add(
            &node.span,
            format!("{count} {what}, expected at most {max}"),
        );
    }
}

/// Counts lines on the way through a text.
struct Lines<'a> {
    text: &'a str,
    origin: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    const fn new(text: &'a str, origin: &'a str) -> Self {
        Self {
            text,
            origin,
            at: 0,
            line: 1,
        }
    }

    /// `file:line` of a place that is not before the last one.
    fn place(&mut self, at: usize) -> String {
        let passed = self.text.get(self.at..at).unwrap_or_default();
        self.line += passed.matches('\n').count();
        self.at = at.max(self.at);
        format!("{}:{}", self.origin, self.line)
    }
}
