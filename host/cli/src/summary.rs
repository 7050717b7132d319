//! What a finished run prints.

use std::fmt::Write as _;

use indicatif::{DecimalBytes, HumanCount};
use serde::Serialize;
use sluicegate::run::{
    Attempts, BadRowsSummary, RejectedRow, Replayed, StepSummary, Summary, UnreadableRecord,
};

use crate::report::{self, Outcome, printable};

/// Files that are listed; the others are counted.
const FILES_LISTED: usize = 10;

/// Rejected rows of a step that are listed; the others are counted.
const REJECTED_LISTED: usize = 20;

#[derive(Serialize)]
struct Machine<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    output: &'a str,
    /// Most memory that the process held at once, where the system tells.
    peak_rss: Option<u64>,
    /// Of the last line of the audit, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    audit_hash: Option<String>,
}

/// Prints the summary as one line of JSON.
pub(crate) fn print_json(summary: &Summary, output: &str, audit_hash: Option<String>) -> Outcome {
    report::print_json(&Machine {
        summary,
        output,
        peak_rss: peak_rss(),
        audit_hash,
    })
}

/// Prints the summary for people.
pub(crate) fn print(summary: &Summary, output: &str, audit_hash: Option<String>) -> Outcome {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = figures(summary, &mut text);
    let _ = bad_rows(summary, output, &mut text);
    let _ = attempts(summary, &mut text);
    let _ = kept(summary, &mut text);
    let _ = checks(summary, &mut text);
    let _ = files(summary, output, &mut text);
    if let Some(receipt) = &summary.receipt {
        let _ = writeln!(text, "  receipt {}", printable(receipt));
    }
    if let Some(hash) = audit_hash {
        let _ = writeln!(text, "  audit   ends with {hash}");
    }
    if let Some(plan) = &summary.explain {
        let _ = writeln!(text, "\n{}", plan.trim_end());
    }
    report::print(&text)
}

/// Prints what a replay found, as one line of JSON.
pub(crate) fn print_replay_json(done: &Replayed, audit_hash: Option<String>) -> Outcome {
    #[derive(Serialize)]
    struct Machine<'a> {
        #[serde(flatten)]
        replayed: &'a Replayed,
        #[serde(skip_serializing_if = "Option::is_none")]
        audit_hash: Option<String>,
    }
    report::print_json(&Machine {
        replayed: done,
        audit_hash,
    })
}

/// Prints what a replay found, for people.
pub(crate) fn print_replay(done: &Replayed, audit_hash: Option<String>) -> Outcome {
    let mut text = format!(
        "{} ({})\n  same    {} files with {} rows, {}, byte by byte\n  time    {:.3} s\n",
        printable(&done.application),
        printable(&done.run_id),
        HumanCount(done.files),
        HumanCount(done.rows),
        DecimalBytes(done.bytes),
        done.seconds
    );
    for note in &done.notes {
        let _ = writeln!(text, "  note    {}", printable(note));
    }
    if let Some(hash) = audit_hash {
        let _ = writeln!(text, "  audit   ends with {hash}");
    }
    report::print(&text)
}

fn figures(summary: &Summary, text: &mut String) -> std::fmt::Result {
    let Summary {
        rows_in,
        rows_out,
        rows_rejected,
        rows_failed,
        seconds,
        ..
    } = summary;
    writeln!(
        text,
        "{} ({})",
        printable(&summary.application),
        summary.run_id
    )?;
    if let Some(why) = &summary.skipped_because {
        return writeln!(text, "  skipped: {why}");
    }
    incremental(summary, text)?;
    writeln!(
        text,
        "  rows    {} in, {} out, {} rejected{}",
        HumanCount(*rows_in),
        HumanCount(*rows_out),
        HumanCount(*rows_rejected),
        failed(*rows_failed)
    )?;
    let (read, written) = (
        DecimalBytes(summary.bytes_read),
        DecimalBytes(summary.bytes_written),
    );
    writeln!(text, "  bytes   {read} read, {written} written")?;
    // In whole milliseconds, of which there is at least one: a figure for people.
    let milliseconds = std::time::Duration::from_secs_f64(seconds.max(0.001))
        .as_millis()
        .max(1);
    let rate =
        |count: u64| u64::try_from(u128::from(count) * 1000 / milliseconds).unwrap_or(u64::MAX);
    writeln!(
        text,
        "  time    {seconds:.3} s, {} rows/s, {}/s",
        HumanCount(rate(*rows_in)),
        DecimalBytes(rate(summary.bytes_read))
    )?;
    for step in &summary.steps {
        writeln!(
            text,
            "  step    {}: {} in, {} out, {} rejected{}; {:.3} s in the guest, {:.3} s in the host around it, \
             {} instances",
            printable(&step.name),
            HumanCount(step.rows_in),
            HumanCount(step.rows_out),
            HumanCount(step.rows_rejected),
            failed(step.rows_failed),
            step.guest_seconds,
            step.host_seconds,
            step.instances
        )?;
        rejected(step, text)?;
    }
    let pool = DecimalBytes(summary.peak_memory);
    match peak_rss() {
        Some(process) => writeln!(
            text,
            "  memory  {} at most, {pool} of it accounted",
            DecimalBytes(process)
        ),
        None => writeln!(text, "  memory  {pool} accounted at most"),
    }
}

