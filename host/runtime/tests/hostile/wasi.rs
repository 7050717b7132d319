//! Guests that use the base of WASI.

use std::fmt::Write as _;

use sluicegate::ErrorKind;
use sluicegate::sandbox::Level;

use crate::guest::{Guest, OK, SCRATCH};
use crate::host::{Host, sandbox};

/// The interfaces of standard output.
const STREAMS: &str = r#"
  (import "wasi:io/error@0.2.3" (instance $io-error (export "error" (type (sub resource)))))
  (alias export $io-error "error" (type $io-error-type))
  (import "wasi:io/poll@0.2.3" (instance $io-poll
    (export "pollable" (type $p (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $p))))
    (export "poll" (func (param "in" (list (borrow $p))) (result (list u32))))))
  (alias export $io-poll "pollable" (type $pollable))
  (import "wasi:io/streams@0.2.3" (instance $io-streams
    (export "output-stream" (type $o (sub resource)))
    (alias outer 1 $io-error-type (type $e0))
    (export "error" (type $e (eq $e0)))
    (type $se0 (variant (case "last-operation-failed" (own $e)) (case "closed")))
    (export "stream-error" (type $se (eq $se0)))
    (export "[method]output-stream.write"
      (func (param "self" (borrow $o)) (param "contents" (list u8)) (result (result (error $se)))))))
  (alias export $io-streams "output-stream" (type $output-stream))
  (import "wasi:cli/stdout@0.2.3" (instance $stdout
    (alias outer 1 $output-stream (type $o0))
    (export "output-stream" (type $o (eq $o0)))
    (export "get-stdout" (func (result (own $o))))))
  (import "wasi:cli/stderr@0.2.3" (instance $stderr
    (alias outer 1 $output-stream (type $o0))
    (export "output-stream" (type $o (eq $o0)))
    (export "get-stderr" (func (result (own $o))))))
"#;

/// A guest that can write: `$out` and `$err` give a stream, `$write` writes to it.
pub(crate) fn writer() -> Guest {
    // Lowered with the memory of the guest, which is there when these are used.
    let lowered = r#"
      (export "out" (func $out)) (export "err" (func $err)) (export "write" (func $write))"#;
    let core_imports = r#"
      (import "host" "out" (func $out (result i32)))
      (import "host" "err" (func $err (result i32)))
      (import "host" "write" (func $write (param i32 i32 i32 i32)))"#;
    let lower = r#"
  (core func $out (canon lower (func $stdout "get-stdout")))
  (core func $err (canon lower (func $stderr "get-stderr")))
  (core func $write (canon lower (func $io-streams "[method]output-stream.write") (memory (core memory $libc "memory"))))"#;
    Guest {
        imports: STREAMS.to_owned(),
        lower: lower.to_owned(),
        lowered: lowered.to_owned(),
        core_imports: core_imports.to_owned(),
        ..Guest::default()
    }
}

/// Writes each text to standard output (1) or error (2).
pub(crate) fn write(stream: u32, texts: &[&str]) -> Guest {
    let mut guest = writer();
    let mut at = SCRATCH;
    guest.process = format!(
        "(local $s i32) (local.set $s (call ${}))",
        if stream == 1 { "out" } else { "err" }
    );
    for text in texts {
        let len = text.len() - 2 * text.matches('\\').count();
        write!(guest.items, "(data (i32.const {at}) \"{text}\")").unwrap();
        write!(
            guest.process,
            "(call $write (local.get $s) (i32.const {at}) (i32.const {len}) (i32.const 256))"
        )
        .unwrap();
        at += 256;
    }
    guest.process.push_str(OK);
    guest
}

/// Writes `bytes` bytes `times` times.
pub(crate) fn write_again(bytes: u32, times: u32) -> Guest {
    let process = format!(
        "(local $s i32) (local $left i32)
         (local.set $s (call $out)) (local.set $left (i32.const {times}))
         (loop $again
           (call $write (local.get $s) (i32.const 65536) (i32.const {bytes}) (i32.const 256))
           (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))) {OK}"
    );
    Guest {
        process,
        ..writer()
    }
}

