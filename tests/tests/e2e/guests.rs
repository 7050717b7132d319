//! Small guests in WebAssembly text, for what no honest plugin does.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const CONTRACT: &str = include_str!("../../../wit/transform.wit");

/// Hands every batch on, with its first column only.
pub(crate) const PASS: &str =
    "(call $emit (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))";

/// Traps.
pub(crate) const TRAP: &str = "(call $deep_inside)";

/// Calls itself without end.
pub(crate) const RECURSE: &str = "(drop (call $process))";

/// Recurses in a way that no compiler turns into a loop.
pub(crate) const ACKERMANN: &str = "(drop (call $ackermann (i64.const 3) (i64.const 100000)))";

/// Has the host ask it for memory, and calls itself without end in there.
pub(crate) const RECURSE_BELOW_HOST: &str = "(global.set $in_realloc (i32.const 1))
    (call $read (i32.const 0) (i32.const 0) (i32.const 400))";

/// Has the host ask it for memory, and calls the host again in there.
pub(crate) const REENTER_HOST: &str = "(global.set $in_realloc (i32.const 2))
    (call $read (i32.const 0) (i32.const 0) (i32.const 400))";

/// Never returns.
pub(crate) const SPIN: &str = "(loop $again (br $again))";

/// Hands its first batch on, and never returns from its second.
pub(crate) const STALL: &str = "(if (i32.load (i32.const 300))
        (then (loop $again (br $again))))
    (i32.store (i32.const 300) (i32.const 1))
    (call $emit (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))";

/// Takes memory until there is none, then traps.
pub(crate) const HOARD: &str = "(loop $again
    (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
    (br $again))";

/// Emits the same batch a million times.
pub(crate) const FLOOD: &str = "(local $n i32)
    (loop $again
        (call $emit (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $n) (i32.const 1000000))))";

/// Writes a message with a terminal's control characters, then hands the batch on.
pub(crate) const SHOUT: &str = "(call $log (i32.const 3) (i32.const 200) (i32.const 12))
    (call $emit (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))";

/// Returns a fault of its own: offset 96 holds `data(\"no luck\")`.
pub(crate) const FAULT: &str = "(return (i32.const 96))";

/// A component of the current contract that runs `process` for each batch.
pub(crate) fn component(process: &str) -> Vec<u8> {
    encode(CONTRACT, &module("0.1.0", process, ""))
}

/// A component that takes some seconds and hundreds of MiB to compile, for a function that nobody calls.
pub(crate) fn heavy() -> Vec<u8> {
    let step = "(i64.store (i32.wrap_i64 (local.get 0)) (local.tee 0 (i64.mul (local.get 0) (local.get 1))))";
    let function = format!("(func (param i64 i64) {})", step.repeat(200_000));
    encode(CONTRACT, &module("0.1.0", PASS, &function))
}

/// A component of a contract version that nobody offers.
pub(crate) fn component_of_another_version() -> Vec<u8> {
    encode(
        &CONTRACT.replace("0.1.0", "9.9.0"),
        &module("9.9.0", PASS, ""),
    )
}

/// A component that needs an import that nobody offers.
pub(crate) fn component_with_a_strange_import() -> Vec<u8> {
    let needs = "world transformer {\n  import radio: interface { dial: func(); }";
    let contract = CONTRACT.replace("world transformer {", needs);
    encode(
        &contract,
        &module(
            "0.1.0",
            "(call $dial)",
            "(import \"radio\" \"dial\" (func $dial))",
        ),
    )
}

/// A core module, which is no component.
pub(crate) fn core_module() -> Vec<u8> {
    wat::parse_str("(module)").unwrap()
}

fn encode(contract: &str, module: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_source("transform.wit", contract).unwrap();
    let world = resolve
        .select_world(&[package], Some("transformer"))
        .unwrap();
    let mut bytes = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8).unwrap();
    let mut encoder = ComponentEncoder::default()
        .validate(true)
        .module(&bytes)
        .unwrap();
    encoder.encode().unwrap()
}

/// A core module whose `bind` reads nothing and passes the first column through. Its results lie in
/// memory as the canonical ABI wants them: a result is a tag and, four bytes on, its payload.
fn module(version: &str, process: &str, import: &str) -> String {
    format!(
        r#"(module
  (import "sluicegate:transform/output@{version}" "emit"
    (func $emit (param i32 i32 i32 i32 i32)))
  (import "sluicegate:transform/log@{version}" "write" (func $log (param i32 i32 i32)))
  (import "sluicegate:transform/input@{version}" "read" (func $read (param i32 i32 i32)))
  {import}
  (memory (export "memory") 1)
  (global $free (mut i32) (i32.const 1024))
  ;; Offset 16: ok(plan {{ reads: [], output: at 48, one, stateless: true }}).
  (data (i32.const 16) "\00\00\00\00" "\00\00\00\00" "\00\00\00\00" "\30\00\00\00" "\01\00\00\00" "\01")
  ;; Offset 48: pass(0).
  (data (i32.const 48) "\00\00\00\00" "\00\00\00\00" "\00\00\00\00")
  ;; Offset 80: ok. Offset 96: err(data(at 128, seven)).
  (data (i32.const 96) "\01\00\00\00" "\01\00\00\00" "\80\00\00\00" "\07\00\00\00")
  (data (i32.const 128) "no luck")
  (data (i32.const 200) "red \1b[31mtext")
  ;; What `cabi_realloc` does besides: nothing, recurse, or call the host.
  (global $in_realloc (mut i32) (i32.const 0))
  (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (if (i32.eq (global.get $in_realloc) (i32.const 1))
      (then (drop (call $realloc (local.get 0) (local.get 1) (local.get 2) (local.get 3)))))
    (if (i32.eq (global.get $in_realloc) (i32.const 2))
      (then (call $read (i32.const 0) (i32.const 0) (i32.const 400))))
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func $deep_inside unreachable)
  (func $ackermann (param i64 i64) (result i64)
    (if (i64.eqz (local.get 0)) (then (return (i64.add (local.get 1) (i64.const 1)))))
    (if (i64.eqz (local.get 1)) (then (return
      (call $ackermann (i64.sub (local.get 0) (i64.const 1)) (i64.const 1)))))
    (call $ackermann (i64.sub (local.get 0) (i64.const 1))
      (call $ackermann (local.get 0) (i64.sub (local.get 1) (i64.const 1)))))
  (func (export "sluicegate:transform/transform@{version}#bind")
    (param i32 i32 i32 i32) (result i32)
    (i32.const 16))
  (func $process (export "sluicegate:transform/transform@{version}#process") (result i32)
    {process}
    (i32.const 80))
  (func (export "sluicegate:transform/transform@{version}#finish") (result i32)
    (i32.const 80)))"#
    )
}
