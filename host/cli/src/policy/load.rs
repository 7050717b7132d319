//! Policy files from disk.

use std::path::{Path, PathBuf};

use sluicegate::error::{Error, Result};
use sluicegate::policy::{Layer, Policies, PolicyFile, Syntax};

use crate::place;

/// A policy file and its text.
pub(super) fn file(path: &Path, layer: Option<Layer>) -> Result<(PolicyFile, String)> {
    let name = path.display().to_string();
    let syntax = Syntax::of(&name).ok_or_else(|| {
        Error::input(format!("`{name}` is no policy file"))
            .hint("the names of policy files end in `.toml`, `.json` or `.cedar`")
    })?;
    let text = place::read_text(path)?;
    let file = PolicyFile::parse(&text, &name, syntax, layer)?;
    Ok((file, text))
}

/// The policies of files, each named by its path from `folder`, perhaps with `LAYER=` before it.
pub(crate) fn policies(names: &[String], folder: &Path) -> Result<Policies> {
    let read = |name: &String| {
        let (layer, path) = split(name);
        Ok(file(&folder.join(path), layer)?.0)
    };
    Ok(Policies::new(
        names.iter().map(read).collect::<Result<_>>()?,
    ))
}

/// The layer and the path of a name.
fn split(name: &str) -> (Option<Layer>, &str) {
    let found = name.split_once('=');
    let found = found.and_then(|(word, path)| Some((Layer::parse(word)?, path)));
    found.map_or((None, name), |(layer, path)| (Some(layer), path))
}

/// The path of a name of the command line.
pub(super) fn path_of(name: &str) -> PathBuf {
    split(name).1.into()
}

/// The policies of the command line, if there are any.
pub(crate) fn given(names: &[String]) -> Result<Option<Policies>> {
    if names.is_empty() {
        return Ok(None);
    }
    policies(names, Path::new("")).map(Some)
}
