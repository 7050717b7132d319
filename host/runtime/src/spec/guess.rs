//! An input of which only the name of a file is known.

use super::application::{
    Compression, CsvOptions, Input, InputFormat, JsonOptions, Partitions, SchemaSource,
};
use super::bad_rows::BadRows;
use super::input::{self, Format};
use super::uri::Uri;
use crate::error::{Error, Result};

impl Input {
    /// The input at `uri` with every option at its default; the format is that of `file`, one of its
    /// files, by the end of its name.
    ///
    /// # Errors
    ///
    /// Fails if the name tells no format.
    pub fn guess(name: &str, uri: Uri, file: &str) -> Result<Self> {
        let file = file.to_ascii_lowercase();
        let plain = input::without_compression(&file);
        let (_, format) = input::EXTENSIONS
            .iter()
            .find(|(extension, _)| plain.ends_with(extension))
            .ok_or_else(|| unknown(&file))?;
        let compression = input::compression_of(&file);
        let schema = SchemaSource::Infer {
            rows: usize::try_from(input::INFER_ROWS).unwrap_or(usize::MAX),
        };
        let format = match format {
            Format::Csv => InputFormat::Csv(csv(plain, compression, schema)),
            Format::Json | Format::Ndjson => InputFormat::Json(JsonOptions {
                array: *format == Format::Json,
                compression,
                schema,
            }),
            Format::Parquet => InputFormat::Parquet,
            Format::Arrow => InputFormat::Arrow,
        };
        Ok(Self {
            name: name.to_owned(),
            uri,
            format,
            partitions: Partitions::Auto,
            bad_rows: BadRows::default(),
            contract: None,
        })
    }
}

fn csv(plain: &str, compression: Compression, schema: SchemaSource) -> CsvOptions {
    CsvOptions {
        header: true,
        delimiter: if input::is_tabbed(plain) { b'\t' } else { b',' },
        quote: b'"',
        escape: None,
        comment: None,
        nulls: vec![String::new()],
        multiline: None,
        compression,
        schema,
    }
}

fn unknown(file: &str) -> Error {
    let known: Vec<_> = input::EXTENSIONS
        .iter()
        .map(|(extension, _)| format!("`{extension}`"))
        .collect();
    Error::input(format!("the name `{file}` tells no format")).hint(format!(
        "names end in one of {}, text also in `.gz`, `.zst`, `.bz2` or `.xz`",
        known.join(", ")
    ))
}
