//! What went into a component, as its build told.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluicegate::error::{Error, Result};
use sluicegate::spec::PluginManifest;

use crate::place;

/// A part of a component, or what made it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Material {
    pub(super) name: String,
    pub(super) version: String,
    /// A package URL.
    purl: String,
    /// An SPDX expression, where it is known.
    pub(super) licence: Option<String>,
    /// `sdk`, `runtime`, `library` or `compiler`.
    pub(super) role: String,
}

/// The parts that the last build told, by role and name.
pub(super) fn read(path: &Path) -> Result<Vec<Material>> {
    let text = place::read_text(path).map_err(|error| {
        error.hint("`sluice plugin build` writes it; build the component with it")
    })?;
    let mut materials: Vec<Material> = serde_json::from_str(&text).map_err(|cause| {
        Error::input(format!("`{}` is damaged: {cause}", path.display()))
            .hint("build the plugin again")
    })?;
    materials.sort_by(|a, b| {
        let key = |material: &Material| {
            (
                material.role.clone(),
                material.name.clone(),
                material.version.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    Ok(materials)
}

/// The parts as a software bill of materials, `CycloneDX` 1.6: <https://cyclonedx.org/docs/1.6/json/>.
pub(super) fn bill(manifest: &PluginManifest, digest: &str, materials: &[Material]) -> Value {
    let (tools, parts): (Vec<_>, Vec<_>) = materials
        .iter()
        .partition(|material| material.role == "compiler");
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "tools": { "components": components(&tools) },
            "component": {
                "type": "library",
                "bom-ref": "plugin",
                "name": manifest.name,
                "version": manifest.version,
                "description": manifest.description,
                "licenses": [{ "expression": manifest.license }],
                "hashes": [{ "alg": "SHA-256", "content": digest }],
            },
        },
        "components": components(&parts),
    })
}

fn components(materials: &[&Material]) -> Vec<Value> {
    let component = |material: &&Material| {
        let mut component = json!({
            "type": if material.role == "compiler" { "application" } else { "library" },
            "bom-ref": material.purl,
            "name": material.name,
            "version": material.version,
            "purl": material.purl,
        });
        if let (Some(licence), Some(object)) = (&material.licence, component.as_object_mut()) {
            // Crates of old wrote a slash for "or".
            let expression = licence.replace('/', " OR ");
            object.insert("licenses".to_owned(), json!([{ "expression": expression }]));
        }
        component
    };
    materials.iter().map(component).collect()
}
