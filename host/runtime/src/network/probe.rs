//! How far a request would come, without sending one: the name, the policies, the connection, TLS.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::address::special;
use super::connect::{Resolve, Vetted, addresses, open, secure};
use super::gate::Gate;
use super::rule::Rule;
use crate::error::{Error, Result};
use crate::http::Failure;

/// One stage on the way to a host.
#[derive(Debug)]
pub struct Reached {
    /// `resolve`, `allow`, `connect` or `tls`.
    pub stage: &'static str,
    /// What was found, or why it went no further.
    pub outcome: Result<String>,
    /// How long it took.
    pub time: Duration,
}

/// Goes the way of a request that `rule` allows, each stage within `time`, and ends before anything is sent to the host
/// but what opens a connection. The last stage that is told is the one that failed, if any did.
pub async fn probe(
    rule: &Rule,
    gate: &Gate,
    resolver: &dyn Resolve,
    time: Duration,
) -> Vec<Reached> {
    let mut way = Way {
        time,
        reached: Vec::new(),
    };
    // Nothing more to do where it ends early: what was reached is told.
    let _ = way.go(rule, gate, resolver).await;
    way.reached
}

struct Way {
    time: Duration,
    reached: Vec<Reached>,
}

impl Way {
    async fn go(&mut self, rule: &Rule, gate: &Gate, resolver: &dyn Resolve) -> Option<()> {
        let target = rule.sample();
        let looked_up = async {
            let found = addresses(&target.host, resolver).await.map_err(told)?;
            let text: Vec<String> = found.iter().map(|address| named(*address)).collect();
            Ok((found, text.join(", ")))
        };
        let found = self.stage("resolve", looked_up).await?;
        let asked = async {
            let vet = |address: IpAddr| {
                let granted = gate.grant(&target, rule, address)?;
                Ok(Vetted { address, granted })
            };
            let vetted = found.into_iter().map(vet).collect::<Result<Vec<_>>>()?;
            Ok((vetted, "policies allow these addresses".to_owned()))
        };
        let vetted = self.stage("allow", asked).await?;
        let opened = async {
            let stream = open(&vetted, &target).await.map_err(told)?;
            let peer = stream.peer_addr().map(|peer| peer.to_string());
            Ok((stream, peer.unwrap_or_default()))
        };
        let stream = self.stage("connect", opened).await?;
        if target.tls {
            let secured = async {
                secure(stream, &target, rule).await.map_err(told)?;
                Ok(((), "the certificate is trusted".to_owned()))
            };
            self.stage("tls", secured).await?;
        }
        Some(())
    }

    async fn stage<T>(
        &mut self,
        stage: &'static str,
        work: impl Future<Output = Result<(T, String)>>,
    ) -> Option<T> {
        let started = Instant::now();
        let late = |_| Err(told(Failure::ConnectTimeout));
        let done = timeout(self.time, work).await.unwrap_or_else(late);
        let (value, outcome) = match done {
            Ok((value, text)) => (Some(value), Ok(text)),
            Err(error) => (None, Err(error)),
        };
        self.reached.push(Reached {
            stage,
            outcome,
            time: started.elapsed(),
        });
        value
    }
}

fn told(failure: Failure) -> Error {
    Error::storage(failure.to_string())
}

/// An address, with what is special about it.
fn named(address: IpAddr) -> String {
    match special(address) {
        Some(what) => format!("{address} ({what})"),
        None => address.to_string(),
    }
}
