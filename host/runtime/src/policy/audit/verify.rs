//! Reads an audit file and tells the first line that is not as it was written.

use std::io::{BufRead, Read, Seek, SeekFrom};

use super::line::{Entry, FORMAT, LINE_BYTES_MAX, Line, genesis};
use crate::error::{Error, Result};

/// What is known of a file that is whole.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Verified {
    /// Its lines.
    pub records: u64,
    /// Its runs.
    pub runs: u64,
    /// The decisions of all runs, repetitions included.
    pub decisions: u64,
    /// The hash of the last line.
    pub hash: String,
}

/// The last line of a file that ends with a whole run: what the next run follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    pub(super) number: u64,
    pub(super) hash: String,
}

impl Tail {
    /// Finds the end of a file; none where the file is empty.
    ///
    /// # Errors
    ///
    /// Fails where the file does not end with the closing line of a run.
    pub fn find(file: &mut (impl Read + Seek)) -> Result<Option<Self>> {
        let unreadable = |cause: std::io::Error| Error::storage(cause.to_string());
        let length = file.seek(SeekFrom::End(0)).map_err(unreadable)?;
        if length == 0 {
            return Ok(None);
        }
        let start = length.saturating_sub(LINE_BYTES_MAX as u64);
        file.seek(SeekFrom::Start(start)).map_err(unreadable)?;
        let mut end = Vec::new();
        let taken = file.take(LINE_BYTES_MAX as u64).read_to_end(&mut end);
        taken.map_err(unreadable)?;
        let line = end
            .strip_suffix(b"\n")
            .and_then(|end| end.rsplit(|byte| *byte == b'\n').next());
        match line.and_then(Line::open) {
            Some((line, hash)) if matches!(line.entry, Entry::Close { .. }) => Ok(Some(Self {
                number: line.n,
                hash,
            })),
            _ => Err(Error::input("the audit does not end with the closing line of a run")
                .hint("the last run was ended by force, or the end is missing: keep the file, and name another")),
        }
    }
}

/// Checks every line of a file, and that its last run is closed. With the `kept` hash of the last line, also that the
/// file ends where it did.
///
/// # Errors
///
/// Fails with the first line that was changed, moved or is missing: its number, which counts from zero, is the fact
/// `record`, and what happened to it the fact `flaw`.
pub fn verify(input: impl BufRead, kept: Option<&str>) -> Result<Verified> {
    entries(input, kept, |_, _| Ok(()))
}

/// As [`verify`], and hands each line to `each`, with its number, once it is known to be as it was written.
///
/// # Errors
///
/// As [`verify`], and those of `each`.
pub fn entries(
    mut input: impl BufRead,
    kept: Option<&str>,
    mut each: impl FnMut(u64, Entry) -> Result<()>,
) -> Result<Verified> {
    let mut chain = Chain::default();
    let mut buffer = Vec::new();
    while let Some(found) = next(&mut input, &mut buffer)? {
        let Some((line, hash)) = found.ok().and_then(Line::open) else {
            return Err(chain.changed());
        };
        if line.n != chain.next || line.previous != chain.hash {
            return Err(chain.unlinked(&line, &mut input));
        }
        chain.follow(&line.entry)?;
        chain.hash = hash;
        chain.next += 1;
        each(line.n, line.entry)?;
    }
    chain.end(kept)
}

/// The next line without its end; an error for one that has none, or is longer than any that is written.
fn next<'a>(
    input: &mut impl BufRead,
    buffer: &'a mut Vec<u8>,
) -> Result<Option<Result<&'a [u8], ()>>> {
    buffer.clear();
    let read = input.take(LINE_BYTES_MAX as u64).read_until(b'\n', buffer);
    read.map_err(|cause| Error::storage(cause.to_string()))?;
    if buffer.is_empty() {
        return Ok(None);
    }
    Ok(Some(buffer.strip_suffix(b"\n").ok_or(())))
}

/// What is known so far.
struct Chain {
    next: u64,
    hash: String,
    runs: u64,
    decisions: u64,
    /// The head of the run that is not closed, and its decisions.
    open: Option<(u64, u64)>,
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            next: 0,
            hash: genesis(),
            runs: 0,
            decisions: 0,
            open: None,
        }
    }
}

