//! Why a request is denied, which statement is nearest, and what would allow it.

use std::fmt::Write as _;

use cedar_policy::PolicySet;
use serde::Serialize;
use serde_json::{Value, json};

use super::Layer;
use super::cedar;
use super::decide::{Decision, Question, Snapshot, StatementRef, Verdict};
use super::file::{Body, Placed};
use super::principal::{Principal, Who};
use super::request::Request;
use super::resource::Pattern;
use super::statement::Statement;
use super::variables::Scope;
use super::vocabulary::Action;
use crate::spec::clip;

/// Statements of a layer that are looked at for one that nearly allows.
pub const NEAR_STATEMENTS_MAX: usize = 1_000;

/// Near statements that are told.
const TOLD_MAX: usize = 3;

/// What a statement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Who.
    Principal,
    /// What is done.
    Action,
    /// To what.
    Resource,
    /// Under which conditions.
    Condition,
}

impl Part {
    // What is most likely to have been meant first.
    const ALL: [Self; 4] = [
        Self::Condition,
        Self::Action,
        Self::Resource,
        Self::Principal,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Action => "action",
            Self::Resource => "resource",
            Self::Condition => "condition",
        }
    }
}

/// A statement that would allow a request if one part of it were another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NearMiss {
    /// The statement.
    pub statement: StatementRef,
    /// The layer that it is in.
    pub layer: Layer,
    /// What does not match.
    pub differs: Part,
    /// What the statement says there; empty for policies in Cedar.
    pub says: String,
}

/// A decision, and for a denial how near it was and what would change it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Who asked.
    pub principal: String,
    /// For what.
    pub action: &'static str,
    /// On what.
    pub resource: String,
    /// The groups that the principal is in.
    pub groups: Vec<String>,
    /// The decision itself.
    #[serde(flatten)]
    pub decision: Decision,
    /// Statements that nearly allow it, in layers that would have to.
    pub near: Vec<NearMiss>,
    /// The layers that would have to allow it and do not.
    pub missing: Vec<Layer>,
    /// The smallest statement that, in each of these layers, would allow it; in TOML.
    pub fix: Option<String>,
}

/// What a statement is searched for that nearly allows.
struct Search<'a> {
    action: Action,
    question: Question,
    /// Of the principal.
    groups: &'a [String],
}

impl Search<'_> {
    /// The parts of a statement of which one alone may keep it from allowing: asking the engine about each costs more
    /// than all else.
    fn parts(&self, statement: &Statement, principal: &Principal) -> &'static [Part] {
        let acts = statement.actions_on(&Pattern::Any).contains(&self.action);
        let mut meant = statement.principals.iter();
        match (acts, meant.any(|who| who.means(principal, self.groups))) {
            (true, true) => &[Part::Condition, Part::Resource],
            (false, true) => &[Part::Action],
            (true, false) => &[Part::Principal],
            (false, false) => &[],
        }
    }
}

impl Snapshot {
    /// Explains a decision of this snapshot.
    #[must_use]
    pub fn explain(&self, request: &Request, decision: Decision) -> Explanation {
        let missing = decision.missing();
        let mut near = Vec::new();
        let groups = self.policies().groups_of(self.principal());
        if let Ok(question) = Question::new(self.entity(), request) {
            let search = Search {
                action: request.action,
                question,
                groups: &groups,
            };
            for layer in &missing {
                near.extend(self.near(*layer, &search));
            }
        }
        near.truncate(TOLD_MAX);
        Explanation {
            principal: self.principal().to_string(),
            action: request.action.as_str(),
            resource: request.resource.to_string(),
            groups,
            fix: (!missing.is_empty()).then(|| self.fix(request)).flatten(),
            decision,
            near,
            missing,
        }
    }

    /// The statements of a layer that would allow if one part of them were another.
    fn near(&self, layer: Layer, search: &Search<'_>) -> Vec<NearMiss> {
        let mut found = Vec::new();
        // Where a resource's own layer may grant, so may identities'.
        let grants = [Layer::Identity, Layer::Resource];
        let layers = if layer == Layer::Identity {
            &grants[..]
        } else {
            &[layer][..]
        };
        for layer in layers.iter().copied() {
            let statements = self.policies().statements(layer);
            for statement in statements.take(NEAR_STATEMENTS_MAX) {
                if found.len() == TOLD_MAX {
                    return found;
                }
                if let Some(differs) = self.differs(statement, search) {
                    found.push(NearMiss {
                        statement: StatementRef {
                            sid: statement.sid.clone(),
                            place: statement.place.clone(),
                            mask: None,
                        },
                        layer,
                        differs,
                        says: said(&statement.body, differs),
                    });
                }
            }
        }
        found
    }

    /// The one part of a statement that keeps it from allowing.
    fn differs(&self, statement: &Placed, search: &Search<'_>) -> Option<Part> {
        if statement.body.denies() {
            return None;
        }
        let parts = match &statement.body {
            Body::Statement(statement) => search.parts(statement, self.principal()),
            Body::Cedar(_) => &Part::ALL,
        };
        parts.iter().copied().find(|part| {
            let relaxed = relax(&statement.body, *part);
            let trees = relaxed.compile(Scope::Of(self.principal()));
            let mut trees = trees.unwrap_or_default().into_iter();
            trees.any(|tree| {
                let set = cedar::policy("0", tree)
                    .ok()
                    .and_then(|policy| PolicySet::from_policies([policy]).ok());
                set.is_some_and(|set| search.question.is_allowed_by(&set))
            })
        })
    }

