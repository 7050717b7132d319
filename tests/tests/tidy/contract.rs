//! The contract does not change without its version.

use sha2::{Digest as _, Sha256};

use crate::files;

const CONTRACT: &str = "wit/transform.wit";
const LOCK: &str = "wit/transform.lock";

#[test]
fn a_changed_contract_has_a_changed_version() {
    let contract = files::read(CONTRACT);
    let (line, version) = contract
        .lines()
        .enumerate()
        .find_map(|(line, text)| {
            let package = text.strip_prefix("package sluicegate:transform@")?;
            Some((line + 1, package.trim_end_matches(';').to_owned()))
        })
        .unwrap_or_else(|| {
            panic!("{CONTRACT} has no line `package sluicegate:transform@VERSION;`")
        });
    let sha256 = hex::encode(Sha256::digest(contract.as_bytes()));
    let expected = format!("version = \"{version}\"\nsha256 = \"{sha256}\"\n");

    let lock: toml::Table = files::read(LOCK).parse().unwrap();
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
            "{CONTRACT}:{line}: the contract changed and its version is still {version}. Plugins that were \
             built for {version} exist: raise the version in this line, keep offering the one before, then"
        )
    } else {
        format!("{CONTRACT}:{line}: the contract has the new version {version};")
    };
    panic!("\n\n{what} write this to {LOCK}:\n\n{expected}\n");
}
