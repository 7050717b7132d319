//! Buckets of Google Cloud Storage.

use std::path::Path;
use std::sync::Arc;

use object_store::StaticCredentialProvider;
use object_store::gcp::{GcpCredential, GoogleCloudStorage, GoogleCloudStorageBuilder};

use super::{Environment, retries};
use crate::error::{Error, Result};
use crate::spec::clip;
use crate::storage::private::read_own;

/// Where Google's own service is. Said always, since a key may carry another address.
const ENDPOINT: &str = "https://storage.googleapis.com";

/// The variables with a key, and with the name of a file that holds one.
const KEY: &str = "GOOGLE_SERVICE_ACCOUNT_KEY";
const FILE: &str = "GOOGLE_APPLICATION_CREDENTIALS";

/// Bytes of a key's file, which has three thousand.
const KEY_BYTES_MAX: usize = 64 << 10;

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
    let mut named = format!("`{KEY}`");
    let builder = if let Some(key) = environment.get(KEY) {
        builder.with_service_account_key(key)
    } else if let Some(token) = environment.get("GOOGLE_OAUTH_ACCESS_TOKEN") {
        builder.with_credentials(bearer(token))
    } else if environment.is_set("GOOGLE_SKIP_SIGNATURE") {
        builder
            .with_skip_signature(true)
            .with_credentials(bearer(""))
    } else if let Some(path) = environment.get(FILE) {
        named = format!("the file in `{FILE}`");
        builder.with_service_account_key(key_of(path)?)
    } else {
        return Err(missing(bucket));
    };
    // What the client says of a key may repeat parts of it.
    builder.build().map_err(|_| malformed(&named))
}

/// What is in the file of a key.
fn key_of(path: &str) -> Result<String> {
    let reading = || format!("read the key in `{FILE}`");
    let path = Path::new(path);
    if !path.is_absolute() {
        let error = Error::input(format!("`{}` is relative", clip(&path.to_string_lossy())));
        return Err(error.hint("name the file from `/` on").context(reading()));
    }
    let bytes = read_own(path, KEY_BYTES_MAX).map_err(|error| {
        let error = error.context(reading());
        if !error.hints().is_empty() {
            return error;
        }
        error.hint(
            "name the file of a service account's key, as Google makes it, or unset the variable",
        )
    })?;
    String::from_utf8(bytes).map_err(|_| malformed(&format!("the file in `{FILE}`")))
}

fn malformed(named: &str) -> Error {
    Error::input(format!("{named} is no key of a service account")).hint(
        "expected the JSON that Google makes for the key of a service account; what `gcloud auth` makes for a user, and \
         what refers to another provider of identities, is none",
    )
}

fn missing(bucket: &str) -> Error {
    let message = format!("no credentials for bucket `{bucket}`: `{KEY}` is not set");
    Error::input(message).hint(
        "set `GOOGLE_SERVICE_ACCOUNT_KEY` to the JSON text of a key, or `GOOGLE_APPLICATION_CREDENTIALS` to a file with \
         it, or `GOOGLE_OAUTH_ACCESS_TOKEN` to a token, or `GOOGLE_SKIP_SIGNATURE=true` for a public bucket",
    )
}
