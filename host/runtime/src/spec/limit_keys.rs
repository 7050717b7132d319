//! The limits that an application file or a command line may set, with their bounds.

use std::time::Duration;

use super::document::{Entry, Kind, Node, Problems};
use super::parameter::Value;
use super::quantity::{clip, format_duration, format_size, parse_duration, parse_size};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::spec::document::hint_at;

/// How a limit is written and where it goes.
#[derive(Clone, Copy)]
enum Setter {
    Size(fn(&mut Limits, u64), u64, u64),
    Time(fn(&mut Limits, Duration), Duration, Duration),
    Count(fn(&mut Limits, u64), u64, u64),
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const PIB: u64 = 1 << 50;
const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);

use Setter::{Count, Size, Time};

/// Every limit: its name, where it goes, and its least and its largest value. The least is what
/// any run needs, the largest what the host's own arithmetic and 32-bit guests can hold.
const KEYS: [(&str, Setter); 32] = [
    ("memory", Size(|l, v| l.memory = v, 16 * MIB, PIB)),
    (
        "wall_time",
        Time(|l, v| l.wall_time = v, MILLISECOND, DAY.saturating_mul(365)),
    ),
    ("output_bytes", Size(|l, v| l.output_bytes = v, 0, PIB)),
    ("objects", Count(|l, v| l.objects = v, 0, 10_000_000)),
    ("batch_tries", Count(|l, v| l.batch_tries = v, 0, 1 << 40)),
    ("tries", Count(|l, v| l.tries = v, 0, 1 << 40)),
    ("attempts", Count(|l, v| l.attempts = v, 1, 100)),
    ("retries", Count(|l, v| l.retries = v, 0, 1 << 40)),
    ("kept_batches", Count(|l, v| l.kept_batches = v, 0, 10_000)),
    ("kept_bytes", Size(|l, v| l.kept_bytes = v, 0, GIB)),
    ("rule_keys", Count(|l, v| l.rule_keys = v, 0, 1 << 40)),
    // Less does not hold the compiler itself.
    (
        "compile_memory",
        Size(|l, v| l.compile.memory = v, 256 * MIB, PIB),
    ),
    ("compile_time", Time(|l, v| l.compile.time = v, SECOND, DAY)),
    // A 32-bit guest cannot address more.
    (
        "guest_memory",
        Size(|l, v| l.guest.memory = v, 64 * KIB, 4 * GIB),
    ),
    (
        "call_time",
        Time(|l, v| l.guest.call_time = v, MILLISECOND, DAY),
    ),
    ("log_bytes", Size(|l, v| l.guest.log_bytes = v, 0, GIB)),
    (
        "emit_bytes",
        Size(|l, v| l.guest.emit_bytes = v, 0, 64 * GIB),
    ),
    ("emit_rows", Count(|l, v| l.guest.emit_rows = v, 0, 1 << 31)),
    (
        "host_calls",
        Count(|l, v| l.guest.host_calls = v, 1, 1 << 40),
    ),
    (
        "lift_bytes",
        Size(|l, v| l.guest.lift_bytes = v, KIB, 4 * GIB),
    ),
    (
        "rejections",
        Count(|l, v| l.guest.rejections = v, 0, 1 << 31),
    ),
    (
        "message_bytes",
        Size(|l, v| l.guest.message_bytes = narrow(v), 64, MIB),
    ),
    (
        "fields",
        Count(|l, v| l.guest.fields = narrow(v), 1, 100_000),
    ),
    // Types are walked recursively.
    ("depth", Count(|l, v| l.guest.depth = narrow(v), 1, 64)),
    (
        "name_bytes",
        Size(|l, v| l.guest.name_bytes = narrow(v), 1, MIB),
    ),
    // Each is an open file, of which most systems give a process 1,024.
    (
        "http_connections",
        Count(|l, v| l.http.connections = narrow(v), 1, 512),
    ),
    (
        "http_requests",
        Count(|l, v| l.http.requests = v, 0, 1 << 40),
    ),
    (
        "http_request_bytes",
        Size(|l, v| l.http.request_bytes = v, 0, PIB),
    ),
    (
        "http_response_bytes",
        Size(|l, v| l.http.response_bytes = v, 0, PIB),
    ),
    (
        "http_connect_time",
        Time(|l, v| l.http.connect_time = v, MILLISECOND, DAY),
    ),
    (
        "http_first_byte_time",
        Time(|l, v| l.http.first_byte_time = v, MILLISECOND, DAY),
    ),
    (
        "http_between_bytes_time",
        Time(|l, v| l.http.between_bytes_time = v, MILLISECOND, DAY),
    ),
];

