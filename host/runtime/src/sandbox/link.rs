//! Which imports are offered, and what a plugin could ever ask for.

use serde::Serialize;
use wasmtime::Engine;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Linker};

use super::access::Offers;
use super::contract::{ACCESS, ACCESS_VERSION, EXPORT, PACKAGE, VERSIONS};
use super::logs::harmless;
use super::state::State;
use super::{host, http, objects, wasi};
use crate::{Error, ErrorKind, Result};

/// Bytes of an import's name that are shown.
const NAME_BYTES: usize = 120;

/// Imports that an error names; the rest is counted.
const NAMES: usize = 20;

/// What a plugin is made of, as far as its users care.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The sha256 digest of the component, in hexadecimal.
    pub digest: String,
    /// The size of the component in bytes.
    pub bytes: usize,
    /// The version of the contract that it was built for.
    pub contract: String,
    /// What it imports.
    pub imports: Vec<Interface>,
    /// What it exports.
    pub exports: Vec<Interface>,
    /// What it could ever ask for beyond columns and log messages, such as `clocks` or `files`; in a
    /// run without grants it gets none of it.
    pub asks: Vec<String>,
}

/// An interface that a plugin imports or exports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// The name with its version, such as `wasi:io/poll@0.2.6`.
    pub name: String,
    /// The functions in it.
    pub functions: Vec<String>,
}

/// `package/interface@version`.
struct Name<'a> {
    package: &'a str,
    interface: &'a str,
    version: &'a str,
}

impl<'a> Name<'a> {
    fn parse(name: &'a str) -> Option<Self> {
        let (path, version) = name.split_once('@')?;
        let (package, interface) = path.split_once('/')?;
        Some(Self {
            package,
            interface,
            version,
        })
    }
}

/// The name of the interface that a transform of contract `version` exports.
pub(super) fn export_name(version: &str) -> String {
    format!("{PACKAGE}/{EXPORT}@{version}")
}

/// Lists what `component` imports and exports.
///
/// # Errors
///
/// `Plugin` where it exports no transform of an offered version.
pub(super) fn inspect(component: &Component, digest: &str, bytes: usize) -> Result<Inspection> {
    let (engine, ty) = (component.engine(), component.component_type());
    let list = |name: &str, item: &ComponentItem| Interface {
        name: harmless(name, NAME_BYTES),
        functions: functions(engine, item),
    };
    let imports: Vec<_> = ty
        .imports(engine)
        .map(|(name, item)| list(name, &item.ty))
        .collect();
    let exports: Vec<_> = ty
        .exports(engine)
        .map(|(name, item)| list(name, &item.ty))
        .collect();
    let mut asks: Vec<_> = imports
        .iter()
        .filter_map(|import| ask(&import.name))
        .collect();
    asks.sort();
    asks.dedup();
    let contract = contract(&exports)?;
    Ok(Inspection {
        digest: digest.to_owned(),
        bytes,
        contract,
        imports,
        exports,
        asks,
    })
}

fn functions(engine: &Engine, item: &ComponentItem) -> Vec<String> {
    let ComponentItem::ComponentInstance(instance) = item else {
        return Vec::new();
    };
    let functions = instance.exports(engine);
    let functions =
        functions.filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)));
    functions
        .map(|(name, _)| harmless(name, NAME_BYTES))
        .collect()
}

fn ask(import: &str) -> Option<String> {
    let Some(name) = Name::parse(import) else {
        return Some(import.to_owned());
    };
    match wasi::asks(name.package, name.interface) {
        _ if name.package == PACKAGE => None,
        _ if name.package == ACCESS => Some(name.interface.to_owned()),
        _ if name.package == http::PACKAGE => Some("http".to_owned()),
        // Streams and terminals only carry what other interfaces give.
        Some("streams" | "terminal" | "exit") => None,
        Some(ask) => Some(ask.to_owned()),
        None => Some(import.to_owned()),
    }
}

fn contract(exports: &[Interface]) -> Result<String> {
    let versions = exports.iter().filter_map(|export| {
        let name = Name::parse(&export.name)?;
        (name.package == PACKAGE && name.interface == EXPORT).then_some(name.version)
    });
    let versions: Vec<_> = versions.collect();
    if let Some(version) = VERSIONS.iter().find(|version| versions.contains(version)) {
        return Ok((*version).to_owned());
    }
    if let Some(version) = versions.first() {
        return Err(other_version(version));
    }
    let name = export_name(VERSIONS.first().copied().unwrap_or_default());
    Err(Error::new(
        ErrorKind::Plugin,
        format!("the component is no transform: it does not export `{name}`"),
    )
    .hint("build it with the Sluicegate SDK of its language, or against `wit/transform.wit`"))
}

fn other_version(version: &str) -> Error {
    let offered = VERSIONS.join("`, `");
    Error::new(
        ErrorKind::Plugin,
        format!("the plugin is built for `{PACKAGE}@{version}`, but `{offered}` is offered"),
    )
    .hint("rebuild the plugin with the SDK of an offered version, or use another release of Sluicegate")
}

