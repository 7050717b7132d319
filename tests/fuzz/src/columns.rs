//! The columns that a guest declares and emits.

use sluicegate::columns::{FlatField, GuestArray, Selection, assemble, flatten, parse_field};
use sluicegate::limits::GuestLimits;

use crate::check_told;

/// Rows of a column: a batch has no more, and one that needs no bytes would take long to check.
const ROWS_MAX: usize = 8_192;

/// A declaration and arrays that are said to be of it; what is accepted must be valid, and go back and forth unchanged.
pub(crate) fn columns(bytes: &[u8]) {
    let mut source = Source(bytes);
    let fields: Vec<FlatField> = (0..source.byte() % 8).map(|_| source.field()).collect();
    let field = match parse_field(&fields, &GuestLimits::default()) {
        Ok(field) => field,
        Err(error) => return check_told(&error),
    };
    let rows = usize::from(source.short()) % ROWS_MAX;
    let arrays: Vec<_> = (0..source.byte() % 16).map(|_| source.array()).collect();
    let array = match assemble(&field, &arrays, rows) {
        Ok(array) => array,
        Err(error) => return check_told(&error),
    };
    assert_eq!((array.len(), array.data_type()), (rows, field.data_type()));
    array.to_data().validate_full().unwrap();
    let flat = flatten(array.as_ref()).unwrap();
    let again: Vec<_> = flat
        .iter()
        .map(|array| GuestArray {
            length: array.length,
            null_count: array.null_count,
            buffers: array.buffers.iter().map(|buffer| &**buffer).collect(),
        })
        .collect();
    assert_eq!(&assemble(&field, &again, rows).unwrap(), &array);
    let rest = source.0;
    for selection in [Selection::filter(rest, rows), Selection::take(rest, rows)] {
        match selection {
            Ok(selection) => {
                let selected = selection.apply(&array).unwrap();
                assert_eq!(selected.len(), selection.len(rows));
                selected.to_data().validate_full().unwrap();
            }
            Err(error) => check_told(&error),
        }
    }
}

/// Bytes as numbers, lists and texts; zeros follow the last one.
struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    fn bytes(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or_default()
    }

    fn short(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    fn text(&mut self) -> String {
        let length = self.byte();
        String::from_utf8_lossy(self.bytes(length.into())).into_owned()
    }

    fn field(&mut self) -> FlatField {
        let flags = self.byte();
        FlatField {
            name: "x".repeat(usize::from(flags >> 2) % 4),
            format: self.text(),
            nullable: flags & 1 == 0,
            dictionary: flags & 2 != 0,
            children: self.byte().into(),
            metadata: Vec::new(),
        }
    }

    fn array(&mut self) -> GuestArray<'a> {
        GuestArray {
            length: self.short().into(),
            null_count: self.short().into(),
            buffers: (0..self.byte() % 6)
                .map(|_| {
                    let length = self.short();
                    self.bytes(length.into())
                })
                .collect(),
        }
    }
}
