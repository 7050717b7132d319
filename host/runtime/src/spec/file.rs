//! An application file: read once, resolved for each run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::access::SecretSource;
use super::application::{Application, Origin, Source};
use super::document::{self, Entry, Fields, Node, Problems, hint_at};
use super::parameter::{Parameter, ParameterType, Value};
use super::quantity::clip;
use super::step::{self, Sources};
use super::uri::Uri;
use super::{access, incremental, input, limit_keys, output};
use crate::error::{Error, Result};

mod scope;

use scope::Scope;

const KEYS: [&str; 9] = [
    "name",
    "description",
    "tags",
    "parameters",
    "secrets",
    "inputs",
    "steps",
    "output",
    "limits",
];

/// Bytes of the name. Names become parts of file names and of messages.
const NAME_BYTES_MAX: usize = 64;

/// Characters of the description, of a tag's key and of a tag's value.
const DESCRIPTION_CHARS_MAX: usize = 4096;
const TAG_CHARS_MAX: usize = 256;

/// Entries of each kind. A person wrote them, and one run holds them all open.
const TAGS_MAX: usize = 64;
const PARAMETERS_MAX: usize = 256;
const INPUTS_MAX: usize = 64;
const STEPS_MAX: usize = 64;
const SECRETS_MAX: usize = 64;

/// Folders above an application file whose place is not known; a deeper `..` is refused in time, when
/// the place is known.
const FOLDERS_UNKNOWN: usize = 128;

/// An application file that is well-formed as far as can be told without its parameters.
#[derive(Clone, Debug)]
pub struct ApplicationFile {
    origin: String,
    text: String,
    root: Node,
    name: String,
    description: String,
    tags: BTreeMap<String, String>,
    parameters: Vec<Parameter>,
}

