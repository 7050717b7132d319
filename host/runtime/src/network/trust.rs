//! Which servers are believed to be who they say.

use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::error::{Error, Result};

/// Certificates of a `ca_file`.
const AUTHORITIES_MAX: usize = 1_000;

/// TLS that believes the public authorities, and those of `authorities`, PEM, too. Nothing is taken from the machine:
/// neither its certificates nor its environment.
///
/// # Errors
///
/// `Input` where there is no certificate in `authorities`, or a malformed one.
pub(super) fn config(authorities: Option<&[u8]>) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(pem) = authorities {
        let malformed =
            |why: String| Error::input(why).context("read the certificates of `ca_file`");
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(pem).take(AUTHORITIES_MAX) {
            let certificate = certificate.map_err(|cause| malformed(cause.to_string()))?;
            roots
                .add(certificate)
                .map_err(|cause| malformed(cause.to_string()))?;
            count += 1;
        }
        if count == 0 {
            return Err(malformed("no certificate in PEM is in it".to_owned()));
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|cause| Error::internal("set up TLS").source(cause))?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
