//! Cases: what a set of policies is expected to decide.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;

use super::decide::Policies;
use super::explain::Explanation;
use super::principal::{Principal, RunIdentity};
use super::request::{Context, Request};
use super::vocabulary::Action;
use crate::error::{Error, Result};
use crate::spec::{Entry, Fields, Kind, Node, Problems, clip, parse_document};

/// Cases of a file.
pub const CASES_MAX: usize = 10_000;

const KEYS: [&str; 3] = ["policies", "principals", "case"];
const CASE_KEYS: [&str; 7] = [
    "name",
    "principal",
    "action",
    "resource",
    "context",
    "expect",
    "sid",
];
const RUN_KEYS: [&str; 5] = ["run", "application", "compartment", "submitter", "tags"];

/// A file of cases.
#[derive(Clone, Debug)]
pub struct Cases {
    /// The policy files, as written: relative to this file, each perhaps with `LAYER=` before it.
    pub policies: Vec<String>,
    /// The principals that the file names.
    pub principals: BTreeMap<String, Principal>,
    list: Vec<Case>,
}

#[derive(Clone, Debug)]
struct Case {
    name: String,
    principal: Principal,
    request: Request,
    allow: bool,
    sid: Option<String>,
}

/// What became of a case.
#[derive(Clone, Debug, Serialize)]
pub struct CaseResult {
    /// Its name, or its number.
    pub name: String,
    /// Whether the decision was as expected, and by the statement that was expected.
    pub passed: bool,
    /// What was expected.
    pub expected: String,
    /// What was decided.
    pub explanation: Explanation,
}

impl Cases {
    /// Reads a file of cases; `origin` names it in errors.
    ///
    /// # Errors
    ///
    /// Fails with every problem, each with its line, column and text.
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        let root = parse_document(text, origin)?;
        let problems = Problems::default();
        let cases = Self::read(&root, &problems);
        problems.into_result(text, origin)?;
        cases.ok_or_else(|| Error::internal("cases are neither read nor refused"))
    }

    fn read(root: &Node, problems: &Problems) -> Option<Self> {
        let fields = Fields::new(root, &(0..0), "the file of cases", &KEYS, problems)?;
        let policies = fields.strings_or_empty("policies");
        let principals = fields.or("principals", BTreeMap::new(), |node| {
            let entries = node.table("the principals", problems)?;
            let read = |entry| read_principal(entry, problems);
            entries.iter().map(read).collect()
        })?;
        let nodes = fields.or("case", &[][..], |node| {
            node.array("cases, each under `[[case]]`", problems)
        })?;
        if nodes.is_empty() || nodes.len() > CASES_MAX {
            let message = format!("{} cases, expected 1 to {CASES_MAX}", nodes.len());
            problems.add_with_hint(&(0..0), message, "each case stands under `[[case]]`");
        }
        let cases: Vec<_> = nodes
            .iter()
            .enumerate()
            .map(|(at, node)| read_case(node, at + 1, &principals, problems))
            .collect();
        Some(Self {
            policies: policies?,
            list: cases.into_iter().collect::<Option<_>>()?,
            principals,
        })
    }

    /// What the policies decide in each case.
    ///
    /// # Errors
    ///
    /// Fails only by a bug; a case that is not decided as expected is a result.
    pub fn check(&self, policies: &Policies) -> Result<Vec<CaseResult>> {
        self.list.iter().map(|case| case.check(policies)).collect()
    }

    /// Which of the file's principals are in each group: the group as in statements, and the principals' names.
    #[must_use]
    pub fn members(&self, policies: &Policies) -> Vec<(String, Vec<String>)> {
        let members = |group: String| {
            let of = |principal: &Principal| {
                let kind = match principal {
                    Principal::User(_) => "group",
                    Principal::Run(_) => "dynamic-group",
                };
                let mut groups = policies.groups_of(principal).into_iter();
                groups.any(|name| format!("{kind}:{name}") == group)
            };
            let ours = self
                .principals
                .iter()
                .filter(|(_, principal)| of(principal));
            let names = ours.map(|(name, _)| name.clone()).collect();
            (group, names)
        };
        policies.groups().into_iter().map(members).collect()
    }
}

