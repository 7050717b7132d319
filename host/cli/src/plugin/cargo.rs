//! Plugins in Rust: crates, which cargo builds.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::json;
use sluicegate::error::{Error, ErrorKind, Result, ResultExt as _};
use sluicegate::spec::PluginManifest;

use super::sdk::Language;

/// The crate of the SDK.
const SDK: &str = "sluicegate-guest";

/// What `cargo metadata` says, as far as it is needed.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    #[serde(default)]
    resolve: Option<Resolve>,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    description: Option<String>,
    repository: Option<String>,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Link>,
}

#[derive(Deserialize)]
struct Link {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    /// None for what is linked in.
    kind: Option<String>,
}

/// A line of cargo's output, as far as it is needed.
#[derive(Deserialize)]
struct Message {
    package_id: String,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// A crate, as cargo describes it.
#[derive(Debug)]
pub(super) struct Crate {
    /// Absolute.
    folder: PathBuf,
    package: Package,
}

impl Crate {
    /// Opens the crate in `folder`, which is absolute, without looking at what it depends on.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("Cargo.toml");
        let mut command = Command::new("cargo");
        command
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(folder);
        let found = metadata(&mut command)?
            .packages
            .into_iter()
            .find(|package| package.manifest_path == path);
        let package = found.ok_or_else(|| {
            Error::input(format!("`{}` is a workspace, not a crate", path.display()))
                .hint("name the folder of one of its members")
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            package,
        })
    }

    /// What it says about itself.
    pub(super) fn manifest(&self) -> PluginManifest {
        let package = &self.package;
        PluginManifest {
            name: package.name.clone(),
            version: package.version.clone(),
            language: "rust".to_owned(),
            description: package.description.clone().unwrap_or_default(),
            license: package.license.clone().unwrap_or_default(),
            repository: package.repository.clone().unwrap_or_default(),
        }
    }

    /// Compiles it for `target`; yields the file that cargo made.
    pub(super) fn compile(&self, target: &str) -> Result<PathBuf> {
        let mut command = self.cargo("build")?;
        command.args(["--release", "--target", target]);
        command.args(["--message-format", "json-render-diagnostics"]);
        let done = output(&mut command)?;
        if !done.status.success() {
            return Err(Error::new(
                ErrorKind::Plugin,
                format!("cargo ended with {}", done.status),
            )
            .hint(format!(
                "if the target is missing: `rustup target add {target}`"
            )));
        }
        let messages = String::from_utf8_lossy(&done.stdout);
        let made = messages
            .lines()
            .filter_map(|line| wasm_of(line, &self.package.id))
            .next_back();
        made.ok_or_else(|| {
            Error::new(ErrorKind::Plugin, "cargo made no WebAssembly file").hint(format!(
                "add `[lib] crate-type = [\"cdylib\"]` to `{}`",
                self.package.manifest_path.display()
            ))
        })
    }

    /// Formats the sources, or with `check` tells whether they are.
    pub(super) fn format(&self, check: bool) -> Result<()> {
        let mut command = self.cargo("fmt")?;
        if check {
            command.arg("--check");
        }
        run(&mut command, "the sources are not formatted")
    }

    /// Lints it as it is compiled for `target`.
    pub(super) fn lint(&self, target: &str) -> Result<()> {
        let mut command = self.cargo("clippy")?;
        command.args(["--target", target, "--", "--deny", "warnings"]);
        run(&mut command, "clippy found something")
    }

    /// Runs its own tests, natively.
    pub(super) fn unit_tests(&self) -> Result<()> {
        run(&mut self.cargo("test")?, "tests of the crate failed")
    }

    /// The crates that are linked in, and the compiler, in the form in which the SDKs tell it.
    pub(super) fn materials(&self, target: &str) -> Result<serde_json::Value> {
        let mut command = self.cargo("metadata")?;
        command.args(["--format-version", "1", "--filter-platform", target]);
        let metadata = metadata(&mut command)?;
        let own = self.package.id.as_str();
        let linked = linked(&metadata, own);
        let mut materials: Vec<_> = metadata
            .packages
            .iter()
            .filter(|found| linked.contains(&found.id.as_str()) && found.id != own)
            .map(Package::material)
            .collect();
        materials.extend(self.compiler());
        Ok(materials.into())
    }

