//! Whatever is changed in what a guest hands over: no panic, and no array that is not valid.

use arrow::array::Array;
use arrow::datatypes::{DataType, Field};
use proptest::prelude::*;

use super::arrays::{Dice, array, leaf_types};
use super::fields::field;
use super::{OwnedArray, cases, hand_over, owned};
use crate::error::ErrorKind;

/// Values that stand at the borders of what lengths and offsets can be.
const BORDERS: [u32; 8] = [
    0,
    1,
    7,
    8,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFE,
    0xFFFF_FFFF,
];

fn number(dice: &mut Dice, near: u32) -> u32 {
    match dice.below(4) {
        0 => near.wrapping_add(1),
        1 => near.wrapping_sub(1),
        2 => *dice.pick(&BORDERS),
        _ => u32::try_from(dice.below(100)).unwrap(),
    }
}

fn change_lists(dice: &mut Dice, arrays: &mut Vec<OwnedArray>) {
    if arrays.is_empty() {
        return;
    }
    let (at, other) = (dice.below(arrays.len()), dice.below(arrays.len()));
    match dice.below(5) {
        0 => drop(arrays.remove(at)),
        1 => arrays.push(arrays[at].clone()),
        2 => arrays.swap(at, other),
        3 => drop(arrays[at].buffers.pop()),
        _ => {
            let extra = dice.below(40);
            let bytes = dice.bytes(extra);
            arrays[at].buffers.push(bytes);
        }
    }
}

fn change_buffer(dice: &mut Dice, buffer: &mut Vec<u8>) {
    let at = dice.below(buffer.len());
    match dice.below(6) {
        0 => buffer.truncate(at),
        1 => {
            let extra = dice.below(80);
            buffer.extend(dice.bytes(extra));
        }
        2 if !buffer.is_empty() => buffer[at] ^= 1 << dice.below(8),
        3 => {
            let length = buffer.len();
            *buffer = dice.bytes(length);
        }
        4 if buffer.len() >= 4 => {
            let at = dice.below(buffer.len() / 4) * 4;
            let near = u32::from_le_bytes(buffer[at..at + 4].try_into().unwrap());
            buffer[at..at + 4].copy_from_slice(&number(dice, near).to_le_bytes());
        }
        _ => buffer.fill(if dice.coin() { 0xFF } else { 0 }),
    }
}

fn change(dice: &mut Dice, arrays: &mut Vec<OwnedArray>) {
    if arrays.is_empty() || dice.below(6) == 0 {
        return change_lists(dice, arrays);
    }
    let at = dice.below(arrays.len());
    let array = &mut arrays[at];
    match dice.below(4) {
        0 => array.length = number(dice, array.length),
        1 => array.null_count = number(dice, array.null_count),
        _ if !array.buffers.is_empty() => {
            let buffer = dice.below(array.buffers.len());
            change_buffer(dice, &mut array.buffers[buffer]);
        }
        _ => {}
    }
}

/// Hands over a changed array; what is accepted must be valid, and no larger than what was given.
fn check(seed: u64, field: &Field, length: usize) {
    let mut dice = Dice(seed);
    let mut arrays = owned(&array(&mut dice, field, length));
    for _ in 0..=dice.below(3) {
        change(&mut dice, &mut arrays);
    }
    let rows = if dice.below(8) == 0 {
        arrays.first().map_or(length, |array| array.length as usize)
    } else {
        length
    };
    match hand_over(field, &arrays, rows) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::Trap, "{error}"),
        Ok(built) => {
            assert_eq!(built.len(), rows);
            assert_eq!(built.data_type(), field.data_type());
            assert!(field.is_nullable() || !built.is_nullable());
            built
                .to_data()
                .validate_full()
                .unwrap_or_else(|error| panic!("{field:?}: {error}"));
            let buffers = arrays.iter().flat_map(|array| &array.buffers);
            let given: usize = buffers.map(|buffer| buffer.len() + 128).sum();
            assert!(
                built.get_buffer_memory_size() <= given + 128,
                "more memory than was given"
            );
        }
    }
}

proptest! {
    #![proptest_config(cases(20_000))]

    #[test]
    fn no_change_makes_a_panic_or_an_invalid_array(
        seed: u64, depth in 0..4_usize, length in 0..40_usize,
    ) {
        let field = field(&mut Dice(seed), "x", depth);
        check(seed, &field, length);
    }
}

#[test]
fn no_change_of_a_plain_type_makes_a_panic_or_an_invalid_array() {
    for data_type in leaf_types() {
        for seed in 0..1_000 {
            let nullable = data_type == DataType::Null || seed % 2 == 0;
            check(seed, &Field::new("x", data_type.clone(), nullable), 20);
        }
    }
}
