//! Guests that keep the ABI and break the contract.

use std::sync::Arc;

use arrow::array::Array;
use sluicegate::ErrorKind;

use crate::guest::{Guest, OK, Output, SCRATCH, add_one, words};
use crate::host::{Host, batch, sandbox};

/// Emits one column of one array with a length, without buffers.
fn emit_null(length: u32, selection: &str) -> Guest {
    let data = words(&[SCRATCH + 16, 1, 0, 0, length, length, 0, 0]);
    Guest {
        output: vec![Output::Computed("n", "n")],
        items: format!(
            "(data (i32.const {SCRATCH}) \"{data}\") (data (i32.const 9000) \"\\ff\\ff\\ff\\ff\")"
        ),
        process: format!("(call $emit {selection} (i32.const {SCRATCH}) (i32.const 1)) {OK}"),
        ..Guest::default()
    }
}

const ALL: &str = "(i32.const 0) (i32.const 0) (i32.const 0)";

fn message(guest: &Guest) -> String {
    Host::default().message(guest)
}

#[test]
fn a_column_that_needs_no_bytes_is_limited_by_its_rows() {
    // 32 nulls of ten rows: the batch says how many there must be.
    insta::assert_snapshot!(message(&emit_null(u32::MAX, ALL)), @r#"
    trap: call `process`: `output.emit`: computed column 0: the transform broke the contract: column `n`: its array has 4294967295 values, but must have 10
      backtrace: process
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
    // In `finish` the guest says it.
    let mut guest = emit_null(u32::MAX, ALL);
    std::mem::swap(&mut guest.process, &mut guest.finish);
    insta::assert_snapshot!(message(&guest), @r#"
    limit: call `finish`: limit `emit_rows` of 16777216 reached
      limit: emit_rows
      backtrace: <wasm function 7>
      hint: if the transform is right to need more, raise `emit_rows` under `[limits]` in the application file, or pass `--limit-emit-rows`
    "#);
    let produced = Host::default().run(&emit_null(10, ALL)).unwrap();
    assert_eq!(produced[0].batches[0].computed[0].len(), 10);
}

#[test]
fn emitting_over_and_over_is_limited() {
    let repeat = |mut guest: Guest| {
        guest.process = format!(
            "(loop $again {} (drop) (br $again)) unreachable",
            guest.process
        );
        guest
    };
    let mut host = Host::default();
    host.limits.emit_rows = 100;
    let error = host.error(&repeat(emit_null(10, ALL)));
    assert_eq!(
        error.to_string(),
        "call `process`: limit `emit_rows` of 100 reached"
    );
    // One row costs the host more than its bytes.
    let mut host = Host::default();
    host.limits.emit_bytes = 1 << 20;
    let error = host.error(&repeat(emit_null(10, ALL)));
    assert_eq!(
        error.to_string(),
        "call `process`: limit `emit_bytes` of 1 MiB reached"
    );
    // Batches without rows leave nothing behind.
    let none = emit_null(0, "(i32.const 2) (i32.const 0) (i32.const 0)");
    let produced = Host::default().run(&none).unwrap();
    assert!(produced[0].batches.is_empty());
}

#[test]
fn a_selection_must_fit_the_batch() {
    // Ten rows need two bytes.
    insta::assert_snapshot!(message(&emit_null(8, "(i32.const 1) (i32.const 9000) (i32.const 1)")), @r#"
    trap: call `process`: the transform broke the contract: the filter has 1 bytes, but 10 rows need 2
      backtrace: process
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
    insta::assert_snapshot!(message(&emit_null(1, "(i32.const 2) (i32.const 9000) (i32.const 4)")), @r#"
    trap: call `process`: the transform broke the contract: row 4294967295 is to be taken from a batch of 10 rows
      backtrace: process
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
    insta::assert_snapshot!(message(&emit_null(1, "(i32.const 2) (i32.const 9000) (i32.const 3)")), @r#"
    trap: call `process`: the transform broke the contract: the indices to take are 3 bytes, not a multiple of 4
      backtrace: process
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
    insta::assert_snapshot!(message(&emit_null(9, "(i32.const 1) (i32.const 9000) (i32.const 2)")), @r#"
    trap: call `process`: `output.emit`: computed column 0: the transform broke the contract: column `n`: its array has 9 values, but must have 10
      backtrace: process
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
}

#[test]
fn what_is_emitted_must_be_what_was_planned() {
    let mut two = emit_null(10, ALL);
    two.output.push(Output::Computed("m", "n"));
    insta::assert_snapshot!(message(&two), @r#"
    trap: call `process`: the transform broke the contract: `output.emit` got 1 columns, the plan computes 2
      backtrace: process
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
    insta::assert_snapshot!(message(&emit_null(9, ALL)), @r#"
    trap: call `process`: `output.emit`: computed column 0: the transform broke the contract: column `n`: its array has 9 values, but must have 10
      backtrace: process
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
    let mut numbers = emit_null(10, ALL);
    numbers.output = vec![Output::Computed("n", "l")];
    insta::assert_snapshot!(message(&numbers), @r#"
    trap: call `process`: `output.emit`: computed column 0: the transform broke the contract: column `n`: its array has 0 buffers, but must have 2: validity, values
      backtrace: process
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
}

#[test]
fn emitting_has_its_time() {
    let moved = |to: fn(&mut Guest) -> &mut String, ok: &str| {
        let mut guest = emit_null(10, ALL);
        let body = std::mem::replace(&mut guest.process, OK.to_owned());
        *to(&mut guest) = body.replace(OK, ok);
        guest
    };
    insta::assert_snapshot!(message(&moved(|guest| &mut guest.bind, OK)), @r#"
    trap: call `bind`: the transform broke the contract: `output.emit` was called in `bind`
      backtrace: <wasm function 5>
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
    insta::assert_snapshot!(message(&moved(|guest| &mut guest.start, "")), @r#"
    trap: call `instantiate`: the transform broke the contract: `output.emit` was called in `instantiate`
      backtrace: start
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
    insta::assert_snapshot!(message(&moved(|guest| &mut guest.post_return, "")), @r#"
    trap: call `bind`: the transform crashed in `<wasm function 8>`: cannot leave component instance
      backtrace: <wasm function 8>
    "#);
    // After the last batch, columns may be computed and none passed through.
    let produced = Host::default()
        .run(&moved(|guest| &mut guest.finish, OK))
        .unwrap();
    assert_eq!(produced[1].batches[0].rows, 10);
    let mut passing = moved(|guest| &mut guest.finish, OK);
    passing.output.push(Output::Pass(0));
    insta::assert_snapshot!(message(&passing), @r#"
    trap: call `finish`: the transform broke the contract: `output.emit` in `finish` with columns to pass through
      backtrace: <wasm function 7>
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
}

#[test]
fn reading_is_for_the_columns_of_the_plan() {
    let read = |indices: &[u32]| Guest {
        items: format!("(data (i32.const {SCRATCH}) \"{}\")", words(indices)),
        process: format!(
            "(call $read (i32.const {SCRATCH}) (i32.const {}) (i32.const 128)) {OK}",
            indices.len()
        ),
        ..Guest::default()
    };
    assert!(Host::default().run(&read(&[1, 1])).is_ok());
    insta::assert_snapshot!(message(&read(&[2])), @r#"
    trap: call `process`: the transform broke the contract: `input.read` asked for column 2, the plan reads 2
      backtrace: process
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
    insta::assert_snapshot!(message(&read(&[0, 1, 0])), @r#"
    trap: call `process`: the transform broke the contract: `input.read` asked for 3 columns, the plan reads 2
      backtrace: process
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
    let mut late = read(&[0]);
    std::mem::swap(&mut late.process, &mut late.finish);
    insta::assert_snapshot!(message(&late), @r#"
    trap: call `finish`: the transform broke the contract: `input.read` was called in `finish`
      backtrace: <wasm function 7>
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
}

fn reject(rows: &[u32], times: u32) -> Guest {
    let entries: Vec<u32> = rows.iter().flat_map(|row| [*row, 9000, 5]).collect();
    Guest {
        items: format!(
            "(data (i32.const {SCRATCH}) \"{}\") (data (i32.const 9000) \"b\\1bd!\\0a\")",
            words(&entries)
        ),
        process: format!(
            "(local $left i32) (local.set $left (i32.const {times}))
             (loop $again (call $reject (i32.const {SCRATCH}) (i32.const {}))
               (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))) {OK}",
            rows.len()
        ),
        ..Guest::default()
    }
}

#[test]
fn rows_are_rejected_once_and_only_where_they_are() {
    let produced = Host::default().run(&reject(&[3, 9, 3], 2)).unwrap();
    let rejected: Vec<_> = produced[0]
        .rejected
        .iter()
        .map(|row| (row.row, row.reason.as_str()))
        .collect();
    assert_eq!(rejected, [(3, "b\\u{1b}d!\\n"), (9, "b\\u{1b}d!\\n")]);
    insta::assert_snapshot!(message(&reject(&[10], 1)), @r#"
    trap: call `process`: the transform broke the contract: `output.reject` got row 10, the batch has 10 rows
      backtrace: process
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
    let mut host = Host::default();
    host.limits.rejections = 2;
    assert!(host.run(&reject(&[0, 1], 5)).is_ok());
    let error = host.error(&reject(&[0, 1, 2], 1));
    assert_eq!(
        error.to_string(),
        "call `process`: limit `rejections` of 2 reached"
    );
}

#[test]
fn a_plan_must_fit_the_input() {
    let plan = |reads: Vec<u32>, output: Vec<Output>| Guest {
        reads,
        output,
        ..Guest::default()
    };
    let pass = || vec![Output::Pass(0)];
    insta::assert_snapshot!(message(&plan(vec![3], pass())), @r#"
    trap: call `bind`: the transform broke the contract: `plan.reads` has column 3, but the input has 3 columns
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
    insta::assert_snapshot!(message(&plan(vec![0, 2, 0], pass())), @r#"
    trap: call `bind`: the transform broke the contract: `plan.reads` has column 0 twice
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
    insta::assert_snapshot!(message(&plan(vec![], vec![Output::Pass(3)])), @r#"
    trap: call `bind`: the transform broke the contract: `plan.output` has column 3, but the input has 3 columns
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
    insta::assert_snapshot!(message(&plan(vec![], vec![])), @r#"
    trap: call `bind`: the transform broke the contract: `plan.output` is empty
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
    insta::assert_snapshot!(message(&plan(vec![], vec![Output::Pass(0), Output::Computed("x", "l")])), @r#"
    trap: call `bind`: the transform broke the contract: `plan.output` has two columns named `x`
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
    insta::assert_snapshot!(message(&plan(vec![], vec![Output::Computed("a", "+ud:0")])), @r#"
    trap: call `bind`: `plan.output` column 0: the transform broke the contract: column `a`: format `+ud:0` cannot be used: unions are not offered
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
    insta::assert_snapshot!(message(&plan(vec![], vec![Output::Computed("a", "no type")])), @r#"
    trap: call `bind`: `plan.output` column 0: the transform broke the contract: column `a`: format `no type` cannot be used: it is not known
      hint: this is a mistake in the plugin, not in the data: report it to the plugin's author
    "#);
    let mut host = Host::default();
    host.limits.fields = 2;
    let error = host.error(&plan(
        vec![],
        vec![Output::Pass(0), Output::Pass(1), Output::Pass(2)],
    ));
    assert_eq!(
        error.to_string(),
        "call `bind`: limit `fields` of 2 reached"
    );
}

#[test]
fn instances_with_different_plans_can_be_told_apart() {
    let host = Host::default();
    // The second time, one page more was there before.
    let other = Guest {
        stateless: false,
        ..add_one(2, false)
    };
    let plan = |guest: &Guest| {
        let plugin = sandbox().load(&guest.bytes()).unwrap();
        host.bind(&plugin).unwrap().plan().clone()
    };
    assert_eq!(plan(&add_one(2, false)), plan(&add_one(2, true)));
    assert_ne!(plan(&add_one(2, false)), plan(&other));
    assert_ne!(plan(&add_one(2, false)), plan(&add_one(3, false)));
}

#[test]
fn a_batch_with_other_columns_never_reaches_the_guest() {
    let host = Host::default();
    let plugin = sandbox().load(&add_one(2, false).bytes()).unwrap();
    let error = host
        .bind(&plugin)
        .unwrap()
        .process(batch(1, 10))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    let texts = arrow::array::StringArray::from(vec!["a"]);
    let column = Arc::new(texts) as Arc<dyn Array>;
    let batch =
        arrow::array::RecordBatch::try_from_iter([("x", Arc::clone(&column)), ("y", column)])
            .unwrap();
    let error = host.bind(&plugin).unwrap().process(batch).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
}
