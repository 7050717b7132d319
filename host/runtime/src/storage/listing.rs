//! Which objects an input is made of.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectMeta, ObjectStoreExt};

use super::dataset::{Entries, FOLDER, Log, visible};
use super::failure::storage_error;
use super::stores::Place;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::nearest_few;

/// Objects of one input. Each is planned for, and a run that opens more spends its time opening.
const OBJECTS_MAX: usize = 100_000;

/// Objects that are looked at for one input, matching or not.
const LISTED_MAX: usize = 1_000_000;

/// Names that an error suggests.
const SUGGESTIONS_MAX: usize = 3;

/// The objects at a place, in the order of their names: one file, what is below a prefix, or what of
/// it a glob matches.
///
/// Below a prefix, names that start with `.` or `_` are skipped, as are folders of such names, unless
/// they are Hive partitions such as `_day=1`.
///
/// # Errors
///
/// Fails if there is nothing, with the names that are most alike; or if there are too many.
pub async fn list(place: &Place, pattern: Option<&str>) -> Result<Vec<ObjectMeta>> {
    let what = || place.uri.to_string();
    let mut is_file = false;
    if pattern.is_none() && !place.uri.is_folder() && place.path.parts().next().is_some() {
        match place.store.head(&place.path).await {
            Ok(meta) => return Ok(vec![meta]),
            // It may be a folder that is written without its `/`.
            Err(StoreError::NotFound { .. }) => is_file = true,
            Err(error) => {
                let error = storage_error(&what(), error);
                // Who may read what is in a folder need not be allowed to ask whether it is a file.
                return match list_below(place, pattern).await {
                    Ok(objects) if error.kind() == ErrorKind::Policy && !objects.is_empty() => {
                        Ok(objects)
                    }
                    _ => Err(error),
                };
            }
        }
        if place.uri.scheme().is_web() {
            return Err(Error::input(format!("`{}` does not exist", place.uri)));
        }
    }
    let objects = match list_below(place, pattern).await {
        // There is no such file, and who reads files need not be allowed to list folders.
        Err(error) if is_file && error.kind() == ErrorKind::Policy => Vec::new(),
        outcome => outcome?,
    };
    if objects.is_empty() {
        Err(missing(place, pattern).await)
    } else {
        Ok(objects)
    }
}

async fn list_below(place: &Place, pattern: Option<&str>) -> Result<Vec<ObjectMeta>> {
    let what = || place.uri.to_string();
    let glob = pattern
        .map(glob::Pattern::new)
        .transpose()
        .map_err(|error| {
            Error::input(format!(
                "glob `{}` is malformed: {}",
                pattern.unwrap_or_default(),
                error.msg
            ))
        })?;
    let matches = |name: &str| {
        !is_hidden(name)
            && glob
                .as_ref()
                .is_none_or(|glob| glob.matches_with(name, MATCHING))
    };
    let mut listing = place.store.list(Some(&place.path));
    let mut objects = Vec::new();
    let mut datasets = Datasets::default();
    let mut listed = 0;
    while let Some(meta) = listing
        .try_next()
        .await
        .map_err(|error| storage_error(&what(), error))?
    {
        listed += 1;
        let name = below(&place.path, &meta.location);
        datasets.add(name, &meta);
        if matches(name) {
            objects.push(meta);
        }
        if objects.len() > OBJECTS_MAX {
            return Err(Error::limit(
                "objects of an input",
                OBJECTS_MAX,
                format!(
                    "narrow `{}` down, or merge its files into larger ones",
                    place.uri
                ),
            ));
        }
        if listed >= LISTED_MAX {
            return Err(Error::limit(
                "objects listed for an input",
                LISTED_MAX,
                format!("name a folder below `{}`", place.uri),
            ));
        }
    }
    datasets.resolve(place, &mut objects, matches).await?;
    objects.sort_unstable_by(|a, b| a.location.cmp(&b.location));
    Ok(objects)
}

/// The datasets with a log among what is listed, by their folders. Of those, a reader sees one version.
#[derive(Default)]
struct Datasets(BTreeMap<String, (Entries, BTreeMap<String, ObjectMeta>)>);

impl Datasets {
    /// Takes what belongs to a log, or is kept.
    fn add(&mut self, name: &str, meta: &ObjectMeta) {
        if !name.contains(FOLDER) {
            return;
        }
        let ours = format!("{FOLDER}/");
        let folder = match name.find(&ours) {
            Some(0) => "",
            Some(at) if name[..at].ends_with('/') => name[..at].trim_end_matches('/'),
            _ => return,
        };
        let (entries, kept) = self.0.entry(folder.to_owned()).or_default();
        let name = name[folder.len()..].trim_start_matches('/');
        entries.add(name);
        if name.starts_with(&super::dataset::kept("")) {
            kept.insert(name.to_owned(), meta.clone());
        }
    }

