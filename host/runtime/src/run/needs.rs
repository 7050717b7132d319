//! All that an application needs, as far as its file tells.

use super::contract::scorecard_file;
use super::incremental::bookmark_file;
use crate::engine::Quarantine;
use crate::error::Result;
use crate::policy::{Action, Context, Need, Resource};
use crate::spec::{
    Application, Contract, ExpectedSchema, HttpRule, Input, InputFormat, Mode, Numbers,
    ObjectAction, RuleKind, SchemaSource, SecretSource, Step, Uri, WallClock,
};
use crate::storage::{MARKER, kept, names_beside};

/// What reads a folder, and what reads one object of it.
const READ: [Action; 2] = [Action::ObjectHead, Action::ObjectGet];

/// Everything that a run of `application` will ask for, each with what wants it. `canonical` names a place as policies
/// do; see [`canonical`](crate::storage::canonical).
///
/// It is also all that a run may do: the application's own layer of policies permits exactly this.
///
/// # Errors
///
/// Fails where a place is so deep, or its name so long, that nothing can be decided about it.
pub fn needs(application: &Application, canonical: impl Fn(&Uri) -> Uri) -> Result<Vec<Need>> {
    let mut needs = Needs {
        list: Vec::new(),
        canonical: &canonical,
    };
    for input in &application.inputs {
        needs.input(input)?;
    }
    for step in &application.steps {
        needs.step(step)?;
    }
    for (name, source) in &application.secrets {
        if let SecretSource::File(uri) = source {
            needs.file(uri, &format!("secret {name}"))?;
        }
        // A policy may have columns hashed with it.
        let secret = Resource::secret(name)?;
        needs.list.push(Need {
            optional: true,
            ..Need::one(Action::SecretUse, secret, "masks of columns")
        });
    }
    let output = &application.output;
    needs.contract(output.contract.as_ref(), "contract of the output")?;
    for rule in output.rules.list() {
        if let RuleKind::References { to, .. } = &rule.kind {
            needs.input(to)?;
        }
    }
    needs.output(&output.uri, output.mode)?;
    let log = Resource::parse("log:run", Action::LogWrite)?;
    // Messages that are refused are dropped, and the run goes on.
    needs.list.push(Need {
        optional: true,
        ..Need::one(Action::LogWrite, log, "messages")
    });
    Ok(needs.list)
}

/// What a run does in its output to names that are known beforehand: whoever allows it other names alone has its commit
/// refused when all its work is done.
///
/// # Errors
///
/// As [`needs`].
pub(super) fn named(
    application: &Application,
    run: &str,
    canonical: impl Fn(&Uri) -> Uri,
) -> Result<Vec<(Action, Resource)>> {
    let output = &application.output;
    let (create, overwrite, delete) = (
        Action::ObjectCreate,
        Action::ObjectOverwrite,
        Action::ObjectDelete,
    );
    let part = format!("part-00000-000-{run}{}", output.format.extension());
    let mut names = vec![(create, part.clone())];
    if application.keeps_bad_rows() {
        names.push((create, Quarantine::file(run)));
    }
    if !output.rules.list().is_empty() {
        names.push((create, scorecard_file(run)));
    }
    if output.mode == Mode::Incremental {
        names.push((create, bookmark_file(run)));
    }
    let beside = names_beside(run, output.uri.scheme());
    names.extend(beside.into_iter().map(|name| (create, name)));
    if output.mode.takes_existing() {
        names.push((overwrite, MARKER.to_owned()));
    } else {
        names.push((create, MARKER.to_owned()));
    }
    if output.mode.replaces() {
        names.push((delete, MARKER.to_owned()));
        names.push((delete, part.clone()));
        if output.keep_versions > 0 {
            names.push((create, kept(&part)));
        }
    }
    let uri = canonical(&output.uri);
    let resource = |name: String| {
        let key = match uri.path() {
            "" => name,
            folder => format!("{folder}/{name}"),
        };
        Resource::object(&uri, &key)
    };
    let named = names
        .into_iter()
        .map(|(action, name)| Ok((action, resource(name)?)));
    named.collect()
}

struct Needs<'a> {
    list: Vec<Need>,
    canonical: &'a dyn Fn(&Uri) -> Uri,
}

