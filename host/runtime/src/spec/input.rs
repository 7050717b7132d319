//! Inputs of an application file.

use super::application::{
    Compression, CsvOptions, Input, InputFormat, JsonOptions, Partitions, SchemaSource,
};
use super::bad_rows;
use super::contract;
use super::document::{Entry, Fields, Kind, Problems};
use super::schema;
use super::uri::Uri;

const KEYS: [&str; 19] = [
    "uri",
    "format",
    "header",
    "delimiter",
    "quote",
    "escape",
    "comment",
    "nulls",
    "multiline",
    "compression",
    "schema",
    "schema_file",
    "infer_rows",
    "partitions",
    "contract",
    "description",
    bad_rows::KEYS[0],
    bad_rows::KEYS[1],
    bad_rows::KEYS[2],
];

const CSV_ONLY: [&str; 7] = [
    "header",
    "delimiter",
    "quote",
    "escape",
    "comment",
    "nulls",
    "multiline",
];

const TEXT_ONLY: [&str; 4] = ["compression", "schema", "schema_file", "infer_rows"];

/// Of no other format can be told where the next record starts once one is wrong.
const BY_RECORD: &str = "is for csv and ndjson only";

/// Rows that are looked at to guess types: enough for codes that turn out to be text, and read in
/// milliseconds.
pub(super) const INFER_ROWS: u64 = 1_000;

/// Most rows that may be looked at; what needs more needs a schema.
const INFER_ROWS_MAX: u64 = 1_000_000;

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Format {
    Csv,
    Json,
    Ndjson,
    Parquet,
    Arrow,
}

const FORMATS: [(&str, Format); 5] = [
    ("csv", Format::Csv),
    ("ndjson", Format::Ndjson),
    ("json", Format::Json),
    ("parquet", Format::Parquet),
    ("arrow", Format::Arrow),
];

pub(super) const EXTENSIONS: [(&str, Format); 8] = [
    (".csv", Format::Csv),
    (".tsv", Format::Csv),
    (".ndjson", Format::Ndjson),
    (".jsonl", Format::Ndjson),
    (".json", Format::Json),
    (".parquet", Format::Parquet),
    (".arrow", Format::Arrow),
    (".feather", Format::Arrow),
];

const TEXT_COMPRESSIONS: [(&str, Compression); 5] = [
    ("none", Compression::None),
    ("gzip", Compression::Gzip),
    ("zstd", Compression::Zstd),
    ("bzip2", Compression::Bzip2),
    ("xz", Compression::Xz),
];

const COMPRESSION_EXTENSIONS: [(&str, Compression); 4] = [
    (".gz", Compression::Gzip),
    (".zst", Compression::Zstd),
    (".bz2", Compression::Bzip2),
    (".xz", Compression::Xz),
];

/// Reads one input. Relative URIs are taken from `base`.
pub(super) fn read(entry: &Entry, base: &Uri, problems: &Problems) -> Option<Input> {
    let fields = Fields::new(&entry.value, &entry.span, "the input", &KEYS, problems)?;
    let uri = fields
        .required("uri")
        .and_then(|node| read_uri(node, base, problems));
    let _ = fields.text_or_empty("description");
    let name = uri
        .as_ref()
        .map(|uri| uri.name().to_ascii_lowercase())
        .unwrap_or_default();
    let format = match fields.get("format") {
        Some(node) => node.choice(&FORMATS, problems),
        None => uri
            .as_ref()
            .and_then(|_| by_extension(entry, &name, problems)),
    };
    // Every field is read, so that every problem is found at once.
    let csv = read_csv(&fields, &name, base);
    let text = read_text(&fields, &name, base);
    let partitions = read_partitions(&fields);
    let bad_rows = bad_rows::read(&fields);
    let contract = fields.or("contract", None, |node| {
        contract::read::contract(node, base, problems).map(Some)
    });
    let format = match format? {
        Format::Csv => InputFormat::Csv(csv?),
        json @ (Format::Json | Format::Ndjson) => {
            fields.refuse(&CSV_ONLY, "is for csv only");
            if json == Format::Json {
                fields.refuse(&bad_rows::KEYS, BY_RECORD);
            }
            let (compression, schema) = text?;
            InputFormat::Json(JsonOptions {
                array: json == Format::Json,
                compression,
                schema,
            })
        }
        binary => {
            fields.refuse(&CSV_ONLY, "is for csv only");
            fields.refuse(&TEXT_ONLY, "is for csv and json only");
            fields.refuse(&bad_rows::KEYS, BY_RECORD);
            if binary == Format::Parquet {
                InputFormat::Parquet
            } else {
                InputFormat::Arrow
            }
        }
    };
    Some(Input {
        name: entry.key.clone(),
        uri: uri?,
        format,
        partitions: partitions?,
        bad_rows: bad_rows?,
        contract: contract?,
    })
}

