//! Guests that break the canonical ABI, or make the host copy far more than they have.

use proptest::prelude::*;
use sluicegate::ErrorKind;

use crate::guest::{Guest, OK, SCRATCH, add_one, escaped, words};
use crate::host::{Host, batch, sandbox};

fn emit(selection: (u32, u32, u32), columns: (u32, u32), data: &[(u32, String)]) -> Guest {
    let data = data
        .iter()
        .map(|(at, bytes)| format!("(data (i32.const {at}) \"{bytes}\")"));
    let (case, at, len) = selection;
    let (columns, count) = columns;
    let process = format!(
        "(call $emit (i32.const {case}) (i32.const {at}) (i32.const {len})
           (i32.const {columns}) (i32.const {count})) {OK}"
    );
    Guest {
        items: data.collect(),
        process,
        ..Guest::default()
    }
}

#[track_caller]
fn check_broken(name: &str, guest: &Guest) {
    let error = Host::default().error(guest);
    assert!(
        matches!(error.kind(), ErrorKind::Trap | ErrorKind::Limit),
        "{name}: {error}"
    );
}

#[test]
fn what_the_abi_forbids_is_refused() {
    let log = |level: u32, at: u32, len: u32| Guest {
        process: format!("(call $log (i32.const {level}) (i32.const {at}) (i32.const {len})) {OK}"),
        items: format!("(data (i32.const {SCRATCH}) \"\\ff\\fe\\ed\\a0\\80\")"),
        ..Guest::default()
    };
    check_broken("discriminant of an enum", &log(5, SCRATCH, 0));
    check_broken("discriminant of an enum", &log(0xffff_ffff, SCRATCH, 0));
    check_broken("no UTF-8", &log(0, SCRATCH, 2));
    check_broken("a lone surrogate", &log(0, SCRATCH + 2, 3));
    check_broken("a string out of memory", &log(0, 0xffff_fff0, 100));
    check_broken("a string of 4 GiB", &log(0, 0, 0xffff_ffff));
    check_broken("case of a variant", &emit((3, 0, 0), (0, 0), &[]));
    check_broken(
        "a list out of memory",
        &emit((0, 0, 0), (SCRATCH, 0x1000_0000), &[]),
    );
    check_broken(
        "a list that is not aligned",
        &emit((0, 0, 0), (SCRATCH + 1, 2), &[]),
    );
    let bind = |bytes: &str| Guest {
        bind: format!("(i32.const {SCRATCH})"),
        items: format!("(data (i32.const {SCRATCH}) \"{bytes}\")"),
        ..Guest::default()
    };
    check_broken("case of a result", &bind("\\02"));
    check_broken("case of a fault", &bind("\\01\\00\\00\\00\\03"));
    check_broken(
        "a plan out of memory",
        &bind(&words(&[0, 0xffff_0000, 0xffff, 0, 0, 1])),
    );
    for at in ["0xffffffff", "0xfffffff0", "1048577"] {
        let bind = format!("(i32.const {at})");
        check_broken(
            "a result out of memory",
            &Guest {
                bind,
                ..Guest::default()
            },
        );
    }
    for at in ["0xffffffff", "0xfffffff0", "1", "1048572"] {
        let realloc = format!("(i32.const {at})");
        check_broken(
            "memory out of memory",
            &Guest {
                realloc,
                ..add_one(2, false)
            },
        );
    }
}

#[test]
fn allocations_that_overlap_harm_only_the_guest() {
    // Everything that the host writes lands on the same bytes.
    let realloc = "(i32.const 65536)".to_owned();
    let guest = Guest {
        realloc,
        ..add_one(2, false)
    };
    let host = Host::default();
    let plugin = sandbox().load(&guest.bytes()).unwrap();
    match host
        .bind(&plugin)
        .and_then(|bound| bound.process(batch(2, 10)))
    {
        Ok((_, produced)) => assert!(produced.batches.len() <= 1),
        Err(error) => assert!(
            matches!(error.kind(), ErrorKind::Trap | ErrorKind::Limit),
            "{error}"
        ),
    }
}

#[test]
fn lists_that_alias_one_region_are_charged_each_time() {
    // One column of one array with 100,000 buffers, all the same MiB.
    let buffer = words(&[SCRATCH, 1 << 20]);
    let buffers = buffer.repeat(100_000);
    let guest = Guest {
        pages: 40,
        ..emit(
            (0, 0, 0),
            (4096, 2),
            &[
                (4096, words(&[4112, 1, 4112, 1])),
                (4112, words(&[10, 0, 1_200_000, 100_000])),
                (1_200_000, buffers),
            ],
        )
    };
    insta::assert_snapshot!(Host::default().message(&guest), @r#"
    limit: call `process`: limit `lift_bytes` of 64 MiB reached
      limit: lift_bytes
      backtrace: process
      hint: if the transform is right to need more, raise `lift_bytes` under `[limits]` in the application file, or pass `--limit-lift-bytes`
    "#);
}

#[test]
fn one_list_larger_than_a_call_may_lift_is_refused() {
    let mut host = Host::default();
    host.limits.lift_bytes = 1 << 20;
    let guest = Guest {
        pages: 100,
        ..emit((1, 0, 5 << 20), (0, 0), &[])
    };
    let message = host.message(&guest);
    assert!(
        message.contains("limit `lift_bytes` of 1 MiB reached"),
        "{message}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_as_what_is_emitted_end_in_an_answer(
        bytes in proptest::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(16), any::<u8>()], 0..200),
        case in 0_u32..4,
        at in SCRATCH..SCRATCH + 64,
        len in 0_u32..40,
        count in prop_oneof![Just(2_u32), 0_u32..4],
    ) {
        let guest = emit((case, at, len), (SCRATCH, count), &[(SCRATCH, escaped(&bytes))]);
        if let Err(error) = Host::default().run(&guest) {
            prop_assert!(matches!(error.kind(), ErrorKind::Trap | ErrorKind::Limit), "{error}");
        }
    }

    #[test]
    fn any_bytes_as_a_plan_end_in_an_answer(
        bytes in proptest::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(32), any::<u8>()], 24..200),
    ) {
        let guest = Guest {
            bind: format!("(i32.const {SCRATCH})"),
            items: format!("(data (i32.const {SCRATCH}) \"{}\")", escaped(&bytes)),
            ..Guest::default()
        };
        if let Err(error) = Host::default().run(&guest) {
            prop_assert!(
                matches!(error.kind(), ErrorKind::Trap | ErrorKind::Limit | ErrorKind::Guest),
                "{error}"
            );
        }
    }
}
