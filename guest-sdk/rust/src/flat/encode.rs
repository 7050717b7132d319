//! From Arrow to the flat form: buffers are shared, and copied only where a slice starts within a byte
//! or its offsets do not start at zero.

use arrow_array::Array;
use arrow_buffer::{ArrowNativeType, Buffer, NullBuffer, ScalarBuffer};
use arrow_data::{ArrayData, BufferSpec, layout};
use arrow_schema::{DataType, Field};

use super::format::format_of;
use super::{FlatArray, FlatColumn, FlatField};

/// The field and its descendants, in pre-order.
pub(crate) fn field_to_flat(field: &Field) -> Result<Vec<FlatField>, String> {
    let mut flat = Vec::new();
    push_field(field, &mut flat)?;
    Ok(flat)
}

fn push_field(field: &Field, flat: &mut Vec<FlatField>) -> Result<(), String> {
    let values;
    let children: Vec<&Field> = match field.data_type() {
        DataType::List(child)
        | DataType::LargeList(child)
        | DataType::FixedSizeList(child, _)
        | DataType::Map(child, _) => vec![child],
        DataType::Struct(fields) => fields.iter().map(AsRef::as_ref).collect(),
        DataType::Dictionary(_, value_type) => {
            values = Field::new("values", value_type.as_ref().clone(), true);
            vec![&values]
        }
        _ => Vec::new(),
    };
    flat.push(FlatField {
        name: field.name().clone(),
        format: format_of(field.data_type())
            .map_err(|error| format!("column `{}`: {error}", field.name()))?,
        nullable: field.is_nullable(),
        dictionary: matches!(field.data_type(), DataType::Dictionary(_, _)),
        children: u32::try_from(children.len()).map_err(|_| "too many children")?,
        metadata: field
            .metadata()
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    });
    children
        .into_iter()
        .try_for_each(|child| push_field(child, flat))
}

/// The arrays of a column, in pre-order.
pub(crate) fn column_to_flat(array: &dyn Array) -> Result<FlatColumn, String> {
    let mut column = FlatColumn::with_capacity(1);
    push_array(&array.to_data(), &mut column)?;
    Ok(column)
}

fn push_array(data: &ArrayData, column: &mut FlatColumn) -> Result<(), String> {
    let layout = layout(data.data_type());
    let mut buffers = Vec::with_capacity(data.buffers().len() + 1);
    if layout.can_contain_null_mask {
        buffers.push(data.nulls().map_or_else(empty, validity));
    }
    match data.data_type() {
        DataType::Utf8 | DataType::Binary => push_bytes::<i32>(data, &mut buffers)?,
        DataType::LargeUtf8 | DataType::LargeBinary => push_bytes::<i64>(data, &mut buffers)?,
        DataType::List(_) | DataType::Map(_, _) => return push_list::<i32>(data, buffers, column),
        DataType::LargeList(_) => return push_list::<i64>(data, buffers, column),
        _ => {
            let fixed = data.buffers().iter().zip(&layout.buffers);
            buffers.extend(fixed.map(|(buffer, spec)| sliced(data, buffer, spec)));
            buffers.extend(data.buffers().iter().skip(layout.buffers.len()).cloned());
        }
    }
    column.push(flat_array(data, buffers)?);
    match data.data_type() {
        DataType::FixedSizeList(_, width) => {
            let width = usize::try_from(*width).map_err(|_| "a negative list size")?;
            let children = data.child_data().iter();
            children
                .map(|child| child.slice(data.offset() * width, data.len() * width))
                .try_for_each(push_into(column))
        }
        DataType::Struct(_) => {
            let children = data.child_data().iter();
            children
                .map(|child| child.slice(data.offset(), data.len()))
                .try_for_each(push_into(column))
        }
        _ => data
            .child_data()
            .iter()
            .cloned()
            .try_for_each(push_into(column)),
    }
}

fn push_into(column: &mut FlatColumn) -> impl FnMut(ArrayData) -> Result<(), String> {
    |child| push_array(&child, column)
}

fn flat_array(data: &ArrayData, buffers: Vec<Buffer>) -> Result<FlatArray, String> {
    Ok(FlatArray {
        length: u32::try_from(data.len()).map_err(|_| "more than 4,294,967,295 values")?,
        null_count: u32::try_from(data.nulls().map_or(0, NullBuffer::null_count))
            .map_err(|_| "too many nulls")?,
        buffers,
    })
}

fn validity(nulls: &NullBuffer) -> Buffer {
    if nulls.null_count() == 0 {
        empty()
    } else {
        nulls.inner().sliced()
    }
}

/// The part of a buffer that the rows of `data` use.
fn sliced(data: &ArrayData, buffer: &Buffer, spec: &BufferSpec) -> Buffer {
    match spec {
        BufferSpec::FixedWidth { byte_width, .. } => {
            buffer.slice_with_length(data.offset() * byte_width, data.len() * byte_width)
        }
        BufferSpec::BitMap => buffer.bit_slice(data.offset(), data.len()),
        BufferSpec::VariableWidth | BufferSpec::AlwaysNull => buffer.clone(),
    }
}

fn push_bytes<O: ArrowNativeType>(
    data: &ArrayData,
    buffers: &mut Vec<Buffer>,
) -> Result<(), String> {
    let (offsets, first, last) = rebased::<O>(data)?;
    let values = data
        .buffers()
        .get(1)
        .ok_or("a string array lacks its bytes")?;
    buffers.extend([offsets, values.slice_with_length(first, last - first)]);
    Ok(())
}

fn push_list<O: ArrowNativeType>(
    data: &ArrayData,
    mut buffers: Vec<Buffer>,
    column: &mut FlatColumn,
) -> Result<(), String> {
    let (offsets, first, last) = rebased::<O>(data)?;
    buffers.push(offsets);
    column.push(flat_array(data, buffers)?);
    let child = data
        .child_data()
        .first()
        .ok_or("a list array lacks its values")?;
    push_array(&child.slice(first, last - first), column)
}

/// The offsets of the rows of `data`, starting at zero, and the first and last of them before that.
fn rebased<O: ArrowNativeType>(data: &ArrayData) -> Result<(Buffer, usize, usize), String> {
    let buffer = data.buffers().first().ok_or("an array lacks its offsets")?;
    if data.is_empty() {
        return Ok((Buffer::from_vec(vec![O::usize_as(0)]), 0, 0));
    }
    let offsets = ScalarBuffer::<O>::new(buffer.clone(), data.offset(), data.len() + 1);
    let first = offsets.first().map_or(0, |offset| offset.as_usize());
    let last = offsets.last().map_or(0, |offset| offset.as_usize());
    let buffer = if first == 0 {
        offsets.into_inner()
    } else {
        Buffer::from_vec(
            offsets
                .iter()
                .map(|offset| O::usize_as(offset.as_usize() - first))
                .collect::<Vec<_>>(),
        )
    };
    Ok((buffer, first, last))
}

fn empty() -> Buffer {
    Buffer::from_vec(Vec::<u8>::new())
}
