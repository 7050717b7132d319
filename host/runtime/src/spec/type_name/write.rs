//! The name of a type, which reads back as the type.

use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};

use super::SIMPLE;

/// The name of a type; none for unions, run ends, list views and maps of another shape, which have
/// no name here.
pub(in crate::spec) fn write(ty: &DataType) -> Option<String> {
    if let Some((name, _)) = SIMPLE.iter().find(|(_, known)| known == ty) {
        return Some((*name).to_owned());
    }
    Some(match ty {
        DataType::Timestamp(unit, None) => format!("timestamp(\"{}\")", time(*unit)),
        DataType::Timestamp(unit, Some(zone)) => {
            format!("timestamp(\"{}\", {})", time(*unit), quote(zone))
        }
        DataType::Time32(unit) => format!("time32(\"{}\")", time(*unit)),
        DataType::Time64(unit) => format!("time64(\"{}\")", time(*unit)),
        DataType::Duration(unit) => format!("duration(\"{}\")", time(*unit)),
        DataType::Interval(unit) => format!("interval(\"{}\")", interval(*unit)),
        // The narrow forms hold nothing that the wide one does not.
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale) => format!("decimal({precision}, {scale})"),
        DataType::Decimal256(precision, scale) => format!("decimal256({precision}, {scale})"),
        DataType::FixedSizeBinary(size) => format!("fixed_size_binary({size})"),
        DataType::List(item) => format!("list({})", field(item)?),
        DataType::LargeList(item) => format!("large_list({})", field(item)?),
        DataType::FixedSizeList(item, size) => format!("fixed_size_list({}, {size})", field(item)?),
        DataType::Struct(members) => {
            let members: Option<Vec<_>> = members
                .iter()
                .map(|member| Some(format!("{}: {}", name(member.name()), field(member)?)))
                .collect();
            format!("struct({})", members?.join(", "))
        }
        DataType::Map(entries, _) => {
            let DataType::Struct(members) = entries.data_type() else {
                return None;
            };
            let [key, value] = members.as_ref() else {
                return None;
            };
            format!("map({}, {})", write(key.data_type())?, field(value)?)
        }
        DataType::Dictionary(key, value) => {
            format!("dictionary({}, {})", write(key)?, write(value)?)
        }
        _ => return None,
    })
}

const fn time(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}

const fn interval(unit: IntervalUnit) -> &'static str {
    match unit {
        IntervalUnit::YearMonth => "year_month",
        IntervalUnit::DayTime => "day_time",
        IntervalUnit::MonthDayNano => "month_day_nano",
    }
}

fn field(field: &Field) -> Option<String> {
    let name = write(field.data_type())?;
    Some(if field.is_nullable() {
        name
    } else {
        format!("{name} not null")
    })
}

fn name(name: &str) -> String {
    let bare = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        quote(name)
    }
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
