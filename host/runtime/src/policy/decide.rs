//! Decisions: all policies, what they mean for one principal, and what they say of one request.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use cedar_policy::{
    Authorizer, Context as CedarContext, Decision as CedarDecision, Entities, Entity, EntityUid,
    PolicySet, Request as CedarRequest, RestrictedExpression,
};
use serde::Serialize;
use serde_json::Value;

use super::Layer;
use super::cedar::{self, uid};
use super::file::{Placed, PolicyFile, statement_of};
use super::mask::Mask;
use super::principal::Principal;
use super::request::{Context, Request};
use super::resource::Resource;
use super::slices::{Slices, Targets, may_be_about, target_of, uids_of};
use super::variables::Scope;
use super::vocabulary::Action;
use crate::error::{Error, Result};

/// Errors of one decision that are kept; the others are of no other kind.
const ERRORS_MAX: usize = 16;

/// A statement that took part in a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatementRef {
    /// Its id, or `#` and its number in the file.
    pub sid: String,
    /// `file:line`.
    pub place: String,
    /// What is left of a column that it denies, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask: Option<Mask>,
}

impl fmt::Display for StatementRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.sid, self.place)?;
        match &self.mask {
            Some(mask) => write!(f, " with mask `{mask}`"),
            None => Ok(()),
        }
    }
}

/// What a layer says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A statement allows it, and none denies it.
    Allows,
    /// A statement denies it.
    Denies,
    /// No statement is about it.
    NoMatch,
    /// There is no such layer, or it does not bind this principal.
    Absent,
}

/// What a layer says of a request, and by which statements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LayerResult {
    /// The layer.
    pub layer: Layer,
    /// What it says.
    pub verdict: Verdict,
    /// The statements that deny; if none does, those that allow.
    pub statements: Vec<StatementRef>,
}

/// Whether a request is allowed, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Whether it is.
    pub allowed: bool,
    /// What each layer says, the outermost first.
    pub layers: Vec<LayerResult>,
    /// What failed while it was decided. Any failure denies.
    pub errors: Vec<String>,
}

impl Decision {
    fn new(action: Action, layers: Vec<LayerResult>, errors: Vec<String>) -> Self {
        let says = |layer, wanted| {
            let mut found = layers.iter().filter(|found| found.layer == layer);
            found.any(|found| found.verdict == wanted)
        };
        let allows = |layer| says(layer, Verdict::Allows);
        let denied = !errors.is_empty() || layers.iter().any(|of| of.verdict == Verdict::Denies);
        let granted = allows(Layer::Identity) || allows(Layer::Resource);
        let bounded = [
            Layer::Platform,
            Layer::Tenant,
            Layer::Application,
            Layer::Session,
        ]
        .into_iter()
        .all(|layer| allows(layer) || says(layer, Verdict::Absent));
        Self {
            allowed: (action.is_given() || granted && bounded) && !denied,
            layers,
            errors,
        }
    }

    /// A denial by none of the layers, which were not asked.
    pub(super) fn refused(why: &str) -> Self {
        Self {
            allowed: false,
            layers: Vec::new(),
            errors: vec![why.to_owned()],
        }
    }

    /// What is left of a column that may not be read: the strictest that any denying statement says, and nothing where
    /// one says nothing of it or where something failed. None where the column may be read.
    #[must_use]
    pub fn mask(&self) -> Option<Mask> {
        if self.allowed {
            return None;
        }
        let failed = (!self.errors.is_empty()).then_some(Mask::Hide);
        let denying = self.determining().into_iter();
        let masks = denying.map(|statement| statement.mask.clone().unwrap_or(Mask::Hide));
        Mask::strictest(masks.chain(failed)).or(Some(Mask::Hide))
    }

    /// Denies for a reason that is no statement's.
    pub(super) fn refuse(&mut self, why: &str) {
        self.allowed = false;
        self.errors.push(why.to_owned());
    }

    /// The statements that decided: those that deny, or else those that allow.
    #[must_use]
    pub fn determining(&self) -> Vec<&StatementRef> {
        let of = |verdict| {
            let layers = self.layers.iter().filter(move |of| of.verdict == verdict);
            layers
                .flat_map(|layer| &layer.statements)
                .collect::<Vec<_>>()
        };
        let denying = of(Verdict::Denies);
        if denying.is_empty() && self.allowed {
            of(Verdict::Allows)
        } else {
            denying
        }
    }