pub(super) fn read_uri(
    node: &super::document::Node,
    base: &Uri,
    problems: &Problems,
) -> Option<Uri> {
    let text = node.string(problems)?;
    match Uri::read(&text, Some(base)) {
        Ok(uri) => Some(uri),
        Err(flaw) if flaw.secret => {
            problems.add_secret(&node.span, flaw.message, flaw.hint.unwrap_or_default());
            None
        }
        Err(flaw) => {
            match flaw.hint {
                Some(hint) => problems.add_with_hint(&node.span, flaw.message, hint),
                None => problems.add(&node.span, flaw.message),
            }
            None
        }
    }
}

fn by_extension(entry: &Entry, name: &str, problems: &Problems) -> Option<Format> {
    let plain = without_compression(name);
    let found = EXTENSIONS
        .iter()
        .find(|(extension, _)| plain.ends_with(extension));
    if found.is_none() {
        let known: Vec<_> = FORMATS
            .iter()
            .map(|(word, _)| format!("`{word}`"))
            .collect();
        problems.add_with_hint(
            &entry.span,
            format!(
                "input `{}` has no `format`, and its URI does not tell",
                entry.key
            ),
            format!("add `format`, one of {}", known.join(", ")),
        );
    }
    found.map(|(_, format)| *format)
}

pub(super) fn without_compression(name: &str) -> &str {
    COMPRESSION_EXTENSIONS
        .iter()
        .find_map(|(end, _)| name.strip_suffix(end))
        .unwrap_or(name)
}

/// Whether a name, in lower case, is that of values between tabs.
pub(super) fn is_tabbed(name: &str) -> bool {
    let extension = without_compression(name)
        .rsplit_once('.')
        .map(|(_, extension)| extension);
    extension == Some("tsv")
}

pub(super) fn compression_of(name: &str) -> Compression {
    COMPRESSION_EXTENSIONS
        .iter()
        .find(|(end, _)| name.ends_with(end))
        .map_or(Compression::None, |(_, compression)| *compression)
}

fn read_csv(fields: &Fields<'_>, name: &str, base: &Uri) -> Option<CsvOptions> {
    let problems = fields.problems;
    let header = fields.or("header", true, |node| node.bool(problems));
    let delimiter = fields.or(
        "delimiter",
        if is_tabbed(name) { b'\t' } else { b',' },
        |node| node.character(problems),
    );
    let quote = fields.or("quote", b'"', |node| node.character(problems));
    let escape = fields.or("escape", None, |node| node.character(problems).map(Some));
    let comment = fields.or("comment", None, |node| node.character(problems).map(Some));
    let nulls = fields.or("nulls", vec![String::new()], |node| node.strings(problems));
    let multiline = fields.or("multiline", None, |node| node.bool(problems).map(Some));
    if let (Some(delimiter), Some(quote)) = (delimiter, quote)
        && delimiter == quote
        && let Some(entry) = fields.entry("delimiter").or_else(|| fields.entry("quote"))
    {
        problems.add(
            &entry.span,
            "`delimiter` and `quote` are the same character",
        );
    }
    let (compression, schema) = read_text(fields, name, base)?;
    Some(CsvOptions {
        header: header?,
        delimiter: delimiter?,
        quote: quote?,
        escape: escape?,
        comment: comment?,
        nulls: nulls?,
        multiline: multiline?,
        compression,
        schema,
    })
}

fn read_text(fields: &Fields<'_>, name: &str, base: &Uri) -> Option<(Compression, SchemaSource)> {
    let problems = fields.problems;
    let compression = fields.or("compression", compression_of(name), |node| {
        node.choice(&TEXT_COMPRESSIONS, problems)
    });
    let given: Vec<_> = ["schema", "schema_file", "infer_rows"]
        .iter()
        .filter_map(|key| fields.entry(key))
        .collect();
    if let [first, second, ..] = given.as_slice() {
        let message = format!("`{}` and `{}` exclude each other", first.key, second.key);
        problems.add(&second.span, message);
    }
    let schema = if let Some(node) = fields.get("schema") {
        schema::read(node, problems).map(SchemaSource::Explicit)
    } else if let Some(node) = fields.get("schema_file") {
        read_uri(node, base, problems).map(SchemaSource::File)
    } else {
        let rows = fields.or("infer_rows", INFER_ROWS, |node| {
            node.integer(1, INFER_ROWS_MAX, problems)
        })?;
        usize::try_from(rows)
            .ok()
            .map(|rows| SchemaSource::Infer { rows })
    };
    Some((compression?, schema?))
}

fn read_partitions(fields: &Fields<'_>) -> Option<Partitions> {
    let problems = fields.problems;
    fields.or("partitions", Partitions::None, |node| match &node.kind {
        Kind::String(word) if word == "auto" => Some(Partitions::Auto),
        Kind::Array(nodes) if nodes.is_empty() => Some(Partitions::None),
        Kind::String(_) => {
            problems.add(&node.span, "expected \"auto\" or an array of columns");
            None
        }
        _ => schema::read_columns(node, "the partition column", problems).map(Partitions::Columns),
    })
}
