//! The flat form of schemas and arrays that crosses the boundary.
//!
//! The types here mirror the interface `columns` of the contract, with Arrow buffers for byte lists, so
//! that the same conversion serves the component and the harness.

mod decode;
mod encode;
mod format;

use arrow_buffer::Buffer;

pub(crate) use decode::{Trust, array_from_flat, fields_from_flat};
pub(crate) use encode::{column_to_flat, field_to_flat};

/// One field of a schema in pre-order.
#[derive(Clone, Debug)]
pub(crate) struct FlatField {
    pub(crate) name: String,
    pub(crate) format: String,
    pub(crate) nullable: bool,
    pub(crate) dictionary: bool,
    pub(crate) children: u32,
    pub(crate) metadata: Vec<(String, String)>,
}

/// One array without its children.
#[derive(Clone, Debug)]
pub(crate) struct FlatArray {
    pub(crate) length: u32,
    pub(crate) null_count: u32,
    pub(crate) buffers: Vec<Buffer>,
}

/// A column: its array and those of its children, in pre-order.
pub(crate) type FlatColumn = Vec<FlatArray>;

#[cfg(test)]
mod tests;
