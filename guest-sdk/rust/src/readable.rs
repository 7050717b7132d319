//! Which arrays a transform may ask for.

use arrow_array::types::{ArrowDictionaryKeyType, ByteArrayType, ByteViewType};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, DictionaryArray, FixedSizeBinaryArray,
    FixedSizeListArray, GenericByteArray, GenericByteViewArray, GenericListArray, MapArray,
    OffsetSizeTrait, PrimitiveArray, StructArray, make_array,
};
use arrow_data::ArrayData;
use arrow_schema::DataType;

/// A view of a column that [`Plan::read`](crate::Plan::read) can give out.
///
/// Arrow's own arrays accept exactly their type (timestamps of any zone, decimals of any scale);
/// [`Numbers`](crate::Numbers) and [`Text`](crate::Text) accept whatever can be seen as such; `ArrayRef` accepts all.
pub trait Readable: Sized {
    /// Whether a column of this type can be seen so.
    fn accepts(data_type: &DataType) -> bool;

    /// The types that are accepted, for the error that says so.
    fn expected() -> String;

    /// The view of an array of a type that is accepted; `None` for others.
    fn from_data(data: ArrayData) -> Option<Self>;
}

impl Readable for ArrayRef {
    fn accepts(_: &DataType) -> bool {
        true
    }

    fn expected() -> String {
        "any type".to_owned()
    }

    fn from_data(data: ArrayData) -> Option<Self> {
        Some(make_array(data))
    }
}

impl<T: ArrowPrimitiveType> Readable for PrimitiveArray<T> {
    fn accepts(data_type: &DataType) -> bool {
        Self::is_compatible(data_type)
    }

    fn expected() -> String {
        T::DATA_TYPE.to_string()
    }

    fn from_data(data: ArrayData) -> Option<Self> {
        Self::accepts(data.data_type()).then(|| Self::from(data))
    }
}

macro_rules! readable {
    ([$($generic:tt)*] $array:ty, $accepts:expr, $expected:expr) => {
        impl<$($generic)*> Readable for $array {
            fn accepts(data_type: &DataType) -> bool {
                let accepts: fn(&DataType) -> bool = $accepts;
                accepts(data_type)
            }

            fn expected() -> String {
                $expected.to_string()
            }

            fn from_data(data: ArrayData) -> Option<Self> {
                Self::accepts(data.data_type()).then(|| Self::from(data))
            }
        }
    };
}

readable!([] BooleanArray, |data_type| matches!(data_type, DataType::Boolean), "Boolean");
readable!([] StructArray, |data_type| matches!(data_type, DataType::Struct(_)), "Struct");
readable!([] MapArray, |data_type| matches!(data_type, DataType::Map(_, _)), "Map");
readable!([] FixedSizeBinaryArray, |data_type| matches!(data_type, DataType::FixedSizeBinary(_)), "FixedSizeBinary");
readable!([] FixedSizeListArray, |data_type| matches!(data_type, DataType::FixedSizeList(_, _)), "FixedSizeList");
readable!([T: ByteArrayType] GenericByteArray<T>, |data_type| *data_type == T::DATA_TYPE, T::DATA_TYPE);
readable!(
    [T: ByteViewType + ?Sized] GenericByteViewArray<T>,
    |data_type| *data_type == T::DATA_TYPE,
    T::DATA_TYPE
);
readable!(
    [O: OffsetSizeTrait] GenericListArray<O>,
    |data_type| matches!((data_type, O::IS_LARGE), (DataType::List(_), false) | (DataType::LargeList(_), true)),
    if O::IS_LARGE { "LargeList" } else { "List" }
);
readable!(
    [K: ArrowDictionaryKeyType] DictionaryArray<K>,
    |data_type| matches!(data_type, DataType::Dictionary(keys, _) if **keys == K::DATA_TYPE),
    format!("Dictionary of {}", K::DATA_TYPE)
);