impl ApplicationFile {
    /// Reads the text of a file; `origin` names it in errors.
    ///
    /// # Errors
    ///
    /// Fails with every problem, each with its line, column and text: syntax, unknown keys, wrong types
    /// and values, placeholders that name no parameter, steps that read what does not exist.
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        let root = document::parse(text, origin)?;
        let problems = Problems::default();
        let file = Self::read(text, origin, root, &problems);
        if let Some(file) = &file {
            // Whatever holds a placeholder counts as right until there is a value.
            let scope = Scope::declared(&file.parameters);
            // The folder is not known yet: one so deep that no relative path leads above its root.
            let base = Uri::parse_folder(&"/x".repeat(FOLDERS_UNKNOWN))?;
            let _ = file.interpret(&scope, &base, &problems);
        }
        problems.into_result(text, origin)?;
        file.ok_or_else(|| Error::internal("application file is neither read nor refused"))
    }

    fn read(text: &str, origin: &str, root: Node, problems: &Problems) -> Option<Self> {
        let fields = Fields::new(&root, &(0..0), "the application file", &KEYS, problems)?;
        let name = fields
            .required("name")
            .and_then(|node| read_name(node, problems));
        let description = fields.or("description", String::new(), |node| {
            let text = node.string(problems)?;
            within(node, &text, DESCRIPTION_CHARS_MAX, problems).then_some(text)
        });
        let tags = fields.or("tags", BTreeMap::new(), |node| read_tags(node, problems));
        let parameters = fields.or("parameters", Vec::new(), |node| {
            read_parameters(node, problems)
        });
        // A wrong head does not keep the rest from being checked.
        Some(Self {
            origin: origin.to_owned(),
            text: text.to_owned(),
            name: name.unwrap_or_default(),
            description: description.unwrap_or_default(),
            tags: tags.unwrap_or_default(),
            parameters: parameters.unwrap_or_default(),
            root,
        })
    }

    /// The application's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the application is for; empty if not said.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The declared parameters, in the order of the file.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Fills in parameters. `base` is the URI or absolute path of the file or its folder, from which
    /// relative URIs are taken; `given` holds parameters by name; `built_in` values of dotted
    /// placeholders, such as `run.id`.
    ///
    /// # Errors
    ///
    /// Fails for parameters that are unknown, missing or malformed, all at once; and then for
    /// whatever turns out wrong once they are known.
    pub fn resolve(
        &self,
        base: &str,
        given: &BTreeMap<String, String>,
        built_in: &BTreeMap<String, String>,
    ) -> Result<Application> {
        let base = Uri::parse_folder(base)?;
        let values = self.values(given)?;
        let scope = Scope::filled(&values, built_in);
        let problems = Problems::default();
        let application = self.interpret(&scope, &base, &problems);
        problems.into_result(&self.text, &self.origin)?;
        let unread = || Error::internal("application file is neither resolved nor refused");
        let mut application = application.ok_or_else(unread)?;
        application.parameters = values;
        application.origin = Origin {
            file: self.origin.clone(),
            text: self.text.clone(),
            folder: base.to_string(),
            parameters: given.clone(),
            built_in: built_in.clone(),
        };
        Ok(application)
    }

    fn values(&self, given: &BTreeMap<String, String>) -> Result<BTreeMap<String, Value>> {
        let mut wrong: Vec<(String, Option<String>)> = Vec::new();
        let known: Vec<_> = self.parameters.iter().map(|p| p.name.as_str()).collect();
        for name in given.keys().filter(|name| !known.contains(&name.as_str())) {
            let hint = hint_at(name, &known)
                .unwrap_or_else(|| "this application has no parameters".to_owned());
            wrong.push((format!("unknown parameter `{}`", clip(name)), Some(hint)));
        }
        let mut values = BTreeMap::new();
        for parameter in &self.parameters {
            let Parameter {
                name,
                ty,
                default,
                description,
            } = parameter;
            let value = match (given.get(name), default) {
                (Some(text), _) => ty
                    .parse(text)
                    .map_err(|message| (format!("parameter `{name}`: {message}"), None)),
                (None, Some(default)) => Ok(default.clone()),
                (None, None) => {
                    let about = if description.is_empty() {
                        ty.expectation()
                    } else {
                        description
                    };
                    let hint = format!("give it a value: {}", clip(about));
                    Err((format!("parameter `{name}` is required"), Some(hint)))
                }
            };
            match value {
                Ok(value) => {
                    values.insert(name.clone(), value);
                }
                Err(problem) => wrong.push(problem),
            }
        }
        self.refuse(wrong)?;
        Ok(values)
    }

    fn refuse(&self, mut wrong: Vec<(String, Option<String>)>) -> Result<()> {
        let error = match wrong.len() {
            0 => return Ok(()),
            1 => {
                let (message, hint) = wrong.remove(0);
                hint.into_iter().fold(Error::input(message), Error::hint)
            }
            count => {
                let mut all = format!("{count} problems with parameters");
                for (message, hint) in wrong {
                    let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
                    let _ = write!(all, "\n  {message}{hint}");
                }
                Error::input(all)
            }
        };
        Err(error.context(format!("resolve `{}`", self.origin)))
    }

    /// Reads what may hold placeholders. None after a problem, or if one is left open.
    fn interpret(&self, scope: &Scope<'_>, base: &Uri, problems: &Problems) -> Option<Application> {
        let silent = Problems::default();
        let head = Fields::new(&self.root, &(0..0), "the application file", &KEYS, &silent)?;
        let filled = |key: &str| {
            let entry = head.entry(key)?;
            Some(Entry {
                value: scope.fill(&entry.value, problems),
                ..entry.clone()
            })
        };
        let (inputs, steps) = (filled("inputs"), filled("steps"));
        let (target, limits) = (filled("output"), filled("limits"));
        let secrets = filled("secrets");
        let (secret_names, read_secrets) = read_secrets(secrets.as_ref(), base, problems);

        let inputs = inputs
            .as_ref()
            .map(|entry| entry.value.table("the inputs", problems));
        let inputs = inputs.flatten().unwrap_or_default();
        if inputs.is_empty() {
            problems.add(
                &(0..0),
                "the application file has no inputs, expected `[inputs.<name>]`",
            );
        }
        too_many("inputs", inputs.len(), INPUTS_MAX, problems);
        let steps = steps
            .as_ref()
            .map(|entry| entry.value.array("an array of steps", problems));
        let steps = steps.flatten().unwrap_or_default();
        too_many("steps", steps.len(), STEPS_MAX, problems);

        let names = inputs.iter().map(|entry| entry.key.as_str()).collect();
        let sources = Sources::new(names, steps, secret_names, problems);
        let read_inputs: Vec<_> = inputs
            .iter()
            .map(|entry| {
                if !step::is_name(&entry.key) {
                    problems.add(&entry.span, step::malformed_name("input", &entry.key));
                }
                input::read(entry, base, problems)
            })
            .collect();
        let read_steps: Vec<_> = steps
            .iter()
            .enumerate()
            .map(|(at, node)| step::read(node, at, &sources, base, problems))
            .collect();
        let output = if let Some(Entry { span, value, .. }) = &target {
            let from = |fields: &Fields<'_>| sources.from(fields, steps.len());
            output::read(value, span, base, from, problems)
        } else {
            problems.add(&(0..0), "the application file has no `[output]`");
            None
        };
        let limits = limit_keys::read(limits.as_ref().map(|entry| &entry.value), problems);
        let application = Application {
            name: self.name.clone(),
            description: self.description.clone(),
            tags: self.tags.clone(),
            parameters: BTreeMap::new(),
            secrets: read_secrets?,
            inputs: read_inputs.into_iter().collect::<Option<_>>()?,
            steps: read_steps.into_iter().collect::<Option<_>>()?,
            output: output.map(|output| output.in_file(&self.origin, &self.text))?,
            limits: limits?,
            origin: Origin::default(),
        };
        refuse_idle(&application, inputs, steps, problems);
        incremental::refuse_steps(&application, steps, problems);
        Some(application)
    }
}

