//! Clients of S3-compatible stores and web servers, configured from a given environment only.

use std::collections::BTreeMap;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::http::{HttpBuilder, HttpStore};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

use crate::error::{Error, Result};

/// Tries after the first of a request that failed for a reason that may pass.
const RETRIES_MAX: usize = 6;

/// Time after which a request is not tried again: an outage of a store's node, not of the store.
const RETRY_TIME_MAX: Duration = Duration::from_mins(1);

/// Longest pause between two tries.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(10);

/// Time to reach a server that is there.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// Time of one request with its body. A body is read as fast as the run takes it, so this bounds a
/// server that stalls, and not a large file: a body that breaks off is taken up where it stopped.
const REQUEST_TIME_MAX: Duration = Duration::from_mins(5);

/// Where S3 itself is found if nothing else is said.
const REGION_DEFAULT: &str = "us-east-1";

/// What matches all names and all addresses in a list of hosts without a proxy.
const EVERY_HOST: &str = "*,0.0.0.0/0,::/0";

/// The environment that a client is configured from, such as `AWS_REGION`.
pub(super) type Environment = BTreeMap<String, String>;

/// A client of one bucket.
pub(super) fn s3(bucket: &str, environment: &Environment) -> Result<AmazonS3> {
    let get = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let is_set = |name: &str| get(name).is_some_and(|value| is_true(value));
    let endpoint = get("AWS_ENDPOINT_URL_S3").or_else(|| get("AWS_ENDPOINT_URL"));
    let region = get("AWS_REGION").or_else(|| get("AWS_DEFAULT_REGION"));
    let mut allow_http = is_set("AWS_ALLOW_HTTP");
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region.map_or(REGION_DEFAULT, String::as_str))
        .with_retry(retries());
    if let Some(endpoint) = endpoint {
        allow_http |= check_endpoint(endpoint, allow_http)?;
        let virtual_hosted = is_set("AWS_VIRTUAL_HOSTED_STYLE_REQUEST");
        builder = builder
            .with_endpoint(endpoint.trim_end_matches('/'))
            .with_virtual_hosted_style_request(virtual_hosted);
    }
    builder = match (get("AWS_ACCESS_KEY_ID"), get("AWS_SECRET_ACCESS_KEY")) {
        (Some(id), Some(secret)) => builder
            .with_access_key_id(id)
            .with_secret_access_key(secret),
        _ if is_set("AWS_SKIP_SIGNATURE") => builder.with_skip_signature(true),
        // Without this, the client would ask the machine's metadata service for the machine's own.
        (id, _) => {
            let missing = if id.is_some() {
                "AWS_SECRET_ACCESS_KEY"
            } else {
                "AWS_ACCESS_KEY_ID"
            };
            let message = format!("no credentials for bucket `{bucket}`: `{missing}` is not set");
            return Err(Error::input(message)
                .hint("set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or `AWS_SKIP_SIGNATURE=true` for a public bucket"));
        }
    };
    if let Some(token) = get("AWS_SESSION_TOKEN") {
        builder = builder.with_token(token);
    }
    builder
        .with_client_options(options(environment, allow_http))
        .build()
        .map_err(|error| super::storage_error(&format!("s3://{bucket}"), error))
}

/// A client of one web server.
pub(super) fn http(server: &str, environment: &Environment) -> Result<HttpStore> {
    HttpBuilder::new()
        .with_url(server)
        .with_retry(retries())
        .with_client_options(options(environment, server.starts_with("http://")))
        .build()
        .map_err(|error| super::storage_error(server, error))
}

/// Whether the endpoint may be spoken to without TLS.
fn check_endpoint(endpoint: &str, allow_http: bool) -> Result<bool> {
    let wrong = |why: &str| {
        Error::input(format!("endpoint in `AWS_ENDPOINT_URL` {why}"))
            .hint("expected `https://host[:port]`")
    };
    let url = url::Url::parse(endpoint).map_err(|_| wrong("is no URL"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("carries a user or a password"));
    }
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(wrong("names no host")),
    };
    match url.scheme() {
        "https" => Ok(false),
        "http" if loopback || allow_http => Ok(true),
        "http" => Err(wrong("is not encrypted").hint("set `AWS_ALLOW_HTTP=true` to allow it")),
        _ => Err(wrong("is neither `https` nor `http`")),
    }
}

fn is_true(value: &str) -> bool {
    ["1", "true", "yes", "on"]
        .iter()
        .any(|yes| value.eq_ignore_ascii_case(yes))
}

fn retries() -> RetryConfig {
    RetryConfig {
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_TIME_MAX,
        backoff: BackoffConfig {
            max_backoff: RETRY_PAUSE_MAX,
            ..BackoffConfig::default()
        },
    }
}

fn options(environment: &Environment, allow_http: bool) -> ClientOptions {
    let get = |name: &str| {
        let value = environment
            .get(name)
            .or_else(|| environment.get(&name.to_ascii_lowercase()));
        value.filter(|value| !value.is_empty()).cloned()
    };
    // A client without a proxy of its own takes the one of the process's environment. One that is
    // never used keeps it from looking there.
    let (proxy, excluded) = match get("HTTPS_PROXY").or_else(|| get("ALL_PROXY")) {
        Some(proxy) => (proxy, get("NO_PROXY").unwrap_or_default()),
        None => ("http://127.0.0.1:9".to_owned(), EVERY_HOST.to_owned()),
    };
    ClientOptions::new()
        .with_allow_http(allow_http)
        .with_connect_timeout(CONNECT_TIME_MAX)
        .with_timeout(REQUEST_TIME_MAX)
        .with_proxy_url(proxy)
        .with_proxy_excludes(excluded)
}
