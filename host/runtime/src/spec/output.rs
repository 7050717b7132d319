//! The output of an application file.

use super::application::{
    Compression, CsvOutput, Mode, Output, OutputFormat, ParquetOutput, Source,
};
use super::contract;
use super::document::{Fields, Kind, Node, Problems};
use super::incremental;
use super::input::read_uri;
use super::parameter::Value;
use super::quantity::{clip, format_size, parse_size};
use super::uri::Uri;

const KEYS: [&str; 14] = [
    "from",
    "uri",
    "format",
    "mode",
    "keep_versions",
    "compression",
    "row_group_rows",
    "target_file_bytes",
    "partition_by",
    "delimiter",
    "header",
    "contract",
    "rules",
    "provenance",
];

/// Earlier versions that are kept, so that who reads while the output is replaced ends well, and a mistake can be undone.
const KEEP_VERSIONS: u64 = 1;

/// Each version that is kept may have all its files to itself.
const KEEP_VERSIONS_MAX: u64 = 100;

const MODES: [(&str, Mode); 6] = [
    (Mode::ErrorIfExists.as_str(), Mode::ErrorIfExists),
    (Mode::Overwrite.as_str(), Mode::Overwrite),
    (Mode::Append.as_str(), Mode::Append),
    (
        Mode::OverwritePartitions.as_str(),
        Mode::OverwritePartitions,
    ),
    (Mode::Ignore.as_str(), Mode::Ignore),
    (Mode::Incremental.as_str(), Mode::Incremental),
];

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Parquet,
    Csv,
    Ndjson,
    Arrow,
}

const FORMATS: [(&str, Format); 4] = [
    ("parquet", Format::Parquet),
    ("csv", Format::Csv),
    ("ndjson", Format::Ndjson),
    ("arrow", Format::Arrow),
];

const PARQUET: [(&str, Compression); 5] = [
    ("none", Compression::None),
    ("snappy", Compression::Snappy),
    ("zstd", Compression::Zstd),
    ("gzip", Compression::Gzip),
    ("lz4", Compression::Lz4),
];

const TEXT: [(&str, Compression); 3] = [
    ("none", Compression::None),
    ("gzip", Compression::Gzip),
    ("zstd", Compression::Zstd),
];

const ARROW: [(&str, Compression); 3] = [
    ("none", Compression::None),
    ("lz4", Compression::Lz4),
    ("zstd", Compression::Zstd),
];

/// What values of CSV with a delimiter in them are quoted by.
const QUOTE: u8 = b'"';

/// Rows of a row group: what readers are tuned for.
const ROW_GROUP_ROWS: u64 = 1 << 20;

/// Size at which a file is finished: few files, and enough of them for all cores of a reader.
const TARGET_FILE_BYTES: u64 = 512 << 20;

/// Smaller files cost a reader more to open than to read.
const TARGET_FILE_BYTES_MIN: u64 = 1 << 10;

/// The largest object that S3 takes.
const TARGET_FILE_BYTES_MAX: u64 = 5 << 40;

/// How a name ends that is a file of data and not a folder of them.
const DATA_EXTENSIONS: [&str; 9] = [
    "parquet", "csv", "tsv", "json", "ndjson", "jsonl", "arrow", "feather", "orc",
];

const COMPRESSION_EXTENSIONS: [&str; 4] = [".gz", ".zst", ".bz2", ".xz"];

