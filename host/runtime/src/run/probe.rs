//! Whether what a run needs is there and answers: looked at, never changed.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use serde::Serialize;

use super::authority::guard;
use super::execute::sandbox;
use super::open::files_of;
use super::{Options, access, plugin_bytes};
use crate::error::{Error, Result};
use crate::network::{self, Gate, Reached, SystemResolver};
use crate::policy::Guard;
use crate::sandbox::Sandbox;
use crate::spec::{
    Application, Input, InputFormat, Mode, SchemaSource, SecretSource, Step, StepAccess, Uri,
};
use crate::storage::{Stores, is_hidden, list, storage_error};

/// Time that a probe may take: longer than any server takes that a run could rely on.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Time that a plugin may take to be compiled.
const COMPILE_TIME_MAX: Duration = Duration::from_mins(2);

/// One look at something that a run needs.
#[derive(Clone, Debug, Serialize)]
pub struct Probe {
    /// What wants it, such as `input sales`.
    pub why: String,
    /// What was tried: `list`, `secret`, `load`, or on the way to a host `certificates`, `resolve`,
    /// `allow`, `connect` or `tls`.
    pub stage: &'static str,
    /// With what.
    pub target: String,
    /// Whether it went well.
    pub ok: bool,
    /// What was found, or why it failed.
    pub found: String,
    /// What to do about a failure.
    pub hints: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

/// Looks at everything that a run of `application` needs, within what policies allow: lists inputs and the output's
/// folder, sees whether secrets can be had, loads plugins, and connects to hosts. Nothing is written, and no request
/// is sent to a host.
///
/// # Errors
///
/// Fails where the application or a name of the run is malformed; what a probe finds is no error.
pub async fn probe(application: &Application, options: &Options) -> Result<Vec<Probe>> {
    let guard = guard(application, options)?;
    let mut prober = Prober {
        stores: Stores::new(options.environment.clone(), Arc::default(), guard.clone()),
        guard,
        sandbox: sandbox(options, &application.limits.compile)?,
        options,
        probes: Vec::new(),
    };
    for input in &application.inputs {
        prober.input(input).await;
    }
    for (name, source) in &application.secrets {
        prober.secret(name, source).await;
    }
    for step in &application.steps {
        prober.plugin(step).await;
        prober.hosts(step).await;
    }
    prober
        .output(&application.output.uri, application.output.mode)
        .await;
    Ok(prober.probes)
}

struct Prober<'a> {
    guard: Guard,
    stores: Stores,
    sandbox: Sandbox,
    options: &'a Options,
    probes: Vec<Probe>,
}

/// What a probe is about, as its result says.
struct Asked {
    why: String,
    stage: &'static str,
    target: String,
}

