//! Contracts and rules of an application file.

use std::collections::BTreeSet;

use regex::Regex;

use super::{
    Allowance, Compatibility, Contract, ExpectedSchema, Rule, RuleKind, Rules, Severity, Written,
};
use crate::spec::document::{Fields, Kind, Node, Problems};
use crate::spec::input::{self, read_uri};
use crate::spec::quantity::{clip, parse_duration};
use crate::spec::schema;
use crate::spec::uri::Uri;

const CONTRACT_KEYS: [&str; 3] = ["schema", "schema_file", "compatibility"];

const COMPATIBILITIES: [(&str, Compatibility); 4] = [
    (Compatibility::Exact.as_str(), Compatibility::Exact),
    (Compatibility::Forward.as_str(), Compatibility::Forward),
    (Compatibility::Backward.as_str(), Compatibility::Backward),
    (Compatibility::Any.as_str(), Compatibility::Any),
];

const SEVERITIES: [(&str, Severity); 2] = [
    (Severity::Fail.as_str(), Severity::Fail),
    (Severity::Warn.as_str(), Severity::Warn),
];

/// The kinds of rules, as [`RuleKind::as_str`] calls them, with the keys that each has of its own.
const KINDS: [(&str, &[&str]); 8] = [
    ("not-null", &["column", "columns", "allow"]),
    ("unique", &["column", "columns", "allow"]),
    ("range", &["column", "allow", "min", "max"]),
    ("regex", &["column", "allow", "pattern"]),
    ("accepted-values", &["column", "allow", "values"]),
    ("references", &["column", "allow", "to", "field"]),
    ("row-count", &["min", "max"]),
    ("freshness", &["column", "max_age"]),
];

/// Keys of every kind, and then those of some.
const RULE_KEYS: [&str; 14] = [
    "name",
    "kind",
    "severity",
    "description",
    "column",
    "columns",
    "allow",
    "min",
    "max",
    "pattern",
    "values",
    "to",
    "field",
    "max_age",
];
const COMMON_KEYS: usize = 4;

/// Rules of an output. A person wrote them, and each looks at every row.
const RULES_MAX: usize = 256;

/// Columns of a rule.
const COLUMNS_MAX: usize = 64;

/// Values that a rule accepts; more of them are a file, to which it refers.
const VALUES_MAX: usize = 10_000;

/// Characters of a rule's name.
const NAME_CHARS_MAX: usize = 128;

/// Reads what is expected of columns.
pub(in crate::spec) fn contract(node: &Node, base: &Uri, problems: &Problems) -> Option<Contract> {
    let what = "the contract";
    let fields = Fields::new(node, &node.span, what, &CONTRACT_KEYS, problems)?;
    let compatibility = fields.or("compatibility", Compatibility::default(), |node| {
        node.choice(&COMPATIBILITIES, problems)
    });
    let schema = match (fields.get("schema"), fields.entry("schema_file")) {
        (Some(_), Some(file)) => {
            problems.add(&file.span, "`schema` and `schema_file` exclude each other");
            None
        }
        (Some(node), None) => schema::read(node, problems).map(ExpectedSchema::Here),
        (None, Some(file)) => read_uri(&file.value, base, problems).map(ExpectedSchema::File),
        (None, None) => {
            let hint = "`sluice schema URI` prints one that can be saved for `schema_file`";
            fields.whole("has neither `schema` nor `schema_file`", hint);
            None
        }
    };
    Some(Contract {
        schema: schema?,
        compatibility: compatibility?,
    })
}

/// Reads the rules of an output, if there are any.
pub(in crate::spec) fn rules(fields: &Fields<'_>, base: &Uri) -> Option<Rules> {
    let problems = fields.problems;
    let Some(node) = fields.get("rules") else {
        return Some(Rules::default());
    };
    let nodes = node.array("an array of rules", problems)?;
    if nodes.len() > RULES_MAX {
        let message = format!("{} rules, expected at most {RULES_MAX}", nodes.len());
        problems.add(&node.span, message);
    }
    let mut names = BTreeSet::new();
    let mut rules = Vec::with_capacity(nodes.len());
    for node in nodes {
        let rule = rule(node, base, problems);
        if let Some(rule) = &rule
            && !names.insert(rule.name.clone())
        {
            let message = format!("two rules have the name `{}`", clip(&rule.name));
            problems.add_with_hint(&node.span, message, "give one of them another `name`");
        }
        rules.push(rule);
    }
    Some(Rules::new(rules.into_iter().collect::<Option<_>>()?))
}

