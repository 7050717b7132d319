//! Requests over HTTP: joins what a guest asks for, in the sandbox, to what sends it, in `network`.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::Result;
use crate::network::{
    Budget, Client, Denials, Failure, Gate, HeaderSecrets, Means, Resolve, Rule, Times,
};
use crate::sandbox::{HttpAnswer, HttpError, HttpRequest, HttpTimes, Outgoing};
use crate::spec::{HttpRule, Uri};

/// What the requests of all steps of a run have in common.
pub(in crate::run) struct Http {
    /// Whom to ask.
    pub(in crate::run) gate: Gate,
    /// Who hears of denials.
    pub(in crate::run) denials: Arc<dyn Denials>,
    /// Who knows the addresses of names.
    pub(in crate::run) resolver: Arc<dyn Resolve>,
    /// What the run has left.
    pub(in crate::run) budget: Arc<Budget>,
}

impl Http {
    /// Sends the requests of a step that declares `rules`. `read` reads a `ca_file`.
    ///
    /// # Errors
    ///
    /// Fails where a rule is malformed, or its `ca_file` cannot be read.
    pub(in crate::run) async fn outgoing(
        &self,
        rules: &[HttpRule],
        secrets: Arc<dyn HeaderSecrets>,
        read: impl AsyncFn(&Uri) -> Result<Bytes>,
    ) -> Result<Arc<dyn Outgoing>> {
        let mut ready = Vec::new();
        for rule in rules {
            let authorities = match &rule.ca_file {
                Some(uri) => Some(read(uri).await?),
                None => None,
            };
            ready.push(Rule::new(rule, authorities.as_deref())?);
        }
        let means = Means {
            gate: self.gate.clone(),
            secrets,
            denials: Arc::clone(&self.denials),
            resolver: Arc::clone(&self.resolver),
            budget: Arc::clone(&self.budget),
        };
        Ok(Arc::new(Sender(Client::new(ready, means))))
    }
}

struct Sender(Client);

#[async_trait]
impl Outgoing for Sender {
    fn is_forbidden_header(&self, name: &str) -> bool {
        self.0.is_forbidden_header(name)
    }

    async fn send(&self, request: HttpRequest, times: HttpTimes) -> Result<HttpAnswer, HttpError> {
        let times = Times {
            connect: times.connect,
            first_byte: times.first_byte,
            between_bytes: times.between_bytes,
        };
        let answer = self.0.send(request, times).await?;
        Ok(HttpAnswer::new(answer))
    }
}

impl From<Failure> for HttpError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Denied => Self::Denied,
            Failure::Name => Self::Name,
            Failure::Refused => Self::Refused,
            Failure::ConnectTimeout => Self::ConnectTimeout,
            Failure::Connections => Self::Connections,
            Failure::Certificate => Self::Certificate,
            Failure::Tls => Self::Tls,
            Failure::ReadTimeout => Self::ReadTimeout,
            Failure::Ended => Self::Ended,
            Failure::Protocol => Self::Protocol,
            Failure::RequestBody(most) => Self::RequestBody(most),
            Failure::RequestTrailers => Self::RequestTrailers,
            Failure::ResponseHead => Self::ResponseHead,
            Failure::ResponseBody(most) => Self::ResponseBody(most),
        }
    }
}
