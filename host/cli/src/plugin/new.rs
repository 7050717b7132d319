//! `sluice plugin new`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::json;
use sluicegate::error::{Error, Result, ResultExt as _};
use sluicegate::spec::PluginManifest;

use super::sdk::{LANGUAGES, Language};
use crate::report::{self, Outcome};

/// What stands in a template for the name of the plugin, and for the folder of its SDK on this machine.
const NAME: &str = "{{name}}";
const SDK: &str = "{{sdk}}";

/// Makes a project that builds, is tested, and says what to do next
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The language of the transform
    #[arg(short, long, value_parser = PossibleValuesParser::new(LANGUAGES.map(|language| language.word)))]
    lang: String,
    /// The plugin's name, and that of its folder
    name: String,
    /// The folder in which the project's folder is made
    #[arg(long, default_value = ".")]
    path: PathBuf,
}

/// Writes the template of the language.
pub(crate) fn new(arguments: &Arguments, json: bool) -> Outcome {
    let Arguments { lang, name, path } = arguments;
    let doing = || format!("make the plugin `{name}`");
    PluginManifest::check_name(name).with_context(doing)?;
    let folder = path.join(name);
    write(Language::of(lang)?, name, &folder).with_context(doing)?;
    if json {
        return report::print_json(&json!({ "folder": folder, "language": lang }));
    }
    let folder = folder.display();
    report::print(&format!(
        "made the project `{folder}`; its README says what is where\n\n    \
         cd {folder}\n    sluice plugin test     builds it and runs its fixtures\n    \
         sluice plugin bench    how fast it is\n"
    ))
}

/// The folder appears when it is whole.
fn write(language: &Language, name: &str, folder: &Path) -> Result<()> {
    let shown = folder.display();
    if folder.exists() {
        return Err(Error::input(format!("`{shown}` exists already")));
    }
    let parent = folder.parent().unwrap_or_else(|| Path::new("."));
    let failed = |cause: std::io::Error| {
        Error::storage(cause.to_string()).context(format!("write `{shown}`"))
    };
    let parent = if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    };
    fs::create_dir_all(parent).map_err(failed)?;
    let unfinished = tempfile::Builder::new()
        .prefix(".sluice-new-")
        .tempdir_in(parent)
        .map_err(failed)?;
    let sdk = language.sdk()?;
    fill(language, name, &sdk, unfinished.path())
        .and_then(|()| fs::rename(unfinished.path(), folder))
        .map_err(failed)
}

fn fill(language: &Language, name: &str, sdk: &Path, folder: &Path) -> std::io::Result<()> {
    for (path, bytes) in language.template() {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let text = std::str::from_utf8(bytes).map_err(std::io::Error::other)?;
        let text = text
            .replace(NAME, name)
            .replace(SDK, &sdk.to_string_lossy());
        fs::write(path, text)?;
    }
    // Temporary folders are their owner's alone.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(folder, mode)
}
