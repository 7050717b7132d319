//! From the bytes of a component to a plugin that can be instantiated.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};

use super::access::Offers;
use super::cache::{self, Cache, Digest};
use super::compiler::{Compiler, compile_here};
use super::instance::{Instance, InstanceContext};
use super::link::{self, Inspection};
use super::logs::harmless;
use super::state::State;
use super::{engine, fault};
use crate::limits::CompileLimits;
use crate::{Error, ErrorKind, Result};

/// The largest component that is compiled: an interpreter with its libraries has 40 MiB.
const PLUGIN_BYTES_MAX: usize = 256 << 20;

/// Bytes of a compiler's message that are shown.
const CAUSE_BYTES: usize = 400;

/// How a sandbox is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxConfig {
    /// The directory of compiled plugins, made where it is missing; none means to compile each time.
    pub cache: Option<PathBuf>,
    /// The program that compiles; none means to compile in this process, which a component can then take all memory
    /// of.
    pub compiler: Option<Compiler>,
    /// What that program is held to.
    pub compile_limits: CompileLimits,
    /// How often guests are asked whether they may go on: the precision of `call_time` and of
    /// cancelling.
    pub tick: Duration,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            cache: None,
            compiler: None,
            compile_limits: CompileLimits::default(),
            tick: Duration::from_millis(10),
        }
    }
}

/// Compiles and runs plugins. One is enough for a process; clones share everything.
#[derive(Clone)]
pub struct Sandbox(Arc<Shared>);

struct Shared {
    engine: Engine,
    cache: Option<Cache>,
    compiler: Option<Compiler>,
    compile_limits: CompileLimits,
}

impl Sandbox {
    /// Starts the engine, its clock and its cache.
    ///
    /// # Errors
    ///
    /// `Storage` where the directory of the cache cannot be used, `Internal` where the machine is not fit
    /// for the engine.
    pub fn new(config: SandboxConfig) -> Result<Self> {
        let engine = engine::start(config.tick)?;
        let cache = config
            .cache
            .map(|path| Cache::open(&path, &engine))
            .transpose()?;
        Ok(Self(Arc::new(Shared {
            engine,
            cache,
            compiler: config.compiler,
            compile_limits: config.compile_limits,
        })))
    }

    /// Makes a plugin of a component, from the cache where it is there; nothing beyond columns and messages is offered.
    ///
    /// A cache that cannot be written makes this slower, and is told by [`Plugin::cached`].
    ///
    /// # Errors
    ///
    /// `Plugin` where the bytes are no component, are for another version of the contract, or import what
    /// is not offered, each import by name; `Limit` where it needs too much to be compiled.
    pub fn load(&self, bytes: &[u8]) -> Result<Plugin> {
        self.load_unless(bytes, Offers::default(), &|| false)
    }

    /// As [`Sandbox::load`], with what `offers` has linked as well; `cancelled` is asked again and again while another
    /// process compiles.
    ///
    /// # Errors
    ///
    /// As [`Sandbox::load`], `Policy` where it imports what is not among the offers, and `Cancelled`.
    pub fn load_unless(
        &self,
        bytes: &[u8],
        offers: Offers,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Plugin> {
        let (component, digest, cached) = self.component(bytes, cancelled)?;
        let digest = hex::encode(digest);
        let (linker, waits) = link::link(&component, offers)?;
        let inspection = link::inspect(&component, &digest, bytes.len())?;
        let pre = linker
            .instantiate_pre(&component)
            .map_err(|error| misfit(&error))?;
        let exports = Exports::find(&component, &inspection.contract)?;
        Ok(Plugin(Arc::new(Loaded {
            pre,
            exports,
            waits,
            inspection,
            cached,
        })))
    }

    /// The component of some bytes, and their digest.
    fn component(
        &self,
        bytes: &[u8],
        cancelled: &dyn Fn() -> bool,
    ) -> Result<(Component, Digest, Cached)> {
        let Shared { engine, cache, .. } = &*self.0;
        let entry = cache.as_ref().map(|cache| cache.entry(bytes)).transpose()?;
        if let Some((component, digest)) = entry.as_ref().and_then(|entry| entry.get(engine)) {
            return Ok((component, digest, Cached::Read));
        }
        check_format(bytes)?;
        let digest = Sha256::digest(bytes).into();
        let compiled = match &self.0.compiler {
            Some(compiler) => compiler.run(bytes, &self.0.compile_limits, cancelled)?,
            None => compile_here(engine, bytes)?,
        };
        let cached = match entry.map(|entry| entry.put(&digest, &compiled)) {
            None => Cached::Off,
            Some(Ok(())) => Cached::Written,
            Some(Err(error)) => Cached::Failed(error.to_string()),
        };
        Ok((cache::load(engine, &compiled)?, digest, cached))
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").finish_non_exhaustive()
    }
}

/// What the cache did for a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cached {
    /// There is no cache.
    Off,
    /// The compiled plugin was read.
    Read,
    /// The plugin was compiled and written.
    Written,
    /// The plugin was compiled and could not be written, for this reason.
    Failed(String),
}

