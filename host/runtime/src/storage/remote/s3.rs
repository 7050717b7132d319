//! Buckets of S3, and of stores that speak its protocol.

use std::sync::Arc;

use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};

use super::uploads::Uploads;
use super::{Environment, retries};
use crate::error::{Error, Result};

/// Where S3 itself is found if nothing else is said.
const REGION_DEFAULT: &str = "us-east-1";

/// A client of one bucket, and what lists its uploads, where requests are signed.
pub(in crate::storage) type Bucket = (Arc<AmazonS3>, Option<Uploads>);

/// A client of one bucket of S3.
pub(in crate::storage) fn s3(bucket: &str, environment: &Environment) -> Result<Bucket> {
    let get = |name: &str| environment.get(name);
    let region = get("AWS_REGION").or_else(|| get("AWS_DEFAULT_REGION"));
    let region = region.unwrap_or(REGION_DEFAULT);
    let mut allow_http = environment.is_set("AWS_ALLOW_HTTP");
    let mut signs = true;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region)
        .with_retry(retries());
    let endpoint = |name| environment.endpoint(name, Some("AWS_ALLOW_HTTP"));
    let endpoint = match endpoint("AWS_ENDPOINT_URL_S3")? {
        None => endpoint("AWS_ENDPOINT_URL")?,
        endpoint => endpoint,
    };
    if let Some((endpoint, plain)) = endpoint {
        allow_http |= plain;
        let virtual_hosted = environment.is_set("AWS_VIRTUAL_HOSTED_STYLE_REQUEST");
        builder = builder
            .with_endpoint(endpoint)
            .with_virtual_hosted_style_request(virtual_hosted);
    }
    builder = match (get("AWS_ACCESS_KEY_ID"), get("AWS_SECRET_ACCESS_KEY")) {
        (Some(id), Some(secret)) => builder
            .with_access_key_id(id)
            .with_secret_access_key(secret),
        _ if environment.is_set("AWS_SKIP_SIGNATURE") => {
            signs = false;
            builder.with_skip_signature(true)
        }
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
    let options = environment.options(allow_http);
    let store = builder.with_client_options(options.clone()).build();
    let store =
        store.map_err(|error| crate::storage::storage_error(&format!("s3://{bucket}"), error))?;
    let store = Arc::new(store);
    let uploads = signs.then(|| Uploads::new(&store, region, options));
    Ok((store, uploads))
}

/// A client of one bucket of Oracle's Object Storage, `place` being `bucket@namespace`, by its S3-compatible
/// interface and with what Oracle calls a customer secret key.
pub(in crate::storage) fn oci(place: &str, environment: &Environment) -> Result<Bucket> {
    let (bucket, namespace) = place.split_once('@').unwrap_or((place, ""));
    let need = |name: &str| {
        environment.get(name).ok_or_else(|| {
            Error::input(format!("no credentials for bucket `{place}`: `{name}` is not set")).hint(
                "set `OCI_ACCESS_KEY_ID` and `OCI_SECRET_ACCESS_KEY` to a customer secret key, and `OCI_REGION`",
            )
        })
    };
    let (id, secret) = (need("OCI_ACCESS_KEY_ID")?, need("OCI_SECRET_ACCESS_KEY")?);
    let region = need("OCI_REGION")?;
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !region.chars().all(legal) {
        return Err(Error::input("`OCI_REGION` is no region")
            .hint("expected the name of a region, such as `eu-frankfurt-1`"));
    }
    let endpoint = environment.endpoint("OCI_ENDPOINT_URL", None)?;
    let (endpoint, allow_http) = endpoint.map_or_else(
        || {
            let host = format!("{namespace}.compat.objectstorage.{region}.oraclecloud.com");
            (format!("https://{host}"), false)
        },
        |(endpoint, allow_http)| (endpoint.to_owned(), allow_http),
    );
    let options = environment.options(allow_http);
    let store = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region)
        .with_endpoint(endpoint)
        .with_access_key_id(id)
        .with_secret_access_key(secret)
        // Oracle does not say that its S3-compatible interface keeps `If-None-Match`.
        .with_conditional_put(S3ConditionalPut::Disabled)
        .with_retry(retries())
        .with_client_options(options.clone())
        .build()
        .map_err(|error| crate::storage::storage_error(&format!("oci://{place}"), error))?;
    let store = Arc::new(store);
    let uploads = Uploads::new(&store, region, options);
    Ok((store, Some(uploads)))
}
