use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, Field, IntervalUnit, Schema, TimeUnit};
use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::limits::Limits;

#[test]
fn sizes_and_durations() {
    assert_eq!(parse_size("256 MiB"), Ok(256 << 20));
    assert_eq!(parse_size("1.5GiB"), Ok(3 << 29));
    assert_eq!(parse_size("1_000"), Ok(1000));
    assert_eq!(parse_size("2 kB"), Ok(2000));
    for wrong in [
        "",
        "MiB",
        "1 MB/s",
        "-1",
        "1.5",
        "0.3 B",
        "1e3",
        "99999999999 TiB",
        "1 mib",
    ] {
        assert!(parse_size(wrong).is_err(), "{wrong}");
    }
    assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
    assert_eq!(parse_duration("1.5h"), Ok(Duration::from_mins(90)));
    for wrong in ["", "10", "s", "1w", "0.1ms"] {
        assert!(parse_duration(wrong).is_err(), "{wrong}");
    }
    assert_eq!(format_size(512 << 20), "512 MiB");
    assert_eq!(format_size(1500), "1500 B");
}

/// Each limit at its bounds, and beyond them.
#[test]
fn each_limit_is_held_to_its_bounds() {
    let table = [
        ("memory", "16 MiB", "1024 TiB", "16777215", "1025 TiB"),
        ("wall_time", "1ms", "365d", "0s", "366d"),
        ("output_bytes", "0", "1024 TiB", "-1", "1025 TiB"),
        ("objects", "0", "10000000", "-1", "10000001"),
        ("batch_tries", "0", "1099511627776", "-1", "1099511627777"),
        ("tries", "0", "1099511627776", "-1", "1099511627777"),
        ("attempts", "1", "100", "0", "101"),
        ("retries", "0", "1099511627776", "-1", "1099511627777"),
        ("kept_batches", "0", "10000", "-1", "10001"),
        ("kept_bytes", "0", "1 GiB", "-1", "2 GiB"),
        ("rule_keys", "0", "1099511627776", "-1", "1099511627777"),
        (
            "compile_memory",
            "256 MiB",
            "1024 TiB",
            "255 MiB",
            "1025 TiB",
        ),
        ("compile_time", "1s", "1d", "999ms", "25h"),
        ("guest_memory", "64 KiB", "4 GiB", "65535", "4294967297"),
        ("call_time", "1ms", "1d", "0ms", "25h"),
        ("log_bytes", "0", "1 GiB", "-1", "1025 MiB"),
        ("emit_bytes", "0", "64 GiB", "-1", "65 GiB"),
        ("emit_rows", "0", "2147483648", "-1", "2147483649"),
        ("host_calls", "1", "1099511627776", "0", "1099511627777"),
        ("lift_bytes", "1 KiB", "4 GiB", "1023", "5 GiB"),
        ("rejections", "0", "2147483648", "-1", "2147483649"),
        ("message_bytes", "64", "1 MiB", "63", "2 MiB"),
        ("fields", "1", "100000", "0", "100001"),
        ("depth", "1", "64", "0", "65"),
        ("name_bytes", "1", "1 MiB", "0", "2 MiB"),
        ("http_connections", "1", "512", "0", "513"),
        ("http_requests", "0", "1099511627776", "-1", "1099511627777"),
        ("http_request_bytes", "0", "1024 TiB", "-1", "1025 TiB"),
        ("http_response_bytes", "0", "1024 TiB", "-1", "1025 TiB"),
        ("http_connect_time", "1ms", "1d", "0s", "25h"),
        ("http_first_byte_time", "1ms", "1d", "0s", "25h"),
        ("http_between_bytes_time", "1ms", "1d", "0s", "25h"),
    ];
    assert_eq!(table.map(|row| row.0).as_slice(), limit_names().as_slice());
    for (name, least, most, below, above) in table {
        let before = Limits::default();
        for fits in [least, most] {
            let mut limits = before.clone();
            set_limit(&mut limits, name, fits).unwrap_or_else(|error| panic!("{error}"));
            assert_ne!(limits, before, "{name} = {fits} changes nothing");
        }
        for wrong in [below, above, "", "many"] {
            let mut limits = before.clone();
            assert!(
                set_limit(&mut limits, name, wrong).is_err(),
                "{name} = {wrong}"
            );
            assert_eq!(limits, before);
        }
    }
}