/// What became of the files of the input, where those that are as they were are not read.
fn incremental(summary: &Summary, text: &mut String) -> std::fmt::Result {
    let Some(found) = &summary.incremental else {
        return Ok(());
    };
    writeln!(
        text,
        "  input   {} files as they were, {} processed, {} gone",
        HumanCount(found.files_reused),
        HumanCount(found.files_processed),
        HumanCount(found.files_removed)
    )?;
    match &found.anew {
        Some(why) => writeln!(text, "  anew    all of it: {}", printable(why)),
        None => Ok(()),
    }
}

fn rejected(step: &StepSummary, text: &mut String) -> std::fmt::Result {
    for RejectedRow {
        partition,
        row,
        reason,
        failed,
    } in step.rejected.iter().take(REJECTED_LISTED)
    {
        let reason = printable(reason);
        writeln!(
            text,
            "          row {row} of partition {partition} {}: {reason}",
            if *failed { "failed" } else { "rejected" }
        )?;
    }
    let left_out = step.rows_rejected + step.rows_failed;
    match left_out.saturating_sub(REJECTED_LISTED as u64) {
        0 => Ok(()),
        more => writeln!(
            text,
            "          and {} more rejected{}",
            HumanCount(more),
            if step.rows_failed > 0 {
                " or failed"
            } else {
                ""
            }
        ),
    }
}

/// The rows over which transforms fail, where there are some.
fn failed(rows: u64) -> String {
    match rows {
        0 => String::new(),
        rows => format!(", {} failed", HumanCount(rows)),
    }
}

/// What inputs and steps left out, and where it is kept.
fn bad_rows(summary: &Summary, output: &str, text: &mut String) -> std::fmt::Result {
    for bad in summary.bad_rows.iter().filter(|bad| bad.rows > 0) {
        let (kind, name) = match &bad.input {
            Some(input) => ("input", input.as_str()),
            None => ("step", bad.step.as_deref().unwrap_or_default()),
        };
        let done = if bad.on_error == "skip" {
            "skipped"
        } else {
            "quarantined"
        };
        writeln!(
            text,
            "  bad     {kind} {}: {} rows {done}",
            printable(name),
            HumanCount(bad.rows)
        )?;
        unreadable(bad, text)?;
    }
    match &summary.quarantine {
        Some(file) => writeln!(
            text,
            "  kept    {}/{}",
            printable(output.trim_end_matches('/')),
            printable(file)
        ),
        None => Ok(()),
    }
}

/// What storage failed at first.
fn attempts(summary: &Summary, text: &mut String) -> std::fmt::Result {
    for Attempts {
        of,
        partition,
        attempts,
        reasons,
    } in summary.attempts.iter().take(FILES_LISTED)
    {
        let reason = reasons.last().map_or("", String::as_str);
        writeln!(
            text,
            "  again   {}, partition {partition}: {attempts} attempts; {}",
            printable(of),
            printable(reason)
        )?;
    }
    match summary.attempts.len().saturating_sub(FILES_LISTED) {
        0 => Ok(()),
        more => writeln!(text, "          and {more} more"),
    }
}

/// The rows over which transforms failed, where they are kept as batches.
fn kept(summary: &Summary, text: &mut String) -> std::fmt::Result {
    if summary.kept.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "  failing `sluice plugin replay FILE` runs one of these again"
    )?;
    for file in summary.kept.iter().take(FILES_LISTED) {
        writeln!(text, "          {}", printable(file))?;
    }
    match summary.kept.len().saturating_sub(FILES_LISTED) {
        0 => Ok(()),
        more => writeln!(text, "          and {more} more"),
    }
}

fn unreadable(bad: &BadRowsSummary, text: &mut String) -> std::fmt::Result {
    if bad.input.is_none() {
        return Ok(());
    }
    for UnreadableRecord {
        file, line, reason, ..
    } in bad.unreadable.iter().take(REJECTED_LISTED)
    {
        writeln!(
            text,
            "          {}, line {line}: {}",
            printable(file),
            printable(reason)
        )?;
    }
    match bad.rows.saturating_sub(REJECTED_LISTED as u64) {
        0 => Ok(()),
        more => writeln!(text, "          and {} more", HumanCount(more)),
    }
}

fn checks(summary: &Summary, text: &mut String) -> std::fmt::Result {
    let all = summary.checks.len();
    if all == 0 {
        return Ok(());
    }
    let broken = summary.checks.iter().filter(|check| check.violations > 0);
    let broken: Vec<_> = broken.collect();
    let warned = broken.iter().filter(|check| !check.passed).count();
    writeln!(
        text,
        "  rules   {} of {all} hold, {warned} warned",
        all - warned
    )?;
    for check in broken {
        let word = if check.passed { "allowed" } else { "warned" };
        writeln!(text, "          {word}: {}", printable(&check.told()))?;
        for row in &check.sample {
            writeln!(text, "            {}", printable(&row.to_string()))?;
        }
    }
    Ok(())
}

fn files(summary: &Summary, output: &str, text: &mut String) -> std::fmt::Result {
    writeln!(text, "  output  {}", printable(output))?;
    for file in summary.files.iter().take(FILES_LISTED) {
        let (rows, bytes) = (HumanCount(file.rows), DecimalBytes(file.bytes));
        writeln!(
            text,
            "          {}  {rows} rows, {bytes}",
            printable(&file.path)
        )?;
    }
    match summary.files.len().saturating_sub(FILES_LISTED) {
        0 => Ok(()),
        more => writeln!(text, "          and {more} more files"),
    }
}

/// The most memory that the process ever held, in bytes, as Linux tells it.
fn peak_rss() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
