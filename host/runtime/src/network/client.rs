//! Sends the requests of one step.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Request, Response, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Body;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::body::{Answer, Connection, Outgoing};
use super::budget::{Budget, HEADER_BYTES_MAX, HEADERS_MAX, Within, told};
use super::connect::{Resolve, Stream, Vetted, addresses, connect};
use super::failure::failure;
use super::gate::Gate;
use super::headers::{Echoes, HeaderSecrets, Headers};
use super::rule::{Rule, Target};
use super::stand_in::{Nowhere, StandIn};
use crate::error::{Error, ErrorKind, Result};
use crate::http::{Failure, Times};

/// What a client needs besides rules.
#[derive(Clone)]
pub struct Means {
    /// Whom to ask whether a request may be sent.
    pub gate: Gate,
    /// Where the values of headers come from.
    pub secrets: Arc<dyn HeaderSecrets>,
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
    /// As [`Failure`]; what a person can do something about is told in full by the run's error, if the run fails.
    pub async fn send<B>(
        &self,
        request: Request<B>,
        times: Times,
    ) -> Result<Response<Answer>, Failure>
    where
        B: Body<Data = Bytes> + Unpin + Send + 'static,
    {
        let sent = self.decide_and_send(request, times).await;
        sent.map_err(|failure| told(&self.means.gate.guard, failure))
    }

    async fn decide_and_send<B>(
        &self,
        request: Request<B>,
        times: Times,
    ) -> Result<Response<Answer>, Failure>
    where
        B: Body<Data = Bytes> + Unpin + Send + 'static,
    {
        let Means { gate, budget, .. } = &self.means;
        let limits = &budget.limits;
        let (parts, body) = request.into_parts();
        let (target, rule) = self
            .target(&parts)
            .map_err(|why| self.deny(&why, Failure::Denied))?;
        budget
            .take_request()
            .map_err(|why| self.deny(&why, Failure::Denied))?;
        check_length(&parts.headers, limits.request_bytes)?;
        let free = budget.connection().await;
        let permit = free.map_err(|why| match why.kind() {
            ErrorKind::Cancelled => Failure::Ended,
            _ => self.deny(&why, Failure::Connections),
        })?;
        let within = Within::new("http_connect_time", times.connect, limits.connect_time);
        let mut headers = parts.headers;
        let connected = timeout(within.time, async {
            let vetted = self.vet(&target, rule).await?;
            let echoes = self.headers.add(rule, &target.host, &mut headers);
            let echoes = echoes.map_err(|why| self.deny(&why, Failure::Denied))?;
            let stream = match &self.means.stand_in {
                Some(_) => None,
                None => Some(connect(&vetted, &target, rule).await?),
            };
            Ok((stream, echoes))
        });
        let late = |_| within.over(&gate.guard, Failure::ConnectTimeout);
        let (stream, echoes) = connected.await.map_err(late)??;
        let host = HeaderValue::try_from(target.authority()).map_err(|_| Failure::Protocol)?;
        headers.insert(HOST, host);
        let body = Outgoing {
            body,
            left: limits.request_bytes,
            most: limits.request_bytes,
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
        let (asked, most) = (times.first_byte, limits.first_byte_time);
        let within = Within::new("http_first_byte_time", asked, most);
        let response = timeout(within.time, replied).await;
        let response = response.map_err(|_| within.over(&gate.guard, Failure::ReadTimeout))??;
        let connection = Connection {
            _task: task,
            _permit: permit,
        };
        self.received(response, connection, (times, &echoes))
    }

    /// Keeps why for whoever looks at the run.
    fn deny(&self, why: &Error, failure: Failure) -> Failure {
        if let Some(stand_in) = &self.means.stand_in {
            stand_in.denied(why);
        }
        self.means.gate.guard.keep(why);
        failure
    }

    /// What a request asks for, and the rule that it fits.
    fn target(&self, parts: &Parts) -> Result<(Target, &Rule)> {
        let gate = &self.means.gate;
        let target = Target::read(parts.method.as_str(), &parts.uri);
        let target = target.map_err(|why| gate.refuse_unread(&parts.uri, why))?;
        match self.rule(&target, &parts.headers) {
            Ok(rule) => Ok((target, rule)),
            Err(why) => Err(gate.refuse(&target, None, why)),
        }
    }

    /// The rule that a request fits.
    fn rule(&self, target: &Target, headers: &HeaderMap) -> Result<&Rule> {
        let denied = |why: &str| {
            let message = format!("`{target}` is denied: {why}");
            Error::new(ErrorKind::Policy, message)
        };
        let rule = self.rules.iter().find(|rule| rule.fits(target)).ok_or_else(|| {
            denied("the step does not declare it").hint(
                "where that is meant, add a `[[steps.http]]` with its `url` and its `methods` to the step",
            )
        })?;
        let mut names = headers.keys();
        if let Some(name) = names.find(|name| self.headers.is_forbidden(name.as_str())) {
            let why = format!("a transform may not set the header `{name}`");
            return Err(denied(&why).hint(
                "credentials are added by the host: say which under `headers` of the step's `[[steps.http]]`",
            ));
        }
        if headers.len() > HEADERS_MAX {
            return Err(denied(&format!("it has more than {HEADERS_MAX} headers")));
        }
        Ok(rule)
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
        vetted.map_err(|why| self.deny(&why, Failure::Denied))
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
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(HEADER_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failure(&error))?;
        task.spawn(async move {
            // Whoever waits for the answer hears of it.
            let _ = connection.await;
        });
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| failure(&error))?;
        Ok(response.map(|body| body.map_err(|error| failure(&error)).boxed_unsync()))
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
        let answer = stand_in.answer(&target.url(), &Request::from_parts(parts, body));
        let response = answer.map_err(|why| {
            self.means.gate.guard.keep(&why);
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
        let limits = &self.means.budget.limits;
        let (mut parts, body) = response.into_parts();
        if body.size_hint().lower() > limits.response_bytes {
            return Err(Failure::ResponseBody(limits.response_bytes));
        }
        echoes.remove(&mut parts.headers);
        let (asked, most) = (times.between_bytes, limits.between_bytes_time);
        let between = Within::new("http_between_bytes_time", asked, most);
        let answer = Answer {
            body,
            left: limits.response_bytes,
            most: limits.response_bytes,
            between,
            guard: self.means.gate.guard.clone(),
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
