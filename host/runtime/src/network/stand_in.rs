//! Answers in place of servers, for those who try a transform without the network.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::HeaderMap;
use http::{Request, Response};

use super::connect::Resolve;
use super::gate::ORDINARY;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::{CannedAnswer, clip};

/// What went wrong that is kept; a transform may ask for each of its rows.
const WRONG_MAX: usize = 20;

/// Answers requests in place of servers: rules, policies, caps and headers from secrets are as ever, but no name is
/// resolved, and nothing is connected to.
#[derive(Debug)]
pub struct StandIn {
    answers: Vec<CannedAnswer>,
    /// Whether answers are given more often than they say.
    endless: bool,
    told: Mutex<Told>,
}

#[derive(Debug)]
struct Told {
    /// How often each answer was given.
    given: Vec<u64>,
    wrong: Vec<String>,
    denied: Vec<String>,
}

impl StandIn {
    /// Gives `answers`: the first that fits a request, and is not used up.
    #[must_use]
    pub fn new(answers: Vec<CannedAnswer>) -> Self {
        let given = vec![0; answers.len()];
        Self {
            answers,
            endless: false,
            told: Mutex::new(Told {
                given,
                wrong: Vec::new(),
                denied: Vec::new(),
            }),
        }
    }

    /// The same, with no answer ever used up: for work that is done again and again.
    #[must_use]
    pub fn endless(self) -> Self {
        let endless = true;
        Self { endless, ..self }
    }

    /// Requests without an answer, each with what would help, and answers that were not given as often as they say.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut problems = told.wrong.clone();
        for (answer, given) in self.answers.iter().zip(&told.given) {
            if let Some(times) = answer.times.filter(|times| !self.endless && times != given) {
                let (method, url) = (&answer.method, clip(&answer.url));
                problems.push(format!(
                    "the answer to `{method} {url}` was given {given} of {times} times"
                ));
            }
        }
        problems
    }

    /// What was denied before anybody was asked.
    #[must_use]
    pub fn denials(&self) -> Vec<String> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.denied.clone()
    }

    /// Hears of a request that was denied.
    pub(super) fn denied(&self, error: &Error) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        note(&mut told.denied, error.to_string());
    }

    /// Answers a request, which has all headers that a server would get.
    ///
    /// # Errors
    ///
    /// `Policy` where there is no answer.
    pub(super) fn answer(&self, url: &str, request: &Request<Bytes>) -> Result<Response<Bytes>> {
        let method = request.method().as_str();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut near = None;
        for (answer, given) in self.answers.iter().zip(&mut told.given) {
            if answer.method != method || answer.url != url {
                continue;
            }
            let used_up = !self.endless && answer.times.is_some_and(|times| *given >= times);
            let why = if used_up {
                Some("all answers were given".to_owned())
            } else {
                misfit(answer, request)
            };
            match why {
                Some(why) => near = near.or(Some(why)),
                None => {
                    *given += 1;
                    return response(answer);
                }
            }
        }
        let request = format!("`{method} {}`", clip(url));
        let (what, hint) = match near {
            Some(why) => (format!("no answer fits {request}: {why}"), None),
            None => {
                let method = match method {
                    "GET" => String::new(),
                    method => format!("method = \"{method}\"\n"),
                };
                let hint = format!(
                    "add it to `access.toml`:\n[[answers]]\n{method}url = \"{url}\"\nbody = \"…\""
                );
                (format!("there is no answer to {request}"), Some(hint))
            }
        };
        let error = Error::new(ErrorKind::Policy, what.clone());
        let wrong = match &hint {
            Some(hint) => format!("{what}; {hint}"),
            None => what,
        };
        note(&mut told.wrong, wrong);
        Err(hint.into_iter().fold(error, Error::hint))
    }
}

fn note(texts: &mut Vec<String>, text: String) {
    if texts.len() < WRONG_MAX && !texts.contains(&text) {
        texts.push(text);
    }
}

/// How a request differs from what an answer is for.
fn misfit(answer: &CannedAnswer, request: &Request<Bytes>) -> Option<String> {
    let shown = |headers: &HeaderMap, name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        Some(format!("`{}`", clip(value)))
    };
    for (name, expected) in &answer.request_headers {
        let found = request.headers().get(name);
        if found.is_none_or(|found| found.as_bytes() != expected.as_bytes()) {
            let found = shown(request.headers(), name).unwrap_or_else(|| "nothing".to_owned());
            let expected = clip(expected);
            return Some(format!(
                "it has {found} in the header `{name}`, expected `{expected}`"
            ));
        }
    }
    let expected = answer.request_body.as_ref()?;
    let found = request.body();
    (found != expected.as_bytes()).then(|| {
        let found = String::from_utf8_lossy(found);
        format!(
            "it has the body `{}`, expected `{}`",
            clip(&found),
            clip(expected)
        )
    })
}

fn response(answer: &CannedAnswer) -> Result<Response<Bytes>> {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    let response = response.body(Bytes::from(answer.body.clone()));
    response.map_err(|cause| Error::internal("an answer was not checked").source(cause))
}

/// Says of each name that it has an ordinary address, which nobody connects to.
pub(super) struct Nowhere;

#[async_trait]
impl Resolve for Nowhere {
    async fn resolve(&self, _name: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(ORDINARY.first().copied().into_iter().collect())
    }
}
