//! Goes on behind a record that cannot be read, where the input says so: finds it, leaves it out, and hands over the
//! records around it.
//!
//! Decoders are fast because they look at a whole batch, and tell of one mistake in it. So the text of a batch that
//! failed is cut into records, which are read again in halves, until what fails is one record. Whoever has few bad records
//! pays for few batches; without `on_error`, none of this is done.

use std::ops::Range;
use std::sync::Arc;

use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::object_store::ObjectStore;

use super::diagnose::{Start, lines_before};
use super::text::{Feed, RECORD_BYTES_MAX};
use crate::engine::error::to_datafusion;
use crate::engine::quarantine::{BadRow, Original, Place, Tally};

/// What the dataset says in place of a record of an input whose columns may be masked.
const MASKED: &str = "not kept: policies mask columns of this input";

/// What stands in place of a reason there, which could repeat a value.
const DISCREET: &str = "what stands there does not fit its column, and is not shown";

/// How the records of a format are told apart, and read again.
pub(super) trait Records {
    /// Where the first records of `text` stand that end in it, at most `most`; each with its line end.
    fn whole(&self, text: &[u8], most: usize) -> Vec<Range<usize>>;

    /// Reads `text`, which holds `records` whole records; none where these have no rows.
    fn read(&self, text: &[u8], records: usize) -> DfResult<Option<RecordBatch>>;

    /// Checks that `text`, with which a file ends and in which no record does, holds none.
    fn finish(&self, text: &[u8]) -> DfResult<()>;

    /// What is wrong with the one record that `error` is about; `error` itself where it is about something else.
    fn reason(&self, error: DataFusionError) -> DfResult<String>;

    /// That a record takes more than may be held of the file `name`.
    fn endless(&self, name: &str) -> DataFusionError;

    /// The columns of what is read.
    fn schema(&self) -> &SchemaRef;
}

/// Where the bad records of an input go.
#[derive(Clone, Debug)]
pub(super) struct Leaving {
    pub(super) tally: Arc<Tally>,
    /// Whether policies may mask columns: nothing of a record is then repeated.
    pub(super) discreet: bool,
}

/// Leaves bad records of one piece of a file out.
pub(super) struct Rescue {
    leaving: Leaving,
    start: Start,
    name: Arc<str>,
    store: Arc<dyn ObjectStore>,
    batch_size: usize,
    /// Lines of the file before the piece, once they were counted.
    lines_before: Option<u64>,
    /// Lines of the piece before the batch under way.
    lines: u64,
}

impl Rescue {
    pub(super) fn new(
        leaving: Leaving,
        start: Start,
        store: Arc<dyn ObjectStore>,
        batch_size: usize,
    ) -> Self {
        Self {
            leaving,
            name: start.name.as_str().into(),
            start,
            store,
            batch_size: batch_size.max(1),
            lines_before: None,
            lines: 0,
        }
    }

    /// Notes the text of a batch that was read without a mistake.
    pub(super) fn pass(&mut self, text: impl Iterator<Item: AsRef<[u8]>>, rows: usize) {
        self.lines += text.map(|text| breaks(text.as_ref())).sum::<u64>();
        self.leaving.tally.saw(rows as u64);
    }

    /// The records of the batch under way, without those that are wrong; `error` is why it cannot be read.
    pub(super) async fn recover(
        &mut self,
        feed: &mut Feed,
        records: &impl Records,
        error: DataFusionError,
    ) -> DfResult<Option<RecordBatch>> {
        // What is not about records, such as a failure of storage, stays what it is.
        records.reason(error)?;
        let (text, whole) = self.whole(feed, records, self.batch_size).await?;
        let mut sorted = Sorted::default();
        sorted.read(records, &text, &whole)?;
        self.leave_out(&text, feed.offset(), sorted.bad).await?;
        self.leaving.tally.saw(whole.len() as u64);
        let end = whole.last().map_or(0, |last| last.end);
        self.lines += breaks(text.get(..end).unwrap_or_default());
        feed.resume(text, end);
        if sorted.good.is_empty() {
            return Ok(None);
        }
        Ok(Some(concat_batches(records.schema(), &sorted.good)?))
    }

