//! The API: a request for a key, and the fields of its response.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;
use sluicegate_guest::Fault;
use sluicegate_guest::http::{Request, Response};

use crate::Params;
use crate::answers::Answer;

/// What stands for the key in a URL.
const PLACE: &str = "{key}";

/// Bytes of a response: what describes one key is small.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Who is asked for keys.
#[derive(Debug)]
pub struct Api {
    url: String,
    headers: Vec<(String, String)>,
    timeout: Duration,
    /// Where each field stands in a response.
    paths: Vec<Vec<String>>,
}

impl Api {
    /// Checks what an application set.
    pub fn new(params: Params) -> Result<Self, Fault> {
        if !params.url.contains(PLACE) {
            let url = params.url;
            return Err(Fault::invalid(format!(
                "parameter `url` is `{url}`, without `{PLACE}` in the place of the key"
            )));
        }
        if params.fields.is_empty() {
            return Err(Fault::invalid("parameter `fields` is empty"));
        }
        let paths = params.fields.into_iter().map(|field| {
            let path = field.path.unwrap_or(field.column);
            path.split('.').map(str::to_owned).collect()
        });
        Ok(Self {
            url: params.url,
            headers: params.headers.into_iter().collect(),
            timeout: Duration::from_millis(params.timeout_ms),
            paths: paths.collect(),
        })
    }

    /// Asks for a key.
    pub fn fetch(&self, key: &str) -> Result<Answer, Fault> {
        let mut request = Request::get(self.url.replace(PLACE, &encoded(key)?))
            .header("accept", "application/json")
            .timeout(self.timeout)
            .body_bytes_max(BODY_BYTES_MAX);
        request.headers.extend(self.headers.iter().cloned());
        let response = request.send()?;
        if !response.is_success() {
            return Err(unsuccessful(key, &response));
        }
        let body: Value = serde_json::from_slice(&response.body).map_err(|error| {
            Fault::data(format!("the response for `{key}` is no JSON: {error}"))
        })?;
        Ok(self.paths.iter().map(|path| field(&body, path)).collect())
    }
}

/// Who is overloaded or broken may not be so the next time; whoever does not know the key never will.
fn unsuccessful(key: &str, response: &Response) -> Fault {
    let status = response.status;
    let message = format!("the response for `{key}` has status {status}");
    match status {
        429 | 500..=599 => Fault::transient(message),
        _ => Fault::data(message),
    }
}

fn field(body: &Value, path: &[String]) -> Option<String> {
    let found = path.iter().try_fold(body, |value, name| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        value => value.get(name),
    });
    match found? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A key as a part of a path or a query: it can name no other place of the server.
fn encoded(key: &str) -> Result<String, Fault> {
    if matches!(key, "" | "." | "..") {
        return Err(Fault::data(format!("`{key}` cannot stand in a URL")));
    }
    let mut encoded = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            byte => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    Ok(encoded)
}
