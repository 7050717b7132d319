//! Clients of buckets and web servers, configured from a given environment only.

mod azure;
mod environment;
mod google;
mod s3;
mod uploads;

use std::time::Duration;

use object_store::http::{HttpBuilder, HttpStore};
use object_store::{BackoffConfig, RetryConfig};

use crate::error::Result;

pub(super) use azure::azure;
pub(super) use environment::Environment;
pub(super) use google::google;
pub(super) use s3::{oci, s3};
pub(super) use uploads::{Upload, Uploads};

/// Tries after the first of a request that failed for a reason that may pass.
const RETRIES_MAX: usize = 6;

/// Time after which a request is not tried again: an outage of a store's node, not of the store.
const RETRY_TIME_MAX: Duration = Duration::from_mins(1);

/// Longest pause between two tries.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(10);

/// Time to reach a server that is there.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// Time of one request with its body. A body is read as fast as the run takes it, so this bounds a
/// server that stalls, and not a large file: a body that breaks off is taken up where it stopped (`Steady`).
const REQUEST_TIME_MAX: Duration = Duration::from_mins(5);

/// A client of one web server.
pub(super) fn http(server: &str, environment: &Environment) -> Result<HttpStore> {
    HttpBuilder::new()
        .with_url(server)
        .with_retry(retries())
        .with_client_options(environment.options(server.starts_with("http://")))
        .build()
        .map_err(|error| super::storage_error(server, error))
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