fn rule(node: &Node, base: &Uri, problems: &Problems) -> Option<Rule> {
    let fields = Fields::new(node, &node.span, "the rule", &RULE_KEYS, problems)?;
    let words = KINDS.map(|(word, keys)| (word, (word, keys)));
    let (kind, keys) = fields.required("kind")?.choice(&words, problems)?;
    let foreign = RULE_KEYS.iter().skip(COMMON_KEYS).copied();
    let foreign: Vec<_> = foreign.filter(|key| !keys.contains(key)).collect();
    fields.refuse(&foreign, &format!("is not for rules of the kind `{kind}`"));
    let severity = fields.or("severity", Severity::default(), |node| {
        node.choice(&SEVERITIES, problems)
    });
    let _ = fields.text_or_empty("description");
    let columns = if keys.contains(&"column") {
        columns(&fields)
    } else {
        Some(Vec::new())
    };
    let allow = fields.or("allow", Allowance::Rows(0), |node| {
        allowance(node, problems)
    });
    let kind = read_kind(kind, &fields, columns.as_deref(), base);
    let (mut kind, columns) = (kind?, columns?);
    let name = fields.or("name", default_name(&kind, &columns), |node| {
        name(node, problems)
    })?;
    if let RuleKind::References { to, .. } = &mut kind {
        to.name.clone_from(&name);
    }
    Some(Rule {
        name,
        kind,
        columns,
        severity: severity?,
        allow: allow?,
        span: node.span.clone(),
    })
}

/// Such as `unique(order_id, line)`.
fn default_name(kind: &RuleKind, columns: &[Written]) -> String {
    let names: Vec<_> = columns.iter().map(|column| column.text.as_str()).collect();
    match names.as_slice() {
        [] => kind.as_str().to_owned(),
        names => format!("{}({})", kind.as_str(), names.join(", ")),
    }
}

