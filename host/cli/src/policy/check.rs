//! `sluice policy check`: the test button.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use sluicegate::error::{Error, ErrorKind, Result, ResultExt as _};
use sluicegate::policy::audit::Deciding;
use sluicegate::run::{self, Check, CheckedNeed, Options, Probe};
use tokio::sync::watch;

use super::load;
use crate::place;
use crate::report::{self, Outcome, printable};
use crate::run::{application, parameter, runtime, submitter};

/// Decides everything that a run will need before it starts, and tells what is missing
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The application file
    application: PathBuf,
    /// A policy file, perhaps with its layer; may be repeated. Without any, a run may do what its application declares
    #[arg(long = "policy", value_name = "[LAYER=]FILE")]
    policies: Vec<String>,
    /// Gives a parameter a value; may be repeated
    #[arg(short, long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    /// The compartment that the application belongs to
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    compartment: String,
    /// Also looks whether inputs, secrets, plugins and hosts are there and answer; changes nothing
    #[arg(long)]
    probe: bool,
}

/// All that is told.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    check: Check,
    #[serde(skip_serializing_if = "Option::is_none")]
    probes: Option<Vec<Probe>>,
}

/// Prints what policies say of each need, and what the probes found.
pub(crate) fn check(arguments: &Arguments, json: bool) -> Outcome {
    let doing = || format!("check `{}`", arguments.application.display());
    let told = ask(arguments).with_context(doing)?;
    if json {
        report::print_json(&told)?;
    } else {
        report::print(&printable(&text(&told)))?;
    }
    verdict(&told).map_err(|error| error.context(doing()).into())
}

fn ask(arguments: &Arguments) -> Result<Told> {
    let run_id = uuid::Uuid::now_v7().to_string();
    let application = application(&arguments.application, &arguments.parameters, &run_id)?;
    let policies = load::given(&arguments.policies)?;
    let options = Options {
        submitter: submitter(),
        compartment: arguments.compartment.clone(),
        policies: policies.map(|policies| watch::channel(policies).1),
        commands: true,
        environment: place::environment(),
        ..Options::new(run_id, place::sandbox()?)
    };
    let check = run::check(&application, &options)?;
    let probes = arguments.probe.then(|| {
        let runtime = runtime(0)?;
        let probes = runtime.block_on(run::probe(&application, &options));
        // Does not wait for what does not answer.
        runtime.shutdown_background();
        probes
    });
    Ok(Told {
        check,
        probes: probes.transpose()?,
    })
}

/// Whether a run would fail, and for what.
fn verdict(told: &Told) -> Result<()> {
    let required = told.check.needs.iter().filter(|need| !need.optional);
    let (denied, all) = (told.check.faults().count(), required.count());
    if denied > 0 {
        let message = format!("{denied} of {all} needs are denied");
        return Err(Error::new(ErrorKind::Policy, message));
    }
    let probes = told.probes.iter().flatten();
    let failed = probes.clone().filter(|probe| !probe.ok).count();
    if failed > 0 {
        let message = format!("{failed} of {} probes failed", probes.count());
        return Err(Error::storage(message));
    }
    Ok(())
}

fn text(told: &Told) -> String {
    let mut text = String::new();
    for group in groups(&told.check.needs) {
        // Writing to a string does not fail.
        let _ = need(&group, &mut text);
    }
    for fix in &told.check.fixes {
        let _ = writeln!(
            text,
            "\nwhat would allow it, as a file of the layer {}:\n\n{}",
            fix.layer,
            fix.toml.trim_end()
        );
        for name in &fix.unsayable {
            let _ = writeln!(text, "# no statement can name {name}");
        }
    }
    for probed in told.probes.iter().flatten() {
        let _ = probe(probed, &mut text);
    }
    text
}

/// What is needed, one group for all actions of which the same is to be told.
fn groups(needs: &[CheckedNeed]) -> Vec<Vec<&CheckedNeed>> {
    let mut groups: Vec<Vec<&CheckedNeed>> = Vec::new();
    // What may turn out not to be needed is told by `--json` alone.
    for need in needs.iter().filter(|need| !need.optional) {
        let alike = |group: &&mut Vec<&CheckedNeed>| {
            group.first().is_some_and(|first| {
                first.why == need.why
                    && first.resource == need.resource
                    && first.allowed == need.allowed
                    && given(first).eq(given(need))
            })
        };
        match groups.iter_mut().find(alike) {
            Some(group) => group.push(need),
            None => groups.push(vec![need]),
        }
    }
    groups
}

/// The statements that decided, but those of the application: what it declares is what is checked.
fn given(need: &CheckedNeed) -> impl Iterator<Item = &Deciding> {
    need.by.iter().filter(|by| by.layer != "application")
}

fn need(group: &[&CheckedNeed], text: &mut String) -> std::fmt::Result {
    let Some(first) = group.first() else {
        return Ok(());
    };
    let mut actions: Vec<String> = Vec::new();
    for need in group {
        let method = need
            .context
            .iter()
            .find(|(key, _)| *key == "network:method");
        let action = match method {
            Some((_, method)) => format!("{} {method}", need.action),
            None => need.action.to_owned(),
        };
        if !actions.contains(&action) {
            actions.push(action);
        }
    }
    let verdict = if first.allowed { "allowed" } else { "denied" };
    let (why, resource) = (&first.why, &first.resource);
    writeln!(
        text,
        "{verdict:<8} {why}: {} on {resource}",
        actions.join(", ")
    )?;
    for by in given(first) {
        writeln!(text, "         {}: {} ({})", by.layer, by.sid, by.place)?;
    }
    if !first.missing.is_empty() {
        let layers: Vec<_> = first.missing.iter().map(|layer| layer.as_str()).collect();
        let word = if layers.len() == 1 { "layer" } else { "layers" };
        writeln!(
            text,
            "         no statement of the {word} {} allows it",
            layers.join(" and ")
        )?;
    }
    let mut seen = BTreeSet::new();
    for advice in group.iter().flat_map(|need| &need.advice) {
        if seen.insert(advice) {
            writeln!(text, "{}", indented(advice))?;
        }
    }
    Ok(())
}

fn probe(probe: &Probe, text: &mut String) -> std::fmt::Result {
    let verdict = if probe.ok { "ok" } else { "failed" };
    writeln!(
        text,
        "{verdict:<8} {}: {} {}: {} ({:.1} ms)",
        probe.why,
        probe.stage,
        probe.target,
        probe.found,
        probe.seconds * 1000.0
    )?;
    for hint in &probe.hints {
        writeln!(text, "{}", indented(hint))?;
    }
    Ok(())
}

/// A text below a verdict.
fn indented(text: &str) -> String {
    format!("         {}", text.trim_end().replace('\n', "\n         "))
}
