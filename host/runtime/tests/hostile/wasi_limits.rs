//! Guests that ask the base of WASI for too much: each limit is tried at the limit, and one past it.

use sluicegate::{Error, ErrorKind};

use crate::guest::{Guest, OK};
use crate::host::Host;
use crate::wasi::{clock, one, write_again, writer};

/// `body`, `times` times over; it may use the local `$left`.
fn again(times: u32, body: &str) -> String {
    format!(
        "(local $left i32) (local.set $left (i32.const {times}))
         (loop $again {body}
           (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))) {OK}"
    )
}

/// Fails unless the guest of `limit` runs, and that of one more is refused; the refusal.
#[track_caller]
fn check_limit(name: &str, limit: u32, guest: impl Fn(u32) -> Guest) -> Error {
    if let Err(error) = Host::default().run(&guest(limit)) {
        panic!("{name}: {limit}: {error}");
    }
    let error = Host::default().error(&guest(limit + 1));
    assert!(
        matches!(error.kind(), ErrorKind::Trap | ErrorKind::Limit),
        "{name}: {error}"
    );
    error
}

const HANDLES: u32 = 1_000;

/// A guest with a resource of its own, as `$new`.
fn owner() -> Guest {
    Guest {
        imports: "(type $mine (resource (rep i32)))".to_owned(),
        lower: "(core func $new (canon resource.new $mine))".to_owned(),
        lowered: r#"(export "new" (func $new))"#.to_owned(),
        core_imports: r#"(import "host" "new" (func $new (param i32) (result i32)))"#.to_owned(),
        ..Guest::default()
    }
}

#[test]
fn handles_are_limited_whatever_they_stand_for() {
    let keep = |guest: &Guest, call: &str, times: u32| Guest {
        process: again(times, &format!("(drop {call})")),
        ..guest.clone()
    };
    for (name, guest, call) in [
        ("streams", writer(), "(call $out)"),
        ("pollables", clock(), "(call $after (i64.const 1))"),
        ("resources of its own", owner(), "(call $new (i32.const 7))"),
    ] {
        let error = check_limit(name, HANDLES, |times| keep(&guest, call, times));
        assert!(error.to_string().contains("handle"), "{name}: {error}");
        let error = Host::default().error(&keep(&guest, call, 1_000_000));
        assert!(error.to_string().contains("handle"), "{name}: {error}");
    }
}

#[test]
fn handles_of_all_components_within_a_guest_are_one_sum() {
    // Each of two components within makes resources of its own when it starts.
    let maker = |count: u32| {
        format!(
            r#"
      (component $makes-{count}
        (type $mine (resource (rep i32)))
        (core func $new (canon resource.new $mine))
        (core module $module
          (import "host" "new" (func $new (param i32) (result i32)))
          (func $make (drop (call $make-all)))
          (func $make-all (result i32) {})
          (start $make))
        (core instance (instantiate $module (with "host" (instance (export "new" (func $new)))))))
      (instance (instantiate $makes-{count}))"#,
            again(count, "(drop (call $new (i32.const 7)))")
        )
    };
    let guest = |count: u32| Guest {
        imports: maker(400) + &maker(count - 400),
        ..Guest::default()
    };
    let error = check_limit("two components", HANDLES, guest);
    assert!(error.to_string().contains("handle"), "{error}");
}