/// A linker with exactly what `component` imports, and whether its instances may wait.
///
/// # Errors
///
/// `Plugin` with the name of each import that is not offered; `Policy` with each that exists and is not offered to this
/// step.
pub(super) fn link(component: &Component, offers: Offers) -> Result<(Linker<State>, bool)> {
    let engine = component.engine();
    let ty = component.component_type();
    let mut linker = Linker::new(engine);
    let failed = |import: &str, error| {
        Error::internal(format!("link `{}`", harmless(import, NAME_BYTES))).source(error)
    };
    let web = ty.imports(engine).any(|(import, _)| is_web(import));
    if web {
        http::add_library(&mut linker).map_err(|error| failed(http::PACKAGE, error))?;
    }
    let (mut unknown, mut undeclared) = (Vec::new(), Vec::new());
    for (import, item) in ty.imports(engine) {
        let name = Name::parse(import);
        match (name, item.ty) {
            (Some(name), ComponentItem::ComponentInstance(_))
                if declaration(&name).is_some_and(|(has, _)| !has(offers)) =>
            {
                undeclared.push((import, name));
            }
            (Some(name), ComponentItem::ComponentInstance(_))
                if web && http::is_of_library(name.package, name.interface) => {}
            (Some(name), ComponentItem::ComponentInstance(imported)) if is_offered(&name)? => {
                add(&mut linker, import, &name, web, &imported)
                    .map_err(|error| failed(import, error))?;
            }
            _ => unknown.push(shown(import)),
        }
    }
    if !unknown.is_empty() {
        return Err(not_offered(&unknown));
    }
    if !undeclared.is_empty() {
        return Err(not_declared(&undeclared));
    }
    Ok((linker, web))
}

/// Whether a step is offered something.
type IsOffered = fn(Offers) -> bool;

/// Whether an interface is offered to a step, and how a step declares that it wants it; none for what all steps have.
fn declaration(name: &Name<'_>) -> Option<(IsOffered, &'static str)> {
    Some(match (name.package, name.interface) {
        (ACCESS, "objects") => (
            |offers| offers.objects,
            "`[steps.objects.NAME]` with a `uri`",
        ),
        (ACCESS, "secrets") => (|offers| offers.secrets, "`secrets = [\"NAME\"]`"),
        (http::PACKAGE, _) => (|offers| offers.http, "`[[steps.http]]` with a `url`"),
        _ => return None,
    })
}

fn not_declared(undeclared: &[(&str, Name<'_>)]) -> Error {
    let names: Vec<_> = undeclared.iter().map(|(import, _)| shown(import)).collect();
    let error = Error::new(
        ErrorKind::Policy,
        format!(
            "the plugin imports what its step does not declare: {}",
            listed(&names)
        ),
    );
    let mut hints: Vec<_> = undeclared
        .iter()
        .filter_map(|(_, name)| Some(declaration(name)?.1))
        .collect();
    hints.dedup();
    hints.into_iter().fold(error, |error, how| {
        error.hint(format!("if it may, declare {how} in the step"))
    })
}

fn is_web(import: &str) -> bool {
    Name::parse(import).is_some_and(|name| name.package == http::PACKAGE)
}

fn shown(import: &str) -> String {
    format!("`{}`", harmless(import, NAME_BYTES))
}

fn is_offered(name: &Name<'_>) -> Result<bool> {
    if name.package == ACCESS {
        let known = matches!(name.interface, "objects" | "secrets");
        return Ok(known && name.version == ACCESS_VERSION);
    }
    if name.package != PACKAGE {
        return Ok(wasi::offers(name.package, name.interface, name.version));
    }
    if VERSIONS.contains(&name.version) {
        Ok(matches!(
            name.interface,
            "columns" | "input" | "output" | "log"
        ))
    } else {
        Err(other_version(&harmless(name.version, NAME_BYTES)))
    }
}

fn add(
    linker: &mut Linker<State>,
    import: &str,
    name: &Name<'_>,
    web: bool,
    imported: &ComponentInstance,
) -> wasmtime::Result<()> {
    let engine = linker.engine().clone();
    let mut instance = linker.instance(import)?;
    if web && http::add(&mut instance, name.package, name.interface)? {
        return Ok(());
    }
    match (name.package, name.interface) {
        (PACKAGE, "input") => host::add_input(&mut instance),
        (PACKAGE, "output") => host::add_output(&mut instance),
        (PACKAGE, "log") => host::add_log(&mut instance),
        (ACCESS, "objects") => objects::add_objects(&mut instance),
        (ACCESS, "secrets") => objects::add_secrets(&mut instance),
        // Only types.
        (PACKAGE, _) => Ok(()),
        (package, interface) => wasi::add(&mut instance, package, interface, &engine, imported),
    }
}

/// The first names, and how many more there are.
fn listed(names: &[String]) -> String {
    let first = names.get(..NAMES).unwrap_or(names).join(", ");
    match names.len().checked_sub(NAMES).filter(|more| *more > 0) {
        Some(more) => format!("{first} and {more} more"),
        None => first,
    }
}

fn not_offered(unknown: &[String]) -> Error {
    let names = listed(unknown);
    Error::new(
        ErrorKind::Plugin,
        format!("the plugin imports what is not offered: {names}"),
    )
    .hint(
        "a transform gets columns, log messages and the base of WASI 0.2 (cli, io, clocks, random, \
         filesystem, sockets); build it without what needs more",
    )
}
