//! What no honest transform does with `wasi:http`.

use serde::Deserialize;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, OutgoingBody, OutgoingRequest, Scheme};

use crate::send::told;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Abuse {
    /// Forty thousand headers.
    ManyHeaders,
    /// Two thousand lists of headers, none given back.
    ManyFields,
    /// Two thousand timers, none given back.
    ManyTimers,
    /// Two lengths, and lengths that are none.
    Lengths,
    /// A body shorter than its length, sent to this authority.
    ShortBody(String),
    /// A longer one.
    LongBody(String),
    /// Paths that are none.
    Paths,
    /// Headers that are not to be set, also in trailers.
    Forbidden,
    /// Trailers, sent to this authority.
    Trailers(String),
    /// A million calls that do nothing.
    ManyCalls,
}

impl Abuse {
    pub(crate) fn start(&self) -> String {
        match self {
            Self::ManyHeaders => {
                let fields = Fields::new();
                for at in 0..40_000 {
                    let _ = fields.append(&format!("x-{at}"), b"1");
                }
                "forty thousand headers".to_owned()
            }
            Self::ManyFields => {
                let all: Vec<_> = (0..2_000).map(|_| Fields::new()).collect();
                format!("{} lists", all.len())
            }
            Self::ManyTimers => {
                let all: Vec<_> = (0..2_000).map(|_| subscribe_duration(u64::MAX)).collect();
                format!("{} timers", all.len())
            }
            Self::Lengths => {
                let fields = Fields::new();
                let first = fields.append("content-length", b"5");
                let second = fields.append("content-length", b"6");
                let both = fields.set("content-length", &[b"5".to_vec(), b"6".to_vec()]);
                let plus = Fields::new();
                let _ = plus.set("content-length", &[b"+5".to_vec()]);
                let plus = OutgoingRequest::new(plus).body().map(drop);
                format!("lengths: {first:?} {second:?} {both:?} {plus:?}")
            }
            Self::ShortBody(to) => format!("short: {}", body(to, "10", 5)),
            Self::LongBody(to) => format!("long: {}", body(to, "5", 10)),
            Self::Paths => {
                let request = OutgoingRequest::new(Fields::new());
                let paths = [
                    "http://evil.test/",
                    "//evil.test/",
                    "*",
                    "x",
                    "/a b",
                    "/a\r\nx: y",
                ];
                let set = paths.map(|path| request.set_path_with_query(Some(path)).is_ok());
                format!("paths: {set:?}")
            }
            Self::Forbidden => {
                let names = [
                    "host",
                    "connection",
                    "Authorization",
                    "cookie",
                    "transfer-encoding",
                    "x-api-key",
                    "accept",
                    "x\r\n",
                ];
                let set = names.map(|name| Fields::new().append(name, b"1").err());
                format!("headers: {set:?}")
            }
            Self::Trailers(to) => {
                let request = to_authority(to, Fields::new());
                let body = request.body().unwrap();
                let future = handle(request, None).unwrap();
                let trailers = Fields::new();
                let _ = trailers.append("x-end", b"1");
                let finished = OutgoingBody::finish(body, Some(trailers)).map_err(told);
                future.subscribe().block();
                let answer = future.get().unwrap().unwrap().map(drop).map_err(told);
                format!("trailers: {finished:?} {answer:?}")
            }
            Self::ManyCalls => {
                let fields = Fields::new();
                for _ in 0..10_000_000 {
                    fields.has("accept");
                }
                "ten million calls".to_owned()
            }
        }
    }
}

fn to_authority(to: &str, headers: Fields) -> OutgoingRequest {
    let request = OutgoingRequest::new(headers);
    let _ = request.set_scheme(Some(&Scheme::Http));
    let _ = request.set_authority(Some(to));
    let _ = request.set_path_with_query(Some("/abuse"));
    let _ = request.set_method(&wasip2::http::types::Method::Post);
    request
}

/// Writes `bytes` to a request that says `length`.
fn body(to: &str, length: &str, bytes: usize) -> String {
    let headers = Fields::new();
    let _ = headers.set("content-length", &[length.as_bytes().to_vec()]);
    let request = to_authority(to, headers);
    let body = request.body().unwrap();
    let future = handle(request, None).unwrap();
    let written = {
        let stream = body.write().unwrap();
        stream.blocking_write_and_flush(&vec![b'x'; bytes]).is_ok()
    };
    let finished = OutgoingBody::finish(body, None).map_err(told);
    future.subscribe().block();
    let answer = future.get().unwrap().unwrap().map(drop).map_err(told);
    format!("{written} {finished:?} {answer:?}")
}
