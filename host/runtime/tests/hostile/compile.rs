//! Compilers that fail, each a few words of shell.

#![expect(
    clippy::disallowed_methods,
    reason = "a test looks at files without the library"
)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use sluicegate::limits::CompileLimits;
use sluicegate::sandbox::{Cached, Compiler, Offers, Sandbox, SandboxConfig, compile};
use sluicegate::{Error, ErrorKind};

use crate::guest::add_one;
use crate::host::{Host, shown};

const MINUTE: Duration = Duration::from_mins(1);

/// Keeps its output open, and reads its input, which nobody closes.
const WAIT: &str = "exec 3>&1; exec cat >&2";

/// A sandbox whose compiler is a script.
fn sandbox(script: &str, cache: Option<&Path>, time: Duration) -> Sandbox {
    let compiler = Compiler {
        program: "/bin/sh".into(),
        arguments: ["-c", script].map(str::to_owned).to_vec(),
        environment: Vec::new(),
    };
    let config = SandboxConfig {
        cache: cache.map(Path::to_owned),
        compiler: Some(compiler),
        compile_limits: CompileLimits {
            time,
            ..CompileLimits::default()
        },
        ..SandboxConfig::default()
    };
    Sandbox::new(config).unwrap()
}

fn error(script: &str) -> Error {
    let component = add_one(2, false).bytes();
    let time = Duration::from_millis(50);
    sandbox(script, None, time).load(&component).unwrap_err()
}

#[test]
fn each_way_to_fail_is_told_apart() {
    insta::assert_snapshot!(shown(&error(WAIT)), @r#"
    limit: limit `compile_time` of 50ms reached
      limit: compile_time
      hint: if the transform is right to need more, raise `compile_time` under `[limits]` in the application file, or pass `--limit-compile-time`
    "#);
    assert_eq!(error("kill -XCPU $$").kind(), ErrorKind::Limit);
    let memory = "echo 'memory allocation of 8 bytes failed' >&2; kill -ABRT $$";
    insta::assert_snapshot!(shown(&error(memory)), @r#"
    limit: limit `compile_memory` of 2 GiB reached
      limit: compile_memory
      hint: if the transform is right to need more, raise `compile_memory` under `[limits]` in the application file, or pass `--limit-compile-memory`
    "#);
    insta::assert_snapshot!(shown(&error("kill -SEGV $$")), @r#"
    plugin: the plugin is refused: the compiler cannot make sense of it: it ended by signal 11
      hint: build it again; it may be damaged or use a feature of WebAssembly that is not offered
      hint: components that were joined to one must share their memory
    "#);
    assert_eq!(error("kill -ABRT $$").kind(), ErrorKind::Plugin);
    assert_eq!(error("kill -KILL $$").kind(), ErrorKind::Internal);
    assert_eq!(error("exit 3").kind(), ErrorKind::Internal);
    let told = r#"echo '{"error":{"kind":"plugin","message":"no","hints":["yes"]}}' >&2; exit 4"#;
    insta::assert_snapshot!(shown(&error(told)), @r#"
    plugin: no
      hint: yes
    "#);
}

#[test]
fn what_is_no_code_is_not_loaded() {
    for script in ["exit 0", "echo no code", "printf '\\177ELF'"] {
        assert_eq!(error(script).kind(), ErrorKind::Internal, "{script}");
    }
}

#[test]
fn a_cancelled_load_ends_its_compiler() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let script = format!("echo $$ > {}; {WAIT}", file.display());
    let pid = || fs::read_to_string(&file).unwrap_or_default();
    let started = || pid().ends_with('\n');
    let component = add_one(2, false).bytes();
    let sandbox = sandbox(&script, None, MINUTE);
    let error = sandbox
        .load_unless(&component, Offers::default(), &started)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
    assert!(!Path::new("/proc").join(pid().trim()).join("stat").exists());
}

/// Or else Ctrl-C would end it before its caller, which would take that for the component's doing.
#[test]
fn a_compiler_is_out_of_reach_of_the_terminal() {
    let script = "read pid name state parent group rest < /proc/self/stat; [ $pid = $group ] && kill -XCPU $$";
    assert_eq!(error(script).kind(), ErrorKind::Limit);
}

#[test]
fn what_a_compiler_hands_back_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let component = add_one(2, false).bytes();
    let code = folder.path().join("code");
    fs::write(&code, compile(&component).unwrap()).unwrap();
    let cache = folder.path().join("cache");
    let script = format!("exec cat {}", code.display());
    let plugin = sandbox(&script, Some(&cache), MINUTE)
        .load(&component)
        .unwrap();
    assert_eq!(plugin.cached(), &Cached::Written);
    Host::default().run_plugin(&plugin).unwrap();
    let plugin = sandbox("exit 1", Some(&cache), MINUTE)
        .load(&component)
        .unwrap();
    assert_eq!(plugin.cached(), &Cached::Read);
    Host::default().run_plugin(&plugin).unwrap();
}