    fn compiler(&self) -> Option<serde_json::Value> {
        let mut rustc = Command::new("rustc");
        let done = rustc
            .arg("--version")
            .current_dir(&self.folder)
            .output()
            .ok()?;
        let text = String::from_utf8(done.stdout).ok()?;
        let version = text.split_whitespace().nth(1)?;
        Some(json!({
            "name": "rustc",
            "version": version,
            "purl": format!("pkg:generic/rustc@{version}"),
            "licence": "MIT OR Apache-2.0",
            "role": "compiler",
        }))
    }

    /// Cargo in the crate's folder, since it looks for settings from where it is started. A crate that takes the
    /// SDK from a registry gets that of this command: it fits this host, and it needs no network.
    fn cargo(&self, task: &str) -> Result<Command> {
        let mut command = Command::new("cargo");
        command.arg(task).current_dir(&self.folder);
        let of_registry =
            |dependency: &Dependency| dependency.name == SDK && dependency.source.is_some();
        if self.package.dependencies.iter().any(of_registry) && task != "fmt" {
            let sdk = Language::of("rust")?.sdk()?;
            let path = serde_json::Value::from(sdk.to_string_lossy().as_ref());
            command.args(["--config", &format!("patch.crates-io.{SDK}.path={path}")]);
        }
        Ok(command)
    }
}

impl Package {
    fn material(&self) -> serde_json::Value {
        json!({
            "name": self.name,
            "version": self.version,
            "purl": format!("pkg:cargo/{}@{}", self.name, self.version),
            "licence": self.license,
            "role": if self.name == SDK { "sdk" } else { "library" },
        })
    }
}

/// The packages that end up in the component of `root`: neither macros nor what builds or tests it.
fn linked<'a>(metadata: &'a Metadata, root: &'a str) -> Vec<&'a str> {
    let nodes = metadata.resolve.as_ref().map(|resolve| &resolve.nodes);
    let is_macro = |id: &str| {
        let mut packages = metadata.packages.iter();
        let package = packages.find(|package| package.id == id);
        let mut kinds = package
            .into_iter()
            .flat_map(|package| &package.targets)
            .flat_map(|target| &target.kind);
        kinds.any(|kind| kind == "proc-macro")
    };
    let mut found = vec![root];
    let mut at = 0;
    while let Some(id) = found.get(at).copied() {
        at += 1;
        let node = nodes.and_then(|nodes| nodes.iter().find(|node| node.id == id));
        for link in node.into_iter().flat_map(|node| &node.deps) {
            let normal = link.dep_kinds.iter().any(|kind| kind.kind.is_none());
            let id = link.pkg.as_str();
            if normal && !found.contains(&id) && !is_macro(id) {
                found.push(id);
            }
        }
    }
    found
}

fn metadata(command: &mut Command) -> Result<Metadata> {
    let done = output(command)?;
    if !done.status.success() {
        return Err(Error::new(
            ErrorKind::Plugin,
            format!("cargo metadata ended with {}", done.status),
        ));
    }
    serde_json::from_slice(&done.stdout)
        .map_err(|cause| Error::internal(cause.to_string()).context("read what cargo says"))
}

fn output(command: &mut Command) -> Result<std::process::Output> {
    command.stderr(Stdio::inherit()).output().map_err(|cause| {
        Error::input(cause.to_string())
            .context("start `cargo`")
            .hint("install Rust from https://rustup.rs")
    })
}

/// Runs a task of cargo, all of whose output is for the person: standard output has the result of this command.
fn run(command: &mut Command, failure: &str) -> Result<()> {
    let done = output(command.stdout(std::io::stderr()))?;
    if done.status.success() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Plugin, failure)).context("run cargo")
}

/// The file for WebAssembly that a line of cargo's output says was made of `package`.
fn wasm_of(line: &str, package: &str) -> Option<PathBuf> {
    let message: Message = serde_json::from_str(line).ok()?;
    let wasm = |file: &PathBuf| {
        file.extension()
            .is_some_and(|extension| extension == "wasm")
    };
    let of_package = message.package_id == package;
    message
        .filenames
        .into_iter()
        .find(wasm)
        .filter(|_| of_package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_wasm_of_the_package_counts() {
        let line = r#"{"reason":"compiler-artifact","package_id":"path+file:///a/x#0.1.0",
            "filenames":["/t/libx.rlib","/t/x.wasm"]}"#;
        let id = "path+file:///a/x#0.1.0";
        assert_eq!(wasm_of(line, id), Some(PathBuf::from("/t/x.wasm")));
        assert_eq!(wasm_of(line, "path+file:///a/y#0.1.0"), None);
        assert_eq!(
            wasm_of(r#"{"reason":"build-finished","success":true}"#, id),
            None
        );
    }
}