    /// The layers that would have to allow and do not. Empty where a statement denies, or something failed.
    #[must_use]
    pub fn missing(&self) -> Vec<Layer> {
        let denies = self.layers.iter().any(|of| of.verdict == Verdict::Denies);
        if self.allowed || denies || !self.errors.is_empty() {
            return Vec::new();
        }
        let silent = self
            .layers
            .iter()
            .filter(|of| of.verdict == Verdict::NoMatch);
        let granted = |of: &LayerResult| {
            matches!(of.layer, Layer::Identity | Layer::Resource) && of.verdict == Verdict::Allows
        };
        let is_granted = self.layers.iter().any(granted);
        let mut layers: Vec<Layer> = silent
            .map(|of| of.layer)
            .filter(|layer| !matches!(layer, Layer::Identity | Layer::Resource))
            .collect();
        if !is_granted {
            layers.push(Layer::Identity);
        }
        layers.sort_unstable();
        layers
    }
}

/// All policy files together. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Policies(Arc<[PolicyFile]>);

impl Policies {
    /// Policies of these files, in any order. A layer of which there is no file is not given.
    #[must_use]
    pub fn new(files: Vec<PolicyFile>) -> Self {
        Self(files.into())
    }

    /// These, and one file more.
    #[must_use]
    pub fn with(&self, file: PolicyFile) -> Self {
        Self(self.0.iter().cloned().chain([file]).collect())
    }

    pub(super) fn files(&self) -> &[PolicyFile] {
        &self.0
    }

