//! `sluice plugin package`: a plugin as an artefact that registries take.

mod layout;
mod materials;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use sluicegate::error::{Error, Result, ResultExt as _};

use self::layout::Layout;
use self::materials::Material;
use super::project::Project;
use super::{build, load};
use crate::place;
use crate::report::{self, Outcome, printable};

/// Packs the component of a project with its licence, its capabilities and what it is made of
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The project's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Where the package goes; `<folder>/<name>-<version>.tar` unless told
    #[arg(short, long)]
    output: Option<PathBuf>,
}

/// What a package is.
#[derive(Debug, Serialize)]
struct Packed {
    package: PathBuf,
    /// Of the manifest, by which registries know the package.
    digest: String,
    name: String,
    version: String,
    license: String,
    language: String,
    /// The component's.
    sha256: String,
    bytes: usize,
    contract: String,
    /// What the component could ever ask for.
    asks: Vec<String>,
    materials: Vec<Material>,
}

/// Packs the plugin and says what is in the package.
pub(crate) fn package(arguments: &Arguments, json: bool) -> Outcome {
    let doing = || format!("package the plugin in `{}`", arguments.folder.display());
    let packed = pack(arguments).with_context(doing)?;
    if json {
        return report::print_json(&packed);
    }
    report::print(&printable(&packed.text()))
}

fn pack(arguments: &Arguments) -> Result<Packed> {
    let project = Project::open(&arguments.folder)?;
    let manifest = &project.manifest;
    if manifest.license.is_empty() {
        return Err(Error::input(format!("`{}` says no licence", manifest.name))
            .hint("add `license`, an SPDX expression such as `Apache-2.0`: nobody may use what has none"));
    }
    build::refresh(&project)?;
    let component = place::read(&project.component())?;
    let materials = materials::read(&project.materials())?;
    let plugin = load(&component)?;
    let inspection = plugin.inspect();

    let layout = Layout::new(manifest, inspection, &component, &materials)?;
    let file = format!("{}-{}.tar", manifest.name, manifest.version);
    let package = arguments
        .output
        .clone()
        .unwrap_or_else(|| project.folder.join(file));
    place::write(&package, &layout.tar()?)?;
    Ok(Packed {
        package,
        digest: layout.digest().to_owned(),
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        license: manifest.license.clone(),
        language: manifest.language.clone(),
        sha256: inspection.digest.clone(),
        bytes: inspection.bytes,
        contract: format!("sluicegate:transform@{}", inspection.contract),
        asks: inspection.asks.clone(),
        materials,
    })
}

impl Packed {
    fn text(&self) -> String {
        let asks = match self.asks.as_slice() {
            [] => "nothing beyond columns and log messages".to_owned(),
            asks => asks.join(", "),
        };
        let mut lines = vec![
            self.package.display().to_string(),
            format!("  digest     {}", self.digest),
            format!(
                "  plugin     {} {}, {}",
                self.name, self.version, self.license
            ),
            format!(
                "  component  sha256:{}, {} KiB",
                self.sha256,
                self.bytes.div_ceil(1024)
            ),
            format!("  contract   {}", self.contract),
            format!("  may ask for {asks}"),
            format!(
                "  made of    {} parts, in {}",
                self.materials.len(),
                self.language
            ),
        ];
        lines.extend(self.materials.iter().map(|part| {
            let licence = part.licence.as_deref().unwrap_or("licence not told");
            format!(
                "    {:<9} {} {}, {licence}",
                part.role, part.name, part.version
            )
        }));
        lines.join("\n") + "\n"
    }
}
