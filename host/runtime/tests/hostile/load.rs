//! Files that are no plugin.

use sluicegate::ErrorKind;
use sluicegate::sandbox::{Cached, Sandbox, SandboxConfig};

use crate::guest::{Guest, add_one};
use crate::host::{sandbox, shown};

fn refused(bytes: &[u8]) -> String {
    let error = sandbox().load(bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Plugin, "{error}");
    shown(&error)
}

fn denied(bytes: &[u8]) -> String {
    let error = sandbox().load(bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Policy, "{error}");
    shown(&error)
}

#[test]
fn each_kind_of_wrong_file_is_named() {
    let module = wat::parse_str("(module)").unwrap();
    insta::assert_snapshot!(refused(b""), @r#"plugin: the plugin is refused: it is empty"#);
    insta::assert_snapshot!(refused(&module), @r#"
    plugin: the plugin is refused: it is a core module, not a component
      hint: build it for the target `wasm32-wasip2`, or with `sluice plugin build`
    "#);
    insta::assert_snapshot!(refused(b"\x7fELF\x02\x01\x01"), @r#"
    plugin: the plugin is refused: it is machine code, which is never loaded
      hint: give the component itself; compiled code is kept in the cache by `sluice`
    "#);
    insta::assert_snapshot!(refused(b"  (component)"), @r#"
    plugin: the plugin is refused: it is WebAssembly in text form
      hint: assemble it first, for example with `wasm-tools parse`
    "#);
    insta::assert_snapshot!(refused(b"PK\x03\x04"), @r#"
    plugin: the plugin is refused: it is no WebAssembly component
      hint: build it for the target `wasm32-wasip2`, or with `sluice plugin build`
    "#);
    insta::assert_snapshot!(refused(&wat::parse_str("(component)").unwrap()), @r#"
    plugin: the component is no transform: it does not export `sluicegate:transform/transform@0.1.0`
      hint: build it with the Sluicegate SDK of its language, or against `wit/transform.wit`
    "#);
}

/// The compiler takes such a component for a bug of its own.
#[test]
fn components_joined_across_two_memories_are_refused() {
    let joined = wat::parse_str(
        r#"(component
          (component $a
            (core module $m (memory (export "m") 1)
              (func (export "f") (param i32 i32))
              (func (export "r") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
            (core instance $i (instantiate $m))
            (func (export "f") (param "s" string)
              (canon lift (core func $i "f") (memory (core memory $i "m")) (realloc (core func $i "r")))))
          (component $b
            (import "f" (func $f (param "s" string)))
            (core module $libc (memory (export "m") 1))
            (core instance $l (instantiate $libc))
            (core func $lowered (canon lower (func $f) (memory (core memory $l "m"))))
            (core module $n (import "" "f" (func (param i32 i32))))
            (core instance (instantiate $n (with "" (instance (export "f" (func $lowered)))))))
          (instance $ia (instantiate $a))
          (instance (instantiate $b (with "f" (func $ia "f")))))"#,
    );
    insta::assert_snapshot!(refused(&joined.unwrap()), @r#"
    plugin: the plugin is refused: the compiler cannot make sense of it
      hint: build it again; it may be damaged or use a feature of WebAssembly that is not offered
      hint: components that were joined to one must share their memory
    "#);
}

#[test]
fn a_truncated_component_is_refused_wherever_it_ends() {
    let bytes = add_one(2, false).bytes();
    for percent in 0..100 {
        let error = sandbox()
            .load(&bytes[..bytes.len() * percent / 100])
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Plugin, "{percent} %: {error}");
    }
}

#[test]
fn features_that_are_off_are_refused() {
    let with = |items: &str| {
        let guest = Guest {
            items: items.to_owned(),
            ..Guest::default()
        };
        refused(&guest.bytes())
    };
    for (feature, items) in [
        ("memory64", "(memory $m i64 1)"),
        ("multi-memory", "(memory $m 1)"),
        ("threads", "(memory $m 1 1 shared)"),
        ("exceptions", "(tag $t)"),
        ("gc", "(type $s (struct))"),
        (
            "relaxed-simd",
            "(func (result v128) (i32x4.relaxed_trunc_f32x4_s (v128.const i32x4 0 0 0 0)))",
        ),
        (
            "wide-arithmetic",
            "(func (result i64 i64) (i64.mul_wide_s (i64.const 1) (i64.const 1)))",
        ),
        ("custom page sizes", "(memory $m 1 (pagesize 1))"),
        (
            "function references",
            "(type $f (func)) (func (param (ref $f)))",
        ),
    ] {
        let message = with(items);
        assert!(
            message.contains("no valid component"),
            "{feature}: {message}"
        );
    }
}

#[test]
fn another_version_of_the_contract_is_named_with_those_offered() {
    let guest = Guest {
        version: "0.2.0",
        ..add_one(2, false)
    };
    insta::assert_snapshot!(refused(&guest.bytes()), @r#"
    plugin: the plugin is built for `sluicegate:transform@0.2.0`, but `0.1.0` is offered
      hint: rebuild the plugin with the SDK of an offered version, or use another release of Sluicegate
    "#);
    let guest = Guest {
        version: "0.1.1",
        ..add_one(2, false)
    };
    insta::assert_snapshot!(refused(&guest.bytes()), @r#"
    plugin: the plugin is built for `sluicegate:transform@0.1.1`, but `0.1.0` is offered
      hint: rebuild the plugin with the SDK of an offered version, or use another release of Sluicegate
    "#);
}

#[test]
fn each_import_that_is_not_offered_is_named() {
    let imports = r#"
        (import "wasi:keyvalue/store@0.2.0" (instance))
        (import "sluicegate:access/files@0.1.0" (instance))
        (import "wasi:cli/environment@0.3.0" (instance (export "get-environment" (func))))
        (import "acme:secrets/store" (instance (export "get" (func))))
        (import "do-anything" (func))"#;
    let guest = Guest {
        imports: imports.to_owned(),
        ..Guest::default()
    };
    insta::assert_snapshot!(refused(&guest.bytes()), @r#"
    plugin: the plugin imports what is not offered: `wasi:keyvalue/store@0.2.0`, `sluicegate:access/files@0.1.0`, `wasi:cli/environment@0.3.0`, `acme:secrets/store`, `do-anything`
      hint: a transform gets columns, log messages and the base of WASI 0.2 (cli, io, clocks, random, filesystem, sockets); build it without what needs more
    "#);
}

#[test]
fn each_import_that_a_step_does_not_declare_is_named_with_its_declaration() {
    let imports = r#"
        (import "sluicegate:access/objects@0.1.0" (instance))
        (import "sluicegate:access/secrets@0.1.0" (instance))
        (import "wasi:http/types@0.2.6" (instance))
        (import "wasi:http/outgoing-handler@0.2.6" (instance))"#;
    let guest = Guest {
        imports: imports.to_owned(),
        ..Guest::default()
    };
    insta::assert_snapshot!(denied(&guest.bytes()), @r#"
    policy: the plugin imports what its step does not declare: `sluicegate:access/objects@0.1.0`, `sluicegate:access/secrets@0.1.0`, `wasi:http/types@0.2.6`, `wasi:http/outgoing-handler@0.2.6`
      hint: if it may, declare `[steps.objects.NAME]` with a `uri` in the step
      hint: if it may, declare `secrets = ["NAME"]` in the step
      hint: if it may, declare `[[steps.http]]` with a `url` in the step
    "#);
}

#[test]
fn an_import_of_another_type_is_refused() {
    let imports = r#"(import "wasi:random/random@0.2.0" (instance (export "get-random-u64" (func (result string)))))"#;
    let guest = Guest {
        imports: imports.to_owned(),
        ..Guest::default()
    };
    insta::assert_snapshot!(refused(&guest.bytes()), @r#"
    plugin: the plugin is refused: it does not fit the contract: component imports instance `wasi:random/random@0.2.0`, but a matching implementation was not found in the linker: instance export `get-random-u64` has the wrong type: type mismatch with results: expected `u64` found `string`
      hint: build it against the `wit/transform.wit` of this release
    "#);
}

#[test]
fn an_inspection_tells_what_a_plugin_is() {
    let plugin = sandbox().load(&add_one(2, false).bytes()).unwrap();
    let inspection = plugin.inspect();
    assert_eq!(inspection.contract, "0.1.0");
    assert_eq!(inspection.digest, plugin.digest());
    assert_eq!(plugin.digest().len(), 64);
    assert!(inspection.asks.is_empty());
    let exports: Vec<_> = inspection
        .exports
        .iter()
        .map(|export| export.name.as_str())
        .collect();
    assert_eq!(exports, ["sluicegate:transform/transform@0.1.0"]);
    assert_eq!(
        inspection.exports[0].functions,
        ["bind", "process", "finish"]
    );
    let json = serde_json::to_value(inspection).unwrap();
    assert_eq!(json["imports"][3]["functions"][0], "write");
}

#[test]
fn without_a_cache_each_load_compiles() {
    let sandbox = Sandbox::new(SandboxConfig::default()).unwrap();
    let bytes = add_one(2, false).bytes();
    for _ in 0..2 {
        assert_eq!(sandbox.load(&bytes).unwrap().cached(), &Cached::Off);
    }
}