fn narrow(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// The names of all limits, as [`set_limit`] and the table `[limits]` take them.
#[must_use]
pub fn limit_names() -> Vec<&'static str> {
    KEYS.iter().map(|(name, _)| *name).collect()
}

/// Sets one limit from text, such as `memory` to `"512 MiB"` or `wall_time` to `"1h"`.
///
/// # Errors
///
/// Fails if there is no such limit, or if the value is malformed or out of bounds.
pub fn set_limit(limits: &mut Limits, name: &str, text: &str) -> Result<()> {
    let Some((_, setter)) = KEYS.iter().find(|(key, _)| *key == name) else {
        let error = Error::input(format!("unknown limit `{}`", clip(name)));
        return Err(hint_at(name, &limit_names())
            .into_iter()
            .fold(error, Error::hint));
    };
    setter
        .set_text(limits, text.trim())
        .map_err(|message| Error::input(format!("limit `{name}`: {message}")))
}

/// Reads the table `[limits]`.
pub(super) fn read(node: Option<&Node>, problems: &Problems) -> Option<Limits> {
    let mut limits = Limits::default();
    let Some(node) = node else {
        return Some(limits);
    };
    for Entry { key, span, value } in node.table("the limits", problems)? {
        let Some((_, setter)) = KEYS.iter().find(|(name, _)| name == key) else {
            let message = format!("unknown limit `{}`", clip(key));
            problems.add_unknown(span, message, key, &limit_names());
            continue;
        };
        let set = match &value.kind {
            Kind::Integer(count) | Kind::Given(Value::Int(count)) => {
                setter.set_integer(&mut limits, *count)
            }
            Kind::String(text) => setter.set_text(&mut limits, text),
            Kind::Given(value) => setter.set_text(&mut limits, &value.to_string()),
            Kind::Pending => Ok(()),
            _ => Err(format!(
                "expected {}, found {}",
                setter.expectation(),
                value.description()
            )),
        };
        if let Err(message) = set {
            problems.add(&value.span, message);
        }
    }
    Some(limits)
}

impl Setter {
    const fn expectation(self) -> &'static str {
        match self {
            Size(..) => "bytes or a text such as \"256 MiB\"",
            Time(..) => "a text such as \"10s\", \"5m\" or \"1h\"",
            Count(..) => "an integer",
        }
    }

    fn set_integer(self, limits: &mut Limits, value: i64) -> Result<(), String> {
        match (self, u64::try_from(value)) {
            (Time(..), _) => Err(format!("expected {}, found an integer", self.expectation())),
            (_, Ok(value)) => self.set_number(limits, value),
            (_, Err(_)) => Err(format!("`{value}` is negative")),
        }
    }

    fn set_text(self, limits: &mut Limits, text: &str) -> Result<(), String> {
        match self {
            Size(..) => self.set_number(limits, parse_size(text)?),
            Time(set, min, max) => {
                let value = parse_duration(text)?;
                if value < min || value > max {
                    let (min, max) = (format_duration(min), format_duration(max));
                    return Err(format!(
                        "`{text}` is out of bounds, expected {min} to {max}"
                    ));
                }
                set(limits, value);
                Ok(())
            }
            Count(..) => match text.replace('_', "").parse() {
                Ok(value) => self.set_number(limits, value),
                Err(_) => Err(format!("`{}` is not an integer", clip(text))),
            },
        }
    }

    fn set_number(self, limits: &mut Limits, value: u64) -> Result<(), String> {
        let (set, min, max, shown): (_, _, _, fn(u64) -> String) = match self {
            Size(set, min, max) => (set, min, max, format_size),
            Count(set, min, max) => (set, min, max, |count| count.to_string()),
            Time(..) => return Err(format!("expected {}", self.expectation())),
        };
        if value < min || value > max {
            let (value, min, max) = (shown(value), shown(min), shown(max));
            return Err(format!(
                "`{value}` is out of bounds, expected {min} to {max}"
            ));
        }
        set(limits, value);
        Ok(())
    }
}
