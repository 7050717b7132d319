//! What policies mean, worked out from the texts of statements alone, as slowly and plainly as can be.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::Layer;

/// A statement as text.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) layer: Layer,
    pub(super) allow: bool,
    pub(super) principal: &'static str,
    pub(super) actions: Vec<&'static str>,
    pub(super) resources: Vec<&'static str>,
    /// Operators, keys and values.
    pub(super) conditions: Vec<(&'static str, &'static str, Value)>,
}

/// Who asks, as text.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub(super) name: &'static str,
    pub(super) is_run: bool,
    /// All that a statement may call it, groups included.
    pub(super) known_as: &'static [&'static str],
    /// Values of keys and of variables.
    pub(super) values: BTreeMap<&'static str, &'static str>,
}

/// What is asked, as text.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) action: &'static str,
    pub(super) resource: &'static str,
    pub(super) context: BTreeMap<&'static str, &'static str>,
}

pub(super) fn allowed(given: &[Layer], said: &[Said], who: &Asker, asked: &Asked) -> bool {
    let binds = |layer: Layer| who.is_run || !matches!(layer, Layer::Application | Layer::Session);
    let hits = |layer: Layer, allow: bool| {
        let mut ours = said
            .iter()
            .filter(|of| of.layer == layer && of.allow == allow);
        binds(layer) && ours.any(|of| holds(of, who, asked))
    };
    let denied = Layer::ALL.into_iter().any(|layer| hits(layer, false));
    let granted = hits(Layer::Identity, true) || hits(Layer::Resource, true);
    let bound = |layer: Layer| {
        let counts = given.contains(&layer) || layer == Layer::Application;
        !counts || !binds(layer) || hits(layer, true)
    };
    let bounds = [
        Layer::Platform,
        Layer::Tenant,
        Layer::Application,
        Layer::Session,
    ];
    !denied && granted && bounds.into_iter().all(bound)
}

fn holds(said: &Said, who: &Asker, asked: &Asked) -> bool {
    // A statement with a variable that has no value says nothing.
    let varies = said
        .resources
        .iter()
        .any(|text| text.contains("${tag.env}"));
    if varies && !who.values.contains_key("tag.env") {
        return false;
    }
    who.known_as.contains(&said.principal)
        && said.actions.iter().any(|action| glob(action, asked.action))
        && said
            .resources
            .iter()
            .any(|resource| names(resource, who, asked))
        && said
            .conditions
            .iter()
            .all(|named| condition(named, said.allow, who, asked))
}

/// Whether a text with stars matches another.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_at_checked(1) {
        None => text.is_empty(),
        Some(("*", rest)) => (0..=text.len()).any(|at| glob(rest, &text[at..])),
        Some((first, rest)) => text
            .strip_prefix(first)
            .is_some_and(|text| glob(rest, text)),
    }
}

fn names(pattern: &str, who: &Asker, asked: &Asked) -> bool {
    let mut pattern = pattern.to_owned();
    for variable in ["principal.name", "tag.env"] {
        let written = format!("${{{variable}}}");
        let value = who.values.get(variable).unwrap_or(&"");
        pattern = pattern.replace(&written, value);
    }
    let asked_kind = match asked.resource.split_once(':').unwrap() {
        ("s3", _) => "object",
        (kind, _) => kind,
    };
    if pattern == "*" || pattern == format!("{asked_kind}:*") {
        return true;
    }
    let listing = asked.action == "object:list";
    match pattern.strip_suffix("/*") {
        Some(folder) if pattern.starts_with("s3://") => {
            asked.resource.starts_with(&format!("{folder}/")) || listing && asked.resource == folder
        }
        _ if listing && !pattern.contains('*') => false,
        _ => glob(&pattern, asked.resource),
    }
}

fn condition(
    (operator, key, value): &(&str, &str, Value),
    allow: bool,
    who: &Asker,
    asked: &Asked,
) -> bool {
    let found = asked
        .context
        .get(key)
        .or_else(|| who.values.get(key))
        .copied();
    if *operator == "Null" {
        return found.is_none() == value.as_bool().unwrap();
    }
    let base = operator.trim_end_matches("IfExists");
    let negated = base.contains("Not");
    let Some(found) = found else {
        return base != *operator || negated && !allow;
    };
    let values = value
        .as_array()
        .cloned()
        .unwrap_or_else(|| vec![value.clone()]);
    let number = |text: &str| text.parse::<i64>().unwrap();
    let any = values.iter().any(|value| {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        match base {
            "StringEquals" | "StringNotEquals" | "Bool" => found == text,
            "StringLike" | "StringNotLike" => glob(&text, found),
            "NumericLessThan" => number(found) < number(&text),
            "NumericGreaterThanEquals" => number(found) >= number(&text),
            // Dates of these tests are days in one form.
            "DateLessThan" => found < text.as_str(),
            // Ranges of these tests end between two dots.
            "IpAddress" | "NotIpAddress" => {
                found.starts_with(&text.replace("0.0.0/8", "").replace("0.0/16", ""))
            }
            other => panic!("{other}"),
        }
    });
    any != negated
}
