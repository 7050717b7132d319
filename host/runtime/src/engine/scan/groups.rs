//! Cuts the files of an input into contiguous pieces, one group for each partition.
//!
//! Groups are in the order of the files and of their bytes, so that the rows of partition 0 come before
//! those of partition 1: the order of rows survives a parallel scan.

use datafusion::datasource::listing::PartitionedFile;

use super::{Files, split};
use crate::error::Result;
use crate::spec::{Compression, Input, InputFormat};
use crate::storage::ObjectMeta;

/// Below this size a piece is not worth a partition of its own.
const PIECE_BYTES_MIN: u64 = 1024 * 1024;

/// The files of `input` in at most `partitions` groups.
pub(super) async fn cut(
    input: &Input,
    files: &Files,
    partitions: usize,
) -> Result<Vec<Vec<PartitionedFile>>> {
    let total: u64 = files.objects.iter().map(|object| object.size).sum();
    let share = total
        .div_ceil(partitions.max(1) as u64)
        .max(PIECE_BYTES_MIN);
    let mut groups: Vec<Vec<PartitionedFile>> = Vec::new();
    let mut before = 0; // bytes of all files before this one
    for object in &files.objects {
        let cuts = wanted_cuts(before, object.size, share);
        let cuts = places(input, files, object, cuts).await?;
        for (start, end) in ranges(&cuts, object.size) {
            let group = ((before + start) / share) as usize;
            if groups.len() <= group {
                groups.resize_with(group + 1, Vec::new);
            }
            let mut piece = PartitionedFile::new_from_meta(object.clone());
            if !cuts.is_empty() {
                piece = piece.with_range(start.cast_signed(), end.cast_signed());
            }
            if let Some(group) = groups.get_mut(group) {
                group.push(piece);
            }
        }
        before += object.size;
    }
    groups.retain(|group| !group.is_empty());
    Ok(groups)
}

/// A part of the input that is read, and kept, by itself: some whole files, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unit {
    /// The files, in order.
    pub(crate) objects: Vec<ObjectMeta>,
    /// Of the one file, where it is a part of it.
    pub(crate) range: Option<(u64, u64)>,
}

impl Unit {
    fn files(&self) -> Vec<PartitionedFile> {
        let objects = self.objects.iter().cloned();
        let files = objects.map(PartitionedFile::new_from_meta);
        let ranged = files.map(|file| match self.range {
            Some((start, end)) => file.with_range(start.cast_signed(), end.cast_signed()),
            None => file,
        });
        ranged.collect()
    }
}

/// The files of `input` in units of about `share` bytes, in order. No file is in two units but one that is larger, which
/// has units of its own.
pub(super) async fn units(
    input: &Input,
    files: &Files,
    share: u64,
) -> Result<Vec<(Unit, Vec<PartitionedFile>)>> {
    let mut units: Vec<Unit> = Vec::new();
    let (mut open, mut bytes) = (Vec::new(), 0);
    let whole = |objects| Unit {
        objects,
        range: None,
    };
    for object in &files.objects {
        let cuts = wanted_cuts(0, object.size, share);
        let cuts = places(input, files, object, cuts).await?;
        if !open.is_empty() && (!cuts.is_empty() || bytes + object.size > share) {
            units.push(whole(std::mem::take(&mut open)));
            bytes = 0;
        }
        if cuts.is_empty() {
            open.push(object.clone());
            bytes += object.size;
            continue;
        }
        units.extend(ranges(&cuts, object.size).map(|range| Unit {
            objects: vec![object.clone()],
            range: Some(range),
        }));
    }
    if !open.is_empty() {
        units.push(whole(open));
    }
    let with_files = |unit: Unit| {
        let files = unit.files();
        (unit, files)
    };
    Ok(units.into_iter().map(with_files).collect())
}

/// Where a file can be cut, near to where that is wanted.
async fn places(
    input: &Input,
    files: &Files,
    object: &ObjectMeta,
    wanted: Vec<u64>,
) -> Result<Vec<u64>> {
    match splittable(&input.format) {
        Splittable::Anywhere => Ok(wanted),
        Splittable::AtRecords(options) => split::at_records(files, object, options, wanted).await,
        Splittable::AtLines => split::at_lines(files, object, &wanted).await,
        Splittable::Never => Ok(Vec::new()),
    }
}

