//! Whom the client believes.

use std::io::Write as _;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::rules::rule;
use super::server::{World, limits};
use crate::http::Failure;
use crate::network::{Client, Rule};
use crate::spec::HttpRule;

const AUTHORITY: &[u8] = include_bytes!("ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("server.pem");
const KEY: &[u8] = include_bytes!("server.key");

/// A server that is `api.test`, until the tasks are dropped.
async fn server() -> (u16, JoinSet<()>) {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()],
            PrivateKeyDer::from_pem_slice(KEY).unwrap(),
        );
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            assert_eq!(stream.get_ref().1.server_name(), Some("api.test"));
            assert_eq!(stream.get_ref().1.alpn_protocol(), None);
            let _ = stream.read(&mut [0; 4096]).await;
            let mut answer = Vec::new();
            write!(answer, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
            let _ = stream.write_all(&answer).await;
        }
    });
    (port, tasks)
}

fn over_tls(host: &str, port: u16) -> HttpRule {
    HttpRule {
        tls: true,
        addresses: vec!["127.0.0.1".to_owned()],
        ..rule(host, port, "/*", &["GET"])
    }
}

#[tokio::test]
async fn a_server_proves_its_name_by_an_authority_that_is_public_or_given() {
    let (port, _server) = server().await;
    let mut world = World::new(&[over_tls("api.test", port)], limits());
    let url = format!("https://api.test:{port}/");
    assert_eq!(world.text(&url).await.unwrap_err(), Failure::Certificate);

    let given = |host| Rule::new(&over_tls(host, port), Some(AUTHORITY)).unwrap();
    world.client = Client::new(
        vec![given("api.test"), given("other.test")],
        world.client.means(),
    );
    assert_eq!(world.text(&url).await.unwrap(), "ok");
    let other = format!("https://other.test:{port}/");
    assert_eq!(world.text(&other).await.unwrap_err(), Failure::Certificate);
}

#[tokio::test]
async fn what_speaks_no_tls_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.write_all(b"220 mail.test ESMTP\r\n").await;
        let _ = stream.read(&mut [0; 4096]).await;
    });
    let world = World::new(&[over_tls("api.test", port)], limits());
    let failure = world
        .get(&format!("https://api.test:{port}/"))
        .await
        .unwrap_err();
    assert_eq!(failure, Failure::Tls);
}

#[test]
fn certificates_that_are_none_are_told() {
    let rule = over_tls("api.test", 443);
    for (pem, why) in [
        ("", "no certificate in PEM is in it"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "`ca_file`",
        ),
        (
            "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n",
            "`ca_file`",
        ),
    ] {
        let error = Rule::new(&rule, Some(pem.as_bytes())).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert!(
            error.to_string().contains("read the rule for `api.test`"),
            "{error}"
        );
    }
}
