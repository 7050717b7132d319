//! Requests and their answers.

use std::collections::BTreeMap;

use serde::Deserialize;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method,
    OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};
use wasip2::io::poll::poll;
use wasip2::io::streams::StreamError;

/// Bytes that are written at once.
const WRITE_BYTES: usize = 4096;

/// Bytes of an answer that are shown.
const START_BYTES: usize = 200;

#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub(crate) struct Request {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    /// Bytes of the body.
    body: usize,
    /// The three times, in nanoseconds.
    timeout: Option<u64>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            method: "GET".to_owned(),
            url: String::new(),
            headers: Vec::new(),
            body: 0,
            timeout: None,
        }
    }
}

/// What came of it, in a line.
pub(crate) fn send(request: &Request) -> String {
    match start(request).and_then(|future| answer(&future)) {
        Ok(text) => format!("{} {}: {text}", request.method, request.url),
        Err(why) => format!("{} {}: {why}", request.method, request.url),
    }
}

/// Which came first.
pub(crate) fn race(request: &Request, milliseconds: u64) -> String {
    let future = match start(request) {
        Ok(future) => future,
        Err(why) => return why,
    };
    let (answer, timer) = (
        future.subscribe(),
        subscribe_duration(milliseconds * 1_000_000),
    );
    match poll(&[&answer, &timer]).as_slice() {
        [0] => "the answer was first".to_owned(),
        [1] => "the timer was first".to_owned(),
        _ => "both came at once".to_owned(),
    }
}

/// How many requests of so many at once had which end.
pub(crate) fn flood(request: &Request, count: usize) -> String {
    let begun = (0..count).map(|_| start(request).map(|future| (future.subscribe(), future)));
    let mut waiting = match begun.collect::<Result<Vec<_>, _>>() {
        Ok(waiting) => waiting,
        Err(why) => return why,
    };
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    while !waiting.is_empty() {
        let pollables: Vec<_> = waiting.iter().map(|(pollable, _)| pollable).collect();
        let mut ready = poll(&pollables);
        // From the last one, so that those before it stay where they are.
        ready.sort_unstable();
        for at in ready.into_iter().rev() {
            let (pollable, future) = waiting.swap_remove(at as usize);
            drop(pollable);
            let end = answer(&future).unwrap_or_else(|why| why);
            *ends.entry(end).or_default() += 1;
        }
    }
    format!("{count} at once: {ends:?}")
}

fn start(request: &Request) -> Result<FutureIncomingResponse, String> {
    let headers = Fields::new();
    for (name, value) in &request.headers {
        let set = headers.append(name, value.as_bytes());
        set.map_err(|why| format!("header {name}: {why:?}"))?;
    }
    let outgoing = OutgoingRequest::new(headers);
    let method = match request.method.as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        other => Method::Other(other.to_owned()),
    };
    outgoing.set_method(&method).map_err(|()| "method")?;
    let (scheme, rest) = request
        .url
        .split_once("://")
        .unwrap_or(("http", &request.url));
    let scheme = match scheme {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        other => Scheme::Other(other.to_owned()),
    };
    outgoing.set_scheme(Some(&scheme)).map_err(|()| "scheme")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    outgoing
        .set_authority(Some(authority))
        .map_err(|()| "authority")?;
    outgoing
        .set_path_with_query(Some(path))
        .map_err(|()| "path")?;
    let options = request.timeout.map(|timeout| {
        let options = RequestOptions::new();
        let _ = options.set_connect_timeout(Some(timeout));
        let _ = options.set_first_byte_timeout(Some(timeout));
        let _ = options.set_between_bytes_timeout(Some(timeout));
        options
    });
    let body = (request.body > 0).then(|| outgoing.body());
    let future = handle(outgoing, options).map_err(told)?;
    if let Some(body) = body {
        let body = body.map_err(|()| "body")?;
        // Where it was cut, the answer says why.
        let _ = write(&body, request.body);
        let _ = OutgoingBody::finish(body, None);
    }
    Ok(future)
}

fn write(body: &OutgoingBody, mut left: usize) -> Result<(), StreamError> {
    let Ok(stream) = body.write() else {
        return Ok(());
    };
    while left > 0 {
        let piece = left.min(WRITE_BYTES);
        stream.blocking_write_and_flush(&[b'x'; WRITE_BYTES][..piece])?;
        left -= piece;
    }
    Ok(())
}

fn answer(future: &FutureIncomingResponse) -> Result<String, String> {
    future.subscribe().block();
    let answer = future.get().ok_or("not there")?.map_err(|()| "taken")?;
    let answer = answer.map_err(told)?;
    let mut text = format!("{}", answer.status());
    for (name, value) in answer.headers().entries() {
        if matches!(name.as_str(), "location" | "x-echo" | "authorization") {
            text.push_str(&format!(", {name}: {}", String::from_utf8_lossy(&value)));
        }
    }
    let (start, bytes, end) = read(&answer);
    let start = String::from_utf8_lossy(&start).into_owned();
    Ok(format!("{text}, {bytes} bytes {start:?}{end}"))
}

/// How a body begins, its length, and how it ended.
fn read(answer: &IncomingResponse) -> (Vec<u8>, usize, String) {
    let (mut start, mut bytes) = (Vec::new(), 0);
    let Ok(body) = answer.consume() else {
        return (start, bytes, ", no body".to_owned());
    };
    let end = {
        let Ok(stream) = body.stream() else {
            return (start, bytes, ", no stream".to_owned());
        };
        loop {
            match stream.blocking_read(u64::MAX) {
                Ok(piece) => {
                    bytes += piece.len();
                    let room = START_BYTES - start.len();
                    start.extend_from_slice(&piece[..piece.len().min(room)]);
                }
                Err(StreamError::Closed) => break String::new(),
                Err(StreamError::LastOperationFailed(error)) => {
                    break format!(", {}", error.to_debug_string());
                }
            }
        }
    };
    drop(IncomingBody::finish(body));
    (start, bytes, end)
}

pub(crate) fn told(code: ErrorCode) -> String {
    format!("{code:?}")
}
