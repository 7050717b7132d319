//! Finds the files of an input and reads small files whole.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::engine::Files;
use crate::error::{Error, Result, ResultExt};
use crate::policy::Guard;
use crate::spec::{Input, InputFormat, SchemaSource, Scheme, Uri, parse_schema};
use crate::storage::{Meter, ObjectMeta, Place, Stores, head_object, list, read_whole};

/// Files that are asked for their etags at once.
const HEADS_MAX: usize = 32;

/// Bytes of a schema file.
const SCHEMA_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What `uri` means in the folder `base`, and stores for somebody who looks at their own data with the credentials and
/// endpoints of `environment`.
pub(super) fn as_owner(
    uri: &str,
    base: &Path,
    environment: BTreeMap<String, String>,
) -> Result<(Uri, Stores)> {
    let base = Uri::parse_folder(&base.to_string_lossy())?;
    let uri = Uri::parse(uri, Some(&base))?;
    let meter = Arc::new(Meter::default());
    Ok((uri, Stores::new(environment, meter, Guard::owner()?)))
}

/// The files of the input `name` at `uri`, all checked to exist.
pub(super) async fn files_of(stores: &Stores, name: &str, uri: &Uri) -> Result<Files> {
    let (place, objects) = listed(stores, name, uri).await?;
    Ok(files_at(place, objects))
}

async fn listed(stores: &Stores, name: &str, uri: &Uri) -> Result<(Place, Vec<ObjectMeta>)> {
    let opening = || format!("open input `{name}`");
    let place = stores.open_input(uri).with_context(opening)?;
    let objects = list(&place, uri.pattern()).await.with_context(opening)?;
    Ok((place, objects))
}

/// As [`files_of`], each with its etag, also where a listing does not tell it.
///
/// # Errors
///
/// Fails also where a file has none: nobody could tell when it changes.
pub(super) async fn named_files_of(stores: &Stores, name: &str, uri: &Uri) -> Result<Files> {
    let (place, objects) = listed(stores, name, uri).await?;
    let asked = objects.into_iter().map(|mut object| {
        let place = &place;
        async move {
            if object.e_tag.is_none() {
                let found = head_object(place, &object.location).await?;
                object.e_tag = found.and_then(|found| found.etag);
            }
            Ok::<_, Error>(object)
        }
    });
    let asked = stream::iter(asked).boxed().buffered(HEADS_MAX);
    let objects: Vec<ObjectMeta> = asked
        .try_collect()
        .await
        .with_context(|| format!("open input `{name}`"))?;
    let files = files_at(place, objects);
    let Some(object) = files.objects.iter().find(|object| object.e_tag.is_none()) else {
        return Ok(files);
    };
    let name = files.name(object);
    let message = format!("`{name}` has no etag, so that nobody can tell when it changes");
    Err(Error::input(message)
        .fact("file", &name)
        .hint("use `mode = \"overwrite\"`, or copy the file to a folder or a bucket first"))
}

fn files_at(place: Place, objects: Vec<ObjectMeta>) -> Files {
    Files {
        origin: origin(&place),
        local: place.uri.scheme() == Scheme::File,
        store: place.store,
        objects,
        discreet: false,
    }
}

/// What precedes the keys of a store in messages: they are relative to a folder, a bucket or a host.
pub(super) fn origin(place: &Place) -> String {
    if place.path.as_ref().is_empty() {
        place.uri.as_folder().to_string()
    } else if place.uri.scheme() == Scheme::File {
        place.uri.parent().to_string()
    } else {
        place.uri.root().to_string()
    }
}

/// `input` with the schema of its schema file, if it names one. What is wrong with the file is told unless `discreet`:
/// it could be a file of data.
pub(super) async fn with_schema(
    stores: &Stores,
    mut input: Input,
    discreet: bool,
) -> Result<Input> {
    let source = match &mut input.format {
        InputFormat::Csv(options) => &mut options.schema,
        InputFormat::Json(options) => &mut options.schema,
        InputFormat::Parquet | InputFormat::Arrow => return Ok(input),
    };
    if let SchemaSource::File(uri) = source {
        let schema = schema_of(stores, uri, discreet).await;
        let schema = schema.with_context(|| format!("read the schema of input `{}`", input.name));
        *source = SchemaSource::Explicit(schema?);
    }
    Ok(input)
}

/// The schema that stands in the file `uri`; `discreet` as in [`with_schema`].
pub(super) async fn schema_of(stores: &Stores, uri: &Uri, discreet: bool) -> Result<SchemaRef> {
    let bytes = read_file(stores, uri, SCHEMA_BYTES_MAX).await?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Error::input(format!("the schema file `{uri}` is not UTF-8")))?;
    let schema = parse_schema(text, &uri.to_string());
    schema.map_err(|error| {
        if !discreet {
            return error;
        }
        Error::input(format!("`{uri}` is no schema file"))
            .hint("what is wrong with it is not shown, as policies mask columns of data")
    })
}

/// The content of a file of at most `bytes_max` bytes.
pub(super) async fn read_file(stores: &Stores, uri: &Uri, bytes_max: u64) -> Result<Bytes> {
    let place = stores.open_input(uri)?;
    read_whole(&place, bytes_max).await
}