/// Reads the output, which `from` feeds.
pub(super) fn read(
    node: &Node,
    span: &std::ops::Range<usize>,
    base: &Uri,
    from: impl FnOnce(&Fields<'_>) -> Option<Source>,
    problems: &Problems,
) -> Option<Output> {
    let fields = Fields::new(node, span, "the output", &KEYS, problems)?;
    let from = from(&fields);
    let uri = fields.required("uri").and_then(|node| {
        let uri = read_uri(node, base, problems)?;
        dataset(node, &uri, problems)
    });
    let format = read_format(&fields);
    let mode = fields.or("mode", Mode::default(), |node| {
        node.choice(&MODES, problems)
    });
    let keep_versions = fields.or("keep_versions", KEEP_VERSIONS, |node| {
        node.integer(0, KEEP_VERSIONS_MAX, problems)
    });
    let partition_by = fields.strings_or_empty("partition_by");
    if mode == Some(Mode::OverwritePartitions) && partition_by.as_ref().is_some_and(Vec::is_empty) {
        let message = "`mode = \"overwrite-partitions\"` needs `partition_by`";
        problems.add_with_hint(
            span,
            message,
            "name the columns whose values become folders, or use `mode = \"overwrite\"`",
        );
    }
    let target_file_bytes = fields.or("target_file_bytes", TARGET_FILE_BYTES, |node| {
        let (min, max) = (TARGET_FILE_BYTES_MIN, TARGET_FILE_BYTES_MAX);
        size(node, min, max, problems)
    });
    let contract = fields.or("contract", None, |node| {
        contract::read::contract(node, base, problems).map(Some)
    });
    let provenance = fields.or("provenance", true, |node| node.bool(problems));
    let rules = contract::read::rules(&fields, base);
    if let (Some(Mode::Incremental), Some(rules)) = (mode, &rules) {
        incremental::refuse_rules(rules.list(), problems);
    }
    Some(Output {
        from: from?,
        uri: uri?,
        format: format?,
        mode: mode?,
        keep_versions: keep_versions?,
        partition_by: partition_by?,
        target_file_bytes: target_file_bytes?,
        contract: contract?,
        rules: rules?,
        provenance: provenance?,
    })
}

/// An output is a folder: what names a file, a glob or a place that cannot be written is refused.
fn dataset(node: &Node, uri: &Uri, problems: &Problems) -> Option<Uri> {
    if uri.pattern().is_some() {
        let hint = "name one folder; `partition_by` makes folders below it";
        problems.add_with_hint(&node.span, "output is a glob", hint);
        return None;
    }
    if uri.scheme().is_web() {
        let hint = "web addresses are for reading; write to a path or to `s3://bucket/prefix`";
        problems.add_with_hint(&node.span, "output is a web address", hint);
        return None;
    }
    if uri.path().is_empty() {
        let hint = "name a folder of its own, such as `out/`";
        problems.add_with_hint(&node.span, "output is the root of a store", hint);
        return None;
    }
    if !uri.is_folder() && is_data_file(uri.name()) {
        let name = uri.name();
        let stem = name
            .split('.')
            .next()
            .filter(|stem| !stem.is_empty())
            .unwrap_or("out");
        let message = format!(
            "output `{}` names a file, and an output is a dataset: a folder with one or more files",
            clip(name)
        );
        let hint = format!("write `{}/`, in which the files are then found", clip(stem));
        problems.add_with_hint(&node.span, message, hint);
        return None;
    }
    Some(uri.as_folder())
}

fn is_data_file(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let plain = COMPRESSION_EXTENSIONS
        .iter()
        .find_map(|end| name.strip_suffix(end));
    let extension = plain
        .unwrap_or(&name)
        .rsplit_once('.')
        .map(|(_, extension)| extension);
    plain.is_some() || extension.is_some_and(|extension| DATA_EXTENSIONS.contains(&extension))
}

fn read_format(fields: &Fields<'_>) -> Option<OutputFormat> {
    let problems = fields.problems;
    let format = fields.or("format", Format::Parquet, |node| {
        node.choice(&FORMATS, problems)
    });
    let header = fields.or("header", true, |node| node.bool(problems));
    let delimiter = fields.or("delimiter", b',', |node| {
        let delimiter = node.character(problems);
        if delimiter == Some(QUOTE) {
            problems.add(
                &node.span,
                "`delimiter` is the character that quotes values",
            );
        }
        delimiter
    });
    let rows = fields.or("row_group_rows", ROW_GROUP_ROWS, |node| {
        node.integer(1, u64::from(u32::MAX), problems)
    });
    let format = format?;
    if format != Format::Csv {
        fields.refuse(&["header", "delimiter"], "is for csv only");
    }
    if format != Format::Parquet {
        fields.refuse(&["row_group_rows"], "is for parquet only");
    }
    let (default, words): (_, &[_]) = match format {
        Format::Parquet => (Compression::Snappy, &PARQUET),
        Format::Arrow => (Compression::None, &ARROW),
        Format::Csv | Format::Ndjson => (Compression::None, &TEXT),
    };
    let compression = fields.or("compression", default, |node| node.choice(words, problems))?;
    Some(match format {
        Format::Parquet => {
            let row_group_rows = usize::try_from(rows?).ok()?;
            OutputFormat::Parquet(ParquetOutput {
                compression,
                row_group_rows,
            })
        }
        Format::Csv => OutputFormat::Csv(CsvOutput {
            header: header?,
            delimiter: delimiter?,
            compression,
        }),
        Format::Ndjson => OutputFormat::Ndjson { compression },
        Format::Arrow => OutputFormat::Arrow { compression },
    })
}

fn size(node: &Node, min: u64, max: u64, problems: &Problems) -> Option<u64> {
    let (Kind::String(text) | Kind::Given(Value::String(text))) = &node.kind else {
        return node.integer(min, max, problems);
    };
    let message = match parse_size(text) {
        Ok(bytes) if (min..=max).contains(&bytes) => return Some(bytes),
        Ok(_) => {
            let (min, max) = (format_size(min), format_size(max));
            format!("`{}` is out of bounds, expected {min} to {max}", clip(text))
        }
        Err(message) => message,
    };
    problems.add(&node.span, message);
    None
}
