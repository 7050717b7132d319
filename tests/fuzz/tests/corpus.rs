//! Every input of the corpus, and what is left of it when it is cut short.

use std::path::PathBuf;

use sluicegate_fuzz::TARGETS;

/// Places at which an input is cut.
const CUTS: usize = 8;

#[test]
fn every_input_of_the_corpus_ends_in_an_answer() {
    let corpus = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("corpus");
    for (name, target) in TARGETS {
        let mut inputs = 0;
        for entry in std::fs::read_dir(corpus.join(name)).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            for part in (0..=CUTS).map(|part| bytes.len() * part / CUTS) {
                target(&bytes[..part]);
            }
            inputs += 1;
        }
        assert!(inputs > 0, "no input for `{name}`");
    }
}
