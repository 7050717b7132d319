//! Arrays of every type that the contract offers, drawn at random.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryViewArray, BooleanArray, DictionaryArray, FixedSizeBinaryArray,
    FixedSizeListArray, GenericBinaryArray, GenericListArray, GenericStringArray, MapArray,
    NullArray, OffsetSizeTrait, PrimitiveArray, StringViewArray, StructArray, downcast_integer,
    downcast_primitive,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowDictionaryKeyType, ArrowNativeType, ArrowPrimitiveType, DataType, DecimalType, Field,
    FieldRef, IntervalUnit, TimeUnit,
};
use arrow::datatypes::{Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type};

/// A small source of numbers that a property's one seed determines.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }

    pub(super) fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    pub(super) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Every type without children.
pub(super) fn leaf_types() -> Vec<DataType> {
    use DataType::{
        Binary, BinaryView, Boolean, Date32, Date64, Decimal32, Decimal64, Decimal128, Decimal256,
        Duration, FixedSizeBinary, Float16, Float32, Float64, Int8, Int16, Int32, Int64, Interval,
        LargeBinary, LargeUtf8, Null, Time32, Time64, Timestamp, UInt8, UInt16, UInt32, UInt64,
        Utf8, Utf8View,
    };
    let mut types = vec![
        Null,
        Boolean,
        Int8,
        Int16,
        Int32,
        Int64,
        UInt8,
        UInt16,
        UInt32,
        UInt64,
        Float16,
        Float32,
        Float64,
        Utf8,
        LargeUtf8,
        Utf8View,
        Binary,
        LargeBinary,
        BinaryView,
        Date32,
        Date64,
    ];
    types.extend([Time32(TimeUnit::Second), Time32(TimeUnit::Millisecond)]);
    types.extend([Time64(TimeUnit::Microsecond), Time64(TimeUnit::Nanosecond)]);
    for unit in [
        TimeUnit::Second,
        TimeUnit::Millisecond,
        TimeUnit::Microsecond,
        TimeUnit::Nanosecond,
    ] {
        types.extend([
            Timestamp(unit, None),
            Timestamp(unit, Some("+01:00".into())),
        ]);
        types.push(Duration(unit));
    }
    types.extend(
        [
            IntervalUnit::YearMonth,
            IntervalUnit::DayTime,
            IntervalUnit::MonthDayNano,
        ]
        .map(Interval),
    );
    types.extend([
        Decimal32(9, 2),
        Decimal64(3, 0),
        Decimal128(38, 10),
        Decimal128(5, -2),
    ]);
    types.extend([Decimal256(76, 1), Decimal256(1, 1)]);
    types.extend([FixedSizeBinary(0), FixedSizeBinary(1), FixedSizeBinary(7)]);
    types
}

/// An array of `length` values of a field, with nulls only where they may be.
pub(super) fn array(dice: &mut Dice, field: &Field, length: usize) -> ArrayRef {
    macro_rules! primitive {
        ($type:ty, $dice:expr) => {
            primitive::<$type>($dice, field, length)
        };
    }
    match field.data_type() {
        DataType::Decimal32(_, _) => decimal::<Decimal32Type>(dice, field, length),
        DataType::Decimal64(_, _) => decimal::<Decimal64Type>(dice, field, length),
        DataType::Decimal128(_, _) => decimal::<Decimal128Type>(dice, field, length),
        DataType::Decimal256(_, _) => decimal::<Decimal256Type>(dice, field, length),
        data_type => downcast_primitive! {
            data_type => (primitive, dice),
            DataType::Null => Arc::new(NullArray::new(length)),
            DataType::Boolean => {
                let values = BooleanBuffer::collect_bool(length, |_| dice.coin());
                Arc::new(BooleanArray::new(values, nulls(dice, field, length)))
            }
            DataType::Utf8 => Arc::new(GenericStringArray::<i32>::from_iter(texts(dice, field, length))),
            DataType::LargeUtf8 => Arc::new(GenericStringArray::<i64>::from_iter(texts(dice, field, length))),
            DataType::Utf8View => Arc::new(StringViewArray::from_iter(texts(dice, field, length))),
            DataType::Binary => Arc::new(GenericBinaryArray::<i32>::from_iter(blobs(dice, field, length))),
            DataType::LargeBinary => Arc::new(GenericBinaryArray::<i64>::from_iter(blobs(dice, field, length))),
            DataType::BinaryView => Arc::new(BinaryViewArray::from_iter(blobs(dice, field, length))),
            DataType::FixedSizeBinary(width) => {
                let values = Buffer::from(dice.bytes(length * usize::try_from(*width).unwrap()));
                let nulls = nulls(dice, field, length);
                Arc::new(FixedSizeBinaryArray::try_new_with_len(*width, values, nulls, length).unwrap())
            }
            _ => nested(dice, field, length),
        },
    }
}

