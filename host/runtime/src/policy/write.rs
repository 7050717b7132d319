//! Policy files in their canonical form, and from one syntax to another.

use std::fmt::Write as _;

use cedar_policy::ffi::{FormattingAnswer, FormattingCall, format};
use serde_json::{Map, Value, json};

use super::Layer;
use super::cedar;
use super::condition::{Condition, Literal};
use super::decide::Policies;
use super::file::{Body, PolicyFile, Syntax};
use super::statement::Statement;
use super::variables::Scope;
use crate::error::{Error, Result};
use crate::spec::Problems;

/// Columns of a line of Cedar.
const LINE_WIDTH: usize = 100;

/// Columns by which Cedar is indented.
const INDENT_WIDTH: usize = 2;

/// The canonical form of a file that was read from `text`. Comments of TOML stay if they stand alone before a header
/// such as `[[statement]]`, those of Cedar anywhere.
///
/// # Errors
///
/// Fails at a comment that would be lost.
pub(super) fn canonical(file: &PolicyFile, text: &str, origin: &str) -> Result<String> {
    match file.syntax {
        Syntax::Json => file.to_syntax(Syntax::Json),
        Syntax::Cedar => format_cedar(text),
        Syntax::Toml => {
            let comments = comments(text, origin)?;
            Ok(to_toml(file, &comments))
        }
    }
}

impl PolicyFile {
    /// The canonical form of `text`, which this was read from.
    ///
    /// # Errors
    ///
    /// Fails at a comment of TOML that would be lost, and says where it may stand.
    pub fn format(&self, text: &str, origin: &str) -> Result<String> {
        canonical(self, text, origin)
    }

    /// The same statements in another syntax, without comments.
    ///
    /// # Errors
    ///
    /// Fails for what the syntax cannot say: Cedar has no groups and no variables, and statements cannot say all
    /// that Cedar can.
    pub fn to_syntax(&self, syntax: Syntax) -> Result<String> {
        if self.syntax == Syntax::Cedar && syntax != Syntax::Cedar {
            return Err(Error::input(
                "policies in Cedar cannot be represented as statements, which say less",
            ));
        }
        match syntax {
            Syntax::Toml => Ok(to_toml(self, &[])),
            Syntax::Json => {
                let text = serde_json::to_string_pretty(&to_json(self));
                text.map(|text| text + "\n")
                    .map_err(|cause| Error::internal(cause.to_string()))
            }
            Syntax::Cedar => to_cedar(self),
        }
    }
}

impl Policies {
    /// A BLAKE3, in hex, of what the policies say: neither comments nor the order of files matter to it.
    ///
    /// # Errors
    ///
    /// Fails only by a bug.
    pub fn digest(&self) -> Result<String> {
        let said = self.files().iter().map(|file| {
            let said = file.to_syntax(file.syntax)?;
            Ok(format!("{}\n{said}", file.layer))
        });
        let mut said = said.collect::<Result<Vec<_>>>()?;
        said.sort_unstable();
        Ok(blake3::hash(said.join("\0").as_bytes())
            .to_hex()
            .to_string())
    }
}

fn to_cedar(file: &PolicyFile) -> Result<String> {
    if !file.groups.is_empty() || !file.dynamic_groups.is_empty() {
        return Err(Error::input("groups cannot be represented in Cedar")
            .hint("keep them in a file of their own"));
    }
    let mut text = String::new();
    if file.layer != Layer::Identity {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "// Of the layer {0}: name it as `{0}=FILE`.",
            file.layer
        );
    }
    for statement in &file.statements {
        if matches!(&statement.body, Body::Statement(found) if found.has_variables()) {
            return Err(Error::input(format!(
                "{}: variables of statement `{}` cannot be represented in Cedar",
                statement.place, statement.sid
            )));
        }
        let trees = statement.body.compile(Scope::Check);
        for tree in trees.map_err(|cause| Error::input(cause.0))? {
            let policy = cedar::policy("0", tree)?;
            text.push_str(&policy.to_cedar().unwrap_or_default());
            text.push('\n');
        }
    }
    format_cedar(&text)
}

fn format_cedar(text: &str) -> Result<String> {
    let call = json!({
        "policyText": text,
        "lineWidth": LINE_WIDTH,
        "indentWidth": INDENT_WIDTH,
    });
    let call = serde_json::from_value::<FormattingCall>(call);
    let call = call.map_err(|cause| Error::internal(cause.to_string()))?;
    match format(call) {
        FormattingAnswer::Success { formatted_policy } => {
            Ok(formatted_policy.trim_end().to_owned() + "\n")
        }
        FormattingAnswer::Failure { errors } => {
            let message = errors.into_iter().next().map(|error| error.message);
            Err(Error::input(message.unwrap_or_default()))
        }
    }
}

