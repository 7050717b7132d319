//! Values of text formats as values of columns, without losing any of a value.
//!
//! Arrow's decoders cut what a type cannot hold: `2.5` becomes the integer 2, a date loses its time of day,
//! a decimal its last digits. So columns of the types that this can happen to are decoded as text, which
//! holds everything, and turned into their type here, where a value that does not fit is an error.

mod number;
mod time;

use std::sync::Arc;

use arrow::array::types::{
    Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, FixedSizeListArray, GenericListArray, MapArray,
    NullArray, OffsetSizeTrait, PrimitiveBuilder, StructArray,
};
use arrow::compute::kernels::cast_utils::Parser;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};
use arrow::error::ArrowError;

/// Whose text it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notation {
    Csv,
    Json,
}

/// A value that the type of its column cannot hold.
#[derive(Debug)]
pub(super) struct Misfit {
    /// Counted from zero, within the array that was converted.
    pub(super) row: usize,
    pub(super) value: String,
    pub(super) wanted: DataType,
}

impl Notation {
    /// The type to decode a column of `wanted` with.
    pub(super) fn decoded(self, wanted: &DataType) -> DataType {
        match wanted {
            DataType::Struct(fields) => DataType::Struct(self.decoded_fields(fields)),
            DataType::List(item) => DataType::List(self.decoded_field(item)),
            DataType::LargeList(item) => DataType::LargeList(self.decoded_field(item)),
            DataType::FixedSizeList(item, length) => {
                DataType::FixedSizeList(self.decoded_field(item), *length)
            }
            DataType::Map(entries, sorted) => DataType::Map(self.decoded_field(entries), *sorted),
            leaf if self.is_cut(leaf) => DataType::Utf8,
            leaf => leaf.clone(),
        }
    }

    /// As `decoded`, for several columns.
    pub(super) fn decoded_fields(self, fields: &Fields) -> Fields {
        fields
            .iter()
            .map(|field| self.decoded_field(field))
            .collect()
    }

    fn decoded_field(self, field: &FieldRef) -> FieldRef {
        let decoded = self.decoded(field.data_type());
        if decoded == *field.data_type() {
            return Arc::clone(field);
        }
        Arc::new(Field::new(field.name(), decoded, field.is_nullable()))
    }

    /// Whether Arrow's decoder cuts values of a type.
    ///
    /// Of CSV it reads integers exactly. Floating-point numbers it reads as near as can be, unless they
    /// are out of range, which the reader of CSV looks for afterwards.
    fn is_cut(self, leaf: &DataType) -> bool {
        leaf.is_decimal()
            || leaf.is_temporal()
            || *leaf == DataType::Null
            || (self == Self::Json && leaf.is_numeric())
    }

    /// The values of `column`, which was decoded as `decoded` says, in the type that is wanted.
    ///
    /// # Errors
    ///
    /// The first value that does not fit.
    pub(super) fn convert(self, column: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, Failure> {
        if column.data_type() == wanted {
            return Ok(Arc::clone(column));
        }
        match wanted {
            DataType::Struct(fields) => self.structure(column, fields),
            DataType::List(item) => self.list::<i32>(column, item),
            DataType::LargeList(item) => self.list::<i64>(column, item),
            DataType::FixedSizeList(item, length) => {
                let list = column.as_fixed_size_list();
                let values = self.convert(list.values(), item.data_type())?;
                let nulls = list.nulls().cloned();
                let list = FixedSizeListArray::try_new(Arc::clone(item), *length, values, nulls)?;
                Ok(Arc::new(list))
            }
            DataType::Map(entries, sorted) => {
                let map = column.as_map();
                let pairs: ArrayRef = Arc::new(map.entries().clone());
                let pairs = self.convert(&pairs, entries.data_type())?;
                let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
                let pairs = pairs.as_struct().clone();
                let map = MapArray::try_new(Arc::clone(entries), offsets, pairs, nulls, *sorted)?;
                Ok(Arc::new(map))
            }
            leaf => self.leaf(column, leaf),
        }
    }

    fn structure(self, column: &ArrayRef, fields: &Fields) -> Result<ArrayRef, Failure> {
        let structure = column.as_struct();
        let children = structure.columns().iter().zip(fields);
        let children = children
            .map(|(child, field)| self.convert(child, field.data_type()))
            .collect::<Result<_, _>>()?;
        let nulls = structure.nulls().cloned();
        let rows = structure.len();
        let converted = StructArray::try_new_with_length(fields.clone(), children, nulls, rows)?;
        Ok(Arc::new(converted))
    }

    fn list<O: OffsetSizeTrait>(
        self,
        column: &ArrayRef,
        item: &FieldRef,
    ) -> Result<ArrayRef, Failure> {
        let list = column.as_list::<O>();
        let values = self.convert(list.values(), item.data_type())?;
        let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
        let list = GenericListArray::try_new(Arc::clone(item), offsets, values, nulls)?;
        Ok(Arc::new(list))
    }

    fn leaf(self, column: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, Failure> {
        let text = Text {
            notation: self,
            column,
            wanted,
        };
        match wanted {
            DataType::Null => text.nulls(),
            DataType::Int8 => text.parse::<Int8Type>(number::integer::<Int8Type>),
            DataType::Int16 => text.parse::<Int16Type>(number::integer::<Int16Type>),
            DataType::Int32 => text.parse::<Int32Type>(number::integer::<Int32Type>),
            DataType::Int64 => text.parse::<Int64Type>(number::integer::<Int64Type>),
            DataType::UInt8 => text.parse::<UInt8Type>(number::integer::<UInt8Type>),
            DataType::UInt16 => text.parse::<UInt16Type>(number::integer::<UInt16Type>),
            DataType::UInt32 => text.parse::<UInt32Type>(number::integer::<UInt32Type>),
            DataType::UInt64 => text.parse::<UInt64Type>(number::integer::<UInt64Type>),
            DataType::Float16 => text.parse::<Float16Type>(number::float::<Float16Type>),
            DataType::Float32 => text.parse::<Float32Type>(number::float::<Float32Type>),
            DataType::Float64 => text.parse::<Float64Type>(number::float::<Float64Type>),
            DataType::Decimal32(p, s) => {
                text.parse::<Decimal32Type>(|value| number::decimal::<Decimal32Type>(value, *p, *s))
            }
            DataType::Decimal64(p, s) => {
                text.parse::<Decimal64Type>(|value| number::decimal::<Decimal64Type>(value, *p, *s))
            }
            DataType::Decimal128(p, s) => text
                .parse::<Decimal128Type>(|value| number::decimal::<Decimal128Type>(value, *p, *s)),
            DataType::Decimal256(p, s) => text
                .parse::<Decimal256Type>(|value| number::decimal::<Decimal256Type>(value, *p, *s)),
            _ => text.times(),
        }
    }
}

/// Why a column cannot be converted.
#[derive(Debug)]
pub(super) enum Failure {
    Misfit(Misfit),
    /// A null where the type has none, or a type that no text is read as.
    Arrow(ArrowError),
}

impl From<ArrowError> for Failure {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(error)
    }
}

/// A column of text on its way to another type.
struct Text<'a> {
    notation: Notation,
    column: &'a ArrayRef,
    wanted: &'a DataType,
}

