//! What goes wrong, and how the author hears of it.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use sluicegate::ErrorKind;

use crate::guest::for_each;

fn batch() -> RecordBatch {
    let x: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    RecordBatch::try_from_iter([("x", x)]).unwrap()
}

#[test]
fn a_missing_column_is_named_with_those_there_are() {
    for_each(|guest| {
        let Err(error) = guest.mode("fault-invalid", &batch().schema()) else {
            panic!("bound without its column")
        };
        assert_eq!(error.kind(), ErrorKind::Guest);
        let text = error.to_string();
        assert!(text.contains("`missing`") && text.contains("`x`"), "{text}");
    });
}

#[test]
fn faults_arrive_in_their_own_words() {
    for_each(|guest| {
        for (mode, words) in [("fault-data", "bad data"), ("fault-transient", "try again")] {
            let (error, _) = guest.error(mode, &batch());
            assert_eq!(error.kind(), ErrorKind::Guest);
            assert!(error.to_string().contains(words), "{error}");
        }
    });
}

#[test]
fn a_panic_says_what_and_where() {
    for_each(|guest| {
        let (error, logs) = guest.error("panic", &batch());
        let all = format!("{error}\n{:?}\n{}", error.facts(), logs.join("\n"));
        for word in ["boom", "inner", "outer"] {
            assert!(
                all.contains(word),
                "{}: no `{word}` in {all}",
                guest.language
            );
        }
    });
}
