use proptest::prelude::*;

use super::Search;
use crate::spec::{Compression, CsvOptions, SchemaSource};

fn options() -> CsvOptions {
    CsvOptions {
        header: false,
        delimiter: b',',
        quote: b'"',
        escape: None,
        comment: None,
        nulls: Vec::new(),
        multiline: None,
        compression: Compression::None,
        schema: SchemaSource::Infer { rows: 1 },
    }
}

fn cuts(text: &[u8], wanted: &[u64], chunk: usize) -> Vec<u64> {
    let mut search = Search::new(&options(), wanted.to_vec());
    let mut offset = 0;
    for piece in text.chunks(chunk) {
        if !search.feed(piece, offset) {
            break;
        }
        offset += piece.len() as u64;
    }
    search.finish(text.len() as u64)
}

#[test]
fn a_cut_moves_to_the_next_record() {
    assert_eq!(cuts(b"a,b\nc,d\ne,f\n", &[5], 100), [8]);
    assert_eq!(
        cuts(b"a,b\nc,d\ne,f\n", &[4], 100),
        [4],
        "it is good already"
    );
}

#[test]
fn a_newline_in_a_quoted_value_is_no_boundary() {
    let text = b"a,\"x\ny\nz\"\nc,d\n";
    assert_eq!(cuts(text, &[4], 100), [10]);
    assert_eq!(cuts(text, &[4], 1), [10], "whatever the chunks");
}

#[test]
fn a_quote_within_a_bare_value_leaves_the_file_whole() {
    assert_eq!(
        cuts(b"5\" pipe,1\n6\" pipe,2\nx,3\n", &[12], 100),
        Vec::<u64>::new()
    );
    assert_eq!(cuts(b"\"a\"b,1\nx,3\ny,4\n", &[8], 100), Vec::<u64>::new());
}

proptest! {
    /// Reading the pieces one by one gives the records of the whole.
    #[test]
    fn pieces_hold_the_records_of_the_whole(
        records in prop::collection::vec(
            prop::collection::vec("([a-z]{0,4}|\"([a-z\n,]|\"\"){0,6}\")", 2..3), 1..30),
        wanted in prop::collection::vec(1u64..200, 0..4),
        chunk in 1usize..40,
    ) {
        let text: String = records.iter().map(|r| r.join(",") + "\n").collect();
        let mut wanted: Vec<_> = wanted.into_iter().filter(|&w| w < text.len() as u64).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut starts = vec![0];
        starts.extend(cuts(text.as_bytes(), &wanted, chunk));
        starts.push(text.len() as u64);
        prop_assert!(starts.is_sorted());
        let pieces: Vec<&str> = starts
            .windows(2)
            .map(|pair| &text[pair[0] as usize..pair[1] as usize])
            .collect();
        let boundaries: Vec<usize> = records
            .iter()
            .scan(0, |end, r| { *end += r.join(",").len() + 1; Some(*end) })
            .collect();
        let mut end = 0;
        for piece in pieces {
            end += piece.len();
            prop_assert!(piece.is_empty() || boundaries.contains(&end), "cut at {end} in {text:?}");
        }
    }
}
