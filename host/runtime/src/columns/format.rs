//! The format strings of the Arrow C data interface, as far as the contract offers them.

use std::borrow::Cow;

use arrow::datatypes::{
    DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType,
    IntervalUnit, TimeUnit, validate_decimal_precision_and_scale,
};

/// What a format string says about a field.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// A type without children.
    Leaf(DataType),
    /// A list with 32-bit offsets, of one child.
    List,
    /// A list with 64-bit offsets, of one child.
    LargeList,
    /// Lists of this many values each, of one child.
    FixedSizeList(i32),
    /// A struct of any number of children.
    Struct,
    /// A map, of one child which is a struct of key and value.
    Map,
}

/// The format string of a type, without its children; that of the indices for a dictionary.
///
/// `None` for what the contract does not offer: unions, run-end encoded arrays and list views.
pub(super) fn format_of(data_type: &DataType) -> Option<Cow<'static, str>> {
    let fixed = match data_type {
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
        DataType::Dictionary(indices, _) => return format_of(indices),
        _ => return parameterised(data_type).map(Cow::Owned),
    };
    Some(Cow::Borrowed(fixed))
}

fn parameterised(data_type: &DataType) -> Option<String> {
    Some(match data_type {
        DataType::Time32(unit) | DataType::Time64(unit) => format!("tt{}", letter(*unit)),
        DataType::Timestamp(unit, zone) => {
            format!(
                "ts{}:{}",
                letter(*unit),
                zone.as_deref().unwrap_or_default()
            )
        }
        DataType::Duration(unit) => format!("tD{}", letter(*unit)),
        DataType::FixedSizeBinary(width) => format!("w:{width}"),
        DataType::FixedSizeList(_, size) => format!("+w:{size}"),
        DataType::Decimal32(precision, scale) => format!("d:{precision},{scale},32"),
        DataType::Decimal64(precision, scale) => format!("d:{precision},{scale},64"),
        DataType::Decimal128(precision, scale) => format!("d:{precision},{scale}"),
        DataType::Decimal256(precision, scale) => format!("d:{precision},{scale},256"),
        _ => return None,
    })
}

fn letter(unit: TimeUnit) -> char {
    match unit {
        TimeUnit::Second => 's',
        TimeUnit::Millisecond => 'm',
        TimeUnit::Microsecond => 'u',
        TimeUnit::Nanosecond => 'n',
    }
}

/// Reads a format string; the error says why it is none, without repeating it.
pub(super) fn parse_format(format: &str) -> Result<Format, String> {
    Ok(Format::Leaf(match format {
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
        "+l" => return Ok(Format::List),
        "+L" => return Ok(Format::LargeList),
        "+s" => return Ok(Format::Struct),
        "+m" => return Ok(Format::Map),
        "+r" => return Err("run-end encoded arrays are not offered".to_owned()),
        "+vl" | "+vL" => return Err("list views are not offered".to_owned()),
        _ => return parse_parameters(format),
    }))
}

fn parse_parameters(format: &str) -> Result<Format, String> {
    let (head, parameters) = format.split_once(':').ok_or("it is not known")?;
    Ok(match head {
        "tss" => timestamp(TimeUnit::Second, parameters),
        "tsm" => timestamp(TimeUnit::Millisecond, parameters),
        "tsu" => timestamp(TimeUnit::Microsecond, parameters),
        "tsn" => timestamp(TimeUnit::Nanosecond, parameters),
        "w" => Format::Leaf(DataType::FixedSizeBinary(width(parameters)?)),
        "+w" => Format::FixedSizeList(width(parameters)?),
        "d" => Format::Leaf(decimal(parameters)?),
        "+ud" | "+us" => return Err("unions are not offered".to_owned()),
        _ => return Err("it is not known".to_owned()),
    })
}

fn timestamp(unit: TimeUnit, zone: &str) -> Format {
    let zone = (!zone.is_empty()).then(|| zone.into());
    Format::Leaf(DataType::Timestamp(unit, zone))
}

fn width(text: &str) -> Result<i32, String> {
    let width: i32 = text
        .parse()
        .map_err(|_| "the width is not a number of 31 bits")?;
    if width < 0 {
        return Err("the width is negative".to_owned());
    }
    Ok(width)
}

fn decimal(parameters: &str) -> Result<DataType, String> {
    let mut parts = parameters.split(',');
    let (Some(precision), Some(scale), bits, None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("a decimal is `d:precision,scale` or `d:precision,scale,bits`".to_owned());
    };
    let precision = precision
        .parse()
        .map_err(|_| "the precision is not a number")?;
    let scale = scale.parse().map_err(|_| "the scale is not a number")?;
    match bits.unwrap_or("128") {
        "32" => decimal_of::<Decimal32Type>(precision, scale),
        "64" => decimal_of::<Decimal64Type>(precision, scale),
        "128" => decimal_of::<Decimal128Type>(precision, scale),
        "256" => decimal_of::<Decimal256Type>(precision, scale),
        _ => Err("a decimal has 32, 64, 128 or 256 bits".to_owned()),
    }
}

fn decimal_of<T: DecimalType>(precision: u8, scale: i8) -> Result<DataType, String> {
    // Arrow's own conditions, so that no kernel meets a decimal that it would not make itself.
    validate_decimal_precision_and_scale::<T>(precision, scale)
        .map_err(|_| format!("precision {precision} with scale {scale} is out of range"))?;
    Ok((T::TYPE_CONSTRUCTOR)(precision, scale))
}
