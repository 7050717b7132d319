//! Fields of every type that the contract offers, drawn at random.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};

use super::arrays::{Dice, leaf_types};

fn key_types() -> [DataType; 8] {
    use DataType::{Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64};
    [Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64]
}

/// Whether values of a type are made of bytes; what is not is bounded by what surrounds it.
fn has_bytes(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null | DataType::FixedSizeBinary(0) | DataType::FixedSizeList(_, 0) => false,
        DataType::FixedSizeList(child, _) => has_bytes(child.data_type()),
        DataType::Struct(children) => children.iter().any(|child| has_bytes(child.data_type())),
        _ => true,
    }
}

/// A field of any type, nested at most `depth` levels.
pub(super) fn field(dice: &mut Dice, name: &str, depth: usize) -> Field {
    let data_type = data_type(dice, depth);
    let nullable = data_type == DataType::Null || dice.coin();
    let field = Field::new(name, data_type, nullable);
    if dice.below(4) > 0 {
        return field;
    }
    field.with_metadata(HashMap::from([
        ("ARROW:extension:name".to_owned(), "é".to_owned()),
        ("a".to_owned(), String::new()),
    ]))
}

fn field_with_bytes(dice: &mut Dice, name: &str, depth: usize) -> Field {
    let drawn = field(dice, name, depth);
    if has_bytes(drawn.data_type()) {
        return drawn;
    }
    drawn.with_data_type(DataType::Int16)
}

fn data_type(dice: &mut Dice, depth: usize) -> DataType {
    let leaves = leaf_types();
    if depth == 0 {
        return dice.pick(&leaves).clone();
    }
    let below = depth - 1;
    match dice.below(8) {
        0 => DataType::List(Arc::new(field(dice, "item", below))),
        1 => DataType::LargeList(Arc::new(field(dice, "", below))),
        2 => {
            let size = i32::try_from(dice.below(4)).unwrap();
            DataType::FixedSizeList(Arc::new(field_with_bytes(dice, "item", below)), size)
        }
        3 => {
            let children = dice.below(4);
            (0..children)
                .map(|n| field(dice, &format!("c{n}"), below))
                .collect::<Vec<_>>()
                .into_struct()
        }
        4 => {
            let key = field_with_bytes(dice, "key", 0).with_nullable(false);
            let entries = vec![key, field(dice, "value", below)].into_struct();
            DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
        }
        5 => {
            let values = field_with_bytes(dice, "", 0).data_type().clone();
            DataType::Dictionary(Box::new(dice.pick(&key_types()).clone()), Box::new(values))
        }
        _ => dice.pick(&leaves).clone(),
    }
}

trait IntoStruct {
    fn into_struct(self) -> DataType;
}

impl IntoStruct for Vec<Field> {
    fn into_struct(self) -> DataType {
        DataType::Struct(self.into())
    }
}