/// A guest with one function of WASI, `interface#function`, as `$f`.
pub(crate) fn one(path: &str, types: &str, lower: &str, core: &str, process: &str) -> Guest {
    let (interface, function) = path.split_once('#').unwrap();
    Guest {
        imports: format!(r#"(import "{interface}" (instance $one {types}))"#),
        lower: format!(r#"(core func $f (canon lower (func $one "{function}") {lower}))"#),
        lowered: r#"(export "f" (func $f))"#.to_owned(),
        core_imports: format!(r#"(import "host" "f" (func $f {core}))"#),
        process: process.to_owned(),
        ..Guest::default()
    }
}

#[test]
fn ending_the_program_is_no_success() {
    for status in [0, 1] {
        let guest = one(
            "wasi:cli/exit@0.2.0#exit",
            r#"(export "exit" (func (param "status" (result))))"#,
            "",
            "(param i32)",
            &format!("(call $f (i32.const {status})) {OK}"),
        );
        let error = Host::default().error(&guest);
        assert_eq!(error.kind(), ErrorKind::Trap);
        let expected =
            format!("call `process`: the transform ended its program with `exit({status})`");
        assert_eq!(error.to_string(), expected);
    }
}

/// A guest with a clock: `$after` gives a pollable, `$block` and `$poll` wait for it.
pub(crate) fn clock() -> Guest {
    Guest {
        imports: r#"
  (import "wasi:io/poll@0.2.3" (instance $io-poll
    (export "pollable" (type $p (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $p))))
    (export "poll" (func (param "in" (list (borrow $p))) (result (list u32))))))
  (alias export $io-poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.3" (instance $clock
    (alias outer 1 $pollable (type $p0))
    (export "pollable" (type $p (eq $p0)))
    (export "now" (func (result u64)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))"#
            .to_owned(),
        lower: r#"
  (core func $now (canon lower (func $clock "now")))
  (core func $after (canon lower (func $clock "subscribe-duration")))
  (core func $block (canon lower (func $io-poll "[method]pollable.block")))
  (core func $poll (canon lower (func $io-poll "poll")
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))"#
            .to_owned(),
        lowered: r#"(export "now" (func $now)) (export "after" (func $after))
          (export "block" (func $block)) (export "poll" (func $poll))"#
            .to_owned(),
        core_imports: r#"
  (import "host" "now" (func $now (result i64)))
  (import "host" "after" (func $after (param i64) (result i32)))
  (import "host" "block" (func $block (param i32)))
  (import "host" "poll" (func $poll (param i32 i32 i32)))"#
            .to_owned(),
        ..Guest::default()
    }
}

#[test]
fn clocks_stand_still_and_waiting_takes_no_time() {
    let guest = Guest {
        process: format!(
            "(call $block (call $after (i64.const -1)))
             (if (i64.ne (call $now) (i64.const 0)) (then unreachable)) {OK}"
        ),
        ..clock()
    };
    Host::default().run(&guest).unwrap();
}

#[test]
fn randomness_is_the_same_in_every_instance() {
    let types = r#"(export "get-random-u64" (func (result u64)))"#;
    let log = "(i64.store (i32.const 4096) (i64.or (call $f) (i64.const 0)))
        (i64.store (i32.const 4096) (i64.or (i64.and (i64.load (i32.const 4096))
          (i64.const 0x0f0f0f0f0f0f0f0f)) (i64.const 0x4040404040404040)))
        (call $log (i32.const 2) (i32.const 4096) (i32.const 8))";
    let guest = one(
        "wasi:random/random@0.2.0#get-random-u64",
        types,
        "",
        "(result i64)",
        &format!("{log} {log} {OK}"),
    );
    let host = Host::default();
    host.run(&guest).unwrap();
    let first = host.logs.take();
    host.run(&guest).unwrap();
    assert_eq!(first, host.logs.take());
    assert_ne!(first[0], first[1]);
}

#[test]
fn there_are_no_files_and_no_environment() {
    let list = r#"(memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))"#;
    let length = "(call $f (i32.const 256))
        (if (i32.load offset=4 (i32.const 256)) (then unreachable))";
    let environment = one(
        "wasi:cli/environment@0.2.0#get-environment",
        r#"(export "get-environment" (func (result (list (tuple string string)))))"#,
        list,
        "(param i32)",
        &format!("{length} {OK}"),
    );
    Host::default().run(&environment).unwrap();
    let mut files = one(
        "wasi:filesystem/preopens@0.2.0#get-directories",
        r#"(alias outer 1 $descriptor (type $d0)) (export "descriptor" (type $d (eq $d0)))
           (export "get-directories" (func (result (list (tuple (own $d) string)))))"#,
        list,
        "(param i32)",
        &format!("{length} {OK}"),
    );
    files.imports = format!(
        r#"(import "wasi:filesystem/types@0.2.0" (instance $types (export "descriptor" (type (sub resource)))))
           (alias export $types "descriptor" (type $descriptor)) {}"#,
        files.imports
    );
    let host = Host::default();
    host.run(&files).unwrap();
    let inspection = sandbox().load(&files.bytes()).unwrap();
    assert_eq!(inspection.inspect().asks, ["files"]);
    assert_eq!(host.logs.take(), Vec::<(Level, String)>::new());
}

#[test]
fn sockets_are_denied() {
    // As a program looks up a name: it gets the network, lends it to the lookup, and hears no.
    let network = r#"
      (import "wasi:sockets/network@0.2.0" (instance $network
        (type $e0 (enum "unknown" "access-denied" "not-supported"))
        (export "error-code" (type (eq $e0)))
        (export "network" (type (sub resource)))))
      (alias export $network "network" (type $network-type))
      (alias export $network "error-code" (type $code))
      (import "wasi:sockets/instance-network@0.2.0" (instance $instance
        (alias outer 1 $network-type (type $n0)) (export "network" (type $n (eq $n0)))
        (export "instance-network" (func (result (own $n))))))"#;
    let types = r#"
      (alias outer 1 $network-type (type $n0)) (export "network" (type $n (eq $n0)))
      (alias outer 1 $code (type $c0)) (export "error-code" (type $c (eq $c0)))
      (export "look-up" (func (param "network" (borrow $n)) (result (result u32 (error $c)))))"#;
    // The result is an error, with the second code.
    let process = format!(
        "(local $n i32) (local.set $n (call $instance))
         (call $f (local.get $n) (i32.const 256))
         (call $f (local.get $n) (i32.const 256))
         (if (i32.ne (i32.load8_u (i32.const 256)) (i32.const 1)) (then unreachable))
         (if (i32.ne (i32.load8_u (i32.const 260)) (i32.const 1)) (then unreachable)) {OK}"
    );
    let path = "wasi:sockets/ip-name-lookup@0.2.0#look-up";
    let memory = r#"(memory (core memory $libc "memory"))"#;
    let mut guest = one(path, types, memory, "(param i32 i32)", &process);
    guest.imports = format!("{network} {}", guest.imports);
    guest.lower += r#"(core func $instance (canon lower (func $instance "instance-network")))"#;
    guest.lowered += r#"(export "instance" (func $instance))"#;
    guest.core_imports += r#"(import "host" "instance" (func $instance (result i32)))"#;
    Host::default().run(&guest).unwrap();
}
