//! The contract does not change without its version.

use sha2::{Digest as _, Sha256};

use crate::files;

/// A package, its text and what ties the text to its version.
const CONTRACTS: [(&str, &str, &str); 2] = [
    ("transform", "wit/transform.wit", "wit/transform.lock"),
    ("access", "wit/access/access.wit", "wit/access/access.lock"),
];

#[test]
fn a_changed_contract_has_a_changed_version() {
    for (name, text, lock) in CONTRACTS {
        check(name, text, lock);
    }
}

fn check(name: &str, path: &str, lock_path: &str) {
    let contract = files::read(path);
    let (line, version) = contract
        .lines()
        .enumerate()
        .find_map(|(line, text)| {
            let package = text.strip_prefix(&format!("package sluicegate:{name}@"))?;
            Some((line + 1, package.trim_end_matches(';').to_owned()))
        })
        .unwrap_or_else(|| panic!("{path} has no line `package sluicegate:{name}@VERSION;`"));
    let sha256 = hex::encode(Sha256::digest(contract.as_bytes()));
    let expected = format!("version = \"{version}\"\nsha256 = \"{sha256}\"\n");

    let lock: toml::Table = files::read(lock_path).parse().unwrap();
    let locked = |key: &str| {
        lock.get(key)
            .and_then(toml::Value::as_str)
            .unwrap_or_default()
    };
    if locked("sha256") == sha256 && locked("version") == version {
        return;
    }
    let what = if locked("version") == version {
        format!(
            "{path}:{line}: the contract changed and its version is still {version}. Plugins that were \
             built for {version} exist: raise the version in this line, keep offering the one before, then"
        )
    } else {
        format!("{path}:{line}: the contract has the new version {version};")
    };
    panic!("\n\n{what} write this to {lock_path}:\n\n{expected}\n");
}
