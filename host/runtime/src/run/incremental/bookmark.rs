//! What a run in the mode `incremental` leaves beside its output for the next: which files of the output are made of what.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::spec::SchemaColumn;
use crate::storage::{DataFile, Manifest, ObjectMeta};

/// What this program writes, and the only one that it reads.
const FORMAT: u32 = 1;

/// The folder of bookmarks below an output. A version has at most one.
const FOLDER: &str = "_sluice/bookmark/";

/// Bytes of a bookmark. Those of an input of as many files as there may be, with long names, take half of it.
pub(super) const BYTES_MAX: u64 = 128 << 20;

/// Units of a bookmark, each of which is at least one file of the output. Beyond, everything is made anew, in larger ones.
pub(super) const UNITS_MAX: usize = 10_000;

/// What is said of each part that decides about rows: its BLAKE3, by a name for people.
pub(super) type Key = BTreeMap<String, String>;

/// The content of a bookmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Bookmark {
    format: u32,
    pub(super) key: Key,
    /// The columns of the input's files.
    pub(super) columns: Vec<SchemaColumn>,
    pub(super) units: Vec<Made>,
}

/// A unit, and what it became.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Made {
    /// Some whole files, or a part of one.
    pub(super) input: Vec<Piece>,
    /// Relative to the output; none where no row was left.
    pub(super) files: Vec<String>,
}

/// A file of the input, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Piece {
    /// Its name with that of its store.
    pub(super) file: String,
    /// Changes when the content does; none where that did while it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) etag: Option<String>,
    /// Of all of the file.
    pub(super) bytes: u64,
    /// First byte, and the first that is no part of it; none where it is all of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) range: Option<(u64, u64)>,
}

impl Piece {
    /// Whether the file is `now` as it was.
    pub(super) fn is_same(&self, now: &ObjectMeta) -> bool {
        self.bytes == now.size && self.etag.is_some() && self.etag == now.e_tag
    }
}

/// The name of a run's bookmark, below the output.
pub(in crate::run) fn file(run_id: &str) -> String {
    format!("{FOLDER}{run_id}.json")
}

/// The name of the bookmark of a version, if it has one.
pub(in crate::run) fn of(manifest: &Manifest) -> Option<&str> {
    let mut names = manifest.files.iter().map(|file| file.path.as_str());
    names.find(|name| name.starts_with(FOLDER))
}

impl Bookmark {
    pub(super) fn new(key: Key, columns: Vec<SchemaColumn>, units: Vec<Made>) -> Self {
        Self {
            format: FORMAT,
            key,
            columns,
            units,
        }
    }

