//! What guests do to the process that runs them: nothing that a signal would end, and nothing that grows.

use crate::guests;
use crate::project::{Ended, Project};
use crate::std_io;

const MIB: u64 = 1 << 20;

/// What the command itself may hold: its code, wasmtime, DataFusion, the threads' heaps, a compiled guest.
const OWN_BYTES: u64 = 128 * MIB;

/// The lab with a guest of its own as its only step.
fn lab(process: &str) -> Project {
    let project = Project::lab();
    project.write("guest.wasm", guests::component(process));
    project.application("", "plugin = \"guest.wasm\"", "");
    project
}

#[test]
fn recursion_ends_in_an_error_and_not_in_a_signal() {
    for (name, guest, reason) in [
        ("itself", guests::RECURSE, "call stack exhausted"),
        ("ackermann", guests::ACKERMANN, "call stack exhausted"),
        (
            "below the host",
            guests::RECURSE_BELOW_HOST,
            "call stack exhausted",
        ),
        (
            "through the host",
            guests::REENTER_HOST,
            "cannot leave component instance",
        ),
    ] {
        let Ended { code, err, .. } = lab(guest).try_run(&[]);
        assert_eq!(code, Some(6), "{name}: {err}");
        assert!(err.contains(reason), "{name}: {err}");
    }
}

/// Runs the guest of `std_io` with a flood; its end, and the most memory of the command.
fn flood(name: &str) -> Option<(Ended, u64)> {
    let project = std_io::project(&format!("params = {{ flood = \"{name}\" }}"))?;
    let limits = ["--limit-call-time", "60s"];
    Some(project.measured(&[&["run", "app.toml", "--quiet"], &limits[..]].concat()))
}

#[test]
fn standard_output_without_end_is_held_nowhere() {
    for name in ["output", "lines"] {
        let Some((ended, peak)) = flood(name) else {
            return;
        };
        assert_eq!(ended.code, Some(0), "{name}: {}", ended.err);
        assert!(peak < OWN_BYTES, "{name}: {} MiB", peak / MIB);
    }
}

#[test]
fn a_text_of_a_guest_is_held_once_by_the_host_at_most() {
    // The guest: the text, and a copy of it in the making, or what `repeat` left behind.
    const GUEST_BYTES: u64 = 130 * MIB;
    // What one call lifts: `lift_bytes`.
    const LIFTED_BYTES: u64 = 64 * MIB;
    for (name, code) in [("log", 0), ("reject", 0), ("fault", 5)] {
        let Some((ended, peak)) = flood(name) else {
            return;
        };
        assert_eq!(ended.code, Some(code), "{name}: {}", ended.err);
        assert!(ended.err.len() < 16 * 1024, "{name}: {}", ended.err);
        let most = OWN_BYTES + GUEST_BYTES + LIFTED_BYTES;
        assert!(peak < most, "{name}: {} MiB", peak / MIB);
    }
}
