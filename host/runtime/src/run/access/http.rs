//! Requests over HTTP: joins what a guest asks for, in the sandbox, to what sends it, in `network`.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Reach, Vault};
use crate::error::Result;
use crate::http::{Failure, Times};
use crate::network::{Client, Gate, HeaderSecrets, Means, Rule, SystemResolver};
use crate::policy::{Action, Context, Guard, Resource, act};
use crate::run::open::read_file;
use crate::sandbox::{HttpAnswer, HttpRequest, Outgoing};
use crate::spec::HttpRule;
use crate::storage::Stores;

/// Bytes of a file of certificates: all public authorities have a quarter of it.
const CERTIFICATES_BYTES_MAX: u64 = 1 << 20;

/// Sends the requests of a step that declares `rules`.
///
/// # Errors
///
/// Fails where a rule is malformed, or its `ca_file` cannot be read.
pub(super) async fn outgoing(
    rules: &[HttpRule],
    guard: Guard,
    reach: &Reach<'_>,
) -> Result<Arc<dyn Outgoing>> {
    let mut ready = Vec::new();
    for rule in rules {
        ready.push(trusting(rule, reach.stores).await?);
    }
    let means = Means {
        gate: Gate {
            guard: guard.clone(),
            has_policies: reach.has_policies,
        },
        secrets: Arc::new(Used {
            guard,
            vault: Arc::clone(reach.vault),
        }),
        resolver: Arc::new(SystemResolver),
        budget: Arc::clone(reach.budget),
        stand_in: reach.stand_in.cloned(),
    };
    Ok(Arc::new(Client::new(ready, means)))
}

/// A rule with what is in its `ca_file`.
///
/// # Errors
///
/// As [`outgoing`].
pub(in crate::run) async fn trusting(rule: &HttpRule, stores: &Stores) -> Result<Rule> {
    let authorities = match &rule.ca_file {
        Some(uri) => Some(read_file(stores, uri, CERTIFICATES_BYTES_MAX).await?),
        None => None,
    };
    Rule::new(rule, authorities.as_deref())
}

/// Secrets that go into headers, each asked about for each host.
struct Used {
    guard: Guard,
    vault: Arc<Vault>,
}

impl HeaderSecrets for Used {
    fn header(&self, secret: &str, host: &str) -> Result<String> {
        let resource = Resource::secret(secret)?;
        let context = Context::default().with(Action::SecretUse, "secret:host", host)?;
        self.guard.grant::<act::SecretUse>(resource, context)?;
        self.vault.get(secret)
    }
}

#[async_trait]
impl Outgoing for Client {
    fn is_forbidden_header(&self, name: &str) -> bool {
        self.is_forbidden_header(name)
    }

    async fn send(&self, request: HttpRequest, times: Times) -> Result<HttpAnswer, Failure> {
        Ok(HttpAnswer::new(self.send(request, times).await?))
    }
}
