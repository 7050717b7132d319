//! Steps of an application file, and what feeds what.

use super::access::{self, Folders};
use super::application::{SortKey, Source, Step};
use super::bad_rows;
use super::document::{Fields, Node, Problems};
use super::input::read_uri;
use super::quantity::clip;
use super::uri::Uri;

const KEYS: [&str; 15] = [
    "name",
    "from",
    "plugin",
    "params",
    "partition_by",
    "order_by",
    "description",
    access::STEP_KEYS[0],
    access::STEP_KEYS[1],
    access::STEP_KEYS[2],
    access::STEP_KEYS[3],
    access::STEP_KEYS[4],
    bad_rows::KEYS[0],
    bad_rows::KEYS[1],
    bad_rows::KEYS[2],
];

/// What a step or the output may read: names in the order of the file.
#[derive(Debug)]
pub(super) struct Sources<'a> {
    inputs: Vec<&'a str>,
    /// Empty where a step has no valid name.
    steps: Vec<String>,
    /// The names of the secrets.
    secrets: Vec<&'a str>,
}

impl<'a> Sources<'a> {
    /// The names of inputs and steps; a name that stands twice is a problem.
    pub(super) fn new(
        inputs: Vec<&'a str>,
        steps: &[Node],
        secrets: Vec<&'a str>,
        problems: &Problems,
    ) -> Self {
        let mut sources = Self {
            inputs,
            steps: Vec::new(),
            secrets,
        };
        for node in steps {
            // Problems with the table itself are found when the step is read.
            let silent = Problems::default();
            let name = Fields::new(node, &node.span, "the step", &KEYS, &silent)
                .and_then(|fields| fields.get("name"));
            let text = name
                .and_then(|name| name.string(&silent))
                .unwrap_or_default();
            if let Some(name) = name
                && sources.find(&text).is_some()
            {
                let message = format!("`{}` names another input or step already", clip(&text));
                problems.add(&name.span, message);
            }
            sources.steps.push(text);
        }
        sources
    }

    fn find(&self, name: &str) -> Option<Source> {
        let step = self
            .steps
            .iter()
            .position(|step| step == name && !name.is_empty());
        let input = || self.inputs.iter().position(|input| *input == name);
        step.map(Source::Step)
            .or_else(|| input().map(Source::Input))
    }

    /// What the step `at` reads, or the output if it is the number of steps.
    pub(super) fn from(&self, fields: &Fields<'_>, at: usize) -> Option<Source> {
        let problems = fields.problems;
        let Some(node) = fields.get("from") else {
            return self.default(fields, at);
        };
        let name = node.string(problems)?;
        match self.find(&name) {
            Some(Source::Step(step)) if step >= at => {
                let message = format!("`{}` does not stand before this step", clip(&name));
                problems.add_with_hint(&node.span, message, "a step reads what stands above it");
                None
            }
            Some(source) => Some(source),
            None => {
                let mut known = self.inputs.clone();
                known.extend(self.steps.iter().take(at).map(String::as_str));
                known.retain(|name| !name.is_empty());
                let message = format!("unknown input or step `{}`", clip(&name));
                problems.add_unknown(&node.span, message, &name, &known);
                None
            }
        }
    }

    fn default(&self, fields: &Fields<'_>, at: usize) -> Option<Source> {
        if let Some(before) = at.checked_sub(1) {
            return Some(Source::Step(before));
        }
        if self.inputs.len() > 1 {
            let known: Vec<_> = self.inputs.iter().map(|name| format!("`{name}`")).collect();
            fields.whole("has no `from`", &format!("inputs: {}", known.join(", ")));
            return None;
        }
        self.inputs.first().map(|_| Source::Input(0))
    }
}

/// Reads the step `at`.
pub(super) fn read(
    node: &Node,
    at: usize,
    sources: &Sources<'_>,
    base: &Uri,
    problems: &Problems,
) -> Option<Step> {
    let fields = Fields::new(node, &node.span, "the step", &KEYS, problems)?;
    let name = fields
        .required("name")
        .and_then(|node| name(node, "step", problems));
    let from = sources.from(&fields, at);
    let plugin = fields
        .required("plugin")
        .and_then(|node| read_uri(node, base, problems));
    let params = fields.or("params", serde_json::Map::new().into(), |node| {
        node.table("the step's parameters", problems)?;
        node.json(problems)
    });
    let _ = fields.text_or_empty("description");
    let partition_by = fields.strings_or_empty("partition_by");
    let order_by = fields.or("order_by", Vec::new(), |node| sort_keys(node, problems));
    let access = access::read(&fields, &sources.secrets, Folders::Anywhere(base), problems);
    let bad_rows = bad_rows::read(&fields);
    Some(Step {
        name: name?,
        from: from?,
        plugin: plugin?,
        params: params?,
        partition_by: partition_by?,
        order_by: order_by?,
        access: access?,
        bad_rows: bad_rows?,
    })
}

/// Characters of a name. Names become parts of file names and of messages.
const NAME_CHARS_MAX: usize = 64;

/// The name of an input or a step.
pub(super) fn name(node: &Node, kind: &str, problems: &Problems) -> Option<String> {
    let name = node.string(problems)?;
    if !is_name(&name) {
        problems.add(&node.span, malformed_name(kind, &name));
        return None;
    }
    Some(name)
}

pub(super) fn is_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    (1..=NAME_CHARS_MAX).contains(&name.len()) && name.chars().all(legal)
}

pub(super) fn malformed_name(kind: &str, name: &str) -> String {
    format!(
        "{kind} name `{}` is malformed, expected 1 to {NAME_CHARS_MAX} of `A-Z`, `a-z`, `0-9`, `_`, `-`",
        clip(name)
    )
}

fn sort_keys(node: &Node, problems: &Problems) -> Option<Vec<SortKey>> {
    let texts = node.strings(problems)?;
    let keys: Option<Vec<_>> = texts.iter().map(|text| sort_key(text)).collect();
    if keys.is_none() {
        problems.add(
            &node.span,
            "sort key has no column, expected `\"column\"` or `\"column desc\"`",
        );
    }
    keys
}

fn sort_key(text: &str) -> Option<SortKey> {
    let text = text.trim();
    let (column, descending) = match text.rsplit_once(char::is_whitespace) {
        Some((column, word)) if word.eq_ignore_ascii_case("desc") => (column, true),
        Some((column, word)) if word.eq_ignore_ascii_case("asc") => (column, false),
        _ => (text, false),
    };
    let column = column.trim_end().to_owned();
    (!column.is_empty()).then_some(SortKey { column, descending })
}
