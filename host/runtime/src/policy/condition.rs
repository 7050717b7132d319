//! Conditions of a statement: operators, keys and values.

use super::VALUES_MAX;
use super::variables::{Scope, has_any};
use super::vocabulary::{KEYS, Key, KeyType, TAG};
use crate::spec::{Entry, Kind, Node, Problems, clip, parse_size};

/// Bytes of a text that a condition compares with.
pub const TEXT_BYTES_MAX: usize = 1_024;

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Equal,
    Like,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    InRange,
    /// Whether the key is missing.
    Null,
}

/// An operator such as `StringNotLikeIfExists`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) test: Test,
    pub(super) negated: bool,
    /// What the keys' type must be; any for `Null`.
    pub(super) ty: Option<KeyType>,
}

const fn operator(test: Test, negated: bool, ty: KeyType) -> Operator {
    Operator {
        test,
        negated,
        ty: Some(ty),
    }
}

const IF_EXISTS: &str = "IfExists";

const OPERATORS: [(&str, Operator); 20] = [
    ("StringEquals", operator(Test::Equal, false, KeyType::Text)),
    (
        "StringNotEquals",
        operator(Test::Equal, true, KeyType::Text),
    ),
    ("StringLike", operator(Test::Like, false, KeyType::Text)),
    ("StringNotLike", operator(Test::Like, true, KeyType::Text)),
    (
        "NumericEquals",
        operator(Test::Equal, false, KeyType::Number),
    ),
    (
        "NumericNotEquals",
        operator(Test::Equal, true, KeyType::Number),
    ),
    (
        "NumericLessThan",
        operator(Test::Less, false, KeyType::Number),
    ),
    (
        "NumericLessThanEquals",
        operator(Test::LessEqual, false, KeyType::Number),
    ),
    (
        "NumericGreaterThan",
        operator(Test::Greater, false, KeyType::Number),
    ),
    (
        "NumericGreaterThanEquals",
        operator(Test::GreaterEqual, false, KeyType::Number),
    ),
    ("Bool", operator(Test::Equal, false, KeyType::Bool)),
    ("DateEquals", operator(Test::Equal, false, KeyType::Date)),
    ("DateNotEquals", operator(Test::Equal, true, KeyType::Date)),
    ("DateLessThan", operator(Test::Less, false, KeyType::Date)),
    (
        "DateLessThanEquals",
        operator(Test::LessEqual, false, KeyType::Date),
    ),
    (
        "DateGreaterThan",
        operator(Test::Greater, false, KeyType::Date),
    ),
    (
        "DateGreaterThanEquals",
        operator(Test::GreaterEqual, false, KeyType::Date),
    ),
    (
        "IpAddress",
        operator(Test::InRange, false, KeyType::Address),
    ),
    (
        "NotIpAddress",
        operator(Test::InRange, true, KeyType::Address),
    ),
    (
        "Null",
        Operator {
            test: Test::Null,
            negated: false,
            ty: None,
        },
    ),
];

/// A value that a condition compares with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Literal {
    /// Also dates, in canonical form, and addresses.
    Text(String),
    Number(i64),
    Bool(bool),
}

/// One key under one operator: any of the values may hold, or with a negated operator none may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    /// As written, `IfExists` included.
    pub(super) operator_name: String,
    pub(super) operator: Operator,
    pub(super) if_exists: bool,
    /// As written.
    pub(super) key_name: String,
    pub(super) key: Key,
    pub(super) values: Vec<Literal>,
}

impl Condition {
    /// The key of the tag, where the condition is about one.
    pub(super) fn tag(&self) -> &str {
        self.key_name.strip_prefix(TAG).unwrap_or_default()
    }

    /// Whether any value names variables.
    pub(super) fn has_variables(&self) -> bool {
        let varies = |value: &Literal| matches!(value, Literal::Text(text) if has_any(text));
        self.values.iter().any(varies)
    }
}

/// Reads the table of a statement: operators, under each keys, under each a value or several.
pub(super) fn read(node: &Node, problems: &Problems) -> Option<Vec<Condition>> {
    let mut conditions = Vec::new();
    let mut complete = true;
    for entry in node.table("the condition", problems)? {
        let Some((operator, if_exists)) = read_operator(entry, problems) else {
            complete = false;
            continue;
        };
        for inner in entry.value.table("the operator", problems)? {
            let read = read_key(inner, operator, problems);
            match read {
                Some((key, values)) => conditions.push(Condition {
                    operator_name: entry.key.clone(),
                    operator,
                    if_exists,
                    key_name: inner.key.clone(),
                    key,
                    values,
                }),
                None => complete = false,
            }
        }
    }
    complete.then_some(conditions)
}

fn read_operator(entry: &Entry, problems: &Problems) -> Option<(Operator, bool)> {
    let find = |name: &str| OPERATORS.iter().find(|(known, _)| *known == name);
    let base = entry.key.strip_suffix(IF_EXISTS);
    let found = find(base.unwrap_or(&entry.key));
    let Some((_, operator)) = found else {
        let known = OPERATORS.map(|(name, _)| name);
        let message = format!("unknown operator `{}`", clip(&entry.key));
        problems.add_unknown(&entry.span, message, &entry.key, &known);
        return None;
    };
    if operator.test == Test::Null && base.is_some() {
        problems.add(
            &entry.span,
            "`Null` asks whether a key exists: it takes no `IfExists`",
        );
        return None;
    }
    Some((*operator, base.is_some()))
}