fn name(node: &Node, problems: &Problems) -> Option<String> {
    let name = node.string(problems)?;
    if (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && !name.contains(char::is_control) {
        return Some(name);
    }
    let message = format!("expected a name of 1 to {NAME_CHARS_MAX} printable characters");
    problems.add(&node.span, message);
    None
}

fn columns(fields: &Fields<'_>) -> Option<Vec<Written>> {
    let problems = fields.problems;
    let nodes = match (fields.get("column"), fields.entry("columns")) {
        (Some(_), Some(several)) => {
            let message = "`column` and `columns` exclude each other";
            problems.add(&several.span, message);
            return None;
        }
        (Some(one), None) => std::slice::from_ref(one),
        (None, Some(several)) => several.value.array("an array of columns", problems)?,
        (None, None) => &[],
    };
    if !(1..=COLUMNS_MAX).contains(&nodes.len()) {
        let hint = format!("name 1 to {COLUMNS_MAX} columns of the output");
        let count = if nodes.is_empty() { "no" } else { "too many" };
        fields.whole(&format!("has {count} columns"), &hint);
        return None;
    }
    let columns = nodes.iter().map(|node| {
        let text = node.string(problems)?;
        Some(written(node, text))
    });
    columns.collect::<Vec<_>>().into_iter().collect()
}

fn read_kind(
    kind: &str,
    fields: &Fields<'_>,
    columns: Option<&[Written]>,
    base: &Uri,
) -> Option<RuleKind> {
    let problems = fields.problems;
    match kind {
        "not-null" => Some(RuleKind::NotNull),
        "unique" => Some(RuleKind::Unique),
        "range" => range(fields),
        "regex" => pattern(fields.required("pattern")?, problems),
        "accepted-values" => values(fields.required("values")?, problems),
        "references" => references(fields, columns, base),
        "row-count" => row_count(fields),
        _ => {
            let node = fields.required("max_age")?;
            let age = parse_duration(&node.string(problems)?);
            age.map_err(|message| problems.add(&node.span, message))
                .ok()
                .map(RuleKind::Freshness)
        }
    }
}

fn range(fields: &Fields<'_>) -> Option<RuleKind> {
    bounded(fields)?;
    let bound = |key| fields.or(key, None, |node| scalar(node, fields.problems).map(Some));
    let (min, max) = (bound("min"), bound("max"));
    Some(RuleKind::Range {
        min: min?,
        max: max?,
    })
}

/// Refuses a rule without any bound: it would always hold.
fn bounded(fields: &Fields<'_>) -> Option<()> {
    if fields.get("min").or_else(|| fields.get("max")).is_none() {
        let hint = "give it one of them, or both";
        fields.whole("has neither `min` nor `max`", hint);
        return None;
    }
    Some(())
}

fn row_count(fields: &Fields<'_>) -> Option<RuleKind> {
    bounded(fields)?;
    let bound = |key, default| {
        let largest = i64::MAX.unsigned_abs();
        let read = |node: &Node| node.integer(0, largest, fields.problems);
        fields.or(key, default, read)
    };
    let (min, max) = (bound("min", 0), bound("max", u64::MAX));
    let (min, max) = (min?, max?);
    if min > max {
        let hint = "no output has so many rows";
        fields.whole("has a `min` above its `max`", hint);
        return None;
    }
    Some(RuleKind::RowCount { min, max })
}

fn pattern(node: &Node, problems: &Problems) -> Option<RuleKind> {
    let text = node.string(problems)?;
    let Err(error) = Regex::new(&text) else {
        return Some(RuleKind::Regex(written(node, text)));
    };
    // The last line says what is wrong, those before it show where.
    let error = error.to_string();
    let why = error.lines().last().unwrap_or_default();
    let why = why.trim_start_matches("error: ");
    let message = format!("the pattern `{}` is malformed: {why}", clip(&text));
    problems.add(&node.span, message);
    None
}

fn values(node: &Node, problems: &Problems) -> Option<RuleKind> {
    let nodes = node.array("an array of values", problems)?;
    if !(1..=VALUES_MAX).contains(&nodes.len()) {
        let message = format!("{} values, expected 1 to {VALUES_MAX}", nodes.len());
        let hint = "keep more values in a file, and refer to it with `kind = \"references\"`";
        problems.add_with_hint(&node.span, message, hint);
        return None;
    }
    let values: Vec<_> = nodes.iter().map(|node| scalar(node, problems)).collect();
    let values = values.into_iter().collect::<Option<_>>()?;
    Some(RuleKind::AcceptedValues(values))
}

fn references(fields: &Fields<'_>, columns: Option<&[Written]>, base: &Uri) -> Option<RuleKind> {
    let problems = fields.problems;
    let to = fields.required("to").and_then(|_| fields.entry("to"));
    let to = to.and_then(|to| input::read(to, base, problems));
    let field = match fields.get("field") {
        Some(node) => node.string(problems).map(|text| written(node, text)),
        None => columns.and_then(|columns| columns.first().cloned()),
    };
    Some(RuleKind::References {
        to: Box::new(to?),
        field: field?,
    })
}

/// A count of rows, or a share such as `"0.5%"`.
fn allowance(node: &Node, problems: &Problems) -> Option<Allowance> {
    let Kind::String(text) = &node.kind else {
        let rows = node.integer(0, i64::MAX.unsigned_abs(), problems)?;
        return Some(Allowance::Rows(rows));
    };
    let percent = text.strip_suffix('%').map(str::trim_end);
    let percent = percent.and_then(|percent| percent.parse::<f64>().ok());
    let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
    if percent.is_none() {
        let message = format!(
            "`{}` is no allowance, expected a number of rows or a text such as \"0.5%\"",
            clip(text)
        );
        problems.add(&node.span, message);
    }
    percent.map(|percent| Allowance::Share(percent / 100.0))
}

/// A text, a number, a date or a boolean, as text: the column's type says how to read it.
fn scalar(node: &Node, problems: &Problems) -> Option<Written> {
    let text = match &node.kind {
        Kind::String(text) | Kind::Datetime(text) => text.clone(),
        Kind::Integer(value) => value.to_string(),
        Kind::Float(value) if value.is_finite() => value.to_string(),
        Kind::Bool(value) => value.to_string(),
        Kind::Given(value) => value.to_string(),
        Kind::Pending => return None,
        _ => {
            let found = node.description();
            let expected = "a text, a finite number, a date or a boolean";
            problems.add(&node.span, format!("expected {expected}, found {found}"));
            return None;
        }
    };
    Some(written(node, text))
}

fn written(node: &Node, text: String) -> Written {
    Written {
        text,
        span: node.span.clone(),
    }
}
