//! Columns there and back, and whatever a hostile guest may hand over instead.

mod arrays;
mod fields;
mod hostile;
mod messages;
mod mutations;
mod round_trip;
mod schemas;
mod selections;

use arrow::array::{Array, ArrayRef};
use arrow::buffer::Buffer;
use arrow::datatypes::Field;
use proptest::test_runner::Config;

use super::{FlatArray, GuestArray, assemble, flatten};
use crate::error::Result;

/// Cases of a property; without a file of past failures, which would land among the sources.
fn cases(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    }
}

/// An array as a guest would own it, to be changed and handed over.
#[derive(Clone, Debug)]
struct OwnedArray {
    length: u32,
    null_count: u32,
    buffers: Vec<Vec<u8>>,
}

impl OwnedArray {
    fn new(length: u32, null_count: u32, buffers: &[&[u8]]) -> Self {
        Self {
            length,
            null_count,
            buffers: buffers.iter().map(|bytes| bytes.to_vec()).collect(),
        }
    }
}

impl From<&FlatArray> for OwnedArray {
    fn from(flat: &FlatArray) -> Self {
        Self {
            length: flat.length,
            null_count: flat.null_count,
            buffers: flat
                .buffers
                .iter()
                .map(|buffer: &Buffer| buffer.to_vec())
                .collect(),
        }
    }
}

fn owned(array: &dyn Array) -> Vec<OwnedArray> {
    flatten(array)
        .unwrap()
        .iter()
        .map(OwnedArray::from)
        .collect()
}

fn hand_over(field: &Field, arrays: &[OwnedArray], rows: usize) -> Result<ArrayRef> {
    let arrays: Vec<GuestArray<'_>> = arrays
        .iter()
        .map(|array| GuestArray {
            length: array.length,
            null_count: array.null_count,
            buffers: array.buffers.iter().map(Vec::as_slice).collect(),
        })
        .collect();
    assemble(field, &arrays, rows)
}