enum Splittable<'a> {
    /// The reader finds the first row group of a range by itself.
    Anywhere,
    /// A newline ends a record wherever it stands.
    AtLines,
    /// Quoted values may contain newlines: a cut must be proved to lie between two records.
    AtRecords(&'a crate::spec::CsvOptions),
    Never,
}

fn splittable(format: &InputFormat) -> Splittable<'_> {
    match format {
        InputFormat::Parquet => Splittable::Anywhere,
        InputFormat::Json(options)
            if !options.array && options.compression == Compression::None =>
        {
            Splittable::AtLines
        }
        InputFormat::Csv(options) if options.compression == Compression::None => {
            Splittable::AtRecords(options)
        }
        InputFormat::Csv(_) | InputFormat::Json(_) | InputFormat::Arrow => Splittable::Never,
    }
}

/// Where the file of `size` bytes that follows `before` bytes crosses a multiple of `share`.
fn wanted_cuts(before: u64, size: u64, share: u64) -> Vec<u64> {
    let first = (before / share + 1) * share - before;
    (first..size)
        .step_by(usize::try_from(share).unwrap_or(usize::MAX))
        .filter(|&cut| size - cut >= PIECE_BYTES_MIN / 2)
        .collect()
}

fn ranges(cuts: &[u64], size: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
    let starts = std::iter::once(0).chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain(std::iter::once(size));
    starts.zip(ends)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::object_store::memory::InMemory;
    use datafusion::object_store::path::Path;

    use super::{Files, ranges, units, wanted_cuts};
    use crate::spec::{Input, Uri};
    use crate::storage::ObjectMeta;

    const MIB: u64 = super::PIECE_BYTES_MIN;

    #[test]
    fn cuts_fall_on_multiples_of_the_share_over_all_files() {
        assert_eq!(wanted_cuts(0, 10 * MIB, 5 * MIB), [5 * MIB]);
        assert_eq!(wanted_cuts(3 * MIB, 10 * MIB, 5 * MIB), [2 * MIB, 7 * MIB]);
        assert_eq!(wanted_cuts(0, 5 * MIB, 5 * MIB), Vec::<u64>::new());
    }

    #[test]
    fn a_rest_that_is_too_small_stays_with_its_neighbour() {
        assert_eq!(wanted_cuts(0, 5 * MIB + 1, 5 * MIB), Vec::<u64>::new());
    }

    #[tokio::test]
    async fn units_are_whole_files_or_parts_of_one() {
        let file = |name: &str, size| ObjectMeta {
            location: Path::from(name),
            last_modified: std::time::UNIX_EPOCH.into(),
            size,
            e_tag: None,
            version: None,
        };
        let uri = Uri::parse("/in/", None).unwrap();
        let input = Input::guess("in", uri, "a.parquet").unwrap();
        let sizes = [("a", 2), ("b", 3), ("c", 1), ("d", 12), ("e", 1), ("f", 6)];
        let files = Files {
            store: Arc::new(InMemory::new()),
            objects: sizes
                .iter()
                .map(|(name, size)| file(name, size * MIB))
                .collect(),
            origin: String::new(),
            local: true,
            discreet: false,
        };
        let units = units(&input, &files, 5 * MIB).await.unwrap();
        let told: Vec<_> = units
            .iter()
            .map(|(unit, files)| {
                assert_eq!(unit.objects.len(), files.len());
                let names = unit.objects.iter().map(|object| object.location.as_ref());
                let range = unit.range.map(|(start, end)| (start / MIB, end / MIB));
                (names.collect::<Vec<_>>().join(" "), range)
            })
            .collect();
        let expected = [
            ("a b", None),
            ("c", None),
            ("d", Some((0, 5))),
            ("d", Some((5, 10))),
            ("d", Some((10, 12))),
            ("e", None),
            ("f", Some((0, 5))),
            ("f", Some((5, 6))),
        ];
        let expected = expected.map(|(names, range)| (names.to_owned(), range));
        assert_eq!(told, expected);
    }

    #[test]
    fn ranges_cover_the_file_without_gap_or_overlap() {
        let pieces: Vec<_> = ranges(&[4, 7], 10).collect();
        assert_eq!(pieces, [(0, 4), (4, 7), (7, 10)]);
    }
}
