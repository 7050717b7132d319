//! The form of a package: an OCI image layout in a tar file, which tools such as `oras` and `skopeo` copy to a
//! registry, with the component as the artefact of the [Wasm working group], and the bill of materials as a
//! referrer of it.
//!
//! The same component gives the same bytes: times are those of the Unix epoch.
//!
//! [Wasm working group]: https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sluicegate::error::{Error, Result};
use sluicegate::sandbox::{Inspection, Interface};
use sluicegate::spec::PluginManifest;

use super::materials::{Material, bill};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const WASM: &str = "application/wasm";
const BILL: &str = "application/vnd.cyclonedx+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// The time at which everything was made.
const EPOCH: &str = "1970-01-01T00:00:00Z";

/// What the annotations of ours begin with; the others are OCI's.
const OURS: &str = "dev.sluicegate";
const OCI: &str = "org.opencontainers.image";

/// The files of a package, by path.
#[derive(Debug)]
pub(super) struct Layout {
    files: BTreeMap<String, Vec<u8>>,
    digest: String,
}

impl Layout {
    /// The layout of a component.
    pub(super) fn new(
        manifest: &PluginManifest,
        inspection: &Inspection,
        component: &[u8],
        materials: &[Material],
    ) -> Result<Self> {
        let mut layout = Self {
            files: BTreeMap::new(),
            digest: String::new(),
        };
        let layer = layout.blob(WASM, component.to_vec());
        let config = layout.json(CONFIG, &config(inspection))?;
        let artefact = layout.json(
            MANIFEST,
            &json!({
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": config,
                "layers": [layer],
                "annotations": annotations(manifest, inspection),
            }),
        )?;
        let bill = layout.json(BILL, &bill(manifest, &inspection.digest, materials))?;
        let empty = layout.blob(EMPTY, b"{}".to_vec());
        let referrer = layout.json(
            MANIFEST,
            &json!({
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "artifactType": BILL,
                "config": empty,
                "layers": [bill],
                "subject": artefact,
            }),
        )?;
        layout.digest = text(&artefact, "digest");
        layout.index(manifest, artefact, &referrer)?;
        Ok(layout)
    }

    /// The digest of the manifest, by which registries know the package.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    /// The layout as a tar file.
    pub(super) fn tar(&self) -> Result<Vec<u8>> {
        let failed =
            |cause: std::io::Error| Error::internal(cause.to_string()).context("write a tar file");
        let mut archive = tar::Builder::new(Vec::new());
        for (path, bytes) in &self.files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(0);
            archive
                .append_data(&mut header, path, bytes.as_slice())
                .map_err(failed)?;
        }
        archive.into_inner().map_err(failed)
    }

    /// Adds a blob and yields its descriptor.
    fn blob(&mut self, media_type: &str, bytes: Vec<u8>) -> Value {
        let digest = hex::encode(Sha256::digest(&bytes));
        let descriptor = json!({
            "mediaType": media_type,
            "digest": format!("sha256:{digest}"),
            "size": bytes.len(),
        });
        self.files.insert(format!("blobs/sha256/{digest}"), bytes);
        descriptor
    }

    fn json(&mut self, media_type: &str, value: &Value) -> Result<Value> {
        Ok(self.blob(media_type, json_bytes(value)?))
    }

    fn index(
        &mut self,
        manifest: &PluginManifest,
        mut tagged: Value,
        referrer: &Value,
    ) -> Result<()> {
        if let Some(object) = tagged.as_object_mut() {
            let tag = json!({ format!("{OCI}.ref.name"): manifest.version });
            object.insert("annotations".to_owned(), tag);
        }
        let index = json!({
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [tagged, referrer],
        });
        self.files
            .insert("index.json".to_owned(), json_bytes(&index)?);
        let version = br#"{"imageLayoutVersion":"1.0.0"}"#;
        self.files.insert("oci-layout".to_owned(), version.to_vec());
        Ok(())
    }
}

fn json_bytes(value: &Value) -> Result<Vec<u8>> {
    serde_json::to_vec(value)
        .map_err(|cause| Error::internal(cause.to_string()).context("write JSON"))
}

fn config(inspection: &Inspection) -> Value {
    let names = |interfaces: &[Interface]| -> Vec<String> {
        interfaces
            .iter()
            .map(|interface| interface.name.clone())
            .collect()
    };
    json!({
        "created": EPOCH,
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [format!("sha256:{}", inspection.digest)],
        "component": {
            "exports": names(&inspection.exports),
            "imports": names(&inspection.imports),
        },
    })
}

fn annotations(manifest: &PluginManifest, inspection: &Inspection) -> BTreeMap<String, String> {
    let oci = |key: &str| format!("{OCI}.{key}");
    let ours = |key: &str| format!("{OURS}.{key}");
    let mut all = BTreeMap::from([
        (oci("title"), manifest.name.clone()),
        (oci("version"), manifest.version.clone()),
        (oci("licenses"), manifest.license.clone()),
        (oci("description"), manifest.description.clone()),
        (oci("source"), manifest.repository.clone()),
        (ours("language"), manifest.language.clone()),
        (
            ours("contract"),
            format!("sluicegate:transform@{}", inspection.contract),
        ),
    ]);
    all.retain(|_, value| !value.is_empty());
    // Said even where it is nothing.
    all.insert(ours("asks"), inspection.asks.join(","));
    all
}

fn text(value: &Value, key: &str) -> String {
    value
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