    /// A statement about exactly this request. None where its resource cannot be written in one.
    fn fix(&self, request: &Request) -> Option<String> {
        let who = match self.principal() {
            Principal::User(name) => Who::User(name.clone()),
            Principal::Run(run) => Who::Application(run.application.clone()),
        };
        let resource = request.resource.to_string();
        let resource = match resource.strip_suffix('/') {
            Some(folder) => format!("{folder}/*"),
            None => resource,
        };
        let literal = !resource.contains('?') && !resource.contains("${");
        let stars = resource.matches('*').count();
        let star_is_ours = stars == 0 || stars == 1 && request.resource.folder;
        if !literal || !star_is_ours || Pattern::parse(&resource).is_err() {
            return None;
        }
        let quoted = |text: &str| Value::from(text).to_string();
        Some(format!(
            "[[statement]]\neffect = \"allow\"\nprincipal = {}\naction = {}\nresource = {}\n",
            quoted(&who.to_string()),
            quoted(request.action.as_str()),
            quoted(&resource)
        ))
    }
}

/// The statement with one part that matches everything.
fn relax(body: &Body, part: Part) -> Body {
    let all = json!({ "op": "All" });
    match body {
        Body::Statement(statement) => {
            let mut relaxed = statement.clone();
            match part {
                Part::Principal => relaxed.principals = vec![Who::Any],
                Part::Action => relaxed.actions = vec!["*".to_owned()],
                Part::Resource => relaxed.resources = vec!["*".to_owned()],
                Part::Condition => relaxed.conditions = Vec::new(),
            }
            Body::Statement(relaxed)
        }
        Body::Cedar(tree) => {
            let mut relaxed = tree.clone();
            let (key, value) = match part {
                Part::Condition => ("conditions", json!([])),
                part => (part.as_str(), all),
            };
            if let Some(fields) = relaxed.as_object_mut() {
                fields.insert(key.to_owned(), value);
            }
            Body::Cedar(relaxed)
        }
    }
}

/// What a statement says of a part.
fn said(body: &Body, part: Part) -> String {
    let Body::Statement(statement) = body else {
        return String::new();
    };
    let join = |texts: Vec<String>| clip(&texts.join(", "));
    match part {
        Part::Principal => join(
            statement
                .principals
                .iter()
                .map(ToString::to_string)
                .collect(),
        ),
        Part::Action => join(statement.actions.clone()),
        Part::Resource => join(statement.resources.clone()),
        Part::Condition => {
            let conditions = statement.conditions.iter();
            join(
                conditions
                    .map(|found| format!("{} of {}", found.operator_name, found.key_name))
                    .collect(),
            )
        }
    }
}

impl Explanation {
    /// What was decided, in one line.
    #[must_use]
    pub fn headline(&self) -> String {
        let may = if self.decision.allowed {
            "may"
        } else {
            "may not"
        };
        format!(
            "{} {may} {} on {}",
            self.principal, self.action, self.resource
        )
    }

    /// What to do about a denial, in sentences.
    #[must_use]
    pub fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        for layer in &self.decision.layers {
            if layer.verdict == Verdict::Denies {
                for statement in &layer.statements {
                    advice.push(format!(
                        "statement {statement} of the layer {} denies it, and no other statement can allow it",
                        layer.layer
                    ));
                }
            }
        }
        advice.extend(
            self.decision
                .errors
                .iter()
                .map(|error| format!("what fails while it is decided denies it: {error}")),
        );
        advice.extend(self.near.iter().map(|near| {
            let says = if near.says.is_empty() {
                String::new()
            } else {
                format!(", which is `{}`", near.says)
            };
            format!(
                "statement {} of the layer {} would allow it but for its {}{says}",
                near.statement,
                near.layer,
                near.differs.as_str()
            )
        }));
        if let Some(fix) = &self.fix {
            let layers: Vec<_> = self.missing.iter().map(|layer| layer.as_str()).collect();
            let word = if layers.len() == 1 { "layer" } else { "layers" };
            advice.push(format!(
                "the smallest statement that would allow it, in the {word} {}:\n{fix}",
                layers.join(" and ")
            ));
        }
        advice
    }

    /// All of it, for a person.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let decided = if self.decision.allowed {
            "allowed"
        } else {
            "denied"
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{decided}: {}", self.headline());
        if !self.groups.is_empty() {
            let _ = writeln!(text, "  groups       {}", self.groups.join(", "));
        }
        for layer in &self.decision.layers {
            let verdict = match layer.verdict {
                Verdict::Allows => "allows",
                Verdict::Denies => "denies",
                Verdict::NoMatch => "no match",
                Verdict::Absent => "not given",
            };
            let statements: Vec<_> = layer.statements.iter().map(ToString::to_string).collect();
            let line = format!(
                "  {:<12} {verdict:<9} {}",
                layer.layer.as_str(),
                statements.join(", ")
            );
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text
    }
}
