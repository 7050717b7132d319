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
    let data = array.to_data();
    Window {
        data: &data,
        start: 0,
        length: data.len(),
    }
    .push(&mut column)?;
    Ok(column)
}

/// Some of the values of an array.
///
/// `ArrayData` has a slice of its own, but for structs it moves the children and keeps the offset as well.
#[derive(Clone, Copy)]
struct Window<'a> {
    data: &'a ArrayData,
    start: usize,
    length: usize,
}

impl Window<'_> {
    fn push(self, column: &mut FlatColumn) -> Result<(), String> {
        let layout = layout(self.data.data_type());
        let nulls = self
            .data
            .nulls()
            .map(|nulls| nulls.slice(self.start, self.length));
        let null_count = match self.data.data_type() {
            DataType::Null => self.length,
            _ => nulls.as_ref().map_or(0, NullBuffer::null_count),
        };
        let mut buffers = Vec::with_capacity(self.data.buffers().len() + 1);
        if layout.can_contain_null_mask {
            let nulls = nulls.filter(|_| null_count > 0);
            buffers.push(nulls.map_or_else(
                || Buffer::from_vec(Vec::<u8>::new()),
                |nulls| nulls.inner().sliced(),
            ));
        }
        let (start, length) = match self.data.data_type() {
            DataType::Utf8 | DataType::Binary => self.push_bytes::<i32>(&mut buffers)?,
            DataType::LargeUtf8 | DataType::LargeBinary => self.push_bytes::<i64>(&mut buffers)?,
            DataType::List(_) | DataType::Map(_, _) => self.push_offsets::<i32>(&mut buffers)?,
            DataType::LargeList(_) => self.push_offsets::<i64>(&mut buffers)?,
            DataType::FixedSizeList(_, width) => {
                let width = usize::try_from(*width).map_err(|_| "a negative list size")?;
                (
                    (self.data.offset() + self.start) * width,
                    self.length * width,
                )
            }
            _ => {
                let fixed = self.data.buffers().iter().zip(&layout.buffers);
                buffers.extend(fixed.map(|(buffer, spec)| self.used(buffer, spec)));
                buffers.extend(
                    self.data
                        .buffers()
                        .iter()
                        .skip(layout.buffers.len())
                        .cloned(),
                );
                (self.start, self.length)
            }
        };
        column.push(FlatArray {
            length: u32::try_from(self.length).map_err(|_| "more than 4,294,967,295 values")?,
            null_count: u32::try_from(null_count).map_err(|_| "too many nulls")?,
            buffers,
        });
        let whole_children = matches!(self.data.data_type(), DataType::Dictionary(_, _));
        self.data.child_data().iter().try_for_each(|child| {
            let (start, length) = if whole_children {
                (0, child.len())
            } else {
                (start, length)
            };
            Window {
                data: child,
                start,
                length,
            }
            .push(column)
        })
    }

    /// The part of a buffer that the values use.
    fn used(self, buffer: &Buffer, spec: &BufferSpec) -> Buffer {
        let start = self.data.offset() + self.start;
        match spec {
            BufferSpec::FixedWidth { byte_width, .. } => {
                buffer.slice_with_length(start * byte_width, self.length * byte_width)
            }
            BufferSpec::BitMap => buffer.bit_slice(start, self.length),
            BufferSpec::VariableWidth | BufferSpec::AlwaysNull => buffer.clone(),
        }
    }

    fn push_bytes<O: ArrowNativeType>(
        self,
        buffers: &mut Vec<Buffer>,
    ) -> Result<(usize, usize), String> {
        let (start, length) = self.push_offsets::<O>(buffers)?;
        let values = self
            .data
            .buffers()
            .get(1)
            .ok_or("an array lacks its bytes")?;
        buffers.push(values.slice_with_length(start, length));
        Ok((start, length))
    }

    /// Adds the offsets, from zero on, and says where the values that they point at start, and their length.
    fn push_offsets<O: ArrowNativeType>(
        self,
        buffers: &mut Vec<Buffer>,
    ) -> Result<(usize, usize), String> {
        let buffer = self
            .data
            .buffers()
            .first()
            .ok_or("an array lacks its offsets")?;
        if self.length == 0 {
            buffers.push(Buffer::from_vec(vec![O::usize_as(0)]));
            return Ok((0, 0));
        }
        let offsets = ScalarBuffer::<O>::new(
            buffer.clone(),
            self.data.offset() + self.start,
            self.length + 1,
        );
        let start = offsets.first().map_or(0, |offset| offset.as_usize());
        let end = offsets.last().map_or(0, |offset| offset.as_usize());
        buffers.push(if start == 0 {
            offsets.into_inner()
        } else {
            offsets
                .iter()
                .map(|offset| O::usize_as(offset.as_usize() - start))
                .collect::<Vec<_>>()
                .into()
        });
        Ok((start, end - start))
    }
}
