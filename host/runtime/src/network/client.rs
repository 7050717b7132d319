//! Sends the requests of one step.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderValue};
use http::{Request, Response, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Body;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Failure;
use super::body::{Answer, Connection, Outgoing};
use super::caps::{Budget, Times, clamp};
use super::connect::{Resolve, Stream, Vetted, addresses, connect};
use super::gate::Gate;
use super::headers::{Echoes, HeaderSecrets, Headers};
use super::rule::{Rule, Target};
use super::stand_in::{Nowhere, StandIn};
use crate::error::{Error, ErrorKind, Result};

/// Hears of what was denied, and of limits of the run that were reached.
pub trait Denials: Send + Sync {
    /// Takes the whole error, which the guest does not see.
    fn denied(&self, error: &Error);
}

/// What a client needs besides rules.
#[derive(Clone)]
pub struct Means {
    /// Whom to ask whether a request may be sent.
    pub gate: Gate,
    /// Where the values of headers come from.
    pub secrets: Arc<dyn HeaderSecrets>,
    /// Who hears of denials.
    pub denials: Arc<dyn Denials>,
    /// Who knows the addresses of names.
    pub resolver: Arc<dyn Resolve>,
    /// What the run has left.
    pub budget: Arc<Budget>,
    /// Who answers in place of the network, if somebody does.
    pub stand_in: Option<Arc<StandIn>>,
}

impl fmt::Debug for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Means").finish_non_exhaustive()
    }
}

/// Sends the requests of one step: each over a connection of its own, to an address that was decided about, by
/// HTTP/1.1. Redirects are answers like others, and there are no proxies.
#[derive(Clone, Debug)]
pub struct Client {
    rules: Arc<[Rule]>,
    headers: Headers,
    means: Means,
}

impl Client {
    /// A client for what `rules` say: the first that fits a request decides about its headers and addresses.
    #[must_use]
    pub fn new(rules: Vec<Rule>, means: Means) -> Self {
        Self {
            headers: Headers::new(&rules, Arc::clone(&means.secrets)),
            rules: rules.into(),
            means,
        }
    }

    #[cfg(test)]
    pub(super) fn means(&self) -> Means {
        self.means.clone()
    }

    #[cfg(test)]
    pub(super) fn with_means(self, means: Means) -> Self {
        Self { means, ..self }
    }

    /// Whether a guest may not set a header; those that the rules set are among them.
    #[must_use]
    pub fn is_forbidden_header(&self, name: &str) -> bool {
        self.headers.is_forbidden(name)
    }

    /// Sends a request, and returns when the headers of its answer are there. Whatever is under way ends when the
    /// future, or the answer's body, is dropped. Needs tokio with its timers.
    ///
    /// # Errors
    ///
    /// As [`Failure`]; all that is not about the server goes to [`Denials`] as well, in full.
    pub async fn send<B>(
        &self,
        request: Request<B>,
        times: Times,
    ) -> Result<Response<Answer>, Failure>
    where
        B: Body<Data = Bytes> + Unpin + Send + 'static,
    {
        let (parts, body) = request.into_parts();
        let (target, rule) = self
            .target(parts.method.as_str(), &parts.uri, &parts.headers)
            .map_err(|error| self.deny(&error))?;
        self.means
            .budget
            .take_request()
            .map_err(|error| self.deny(&error))?;
        let caps = &self.means.budget.caps;
        check_length(&parts.headers, caps.request_bytes)?;
        let permit = self.means.budget.connection().await?;
        let within = clamp(times.connect, caps.connect_time);
        let mut headers = parts.headers;
        let connected = timeout(within, async {
            let vetted = self.vet(&target, rule).await?;
            let echoes = self.headers.add(rule, &target.host, &mut headers);
            let echoes = echoes.map_err(|error| self.deny(&error))?;
            let stream = match &self.means.stand_in {
                Some(_) => None,
                None => Some(connect(&vetted, &target, rule).await?),
            };
            Ok((stream, echoes))
        });
        let (stream, echoes) = connected.await.map_err(|_| Failure::ConnectTimeout)??;
        let host = HeaderValue::try_from(target.authority()).map_err(|_| Failure::Protocol)?;
        headers.insert(HOST, host);
        let body = Outgoing {
            body,
            left: caps.request_bytes,
            most: caps.request_bytes,
        };
        let mut request = Request::new(body);
        *request.method_mut() = parts.method;
        *request.uri_mut() =
            Uri::try_from(&target.path_and_query).map_err(|_| Failure::Protocol)?;
        *request.headers_mut() = headers;
        let mut task = JoinSet::new();
        let replied = async {
            match (stream, &self.means.stand_in) {
                (Some(stream), _) => self.exchange(stream, request, &mut task).await,
                (None, Some(stand_in)) => self.ask(stand_in, &target, request).await,
                (None, None) => Err(Failure::Refused),
            }
        };
        let within = clamp(times.first_byte, caps.first_byte_time);
        let response = timeout(within, replied).await;
        let response = response.map_err(|_| Failure::ReadTimeout)??;
        let connection = Connection {
            _task: task,
            _permit: permit,
        };
        self.received(response, connection, (times, &echoes))
    }

