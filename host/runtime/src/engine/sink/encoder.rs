//! Record batches to the bytes of a file.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::csv::WriterBuilder;
use arrow::datatypes::SchemaRef;
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use arrow::json::LineDelimitedWriter;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression as ParquetCompression, GzipLevel, ZstdLevel};
use datafusion::parquet::file::metadata::KeyValue;
use datafusion::parquet::file::properties::WriterProperties;

use super::{dictionary, finite, lossless};
use crate::engine::PROVENANCE_KEY;
use crate::error::{Error, Result};
use crate::spec::{Compression, CsvOutput, OutputFormat, ParquetOutput};

/// Encoded bytes after which a row group ends, however few its rows: it is collected in memory, and tables
/// of thousands of columns, or of fat rows, would take gigabytes. What readers are tuned for, too.
const ROW_GROUP_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Encoded bytes on their way from an encoder to the store. The encoder owns a writer, so both ends
/// share the buffer; a file is written by one task at a time, so the lock is never contended.
#[derive(Clone, Debug, Default)]
struct Drain(Arc<Mutex<Vec<u8>>>);

impl Drain {
    fn take(&self, threshold: usize) -> Vec<u8> {
        let mut buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.len() < threshold {
            return Vec::new();
        }
        std::mem::take(&mut *buffer)
    }
}

impl Write for Drain {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Text on its way through a compressor, if there is one.
enum Text {
    Plain(Drain),
    Gzip(flate2::write::GzEncoder<Drain>),
    Zstd(zstd::Encoder<'static, Drain>),
}

impl Text {
    fn new(compression: Compression, drain: Drain) -> Result<Self> {
        Ok(match compression {
            Compression::Gzip => Self::Gzip(flate2::write::GzEncoder::new(
                drain,
                flate2::Compression::default(),
            )),
            Compression::Zstd => Self::Zstd(
                zstd::Encoder::new(drain, zstd::DEFAULT_COMPRESSION_LEVEL).map_err(failed)?,
            ),
            _ => Self::Plain(drain),
        })
    }

    fn finish(self) -> std::io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Gzip(encoder) => encoder.finish().map(drop),
            Self::Zstd(encoder) => encoder.finish().map(drop),
        }
    }
}

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(inner) => inner.write(bytes),
            Self::Gzip(inner) => inner.write(bytes),
            Self::Zstd(inner) => inner.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(inner) => inner.flush(),
            Self::Gzip(inner) => inner.flush(),
            Self::Zstd(inner) => inner.flush(),
        }
    }
}

enum Format {
    /// The schema is that of the file where it is not that of the rows.
    Parquet(Box<ArrowWriter<Drain>>, Option<SchemaRef>),
    Csv(Box<arrow::csv::Writer<Text>>),
    /// With the rows that were written.
    Ndjson(Box<LineDelimitedWriter<Text>>, u64),
    Arrow(Box<FileWriter<Drain>>),
    Finished,
}

/// The encoder of one file.
pub(super) struct Encoder {
    format: Format,
    drain: Drain,
    taken: u64,
}

impl Encoder {
    /// Starts a file of `format`; `first` are the rows that it will start with, and `provenance` says where they come
    /// from, which Parquet has a place for.
    pub(super) fn new(
        format: &OutputFormat,
        schema: &SchemaRef,
        first: &RecordBatch,
        provenance: Option<&str>,
    ) -> Result<Self> {
        let drain = Drain::default();
        let format = match format {
            OutputFormat::Parquet(options) => {
                let start = (schema, first);
                parquet(options, start, provenance, drain.clone())?
            }
            OutputFormat::Csv(options) => csv(options, drain.clone())?,
            OutputFormat::Ndjson { compression } => {
                let text = Text::new(*compression, drain.clone())?;
                Format::Ndjson(Box::new(LineDelimitedWriter::new(text)), 0)
            }
            OutputFormat::Arrow { compression } => arrow_file(*compression, schema, drain.clone())?,
        };
        Ok(Self {
            format,
            drain,
            taken: 0,
        })
    }

