//! Compiled plugins on disk, and the one way from machine code to a component.
//!
//! A compiled plugin is machine code that runs without further checks, so only what this cache wrote
//! itself is ever loaded: each file carries a MAC, keyed BLAKE3, over its own name and content, with a key that
//! only the owner of the directory can read.

use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::{ErrorKind as IoKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, OpenOptions, PermissionsExt};
use cap_std::fs::{DirBuilderExt, OpenOptionsExt};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::compiler::{CODE_BYTES_MAX, Compiled};
use super::hash::{hash, hash_bytes, reader};
use crate::{Error, Result};

/// The file of the key.
const KEY: &str = "key";
const KEY_BYTES: usize = 32;
const MAC_BYTES: usize = 32;
const DIGEST_BYTES: usize = 32;

/// The ending of compiled plugins.
const ENDING: &str = "compiled";

/// What stands behind the code in a file.
const SEAL_BYTES: usize = DIGEST_BYTES + MAC_BYTES;

const FILE_BYTES_MAX: u64 = CODE_BYTES_MAX + SEAL_BYTES as u64;

/// The SHA-256 of a component, by which people know it.
pub(super) type Digest = [u8; DIGEST_BYTES];

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
        let mut hasher = Blake3Hasher(blake3::Hasher::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let engine = hex::encode(hasher.0.finalize().as_bytes().get(..16).unwrap_or_default());
        Ok(Self {
            directory,
            key,
            engine,
        })
    }

    /// The place of the compiled form of `component`.
    ///
    /// # Errors
    ///
    /// `Internal` where no thread can be started.
    pub(super) fn entry(&self, component: &[u8]) -> Result<Entry<'_>> {
        let hash = hash_bytes(component)
            .map_err(|error| Error::internal(format!("hash a component: {error}")))?;
        Ok(Entry {
            cache: self,
            name: format!("{}.{}.{ENDING}", hash.to_hex(), self.engine),
        })
    }

    fn write(&self, name: &str, parts: &[&[u8]]) -> std::io::Result<()> {
        let temporary = temporary_name()?;
        let written = write_private(&self.directory, &temporary, parts)
            .and_then(|()| self.directory.rename(&temporary, &self.directory, name));
        written.inspect_err(|_| {
            // The first error says more than that of a clean-up.
            let _ = self.directory.remove_file(&temporary);
        })
    }
}

/// Where the compiled form of one component is, or will be: a file with its code, the SHA-256 of the component, and the
/// MAC of the hash of both and of the file's name. The code comes first, so that the file can be mapped.
pub(super) struct Entry<'a> {
    cache: &'a Cache,
    name: String,
}

impl Entry<'_> {
    /// The compiled component and its digest, if they are there and intact.
    pub(super) fn get(&self, engine: &Engine) -> Option<(Component, Digest)> {
        let directory = &self.cache.directory;
        let metadata = directory.symlink_metadata(&self.name).ok()?;
        if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
            return None;
        }
        let file = directory.open(&self.name).ok()?.into_std();
        let length = metadata.len();
        let digest = self.check(length, &|buffer: &mut [u8], offset| {
            file.read_exact_at(buffer, offset)
        })?;
        if let Ok(component) = map(engine, &file) {
            return Some((component, digest));
        }
        // A file system may forbid to execute what is mapped from it. What is read anew is checked anew.
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        file.read_exact_at(&mut bytes, 0).ok()?;
        let digest = self.check(length, &reader(&bytes))?;
        let code = bytes.get(..bytes.len().checked_sub(SEAL_BYTES)?)?;
        Some((deserialize(engine, code).ok()?, digest))
    }

    /// The digest in a file of `length` bytes, if the file is as it was written.
    fn check(
        &self,
        length: u64,
        read: &(impl Fn(&mut [u8], u64) -> std::io::Result<()> + Sync),
    ) -> Option<Digest> {
        let code_bytes = length.checked_sub(SEAL_BYTES as u64)?;
        let (mut digest, mut mac) = ([0; DIGEST_BYTES], [0; MAC_BYTES]);
        read(&mut digest, code_bytes).ok()?;
        read(&mut mac, code_bytes + DIGEST_BYTES as u64).ok()?;
        let code = hash(code_bytes, read).ok()?;
        // Compares in constant time.
        (self.mac(&digest, &code) == blake3::Hash::from_bytes(mac)).then_some(digest)
    }

    /// Keeps a compiled component.
    ///
    /// # Errors
    ///
    /// `Storage`; the cache is then as it was.
    pub(super) fn put(&self, digest: &Digest, compiled: &Compiled) -> Result<()> {
        let code = compiled.code();
        let written = hash_bytes(code).and_then(|hash| {
            let mac = self.mac(digest, &hash);
            self.cache
                .write(&self.name, &[code, digest, mac.as_bytes()])
        });
        written.map_err(|error| Error::storage(format!("keep a compiled plugin: {error}")))
    }

    fn mac(&self, digest: &Digest, code: &blake3::Hash) -> blake3::Hash {
        let mut mac = blake3::Hasher::new_keyed(&self.cache.key);
        // Names, digests and hashes each have one length.
        mac.update(self.name.as_bytes());
        mac.update(digest);
        mac.update(code.as_bytes());
        mac.finalize()
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

/// Maps code that was checked; of a large interpreter, a run then reads what it executes.
#[expect(
    unsafe_code,
    reason = "wasmtime cannot check compiled code, so that loading it is unsafe"
)]
fn map(engine: &Engine, file: &File) -> wasmtime::Result<Component> {
    // By its descriptor: under the file's name could be another by now.
    let path = format!("/dev/fd/{}", file.as_raw_fd());
    // SAFETY: as for `deserialize`; and this very file was checked just now. The cache never writes to a file that has
    // its name, and who else could has the key too: its owner.
    unsafe { Component::deserialize_file(engine, path) }
}

/// The one place where machine code is taken from outside.
#[expect(
    unsafe_code,
    reason = "wasmtime cannot check compiled code, so that loading it is unsafe"
)]
fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: both callers have code of our own compiler: `load` what it handed back just now, as its type says, in this
    // process or from one that it started; `Entry::get` what carries a MAC with the key of this cache, and so is
    // what `Entry::put` was given, in this or an earlier process of this user. What the compiling process hands back is
    // trusted as this program is: it is the same program. wasmtime itself refuses code of other versions, settings
    // and processors.
    unsafe { Component::deserialize(engine, code) }
}

/// Feeds what is hashed to BLAKE3, since hashes of the standard library may change between builds.
struct Blake3Hasher(blake3::Hasher);

impl Hasher for Blake3Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
