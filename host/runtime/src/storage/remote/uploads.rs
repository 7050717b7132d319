//! Uploads that nobody has completed, as a bucket of S3 lists them: `object_store` has no word for that.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use object_store::aws::{AmazonS3, AwsAuthorizer};
use object_store::client::{HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{ClientOptions, Error, Result};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

/// Pages of a listing, of a thousand uploads each: more are left for the next time.
const PAGES_MAX: usize = 10;

/// Bytes of a page: each upload has a key of at most 1 KiB, and as much about who began it.
const PAGE_BYTES_MAX: usize = 8 << 20;

/// What nobody uses is signed for no longer.
const SIGNED_FOR: Duration = Duration::from_secs(1);

/// What servers answer who do not know a request.
const NOT_IMPLEMENTED: u16 = 501;

/// Lists the uploads of one bucket.
#[derive(Clone)]
pub(in crate::storage) struct Uploads {
    store: Arc<AmazonS3>,
    region: String,
    options: ClientOptions,
}

/// An upload that is not completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::storage) struct Upload {
    pub(in crate::storage) location: Path,
    pub(in crate::storage) id: String,
    /// When it was begun, by the server's clock.
    pub(in crate::storage) begun: DateTime<Utc>,
}

/// A page as a server writes it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Page {
    upload: Vec<Listed>,
    is_truncated: bool,
    next_key_marker: Option<String>,
    next_upload_id_marker: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    key: String,
    upload_id: String,
    initiated: DateTime<Utc>,
}

impl Uploads {
    pub(super) fn new(store: &Arc<AmazonS3>, region: &str, options: ClientOptions) -> Self {
        Self {
            store: Arc::clone(store),
            region: region.to_owned(),
            options,
        }
    }

    /// The uploads below a folder, as many as a few pages hold; none where the server lists none, or not to us: not all
    /// that speak S3's protocol do.
    ///
    /// # Errors
    ///
    /// Fails where the server does not answer, or not in these words.
    pub(in crate::storage) async fn list(&self, folder: &Path) -> Result<Vec<Upload>> {
        let prefix = match folder.as_ref() {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        let (mut uploads, mut after) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let page = self.page(&prefix, after).await?;
            // A name that a server does not send back as it was written is nobody's we know.
            let ours = page.upload.into_iter().filter_map(|listed| {
                let location = Path::parse(&listed.key).ok();
                let location = location.filter(|path| path.as_ref() == listed.key)?;
                listed.key.starts_with(&prefix).then_some(Upload {
                    location,
                    id: listed.upload_id,
                    begun: listed.initiated,
                })
            });
            uploads.extend(ours);
            after = page.next_key_marker.zip(page.next_upload_id_marker);
            if !page.is_truncated || after.is_none() {
                break;
            }
        }
        Ok(uploads)
    }

    /// Gives an upload up.
    ///
    /// # Errors
    ///
    /// Fails if the server does.
    pub(in crate::storage) async fn give_up(&self, upload: &Upload) -> Result<()> {
        let (location, id) = (&upload.location, &upload.id);
        match self.store.abort_multipart(location, id).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn page(&self, prefix: &str, after: Option<(String, String)>) -> Result<Page> {
        // The bucket's address is in the URL that a client signs.
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        let (get, bucket) = (request.method().clone(), Path::default());
        let mut url = self.store.signed_url(get, &bucket, SIGNED_FOR).await?;
        let query = query(prefix, after.as_ref());
        url.set_query(Some(&query));
        *request.uri_mut() = url.as_str().parse().map_err(|_| unclear("a URL"))?;
        let credential = self.store.credentials().get_credential().await?;
        AwsAuthorizer::new(&credential, "s3", &self.region).authorize(&mut request, None);
        let client = ReqwestConnector::default().connect(&self.options)?;
        let answer = client.execute(request).await.map_err(other)?;
        let status = answer.status();
        if status.is_client_error() || status.as_u16() == NOT_IMPLEMENTED {
            return Ok(Page::default());
        }
        if !status.is_success() {
            return Err(unclear(status.as_str()));
        }
        let mut bytes = Vec::new();
        let mut body = answer.into_body().bytes_stream();
        while let Some(piece) = body.try_next().await.map_err(other)? {
            if bytes.len() + piece.len() > PAGE_BYTES_MAX {
                return Err(unclear("a page without end"));
            }
            bytes.extend_from_slice(&piece);
        }
        read(&bytes)
    }
}

/// What to ask for, with the page `after` the key and the id of an upload.
fn query(prefix: &str, after: Option<&(String, String)>) -> String {
    let mut query = Serializer::new(String::new());
    if let Some((key, id)) = after {
        query.append_pair("key-marker", key);
        query.append_pair("upload-id-marker", id);
    }
    query.append_pair("prefix", prefix);
    query.append_pair("uploads", "");
    query.finish().replace('+', "%20")
}

fn read(bytes: &[u8]) -> Result<Page> {
    quick_xml::de::from_reader(bytes).map_err(other)
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Generic {
        store: "S3",
        source: Box::new(error),
    }
}

fn unclear(what: &str) -> Error {
    Error::Generic {
        store: "S3",
        source: format!("uploads are not listed: {what}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Bucket>lake</Bucket><KeyMarker/><UploadIdMarker/><NextKeyMarker>out/b &amp; c</NextKeyMarker>
  <NextUploadIdMarker>2</NextUploadIdMarker><MaxUploads>2</MaxUploads><IsTruncated>true</IsTruncated>
  <Upload><Key>out/a</Key><UploadId>1</UploadId><Initiator><ID>x</ID></Initiator>
    <StorageClass>STANDARD</StorageClass><Initiated>2026-01-31T10:00:00.000Z</Initiated></Upload>
  <CommonPrefixes><Prefix>x/</Prefix></CommonPrefixes>
  <Upload><Key>out/b &amp; c</Key><UploadId>2</UploadId><Initiated>2026-01-31T10:00:01Z</Initiated></Upload>
</ListMultipartUploadsResult>"#;

    #[test]
    fn a_page_is_read() {
        let page = read(PAGE.as_bytes()).unwrap();
        assert!(page.is_truncated);
        assert_eq!(page.next_key_marker.as_deref(), Some("out/b & c"));
        let keys: Vec<_> = page
            .upload
            .iter()
            .map(|listed| listed.key.as_str())
            .collect();
        assert_eq!(keys, ["out/a", "out/b & c"]);
        let empty = read(b"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>");
        assert!(empty.unwrap().upload.is_empty());
    }

    #[test]
    fn what_is_no_page_is_refused() {
        let deep = "<a>".repeat(100_000);
        for text in [
            "",
            "{}",
            "<Upload",
            &PAGE.replace("2026-01-31T10:00:01Z", "soon"),
            &PAGE[..300],
            &deep,
        ] {
            assert!(read(text.as_bytes()).is_err(), "{}", text.len());
        }
    }
}
