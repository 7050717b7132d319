//! Buckets of Google Cloud Storage.

use std::sync::Arc;

use object_store::StaticCredentialProvider;
use object_store::gcp::{GcpCredential, GoogleCloudStorage, GoogleCloudStorageBuilder};

use super::{Environment, retries};
use crate::error::{Error, Result};

/// Where Google's own service is. Said always, since a key may carry another address.
const ENDPOINT: &str = "https://storage.googleapis.com";

/// A client of one bucket.
///
/// It is always given a credential, even where none is used: without one it would look for a file in the home folder,
/// and then ask the machine's metadata service.
pub(in crate::storage) fn google(
    bucket: &str,
    environment: &Environment,
) -> Result<GoogleCloudStorage> {
    let endpoint = environment.endpoint("GOOGLE_ENDPOINT_URL", None)?;
    let (endpoint, allow_http) = endpoint.unwrap_or((ENDPOINT, false));
    let builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(bucket)
        .with_base_url(endpoint)
        .with_retry(retries())
        .with_client_options(environment.options(allow_http));
    let bearer = |bearer: &str| {
        Arc::new(StaticCredentialProvider::new(GcpCredential {
            bearer: bearer.to_owned(),
        }))
    };
    let builder = if let Some(key) = environment.get("GOOGLE_SERVICE_ACCOUNT_KEY") {
        builder.with_service_account_key(key)
    } else if let Some(token) = environment.get("GOOGLE_OAUTH_ACCESS_TOKEN") {
        builder.with_credentials(bearer(token))
    } else if environment.is_set("GOOGLE_SKIP_SIGNATURE") {
        builder
            .with_skip_signature(true)
            .with_credentials(bearer(""))
    } else {
        return Err(missing(bucket, environment));
    };
    // What the client says of a key may repeat parts of it.
    builder.build().map_err(|_| {
        Error::input("`GOOGLE_SERVICE_ACCOUNT_KEY` is no key of a service account")
            .hint("set it to the text of the JSON file that Google makes for the key")
    })
}

fn missing(bucket: &str, environment: &Environment) -> Error {
    let message =
        format!("no credentials for bucket `{bucket}`: `GOOGLE_SERVICE_ACCOUNT_KEY` is not set");
    let error = Error::input(message).hint(
        "set `GOOGLE_SERVICE_ACCOUNT_KEY` to the JSON text of a key, or `GOOGLE_OAUTH_ACCESS_TOKEN` to a token, \
         or `GOOGLE_SKIP_SIGNATURE=true` for a public bucket",
    );
    if environment.get("GOOGLE_APPLICATION_CREDENTIALS").is_none() {
        return error;
    }
    error.hint(
        "the file in `GOOGLE_APPLICATION_CREDENTIALS` is not read; \
         `GOOGLE_SERVICE_ACCOUNT_KEY=\"$(cat \"$GOOGLE_APPLICATION_CREDENTIALS\")\"` hands it over",
    )
}
