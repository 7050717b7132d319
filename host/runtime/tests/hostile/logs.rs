//! Guests that talk too much, or in riddles.

use sluicegate::sandbox::Level;

use crate::guest::{Guest, OK};
use crate::host::Host;
use crate::wasi;

/// Logs `text` `times` times at a level.
fn log(level: u32, text: &str, times: u32) -> Guest {
    Guest {
        items: format!("(data (i32.const 4096) \"{text}\")"),
        process: format!(
            "(local $left i32) (local.set $left (i32.const {times}))
             (loop $again (call $log (i32.const {level}) (i32.const 4096) (i32.const {}))
               (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))) {OK}",
            unescaped_len(text)
        ),
        ..Guest::default()
    }
}

/// Bytes of a string of the text format.
fn unescaped_len(text: &str) -> usize {
    text.len() - 2 * text.matches('\\').count()
}

#[test]
fn messages_keep_their_level() {
    let host = Host::default();
    host.run(&log(3, "careful", 1)).unwrap();
    assert_eq!(host.logs.take(), [(Level::Warn, "careful".to_owned())]);
}

#[test]
fn what_a_terminal_would_obey_is_spelled_out() {
    let host = Host::default();
    host.run(&log(
        2,
        r"a\1b[31m\0d\0a\00\c2\9b\e2\80\ae\e2\81\a6\ef\bb\bf\09b\c3\a9",
        1,
    ))
    .unwrap();
    let expected = r"a\u{1b}[31m\r\n\u{0}\u{9b}\u{202e}\u{2066}\u{feff} bé";
    assert_eq!(host.logs.take(), [(Level::Info, expected.to_owned())]);
}

#[test]
fn a_long_message_is_cut() {
    let mut host = Host::default();
    host.limits.message_bytes = 10;
    host.run(&log(2, "0123456789", 1)).unwrap();
    host.run(&log(2, "0123456789a", 1)).unwrap();
    let lines: Vec<_> = host.logs.take().into_iter().map(|(_, line)| line).collect();
    assert_eq!(lines, ["0123456789", "0123456789 [cut]"]);
}

#[test]
fn floods_are_dropped_and_counted() {
    let mut host = Host::default();
    host.limits.log_bytes = 1000;
    for (text, kept) in [("0123456789012345678901234567890123456", 9), ("", 15)] {
        host.run(&log(2, text, 10_000)).unwrap();
        let lines = host.logs.take();
        assert_eq!(lines.len(), kept + 1, "{text}");
        let last = format!(
            "{} more messages were dropped: limit `log_bytes` of 1000 reached",
            10_000 - kept
        );
        assert_eq!(lines.last().unwrap(), &(Level::Warn, last));
    }
}

#[test]
fn standard_output_becomes_lines() {
    let host = Host::default();
    host.run(&wasi::write(
        1,
        &[r"one\0atwo\0d\0a", "thr", r"ee\0a\0afour"],
    ))
    .unwrap();
    let lines: Vec<_> = host.logs.take();
    let line = |text: &str| (Level::Info, text.to_owned());
    assert_eq!(
        lines,
        [
            line("one"),
            line("two"),
            line("three"),
            line(""),
            line("four")
        ]
    );
    host.run(&wasi::write(2, &[r"bad \ff\fe\0a"])).unwrap();
    assert_eq!(
        host.logs.take(),
        [(Level::Warn, "bad \u{fffd}\u{fffd}".to_owned())]
    );
}

#[test]
fn standard_output_without_end_is_dropped() {
    let mut host = Host::default();
    host.limits.log_bytes = 1000;
    // 10,000 writes of 32 KiB without a line break, and as many that write nothing.
    host.run(&wasi::write_again(32 * 1024, 10_000)).unwrap();
    host.run(&wasi::write_again(0, 10_000)).unwrap();
    let lines = host.logs.take();
    let bytes: usize = lines.iter().map(|(_, line)| line.len()).sum();
    assert!(lines.len() <= 2 && bytes < 2000, "{lines:?}");
}
