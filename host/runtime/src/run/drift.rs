//! How columns that are found differ from those that are expected.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};

use crate::spec::{Compatibility, type_text};

/// Differences that are told; the others are counted.
pub(super) const TOLD_MAX: usize = 50;

/// The differences between columns, each in words; and whether `rule` forgives all of them.
pub(super) fn compare(
    expected: &Schema,
    found: &Schema,
    rule: Compatibility,
) -> (Vec<String>, bool) {
    let mut changes = Vec::new();
    let mut forgiven = true;
    for field in expected.fields() {
        let change = match found
            .fields()
            .iter()
            .find(|other| other.name() == field.name())
        {
            None => Some((Change::Missing, format!("`{}` is missing", field.name()))),
            Some(other) => retyped(field, other),
        };
        if let Some((change, told)) = change {
            forgiven &= change.is_forgiven_by(rule);
            changes.push(told);
        }
    }
    for field in found.fields() {
        if expected
            .fields()
            .iter()
            .any(|other| other.name() == field.name())
        {
            continue;
        }
        forgiven &= Change::New.is_forgiven_by(rule);
        let ty = type_text(field.data_type());
        changes.push(format!("`{}` is new, of the type {ty}", field.name()));
    }
    if changes.is_empty() && names(expected).ne(names(found)) {
        let names: Vec<_> = names(found).map(|name| format!("`{name}`")).collect();
        changes.push(format!("the order is another: {}", names.join(", ")));
        forgiven &= rule != Compatibility::Exact;
    }
    (changes, forgiven)
}

fn names(schema: &Schema) -> impl Iterator<Item = &String> {
    schema.fields().iter().map(|field| field.name())
}

/// What happened to a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    New,
    Missing,
    /// All values that it can hold now it could hold before.
    Narrowed,
    /// All values that it could hold before it can hold now.
    Widened,
    Retyped,
}

impl Change {
    const fn is_forgiven_by(self, rule: Compatibility) -> bool {
        match rule {
            Compatibility::Exact => false,
            Compatibility::Forward => matches!(self, Self::New | Self::Narrowed),
            Compatibility::Backward => matches!(self, Self::Missing | Self::Widened),
            Compatibility::Any => true,
        }
    }
}

/// What happened to the type of a column, if anything did.
fn retyped(expected: &Field, found: &Field) -> Option<(Change, String)> {
    let name = expected.name();
    let (before, now) = (expected.data_type(), found.data_type());
    let nulls = match (expected.is_nullable(), found.is_nullable()) {
        (false, true) => Some(Change::Widened),
        // Where nulls are expected, nobody minds that there are none.
        _ => None,
    };
    if is_same(before, now) {
        return nulls.map(|change| (change, format!("`{name}` may be null")));
    }
    let change = match (fits(now, before), fits(before, now), nulls) {
        (true, _, None) => Change::Narrowed,
        (_, true, _) => Change::Widened,
        _ => Change::Retyped,
    };
    let also = if nulls.is_some() {
        ", and may be null"
    } else {
        ""
    };
    let (before, now) = (type_text(before), type_text(now));
    let told = format!("`{name}` is of the type {now} in place of {before}{also}");
    Some((change, told))
}

/// Whether two types hold the same values, however they are laid out.
fn is_same(one: &DataType, other: &DataType) -> bool {
    fits(one, other) && fits(other, one)
}

/// Whether each value of `narrow` is one of `wide`, exactly.
fn fits(narrow: &DataType, wide: &DataType) -> bool {
    use DataType::{
        Binary, BinaryView, Dictionary, Float16, Float32, Float64, LargeBinary, LargeList,
        LargeUtf8, List, Null, Struct, Utf8, Utf8View,
    };
    match (narrow, wide) {
        _ if narrow == wide => true,
        (Dictionary(_, values), wide) => fits(values, wide),
        (narrow, Dictionary(_, values)) => fits(narrow, values),
        // A column without a value fits anywhere.
        (Null, _)
        | (Utf8 | LargeUtf8 | Utf8View, Utf8 | LargeUtf8 | Utf8View)
        | (Binary | LargeBinary | BinaryView, Binary | LargeBinary | BinaryView)
        | (Float16, Float32 | Float64)
        | (Float32, Float64) => true,
        (List(one) | LargeList(one), List(other) | LargeList(other)) => member_fits(one, other),
        (Struct(one), Struct(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| one.name() == other.name() && member_fits(one, other))
        }
        _ => match (digits(narrow), digits(wide)) {
            (Some(narrow), Some(wide)) => narrow.fits(wide),
            _ => false,
        },
    }
}

fn member_fits(narrow: &Arc<Field>, wide: &Arc<Field>) -> bool {
    fits(narrow.data_type(), wide.data_type()) && (wide.is_nullable() || !narrow.is_nullable())
}

/// What an exact number can be.
#[derive(Clone, Copy)]
enum Digits {
    /// Bits of its magnitude, and whether it can be negative.
    Binary(u32, bool),
    /// Bits of the integers that a float holds all of.
    Float(u32),
    /// Digits before and behind the point.
    Decimal(i16, i16),
}

impl Digits {
    fn fits(self, wide: Self) -> bool {
        match (self, wide) {
            (Self::Binary(bits, signed), Self::Binary(wide, wide_signed)) => {
                bits <= wide && (wide_signed || !signed)
            }
            (Self::Binary(bits, _), Self::Float(wide)) => bits <= wide,
            (Self::Decimal(before, behind), Self::Decimal(wide_before, wide_behind)) => {
                before <= wide_before && behind <= wide_behind
            }
            _ => false,
        }
    }
}

fn digits(ty: &DataType) -> Option<Digits> {
    Some(match ty {
        DataType::Int8 => Digits::Binary(7, true),
        DataType::Int16 => Digits::Binary(15, true),
        DataType::Int32 => Digits::Binary(31, true),
        DataType::Int64 => Digits::Binary(63, true),
        DataType::UInt8 => Digits::Binary(8, false),
        DataType::UInt16 => Digits::Binary(16, false),
        DataType::UInt32 => Digits::Binary(32, false),
        DataType::UInt64 => Digits::Binary(64, false),
        DataType::Float16 => Digits::Float(11),
        DataType::Float32 => Digits::Float(24),
        DataType::Float64 => Digits::Float(53),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => {
            let (precision, scale) = (i16::from(*precision), i16::from(*scale));
            Digits::Decimal(precision - scale, scale)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
