//! Tests in a network of their own, in which any address may be this machine's.

use std::process::Command;

/// Set where a test was started anew.
const INSIDE: &str = "SLUICE_TEST_NETWORK";

/// Whether the test `name` runs in a network, and with mounts, of its own, which the script `prepare` has set up.
/// Otherwise it is started anew in one and has to pass there; where the machine gives none, that is told.
pub(crate) fn is_inside(name: &str, prepare: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let prepare = format!("ip link set lo up && {prepare}");
    let own = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["-rmn", "sh", "-ec", script]);
        command
    };
    if !own(&prepare).status().is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: this machine gives no network of its own (unshare -rmn, ip, mount)");
        return false;
    }
    let inside = own(&format!(
        "{prepare} && exec \"$0\" --exact {name} --nocapture"
    ))
    .arg(std::env::current_exe().unwrap())
    .env(INSIDE, "1")
    .output()
    .unwrap();
    let said = String::from_utf8_lossy(&inside.stdout).into_owned()
        + &String::from_utf8_lossy(&inside.stderr);
    assert!(
        inside.status.success() && said.contains("1 passed"),
        "{said}"
    );
    false
}