/// One text alone, several as a list.
fn one_or_more(texts: &[String]) -> Value {
    match texts {
        [one] => json!(one),
        texts => json!(texts),
    }
}

fn literal(literal: &Literal) -> Value {
    match literal {
        Literal::Text(text) => json!(text),
        Literal::Number(number) => json!(number),
        Literal::Bool(truth) => json!(truth),
    }
}

fn values(condition: &Condition) -> Value {
    match condition.values.as_slice() {
        [one] => literal(one),
        several => several.iter().map(literal).collect(),
    }
}

/// The operators in the order in which they stand, each with its keys.
fn operators(statement: &Statement) -> Vec<(&str, Map<String, Value>)> {
    let mut operators: Vec<(&str, Map<String, Value>)> = Vec::new();
    for condition in &statement.conditions {
        let (key, value) = (condition.key_name.clone(), values(condition));
        match operators.last_mut() {
            Some((name, keys)) if *name == condition.operator_name => {
                keys.insert(key, value);
            }
            _ => operators.push((&condition.operator_name, Map::from_iter([(key, value)]))),
        }
    }
    operators
}

/// The fields of a statement in canonical order, but its conditions.
fn fields(statement: &Statement, layer: Layer) -> Vec<(&'static str, Value)> {
    let mut fields = Vec::new();
    // A number is what a statement without an id has.
    if !statement.sid.starts_with('#') {
        fields.push(("sid", json!(statement.sid)));
    }
    fields.push(("effect", json!(statement.effect.as_str())));
    let principals: Vec<String> = statement
        .principals
        .iter()
        .map(ToString::to_string)
        .collect();
    if !(layer.is_of_one_run() && principals == ["any"]) {
        fields.push(("principal", one_or_more(&principals)));
    }
    fields.push(("action", one_or_more(&statement.actions)));
    fields.push(("resource", one_or_more(&statement.resources)));
    fields.extend(statement.mask.as_ref().map(|mask| ("mask", json!(mask))));
    fields
}

fn to_json(file: &PolicyFile) -> Value {
    let mut root = Map::new();
    root.insert("layer".to_owned(), json!(file.layer));
    if !file.groups.is_empty() {
        root.insert("groups".to_owned(), json!(file.groups));
    }
    if !file.dynamic_groups.is_empty() {
        let rules = file.dynamic_groups.iter();
        let rules: Map<_, _> = rules
            .map(|(name, (text, _))| (name.clone(), json!(text)))
            .collect();
        root.insert("dynamic-groups".to_owned(), rules.into());
    }
    let statements = file
        .statements
        .iter()
        .filter_map(|placed| match &placed.body {
            Body::Cedar(_) => None,
            Body::Statement(statement) => {
                let mut entries: Map<String, Value> = fields(statement, file.layer)
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect();
                let operators = operators(statement);
                if !operators.is_empty() {
                    let operators = operators.into_iter();
                    let conditions: Map<String, Value> = operators
                        .map(|(name, keys)| (name.to_owned(), keys.into()))
                        .collect();
                    entries.insert("condition".to_owned(), conditions.into());
                }
                Some(Value::Object(entries))
            }
        });
    root.insert("statement".to_owned(), statements.collect());
    root.into()
}

/// A table's header, in the order of canonical files, as comments are kept by.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Anchor {
    Top,
    Table(String),
    /// By its index.
    Statement(usize),
    End,
}

type Comments = [(Anchor, String)];

