//! Hashes of values, of each type that has them.

use arrow::array::{
    BinaryArray, BinaryViewArray, BooleanArray, Date32Array, Date64Array, Int8Array, Int64Array,
    LargeStringArray, StringArray, StringViewArray, UInt64Array,
};

use super::*;

fn key(value: &[u8]) -> HashKey {
    HashKey::new("pepper", value).unwrap()
}

fn hashes(values: &ArrayRef) -> Vec<Option<String>> {
    let hashed = key(b"k").hash(values).unwrap();
    let texts = hashed.as_string::<i32>().iter();
    texts.map(|text| text.map(str::to_owned)).collect()
}

#[test]
fn hashes_are_those_of_rfc_4231() {
    for (secret, value, hash) in [
        (
            vec![0x0B; 20],
            b"Hi There".to_vec(),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe".to_vec(),
            b"what do ya want for nothing?".to_vec(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            vec![0xAA; 20],
            vec![0xDD; 50],
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        ),
        (
            vec![0xAA; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First".to_vec(),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ] {
        let values: ArrayRef = Arc::new(BinaryArray::from_vec(vec![&value]));
        let hashed = key(&secret).hash(&values).unwrap();
        assert_eq!(hashed.as_string::<i32>().value(0), hash);
    }
}

#[test]
fn a_value_has_one_hash_whatever_the_type_of_its_column() {
    let texts = |text: &'static str| -> [ArrayRef; 5] {
        [
            Arc::new(StringArray::from(vec![Some(text), None])),
            Arc::new(LargeStringArray::from(vec![Some(text), None])),
            Arc::new(StringViewArray::from(vec![Some(text), None])),
            Arc::new(BinaryArray::from(vec![Some(text.as_bytes()), None])),
            Arc::new(BinaryViewArray::from(vec![Some(text.as_bytes()), None])),
        ]
    };
    let day = 20_414; // 2025-11-22
    let columns: [(&str, ArrayRef); 6] = [
        ("-7", Arc::new(Int8Array::from(vec![Some(-7), None]))),
        ("-7", Arc::new(Int64Array::from(vec![Some(-7), None]))),
        (
            "18446744073709551615",
            Arc::new(UInt64Array::from(vec![Some(u64::MAX), None])),
        ),
        ("true", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        (
            "2025-11-22",
            Arc::new(Date32Array::from(vec![Some(day), None])),
        ),
        (
            "2025-11-22T00:00:00",
            Arc::new(Date64Array::from(vec![
                Some(i64::from(day) * 86_400_000),
                None,
            ])),
        ),
    ];
    for (text, column) in columns {
        let ty = column.data_type().clone();
        check(&Field::new("x", ty.clone(), true)).unwrap();
        let found = hashes(&column);
        assert!(found[0].as_ref().is_some_and(|hash| hash.len() == DIGITS) && found[1].is_none());
        for texts in texts(text) {
            assert_eq!(hashes(&texts), found, "{ty}");
        }
    }
    // Bytes that are no text are hashed all the same.
    let bytes = [0xFF, 0x00].as_slice();
    let views: ArrayRef = Arc::new(BinaryViewArray::from(vec![bytes]));
    let plain: ArrayRef = Arc::new(BinaryArray::from(vec![bytes]));
    let views = hashes(&views);
    assert_eq!(views, hashes(&plain));
    assert!(views[0].is_some());
}

#[test]
fn what_has_several_texts_is_refused() {
    for ty in [
        DataType::Float64,
        DataType::Decimal128(10, 2),
        DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None),
        DataType::new_list(DataType::Utf8, true),
    ] {
        let error = check(&Field::new("amount", ty, true)).unwrap_err();
        assert!(error.to_string().contains("`amount`"), "{error}");
    }
}

#[test]
fn a_key_does_not_show_itself() {
    assert_eq!(format!("{:?}", key(b"canary")), "HashKey(pepper)");
}