fn broken(record: u64, flaw: &'static str, text: String) -> Error {
    Error::input(text)
        .fact("record", record)
        .fact("line", record + 1)
        .fact("flaw", flaw)
}

impl Chain {
    fn changed(&self) -> Error {
        let text = format!("record {} was changed, or cut short", self.next);
        broken(self.next, "changed", text)
    }

    /// A line that is as it was written and does not follow the one before it.
    fn unlinked(&self, line: &Line, rest: &mut impl BufRead) -> Error {
        let wanted = self.next;
        if line.n == wanted {
            // Its number is right: the one before it is not the one that it was written after.
            let changed = wanted.saturating_sub(1);
            let text = format!("record {changed} was changed, and its hash made anew");
            return broken(changed, "changed", text);
        }
        if line.n < wanted {
            let text = format!(
                "record {} stands a second time, in place of record {wanted}",
                line.n
            );
            return broken(wanted, "inserted", text);
        }
        let mut buffer = Vec::new();
        while let Ok(Some(found)) = next(rest, &mut buffer) {
            let line = found.ok().and_then(Line::open);
            if line.is_some_and(|(line, _)| line.n == wanted) {
                let text = format!("record {wanted} was moved: it stands further down");
                return broken(wanted, "moved", text);
            }
        }
        let last = line.n - 1;
        let text = if last == wanted {
            format!("record {wanted} was deleted")
        } else {
            format!("records {wanted} to {last} were deleted")
        };
        broken(wanted, "deleted", text)
    }

    /// Whether a line may stand where it stands: a head, what was decided, and an end.
    fn follow(&mut self, entry: &Entry) -> Result<()> {
        let at = self.next;
        let misplaced = |text: String| broken(at, "misplaced", text);
        match (entry, &mut self.open) {
            (Entry::Head { format, .. }, None) => {
                if *format != FORMAT {
                    let text =
                        format!("record {at} starts a run in format {format}, expected {FORMAT}");
                    return Err(broken(at, "format", text));
                }
                self.runs += 1;
                self.open = Some((at, 0));
            }
            (Entry::Head { .. }, Some((head, _))) => {
                let text =
                    format!("the run of record {head} has no end: record {at} starts another");
                return Err(misplaced(text));
            }
            (_, None) => return Err(misplaced(format!("record {at} stands outside a run"))),
            (Entry::Decision(_), Some((_, decisions))) => *decisions += 1,
            (Entry::Repeat { of, count }, Some((head, decisions))) => {
                if !(*head < *of && *of < at) {
                    let text = format!("record {at} repeats record {of}, which is not of its run");
                    return Err(misplaced(text));
                }
                *decisions = decisions.saturating_add(*count);
            }
            (Entry::Close { decisions: said }, Some((_, decisions))) => {
                if said != decisions {
                    let text =
                        format!("record {at} closes a run of {said} decisions, found {decisions}");
                    return Err(misplaced(text));
                }
                self.decisions = self.decisions.saturating_add(*decisions);
                self.open = None;
            }
        }
        Ok(())
    }

    /// Whether the end is the end.
    fn end(self, kept: Option<&str>) -> Result<Verified> {
        if self.next == 0 {
            return Err(broken(0, "empty", "the audit is empty".to_owned()));
        }
        if let Some((head, _)) = self.open {
            let text = format!(
                "the audit is not closed: what follows record {} is missing, or the run of record {head} was ended by force",
                self.next - 1
            );
            return Err(broken(self.next, "not-closed", text));
        }
        if kept.is_some_and(|kept| !kept.eq_ignore_ascii_case(&self.hash)) {
            let text = format!(
                "the last record, {}, is not the one whose hash was kept: later ones are missing, or all were made anew",
                self.next - 1
            );
            return Err(broken(self.next, "another-end", text));
        }
        Ok(Verified {
            records: self.next,
            runs: self.runs,
            decisions: self.decisions,
            hash: self.hash,
        })
    }
}