    /// Puts the files of the versions that are visible in the place of those that were listed.
    async fn resolve(
        self,
        place: &Place,
        objects: &mut Vec<ObjectMeta>,
        matches: impl Fn(&str) -> bool,
    ) -> Result<()> {
        for (folder, (entries, mut listed)) in self.0 {
            if entries.last().is_none() {
                continue;
            }
            let dataset = Place {
                path: place
                    .path
                    .parts()
                    .chain(Path::from(folder.as_str()).parts())
                    .collect(),
                ..place.clone()
            };
            let log = Log::new(&dataset, false);
            let manifest = visible(&log, &entries).await?;
            place.shelves.add(dataset.path.clone());
            let (inside, outside) = std::mem::take(objects)
                .into_iter()
                .partition(|meta: &ObjectMeta| meta.location.prefix_matches(&dataset.path));
            *objects = outside;
            for meta in inside {
                listed.insert(below(&dataset.path, &meta.location).to_owned(), meta);
            }
            let found = super::dataset::objects(&log, &manifest, &listed).into_iter();
            objects.extend(found.filter(|meta| matches(below(&place.path, &meta.location))));
        }
        Ok(())
    }
}

/// `*` and `?` are parts of one name; `**` crosses folders.
pub(super) const MATCHING: glob::MatchOptions = glob::MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Whether a name below a prefix, or a folder in it, is hidden: it starts with `.`, or with `_` and
/// is no Hive partition.
#[must_use]
pub fn is_hidden(name: &str) -> bool {
    name.split('/')
        .any(|part| part.starts_with('.') || (part.starts_with('_') && !part.contains('=')))
}

/// The name of an object relative to a prefix.
pub(super) fn below<'a>(prefix: &Path, location: &'a Path) -> &'a str {
    let location = location.as_ref();
    let rest = location.strip_prefix(prefix.as_ref()).unwrap_or(location);
    rest.strip_prefix('/').unwrap_or(rest)
}

/// An error that says what is there in place of what is missing.
async fn missing(place: &Place, pattern: Option<&str>) -> Error {
    let what = format!("{}{}", place.uri, pattern.unwrap_or_default());
    let whole = place.path.parts().next().is_none();
    if pattern.is_some() || place.uri.is_folder() {
        let here = names_in(place, &place.path).await;
        if pattern.is_some() && !here.is_empty() {
            let error = Error::input(format!("nothing matches `{what}`"));
            return suggest(error, pattern.unwrap_or_default(), &here);
        }
        if !here.is_empty() {
            return Error::input(format!(
                "`{what}` holds no data: every name in it is hidden"
            ))
            .hint("names that start with `.` or `_` are skipped");
        }
        if whole {
            return Error::input(format!("`{what}` holds no files"));
        }
    }
    let parent: Path = {
        let mut parts: Vec<_> = place.path.parts().collect();
        parts.pop();
        parts.into_iter().collect()
    };
    let names = names_in(place, &parent).await;
    let name = place.path.filename().unwrap_or_default();
    suggest(
        Error::input(format!("`{what}` does not exist")),
        name,
        &names,
    )
}

/// Suggests the names that are most like `name`, or says what else there is.
fn suggest(error: Error, name: &str, names: &[String]) -> Error {
    let near = nearest_few(name, names.iter().map(String::as_str), SUGGESTIONS_MAX);
    if !near.is_empty() {
        return did_you_mean(error, &near);
    }
    let visible: Vec<_> = names.iter().filter(|name| !is_hidden(name)).collect();
    let examples: Vec<_> = visible
        .iter()
        .take(SUGGESTIONS_MAX)
        .map(|name| format!("`{name}`"))
        .collect();
    match visible.len() {
        0 => error,
        count if count > examples.len() => error.hint(format!(
            "the folder holds {count} names, such as {}",
            examples.join(", ")
        )),
        _ => error.hint(format!("the folder holds {}", examples.join(", "))),
    }
}

/// The names of files and folders directly in `prefix`; none if that cannot be told.
async fn names_in(place: &Place, prefix: &Path) -> Vec<String> {
    let Ok(level) = place.store.list_with_delimiter(Some(prefix)).await else {
        return Vec::new();
    };
    let folders = level.common_prefixes.iter().filter_map(Path::filename);
    let files = level
        .objects
        .iter()
        .filter_map(|meta| meta.location.filename());
    folders.chain(files).map(str::to_owned).collect()
}

/// Suggests names, if there are any.
pub(super) fn did_you_mean(error: Error, names: &[&str]) -> Error {
    if names.is_empty() {
        return error;
    }
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    error.hint(format!("did you mean {}?", names.join(" or ")))
}