    /// Tells who listens.
    fn deny(&self, error: &Error) -> Failure {
        if let Some(stand_in) = &self.means.stand_in {
            stand_in.denied(error);
        }
        self.means.denials.denied(error);
        Failure::Denied
    }

    /// What a request asks for, and the rule that it fits.
    fn target(&self, method: &str, uri: &Uri, headers: &HeaderMap) -> Result<(Target, &Rule)> {
        let caps = &self.means.budget.caps;
        let target = Target::read(method, uri, caps.uri_bytes)?;
        let rule = self.rules.iter().find(|rule| rule.fits(&target)).ok_or_else(|| {
            let message = format!("`{target}` is denied: the step does not declare it");
            Error::new(ErrorKind::Policy, message)
                .fact("resource", target.resource())
                .hint("where that is meant, add a `[[steps.http]]` with its `url` and its `methods` to the step")
        })?;
        let forbidden = headers
            .keys()
            .find(|name| self.headers.is_forbidden(name.as_str()));
        if let Some(name) = forbidden {
            let message =
                format!("`{target}` is denied: a transform may not set the header `{name}`");
            return Err(Error::new(ErrorKind::Policy, message)
                .hint("credentials are added by the host: say which under `headers` of the step's `[[steps.http]]`"));
        }
        if headers.len() > caps.headers {
            let raise = "send fewer headers; this limit is fixed";
            return Err(Error::limit("http_headers", caps.headers, raise));
        }
        Ok((target, rule))
    }

    /// The addresses that a request may go to.
    async fn vet(&self, target: &Target, rule: &Rule) -> Result<Vec<Vetted>, Failure> {
        let resolver: &dyn Resolve = match &self.means.stand_in {
            Some(_) => &Nowhere,
            None => &*self.means.resolver,
        };
        let addresses = addresses(&target.host, resolver).await?;
        let vetted = addresses.into_iter().map(|address| {
            let granted = self.means.gate.grant(target, rule, address)?;
            Ok(Vetted { address, granted })
        });
        // One address that is denied denies all: a name that leads to both is a trap.
        let vetted: Result<Vec<_>> = vetted.collect();
        vetted.map_err(|error| self.deny(&error))
    }

    /// Sends a request over a connection, which `task` drives.
    async fn exchange<B>(
        &self,
        stream: Box<dyn Stream>,
        request: Request<Outgoing<B>>,
        task: &mut JoinSet<()>,
    ) -> Result<Response<Content>, Failure>
    where
        B: Body<Data = Bytes> + Unpin + Send + 'static,
    {
        let caps = &self.means.budget.caps;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(caps.header_bytes)
            .max_headers(caps.headers)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Failure::of(&error))?;
        task.spawn(async move {
            // Whoever waits for the answer hears of it.
            let _ = connection.await;
        });
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| Failure::of(&error))?;
        Ok(response.map(|body| body.map_err(|error| Failure::of(&error)).boxed_unsync()))
    }

    /// Has somebody answer in place of the network.
    async fn ask<B>(
        &self,
        stand_in: &StandIn,
        target: &Target,
        request: Request<Outgoing<B>>,
    ) -> Result<Response<Content>, Failure>
    where
        B: Body<Data = Bytes> + Unpin + Send + 'static,
    {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let response = stand_in
            .answer(&target.url(), &Request::from_parts(parts, body))
            .map_err(|error| {
                self.means.denials.denied(&error);
                Failure::Denied
            })?;
        Ok(response.map(|body| {
            Full::new(body)
                .map_err(|never| match never {})
                .boxed_unsync()
        }))
    }

    /// An answer, held to what it may be.
    fn received(
        &self,
        response: Response<Content>,
        connection: Connection,
        (times, echoes): (Times, &Echoes),
    ) -> Result<Response<Answer>, Failure> {
        let caps = &self.means.budget.caps;
        let (mut parts, body) = response.into_parts();
        if body.size_hint().lower() > caps.response_bytes {
            return Err(Failure::ResponseBody(caps.response_bytes));
        }
        echoes.remove(&mut parts.headers);
        let answer = Answer {
            body,
            left: caps.response_bytes,
            most: caps.response_bytes,
            between: clamp(times.between_bytes, caps.between_bytes_time),
            timer: None,
            connection: Some(connection),
        };
        Ok(Response::from_parts(parts, answer))
    }
}

/// The body of an answer, as it comes.
type Content = UnsyncBoxBody<Bytes, Failure>;

/// A request that says that it is too large is not begun.
fn check_length(headers: &HeaderMap, most: u64) -> Result<(), Failure> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(length) = lengths.next() else {
        return Ok(());
    };
    let length: Option<u64> = length.to_str().ok().and_then(|text| text.parse().ok());
    match length {
        Some(length) if lengths.next().is_none() && length <= most => Ok(()),
        Some(length) if length > most => Err(Failure::RequestBody(most)),
        _ => Err(Failure::Protocol),
    }
}