/// The names of the secrets, all of them, and where they come from unless there is a problem.
fn read_secrets<'a>(
    entry: Option<&'a Entry>,
    base: &Uri,
    problems: &Problems,
) -> (Vec<&'a str>, Option<BTreeMap<String, SecretSource>>) {
    let entries = entry
        .and_then(|entry| entry.value.table("the secrets", problems))
        .unwrap_or_default();
    too_many("secrets", entries.len(), SECRETS_MAX, problems);
    let names = entries.iter().map(|entry| entry.key.as_str()).collect();
    let read: Vec<_> = entries
        .iter()
        .map(|entry| access::secret(entry, base, problems))
        .collect();
    (names, read.into_iter().collect())
}

/// Inputs and steps whose rows go nowhere: they would silently not run.
fn refuse_idle(application: &Application, inputs: &[Entry], steps: &[Node], problems: &Problems) {
    let mut read = vec![application.output.from];
    read.extend(application.steps.iter().map(|step| step.from));
    let hint = "name it in a `from`, or remove it";
    for (at, entry) in inputs.iter().enumerate() {
        if !read.contains(&Source::Input(at)) {
            let message = format!("nothing reads the input `{}`", entry.key);
            problems.add_with_hint(&entry.span, message, hint);
        }
    }
    for (at, (step, node)) in application.steps.iter().zip(steps).enumerate() {
        if !read.contains(&Source::Step(at)) {
            let message = format!("nothing reads the step `{}`", step.name);
            problems.add_with_hint(&node.span, message, hint);
        }
    }
}

fn too_many(what: &str, count: usize, max: usize, problems: &Problems) {
    if count > max {
        problems.add(&(0..0), format!("{count} {what}, expected at most {max}"));
    }
}

fn within(node: &Node, text: &str, max: usize, problems: &Problems) -> bool {
    let fits = text.chars().count() <= max;
    if !fits {
        problems.add(&node.span, format!("text is longer than {max} characters"));
    }
    fits
}

pub(super) fn read_name(node: &Node, problems: &Problems) -> Option<String> {
    let name = node.string(problems)?;
    match malformed(&name) {
        Some(message) => {
            problems.add(&node.span, message);
            None
        }
        None => Some(name),
    }
}

/// What is wrong with the name of an application or a plugin, if anything is.
pub(super) fn malformed(name: &str) -> Option<String> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.chars().all(legal)
        && !name.starts_with('-')
        && !name.ends_with('-');
    let name = clip(name);
    (!fits).then(|| {
        format!(
            "name `{name}` is malformed, expected 1 to {NAME_BYTES_MAX} of `a-z`, `0-9`, `-`, no `-` at either end"
        )
    })
}

fn read_tags(node: &Node, problems: &Problems) -> Option<BTreeMap<String, String>> {
    let entries = node.table("the tags", problems)?;
    too_many("tags", entries.len(), TAGS_MAX, problems);
    let mut tags = BTreeMap::new();
    for Entry { key, value, .. } in entries {
        let text = value.string(problems)?;
        if within(value, key, TAG_CHARS_MAX, problems)
            && within(value, &text, TAG_CHARS_MAX, problems)
        {
            tags.insert(key.clone(), text);
        }
    }
    Some(tags)
}

fn read_parameters(node: &Node, problems: &Problems) -> Option<Vec<Parameter>> {
    let entries = node.table("the parameters", problems)?;
    too_many("parameters", entries.len(), PARAMETERS_MAX, problems);
    let mut names = BTreeSet::new();
    let read = |entry| read_parameter(entry, problems);
    let mut parameters: Vec<_> = entries.iter().map(read).collect();
    parameters.retain(|parameter| names.insert(parameter.name.clone()));
    Some(parameters)
}

/// Reads one parameter. One that is declared wrongly is kept, as text, so that placeholders of its
/// name are not reported as well.
fn read_parameter(entry: &Entry, problems: &Problems) -> Parameter {
    const KEYS: [&str; 3] = ["type", "default", "description"];
    let Entry {
        key: name,
        span,
        value,
    } = entry;
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(legal) {
        let name = clip(name);
        let message = format!(
            "parameter name `{name}` is malformed, expected `a-z`, `0-9`, `_`, a letter first"
        );
        problems.add(span, message);
    }
    let fields = Fields::new(value, span, "the parameter", &KEYS, problems);
    let ty = fields.as_ref().and_then(|fields| {
        fields
            .required("type")?
            .choice(&ParameterType::WORDS, problems)
    });
    let default = fields.as_ref().zip(ty).and_then(|(fields, ty)| {
        fields.or("default", None, |node| node.value(ty, problems).map(Some))
    });
    let description = fields.and_then(|fields| fields.text_or_empty("description"));
    Parameter {
        name: name.clone(),
        ty: ty.unwrap_or(ParameterType::String),
        default: default.flatten(),
        description: description.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