/// A transform that is ready to be instantiated; clones share everything.
#[derive(Clone)]
pub struct Plugin(Arc<Loaded>);

struct Loaded {
    pre: InstancePre<State>,
    exports: Exports,
    /// Whether its instances may wait, and so need stacks of their own.
    waits: bool,
    inspection: Inspection,
    cached: Cached,
}

/// Where the functions of a transform are.
pub(super) struct Exports {
    pub(super) bind: ComponentExportIndex,
    pub(super) process: ComponentExportIndex,
    pub(super) finish: ComponentExportIndex,
}

impl Exports {
    fn find(component: &Component, contract: &str) -> Result<Self> {
        let name = link::export_name(contract);
        let interface = component.get_export_index(None, &name);
        let find = |function: &str| {
            interface
                .as_ref()
                .and_then(|interface| component.get_export_index(Some(interface), function))
                .ok_or_else(|| refused(format!("`{name}` has no function `{function}`")))
        };
        Ok(Self {
            bind: find("bind")?,
            process: find("process")?,
            finish: find("finish")?,
        })
    }
}

impl Plugin {
    /// The sha256 digest of the component, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.0.inspection.digest
    }

    /// What the plugin is made of and could ever ask for.
    #[must_use]
    pub fn inspect(&self) -> &Inspection {
        &self.0.inspection
    }

    /// What the cache did when the plugin was loaded.
    #[must_use]
    pub fn cached(&self) -> &Cached {
        &self.0.cached
    }

    /// Makes an instance with memory of its own; the guest's start function runs.
    ///
    /// # Errors
    ///
    /// `Limit` where the guest needs more than it may have, `Trap` where its start function crashes,
    /// `Plugin` where its functions do not have the types of the contract.
    pub fn instantiate(&self, context: &InstanceContext) -> Result<Instance> {
        let Loaded {
            pre,
            exports,
            waits,
            ..
        } = &*self.0;
        Instance::new(pre, exports, *waits, context)
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("inspection", self.inspect())
            .finish_non_exhaustive()
    }
}

/// The plugin is refused for `reason`.
pub(super) fn refused(reason: impl fmt::Display) -> Error {
    Error::new(
        ErrorKind::Plugin,
        format!("the plugin is refused: {reason}"),
    )
}

/// An import or export has the right name and the wrong type.
pub(super) fn misfit(error: &wasmtime::Error) -> Error {
    let cause = harmless(&format!("{error:#}"), CAUSE_BYTES);
    refused(format!("it does not fit the contract: {cause}"))
        .hint("build it against the `wit/transform.wit` of this release")
}

/// Tells files that are no component apart, so that the error can say what to do.
fn check_format(bytes: &[u8]) -> Result<()> {
    let text = || {
        let start = bytes.get(..64).unwrap_or(bytes);
        std::str::from_utf8(start).is_ok_and(|text| text.trim_start().starts_with("(component"))
            || std::str::from_utf8(start).is_ok_and(|text| text.trim_start().starts_with("(module"))
    };
    if bytes.len() > PLUGIN_BYTES_MAX {
        let limit = fault::bytes(PLUGIN_BYTES_MAX as u64);
        return Err(refused(format!(
            "it has {} bytes, above {limit}",
            bytes.len()
        )));
    }
    match bytes {
        [] => Err(refused("it is empty")),
        // `\0asm`, then the version 13 of the binary format and the layer 1 of components.
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => {
            Err(refused("it is a core module, not a component")
                .hint("build it for the target `wasm32-wasip2`, or with `sluice plugin build`"))
        }
        [0x7f, b'E', b'L', b'F', ..] => Err(refused("it is machine code, which is never loaded")
            .hint("give the component itself; compiled code is kept in the cache by `sluice`")),
        _ if text() => Err(refused("it is WebAssembly in text form")
            .hint("assemble it first, for example with `wasm-tools parse`")),
        _ => Err(refused("it is no WebAssembly component")
            .hint("build it for the target `wasm32-wasip2`, or with `sluice plugin build`")),
    }
}
