//! Builds the plugins to components: `plugins/<name>/<name>.wasm`; and the guests of the end-to-end tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{Doing as _, Failure, Outcome, run, succeeds};
use crate::workspace::{cargo, crates_under, root, sluice, target};

/// What a plugin is compiled for when rustup can provide it.
const WASI: &str = "wasm32-wasip2";
/// What it is compiled for otherwise; the core module is then wrapped by `sluice plugin wrap`.
const BARE: &str = "wasm32-unknown-unknown";
/// What the fallback needs on Debian.
const DEBIAN: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];

/// Builds every plugin with the first toolchain that works.
pub(crate) fn build() -> Outcome {
    let workspace = root().join("plugins");
    let manifest = workspace.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(Failure::new(format!(
            "no plugins: `{}` is missing",
            manifest.display()
        )));
    }
    match toolchain()? {
        Toolchain::Wasi => {
            run(rustup(&workspace)?.args(["--target", WASI]))?;
            install(&workspace, WASI, copy)?;
            // Only for this target has the standard library anything that these guests could try.
            let tests = root().join("tests").join("guests");
            // From the folder of the plugins, for their settings: what both use is compiled once.
            run(rustup(&workspace)?
                .args(["--target", WASI, "--manifest-path"])
                .arg(tests.join("Cargo.toml")))?;
            install(&tests, WASI, copy)
        }
        Toolchain::Bare => {
            run(rustup(&workspace)?.args(["--target", BARE]))?;
            install(&workspace, BARE, wrap)
        }
        Toolchain::Debian => {
            run(debian(&workspace).env("CARGO_TARGET_DIR", target()?))?;
            install(&workspace, BARE, wrap)
        }
    }
}

/// Who compiles the plugins.
enum Toolchain {
    /// rustup's toolchain, to components.
    Wasi,
    /// rustup's toolchain, to core modules.
    Bare,
    /// Debian's toolchain, to core modules, with a standard library that it compiles itself.
    Debian,
}

fn toolchain() -> Outcome<Toolchain> {
    if has_target(WASI) {
        return Ok(Toolchain::Wasi);
    }
    println!("The target {WASI} is not installed; asking rustup for it.");
    if run(Command::new("rustup").args(["target", "add", WASI])).is_ok() && has_target(WASI) {
        return Ok(Toolchain::Wasi);
    }
    println!("rustup cannot add {WASI}; trying {BARE}, whose modules are wrapped afterwards.");
    if has_target(BARE) {
        return Ok(Toolchain::Bare);
    }
    println!(
        "{BARE} is not installed either; trying Debian's toolchain ({}).",
        DEBIAN.join(", ")
    );
    if debian_ready() {
        return Ok(Toolchain::Debian);
    }
    let install = ["install", "--yes", "--no-install-recommends"];
    if run(Command::new("apt-get").args(install).args(DEBIAN)).is_ok() && debian_ready() {
        return Ok(Toolchain::Debian);
    }
    Err(
        Failure::new("no toolchain can compile plugins").hint(format!(
            "run `rustup target add {WASI}` where the network allows it, or as root on Debian \
         `apt-get install {}`, then start this task again",
            DEBIAN.join(" ")
        )),
    )
}

/// Whether the active toolchain has the standard library of `target`.
fn has_target(target: &str) -> bool {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", target]);
    rustc
        .output()
        .is_ok_and(|found| Path::new(String::from_utf8_lossy(&found.stdout).trim()).is_dir())
}

fn debian_ready() -> bool {
    [
        "/usr/bin/wasm-ld-19",
        "/usr/lib/rustlib/src/rust",
        "/usr/bin/rustc",
        "/usr/bin/cargo",
    ]
    .iter()
    .all(|path| Path::new(path).exists())
        && succeeds(Command::new("/usr/bin/rustc").arg("--version"))
}

/// `cargo build` in the plugins' workspace, whose settings cargo finds from there only.
fn rustup(workspace: &Path) -> Outcome<Command> {
    let mut command = cargo()?;
    command.current_dir(workspace).args(["build", "--release"]);
    Ok(command)
}

fn debian(workspace: &Path) -> Command {
    let mut command = Command::new("/usr/bin/cargo");
    command
        .current_dir(workspace)
        .env("RUSTC", "/usr/bin/rustc")
        // Debian ships the sources of the standard library, not a build of it for wasm; compiling it
        // along is a feature that only this variable unlocks.
        .env("RUSTC_BOOTSTRAP", "1")
        .env(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
            "/usr/bin/wasm-ld-19",
        )
        .args([
            "build",
            "--release",
            "--ignore-rust-version",
            "--target",
            BARE,
        ])
        .arg("-Zbuild-std=std,panic_abort");
    command
}

/// Puts every plugin's component beside its sources.
fn install(workspace: &Path, triple: &str, put: fn(&Path, &Path) -> Outcome) -> Outcome {
    let built = target()?.join(triple).join("release");
    let mut installed = Vec::new();
    for folder in crates_under(workspace)? {
        let (from, to) = artefact(&built, &folder);
        if !from.is_file() {
            return Err(
                Failure::new(format!("`{}` was not built", from.display())).hint(format!(
                    "a plugin's crate is named as its folder, is a member of its workspace, and \
                 has `crate-type = [\"cdylib\", ...]`; look at `{}`",
                    folder.join("Cargo.toml").display()
                )),
            );
        }
        put(&from, &to)?;
        installed.push(to);
    }
    println!("\nPlugins:");
    for plugin in installed {
        let bytes = std::fs::metadata(&plugin)
            .doing(format!("read `{}`", plugin.display()))?
            .len();
        let name = plugin.strip_prefix(root()).unwrap_or(&plugin);
        println!("  {:<44} {:>6} KiB", name.display(), bytes / 1024);
    }
    Ok(())
}

/// What cargo made of the crate in `folder`, and where its component belongs.
fn artefact(built: &Path, folder: &Path) -> (PathBuf, PathBuf) {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let from = built.join(format!("{}.wasm", name.replace('-', "_")));
    (from, folder.join(format!("{name}.wasm")))
}

fn copy(from: &Path, to: &Path) -> Outcome {
    std::fs::copy(from, to).doing(format!("copy `{}` to `{}`", from.display(), to.display()))?;
    Ok(())
}

fn wrap(from: &Path, to: &Path) -> Outcome {
    let sluice = sluice()?;
    if !sluice.is_file() {
        run(cargo()?.args(["build", "--release", "--workspace", "--bins"]))?;
    }
    run(Command::new(sluice)
        .args(["plugin", "wrap"])
        .arg(from)
        .arg("--output")
        .arg(to))
}
