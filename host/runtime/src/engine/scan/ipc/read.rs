//! The batches of Arrow files and streams.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use arrow::array::{ArrayRef, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::convert::fb_to_schema;
use arrow::ipc::reader::FileDecoder;
use arrow::ipc::{Block, MessageHeader, MetadataVersion};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{DataFusionError, Result as DfResult};
use futures::stream::{self, BoxStream, StreamExt as _};

use super::super::source::{Format, Piece};
use super::cursor::Cursor;
use super::frame::{self, BATCH_BYTES_MAX, Frame};
use super::{damaged, stream_schema};
use crate::engine::MORSEL_ROWS;
use crate::engine::error::{from_datafusion, to_datafusion};
use crate::error::{Error, Result};

/// Arrow's own format, as a file with a footer or as a stream.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Ipc {
    pub(in super::super) file: bool,
}

impl Format for Ipc {
    const NAME: &'static str = "arrow";

    fn read(&self, piece: Piece) -> DfResult<BoxStream<'static, DfResult<RecordBatch>>> {
        let file = self.file;
        let opening = async move { Reading::open(piece, file).await.map_err(to_datafusion) };
        let batches = stream::once(opening).flat_map(|reading| match reading {
            Ok(reading) => stream::try_unfold(reading, |mut reading| async move {
                let batch = reading.next_slice().await.map_err(to_datafusion)?;
                Ok(batch.map(|batch| (batch, reading)))
            })
            .boxed(),
            Err(error) => stream::once(std::future::ready(Err(error))).boxed(),
        });
        Ok(batches.boxed())
    }
}

/// The only batch of a file; none where it has none.
pub(super) async fn only_batch(piece: Piece) -> Result<Option<RecordBatch>> {
    let mut reading = Reading::open(piece, true).await?;
    let only = reading.next_batch().await;
    let only = only.map_err(|error| reading.in_batch(error))?;
    if only.is_some()
        && reading
            .blocks
            .as_ref()
            .is_some_and(|blocks| blocks.len() > 0)
    {
        return Err(Error::input("it has more than one batch"));
    }
    Ok(only)
}

/// A file under way.
struct Reading {
    cursor: Cursor,
    /// Where the batches of a file are that were not read yet; none for a stream.
    blocks: Option<std::vec::IntoIter<Block>>,
    decoder: FileDecoder,
    /// Bytes of each dictionary, unpacked.
    dictionaries: HashMap<i64, u64>,
    layout: Layout,
    /// Batches that were begun.
    batches: u64,
    /// What is left of the last batch.
    rest: Option<RecordBatch>,
}

impl Reading {
    async fn open(piece: Piece, file: bool) -> Result<Self> {
        let mut cursor = Cursor::new(piece.store, piece.object, piece.name);
        let (schema, version, dictionaries, blocks) = if file {
            let footer = frame::footer(&mut cursor).await?;
            let footer = frame::verified(&footer)?;
            let schema = fb_to_schema(frame::readable(footer.schema())?);
            let dictionaries: Vec<Block> =
                footer.dictionaries().iter().flatten().copied().collect();
            let batches: Vec<Block> = footer.recordBatches().iter().flatten().copied().collect();
            (schema, footer.version(), dictionaries, Some(batches))
        } else {
            let (schema, version) = stream_schema(&mut cursor).await?;
            (schema, version, Vec::new(), None)
        };
        let layout = Layout::new(&schema, &piece.schema, &piece.columns)?;
        let mut reading = Self {
            decoder: decoder(schema, version, &layout),
            cursor,
            blocks: blocks.map(Vec::into_iter),
            dictionaries: HashMap::new(),
            layout,
            batches: 0,
            rest: None,
        };
        for (at, block) in dictionaries.into_iter().enumerate() {
            let read = reading.read_dictionary_at(block).await;
            read.map_err(|error| error.context(format!("dictionary {}", at + 1)))?;
        }
        Ok(reading)
    }

    async fn read_dictionary_at(&mut self, block: Block) -> Result<()> {
        let frame = Frame::at(&mut self.cursor, block).await?;
        match frame.check()? {
            (MessageHeader::DictionaryBatch, bytes) => self.keep_dictionary(&frame, bytes),
            _ => Err(damaged("a dictionary is none")),
        }
    }

