//! Arrays with children: lists, structs, maps and dictionaries.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, FixedSizeListArray, GenericListArray, MapArray,
    OffsetSizeTrait, PrimitiveArray, StructArray, downcast_integer,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    ArrowDictionaryKeyType, ArrowNativeType, DataType, Field, FieldRef, Fields,
};

use super::assemble::{GuestArray, Source, buffers, refused, validity};
use super::size::unpacked_bytes;
use super::{broken, leaf, quoted};
use crate::error::{Error, Result, ResultExt};

const VALIDITY: &str = "validity";
const OFFSETS: &str = "offsets";

/// Builds an array with its children, which follow it in `source`.
pub(super) fn assemble(
    source: &mut Source<'_>,
    data_type: &DataType,
    array: &GuestArray<'_>,
) -> Result<ArrayRef> {
    macro_rules! dictionary {
        ($type:ty) => {
            dictionary::<$type>(source, data_type, array)
        };
    }
    match data_type {
        DataType::List(child) => list::<i32>(source, child, array),
        DataType::LargeList(child) => list::<i64>(source, child, array),
        DataType::FixedSizeList(child, size) => fixed_size_list(source, child, *size, array),
        DataType::Struct(children) => structure(source, children, array),
        DataType::Map(entries, sorted) => map(source, entries, *sorted, array),
        DataType::Dictionary(keys, _) => downcast_integer! {
            keys.as_ref() => (dictionary),
            other => Err(Error::internal(format!("`{other}` cannot be the keys of a dictionary")))
        },
        other => Err(Error::internal(format!(
            "columns of type `{other}` cannot be assembled"
        ))),
    }
}

/// The next array as that of `field`, a child.
fn child(source: &mut Source<'_>, field: &Field, length: Option<usize>) -> Result<ArrayRef> {
    source
        .array(field.data_type(), length)
        .with_context(|| child_name(field))
}

fn child_name(field: &Field) -> String {
    format!("child {}", quoted(field.name()))
}

fn holds_nulls(field: &Field) -> Error {
    broken("it holds nulls, but is declared as not nullable").context(child_name(field))
}

fn offset_parts<O: OffsetSizeTrait>(
    array: &GuestArray<'_>,
) -> Result<(Option<NullBuffer>, OffsetBuffer<O>)> {
    let [nulls, offsets] = buffers(array, [VALIDITY, OFFSETS])?;
    Ok((
        validity(array, nulls)?,
        leaf::offsets(offsets, array.length as usize)?,
    ))
}

/// The child of a list: as long as the last offset says, or longer.
fn list_child<O: OffsetSizeTrait>(
    source: &mut Source<'_>,
    field: &Field,
    offsets: &OffsetBuffer<O>,
) -> Result<ArrayRef> {
    let values = child(source, field, None)?;
    let end = offsets.last().map_or(0, |last| last.as_usize());
    if end > values.len() {
        return Err(broken(format!(
            "its offsets end at {end}, but its child {} has {} values",
            quoted(field.name()),
            values.len()
        )));
    }
    if !field.is_nullable() && values.is_nullable() {
        return Err(holds_nulls(field));
    }
    Ok(values)
}

fn list<O: OffsetSizeTrait>(
    source: &mut Source<'_>,
    field: &FieldRef,
    array: &GuestArray<'_>,
) -> Result<ArrayRef> {
    let (nulls, offsets) = offset_parts::<O>(array)?;
    let values = list_child(source, field, &offsets)?;
    let typed = GenericListArray::try_new(Arc::clone(field), offsets, values, nulls);
    Ok(Arc::new(typed.map_err(refused)?))
}

fn map(
    source: &mut Source<'_>,
    field: &FieldRef,
    sorted: bool,
    array: &GuestArray<'_>,
) -> Result<ArrayRef> {
    let (nulls, offsets) = offset_parts::<i32>(array)?;
    let entries = list_child(source, field, &offsets)?;
    let Some(entries) = entries.as_struct_opt() else {
        return Err(Error::internal("the entries of a map are no struct"));
    };
    let typed = MapArray::try_new(Arc::clone(field), offsets, entries.clone(), nulls, sorted);
    Ok(Arc::new(typed.map_err(refused)?))
}

fn fixed_size_list(
    source: &mut Source<'_>,
    field: &FieldRef,
    size: i32,
    array: &GuestArray<'_>,
) -> Result<ArrayRef> {
    let [nulls] = buffers(array, [VALIDITY])?;
    let nulls = validity(array, nulls)?;
    let (length, each) = (array.length as usize, size.unsigned_abs() as usize);
    let Some(expected) = length.checked_mul(each) else {
        return Err(broken(format!(
            "{length} lists of {each} values are too many"
        )));
    };
    let values = child(source, field, Some(expected))?;
    if !field.is_nullable()
        && let Some(found) = values.logical_nulls()
        && !masked(
            &found,
            nulls.as_ref().map(|nulls| nulls.expand(each)).as_ref(),
        )
    {
        return Err(holds_nulls(field));
    }
    let typed =
        FixedSizeListArray::try_new_with_length(Arc::clone(field), size, values, nulls, length);
    Ok(Arc::new(typed.map_err(refused)?))
}

fn structure(source: &mut Source<'_>, fields: &Fields, array: &GuestArray<'_>) -> Result<ArrayRef> {
    let [nulls] = buffers(array, [VALIDITY])?;
    let nulls = validity(array, nulls)?;
    let length = array.length as usize;
    let mut children = Vec::with_capacity(fields.len());
    for field in fields {
        let values = child(source, field, Some(length))?;
        if !field.is_nullable()
            && let Some(found) = values.logical_nulls()
            && !masked(&found, nulls.as_ref())
        {
            return Err(holds_nulls(field));
        }
        children.push(values);
    }
    let typed = StructArray::try_new_with_length(fields.clone(), children, nulls, length);
    Ok(Arc::new(typed.map_err(refused)?))
}

/// Whether each null of a child lies under one of its parent, where it is no value at all.
fn masked(found: &NullBuffer, parent: Option<&NullBuffer>) -> bool {
    found.null_count() == 0 || parent.is_some_and(|parent| parent.contains(found))
}

fn dictionary<K: ArrowDictionaryKeyType>(
    source: &mut Source<'_>,
    data_type: &DataType,
    array: &GuestArray<'_>,
) -> Result<ArrayRef> {
    let DataType::Dictionary(key_type, value_type) = data_type else {
        return Err(Error::internal(format!("`{data_type}` is no dictionary")));
    };
    let keys = leaf::primitive::<K>(key_type, array)?;
    let values = source
        .array(value_type, None)
        .context("values of the dictionary")?;
    let bound = unpacked_bytes(&values).saturating_mul(keys.len() as u64);
    // The keys are checked here. Once they were found wrong, there is time to look for the first.
    let typed = DictionaryArray::try_new(keys.clone(), Arc::clone(&values))
        .map_err(|error| broken(wrong_key(&keys, values.len())).source(error))?;
    if bound > source.unpacked_max && unpacked_bytes(&typed) > source.unpacked_max {
        return Err(broken(format!(
            "its keys stand for more than the {} bytes that its buffers allow",
            source.unpacked_max
        )));
    }
    Ok(Arc::new(typed))
}

fn wrong_key<K: ArrowDictionaryKeyType>(keys: &PrimitiveArray<K>, length: usize) -> String {
    // A negative key wraps to far above any length.
    let outside = |key: Option<K::Native>| key.is_some_and(|key| key.as_usize() >= length);
    let value = keys.iter().position(outside).unwrap_or_default();
    format!("the key of value {value} is outside its dictionary of {length} values")
}