impl Prober<'_> {
    fn tell(&mut self, asked: Asked, time: Duration, outcome: Result<String>) {
        let (ok, found, hints) = match outcome {
            Ok(found) => (true, found, Vec::new()),
            Err(error) => (false, error.message().to_owned(), error.hints().to_vec()),
        };
        self.probes.push(Probe {
            why: asked.why,
            stage: asked.stage,
            target: asked.target,
            ok,
            found,
            hints,
            seconds: time.as_secs_f64(),
        });
    }

    async fn input(&mut self, input: &Input) {
        let asked = Asked {
            why: format!("input {}", input.name),
            stage: "list",
            target: input.uri.to_string(),
        };
        let started = Instant::now();
        let found = within(TIME_MAX, async {
            let files = files_of(&self.stores, &input.name, &input.uri).await?;
            let bytes: u64 = files.objects.iter().map(|object| object.size).sum();
            Ok(format!(
                "{}, {bytes} bytes",
                count(files.objects.len(), "object")
            ))
        });
        let found = found.await;
        self.tell(asked, started.elapsed(), found);
        let source = match &input.format {
            InputFormat::Csv(options) => &options.schema,
            InputFormat::Json(options) => &options.schema,
            InputFormat::Parquet | InputFormat::Arrow => return,
        };
        if let SchemaSource::File(uri) = source {
            self.file(format!("schema of input {}", input.name), "list", uri)
                .await;
        }
    }

    async fn file(&mut self, why: String, stage: &'static str, uri: &Uri) {
        let asked = Asked {
            why,
            stage,
            target: uri.to_string(),
        };
        let started = Instant::now();
        let found = within(TIME_MAX, async {
            let place = self.stores.open_input(uri)?;
            let objects = list(&place, None).await?;
            let bytes: u64 = objects.iter().map(|object| object.size).sum();
            Ok(format!("{bytes} bytes"))
        });
        let found = found.await;
        self.tell(asked, started.elapsed(), found);
    }

    /// Has a secret, as a run would, and forgets it.
    async fn secret(&mut self, name: &str, source: &SecretSource) {
        let asked = Asked {
            why: format!("secret {name}"),
            stage: "secret",
            target: match source {
                SecretSource::Environment(variable) => format!("${variable}"),
                SecretSource::File(uri) => uri.to_string(),
                SecretSource::Command(words) => words.first().cloned().unwrap_or_default(),
            },
        };
        let started = Instant::now();
        let had = within(TIME_MAX, access::fetch(source, self.options, &self.guard)).await;
        self.tell(
            asked,
            started.elapsed(),
            had.map(|_| "can be had".to_owned()),
        );
    }

    /// Loads the plugin of a step, and says where what it imports and what the step declares differ.
    async fn plugin(&mut self, step: &Step) {
        let asked = Asked {
            why: format!("step {}", step.name),
            stage: "load",
            target: step.plugin.to_string(),
        };
        let started = Instant::now();
        let found = within(COMPILE_TIME_MAX, async {
            let component = plugin_bytes(&self.stores, &step.plugin, &step.name).await?;
            let sandbox = self.sandbox.clone();
            let deadline = Instant::now() + COMPILE_TIME_MAX;
            let offers = access::offers(&step.access);
            let load = move || {
                let late = || Instant::now() > deadline;
                sandbox.load_unless(&component, offers, &late)
            };
            let plugin = tokio::task::spawn_blocking(load)
                .await
                .map_err(|cause| Error::internal("compile a plugin").source(cause))??;
            let imports = plugin.inspect().imports.iter();
            let names: Vec<&str> = imports.map(|import| import.name.as_str()).collect();
            Ok(fits(&step.access, &names))
        });
        let found = found.await;
        self.tell(asked, started.elapsed(), found);
    }

    /// Goes the way to each host that a step declares, up to where a request would be sent.
    async fn hosts(&mut self, step: &Step) {
        let gate = Gate {
            guard: self.guard.of_step(&step.name),
            has_policies: self.options.policies.is_some(),
        };
        for rule in &step.access.http {
            let asked = |stage| Asked {
                why: format!("requests of step {}", step.name),
                stage,
                target: format!("{}:{}", rule.host, rule.port),
            };
            let started = Instant::now();
            let trusting = within(TIME_MAX, access::trusting(rule, &self.stores)).await;
            let rule = match trusting {
                Ok(rule) => rule,
                Err(error) => {
                    self.tell(asked("certificates"), started.elapsed(), Err(error));
                    continue;
                }
            };
            for Reached {
                stage,
                outcome,
                time,
            } in network::probe(&rule, &gate, &SystemResolver, TIME_MAX).await
            {
                self.tell(asked(stage), time, outcome);
            }
        }
    }

    async fn output(&mut self, uri: &Uri, mode: Mode) {
        let asked = Asked {
            why: "output".to_owned(),
            stage: "list",
            target: uri.to_string(),
        };
        let started = Instant::now();
        let found = within(TIME_MAX, async {
            let place = self.stores.open_output(uri)?;
            let failed = |error| storage_error(&uri.to_string(), error);
            let mut listing = place.store.list(Some(&place.path));
            while let Some(object) = listing.try_next().await.map_err(failed)? {
                if !is_hidden(object.location.filename().unwrap_or_default()) {
                    return occupied(mode);
                }
            }
            Ok("nothing is there yet".to_owned())
        });
        let found = found.await;
        self.tell(asked, started.elapsed(), found);
    }
}

/// What a run makes of an output where something is.
fn occupied(mode: Mode) -> Result<String> {
    match mode {
        Mode::ErrorIfExists => Err(Error::input("something is there already")
            .hint("name another folder, or say `mode = \"overwrite\"` or `mode = \"append\"`")),
        Mode::Overwrite => Ok("something is there, which is replaced".to_owned()),
        Mode::OverwritePartitions => {
            Ok("something is there, of which some partitions may be replaced".to_owned())
        }
        Mode::Incremental => {
            Ok("something is there, of which stays what the input still gives".to_owned())
        }
        Mode::Append => Ok("something is there, which stays".to_owned()),
        Mode::Ignore => Ok("something is there, so that the run will do nothing".to_owned()),
    }
}

/// What a plugin uses of what its step declares; it would not have been loaded if it used more.
fn fits(access: &StepAccess, imports: &[&str]) -> String {
    let mut uses = Vec::new();
    let mut surplus = Vec::new();
    for (package, declared, key) in [
        (
            "sluicegate:access/objects",
            !access.objects.is_empty(),
            "objects",
        ),
        (
            "sluicegate:access/secrets",
            !access.secrets.is_empty(),
            "secrets",
        ),
        ("wasi:http/", !access.http.is_empty(), "http"),
    ] {
        match (
            imports.iter().any(|name| name.starts_with(package)),
            declared,
        ) {
            (true, _) => uses.push(key),
            (false, true) => surplus.push(key),
            (false, false) => {}
        }
    }
    let mut found = match uses.as_slice() {
        [] => "reaches nothing beyond its columns".to_owned(),
        uses => format!("uses {}", uses.join(", ")),
    };
    if !surplus.is_empty() {
        // Writing to a string does not fail.
        let _ = write!(
            found,
            "; the step declares {} for nothing",
            surplus.join(", ")
        );
    }
    found
}

fn count(number: usize, what: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{number} {what}{end}")
}

async fn within<T>(time: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(time, work).await {
        Ok(done) => done,
        Err(_) => Err(Error::storage(format!(
            "no answer within {} s",
            time.as_secs()
        ))),
    }
}
