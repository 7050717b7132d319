//! Builds transforms in the languages that have an SDK of their own beside Rust.
//!
//! `guest-sdk/<language>/build PROJECT OUT` gets its toolchain from PyPI or npm, once, and compiles a project.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{Outcome, run};
use crate::workspace::{folders_under, root};

/// Each has a folder in `guest-sdk`.
const LANGUAGES: [&str; 4] = ["c", "go", "javascript", "python"];

/// Builds the conformance guest and the examples of every language. Unless all are `required`, a language
/// that cannot be built is named and left out.
pub(crate) fn build(required: bool) -> Outcome {
    for language in LANGUAGES {
        match build_all(language) {
            Err(failure) if !required => {
                println!("\n*** SKIPPED: transforms in {language} ***\n{failure}");
            }
            built => built?,
        }
    }
    Ok(())
}

fn build_all(language: &str) -> Outcome {
    let project = conformance(language);
    compile(language, &project, &project.join("conformance.wasm"))?;
    // An interpreter imports all that its project lists, so what reaches beyond the columns is a guest of its own.
    let access = project.join("access");
    if access.is_dir() {
        compile(language, &access, &access.join("access.wasm"))?;
    }
    for example in folders_under(&sdk(language).join("examples"))? {
        let name = example.file_name().unwrap_or_default().to_owned();
        compile(
            language,
            &example,
            &example.join(name).with_extension("wasm"),
        )?;
    }
    Ok(())
}

/// Runs the tests that the SDKs have in their own languages. Unless all are `required`, those of a language
/// whose toolchain cannot be had are named and left out.
pub(crate) fn test(required: bool) -> Outcome {
    for language in LANGUAGES {
        let tested = run(Command::new(sdk(language).join("check")).current_dir(root()));
        match tested {
            Err(failure) if !required && !is_built(language) => {
                println!("\n*** SKIPPED: the tests of the SDK in {language} ***\n{failure}");
            }
            tested => tested?,
        }
    }
    Ok(())
}

/// Whether the language's conformance guest is there, and so its toolchain.
fn is_built(language: &str) -> bool {
    conformance(language).join("conformance.wasm").is_file()
}

fn conformance(language: &str) -> PathBuf {
    root().join("tests").join("conformance").join(language)
}

fn compile(language: &str, project: &Path, out: &Path) -> Outcome {
    run(script(language).arg(project).arg(out))
}

/// Started by its name, so that the interpreter is the one that the script names.
fn script(language: &str) -> Command {
    let mut command = Command::new(sdk(language).join("build"));
    command.current_dir(root());
    command
}

fn sdk(language: &str) -> PathBuf {
    root().join("guest-sdk").join(language)
}
