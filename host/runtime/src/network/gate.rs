//! Whether a request is let through, and to which addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;

use super::address::special;
use super::rule::{Rule, Target};
use crate::error::{Error, ErrorKind, Result};
use crate::policy::{
    Action, Context, Decision, Granted, Guard, Layer, Request, Resource, StatementRef, Verdict, act,
};

/// Ordinary addresses, far from each other: a statement that allows them does not speak of special ones.
pub(super) const ORDINARY: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1)),
    IpAddr::V4(Ipv4Addr::new(185, 199, 108, 153)),
    IpAddr::V6(Ipv6Addr::new(0x2606, 0x4700, 0x4700, 0, 0, 0, 0, 0x1111)),
    IpAddr::V6(Ipv6Addr::new(
        0x2a00, 0x1450, 0x4001, 0x801, 0, 0, 0, 0x200e,
    )),
];

/// Asks the policies.
#[derive(Clone, Debug)]
pub struct Gate {
    /// Decides in the name of the run, asked by the step.
    pub guard: Guard,
    /// Whether somebody else than the application wrote policies. Then a special address has to be declared by the
    /// step *and* named by a statement that grants: one that allows this address, and no ordinary one. So neither
    /// `allow network:http on host:*` opens a private network to whoever writes applications, nor does a condition
    /// that only excludes some ranges. Without such policies the step's declaration is enough.
    pub has_policies: bool,
}

impl Gate {
    /// Decides about a request to one address.
    ///
    /// # Errors
    ///
    /// `Policy` where it is denied.
    pub(super) fn grant(
        &self,
        target: &Target,
        rule: &Rule,
        address: IpAddr,
    ) -> Result<Granted<act::NetworkHttp>> {
        let address = address.to_canonical();
        let kind = special(address);
        if let Some(what) = kind.filter(|_| !rule.covers(address)) {
            let hint = format!(
                "where that is meant, add `addresses = [\"{address}\"]` to the step's rule for this host"
            );
            return Err(self.prohibit(target, address, (what, hint)));
        }
        let resource = target.resource();
        if let Some(what) = kind.filter(|_| self.has_policies)
            && self.allows_only_in_general(target, address)?
        {
            let hint = format!(
                "where that is meant, a policy has to say so: allow `network:http` on `{resource}` with the \
                 condition that `network:address` is in `{address}`"
            );
            return Err(self.prohibit(target, address, (what, hint)));
        }
        let context =
            context(target, Some(address)).map_err(|why| self.refuse(target, None, why))?;
        let host = Resource::parse(&resource, Action::NetworkHttp)?;
        self.guard.grant::<act::NetworkHttp>(host, context)
    }

    /// Denies a request for a reason that is no statement's; to one address, where it was already looked up.
    pub(super) fn refuse(&self, target: &Target, address: Option<IpAddr>, why: Error) -> Error {
        // What cannot be told of a request may be the reason.
        let context = context(target, address).unwrap_or_default();
        let resource = target.resource();
        self.guard
            .refuse(Action::NetworkHttp, &resource, context, why)
    }

    /// Denies a request that cannot be read.
    pub(super) fn refuse_unread(&self, uri: &Uri, why: Error) -> Error {
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let resource = format!("host:{authority}");
        self.guard
            .refuse(Action::NetworkHttp, &resource, Context::default(), why)
    }

    fn prohibit(&self, target: &Target, address: IpAddr, (what, hint): (&str, String)) -> Error {
        let host = &target.host;
        let message =
            format!("`{target}` is denied: `{host}` is at {address}, which is special ({what})");
        let why = Error::new(ErrorKind::Policy, message).hint(hint);
        self.refuse(target, Some(address), why)
    }

    /// Whether it is allowed, but by no statement that grants for the sake of this address.
    fn allows_only_in_general(&self, target: &Target, address: IpAddr) -> Result<bool> {
        let decide = |address| {
            let context = context(target, Some(address))?;
            let request = Request::new(Action::NetworkHttp, &target.resource(), context)?;
            Ok::<_, Error>(self.guard.snapshot().decide(&request))
        };
        let decision = decide(address)?;
        let mut naming: Vec<&StatementRef> = granting(&decision).collect();
        for ordinary in ORDINARY {
            let general = decide(ordinary)?;
            naming.retain(|&statement| !granting(&general).any(|other| other == statement));
        }
        Ok(decision.allowed && naming.is_empty())
    }
}

/// The statements that allow, of the layers that grant.
fn granting(decision: &Decision) -> impl Iterator<Item = &StatementRef> {
    let layers = decision.layers.iter().filter(|of| {
        matches!(of.layer, Layer::Identity | Layer::Resource) && of.verdict == Verdict::Allows
    });
    layers.flat_map(|of| &of.statements)
}

fn context(target: &Target, address: Option<IpAddr>) -> Result<Context> {
    let action = Action::NetworkHttp;
    let context = Context::default()
        .with(action, "network:scheme", target.scheme())?
        .with(action, "network:port", &target.port.to_string())?
        .with(action, "network:method", &target.method)?
        .with(action, "network:path", &target.path)?
        .with(action, "network:tls", &target.tls.to_string())?;
    match address {
        Some(address) => context.with(action, "network:address", &address.to_string()),
        None => Ok(context),
    }
}