impl Needs<'_> {
    fn input(&mut self, input: &Input) -> Result<()> {
        let why = format!("input {}", input.name);
        let (place, pattern) = input.uri.split_glob();
        let is_folder = place.is_folder() || pattern.is_some();
        if !is_folder {
            self.file(&place, &why)?;
        }
        if !place.scheme().is_web() {
            // Without a `/` at its end, it may still be a folder.
            let from = self.list.len();
            self.folder(&place, &[Action::ObjectList, READ[0], READ[1]], &why)?;
            for need in self.list.iter_mut().skip(from) {
                need.optional = !is_folder;
            }
        }
        self.contract(input.contract.as_ref(), &format!("contract of {why}"))?;
        let source = match &input.format {
            InputFormat::Csv(options) => &options.schema,
            InputFormat::Json(options) => &options.schema,
            InputFormat::Parquet | InputFormat::Arrow => return Ok(()),
        };
        if let SchemaSource::File(uri) = source {
            self.file(uri, &format!("schema of input {}", input.name))?;
        }
        Ok(())
    }

    fn contract(&mut self, contract: Option<&Contract>, why: &str) -> Result<()> {
        match contract.map(|contract| &contract.schema) {
            Some(ExpectedSchema::File(uri)) => self.file(uri, why),
            _ => Ok(()),
        }
    }

    fn step(&mut self, step: &Step) -> Result<()> {
        self.file(&step.plugin, &format!("plugin of step {}", step.name))?;
        let access = &step.access;
        for folder in &access.objects {
            let why = format!("folder {} of step {}", folder.name, step.name);
            let actions: Vec<Action> = folder.actions.iter().map(|action| of(*action)).collect();
            self.folder(&folder.uri, &actions, &why)?;
        }
        for rule in &access.http {
            self.requests(rule, &format!("requests of step {}", step.name))?;
        }
        let why = format!("step {}", step.name);
        for secret in &access.secrets {
            self.named(Action::SecretRead, &format!("secret:{secret}"), &why)?;
        }
        if access.clock == WallClock::Real {
            self.named(Action::ClockRead, "clock:wall", &why)?;
        }
        if access.random == Numbers::Real {
            self.named(Action::RandomRead, "random:secure", &why)?;
        }
        Ok(())
    }

    /// A request with each method; where all paths of a folder are meant, one that stands for them.
    fn requests(&mut self, rule: &HttpRule, why: &str) -> Result<()> {
        let action = Action::NetworkHttp;
        let host = Resource::parse(&format!("host:{}:{}", rule.host, rule.port), action)?;
        for method in &rule.methods {
            let context = Context::default()
                .with(
                    action,
                    "network:scheme",
                    if rule.tls { "https" } else { "http" },
                )?
                .with(action, "network:port", &rule.port.to_string())?
                .with(action, "network:method", method)?
                .with(action, "network:path", &rule.path)?
                .with(action, "network:tls", &rule.tls.to_string())?;
            let need = Need::one(action, host.clone(), why);
            self.list.push(Need { context, ..need });
        }
        for header in &rule.headers {
            let action = Action::SecretUse;
            let secret = Resource::secret(&header.secret)?;
            let context = Context::default().with(action, "secret:host", &rule.host)?;
            let need = Need::one(action, secret, why);
            self.list.push(Need { context, ..need });
        }
        rule.ca_file
            .as_ref()
            .map_or(Ok(()), |uri| self.file(uri, why))
    }

    fn output(&mut self, uri: &Uri, mode: Mode) -> Result<()> {
        let actions: &[Action] = match mode {
            Mode::ErrorIfExists | Mode::Ignore => &[Action::ObjectList, Action::ObjectCreate],
            // The marker of the run before is written anew.
            Mode::Append => &[
                Action::ObjectList,
                Action::ObjectCreate,
                Action::ObjectOverwrite,
            ],
            Mode::Overwrite | Mode::OverwritePartitions | Mode::Incremental => &[
                Action::ObjectList,
                Action::ObjectCreate,
                Action::ObjectOverwrite,
                Action::ObjectDelete,
            ],
        };
        self.folder(uri, actions, "output")?;
        if mode == Mode::Append {
            // Without it, earlier versions are not forgotten.
            let own = Uri::parse("_sluice/", Some(uri))?;
            self.folder(&own, &[Action::ObjectDelete], "output")?;
            if let Some(need) = self.list.last_mut() {
                need.optional = true;
            }
        }
        Ok(())
    }

    /// One object that is read whole.
    fn file(&mut self, uri: &Uri, why: &str) -> Result<()> {
        let uri = (self.canonical)(uri);
        for action in READ {
            let resource = Resource::object(&uri, uri.path())?;
            self.list.push(Need::one(action, resource, why));
        }
        if !uri.scheme().is_web() {
            // So that an error can say what is there in its place.
            let beside = Resource::folder(&uri, uri.parent().path())?;
            let mut need = Need::within(Action::ObjectList, beside, why);
            need.optional = true;
            self.list.push(need);
        }
        Ok(())
    }

    fn folder(&mut self, uri: &Uri, actions: &[Action], why: &str) -> Result<()> {
        let uri = (self.canonical)(uri);
        for action in actions {
            let resource = Resource::folder(&uri, uri.path())?;
            self.list.push(Need::within(*action, resource, why));
        }
        Ok(())
    }

    fn named(&mut self, action: Action, resource: &str, why: &str) -> Result<()> {
        let resource = Resource::parse(resource, action)?;
        self.list.push(Need::one(action, resource, why));
        Ok(())
    }
}

/// The action of policies for what an application file calls it.
pub(super) const fn of(action: ObjectAction) -> Action {
    match action {
        ObjectAction::List => Action::ObjectList,
        ObjectAction::Head => Action::ObjectHead,
        ObjectAction::Get => Action::ObjectGet,
        ObjectAction::Create => Action::ObjectCreate,
        ObjectAction::Overwrite => Action::ObjectOverwrite,
        ObjectAction::Delete => Action::ObjectDelete,
    }
}