    /// As it is written.
    ///
    /// # Errors
    ///
    /// Does not fail but for a bug.
    pub(super) fn write(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self)
            .map_err(|error| Error::internal("a bookmark cannot be written").source(error))
    }

    /// Reads what was left with a version of these files. Whoever may write to the output may have written anything.
    ///
    /// # Errors
    ///
    /// Says in words why nothing can be concluded from it.
    pub(super) fn read(bytes: &[u8], files: &[DataFile]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let malformed = |why: serde_json::Error| format!("its bookmark is malformed: {why}");
        let head: Head = serde_json::from_slice(bytes).map_err(malformed)?;
        if head.format != FORMAT {
            return Err("another version of this program wrote its bookmark".to_owned());
        }
        let bookmark: Self = serde_json::from_slice(bytes).map_err(malformed)?;
        if !bookmark.is_whole() {
            return Err("its bookmark has parts of files without the others".to_owned());
        }
        if !bookmark.accounts_for(files) {
            return Err("its files were changed since the last run in this mode".to_owned());
        }
        Ok(bookmark)
    }

    /// Whether its units have all of each file once.
    fn is_whole(&self) -> bool {
        let mut found: BTreeMap<&str, Vec<(u64, u64)>> = BTreeMap::new();
        let mut sizes = BTreeMap::new();
        for unit in &self.units {
            let alone = unit.input.len() == 1;
            for piece in &unit.input {
                let size = *sizes.entry(&piece.file).or_insert(piece.bytes);
                if size != piece.bytes || (piece.range.is_some() && !alone) {
                    return false;
                }
                let range = piece.range.unwrap_or((0, piece.bytes));
                found.entry(&piece.file).or_default().push(range);
            }
        }
        found.into_iter().all(|(file, mut ranges)| {
            ranges.sort_unstable();
            let mut end = 0;
            let joins = ranges.iter().all(|&(start, next)| {
                let joins = start == end && (start < next || ranges.len() == 1);
                end = next;
                joins
            });
            joins && sizes.get(&file.to_owned()) == Some(&end)
        })
    }

    /// Whether its units became just these files of data.
    fn accounts_for(&self, files: &[DataFile]) -> bool {
        let data = files.iter().filter(|file| file.is_data());
        let data: BTreeSet<_> = data.map(|file| file.path.as_str()).collect();
        let made = || self.units.iter().flat_map(|unit| &unit.files);
        let told: BTreeSet<_> = made().map(String::as_str).collect();
        made().count() == told.len() && told == data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(file: &str, range: Option<(u64, u64)>) -> Piece {
        Piece {
            file: file.to_owned(),
            etag: Some("1".to_owned()),
            bytes: 10,
            range,
        }
    }

    fn made(input: Vec<Piece>, files: &[&str]) -> Made {
        Made {
            input,
            files: files.iter().map(|&file| file.to_owned()).collect(),
        }
    }

    fn data(paths: &[&str]) -> Vec<DataFile> {
        let file = |path: &&str| DataFile {
            path: (*path).to_owned(),
            bytes: 1,
            rows: None,
            blake3: None,
        };
        paths.iter().map(file).collect()
    }

    fn read(units: Vec<Made>, files: &[&str]) -> Result<Bookmark, String> {
        let bookmark = Bookmark::new(Key::new(), Vec::new(), units);
        Bookmark::read(&bookmark.write().unwrap(), &data(files))
    }

    #[test]
    fn what_was_written_reads_back() {
        let units = vec![
            made(vec![piece("a", None), piece("b", None)], &["part-0"]),
            made(vec![piece("c", Some((0, 4)))], &[]),
            made(vec![piece("c", Some((4, 10)))], &["part-1", "part-2"]),
        ];
        let files = ["part-0", "part-1", "part-2", "_sluice/bookmark/r.json"];
        let bookmark = read(units.clone(), &files).unwrap();
        assert_eq!(bookmark.units, units);
    }

    #[test]
    fn files_that_others_changed_are_told() {
        let units = vec![made(vec![piece("a", None)], &["part-0"])];
        for files in [&["part-1"][..], &[], &["part-0", "part-1"]] {
            let why = read(units.clone(), files).unwrap_err();
            assert!(why.contains("changed since"), "{why}");
        }
        let twice = made(vec![piece("b", None)], &["part-0"]);
        read([units, vec![twice]].concat(), &["part-0"]).unwrap_err();
    }

    #[test]
    fn parts_without_the_others_are_refused() {
        let wrong = [
            vec![piece("a", Some((0, 9)))],
            vec![piece("a", Some((1, 10)))],
            vec![piece("a", Some((0, 11)))],
            vec![piece("a", None), piece("a", None)],
            vec![piece("a", Some((0, 10))), piece("b", None)],
        ];
        for input in wrong {
            let why = read(vec![made(input, &[])], &[]).unwrap_err();
            assert!(why.contains("parts of files"), "{why}");
        }
        let overlapping = [(0, 6), (5, 10)].map(|range| made(vec![piece("a", Some(range))], &[]));
        read(overlapping.to_vec(), &[]).unwrap_err();
    }

    #[test]
    fn what_is_no_bookmark_is_told_in_words() {
        for text in [
            "",
            "{",
            "[]",
            "{\"format\":1}",
            "{\"format\":1,\"key\":[],\"columns\":[],\"units\":[]}",
        ] {
            let why = Bookmark::read(text.as_bytes(), &[]).unwrap_err();
            assert!(why.contains("malformed"), "{why}");
        }
        let why = Bookmark::read(b"{\"format\":2}", &[]).unwrap_err();
        assert!(why.contains("another version"), "{why}");
    }
}
