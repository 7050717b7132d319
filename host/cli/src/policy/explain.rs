//! `sluice policy explain`.

use std::path::Path;

use clap::Args;
use sluicegate::error::{Error, ErrorKind, Result, ResultExt as _};
use sluicegate::policy::{Action, Context, Explanation, Principal, Request, RunIdentity};
use sluicegate::spec;

use super::load;
use crate::report::{self, Outcome, printable};

/// Decides one request and tells what each layer says
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A policy file, perhaps with its layer; may be repeated
    #[arg(long, value_name = "[LAYER=]FILE", required = true)]
    policy: Vec<String>,
    /// The user who asks
    #[arg(long, value_name = "NAME", required_unless_present = "run")]
    user: Option<String>,
    /// The id of the run that asks
    #[arg(
        long,
        value_name = "ID",
        conflicts_with = "user",
        requires = "application"
    )]
    run: Option<String>,
    /// The application of the run
    #[arg(long, value_name = "NAME", requires = "run")]
    application: Option<String>,
    /// The compartment of the run
    #[arg(
        long,
        value_name = "NAME",
        requires = "run",
        default_value = "",
        hide_default_value = true
    )]
    compartment: String,
    /// Who started the run
    #[arg(
        long,
        value_name = "NAME",
        requires = "run",
        default_value = "",
        hide_default_value = true
    )]
    submitter: String,
    /// A tag of the run; may be repeated
    #[arg(long, value_name = "KEY=VALUE", requires = "run", value_parser = pair)]
    tag: Vec<(String, String)>,
    /// What is asked for, such as `object:get`
    action: String,
    /// On what, such as `s3://raw/sales/x.csv`
    resource: String,
    /// What is known of the request, such as `object:size=10MiB`; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    context: Vec<(String, String)>,
}

fn pair(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

/// Prints the decision; a denial is a failure as well.
pub(crate) fn explain(arguments: &Arguments, json: bool) -> Outcome {
    let explanation = decide(arguments).context("explain the request")?;
    if json {
        report::print_json(&explanation)?;
    } else {
        report::print(&printable(&explanation.text()))?;
    }
    if explanation.decision.allowed {
        return Ok(());
    }
    let error = Error::new(ErrorKind::Policy, explanation.headline()).context("pass the policies");
    let advice = explanation.advice().into_iter();
    Err(advice
        .fold(error, |error, advice| error.hint(advice.trim_end()))
        .into())
}

fn decide(arguments: &Arguments) -> Result<Explanation> {
    let policies = load::policies(&arguments.policy, Path::new(""))?;
    let action = action(&arguments.action)?;
    let mut context = Context::default();
    for (key, value) in &arguments.context {
        context = context.with(action, key, value)?;
    }
    let request = Request::new(action, &arguments.resource, context)?;
    let snapshot = policies.snapshot(&principal(arguments)?)?;
    let decision = snapshot.decide(&request);
    Ok(snapshot.explain(&request, decision))
}

fn action(text: &str) -> Result<Action> {
    Action::parse(text).ok_or_else(|| {
        let error = Error::input(format!("unknown action `{text}`"));
        let known = Action::ALL.iter().map(|action| action.as_str());
        match spec::nearest(text, known.clone()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("known: {}", known.collect::<Vec<_>>().join(", "))),
        }
    })
}

fn principal(arguments: &Arguments) -> Result<Principal> {
    if let Some(user) = &arguments.user {
        return Principal::user(user);
    }
    Principal::run(RunIdentity {
        id: arguments.run.clone().unwrap_or_default(),
        application: arguments.application.clone().unwrap_or_default(),
        compartment: arguments.compartment.clone(),
        submitter: arguments.submitter.clone(),
        tags: arguments.tag.iter().cloned().collect(),
    })
}