fn read_key(entry: &Entry, operator: Operator, problems: &Problems) -> Option<(Key, Vec<Literal>)> {
    let Some(key) = Key::parse(&entry.key) else {
        let mut known = KEYS.map(|key| key.name).to_vec();
        known.push("tag:KEY");
        let message = format!("unknown key `{}` in a condition", clip(&entry.key));
        problems.add_unknown(&entry.span, message, &entry.key, &known);
        return None;
    };
    if let Some(wanted) = operator.ty.filter(|ty| *ty != key.ty) {
        let message = format!(
            "`{}` is {}, and this operator compares {}",
            key.name,
            key.ty.description(),
            wanted.description()
        );
        problems.add(&entry.span, message);
        return None;
    }
    let ty = operator.ty.unwrap_or(KeyType::Bool);
    let nodes = match &entry.value.kind {
        Kind::Array(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(&entry.value),
    };
    if nodes.is_empty() || nodes.len() > VALUES_MAX {
        let message = format!("{} values, expected 1 to {VALUES_MAX}", nodes.len());
        problems.add(&entry.value.span, message);
        return None;
    }
    if nodes.len() > 1
        && matches!(
            operator.test,
            Test::Less | Test::LessEqual | Test::Greater | Test::GreaterEqual | Test::Null
        )
    {
        problems.add(&entry.value.span, "several values, expected one bound");
        return None;
    }
    let values: Vec<_> = nodes
        .iter()
        .map(|node| read_value(node, ty, operator.test, problems))
        .collect();
    Some((key, values.into_iter().collect::<Option<_>>()?))
}

fn read_value(node: &Node, ty: KeyType, test: Test, problems: &Problems) -> Option<Literal> {
    let outcome = match (&node.kind, ty) {
        (Kind::Bool(value), KeyType::Bool) => Ok(Literal::Bool(*value)),
        (Kind::Integer(value), KeyType::Number) => Ok(Literal::Number(*value)),
        (Kind::String(text), KeyType::Number) => size(text).map(Literal::Number),
        (Kind::String(text) | Kind::Datetime(text), KeyType::Date) => date(text).map(Literal::Text),
        (Kind::String(text), KeyType::Address) => address(text).map(Literal::Text),
        (Kind::String(text), KeyType::Text) => self::text(text, test).map(Literal::Text),
        _ => Err(format!(
            "expected {}, found {}",
            ty.description(),
            node.description()
        )),
    };
    outcome
        .map_err(|message| problems.add(&node.span, message))
        .ok()
}

fn text(text: &str, test: Test) -> Result<String, String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("text is longer than {TEXT_BYTES_MAX} bytes"));
    }
    if test == Test::Like && text.contains('?') {
        return Err(format!(
            "`{}` has a `?`, which cannot be represented: write `*`, or name each",
            clip(text)
        ));
    }
    Scope::Check
        .expand(text)
        .map_err(|unresolved| unresolved.0)?;
    Ok(text.to_owned())
}

/// A size or a number as text.
pub(super) fn size(text: &str) -> Result<i64, String> {
    let size = parse_size(text)?;
    i64::try_from(size).map_err(|_| format!("`{}` does not fit 64 bits", clip(text)))
}

/// A date or time in the one form that is compared: to the millisecond, in UTC.
pub(super) fn date(text: &str) -> Result<String, String> {
    let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let at = match day.and_then(|day| day.and_hms_opt(0, 0, 0)) {
        Some(midnight) => midnight.and_utc(),
        None => chrono::DateTime::parse_from_rfc3339(text)
            .map_err(|_| {
                format!(
                    "`{}` is no date or time, expected one such as `2026-11-22T10:00:00Z`",
                    clip(text)
                )
            })?
            .to_utc(),
    };
    let year = chrono::Datelike::year(&at);
    if !(1..=9999).contains(&year) {
        return Err(format!("`{}` is out of bounds", clip(text)));
    }
    Ok(at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

/// An address or a range in canonical form.
pub(super) fn address(text: &str) -> Result<String, String> {
    let malformed = || {
        format!(
            "`{}` is no address or range, expected one such as `10.0.0.0/8`",
            clip(text)
        )
    };
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: std::net::IpAddr = address.parse().map_err(|_| malformed())?;
    // One address in two forms would be let through by what denies the other.
    if matches!(address, std::net::IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()) {
        return Err(format!(
            "`{}` is an IPv4 address, write it as one",
            clip(text)
        ));
    }
    let Some(bits) = bits else {
        return Ok(address.to_string());
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let number = bits.parse::<u8>().ok().filter(|number| *number <= most);
    match number {
        Some(number) if number.to_string() == bits => Ok(format!("{address}/{number}")),
        _ => Err(malformed()),
    }
}