fn nested(dice: &mut Dice, field: &Field, length: usize) -> ArrayRef {
    macro_rules! dictionary {
        ($type:ty, $dice:expr) => {
            dictionary::<$type>($dice, field, length)
        };
    }
    match field.data_type() {
        DataType::List(child) => list::<i32>(dice, field, child, length),
        DataType::LargeList(child) => list::<i64>(dice, field, child, length),
        DataType::FixedSizeList(child, size) => {
            let values = array(dice, child, length * usize::try_from(*size).unwrap());
            let nulls = nulls(dice, field, length);
            let child = Arc::clone(child);
            Arc::new(
                FixedSizeListArray::try_new_with_length(child, *size, values, nulls, length)
                    .unwrap(),
            )
        }
        DataType::Struct(children) => {
            let values = children
                .iter()
                .map(|child| array(dice, child, length))
                .collect();
            let nulls = nulls(dice, field, length);
            let children = children.clone();
            Arc::new(StructArray::try_new_with_length(children, values, nulls, length).unwrap())
        }
        DataType::Map(entries, sorted) => {
            let offsets = offsets::<i32>(dice, length);
            let values = array(
                dice,
                entries,
                usize::try_from(*offsets.last().unwrap()).unwrap(),
            );
            let values = values
                .as_any()
                .downcast_ref::<StructArray>()
                .unwrap()
                .clone();
            let nulls = nulls(dice, field, length);
            Arc::new(
                MapArray::try_new(Arc::clone(entries), offsets, values, nulls, *sorted).unwrap(),
            )
        }
        DataType::Dictionary(keys, _) => downcast_integer! {
            keys.as_ref() => (dictionary, dice),
            other => panic!("{other} as keys")
        },
        other => panic!("{other} is not drawn"),
    }
}

fn nulls(dice: &mut Dice, field: &Field, length: usize) -> Option<NullBuffer> {
    let some = field.is_nullable() && dice.coin();
    some.then(|| (0..length).map(|_| dice.coin()).collect())
}

fn primitive<T: ArrowPrimitiveType>(dice: &mut Dice, field: &Field, length: usize) -> ArrayRef {
    let bytes = Buffer::from(dice.bytes(length * size_of::<T::Native>()).as_slice());
    let nulls = nulls(dice, field, length);
    let values = PrimitiveArray::<T>::new(ScalarBuffer::new(bytes, 0, length), nulls);
    Arc::new(values.with_data_type(field.data_type().clone()))
}

fn decimal<T: DecimalType>(dice: &mut Dice, field: &Field, length: usize) -> ArrayRef {
    let values: Vec<_> = (0..length)
        .map(|_| T::Native::usize_as(dice.below(10)))
        .collect();
    let nulls = nulls(dice, field, length);
    let values = PrimitiveArray::<T>::new(values.into(), nulls);
    Arc::new(values.with_data_type(field.data_type().clone()))
}

fn texts(dice: &mut Dice, field: &Field, length: usize) -> Vec<Option<String>> {
    let parts = [
        "",
        "a",
        "é",
        "日本",
        "🦀",
        "a text that no view holds itself",
    ];
    (0..length)
        .map(|_| {
            let null = field.is_nullable() && dice.below(4) == 0;
            let text = format!("{}{}", dice.pick(&parts), dice.pick(&parts));
            (!null).then_some(text)
        })
        .collect()
}

fn blobs(dice: &mut Dice, field: &Field, length: usize) -> Vec<Option<Vec<u8>>> {
    (0..length)
        .map(|_| {
            let null = field.is_nullable() && dice.below(4) == 0;
            let size = dice.below(20);
            let bytes = dice.bytes(size);
            (!null).then_some(bytes)
        })
        .collect()
}

fn offsets<O: OffsetSizeTrait>(dice: &mut Dice, length: usize) -> OffsetBuffer<O> {
    OffsetBuffer::from_lengths((0..length).map(|_| dice.below(4)))
}

fn list<O: OffsetSizeTrait>(
    dice: &mut Dice,
    field: &Field,
    child: &FieldRef,
    length: usize,
) -> ArrayRef {
    let offsets = offsets::<O>(dice, length);
    let values = array(dice, child, offsets.last().unwrap().as_usize());
    let nulls = nulls(dice, field, length);
    Arc::new(GenericListArray::try_new(Arc::clone(child), offsets, values, nulls).unwrap())
}

fn dictionary<K: ArrowDictionaryKeyType>(
    dice: &mut Dice,
    field: &Field,
    length: usize,
) -> ArrayRef {
    let DataType::Dictionary(_, value_type) = field.data_type() else {
        panic!("no dictionary")
    };
    let values = Field::new("", value_type.as_ref().clone(), field.is_nullable());
    let count = 1 + dice.below(5);
    let values = array(dice, &values, count);
    let keys: Vec<_> = (0..length)
        .map(|_| K::Native::usize_as(dice.below(count)))
        .collect();
    let nulls = nulls(dice, field, length);
    let keys = PrimitiveArray::<K>::new(keys.into(), nulls);
    Arc::new(DictionaryArray::try_new(keys, values).unwrap())
}