#[test]
fn unknown_limit_gets_nearest() {
    let error = set_limit(&mut Limits::default(), "guest-mem", "1 MiB").unwrap_err();
    assert_snapshot!(format!("{error}; {}", error.hints()[0]), @"unknown limit `guest-mem`; did you mean `guest_memory`?");
    let error = set_limit(&mut Limits::default(), "memory", "5 KiB").unwrap_err();
    assert_snapshot!(error.to_string(), @"limit `memory`: `5 KiB` is out of bounds, expected 16 MiB to 1024 TiB");
}

#[test]
fn nearest_prefers_other_case_and_knows_its_limits() {
    assert_eq!(
        nearest("Sales.csv", ["sales.csv", "Salos.csv"]),
        Some("sales.csv")
    );
    assert_eq!(
        nearest("guest-memory", ["guest_memory", "memory"]),
        Some("guest_memory")
    );
    assert_eq!(nearest("zzz", ["sales.csv", "a"]), None);
    assert_eq!(
        nearest_few("sale", ["sales", "sale5", "x"], 3),
        ["sale5", "sales"]
    );
}

#[test]
fn schema_file_reads_back() {
    let schema = Schema::new(vec![
        Field::new("order id", DataType::Int64, false),
        Field::new(
            "at",
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            true,
        ),
        Field::new(
            "tags",
            DataType::List(Arc::new(Field::new("item", DataType::Utf8, true))),
            true,
        ),
    ]);
    let text = schema_to_toml(&schema).unwrap();
    assert_snapshot!(text, @r#"
    [[columns]]
    name = "order id"
    type = "int64"
    nullable = false

    [[columns]]
    name = "at"
    type = 'timestamp("us", "UTC")'

    [[columns]]
    name = "tags"
    type = "list(utf8)"
    "#);
    assert_eq!(*parse_schema(&text, "s.toml").unwrap(), schema);
    let empty = schema_to_toml(&Schema::empty()).unwrap();
    assert_eq!(*parse_schema(&empty, "s.toml").unwrap(), Schema::empty());
}

#[test]
fn schema_problems_have_lines() {
    let text = "[[columns]]\nname = \"a\"\ntype = \"string?\"\n\
        [[columns]]\nname = \"b\"\ntype = \"double\"\n\
        [[columns]]\nname = \"b\"\ntype = \"timestamp(\\\"days\\\")\"\n\
        [[columns]]\nname = \"d\"\ntype = \"decimal(40, 2)\"\n\
        [[columns]]\nname = \"e\"\ntype = \"lst(int64)\"\n\
        [[columns]]\ntype = \"int64\"\n";
    assert_snapshot!(parse_schema(text, "s.toml").unwrap_err().to_string(), @r#"
    6 problems in `s.toml`
    s.toml:3:8: expected the end of the type, found `?`
      3 | type = "string?"
        |        ^^^^^^^^^
    s.toml:6:8: unknown type `double`
      6 | type = "double"
        |        ^^^^^^^^
      hint: did you mean `float64`?
    s.toml:9:8: unknown unit `days`
      9 | type = "timestamp(\"days\")"
        |        ^^^^^^^^^^^^^^^^^^^^^
      hint: known: `s`, `ms`, `us`, `ns`
    s.toml:12:8: decimal(40, 2) is out of bounds
      12 | type = "decimal(40, 2)"
         |        ^^^^^^^^^^^^^^^^
      hint: expected 1 to 38 digits, no more of them after the point
    s.toml:15:8: unknown type `lst`
      15 | type = "lst(int64)"
         |        ^^^^^^^^^^^^
      hint: did you mean `list`?
    s.toml:16:1: a column has no `name`
      16 | [[columns]]
         | ^^^^^^^^^^^
    "#);
}

#[test]
fn columns_named_twice_are_refused() {
    let column = "[[columns]]\nname = \"a\"\ntype = \"utf8\"\n";
    let error = parse_schema(&column.repeat(2), "s.toml").unwrap_err();
    assert!(
        error.to_string().contains("column `a` is named twice"),
        "{error}"
    );
}

#[test]
fn deeply_nested_types_are_refused() {
    let nested = |depth: usize| {
        let ty = format!("{}int8{}", "list(".repeat(depth), ")".repeat(depth));
        parse_schema(
            &format!("columns = [{{ name = \"a\", type = \"{ty}\" }}]"),
            "s.toml",
        )
    };
    assert!(nested(64).is_ok());
    assert!(
        nested(65)
            .unwrap_err()
            .to_string()
            .contains("nests deeper than 64")
    );
    assert!(nested(100_000).is_err());
}

#[test]
fn types_that_cannot_be_saved_are_named() {
    let ends = Arc::new(Field::new("run_ends", DataType::Int32, false));
    let values = Arc::new(Field::new("values", DataType::Int32, true));
    let field = Field::new("r", DataType::RunEndEncoded(ends, values), true);
    let error = schema_to_toml(&Schema::new(vec![field])).unwrap_err();
    assert!(
        error.to_string().starts_with("column `r` is of type"),
        "{error}"
    );
}

fn any_type() -> impl Strategy<Value = DataType> {
    let leaf = prop_oneof![
        Just(DataType::Boolean),
        Just(DataType::Int8),
        Just(DataType::UInt64),
        Just(DataType::Float16),
        Just(DataType::Utf8View),
        Just(DataType::LargeBinary),
        Just(DataType::Date64),
        Just(DataType::Time32(TimeUnit::Millisecond)),
        Just(DataType::Time64(TimeUnit::Nanosecond)),
        Just(DataType::Duration(TimeUnit::Second)),
        Just(DataType::Interval(IntervalUnit::MonthDayNano)),
        (0_i32..100).prop_map(DataType::FixedSizeBinary),
        (1_u8..=38, -5_i8..=1).prop_map(|(p, s)| DataType::Decimal128(p, s)),
        (1_u8..=76, -5_i8..=1).prop_map(|(p, s)| DataType::Decimal256(p, s)),
        "[A-Za-z/+:0-9\"\\\\]{0,8}"
            .prop_map(|zone| DataType::Timestamp(TimeUnit::Second, Some(zone.into()))),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let item = (inner.clone(), any::<bool>())
            .prop_map(|(ty, null)| Arc::new(Field::new("item", ty, null)));
        let member = ("\\PC{0,6}", inner.clone(), any::<bool>())
            .prop_map(|(name, ty, null)| Field::new(name, ty, null));
        prop_oneof![
            item.clone().prop_map(DataType::List),
            item.clone().prop_map(DataType::LargeList),
            (item, 0_i32..9).prop_map(|(item, size)| DataType::FixedSizeList(item, size)),
            prop::collection::vec(member, 0..4).prop_map(|list| DataType::Struct(list.into())),
            inner
                .clone()
                .prop_map(|ty| DataType::Dictionary(Box::new(DataType::Int32), Box::new(ty))),
            inner.prop_map(|ty| {
                let key = Field::new("keys", DataType::Utf8, false);
                let value = Field::new("values", ty, true);
                let entries = DataType::Struct(vec![key, value].into());
                DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_schema_reads_back(
        fields in prop::collection::btree_map("\\PC{0,8}", (any_type(), any::<bool>()), 0..5)
    ) {
        let fields: Vec<Field> =
            fields.into_iter().map(|(name, (ty, null))| Field::new(name, ty, null)).collect();
        let schema = Schema::new(fields);
        let text = schema_to_toml(&schema).unwrap();
        prop_assert_eq!(&*parse_schema(&text, "s.toml").unwrap(), &schema, "{}", text);
    }

    #[test]
    fn arbitrary_type_names_never_panic(text in "[a-z0-9_(),:\" \\\\-]{0,40}") {
        let _ = type_name::parse(&text);
    }

    #[test]
    fn arbitrary_quantities_never_panic(text in "[0-9._ a-zA-Z]{0,40}") {
        if let Ok(bytes) = parse_size(&text) {
            prop_assert_eq!(parse_size(&format_size(bytes)), Ok(bytes));
        }
        let _ = parse_duration(&text);
    }

    #[test]
    fn placeholders_split_and_join(
        parts in prop::collection::vec(("[^$]{0,6}", "[a-z][a-z0-9_]{0,5}"), 0..5)
    ) {
        let text: String = parts.iter().flat_map(|(text, name)| [text.as_str(), "${", name, "}"]).collect();
        let pieces = placeholder::split(&text).unwrap();
        let names: Vec<_> = pieces
            .iter()
            .filter_map(|piece| match piece {
                placeholder::Piece::Name(name) => Some(name.clone()),
                placeholder::Piece::Text(_) => None,
            })
            .collect();
        let expected: Vec<_> = parts.iter().map(|(_, name)| name.clone()).collect();
        prop_assert_eq!(names, expected);
    }

    #[test]
    fn escaped_text_is_literal(text in "[a-z${}]{0,20}") {
        let escaped = text.replace("${", "$${");
        // A dollar before an escape would pair with it.
        prop_assume!(!text.contains("$$"));
        let pieces = placeholder::split(&escaped).unwrap();
        prop_assert_eq!(pieces, vec![placeholder::Piece::Text(text)]);
    }
}
