//! What the steps of a run may reach beyond their columns.

mod http;

use std::sync::Arc;

use tokio::runtime::Handle;

use self::http::Http;
use super::execute::Execution;
use super::open::read_file;
use crate::error::{Error, ErrorKind, Result};
use crate::network::{Budget, Caps, Denials, Gate, HeaderSecrets, SystemResolver};
use crate::policy::{Layer, Policies, PolicyFile, Principal, RunIdentity, Syntax};
use crate::sandbox::Access;
use crate::spec::{SecretSource, Step, Uri};

/// Bytes of a file of certificates: all public authorities have a quarter of it.
const CERTIFICATES_BYTES_MAX: u64 = 1 << 20;

impl Execution {
    /// Who answers the guests of a step.
    pub(super) async fn access(&self, step: &Step) -> Result<Access> {
        let mut access = Access {
            runtime: Some(Handle::current()),
            ..Access::default()
        };
        if step.access.http.is_empty() {
            return Ok(access);
        }
        let secrets = Environment {
            sources: self.application.secrets.clone(),
            environment: self.options.environment.clone(),
        };
        let read = async |uri: &Uri| read_file(&self.stores, uri, CERTIFICATES_BYTES_MAX).await;
        let http = Http {
            gate: everything(&self.options.run_id)?,
            denials: Arc::new(Nobody),
            resolver: Arc::new(SystemResolver),
            budget: Arc::new(Budget::new(Caps::default())),
        };
        access.http = Some(
            http.outgoing(&step.access.http, Arc::new(secrets), read)
                .await?,
        );
        Ok(access)
    }
}

fn everything(run: &str) -> Result<Gate> {
    let all = "[[statement]]\neffect = \"allow\"\nprincipal = \"any-run\"\naction = \"*\"\nresource = \"*\"\n";
    let file = |layer| PolicyFile::parse(all, "the run", Syntax::Toml, Some(layer));
    let policies = Policies::new(vec![file(Layer::Identity)?, file(Layer::Application)?]);
    let identity = RunIdentity {
        id: run.to_owned(),
        application: "application".to_owned(),
        ..RunIdentity::default()
    };
    Ok(Gate {
        snapshot: Arc::new(policies.snapshot(&Principal::run(identity)?)?),
        has_policies: false,
    })
}

struct Nobody;

impl Denials for Nobody {
    fn denied(&self, _error: &Error) {}
}

struct Environment {
    sources: std::collections::BTreeMap<String, SecretSource>,
    environment: std::collections::BTreeMap<String, String>,
}

impl HeaderSecrets for Environment {
    fn header(&self, secret: &str, _host: &str) -> Result<String> {
        let found = match self.sources.get(secret) {
            Some(SecretSource::Environment(name)) => self.environment.get(name),
            _ => None,
        };
        found.cloned().ok_or_else(|| {
            Error::new(
                ErrorKind::Input,
                format!("the secret `{secret}` cannot be had"),
            )
        })
    }
}
