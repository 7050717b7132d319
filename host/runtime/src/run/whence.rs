//! Where the rows of a file come from.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::open::{as_owner, files_of, read_file};
use super::receipt::{Provenance, RECEIPT_BYTES_MAX, Receipt, is_run, receipt_file};
use crate::engine::{Files, provenance};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::spec::Uri;
use crate::storage::{DataFile, ObjectMeta, Stores, blake3_of, run_of};

/// Folders above a file that are looked at for a receipt: those of Hive partitions, of which nobody has more.
const FOLDERS_MAX: usize = 16;

/// What is known of a file.
#[derive(Clone, Debug, Serialize)]
pub struct Whence {
    /// The file.
    pub file: String,
    /// What its footer says, if it has one that does.
    pub provenance: Option<Provenance>,
    /// The receipt of the run that wrote it, if that is still beside it.
    pub receipt: Option<Receipt>,
    /// What the receipt says of the file.
    pub written: Option<DataFile>,
    /// Whether its bytes are those that the run wrote, if they were compared.
    pub unchanged: Option<bool>,
}

/// What is known of the file at `uri`, which may be relative to the folder `base`; credentials and endpoints are taken
/// from `environment`. With `verify`, all of it is read to see whether it is what the run wrote.
///
/// # Errors
///
/// Fails where there is no such file, where storage fails, and where nothing is known of it.
pub async fn whence(
    uri: &str,
    base: &Path,
    verify: bool,
    environment: BTreeMap<String, String>,
) -> Result<Whence> {
    let (uri, stores) = as_owner(uri, base, environment)?;
    let files = files_of(&stores, "file", &uri).await?;
    let [object] = files.objects.as_slice() else {
        let message = format!("`{uri}` is a folder, expected a file of it");
        return Err(Error::input(message)
            .hint("`sluice dataset history` shows which runs wrote to a folder"));
    };
    let object = object.clone();
    let provenance = said(&files, &object).await?;
    let name = object.location.filename().unwrap_or_default().to_owned();
    let receipt = beside(&stores, &uri, &name, provenance.as_ref()).await?;
    if provenance.is_none() && receipt.is_none() {
        let message = format!("nothing says where the rows of `{uri}` come from");
        return Err(Error::input(message).hint(
            "files of Parquet say so themselves if a run of sluice wrote them; of others, the run's receipt does, below \
             the output in `_sluice/receipts/`",
        ));
    }
    let written = receipt.as_ref().and_then(|(receipt, path)| {
        let mut files = receipt.output.files.iter();
        files.find(|file| file.path == *path).cloned()
    });
    let unchanged = match &written {
        Some(written) if verify => Some(is_unchanged(&files, &object, written).await?),
        _ => None,
    };
    Ok(Whence {
        file: uri.to_string(),
        provenance,
        receipt: receipt.map(|(receipt, _)| receipt),
        written,
        unchanged,
    })
}

/// The receipt in the file at `uri`, which may be relative to the folder `base`.
///
/// # Errors
///
/// Fails where it is none, and if storage does.
pub async fn receipt(
    uri: &str,
    base: &Path,
    environment: BTreeMap<String, String>,
) -> Result<Receipt> {
    let (uri, stores) = as_owner(uri, base, environment)?;
    let bytes = read_file(&stores, &uri, RECEIPT_BYTES_MAX).await?;
    Receipt::read(&bytes, &uri.to_string())
}

/// What the footer of a Parquet file says. Others have none, and what is no file of ours says nothing that we know.
async fn said(files: &Files, object: &ObjectMeta) -> Result<Option<Provenance>> {
    if !object.location.as_ref().ends_with(".parquet") {
        return Ok(None);
    }
    let text = provenance(files, object).await?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// The receipt of the run that wrote the file `name` at `uri`, and the file's name in it. It lies below one of the folders
/// above the file.
async fn beside(
    stores: &Stores,
    uri: &Uri,
    name: &str,
    provenance: Option<&Provenance>,
) -> Result<Option<(Receipt, String)>> {
    let said = provenance.map(|provenance| provenance.run.as_str());
    // Any other name would lead elsewhere.
    let Some(run) = said.or_else(|| run_of(name)).filter(|run| is_run(run)) else {
        return Ok(None);
    };
    let mut folder = uri.parent();
    let mut path = name.to_owned();
    for _ in 0..FOLDERS_MAX {
        let receipt = Uri::parse(&receipt_file(run), Some(&folder))?;
        match read_file(stores, &receipt, RECEIPT_BYTES_MAX).await {
            Ok(bytes) => {
                let receipt = Receipt::read(&bytes, &receipt.to_string())?;
                return Ok(Some((receipt, path)));
            }
            Err(error) if error.kind() == ErrorKind::Input => {}
            Err(error) => return Err(error).context("look for the run's receipt"),
        }
        let partition = folder.name().to_owned();
        if !partition.contains('=') {
            break;
        }
        path = format!("{partition}/{path}");
        folder = folder.parent();
    }
    Ok(None)
}

async fn is_unchanged(files: &Files, object: &ObjectMeta, written: &DataFile) -> Result<bool> {
    match &written.blake3 {
        None => Ok(object.size == written.bytes),
        Some(expected) => Ok(blake3_of(&*files.store, object).await? == *expected),
    }
}
