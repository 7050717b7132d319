//! Cuts the files of an input into contiguous pieces, one group for each partition.
//!
//! Groups are in the order of the files and of their bytes, so that the rows of partition 0 come before
//! those of partition 1: the order of rows survives a parallel scan.

use datafusion::datasource::listing::PartitionedFile;

use super::{Files, split};
use crate::error::Result;
use crate::spec::{Compression, Input, InputFormat};

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
        let cuts = match splittable(&input.format) {
            Splittable::Anywhere => cuts,
            Splittable::AtRecords(options) => {
                split::at_records(files, object, options, cuts).await?
            }
            Splittable::AtLines => split::at_lines(files, object, &cuts).await?,
            Splittable::Never => Vec::new(),
        };
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
    use super::{ranges, wanted_cuts};

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

    #[test]
    fn ranges_cover_the_file_without_gap_or_overlap() {
        let pieces: Vec<_> = ranges(&[4, 7], 10).collect();
        assert_eq!(pieces, [(0, 4), (4, 7), (7, 10)]);
    }
}