    pub(super) fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        match &mut self.format {
            Format::Parquet(writer, None) => writer.write(rows).map_err(failed),
            Format::Parquet(writer, Some(schema)) => {
                let rows = lossless::convert(rows, schema).map_err(failed)?;
                writer.write(&rows).map_err(failed)
            }
            Format::Csv(writer) => writer.write(rows).map_err(failed),
            Format::Ndjson(writer, written) => {
                finite::check(rows, *written)?;
                *written += rows.num_rows() as u64;
                writer.write(rows).map_err(failed)
            }
            Format::Arrow(writer) => writer.write(rows).map_err(failed),
            Format::Finished => Err(Error::internal("write to a finished file")),
        }
    }

    /// Encoded bytes, if there are at least `threshold`.
    pub(super) fn take(&mut self, threshold: usize) -> Bytes {
        let bytes = self.drain.take(threshold);
        self.taken += bytes.len() as u64;
        bytes.into()
    }

    /// Bytes of the file so far, with those that a row group still collects.
    pub(super) fn size(&self) -> u64 {
        let collecting = match &self.format {
            Format::Parquet(writer, _) => writer.in_progress_size(),
            _ => 0,
        };
        self.taken + collecting as u64
    }

    /// Writes what ends the file.
    pub(super) fn finish(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.format, Format::Finished) {
            Format::Parquet(writer, _) => writer.close().map(drop).map_err(failed),
            Format::Csv(writer) => writer.into_inner().finish().map_err(failed),
            Format::Ndjson(mut writer, _) => {
                writer.finish().map_err(failed)?;
                writer.into_inner().finish().map_err(failed)
            }
            Format::Arrow(mut writer) => writer.finish().map_err(failed),
            Format::Finished => Ok(()),
        }
    }
}

fn parquet(
    options: &ParquetOutput,
    (schema, first): (&SchemaRef, &RecordBatch),
    provenance: Option<&str>,
    drain: Drain,
) -> Result<Format> {
    let compression = match options.compression {
        Compression::Snappy => ParquetCompression::SNAPPY,
        Compression::Zstd => ParquetCompression::ZSTD(ZstdLevel::default()),
        Compression::Gzip => ParquetCompression::GZIP(GzipLevel::default()),
        Compression::Lz4 => ParquetCompression::LZ4_RAW,
        Compression::None | Compression::Bzip2 | Compression::Xz => {
            ParquetCompression::UNCOMPRESSED
        }
    };
    let mut properties = WriterProperties::builder()
        .set_compression(compression)
        .set_max_row_group_row_count(Some(options.row_group_rows))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES_MAX))
        .set_created_by(concat!("sluicegate ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(provenance.map(|said| {
            let key = PROVENANCE_KEY.to_owned();
            vec![KeyValue::new(key, said.to_owned())]
        }));
    for column in dictionary::useless(first) {
        properties = properties.set_column_dictionary_enabled(column, false);
    }
    let converted = lossless::schema(schema);
    let schema = converted.as_ref().unwrap_or(schema);
    ArrowWriter::try_new(drain, Arc::clone(schema), Some(properties.build()))
        .map(|writer| Format::Parquet(Box::new(writer), converted))
        .map_err(failed)
}

fn csv(options: &CsvOutput, drain: Drain) -> Result<Format> {
    let text = Text::new(options.compression, drain)?;
    let writer = WriterBuilder::new()
        .with_header(options.header)
        .with_delimiter(options.delimiter)
        .build(text);
    Ok(Format::Csv(Box::new(writer)))
}

fn arrow_file(compression: Compression, schema: &SchemaRef, drain: Drain) -> Result<Format> {
    let compression = match compression {
        Compression::Zstd => Some(CompressionType::ZSTD),
        Compression::Lz4 => Some(CompressionType::LZ4_FRAME),
        _ => None,
    };
    let options = IpcWriteOptions::default()
        .try_with_compression(compression)
        .map_err(failed)?;
    FileWriter::try_new_with_options(drain, schema, options)
        .map(|writer| Format::Arrow(Box::new(writer)))
        .map_err(failed)
}

/// Encoders write to memory, so what fails is a type that the format cannot hold.
fn failed(error: impl std::fmt::Display) -> Error {
    Error::input(format!("the output format cannot hold the rows: {error}"))
        .hint("choose another `format` for the output, or change the column's type in a step")
}
