//! Schemas that a guest could declare to confuse or exhaust the host, and types that are not offered.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, UnionFields, UnionMode};

use crate::columns::{FlatField, flatten_schema, parse_field};
use crate::error::ErrorKind;
use crate::limits::GuestLimits;

fn flat(name: &str, format: &str, children: u32) -> FlatField {
    FlatField {
        name: name.to_owned(),
        format: format.to_owned(),
        nullable: true,
        children,
        ..FlatField::default()
    }
}

fn limits() -> GuestLimits {
    GuestLimits {
        fields: 10,
        depth: 4,
        name_bytes: 20,
        ..GuestLimits::default()
    }
}

#[track_caller]
fn refused(fields: &[FlatField], why: &str) {
    let error = parse_field(fields, &limits()).expect_err(why);
    assert_eq!(error.kind(), ErrorKind::Trap);
    let text = error.to_string();
    assert_eq!(
        text.strip_prefix("the transform broke the contract: "),
        Some(why),
        "{text}"
    );
}

fn wide(children: u32) -> Vec<FlatField> {
    let child = |n| flat(&format!("c{n}"), "l", 0);
    std::iter::once(flat("x", "+s", children))
        .chain((0..children).map(child))
        .collect()
}

fn deep(levels: usize) -> Vec<FlatField> {
    let mut fields = vec![flat("x", "+l", 1); levels - 1];
    fields.push(flat("x", "l", 0));
    fields
}

#[test]
fn fields_are_counted_at_their_limit() {
    assert!(parse_field(&wide(9), &limits()).is_ok());
    refused(
        &wide(10),
        "a column has 11 fields, more than the limit of 10",
    );
    refused(
        &wide(100_000),
        "a column has 100001 fields, more than the limit of 10",
    );
}

#[test]
fn nesting_is_counted_at_its_limit() {
    assert!(parse_field(&deep(4), &limits()).is_ok());
    let error = parse_field(&deep(5), &limits()).unwrap_err().to_string();
    assert!(
        error.ends_with("types nest too deep: limit `depth` of 4 reached"),
        "{error}"
    );
    // The host's own bound holds whatever the limits say.
    let lax = GuestLimits {
        fields: 1_000_000,
        depth: usize::MAX,
        ..GuestLimits::default()
    };
    assert!(parse_field(&deep(64), &lax).is_ok());
    assert!(parse_field(&deep(65), &lax).is_err());
    assert!(parse_field(&deep(1_000_000), &lax).is_err());
}

#[test]
fn names_and_metadata_are_measured_at_their_limit() {
    assert!(parse_field(&[flat(&"n".repeat(20), "l", 0)], &limits()).is_ok());
    let long = "has a name, format or metadata of";
    for bytes in [21, 1 << 20] {
        let mut names = flat(&"n".repeat(bytes), "l", 0);
        let error = parse_field(std::slice::from_ref(&names), &limits())
            .unwrap_err()
            .to_string();
        assert!(error.contains(long), "{error}");
        assert!(error.len() < 400, "the name itself floods the message");
        names = flat("n", &format!("tsu:{}", "z".repeat(bytes)), 0);
        assert!(
            parse_field(&[names], &limits())
                .unwrap_err()
                .to_string()
                .contains(long)
        );
        let mut metadata = flat("n", "l", 0);
        metadata.metadata = vec![("k".to_owned(), "v".repeat(bytes))];
        assert!(
            parse_field(&[metadata], &limits())
                .unwrap_err()
                .to_string()
                .contains(long)
        );
    }
    let mut pairs = flat("n", "l", 0);
    pairs.metadata = (0..65).map(|n| (n.to_string(), String::new())).collect();
    refused(
        &[pairs.clone()],
        "field `n` has 65 pairs of metadata, more than the limit of 64",
    );
    pairs.metadata.pop();
    assert!(parse_field(&[pairs], &limits()).is_ok());
}

#[test]
fn names_that_are_empty_or_taken_are_refused() {
    let nameless = "a column, or a child of a struct, has no name";
    refused(&[flat("", "l", 0)], nameless);
    let children = |a: &str, b: &str| [flat("s", "+s", 2), flat(a, "l", 0), flat(b, "l", 0)];
    assert!(parse_field(&children("a", "b"), &limits()).is_ok());
    refused(&children("a", ""), &format!("column `s`: {nameless}"));
    refused(
        &children("a", "a"),
        "column `s`: two children are called `a`",
    );
    // The child of a list has no meaning by its name.
    assert!(parse_field(&[flat("l", "+l", 1), flat("", "l", 0)], &limits()).is_ok());
}

