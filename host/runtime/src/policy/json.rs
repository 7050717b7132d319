//! JSON whose every value knows where it stands, as the documents of TOML do.

use std::ops::Range;

use serde::de::IgnoredAny;

use crate::error::Result;
use crate::spec::{Entry, Kind, Node, Problems, clip};

/// How deep a document nests. A policy file has its values at a depth of five.
pub const JSON_DEPTH_MAX: usize = 16;

/// Reads a document.
///
/// # Errors
///
/// Fails with the first syntax error, and with every key that stands twice, each with its line.
pub(super) fn parse(text: &str, origin: &str) -> Result<Node> {
    let problems = Problems::default();
    // This does not recurse; what follows does, and counts.
    let node = match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Reader {
            text,
            at: 0,
            depth: 0,
        }
        .value(&problems),
        Err(cause) => {
            let at = offset(text, cause.line(), cause.column());
            let message = cause.to_string();
            let message = message.split(" at line").next().unwrap_or_default();
            problems.add(&(at..at + 1), message);
            None
        }
    };
    problems.into_result(text, origin)?;
    node.ok_or_else(|| crate::Error::internal("JSON is neither read nor refused"))
}

/// Where a line and a column, both from one, are in the text.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let lines = text.split_inclusive('\n').take(line.saturating_sub(1));
    lines.map(str::len).sum::<usize>() + column.saturating_sub(1)
}

/// Reads a text that is known to be JSON.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn peek(&mut self) -> u8 {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
        self.at += blanks.count();
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn value(&mut self, problems: &Problems) -> Option<Node> {
        let first = self.peek();
        let start = self.at;
        if self.depth > JSON_DEPTH_MAX {
            let message = format!("JSON nests deeper than {JSON_DEPTH_MAX}");
            problems.add(&(start..start + 1), message);
            return None;
        }
        self.depth += 1;
        let kind = match first {
            b'{' => self.table(problems)?,
            b'[' => self.array(problems)?,
            b'"' => Kind::String(self.string()?),
            _ => self.scalar(problems)?,
        };
        self.depth -= 1;
        Some(Node {
            span: start..self.at,
            kind,
        })
    }

    fn array(&mut self, problems: &Problems) -> Option<Kind> {
        self.at += 1;
        let mut values = Vec::new();
        while self.peek() != b']' {
            values.push(self.value(problems)?);
            if self.peek() == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        Some(Kind::Array(values))
    }

    fn table(&mut self, problems: &Problems) -> Option<Kind> {
        self.at += 1;
        let mut entries: Vec<Entry> = Vec::new();
        let mut keys = std::collections::BTreeSet::new();
        while self.peek() != b'}' {
            let start = self.at;
            let key = self.string()?;
            let span = start..self.at;
            if !keys.insert(key.clone()) {
                problems.add(&span, format!("duplicate key `{}`", clip(&key)));
            }
            self.peek();
            // The colon.
            self.at += 1;
            let value = self.value(problems)?;
            entries.push(Entry { key, span, value });
            if self.peek() == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        Some(Kind::Table(entries))
    }

    fn string(&mut self) -> Option<String> {
        let mut escaped = false;
        let rest = self.text.get(self.at..)?;
        let end = rest.bytes().skip(1).position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })?;
        let token = rest.get(..end + 2)?;
        self.at += token.len();
        serde_json::from_str(token).ok()
    }

    fn scalar(&mut self, problems: &Problems) -> Option<Kind> {
        let rest = self.text.get(self.at..)?;
        let ends = |c: char| c.is_ascii_whitespace() || ",]}".contains(c);
        let token = rest.get(..rest.find(ends).unwrap_or(rest.len()))?;
        let span: Range<usize> = self.at..self.at + token.len();
        self.at = span.end;
        match token {
            "true" => Some(Kind::Bool(true)),
            "false" => Some(Kind::Bool(false)),
            _ => {
                if let Ok(value) = token.parse::<i64>() {
                    Some(Kind::Integer(value))
                } else {
                    let message = format!(
                        "`{}` stands where a string, an integer of 64 bits, `true` or `false` is expected",
                        clip(token)
                    );
                    problems.add(&span, message);
                    // Goes on, to find what else is wrong.
                    Some(Kind::Integer(0))
                }
            }
        }
    }
}