    /// The groups of a user, or the dynamic groups of a run, in order.
    #[must_use]
    pub fn groups_of(&self, principal: &Principal) -> Vec<String> {
        let mut names: Vec<String> = match principal {
            Principal::User(user) => {
                let groups = self.0.iter().flat_map(|file| &file.groups);
                let ours = groups.filter(|(_, members)| members.contains(user));
                ours.map(|(name, _)| name.clone()).collect()
            }
            Principal::Run(_) => {
                let rules = self.0.iter().flat_map(|file| &file.dynamic_groups);
                let ours = rules.filter(|(_, (_, rule))| rule.matches(principal));
                ours.map(|(name, _)| name.clone()).collect()
            }
        };
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The names of all groups and dynamic groups, in order, as in statements.
    #[must_use]
    pub fn groups(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for file in &*self.0 {
            names.extend(file.groups.keys().map(|name| format!("group:{name}")));
            let dynamic = file.dynamic_groups.keys();
            names.extend(dynamic.map(|name| format!("dynamic-group:{name}")));
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What the policies mean for one principal, from now on: groups are resolved, variables have their values.
    ///
    /// An allow whose variables have no value for the principal allows nothing. A deny of which the same is true makes
    /// every decision of the snapshot a failure, which denies.
    ///
    /// # Errors
    ///
    /// Fails only by a bug.
    pub fn snapshot(&self, principal: &Principal) -> Result<Snapshot> {
        let entity = principal_entity(principal, &self.groups_of(principal))?;
        let mut snapshot = Snapshot {
            policies: self.clone(),
            principal: principal.clone(),
            entity,
            layers: BTreeMap::new(),
            failures: Vec::new(),
            denies_columns: false,
            named_columns: HashSet::new(),
        };
        let is_run = matches!(principal, Principal::Run(_));
        if is_run {
            // A run without an application's declaration may do nothing.
            snapshot
                .layers
                .insert(Layer::Application, LayerPolicies::default());
        }
        for file in &*self.0 {
            if is_run || !file.layer.is_of_one_run() {
                snapshot.add(file)?;
            }
        }
        Ok(snapshot)
    }

    /// The statements of a layer, in the order of its files.
    pub(super) fn statements(&self, layer: Layer) -> impl Iterator<Item = &Placed> {
        let files = self.0.iter().filter(move |file| file.layer == layer);
        files.flat_map(|file| &file.statements)
    }
}

/// The policies of a layer that may be about the principal, by what they say of resources.
#[derive(Clone, Debug, Default)]
struct LayerPolicies {
    statements: Vec<StatementRef>,
    policies: Slices,
}

/// What policies mean for one principal.
#[derive(Clone, Debug)]
pub struct Snapshot {
    policies: Policies,
    principal: Principal,
    entity: Entity,
    layers: BTreeMap<Layer, LayerPolicies>,
    failures: Vec<String>,
    /// Whether any statement may deny a column.
    denies_columns: bool,
    /// What statements are about that deny columns by their names.
    named_columns: HashSet<Option<EntityUid>>,
}

impl Snapshot {
    /// Whom it is for.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    pub(super) const fn policies(&self) -> &Policies {
        &self.policies
    }

    /// The principal as the engine takes it.
    pub(super) const fn entity(&self) -> &Entity {
        &self.entity
    }

    fn add(&mut self, file: &PolicyFile) -> Result<()> {
        let layer = self.layers.entry(file.layer).or_default();
        let own = uids_of(&self.entity);
        for statement in &file.statements {
            let trees = match statement.body.compile(Scope::Of(&self.principal)) {
                Ok(trees) => trees,
                Err(_) if !statement.body.denies() => continue,
                Err(cause) => {
                    let message =
                        format!("{}: deny `{}`: {}", statement.place, statement.sid, cause.0);
                    self.failures.push(message);
                    self.denies_columns = true;
                    continue;
                }
            };
            let at = layer.statements.len();
            layer.statements.push(StatementRef {
                sid: statement.sid.clone(),
                place: statement.place.clone(),
                mask: statement.body.mask(),
            });
            for (number, tree) in trees.into_iter().enumerate() {
                let names_column = names_column(&tree);
                let policy = cedar::policy(&format!("{at}.{number}"), tree)?;
                if !may_be_about(&policy, &self.entity.uid(), &own) {
                    continue;
                }
                let target = target_of(&policy);
                if cedar::may_deny(&policy, Action::ColumnRead) {
                    self.denies_columns = true;
                    if names_column {
                        self.named_columns.insert(target.clone());
                    }
                }
                layer.policies.add(policy)?;
            }
        }
        Ok(())
    }

    /// Decides one request. Never fails: what goes wrong denies, and is told in the decision.
    #[must_use]
    pub fn decide(&self, request: &Request) -> Decision {
        let mut errors = self.failures.clone();
        let question = Question::new(&self.entity, request);
        let layers = Layer::ALL
            .into_iter()
            .map(|layer| match (self.layers.get(&layer), &question) {
                (Some(policies), Ok(question)) => policies.ask(layer, question, &mut errors),
                (Some(_), Err(_)) => result(layer, Verdict::NoMatch),
                // Without statements, nobody is granted anything.
                (None, _) if matches!(layer, Layer::Identity | Layer::Resource) => {
                    result(layer, Verdict::NoMatch)
                }
                (None, _) => result(layer, Verdict::Absent),
            })
            .collect();
        if let Err(error) = question {
            errors.push(error.to_string());
        }
        errors.truncate(ERRORS_MAX);
        Decision::new(request.action, layers, errors)
    }

    /// Whether any statement may deny a column.
    #[must_use]
    pub const fn denies_columns(&self) -> bool {
        self.denies_columns
    }

    /// Whether a column of what lies in `folder` may be masked, whatever its name. Costs nothing where no statement
    /// denies columns.
    #[must_use]
    pub fn may_mask(&self, folder: &Resource) -> bool {
        // What cannot be asked about is masked.
        self.denies_columns && self.masks(folder).unwrap_or(true)
    }

    fn masks(&self, folder: &Resource) -> Result<bool> {
        let unnamed = Context::default();
        let request = Request::on(Action::ColumnRead, folder.clone(), unnamed)?;
        let question = Question::new(&self.entity, &request)?;
        let mut targets = question.targets.iter();
        let by_name = targets.any(|target| self.named_columns.contains(target));
        // Statements that do not ask for the name say the same of all columns.
        Ok(by_name || !self.decide(&request).allowed)
    }
}

/// Whether the conditions of a policy speak of a column; rather yes than no.
fn names_column(tree: &Value) -> bool {
    tree.get("conditions")
        .is_some_and(|conditions| conditions.to_string().contains("\"column\""))
}

const fn result(layer: Layer, verdict: Verdict) -> LayerResult {
    LayerResult {
        layer,
        verdict,
        statements: Vec::new(),
    }
}

/// A request as the engine takes it.
pub(super) struct Question {
    request: CedarRequest,
    entities: Entities,
    targets: Targets,
}

impl Question {
    pub(super) fn new(principal: &Entity, request: &Request) -> Result<Self> {
        let broken = |cause: String| Error::internal(cause).context("ask the policy engine");
        let resource = resource_entity(&request.resource)?;
        let mut targets = vec![None, Some(resource.uid())];
        for (ty, name) in request.resource.ancestors() {
            targets.push(Some(uid(ty, name)?));
        }
        let context = CedarContext::from_pairs(request.context.pairs())
            .map_err(|cause| broken(cause.to_string()))?;
        let action = uid("Action", request.action.as_str())?;
        let asked = CedarRequest::new(
            principal.uid(),
            action,
            resource.uid(),
            context,
            Some(cedar::schema()?),
        )
        .map_err(|cause| broken(cause.to_string()))?;
        // A run may be asked about itself.
        let mut entities = vec![principal.clone()];
        if resource.uid() != principal.uid() {
            entities.push(resource);
        }
        let entities =
            Entities::from_entities(entities, None).map_err(|cause| broken(cause.to_string()))?;
        Ok(Self {
            request: asked,
            entities,
            targets,
        })
    }

    /// Whether the policies alone allow: none denies, none fails.
    pub(super) fn is_allowed_by(&self, policies: &PolicySet) -> bool {
        let answer = Authorizer::new().is_authorized(&self.request, policies, &self.entities);
        answer.decision() == CedarDecision::Allow && answer.diagnostics().errors().next().is_none()
    }
}

impl LayerPolicies {
    fn ask(&self, layer: Layer, question: &Question, errors: &mut Vec<String>) -> LayerResult {
        let answer = self
            .policies
            .ask(&question.request, &question.entities, &question.targets);
        errors.extend(
            answer
                .errors
                .iter()
                .map(|error| format!("{layer}: {error}")),
        );
        let (verdict, ids) = match (answer.denying.is_empty(), answer.allowing.is_empty()) {
            (false, _) => (Verdict::Denies, answer.denying),
            (true, false) => (Verdict::Allows, answer.allowing),
            (true, true) => (Verdict::NoMatch, Vec::new()),
        };
        let ids = ids.iter().filter_map(|id| statement_of(id.as_ref()));
        let mut found: Vec<usize> = ids.collect();
        found.sort_unstable();
        found.dedup();
        let statements = found.into_iter().filter_map(|at| self.statements.get(at));
        LayerResult {
            layer,
            verdict,
            statements: statements.cloned().collect(),
        }
    }
}

/// The principal with its groups.
fn principal_entity(principal: &Principal, groups: &[String]) -> Result<Entity> {
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let (ty, group) = match principal {
        Principal::User(_) => ("User", "Group"),
        Principal::Run(_) => ("Run", "DynamicGroup"),
    };
    let mut parents = HashSet::new();
    for name in groups {
        parents.insert(uid(group, name)?);
    }
    let mut attributes = HashMap::from([("name".to_owned(), text(principal.name()))]);
    if let Principal::Run(run) = principal {
        parents.insert(uid("Application", &run.application)?);
        for (name, value) in [
            ("application", &run.application),
            ("compartment", &run.compartment),
            ("submitter", &run.submitter),
        ] {
            attributes.insert(name.to_owned(), text(value));
        }
    }
    let tags = principal.tags().iter();
    let tags = tags.map(|(key, value)| (key.clone(), text(value)));
    Entity::new_with_tags(uid(ty, principal.name())?, attributes, parents, tags)
        .map_err(|cause| Error::internal(cause.to_string()))
}

/// The resource; whatever it is in needs no entity of its own.
fn resource_entity(resource: &Resource) -> Result<Entity> {
    let name = RestrictedExpression::new_string(resource.name.clone());
    let mut parents = HashSet::new();
    for (ty, name) in resource.ancestors() {
        parents.insert(uid(ty, name)?);
    }
    let own = uid(resource.entity_type(), &resource.name)?;
    Entity::new(own, HashMap::from([("name".to_owned(), name)]), parents)
        .map_err(|cause| Error::internal(cause.to_string()))
}