impl Case {
    fn check(&self, policies: &Policies) -> Result<CaseResult> {
        let snapshot = policies.snapshot(&self.principal)?;
        let decision = snapshot.decide(&self.request);
        let by = |sid: &String| decision.determining().iter().any(|found| found.sid == *sid);
        let passed = decision.allowed == self.allow && self.sid.as_ref().is_none_or(by);
        let word = if self.allow { "allow" } else { "deny" };
        Ok(CaseResult {
            name: self.name.clone(),
            passed,
            expected: match &self.sid {
                Some(sid) => format!("{word} by statement {sid}"),
                None => word.to_owned(),
            },
            explanation: snapshot.explain(&self.request, decision),
        })
    }
}

fn read_principal(entry: &Entry, problems: &Problems) -> Option<(String, Principal)> {
    let add = |error: Error| problems.add(&entry.span, error.to_string());
    if let Kind::String(text) = &entry.value.kind {
        let principal = user(text).map_err(|message| problems.add(&entry.value.span, message));
        return Some((entry.key.clone(), principal.ok()?));
    }
    let fields = Fields::new(
        &entry.value,
        &entry.span,
        "the principal",
        &RUN_KEYS,
        problems,
    )?;
    let id = fields.required("run")?.string(problems);
    let application = fields.required("application")?.string(problems);
    let tags = fields.or("tags", BTreeMap::new(), |node| {
        let entries = node.table("the tags", problems)?.iter();
        entries
            .map(|entry| Some((entry.key.clone(), entry.value.string(problems)?)))
            .collect()
    });
    let identity = RunIdentity {
        id: id?,
        application: application?,
        compartment: fields.text_or_empty("compartment")?,
        submitter: fields.text_or_empty("submitter")?,
        tags: tags?,
    };
    let principal = Principal::run(identity).map_err(add).ok()?;
    Some((entry.key.clone(), principal))
}

fn user(text: &str) -> Result<Principal, String> {
    let name = text.strip_prefix("user:").ok_or_else(|| {
        format!(
            "`{}` is no principal, expected `user:NAME`, or the name of one under `[principals]`",
            clip(text)
        )
    })?;
    Principal::user(name).map_err(|error| error.to_string())
}

fn read_case(
    node: &Node,
    number: usize,
    principals: &BTreeMap<String, Principal>,
    problems: &Problems,
) -> Option<Case> {
    let fields = Fields::new(node, &node.span, "the case", &CASE_KEYS, problems)?;
    let name = fields.or("name", format!("#{number}"), |node| node.string(problems));
    let told = |span: &Range<usize>, message: String| problems.add(span, message);
    let principal = fields.required("principal").and_then(|node| {
        let text = node.string(problems)?;
        match principals.get(&text) {
            Some(principal) => Some(principal.clone()),
            None => user(&text)
                .map_err(|message| told(&node.span, message))
                .ok(),
        }
    });
    let words: Vec<_> = Action::ALL
        .iter()
        .map(|action| (action.as_str(), *action))
        .collect();
    let action = fields
        .required("action")
        .and_then(|node| node.choice(&words, problems));
    let resource = fields
        .required("resource")
        .and_then(|node| Some((node, node.string(problems)?)));
    let words = [("allow", true), ("deny", false)];
    let allow = fields
        .required("expect")
        .and_then(|node| node.choice(&words, problems));
    let sid = fields.or("sid", None, |node| node.string(problems).map(Some));
    let action = action?;
    let context = fields.or("context", Context::default(), |node| {
        read_context(node, action, problems)
    });
    let (at, resource) = resource?;
    let request = Request::new(action, &resource, context?)
        .map_err(|error| told(&at.span, error.to_string()))
        .ok()?;
    Some(Case {
        name: name?,
        principal: principal?,
        request,
        allow: allow?,
        sid: sid?,
    })
}

fn read_context(node: &Node, action: Action, problems: &Problems) -> Option<Context> {
    let mut context = Context::default();
    for entry in node.table("the context", problems)? {
        let text = match &entry.value.kind {
            Kind::String(text) | Kind::Datetime(text) => text.clone(),
            Kind::Integer(number) => number.to_string(),
            Kind::Bool(truth) => truth.to_string(),
            _ => {
                let found = entry.value.description();
                problems.add(
                    &entry.value.span,
                    format!("expected a value, found {found}"),
                );
                return None;
            }
        };
        match context.with(action, &entry.key, &text) {
            Ok(with) => context = with,
            Err(error) => {
                let hint = error.hints().first().cloned().unwrap_or_default();
                problems.add_with_hint(&entry.span, error.to_string(), hint);
                return None;
            }
        }
    }
    Some(context)
}