#[test]
fn children_must_be_as_many_as_the_type_has() {
    refused(&[], "fields end before the last child");
    refused(
        &[flat("x", "+l", 1)],
        "column `x`: fields end before the last child",
    );
    refused(
        &[flat("x", "+s", u32::MAX)],
        "column `x`: fields end before the last child",
    );
    refused(
        &[flat("x", "l", 0), flat("y", "l", 0)],
        "column `x`: 1 fields follow its last child",
    );
    refused(
        &[flat("x", "l", 1)],
        "column `x`: format `l` has 0 children, but 1 are declared",
    );
    refused(
        &[flat("x", "+l", 2)],
        "column `x`: format `+l` has 1 children, but 2 are declared",
    );
}

#[test]
fn maps_and_dictionaries_must_have_their_shape() {
    let fixed = |name: &str, format: &str, children| FlatField {
        nullable: false,
        ..flat(name, format, children)
    };
    let map =
        |entries: FlatField, key: FlatField| [flat("m", "+m", 1), entries, key, flat("v", "l", 0)];
    let entries = fixed("entries", "+s", 2);
    assert!(parse_field(&map(entries.clone(), fixed("k", "u", 0)), &limits()).is_ok());
    let why = "column `m`: the entries of a map, and their keys, must not be nullable";
    refused(&map(entries, flat("k", "u", 0)), why);
    refused(&map(flat("entries", "+s", 2), fixed("k", "u", 0)), why);
    refused(
        &[flat("m", "+m", 1), flat("entries", "l", 0)],
        "column `m`: the child of a map must be a struct of a key and a value",
    );
    refused(
        &[
            flat("m", "+m", 1),
            fixed("entries", "+s", 1),
            fixed("k", "l", 0),
        ],
        "column `m`: the entries of a map are a key and a value, not 1 children",
    );
    let keys = |format| FlatField {
        dictionary: true,
        ..flat("d", format, 1)
    };
    assert!(parse_field(&[keys("C"), flat("", "u", 0)], &limits()).is_ok());
    refused(
        &[keys("C"), flat("", "+l", 1), flat("", "u", 0)],
        "column `d`: the values of a dictionary must be of a type without children",
    );
    refused(
        &[keys("u"), flat("", "u", 0)],
        "column `d`: format `u` cannot be that of a dictionary's indices, which are integers",
    );
}

#[test]
fn formats_that_are_unknown_or_out_of_range_are_refused() {
    let cases = [
        ("", "it is not known"),
        ("x", "it is not known"),
        ("tsu", "it is not known"),
        ("+r", "run-end encoded arrays are not offered"),
        ("+vl", "list views are not offered"),
        ("+us:0,1", "unions are not offered"),
        ("w:-1", "the width is negative"),
        ("w:2147483648", "the width is not a number of 31 bits"),
        ("+w:", "the width is not a number of 31 bits"),
        ("d:39,0", "precision 39 with scale 0 is out of range"),
        ("d:0,0", "precision 0 with scale 0 is out of range"),
        ("d:3,4", "precision 3 with scale 4 is out of range"),
        ("d:10,0,32", "precision 10 with scale 0 is out of range"),
        (
            "d:3",
            "a decimal is `d:precision,scale` or `d:precision,scale,bits`",
        ),
        ("d:3,0,16", "a decimal has 32, 64, 128 or 256 bits"),
        ("d:300,0", "the precision is not a number"),
    ];
    for (format, why) in cases {
        let why = format!("column `x`: format `{format}` cannot be used: {why}");
        refused(&[flat("x", format, 0)], &why);
    }
}

#[test]
fn names_cannot_forge_lines_of_a_log() {
    refused(
        &[flat("a\n\u{1b}[2Kok", "x", 0)],
        "column `a\\n\\u{1b}[2Kok`: format `x` cannot be used: it is not known",
    );
}

#[test]
fn types_that_are_not_offered_are_refused_by_name() {
    let child = Arc::new(Field::new("item", DataType::Int8, true));
    let union = UnionFields::try_new([0], [Field::new("a", DataType::Int8, true)]).unwrap();
    let runs = DataType::RunEndEncoded(
        Arc::new(Field::new("run_ends", DataType::Int32, false)),
        Arc::clone(&child),
    );
    let cases = [
        (DataType::Union(union, UnionMode::Sparse), "Union"),
        (runs, "RunEndEncoded"),
        (DataType::ListView(Arc::clone(&child)), "ListView"),
        (DataType::LargeListView(child), "LargeListView"),
    ];
    for (data_type, name) in cases {
        let inner = Field::new("inner", data_type, true);
        let outer = Field::new("outer", DataType::Struct(vec![inner].into()), true);
        let error = flatten_schema(&Schema::new(vec![outer])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert_eq!(
            error.to_string(),
            format!(
                "column `outer` cannot be given to a transform: field `inner` is of type `{name}`"
            )
        );
        assert_eq!(
            error.hints(),
            ["cast the column to a plain type, or leave it out of the input"]
        );
    }
}