fn to_toml(file: &PolicyFile, comments: &Comments) -> String {
    let mut text = String::new();
    let comment = |text: &mut String, at: &Anchor| {
        for (anchor, comment) in comments {
            if anchor == at {
                text.push_str(comment);
                text.push('\n');
            }
        }
    };
    // Writing to a string does not fail.
    comment(&mut text, &Anchor::Top);
    let _ = writeln!(text, "layer = \"{}\"", file.layer);
    let groups = file.groups.iter().map(|(name, users)| (name, json!(users)));
    let rules = file.dynamic_groups.iter();
    let rules = rules.map(|(name, (text, _))| (name, json!(text)));
    for (table, entries) in [
        ("groups", groups.collect::<Vec<_>>()),
        ("dynamic-groups", rules.collect()),
    ] {
        if !entries.is_empty() {
            text.push('\n');
            comment(&mut text, &Anchor::Table(table.to_owned()));
            let _ = writeln!(text, "[{table}]");
            for (name, value) in entries {
                let _ = writeln!(text, "{} = {}", key(name), toml(&value));
            }
        }
    }
    for (at, placed) in file.statements.iter().enumerate() {
        let Body::Statement(statement) = &placed.body else {
            continue;
        };
        text.push('\n');
        comment(&mut text, &Anchor::Statement(at));
        text.push_str("[[statement]]\n");
        for (name, value) in fields(statement, file.layer) {
            let _ = writeln!(text, "{name} = {}", toml(&value));
        }
        let operators = operators(statement);
        if !operators.is_empty() {
            text.push_str("[statement.condition]\n");
        }
        for (operator, keys) in operators {
            let _ = writeln!(text, "{operator} = {}", toml(&keys.into()));
        }
    }
    if comments.iter().any(|(anchor, _)| *anchor == Anchor::End) {
        text.push('\n');
    }
    comment(&mut text, &Anchor::End);
    text
}

fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    // The escapes of JSON are escapes of TOML; it knows one more character that may not stand as it is.
    Value::from(text).to_string().replace('\u{7F}', "\\u007F")
}

fn toml(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(toml).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Object(entries) => {
            let entries = entries.iter();
            let entries: Vec<String> = entries
                .map(|(name, value)| format!("{} = {}", key(name), toml(value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// The comments of a file in TOML, each with the header that follows it.
fn comments(text: &str, origin: &str) -> Result<Vec<(Anchor, String)>> {
    let problems = Problems::default();
    let mut found: Vec<(Anchor, String)> = Vec::new();
    let mut waiting: Vec<(usize, String)> = Vec::new();
    let (mut statements, mut start, mut inside, mut seen) = (0, 0, None, false);
    let refuse = |waiting: &mut Vec<(usize, String)>| {
        for (at, comment) in waiting.drain(..) {
            let hint =
                "comments stay before a header such as `[[statement]]`, each on a line of its own";
            problems.add_with_hint(&(at..at + comment.len()), "comment would be lost", hint);
        }
    };
    for line in text.split_inclusive('\n') {
        let (content, comment, after) = split_comment(line, inside);
        let bare = content.trim();
        let was_inside = inside.is_some();
        inside = after;
        let header = bare.starts_with('[') && !was_inside;
        let anchor = if bare.is_empty() || was_inside {
            None
        } else if bare == "[[statement]]" {
            statements += 1;
            Some(Anchor::Statement(statements - 1))
        } else if header && !bare.contains('.') {
            Some(Anchor::Table(
                bare.trim_matches(['[', ']']).trim().to_owned(),
            ))
        } else {
            (!seen).then_some(Anchor::Top)
        };
        match anchor {
            Some(anchor) => found.extend(waiting.drain(..).map(|(_, text)| (anchor.clone(), text))),
            None if !bare.is_empty() => refuse(&mut waiting),
            None => {}
        }
        seen |= !bare.is_empty();
        if let Some(comment) = comment {
            waiting.push((start + content.len(), comment.to_owned()));
            if !bare.is_empty() {
                refuse(&mut waiting);
            }
        }
        start += line.len();
    }
    found.extend(waiting.into_iter().map(|(_, text)| (Anchor::End, text)));
    problems.into_result(text, origin)?;
    Ok(found)
}

/// A line before its comment, the comment, and the quotes of a text that goes on in the next line.
fn split_comment<'a>(
    line: &'a str,
    inside: Option<&'static str>,
) -> (&'a str, Option<&'a str>, Option<&'static str>) {
    const QUOTES: [&str; 4] = ["\"\"\"", "'''", "\"", "'"];
    let mut quotes = inside;
    let mut at = 0;
    while let Some(rest) = line.get(at..).filter(|rest| !rest.is_empty()) {
        let width = rest.chars().next().map_or(1, char::len_utf8);
        match quotes {
            Some(end) if rest.starts_with(end) => {
                at += end.len();
                quotes = None;
            }
            Some(end) if rest.starts_with('\\') && end.starts_with('"') => {
                let escaped = rest.chars().nth(1).map_or(0, char::len_utf8);
                at += 1 + escaped;
            }
            Some(_) => at += width,
            None if rest.starts_with('#') => {
                return (
                    line.get(..at).unwrap_or_default(),
                    Some(rest.trim_end()),
                    None,
                );
            }
            None => {
                quotes = QUOTES.into_iter().find(|quote| rest.starts_with(quote));
                at += quotes.map_or(width, str::len);
            }
        }
    }
    (line, None, quotes.filter(|quote| quote.len() == 3))
}
