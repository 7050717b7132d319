//! Whether a run would be let through: everything that it will need, decided before anybody starts it.

use serde::Serialize;

use super::authority::guard;
use super::needs::named;
use super::{Options, needs};
use crate::error::Result;
use crate::policy::audit::Deciding;
use crate::policy::{
    Action, Context, Decision, Layer, Need, Request, Resource, Snapshot, Syntax, Use, suggest,
};
use crate::spec::Application;
use crate::storage::canonical;

/// An address that nothing is special about, to decide about hosts that were not looked up.
const ORDINARY: &str = "93.184.215.14";

/// What policies say of everything that an application needs.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// In whose name the run would ask.
    pub principal: String,
    /// All needs, in the order of the application file.
    pub needs: Vec<CheckedNeed>,
    /// For each layer that would have to allow more, the fewest statements by which it would.
    pub fixes: Vec<Fix>,
}

/// A need and what policies say of it.
#[derive(Clone, Debug, Serialize)]
pub struct CheckedNeed {
    /// What wants it, such as `input sales`.
    pub why: String,
    /// What is done.
    pub action: &'static str,
    /// To what, as statements name it.
    pub resource: String,
    /// What is known of the request beforehand, such as its method.
    pub context: Vec<(&'static str, String)>,
    /// Whether it may turn out that it is not needed. It is then no fault where it is denied.
    pub optional: bool,
    /// Whether it is allowed.
    pub allowed: bool,
    /// The statements that decided.
    pub by: Vec<Deciding>,
    /// The layers that would have to allow it and do not.
    pub missing: Vec<Layer>,
    /// What to do about a denial; nothing where it is optional.
    pub advice: Vec<String>,
}

impl CheckedNeed {
    /// Whether a run fails for it.
    #[must_use]
    pub const fn is_fault(&self) -> bool {
        !self.allowed && !self.optional
    }
}

/// Statements that a layer lacks.
#[derive(Clone, Debug, Serialize)]
pub struct Fix {
    /// The layer.
    pub layer: Layer,
    /// A file of that layer, in TOML.
    pub toml: String,
    /// Resources that no statement can name.
    pub unsayable: Vec<String>,
}

impl Check {
    /// The needs that a run would fail for.
    pub fn faults(&self) -> impl Iterator<Item = &CheckedNeed> {
        self.needs.iter().filter(|need| need.is_fault())
    }
}

/// Decides all that a run of `application` will need, and does nothing.
///
/// # Errors
///
/// Fails where the application or a name of the run is malformed.
pub fn check(application: &Application, options: &Options) -> Result<Check> {
    let guard = guard(application, options)?;
    let snapshot = guard.snapshot();
    let needs = needs(application, |uri| canonical(uri, &options.environment))?;
    let named = named(application, &options.run_id, |uri| {
        canonical(uri, &options.environment)
    })?;
    let mut checked = Vec::new();
    let mut lacking: Vec<(Layer, Use)> = Vec::new();
    for need in &needs {
        let (request, decision) = match denied(&snapshot, need, &named) {
            Some(denied) => denied?,
            None => decide(&snapshot, need)?,
        };
        let missing = decision.missing();
        let found = CheckedNeed {
            why: need.why.clone(),
            action: need.action.as_str(),
            resource: need.pattern(),
            context: need.context.entries().collect(),
            optional: need.optional,
            allowed: decision.allowed,
            by: Deciding::of(&decision),
            missing: missing.clone(),
            advice: if need.optional {
                Vec::new()
            } else {
                advice(&snapshot, &request, decision)
            },
        };
        if found.is_fault() {
            lacking.extend(missing.into_iter().map(|layer| (layer, Use::from(need))));
        }
        checked.push(found);
    }
    Ok(Check {
        principal: snapshot.principal().to_string(),
        needs: checked,
        fixes: fixes(&application.name, &lacking)?,
    })
}

/// The first of the names known beforehand that is denied, where what is needed is to do that to all in their folder.
fn denied(
    snapshot: &Snapshot,
    need: &Need,
    named: &[(Action, Resource)],
) -> Option<Result<(Request, Decision)>> {
    let folder = need.resource.name().trim_end_matches('/');
    let of_need = named.iter().filter(|(action, resource)| {
        let rest = resource.name().strip_prefix(folder);
        need.within && *action == need.action && rest.is_some_and(|rest| rest.starts_with('/'))
    });
    let decided = of_need.map(|(action, resource)| {
        let request = Request::on(*action, resource.clone(), Context::default())?;
        let decision = snapshot.decide(&request);
        Ok((request, decision))
    });
    let mut denied = decided.filter(|decided| {
        let decision = decided.as_ref().map(|(_, decision)| decision.allowed);
        !decision.unwrap_or_default()
    });
    denied.next()
}

/// Decides about a need. A condition on addresses may hold or not, which only looking the host up tells: as long as one
/// that nothing is special about would be let through, so is the need.
fn decide(snapshot: &Snapshot, need: &Need) -> Result<(Request, Decision)> {
    let request = need.request()?;
    let decision = snapshot.decide(&request);
    if decision.allowed || need.action != Action::NetworkHttp {
        return Ok((request, decision));
    }
    let context = need.context.clone();
    let context = context.with(need.action, "network:address", ORDINARY)?;
    let somewhere = Need {
        context,
        ..need.clone()
    };
    let request = somewhere.request()?;
    let decision = snapshot.decide(&request);
    Ok((request, decision))
}

/// What to do about a denial, but for the statement that would allow it: that is told for all needs together.
fn advice(snapshot: &Snapshot, request: &Request, decision: Decision) -> Vec<String> {
    if decision.allowed {
        return Vec::new();
    }
    let mut explanation = snapshot.explain(request, decision);
    explanation.fix = None;
    explanation.advice()
}

fn fixes(application: &str, lacking: &[(Layer, Use)]) -> Result<Vec<Fix>> {
    let of = |layer| -> Vec<Use> {
        let lacking = lacking.iter().filter(|(of, _)| *of == layer);
        lacking.map(|(_, wanted)| wanted.clone()).collect()
    };
    let wanted = Layer::ALL.into_iter().map(|layer| (layer, of(layer)));
    let wanted = wanted.filter(|(_, uses)| !uses.is_empty());
    wanted
        .map(|(layer, uses)| {
            let suggestion = suggest(layer, [(application, uses.as_slice())])?;
            Ok(Fix {
                layer,
                toml: suggestion.file.to_syntax(Syntax::Toml)?,
                unsayable: suggestion.unsayable,
            })
        })
        .collect()
}
