//! `plugin.toml`: what a project of a plugin says about itself.

use super::document::{self, Fields, Node, Problems};
use super::file::{malformed, read_name};
use super::quantity::clip;
use crate::error::{Error, Result};

const KEYS: [&str; 10] = [
    "name",
    "version",
    "language",
    "description",
    "license",
    "repository",
    // What the SDKs' own builds read.
    "source",
    "module",
    "engine",
    "access",
];

/// What a component may import beside the contract: an interpreter imports all that it was built with.
const ACCESS: [&str; 3] = ["objects", "secrets", "http"];

/// The languages that a project's file may name. A project in Rust is a crate: its `Cargo.toml` says all this.
const LANGUAGES: [&str; 6] = ["python", "javascript", "typescript", "go", "c", "cpp"];

/// Bytes of each text. They are shown in lists and copied into every package.
const TEXT_BYTES_MAX: usize = 1024;

/// What a project of a plugin says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginManifest {
    /// `[a-z0-9-]`, at most 64 characters.
    pub name: String,
    /// As of semantic versioning.
    pub version: String,
    /// `python`, `javascript`, `typescript`, `go`, `c` or `cpp`; `rust` for a crate.
    pub language: String,
    /// One line for people; empty if not said.
    pub description: String,
    /// An SPDX expression; empty if not said.
    pub license: String,
    /// Where the sources are; empty if not said.
    pub repository: String,
}

impl PluginManifest {
    /// Reads the text of a `plugin.toml`; `origin` names it in errors.
    ///
    /// # Errors
    ///
    /// Fails with every problem, each with its line, column and text.
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        let root = document::parse(text, origin)?;
        let problems = Problems::default();
        let manifest = Self::read(&root, &problems);
        problems.into_result(text, origin)?;
        manifest.ok_or_else(|| Error::internal("plugin.toml is neither read nor refused"))
    }

    /// Checks a name before there is a file that it stands in.
    ///
    /// # Errors
    ///
    /// Fails with what a name may be.
    pub fn check_name(name: &str) -> Result<()> {
        malformed(name).map_or(Ok(()), |message| Err(Error::input(message)))
    }

    fn read(root: &Node, problems: &Problems) -> Option<Self> {
        let fields = Fields::new(root, &(0..0), "plugin.toml", &KEYS, problems)?;
        let name = fields
            .required("name")
            .and_then(|node| read_name(node, problems));
        let version = fields
            .required("version")
            .and_then(|node| read_version(node, problems));
        let languages = LANGUAGES.map(|word| (word, word));
        let language = fields
            .required("language")
            .and_then(|node| node.choice(&languages, problems));
        let short = |key| fields.or(key, String::new(), |node| read_short(node, problems));
        let (description, license) = (short("description"), short("license"));
        let repository = short("repository");
        for key in ["source", "module", "engine"] {
            let _ = short(key);
        }
        let _ = fields.or("access", Vec::<&str>::new(), |node| {
            let words = ACCESS.map(|word| (word, word));
            let names = node.array("an array of names", problems)?;
            let read = names.iter().map(|name| name.choice(&words, problems));
            read.collect::<Vec<_>>().into_iter().collect()
        });
        Some(Self {
            name: name?,
            version: version?,
            language: language?.to_owned(),
            description: description?,
            license: license?,
            repository: repository?,
        })
    }
}

fn read_version(node: &Node, problems: &Problems) -> Option<String> {
    let text = read_short(node, problems)?;
    match semver::Version::parse(&text) {
        Ok(_) => Some(text),
        Err(cause) => {
            let message = format!("version `{}` is malformed: {cause}", clip(&text));
            problems.add_with_hint(&node.span, message, "write it as `1.2.3`");
            None
        }
    }
}

fn read_short(node: &Node, problems: &Problems) -> Option<String> {
    let text = node.string(problems)?;
    if text.len() > TEXT_BYTES_MAX || text.contains(char::is_control) {
        let message = format!("expected one line of at most {TEXT_BYTES_MAX} bytes");
        problems.add(&node.span, message);
        return None;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "name = \"sizes\"\nversion = \"0.1.0\"\nlanguage = \"python\"\n";

    #[test]
    fn a_project_says_what_it_is() {
        let text = format!("{GOOD}license = \"Apache-2.0\"\nmodule = \"sizes\"\n");
        let manifest = PluginManifest::parse(&text, "plugin.toml").unwrap();
        assert_eq!(manifest.name, "sizes");
        assert_eq!(manifest.language, "python");
        assert_eq!(manifest.license, "Apache-2.0");
    }

    #[test]
    fn every_problem_is_told_with_its_line() {
        let text = "name = \"Sizes!\"\nversion = \"1\"\nlanguage = \"pyton\"\nlicence = \"MIT\"\n";
        let error = PluginManifest::parse(text, "plugin.toml").unwrap_err();
        let text = error.to_string();
        for part in [
            "plugin.toml:1:8: name `Sizes!` is malformed",
            "plugin.toml:2:11: version `1` is malformed",
            "did you mean `python`?",
            "plugin.toml:4:1: unknown key `licence`",
        ] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
    }

    #[test]
    fn access_is_a_list_of_what_there_is() {
        let with =
            |list: &str| PluginManifest::parse(&format!("{GOOD}access = {list}\n"), "plugin.toml");
        assert!(with("[\"objects\", \"http\"]").is_ok());
        for list in ["[\"objects\", \"sockets\"]", "\"http\"", "[1]"] {
            let error = with(list).unwrap_err().to_string();
            assert!(error.contains("plugin.toml:4:"), "{list}:\n{error}");
        }
    }

    #[test]
    fn texts_are_one_line_of_bounded_length() {
        let with = |text: &str| {
            PluginManifest::parse(&format!("{GOOD}description = {text:?}\n"), "plugin.toml")
        };
        assert!(with(&"x".repeat(TEXT_BYTES_MAX)).is_ok());
        assert!(with(&"x".repeat(TEXT_BYTES_MAX + 1)).is_err());
        assert!(with("two\nlines").is_err());
    }
}
