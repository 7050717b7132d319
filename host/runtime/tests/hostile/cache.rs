//! Compiled plugins that somebody touched.

#![expect(
    clippy::disallowed_methods,
    reason = "somebody does that without the library"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use sluicegate::ErrorKind;
use sluicegate::sandbox::{Cached, Sandbox, SandboxConfig};
use tempfile::TempDir;

use crate::guest::{Guest, add_one};
use crate::host::Host;

struct Directory(TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("cache/plugins")
    }

    fn sandbox(&self) -> Sandbox {
        Sandbox::new(SandboxConfig {
            cache: Some(self.path()),
            ..SandboxConfig::default()
        })
        .unwrap()
    }

    /// Loads a guest in a new process, as far as the sandbox can tell, and runs it.
    fn load(&self, guest: &Guest) -> Cached {
        let plugin = self.sandbox().load(&guest.bytes()).unwrap();
        Host::default().run_plugin(&plugin).unwrap();
        plugin.cached().clone()
    }

    fn compiled(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files.filter(|path| path.extension().is_some()).collect();
        files.sort();
        files
    }

    fn only(&self) -> PathBuf {
        let [file] = self.compiled().try_into().unwrap();
        file
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_second_load_reads_and_nobody_else_may() {
    let directory = Directory::new();
    assert_eq!(directory.load(&add_one(2, false)), Cached::Written);
    assert_eq!(directory.load(&add_one(2, false)), Cached::Read);
    assert_eq!(mode(&directory.path()), 0o700);
    assert_eq!(mode(&directory.path().join("key")), 0o600);
    assert_eq!(mode(&directory.only()), 0o600);
}

#[test]
fn what_was_touched_is_compiled_again() {
    let directory = Directory::new();
    directory.load(&add_one(2, false));
    let file = directory.only();
    let intact = fs::read(&file).unwrap();
    let touch: [(&str, &dyn Fn() -> Vec<u8>); 7] = [
        ("the first bit", &|| flipped(&intact, 0)),
        ("a bit of the code", &|| flipped(&intact, intact.len() / 2)),
        ("the last bit of the code", &|| {
            flipped(&intact, intact.len() - 65)
        }),
        ("a bit of the digest", &|| {
            flipped(&intact, intact.len() - 64)
        }),
        ("the last bit of the MAC", &|| {
            flipped(&intact, intact.len() - 1)
        }),
        ("half of it", &|| intact[..intact.len() / 2].to_vec()),
        ("all of it", &Vec::new),
    ];
    for (what, touched) in touch {
        fs::write(&file, touched()).unwrap();
        assert_eq!(
            directory.load(&add_one(2, false)),
            Cached::Written,
            "{what}"
        );
        assert_eq!(directory.load(&add_one(2, false)), Cached::Read, "{what}");
    }
}

/// The digest that people know a plugin by does not depend on where it was found.
#[test]
fn a_plugin_from_the_cache_has_the_digest_of_its_bytes() {
    let directory = Directory::new();
    let bytes = add_one(2, false).bytes();
    let compiled = directory.sandbox().load(&bytes).unwrap();
    let read = directory.sandbox().load(&bytes).unwrap();
    assert_eq!(read.cached(), &Cached::Read);
    assert_eq!(read.inspect(), compiled.inspect());
}

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    *bytes.get_mut(at).unwrap() ^= 1;
    bytes
}

#[test]
fn the_code_of_another_plugin_or_engine_is_not_taken() {
    let directory = Directory::new();
    directory.load(&add_one(2, false));
    let first = directory.only();
    directory.load(&add_one(3, false));
    let other = directory
        .compiled()
        .into_iter()
        .find(|path| *path != first)
        .unwrap();
    fs::copy(&other, &first).unwrap();
    assert_eq!(directory.load(&add_one(2, false)), Cached::Written);
    // Another engine looks for another name, and the name is part of what the MAC covers.
    let name = first.file_name().unwrap().to_str().unwrap().to_owned();
    let engine = name.split('.').nth(1).unwrap();
    let foreign = first.with_file_name(name.replace(engine, &"0".repeat(engine.len())));
    fs::rename(&first, &foreign).unwrap();
    assert_eq!(directory.load(&add_one(2, false)), Cached::Written);
}

#[test]
fn a_key_of_another_directory_opens_nothing() {
    let (ours, theirs) = (Directory::new(), Directory::new());
    ours.load(&add_one(2, false));
    theirs.load(&add_one(2, false));
    fs::copy(theirs.only(), ours.only()).unwrap();
    assert_eq!(ours.load(&add_one(2, false)), Cached::Written);
}

#[test]
fn processes_that_start_together_agree_on_a_key() {
    for _ in 0..20 {
        let directory = Directory::new();
        let caches: Vec<_> = std::thread::scope(|scope| {
            let load = || directory.load(&Guest::default());
            let loads: Vec<_> = (0..4).map(|_| scope.spawn(load)).collect();
            loads.into_iter().map(|load| load.join().unwrap()).collect()
        });
        let fits = |cached: &Cached| matches!(cached, Cached::Written | Cached::Read);
        assert!(caches.iter().all(fits), "{caches:?}");
        assert_eq!(directory.load(&Guest::default()), Cached::Read);
        let files = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(files, 2, "the key and one plugin");
    }
}

#[test]
fn links_are_not_followed() {
    let directory = Directory::new();
    directory.load(&add_one(2, false));
    let file = directory.only();
    let elsewhere = directory.0.path().join("elsewhere");
    fs::rename(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    assert_eq!(directory.load(&add_one(2, false)), Cached::Written);
    assert!(!fs::symlink_metadata(&file).unwrap().is_symlink());
}

#[test]
fn a_key_that_others_can_read_is_not_used() {
    let directory = Directory::new();
    directory.load(&add_one(2, false));
    let key = directory.path().join("key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let config = SandboxConfig {
        cache: Some(directory.path()),
        ..SandboxConfig::default()
    };
    let error = Sandbox::new(config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(
        error
            .to_string()
            .ends_with("its file `key` is damaged, or open to others"),
        "{error}"
    );
}

#[test]
fn a_cache_that_cannot_be_written_does_not_stop_a_load() {
    let directory = Directory::new();
    let sandbox = directory.sandbox();
    // The name of the compiled plugin is taken by a directory that is not empty.
    directory.load(&add_one(2, false));
    let file = directory.only();
    fs::remove_file(&file).unwrap();
    fs::create_dir_all(file.join("taken")).unwrap();
    let plugin = sandbox.load(&add_one(2, false).bytes()).unwrap();
    assert!(
        matches!(plugin.cached(), Cached::Failed(_)),
        "{:?}",
        plugin.cached()
    );
    Host::default().run_plugin(&plugin).unwrap();
    assert_eq!(directory.compiled(), [file], "no temporary file is left");
}

#[test]
fn what_the_cache_holds_is_no_plugin() {
    let directory = Directory::new();
    directory.load(&add_one(2, false));
    let file = fs::read(directory.only()).unwrap();
    // With the seal behind it, and without.
    for code in [&file[..], &file[..file.len() - 64]] {
        let error = directory.sandbox().load(code).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Plugin, "{error}");
        assert!(error.to_string().contains("machine code"), "{error}");
    }
}
