//! A reader holds one function, and skims one file, at once.

use crate::files::{self, File};
use crate::lexer::{functions, mask, without_tests};
use crate::report;

/// Lines of code in a function, blank lines and comments aside.
const FUNCTION_LINES_MAX: usize = 70;
/// Lines of a file, tests aside.
const FILE_LINES_MAX: usize = 600;

fn sources() -> impl Iterator<Item = File> {
    let files = ["host", "guest-sdk", "plugins", "tests"]
        .into_iter()
        .flat_map(files::rust);
    files.filter(|file| !file.is_test())
}

#[test]
fn functions_are_short() {
    let mut problems = Vec::new();
    for file in sources() {
        for function in functions(&without_tests(&mask(&file.text))) {
            if function.lines > FUNCTION_LINES_MAX {
                problems.push(format!(
                    "{}:{}: `{}` has {} lines of code",
                    file.path, function.line, function.name, function.lines
                ));
            }
        }
    }
    let advice = format!(
        "A function has at most {FUNCTION_LINES_MAX}: keep the branches in it and move what each does, or \
         the body of a loop, to a function with a name."
    );
    report(&problems, &advice);
}

#[test]
fn files_are_short() {
    let mut problems = Vec::new();
    for file in sources() {
        // Test items are blanked, not cut: only lines that were empty before still count.
        let code = without_tests(&mask(&file.text));
        let original = mask(&file.text);
        let tests = code
            .lines()
            .zip(original.lines())
            .filter(|(left, all)| left != all)
            .count();
        let lines = file.text.lines().count() - tests;
        if lines > FILE_LINES_MAX {
            problems.push(format!("{}: {lines} lines", file.path));
        }
    }
    let advice = format!(
        "A file has at most {FILE_LINES_MAX}, tests aside: move the types and functions that belong together \
         to a module beside it, and tests to `tests.rs`."
    );
    report(&problems, &advice);
}
