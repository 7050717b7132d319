//! What placeholders stand for.

use std::collections::BTreeMap;

use crate::spec::document::{Entry, Kind, Node, Problems};
use crate::spec::parameter::{Parameter, Value};
use crate::spec::placeholder::{Piece, split};

/// The names that placeholders may use, with or without values.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    names: Vec<&'a str>,
    /// None while only names are known.
    values: Option<Values<'a>>,
}

#[derive(Debug)]
struct Values<'a> {
    parameters: &'a BTreeMap<String, Value>,
    built_in: &'a BTreeMap<String, String>,
}

impl<'a> Scope<'a> {
    /// Names without values: dotted ones are built in, and known only when there is a run.
    pub(super) fn declared(parameters: &'a [Parameter]) -> Self {
        Self {
            names: parameters.iter().map(|p| p.name.as_str()).collect(),
            values: None,
        }
    }

    /// Names with values.
    pub(super) fn filled(
        parameters: &'a BTreeMap<String, Value>,
        built_in: &'a BTreeMap<String, String>,
    ) -> Self {
        let names = parameters
            .keys()
            .chain(built_in.keys())
            .map(String::as_str)
            .collect();
        Self {
            names,
            values: Some(Values {
                parameters,
                built_in,
            }),
        }
    }

    /// The same value with its placeholders filled in, as far as they have values.
    pub(super) fn fill(&self, node: &Node, problems: &Problems) -> Node {
        let kind = match &node.kind {
            Kind::String(text) => self.fill_text(node, text, problems),
            Kind::Array(nodes) => {
                Kind::Array(nodes.iter().map(|node| self.fill(node, problems)).collect())
            }
            Kind::Table(entries) => {
                let fill = |entry: &Entry| Entry {
                    value: self.fill(&entry.value, problems),
                    ..entry.clone()
                };
                Kind::Table(entries.iter().map(fill).collect())
            }
            other => other.clone(),
        };
        Node {
            span: node.span.clone(),
            kind,
        }
    }

    fn fill_text(&self, node: &Node, text: &str, problems: &Problems) -> Kind {
        let pieces = match split(text) {
            Ok(pieces) => pieces,
            Err(message) => {
                let hint = "write `$${` for a literal `${`";
                problems.add_with_hint(&node.span, message, hint);
                return Kind::Pending;
            }
        };
        if let [Piece::Name(name)] = pieces.as_slice() {
            return self
                .value(name, node, problems)
                .map_or(Kind::Pending, Kind::Given);
        }
        let texts: Vec<_> = pieces
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => Some(text),
                Piece::Name(name) => self
                    .value(&name, node, problems)
                    .map(|value| value.to_string()),
            })
            .collect();
        texts
            .into_iter()
            .collect::<Option<String>>()
            .map_or(Kind::Pending, Kind::String)
    }

    fn value(&self, name: &str, node: &Node, problems: &Problems) -> Option<Value> {
        let Some(values) = &self.values else {
            if !name.contains('.') && !self.names.contains(&name) {
                let message = format!("unknown placeholder `{name}`");
                problems.add_unknown(&node.span, message, name, &self.names);
            }
            return None;
        };
        let built_in = || values.built_in.get(name).cloned().map(Value::String);
        let value = values.parameters.get(name).cloned().or_else(built_in);
        if value.is_none() {
            let message = format!("unknown placeholder `{name}`");
            problems.add_unknown(&node.span, message, name, &self.names);
        }
        value
    }
}
