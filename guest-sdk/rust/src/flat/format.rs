//! Arrow types as format strings of the Arrow C data interface.

use std::sync::Arc;

use arrow_schema::{DataType, FieldRef, IntervalUnit, TimeUnit};

/// The format string of a type; that of a dictionary is that of its indices.
pub(super) fn format_of(data_type: &DataType) -> Result<String, String> {
    let format = match data_type {
        DataType::Null => "n",
        DataType::Boolean => "b",
        DataType::Int8 => "c",
        DataType::UInt8 => "C",
        DataType::Int16 => "s",
        DataType::UInt16 => "S",
        DataType::Int32 => "i",
        DataType::UInt32 => "I",
        DataType::Int64 => "l",
        DataType::UInt64 => "L",
        DataType::Float16 => "e",
        DataType::Float32 => "f",
        DataType::Float64 => "g",
        DataType::Binary => "z",
        DataType::LargeBinary => "Z",
        DataType::BinaryView => "vz",
        DataType::Utf8 => "u",
        DataType::LargeUtf8 => "U",
        DataType::Utf8View => "vu",
        DataType::Date32 => "tdD",
        DataType::Date64 => "tdm",
        DataType::Interval(IntervalUnit::YearMonth) => "tiM",
        DataType::Interval(IntervalUnit::DayTime) => "tiD",
        DataType::Interval(IntervalUnit::MonthDayNano) => "tin",
        DataType::List(_) => "+l",
        DataType::LargeList(_) => "+L",
        DataType::Struct(_) => "+s",
        DataType::Map(_, _) => "+m",
        other => return parameterised(other),
    };
    Ok(format.to_owned())
}

fn parameterised(data_type: &DataType) -> Result<String, String> {
    Ok(match data_type {
        DataType::FixedSizeBinary(width) => format!("w:{width}"),
        DataType::FixedSizeList(_, length) => format!("+w:{length}"),
        DataType::Decimal32(precision, scale) => format!("d:{precision},{scale},32"),
        DataType::Decimal64(precision, scale) => format!("d:{precision},{scale},64"),
        DataType::Decimal128(precision, scale) => format!("d:{precision},{scale}"),
        DataType::Decimal256(precision, scale) => format!("d:{precision},{scale},256"),
        DataType::Time32(unit) | DataType::Time64(unit) => format!("tt{}", unit_char(*unit)),
        DataType::Duration(unit) => format!("tD{}", unit_char(*unit)),
        DataType::Timestamp(unit, zone) => {
            format!(
                "ts{}:{}",
                unit_char(*unit),
                zone.as_deref().unwrap_or_default()
            )
        }
        DataType::Dictionary(indices, _) => format_of(indices)?,
        other => return Err(format!("type {other} cannot cross into a transform")),
    })
}

/// The type of a format string; `children` are the fields of the type's children.
pub(super) fn type_of(format: &str, children: Vec<FieldRef>) -> Result<DataType, String> {
    let unknown = || format!("type format `{format}` is not known");
    let only_child = |children: Vec<FieldRef>| {
        let [child] = <[FieldRef; 1]>::try_from(children).map_err(|_| unknown())?;
        Ok::<_, String>(child)
    };
    if let Some(simple) = simple_type(format) {
        return Ok(simple);
    }
    Ok(match format {
        "+l" => DataType::List(only_child(children)?),
        "+L" => DataType::LargeList(only_child(children)?),
        "+s" => DataType::Struct(children.into()),
        "+m" => DataType::Map(only_child(children)?, false),
        _ => {
            if let Some(width) = format.strip_prefix("w:") {
                DataType::FixedSizeBinary(width.parse().map_err(|_| unknown())?)
            } else if let Some(length) = format.strip_prefix("+w:") {
                let length = length.parse().map_err(|_| unknown())?;
                DataType::FixedSizeList(only_child(children)?, length)
            } else if let Some(digits) = format.strip_prefix("d:") {
                decimal(digits).ok_or_else(unknown)?
            } else {
                timestamp(format).ok_or_else(unknown)?
            }
        }
    })
}

fn simple_type(format: &str) -> Option<DataType> {
    Some(match format {
        "n" => DataType::Null,
        "b" => DataType::Boolean,
        "c" => DataType::Int8,
        "C" => DataType::UInt8,
        "s" => DataType::Int16,
        "S" => DataType::UInt16,
        "i" => DataType::Int32,
        "I" => DataType::UInt32,
        "l" => DataType::Int64,
        "L" => DataType::UInt64,
        "e" => DataType::Float16,
        "f" => DataType::Float32,
        "g" => DataType::Float64,
        "z" => DataType::Binary,
        "Z" => DataType::LargeBinary,
        "vz" => DataType::BinaryView,
        "u" => DataType::Utf8,
        "U" => DataType::LargeUtf8,
        "vu" => DataType::Utf8View,
        "tdD" => DataType::Date32,
        "tdm" => DataType::Date64,
        "tts" => DataType::Time32(TimeUnit::Second),
        "ttm" => DataType::Time32(TimeUnit::Millisecond),
        "ttu" => DataType::Time64(TimeUnit::Microsecond),
        "ttn" => DataType::Time64(TimeUnit::Nanosecond),
        "tDs" => DataType::Duration(TimeUnit::Second),
        "tDm" => DataType::Duration(TimeUnit::Millisecond),
        "tDu" => DataType::Duration(TimeUnit::Microsecond),
        "tDn" => DataType::Duration(TimeUnit::Nanosecond),
        "tiM" => DataType::Interval(IntervalUnit::YearMonth),
        "tiD" => DataType::Interval(IntervalUnit::DayTime),
        "tin" => DataType::Interval(IntervalUnit::MonthDayNano),
        _ => return None,
    })
}

fn decimal(digits: &str) -> Option<DataType> {
    let mut parts = digits.split(',');
    let precision = parts.next()?.parse().ok()?;
    let scale = parts.next()?.parse().ok()?;
    Some(match parts.next() {
        None | Some("128") => DataType::Decimal128(precision, scale),
        Some("32") => DataType::Decimal32(precision, scale),
        Some("64") => DataType::Decimal64(precision, scale),
        Some("256") => DataType::Decimal256(precision, scale),
        Some(_) => return None,
    })
}

fn timestamp(format: &str) -> Option<DataType> {
    let (unit, zone) = format.strip_prefix("ts")?.split_once(':')?;
    let unit = match unit {
        "s" => TimeUnit::Second,
        "m" => TimeUnit::Millisecond,
        "u" => TimeUnit::Microsecond,
        "n" => TimeUnit::Nanosecond,
        _ => return None,
    };
    Some(DataType::Timestamp(
        unit,
        (!zone.is_empty()).then(|| Arc::from(zone)),
    ))
}

const fn unit_char(unit: TimeUnit) -> char {
    match unit {
        TimeUnit::Second => 's',
        TimeUnit::Millisecond => 'm',
        TimeUnit::Microsecond => 'u',
        TimeUnit::Nanosecond => 'n',
    }
}
