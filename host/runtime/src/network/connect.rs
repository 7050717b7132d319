//! From a name to a connection: resolved once, and only to an address that was decided about.

use std::io;
use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::ServerName;

use super::rule::{Rule, Target};
use crate::http::Failure;
use crate::policy::{Granted, act};

/// Addresses of a name that are looked at, and decided about; the others are as if they were not there.
pub(super) const ADDRESSES_MAX: usize = 16;

/// Says which addresses a name has.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// The addresses of a name, which is not an address itself. Asked once for each request.
    ///
    /// # Errors
    ///
    /// Fails where there are none.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// Asks the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let found = lookup_host((name, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// The addresses of a host, which may be one itself; none twice.
pub(super) async fn addresses(host: &str, resolver: &dyn Resolve) -> Result<Vec<IpAddr>, Failure> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let mut addresses = match bare.parse() {
        Ok(address) => vec![address],
        Err(_) => resolver.resolve(host).await.map_err(|_| Failure::Name)?,
    };
    let mut seen = Vec::new();
    addresses.retain(|address| {
        let is_new = !seen.contains(address) && seen.len() < ADDRESSES_MAX;
        seen.extend(is_new.then_some(*address));
        is_new
    });
    if addresses.is_empty() {
        return Err(Failure::Name);
    }
    Ok(addresses)
}

/// An address with the proof that a request may go there.
pub(super) struct Vetted {
    pub(super) address: IpAddr,
    pub(super) granted: Granted<act::NetworkHttp>,
}

/// Bytes in both directions.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Connects to the first address that answers.
pub(super) async fn connect(
    vetted: &[Vetted],
    target: &Target,
    rule: &Rule,
) -> Result<Box<dyn Stream>, Failure> {
    let stream = open(vetted, target).await?;
    if target.tls {
        secure(stream, target, rule).await
    } else {
        Ok(Box::new(stream))
    }
}

/// A connection without TLS.
pub(super) async fn open(vetted: &[Vetted], target: &Target) -> Result<TcpStream, Failure> {
    let mut stream = Err(Failure::Refused);
    for Vetted { address, granted } in vetted {
        debug_assert_eq!(granted.resource().to_string(), target.resource());
        let address = SocketAddr::new(*address, target.port);
        stream = TcpStream::connect(address)
            .await
            .map_err(|_| Failure::Refused);
        if stream.is_ok() {
            break;
        }
    }
    let stream = stream?;
    // Heads and small bodies are written in one piece each.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// TLS over a connection.
pub(super) async fn secure(
    stream: TcpStream,
    target: &Target,
    rule: &Rule,
) -> Result<Box<dyn Stream>, Failure> {
    let bare = target.host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(bare.to_owned()).map_err(|_| Failure::Certificate)?;
    let connector = TlsConnector::from(std::sync::Arc::clone(&rule.trust));
    let stream = connector.connect(name, stream).await;
    Ok(Box::new(stream.map_err(|error| refused(&error))?))
}

/// Whether it was the certificate.
fn refused(error: &io::Error) -> Failure {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    match cause {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            Failure::Certificate
        }
        _ => Failure::Tls,
    }
}