    /// The next rows: what is made of a batch, such as a partition's column, is made of no more at once.
    async fn next_slice(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.rest.take() {
                let rows = batch.num_rows().min(MORSEL_ROWS);
                if rows < batch.num_rows() {
                    self.rest = Some(batch.slice(rows, batch.num_rows() - rows));
                }
                let slice = self.layout.arrange(&batch.slice(0, rows));
                return slice.map(Some).map_err(|error| self.in_batch(error));
            }
            let next = self.next_batch().await;
            self.rest = match next.map_err(|error| self.in_batch(error))? {
                Some(batch) => Some(batch),
                None => return Ok(None),
            };
        }
    }

    async fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        self.batches += 1;
        loop {
            let frame = match &mut self.blocks {
                None => Frame::next(&mut self.cursor).await?,
                Some(blocks) => match blocks.next() {
                    Some(block) => Some(Frame::at(&mut self.cursor, block).await?),
                    None => None,
                },
            };
            let Some(frame) = frame else { return Ok(None) };
            match frame.check()? {
                (MessageHeader::RecordBatch, _) => {
                    return decoded(|| self.decoder.read_record_batch(&frame.block, &frame.bytes));
                }
                (MessageHeader::DictionaryBatch, bytes) if self.blocks.is_none() => {
                    self.keep_dictionary(&frame, bytes)?;
                }
                (MessageHeader::NONE, _) => (),
                _ => return Err(damaged("a message is neither a batch nor a dictionary")),
            }
        }
    }

    /// Keeps a dictionary for the batches that follow, all of them within the bytes of one batch.
    fn keep_dictionary(&mut self, frame: &Frame, bytes: u64) -> Result<()> {
        let (id, adds) = frame.dictionary()?;
        let kept = self.dictionaries.entry(id).or_default();
        *kept = if adds { *kept + bytes } else { bytes };
        if self.dictionaries.values().sum::<u64>() > BATCH_BYTES_MAX {
            return Err(frame::too_large());
        }
        decoded(|| self.decoder.read_dictionary(&frame.block, &frame.bytes))
    }

    fn in_batch(&self, error: Error) -> Error {
        error.context(format!("batch {}", self.batches))
    }
}

/// A decoder that validates what it reads: offsets, views, keys, text.
fn decoder(schema: Schema, version: MetadataVersion, layout: &Layout) -> FileDecoder {
    FileDecoder::new(Arc::new(schema), version).with_projection(layout.read.clone())
}

/// Does what the decoder does. It takes some damage for a bug of its own.
fn decoded<T>(work: impl FnOnce() -> Result<T, ArrowError>) -> Result<T> {
    match std::panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(readable),
        Err(_) => Err(damaged("its content makes no sense")),
    }
}

fn readable(error: ArrowError) -> Error {
    from_datafusion(DataFusionError::from(error))
}

/// Which columns of a file are read, and where they go.
struct Layout {
    /// Of the file.
    read: Vec<usize>,
    /// For each wanted column its place among those that are read; none where the file lacks it.
    places: Vec<Option<usize>>,
    wanted: SchemaRef,
}

impl Layout {
    fn new(stored: &Schema, table: &Schema, columns: &[usize]) -> Result<Self> {
        let wanted = table.project(columns).map_err(readable)?;
        let mut read = Vec::new();
        let mut places = Vec::new();
        for field in wanted.fields() {
            let found = stored.index_of(field.name()).ok();
            places.push(found.map(|_| read.len()));
            read.extend(found);
        }
        Ok(Self {
            read,
            places,
            wanted: Arc::new(wanted),
        })
    }

    /// The columns that are wanted of rows that were read.
    fn arrange(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let fields = self.wanted.fields().iter();
        let columns = fields.zip(&self.places).map(|(field, place)| {
            let column = place.and_then(|place| rows.columns().get(place));
            match column {
                None => Ok(new_null_array(field.data_type(), rows.num_rows())),
                Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
                // Other files have values where this one has only nulls.
                Some(column) => cast(column, field.data_type()),
            }
        });
        let columns: Vec<ArrayRef> = columns.collect::<Result<_, _>>().map_err(readable)?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.wanted), columns, &options)
            .map_err(readable)
    }
}
