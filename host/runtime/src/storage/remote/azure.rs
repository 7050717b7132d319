//! Containers of Azure Blob Storage.

use std::sync::Arc;

use object_store::StaticCredentialProvider;
use object_store::azure::{AzureConfigKey, AzureCredential, MicrosoftAzure, MicrosoftAzureBuilder};

use super::{Environment, retries};
use crate::error::{Error, Result};

/// What of the environment says who one is to an application of Entra; all three, or none.
const APPLICATION: [&str; 3] = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"];

/// A client of one container, `place` being `container` or `container@account`.
///
/// It is always given a credential, even where none is used: without one it would ask the machine's metadata service.
pub(in crate::storage) fn azure(place: &str, environment: &Environment) -> Result<MicrosoftAzure> {
    let (container, named) = place.split_once('@').unzip();
    let container = container.unwrap_or(place);
    let account = account(container, named, environment)?;
    let endpoint = environment.endpoint("AZURE_ENDPOINT_URL", None)?;
    let allow_http = endpoint.is_some_and(|(_, allow_http)| allow_http);
    let mut builder = MicrosoftAzureBuilder::new()
        .with_account(account)
        .with_container_name(container)
        .with_retry(retries())
        .with_client_options(environment.options(allow_http));
    if let Some((endpoint, _)) = endpoint {
        builder = builder.with_endpoint(endpoint.to_owned());
    }
    let (builder, variable) = credentials(builder, container, environment)?;
    // What the client says of a key may repeat parts of it.
    builder.build().map_err(|_| {
        Error::input(format!("`{variable}` is malformed"))
            .hint("copy it again from Azure, whole and without quotes")
    })
}

/// The account that the URI names, or else the environment's.
fn account<'a>(
    container: &str,
    named: Option<&'a str>,
    environment: &'a Environment,
) -> Result<&'a str> {
    let known = environment.get("AZURE_STORAGE_ACCOUNT");
    match (named, known) {
        (Some(named), Some(known)) if named != known => Err(Error::input(format!(
            "container `{container}` is in account `{named}`, but `AZURE_STORAGE_ACCOUNT` names `{known}`"
        ))
        .hint("the credentials in the environment are for one account; set all of them for the one that is meant")),
        (Some(account), _) | (None, Some(account)) => Ok(account),
        (None, None) => Err(Error::input(format!(
            "no account for container `{container}`: `AZURE_STORAGE_ACCOUNT` is not set"
        ))
        .hint("set it, or name the account: `abfss://container@account.dfs.core.windows.net/key`")),
    }
}

/// Adds what the environment holds, and says which variable that is.
fn credentials(
    builder: MicrosoftAzureBuilder,
    container: &str,
    environment: &Environment,
) -> Result<(MicrosoftAzureBuilder, &'static str)> {
    let get = |name: &str| environment.get(name);
    if let Some(key) = get("AZURE_STORAGE_KEY") {
        return Ok((builder.with_access_key(key), "AZURE_STORAGE_KEY"));
    }
    if let Some(token) = get("AZURE_STORAGE_SAS_TOKEN") {
        let builder = builder.with_config(AzureConfigKey::SasKey, token);
        return Ok((builder, "AZURE_STORAGE_SAS_TOKEN"));
    }
    let missing = |name: &str| {
        let message = format!("no credentials for container `{container}`: `{name}` is not set");
        Error::input(message).hint(
            "set `AZURE_STORAGE_KEY`, or `AZURE_STORAGE_SAS_TOKEN`, or `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and \
             `AZURE_CLIENT_SECRET`, or `AZURE_SKIP_SIGNATURE=true` for a public container",
        )
    };
    match APPLICATION.map(get) {
        [Some(tenant), Some(client), Some(secret)] => {
            let builder = builder.with_client_secret_authorization(client, secret, tenant);
            Ok((builder, "AZURE_CLIENT_SECRET"))
        }
        [None, None, None] if environment.is_set("AZURE_SKIP_SIGNATURE") => {
            let nobody = StaticCredentialProvider::new(AzureCredential::BearerToken(String::new()));
            let builder = builder
                .with_skip_signature(true)
                .with_credentials(Arc::new(nobody));
            Ok((builder, "AZURE_ENDPOINT_URL"))
        }
        [None, None, None] => Err(missing("AZURE_STORAGE_KEY")),
        _ => Err(missing(
            APPLICATION
                .into_iter()
                .find(|name| get(name).is_none())
                .unwrap_or_default(),
        )),
    }
}
