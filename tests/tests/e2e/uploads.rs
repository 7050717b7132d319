//! What the server of S3 in these tests lacks: it lists the uploads that nobody has completed, two on a page.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::time::SystemTime;

use hyper::{Method, StatusCode, Uri};
use s3s::{Body, HttpResponse};

/// Uploads of a page.
const PAGE: usize = 2;

/// The file that says what an upload is to become.
fn name(id: &str) -> String {
    format!(".begun-{id}")
}

/// Begins an upload that the server knows nothing more of.
pub(crate) fn begin(folder: &Path, bucket: &str, key: &str) {
    let id = format!("00000000-0000-4000-8000-{:012x}", key.len());
    std::fs::write(folder.join(format!(".upload-{id}.json")), "null").unwrap();
    std::fs::write(folder.join(name(&id)), format!("{bucket}/{key}")).unwrap();
}

/// Notes an upload that begins, and lists those that there are where the server says that it cannot.
pub(crate) async fn amend(
    folder: &Path,
    (method, uri): (&Method, &Uri),
    mut answer: HttpResponse,
) -> Result<HttpResponse, Box<dyn Error + Send + Sync>> {
    let query: Vec<(String, String)> = url(uri);
    let of = |name: &str| {
        query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
    };
    if of("uploads").is_none() {
        return Ok(answer);
    }
    let path = uri.path().trim_matches('/');
    if method == Method::POST && answer.status().is_success() {
        let body = answer.body_mut().store_all_limited(1 << 20).await?;
        let text = String::from_utf8_lossy(&body);
        if let Some(id) = between(&text, "<UploadId>", "</UploadId>") {
            let path = decoded(path);
            std::fs::write(folder.join(name(id)), path).unwrap();
        }
        *answer.body_mut() = Body::from(body);
    } else if method == Method::GET && answer.status() == StatusCode::NOT_IMPLEMENTED {
        let prefix = of("prefix").unwrap_or_default();
        let after = of("key-marker").zip(of("upload-id-marker"));
        return Ok(HttpResponse::new(Body::from(page(
            folder,
            path,
            &prefix,
            after.as_ref(),
        ))));
    }
    Ok(answer)
}

fn page(folder: &Path, bucket: &str, prefix: &str, after: Option<&(String, String)>) -> String {
    let mut uploads = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let file = entry.file_name().into_string().unwrap();
        let Some(id) = between(&file, ".upload-", ".json") else {
            continue;
        };
        let begun = entry.metadata().unwrap().modified().unwrap();
        // One that began this moment may have no name yet.
        let path = std::fs::read_to_string(folder.join(name(id))).unwrap_or_default();
        let key = path.strip_prefix(&format!("{bucket}/")).map(str::to_owned);
        if let Some(key) = key.filter(|key| key.starts_with(prefix)) {
            uploads.push((key, id.to_owned(), begun));
        }
    }
    uploads.sort();
    uploads.retain(|(key, id, _)| after.is_none_or(|after| (key, id) > (&after.0, &after.1)));
    let is_truncated = uploads.len() > PAGE;
    uploads.truncate(PAGE);
    let mut text = format!("<ListMultipartUploadsResult><IsTruncated>{is_truncated}</IsTruncated>");
    for (key, id, begun) in &uploads {
        let begun = time(*begun);
        write!(text, "<Upload><Key>{key}</Key><UploadId>{id}</UploadId>").unwrap();
        write!(text, "<Initiated>{begun}</Initiated></Upload>").unwrap();
    }
    if let Some((key, id, _)) = uploads.last() {
        write!(text, "<NextKeyMarker>{key}</NextKeyMarker>").unwrap();
        write!(text, "<NextUploadIdMarker>{id}</NextUploadIdMarker>").unwrap();
    }
    text + "</ListMultipartUploadsResult>"
}

fn time(time: SystemTime) -> String {
    let at = s3s::dto::Timestamp::from(time);
    let mut text = Vec::new();
    at.format(s3s::dto::TimestampFormat::DateTime, &mut text)
        .unwrap();
    String::from_utf8(text).unwrap()
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inner, _)| inner)
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits: Vec<u8> = rest.by_ref().take(2).collect();
            bytes.extend(hex::decode(digits).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn url(uri: &Uri) -> Vec<(String, String)> {
    let query = uri.query().unwrap_or_default();
    let pairs = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs
        .map(|(key, value)| (decoded(key), decoded(value)))
        .collect()
}
