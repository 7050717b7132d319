//! The names of Arrow's types in schemas, such as `int64`, `timestamp("us", "UTC")` or `list(utf8)`.

mod read;
mod write;

use arrow::datatypes::DataType;

pub(super) use read::parse;
pub(super) use write::write;

/// Types that nest deeper are refused; they are walked recursively.
const DEPTH_MAX: usize = 64;

/// Types that take no arguments.
const SIMPLE: [(&str, DataType); 22] = [
    ("null", DataType::Null),
    ("bool", DataType::Boolean),
    ("int8", DataType::Int8),
    ("int16", DataType::Int16),
    ("int32", DataType::Int32),
    ("int64", DataType::Int64),
    ("uint8", DataType::UInt8),
    ("uint16", DataType::UInt16),
    ("uint32", DataType::UInt32),
    ("uint64", DataType::UInt64),
    ("float16", DataType::Float16),
    ("float32", DataType::Float32),
    ("float64", DataType::Float64),
    ("utf8", DataType::Utf8),
    ("large_utf8", DataType::LargeUtf8),
    ("utf8_view", DataType::Utf8View),
    ("binary", DataType::Binary),
    ("large_binary", DataType::LargeBinary),
    ("binary_view", DataType::BinaryView),
    ("date32", DataType::Date32),
    ("date64", DataType::Date64),
    ("string", DataType::Utf8),
];

/// Types that take arguments.
const COMPOUND: [&str; 15] = [
    "timestamp",
    "time32",
    "time64",
    "duration",
    "interval",
    "decimal",
    "decimal128",
    "decimal256",
    "fixed_size_binary",
    "list",
    "large_list",
    "fixed_size_list",
    "struct",
    "map",
    "dictionary",
];

/// Names that other systems use, and ours.
const FOREIGN: [(&str, &str); 12] = [
    ("str", "utf8"),
    ("text", "utf8"),
    ("varchar", "utf8"),
    ("boolean", "bool"),
    ("int", "int64"),
    ("integer", "int64"),
    ("bigint", "int64"),
    ("long", "int64"),
    ("float", "float64"),
    ("double", "float64"),
    ("date", "date32"),
    ("datetime", "timestamp(\"us\")"),
];