    /// Takes the first record, which names the columns; none where the file is empty.
    pub(super) async fn header(
        &mut self,
        feed: &mut Feed,
        records: &impl Records,
    ) -> DfResult<Option<Vec<u8>>> {
        let (text, whole) = self.whole(feed, records, 1).await?;
        let end = whole.first().map_or(0, |header| header.end);
        let header = text.get(..end).unwrap_or_default().to_vec();
        self.lines += breaks(&header);
        feed.resume(text, end);
        Ok((end > 0).then_some(header))
    }

    /// The text of the batch under way, with its whole records, at most `most`; none at the end of the file.
    async fn whole(
        &self,
        feed: &mut Feed,
        records: &impl Records,
        most: usize,
    ) -> DfResult<(Vec<u8>, Vec<Range<usize>>)> {
        let mut text = feed.take_text();
        loop {
            let whole = records.whole(&text, most);
            if !whole.is_empty() {
                return Ok((text, whole));
            }
            if text.len() as u64 > RECORD_BYTES_MAX {
                return Err(records.endless(&self.name));
            }
            if let Some(more) = feed.next_chunk().await? {
                text.extend_from_slice(&more);
                continue;
            }
            // The last record of a file may have no end.
            text.push(b'\n');
            let whole = records.whole(&text, most);
            if whole.is_empty() {
                records.finish(&text)?;
                text.clear();
            }
            return Ok((text, whole));
        }
    }

    async fn leave_out(
        &mut self,
        text: &[u8],
        offset: u64,
        bad: Vec<(Range<usize>, String)>,
    ) -> DfResult<()> {
        let before = match self.lines_before {
            Some(lines) => lines,
            None => lines_before(self.store.as_ref(), &self.start).await,
        };
        self.lines_before = Some(before);
        let tally = &self.leaving.tally;
        let rows = bad.into_iter().map(|(range, reason)| {
            let at = range.start;
            let line = before + self.lines + breaks(text.get(..at).unwrap_or_default()) + 1;
            let (original, reason) = if self.leaving.discreet {
                (Original::Absent(MASKED.to_owned()), DISCREET.to_owned())
            } else {
                let record = text.get(range).unwrap_or_default();
                (Original::Record(without_end(record).to_vec()), reason)
            };
            let (input, file) = (Arc::clone(tally.name()), Arc::clone(&self.name));
            BadRow {
                place: Place::Record {
                    input,
                    file,
                    line,
                    offset: self.start.offset + offset + at as u64,
                },
                reason,
                original,
            }
        });
        tally.leave_out(rows.collect()).map_err(to_datafusion)?;
        tally.flush().await.map_err(to_datafusion)
    }
}

/// Records by whether they can be read.
#[derive(Default)]
struct Sorted {
    good: Vec<RecordBatch>,
    bad: Vec<(Range<usize>, String)>,
}

impl Sorted {
    /// Reads consecutive records, in halves where one of them is bad.
    fn read(
        &mut self,
        records: &impl Records,
        text: &[u8],
        ranges: &[Range<usize>],
    ) -> DfResult<()> {
        let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else {
            return Ok(());
        };
        let all = first.start..last.end;
        match records.read(text.get(all.clone()).unwrap_or_default(), ranges.len()) {
            Ok(rows) => self.good.extend(rows),
            Err(error) if ranges.len() == 1 => self.bad.push((all, records.reason(error)?)),
            Err(_) => {
                let (left, right) = ranges.split_at(ranges.len() / 2);
                self.read(records, text, left)?;
                self.read(records, text, right)?;
            }
        }
        Ok(())
    }
}

/// Where the first lines of `text` stand that end in it, at most `most`, without empty ones.
pub(super) fn lines(text: &[u8], most: usize) -> Vec<Range<usize>> {
    let mut start = 0;
    let ends = memchr::memchr_iter(b'\n', text).map(|at| at + 1);
    let lines = ends.map(|end| std::mem::replace(&mut start, end)..end);
    let is_blank = |line: &Range<usize>| {
        let line = text.get(line.clone()).unwrap_or_default();
        line.iter().all(u8::is_ascii_whitespace)
    };
    lines.filter(|line| !is_blank(line)).take(most).collect()
}

pub(super) fn breaks(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

fn without_end(record: &[u8]) -> &[u8] {
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let kept = record.iter().rposition(|byte| !is_end(byte));
    record
        .get(..kept.map_or(0, |last| last + 1))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
