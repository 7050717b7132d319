//! Words that must not be in the checkout.

use crate::files::{self, File};
use crate::report;

/// A text, the folder in which it is forbidden, and what to write in its place. The texts are put
/// together here so that this file does not hold them.
fn forbidden() -> [(String, &'static str, &'static str); 5] {
    [
        (
            ["/wo", "rk/"].concat(),
            "",
            "a path from the root of the checkout",
        ),
        (
            ["/ho", "me/"].concat(),
            "",
            "a path from the root of the checkout",
        ),
        (
            ["TO", "DO"].concat(),
            "host/",
            "the work itself, or an issue",
        ),
        (
            ["FIX", "ME"].concat(),
            "host/",
            "the work itself, or an issue",
        ),
        (["#[ig", "nore"].concat(), "", "a test that runs, or none"),
    ]
}

#[test]
fn forbidden_words_are_absent() {
    let mut problems = Vec::new();
    for File { path, text } in files::under("") {
        if path.ends_with(".csv") || path.ends_with(".lock") {
            continue;
        }
        for (line, content) in text.lines().enumerate() {
            for (word, folder, instead) in forbidden() {
                if path.starts_with(folder) && content.contains(&word) {
                    problems.push(format!("{path}:{}: `{word}`: write {instead}", line + 1));
                }
            }
        }
    }
    report(&problems, "Rewrite these lines as each says.");
}
