//! From the flat form to Arrow, without copying.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_data::{ArrayData, ArrayDataBuilder, layout};
use arrow_schema::{DataType, Field, FieldRef};

use super::format::type_of;
use super::{FlatArray, FlatColumn, FlatField};

/// Who vouches for the contents of buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The host, which made the buffers from valid Arrow arrays.
    Host,
    /// Nobody: offsets, UTF-8 and keys are checked in full.
    #[cfg_attr(
        target_arch = "wasm32",
        expect(dead_code, reason = "a component trusts its host")
    )]
    Nobody,
}

/// The fields of a schema in pre-order.
pub(crate) fn fields_from_flat(flat: Vec<FlatField>) -> Result<Vec<FieldRef>, String> {
    let mut flat = flat.into_iter();
    let mut fields = Vec::with_capacity(flat.len());
    while flat.len() > 0 {
        fields.push(next_field(&mut flat)?);
    }
    Ok(fields)
}

fn next_field(flat: &mut std::vec::IntoIter<FlatField>) -> Result<FieldRef, String> {
    let field = flat.next().ok_or("a field lacks children")?;
    let name = field.name.clone();
    let children = (0..field.children)
        .map(|_| next_field(flat))
        .collect::<Result<Vec<_>, _>>()?;
    let data_type = if field.dictionary {
        let indices = type_of(&field.format, Vec::new());
        match (indices, children.as_slice()) {
            (Ok(indices), [values]) => Ok(DataType::Dictionary(
                Box::new(indices),
                Box::new(values.data_type().clone()),
            )),
            (Ok(_), _) => Err("a dictionary has exactly one child".to_owned()),
            (Err(error), _) => Err(error),
        }
    } else {
        type_of(&field.format, children)
    };
    let data_type = data_type.map_err(|error| format!("column `{name}`: {error}"))?;
    let metadata: HashMap<_, _> = field.metadata.into_iter().collect();
    Ok(Arc::new(
        Field::new(name, data_type, field.nullable).with_metadata(metadata),
    ))
}

/// The array of a column of type `data_type`.
pub(crate) fn array_from_flat(
    data_type: &DataType,
    column: FlatColumn,
    trust: Trust,
) -> Result<ArrayData, String> {
    let mut arrays = column.into_iter();
    let data = next_array(data_type, &mut arrays, trust)?;
    if arrays.len() > 0 {
        return Err(format!("{} arrays too many", arrays.len()));
    }
    Ok(data)
}

fn next_array(
    data_type: &DataType,
    arrays: &mut std::vec::IntoIter<FlatArray>,
    trust: Trust,
) -> Result<ArrayData, String> {
    let FlatArray {
        length,
        null_count,
        buffers,
    } = arrays.next().ok_or("an array is missing")?;
    let layout = layout(data_type);
    let mut buffers = buffers.into_iter();
    let validity = if layout.can_contain_null_mask {
        let validity = buffers.next().ok_or("the validity buffer is missing")?;
        (null_count > 0).then_some(validity)
    } else {
        None
    };
    if buffers.len() < layout.buffers.len()
        || (buffers.len() > layout.buffers.len() && !layout.variadic)
    {
        return Err(format!(
            "{} buffers where {} are expected",
            buffers.len(),
            layout.buffers.len()
        ));
    }
    let children = child_types(data_type)
        .into_iter()
        .map(|child| next_array(child, arrays, trust))
        .collect::<Result<Vec<_>, _>>()?;
    let builder = ArrayDataBuilder::new(data_type.clone())
        .len(length as usize)
        .null_bit_buffer(validity)
        .buffers(buffers.collect())
        .child_data(children)
        .align_buffers(true);
    match trust {
        Trust::Nobody => builder.build().map_err(|error| error.to_string()),
        #[expect(unsafe_code, reason = "saves the check of every offset and character")]
        // SAFETY: the host built these buffers from an array of this type that it had validated, and
        // they lie in this guest's own memory: a host that lies could as well write there directly.
        Trust::Host => Ok(unsafe { builder.null_count(null_count as usize).build_unchecked() }),
    }
}

/// The types of the arrays that follow an array of `data_type`.
fn child_types(data_type: &DataType) -> Vec<&DataType> {
    match data_type {
        DataType::List(child)
        | DataType::LargeList(child)
        | DataType::FixedSizeList(child, _)
        | DataType::Map(child, _) => vec![child.data_type()],
        DataType::Struct(fields) => fields.iter().map(|field| field.data_type()).collect(),
        DataType::Dictionary(_, values) => vec![values],
        _ => Vec::new(),
    }
}
