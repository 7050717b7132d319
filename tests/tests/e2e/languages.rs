//! The same transform in every language makes the same file, byte for byte.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::project::{Project, languages_required, root};

/// The languages that have an SDK of their own beside Rust.
const LANGUAGES: [&str; 4] = ["c", "go", "javascript", "python"];

/// A transform that is there in every language, and a step that uses it.
struct Example {
    name: &'static str,
    step: &'static str,
    input: String,
}

/// The example in every language that is built; those that are not are named.
fn components(name: &str) -> Vec<(&'static str, PathBuf)> {
    let mut built = Vec::new();
    for language in LANGUAGES {
        let folder = root().join("guest-sdk").join(language).join("examples");
        let component = folder.join(name).join(name).with_extension("wasm");
        if component.is_file() {
            built.push((language, component));
            continue;
        }
        assert!(
            !languages_required(),
            "`{}` is missing",
            component.display()
        );
        eprintln!(
            "*** SKIPPED: no `{}`; `cargo xtask sdks` builds it ***",
            component.display()
        );
    }
    built
}

impl Example {
    /// The file that the run with `component` makes.
    fn file(&self, component: &Path) -> Vec<u8> {
        let project = Project::new();
        project.write("input.csv", &self.input);
        std::fs::copy(component, project.path("guest.wasm")).unwrap();
        project.write(
            "app.toml",
            format!(
                "name = \"same\"\n\n[inputs.rows]\nuri = \"input.csv\"\n\n[[steps]]\nname = \"step\"\n\
                 plugin = \"guest.wasm\"\n{}\n\n[output]\nuri = \"out\"\nprovenance = false\n",
                self.step
            ),
        );
        project.run(&["--threads", "1"]);
        let parts = project.names().into_iter();
        let parts: Vec<_> = parts.filter(|name| name.ends_with(".parquet")).collect();
        let [part] = parts.as_slice() else {
            panic!("{parts:?}")
        };
        std::fs::read(project.path(part)).unwrap()
    }

    fn check(&self) {
        let name = self.name;
        let rust = root()
            .join("plugins")
            .join(name)
            .join(name)
            .with_extension("wasm");
        let expected = self.file(&rust);
        for (language, component) in components(name) {
            assert!(
                self.file(&component) == expected,
                "{language} makes another file"
            );
        }
    }
}

/// Rows with a number, text that is no ASCII, times, and some of everything missing.
fn rows(count: u64) -> String {
    let mut text = "id,user,at,amount,name\n".to_owned();
    for row in 0..count {
        let missing = |every: u64, value: String| {
            if row % every == 3 {
                String::new()
            } else {
                value
            }
        };
        let user = missing(97, format!("u{}", row * 7919 % 61));
        let amount = missing(13, format!("{}.{:02}", row * 31 % 211, row % 100));
        let name = missing(7, format!("Zoë №{row} 日本"));
        let (hour, minute) = (row / 60 % 24, row % 60);
        let at = format!(
            "2024-01-{:02}T{hour:02}:{minute:02}:00",
            1 + row / 1440 % 28
        );
        writeln!(text, "{row},{user},{at},{amount},{name}").unwrap();
    }
    text
}

#[test]
fn sales_etl_is_the_same_in_every_language() {
    Example {
        name: "sales-etl",
        step: "params = { min_amount = 10.0 }",
        input: rows(20_000),
    }
    .check();
}

#[test]
fn mask_is_the_same_in_every_language() {
    Example {
        name: "mask",
        step: "[steps.params]\nhash = [\"id\", \"name\"]\nkey = \"a long random text\"\ndigits = 32\n\
               redact = [\"amount\"]\ntruncate = [\"user\"]\nkeep = 2",
        input: rows(3_000),
    }
    .check();
}

#[test]
fn sessionize_is_the_same_in_every_language() {
    Example {
        name: "sessionize",
        step: "params = { user = \"user\", time = \"at\", gap_minutes = 65 }\npartition_by = [\"user\"]\norder_by = [\"at\"]",
        input: rows(20_000),
    }
    .check();
}