impl Text<'_> {
    fn parse<T: ArrowPrimitiveType>(
        &self,
        parse: impl Fn(&str) -> Option<T::Native>,
    ) -> Result<ArrayRef, Failure> {
        let text = self.column.as_string::<i32>();
        let mut values =
            PrimitiveBuilder::<T>::with_capacity(text.len()).with_data_type(self.wanted.clone());
        for (row, value) in text.iter().enumerate() {
            match value.map(&parse) {
                None => values.append_null(),
                Some(Some(parsed)) => values.append_value(parsed),
                Some(None) => return Err(self.misfit(row, value.unwrap_or_default())),
            }
        }
        Ok(Arc::new(values.finish()))
    }

    fn nulls(&self) -> Result<ArrayRef, Failure> {
        let text = self.column.as_string::<i32>();
        let given = text
            .iter()
            .enumerate()
            .find_map(|(row, value)| Some((row, value?)));
        match given {
            None => Ok(Arc::new(NullArray::new(text.len()))),
            Some((row, value)) => Err(self.misfit(row, value)),
        }
    }

    /// As `parse`, for what JSON may also give as a number: the count of units.
    fn moments<T: ArrowPrimitiveType + Parser>(
        &self,
        parse: impl Fn(&str) -> Option<T::Native>,
    ) -> Result<ArrayRef, Failure>
    where
        i64: TryInto<T::Native>,
    {
        let counted = self.notation == Notation::Json;
        self.parse::<T>(|value| {
            let count = || number::integer::<Int64Type>(value).filter(|_| counted);
            parse(value).or_else(|| count()?.try_into().ok())
        })
    }

    fn times(&self) -> Result<ArrayRef, Failure> {
        use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
        let of_day = |unit| move |value: &str| time::of_day(value, unit);
        let of_day_32 = |unit| move |value: &str| time::of_day(value, unit)?.try_into().ok();
        match self.wanted {
            DataType::Date32 => self.moments::<Date32Type>(time::days),
            DataType::Date64 => self.moments::<Date64Type>(time::date_millis),
            DataType::Time32(Second) => self.moments::<Time32SecondType>(of_day_32(Second)),
            DataType::Time32(_) => self.moments::<Time32MillisecondType>(of_day_32(Millisecond)),
            DataType::Time64(Microsecond) => {
                self.moments::<Time64MicrosecondType>(of_day(Microsecond))
            }
            DataType::Time64(_) => self.moments::<Time64NanosecondType>(of_day(Nanosecond)),
            DataType::Timestamp(unit, zone) => {
                let zone = time::zone(zone.as_deref())?;
                let instant = |value: &str| time::instant(value, *unit, zone);
                match unit {
                    Second => self.moments::<TimestampSecondType>(instant),
                    Millisecond => self.moments::<TimestampMillisecondType>(instant),
                    Microsecond => self.moments::<TimestampMicrosecondType>(instant),
                    Nanosecond => self.moments::<TimestampNanosecondType>(instant),
                }
            }
            DataType::Duration(unit) => match unit {
                Second => self.moments::<DurationSecondType>(|_| None),
                Millisecond => self.moments::<DurationMillisecondType>(|_| None),
                Microsecond => self.moments::<DurationMicrosecondType>(|_| None),
                Nanosecond => self.moments::<DurationNanosecondType>(|_| None),
            },
            other => Err(Failure::Arrow(ArrowError::NotYetImplemented(format!(
                "columns of type {other} cannot be read from text"
            )))),
        }
    }

    fn misfit(&self, row: usize, value: &str) -> Failure {
        Failure::Misfit(Misfit {
            row,
            value: value.to_owned(),
            wanted: self.wanted.clone(),
        })
    }
}

#[cfg(test)]
mod tests;