#[test]
fn polls_are_limited() {
    // A list of one handle, again and again.
    let guest = |count: u32| Guest {
        process: format!(
            "(local $p i32) (local $at i32)
             (local.set $p (call $after (i64.const -1)))
             (local.set $at (i32.const 65536))
             (loop $again
               (i32.store (local.get $at) (local.get $p))
               (local.set $at (i32.add (local.get $at) (i32.const 4)))
               (br_if $again (i32.lt_u (local.get $at) (i32.const 131072))))
             (global.set $heap (i32.const 131072))
             (call $poll (i32.const 65536) (i32.const {count}) (i32.const 256))
             (if (i32.ne (i32.load (i32.const 260)) (i32.const {count})) (then unreachable)) {OK}"
        ),
        ..clock()
    };
    // To lend a handle counts as a handle, beside the one that is lent.
    let error = check_limit("pollables", HANDLES - 1, guest);
    assert!(error.to_string().contains("handle"), "{error}");
    let error = Host::default().error(&guest(5_000));
    assert!(error.to_string().contains("handle"), "{error}");
    let error = Host::default().error(&guest(0));
    let expected = "the transform broke the contract: `poll` got no pollables";
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn writes_are_limited() {
    check_limit("bytes", 64 * 1024, |bytes| write_again(bytes, 1));
    let message = Host::default().message(&write_again(65 * 1024, 1));
    insta::assert_snapshot!(message, @r#"
    trap: call `process`: the transform broke the contract: a write of 66560 bytes, above what was permitted
      backtrace: process
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
}

#[test]
fn random_bytes_are_limited() {
    for (interface, function) in [
        ("random", "get-random-bytes"),
        ("insecure", "get-insecure-random-bytes"),
    ] {
        let guest = |len: i64| {
            one(
                &format!("wasi:random/{interface}@0.2.0#{function}"),
                &format!(r#"(export "{function}" (func (param "len" u64) (result (list u8))))"#),
                r#"(memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))"#,
                "(param i64 i32)",
                &format!("(call $f (i64.const {len}) (i32.const 256)) {OK}"),
            )
        };
        check_limit(function, 64 * 1024, |len| guest(len.into()));
        let error = Host::default().error(&guest(-1));
        assert_eq!(error.kind(), ErrorKind::Trap, "{error}");
    }
}

/// A guest with standard input as `$in`, standard output as `$out`, and one method of a stream as `$f`.
fn stream(method: &str, parameters: &str, core: &str, result: &str) -> Guest {
    let imports = format!(
        r#"
  (import "wasi:io/error@0.2.3" (instance $io-error (export "error" (type (sub resource)))))
  (alias export $io-error "error" (type $io-error-type))
  (import "wasi:io/streams@0.2.3" (instance $io-streams
    (export "input-stream" (type $i (sub resource)))
    (export "output-stream" (type $o (sub resource)))
    (alias outer 1 $io-error-type (type $e0))
    (export "error" (type $e (eq $e0)))
    (type $se0 (variant (case "last-operation-failed" (own $e)) (case "closed")))
    (export "stream-error" (type $se (eq $se0)))
    (export "[method]{method}" (func {parameters} (param "len" u64) (result (result {result} (error $se)))))))
  (alias export $io-streams "input-stream" (type $input-stream))
  (alias export $io-streams "output-stream" (type $output-stream))
  (import "wasi:cli/stdin@0.2.3" (instance $stdin
    (alias outer 1 $input-stream (type $i0)) (export "input-stream" (type $i (eq $i0)))
    (export "get-stdin" (func (result (own $i))))))
  (import "wasi:cli/stdout@0.2.3" (instance $stdout
    (alias outer 1 $output-stream (type $o0)) (export "output-stream" (type $o (eq $o0)))
    (export "get-stdout" (func (result (own $o))))))"#
    );
    let lower = format!(
        r#"
  (core func $in (canon lower (func $stdin "get-stdin")))
  (core func $out (canon lower (func $stdout "get-stdout")))
  (core func $f (canon lower (func $io-streams "[method]{method}")
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))"#
    );
    Guest {
        imports,
        lower,
        lowered: r#"(export "in" (func $in)) (export "out" (func $out)) (export "f" (func $f))"#
            .to_owned(),
        core_imports: format!(
            r#"(import "host" "in" (func $in (result i32))) (import "host" "out" (func $out (result i32)))
               (import "host" "f" (func $f (param {core} i64 i32)))"#
        ),
        ..Guest::default()
    }
}

/// Calls both forms of `method` for all there could ever be; `then` looks at the result, which lies at 256.
#[track_caller]
fn check_stream(methods: [&str; 2], parameters: &str, result: &str, then: &str) {
    let splice = parameters.contains("src");
    let (core, arguments) = match methods[0].split_once('.').unwrap() {
        _ if splice => ("i32 i32", "(call $out) (call $in)"),
        ("input-stream", _) => ("i32", "(call $in)"),
        _ => ("i32", "(call $out)"),
    };
    for method in methods {
        let guest = Guest {
            process: format!("(call $f {arguments} (i64.const -1) (i32.const 256)) {then} {OK}"),
            ..stream(method, parameters, core, result)
        };
        let host = Host::default();
        let ended = host.run(&guest);
        assert!(ended.is_ok(), "{method}: {ended:?}");
        assert!(host.logs.take().is_empty(), "{method}");
    }
}

#[test]
fn reading_all_there_could_ever_be_yields_nothing() {
    let input = r#"(param "self" (borrow $i))"#;
    let output = r#"(param "self" (borrow $o))"#;
    let both = r#"(param "self" (borrow $o)) (param "src" (borrow $i))"#;
    // Case 1 of a result is an error, of which case 1 is `closed`.
    let closed = |at: u32| {
        format!(
            "(if (i32.ne (i32.load8_u (i32.const 256)) (i32.const 1)) (then unreachable))
             (if (i32.ne (i32.load8_u offset={at} (i32.const 256)) (i32.const 1)) (then unreachable))"
        )
    };
    let read = ["input-stream.read", "input-stream.blocking-read"];
    check_stream(read, input, "(list u8)", &closed(4));
    let skip = ["input-stream.skip", "input-stream.blocking-skip"];
    check_stream(skip, input, "u64", &closed(8));
    let splice = ["output-stream.splice", "output-stream.blocking-splice"];
    check_stream(splice, both, "u64", &closed(8));
    let zeroes = [
        "output-stream.write-zeroes",
        "output-stream.blocking-write-zeroes-and-flush",
    ];
    let fine = "(if (i32.load8_u (i32.const 256)) (then unreachable))";
    check_stream(zeroes, output, "", fine);
}

/// A guest with `$get`, which gives a handle, and `$take`, which is denied and takes `parameter`.
fn giver(parameter: &str, core: &str) -> Guest {
    let imports = format!(
        r#"(import "wasi:sockets/network@0.2.0" (instance $network
             (export "network" (type $n (sub resource)))
             (export "get" (func (result (own $n))))
             (export "take" (func (param "all" {parameter}) (result (list u8))))))
           (alias export $network "network" (type $network-type))"#
    );
    Guest {
        imports,
        lower: r#"
          (core func $get (canon lower (func $network "get")))
          (core func $take (canon lower (func $network "take")
            (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
          (core func $drop (canon resource.drop $network-type))"#
            .to_owned(),
        lowered: r#"(export "get" (func $get)) (export "take" (func $take)) (export "drop" (func $drop))"#
            .to_owned(),
        core_imports: format!(
            r#"(import "host" "get" (func $get (result i32)))
               (import "host" "take" (func $take (param {core} i32)))
               (import "host" "drop" (func $drop (param i32)))"#
        ),
        ..Guest::default()
    }
}

#[test]
fn handles_that_what_is_denied_was_given_are_given_back() {
    let keep = "(i32.store (i32.const 65536) (call $get))";
    for (parameter, core, body) in [
        (
            "(own $n)",
            "i32",
            "(call $take (call $get) (i32.const 256))".to_owned(),
        ),
        (
            "(list (own $n))",
            "i32 i32",
            format!("{keep} (call $take (i32.const 65536) (i32.const 1) (i32.const 256))"),
        ),
        (
            "(tuple u8 (own $n))",
            "i32 i32",
            "(call $take (i32.const 1) (call $get) (i32.const 256))".to_owned(),
        ),
        (
            "(option (own $n))",
            "i32 i32",
            "(call $take (i32.const 1) (call $get) (i32.const 256))".to_owned(),
        ),
        (
            "(result (own $n) (error (own $n)))",
            "i32 i32",
            "(call $take (i32.const 1) (call $get) (i32.const 256))".to_owned(),
        ),
        (
            "(list (borrow $n))",
            "i32 i32",
            format!(
                "{keep} (call $take (i32.const 65536) (i32.const 1) (i32.const 256))
                 (call $drop (i32.load (i32.const 65536)))"
            ),
        ),
    ] {
        let guest = Guest {
            process: again(10 * HANDLES, &body),
            ..giver(parameter, core)
        };
        let ended = Host::default().run(&guest);
        assert!(ended.is_ok(), "{parameter}: {ended:?}");
    }
}

#[test]
fn many_borrows_of_one_handle_end_in_an_answer() {
    let process = format!(
        "(local $n i32) (local $at i32)
         (local.set $n (call $get))
         (local.set $at (i32.const 65536))
         (loop $again
           (i32.store (local.get $at) (local.get $n))
           (local.set $at (i32.add (local.get $at) (i32.const 4)))
           (br_if $again (i32.lt_u (local.get $at) (i32.const 1048576))))
         (call $take (i32.const 65536) (i32.const 200000) (i32.const 256)) {OK}"
    );
    let guest = Guest {
        process,
        ..giver("(list (borrow $n))", "i32 i32")
    };
    let error = Host::default().error(&guest);
    assert!(
        matches!(error.kind(), ErrorKind::Trap | ErrorKind::Limit),
        "{error}"
    );
}
