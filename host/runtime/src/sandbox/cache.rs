//! Compiled plugins on disk, and the one way from machine code to a component.
//!
//! A compiled plugin is machine code that runs without further checks, so only what this cache wrote
//! itself is ever loaded: each file carries an HMAC over its own name and content, with a key that only
//! the owner of the directory can read.

use std::hash::{Hash, Hasher};
use std::io::{ErrorKind as IoKind, Read, Write};
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, OpenOptions, PermissionsExt};
use cap_std::fs::{DirBuilderExt, OpenOptionsExt};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::compiler::{CODE_BYTES_MAX, Compiled};
use crate::{Error, Result};

/// The file of the key.
const KEY: &str = "key";
const KEY_BYTES: usize = 32;
const MAC_BYTES: usize = 32;

/// The ending of compiled plugins.
const ENDING: &str = "compiled";

const FILE_BYTES_MAX: u64 = CODE_BYTES_MAX + MAC_BYTES as u64;

/// A directory of compiled plugins.
pub(super) struct Cache {
    directory: Dir,
    key: [u8; KEY_BYTES],
    /// Tells engines apart that would not understand each other's code.
    engine: String,
}

impl Cache {
    /// Opens or makes the directory, readable by its owner only, and its key.
    ///
    /// # Errors
    ///
    /// `Storage` where that is not possible, or where others can read the key.
    pub(super) fn open(path: &Path, engine: &Engine) -> Result<Self> {
        let failed = |error: std::io::Error| {
            Error::storage(format!(
                "open the cache of compiled plugins `{}`: {error}",
                path.display()
            ))
            .hint("name another directory, or run without a cache")
        };
        let directory = open_directory(path).map_err(failed)?;
        let key = read_or_make_key(&directory).map_err(failed)?;
        let mut hasher = Sha256Hasher(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let engine = hex::encode(hasher.0.finalize().get(..16).unwrap_or_default());
        Ok(Self {
            directory,
            key,
            engine,
        })
    }

    /// The compiled form of the plugin with this digest, if it is there and intact.
    pub(super) fn get(&self, digest: &str, engine: &Engine) -> Option<Component> {
        let name = self.name(digest);
        let file = self.read(&name)?;
        let (mac, code) = file.split_at_checked(MAC_BYTES)?;
        self.mac(&name, code)?.verify_slice(mac).ok()?;
        deserialize(engine, code).ok()
    }

    /// Keeps a compiled plugin.
    ///
    /// # Errors
    ///
    /// `Storage`; the cache is then as it was.
    pub(super) fn put(&self, digest: &str, compiled: &Compiled) -> Result<()> {
        let name = self.name(digest);
        let failed = |error: String| Error::storage(format!("keep a compiled plugin: {error}"));
        let code = compiled.code();
        let mac = self
            .mac(&name, code)
            .ok_or_else(|| Error::internal("no key"))?;
        let mac = mac.finalize().into_bytes();
        self.write(&name, &mac, code)
            .map_err(|error| failed(error.to_string()))
    }

    fn name(&self, digest: &str) -> String {
        format!("{digest}.{}.{ENDING}", self.engine)
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        let metadata = self.directory.symlink_metadata(name).ok()?;
        if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
            return None;
        }
        let file = self.directory.open(name).ok()?;
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).ok()?);
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    fn write(&self, name: &str, mac: &[u8], code: &[u8]) -> std::io::Result<()> {
        let temporary = temporary_name()?;
        let written = write_private(&self.directory, &temporary, &[mac, code])
            .and_then(|()| self.directory.rename(&temporary, &self.directory, name));
        written.inspect_err(|_| {
            // The first error says more than that of a clean-up.
            let _ = self.directory.remove_file(&temporary);
        })
    }

    fn mac(&self, name: &str, code: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(name.as_bytes());
        mac.update(code);
        Some(mac)
    }
}

fn open_directory(path: &Path) -> std::io::Result<Dir> {
    let authority = ambient_authority();
    if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        Dir::create_ambient_dir_all(parent, authority)?;
        if let Some(name) = path.file_name() {
            let mut builder = DirBuilder::new();
            builder.mode(0o700);
            match Dir::open_ambient_dir(parent, authority)?.create_dir_with(name, &builder) {
                Err(error) if error.kind() != IoKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
    }
    Dir::open_ambient_dir(path, authority)
}

fn read_or_make_key(directory: &Dir) -> std::io::Result<[u8; KEY_BYTES]> {
    if let Err(error) = directory.symlink_metadata(KEY) {
        if error.kind() != IoKind::NotFound {
            return Err(error);
        }
        make_key(directory)?;
    }
    let metadata = directory.symlink_metadata(KEY)?;
    let private = metadata.is_file() && metadata.permissions().mode().trailing_zeros() >= 6;
    if !private || metadata.len() != KEY_BYTES as u64 {
        return Err(std::io::Error::other(
            "its file `key` is damaged, or open to others",
        ));
    }
    let mut key = [0; KEY_BYTES];
    directory.open(KEY)?.read_exact(&mut key)?;
    Ok(key)
}

/// Makes the key appear whole, once, however many processes start at the same time.
fn make_key(directory: &Dir) -> std::io::Result<()> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(std::io::Error::other)?;
    let temporary = temporary_name()?;
    write_private(directory, &temporary, &[&key])?;
    let linked = directory.hard_link(&temporary, directory, KEY);
    directory.remove_file(&temporary)?;
    match linked {
        Err(error) if error.kind() != IoKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn temporary_name() -> std::io::Result<String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(std::io::Error::other)?;
    Ok(format!("{}.temporary", hex::encode(random)))
}

/// Writes a new file that only its owner can read.
fn write_private(directory: &Dir, name: &str, parts: &[&[u8]]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = directory.open_with(name, &options)?;
    parts.iter().try_for_each(|part| file.write_all(part))
}

/// The component of code that was compiled just now.
///
/// # Errors
///
/// `Internal` where another release or machine compiled it.
pub(super) fn load(engine: &Engine, compiled: &Compiled) -> Result<Component> {
    deserialize(engine, compiled.code()).map_err(|error| {
        Error::internal("load what the compiler handed back")
            .source(error)
            .hint("if `sluice` was replaced while it ran, start it again")
    })
}

/// The one place where machine code is taken from outside.
#[expect(
    unsafe_code,
    reason = "wasmtime cannot check compiled code, so that loading it is unsafe"
)]
fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: both callers have code of our own compiler: `load` what it handed back just now, as its type says, in this
    // process or from one that it started; `Cache::get` what carries a MAC with the key of this cache, and so is
    // what `Cache::put` was given, in this or an earlier process of this user. What the compiling process hands back is
    // trusted as this program is: it is the same program. wasmtime itself refuses code of other versions, settings
    // and processors.
    unsafe { Component::deserialize(engine, code) }
}

/// Feeds what is hashed to SHA-256, since hashes of the standard library may change between builds.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
