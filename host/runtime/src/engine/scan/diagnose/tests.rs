//! The texts come from the decoder itself, so that a new version that words them otherwise fails here.

use std::sync::Arc;

use arrow::csv::ReaderBuilder;
use arrow::datatypes::{DataType, Field, Schema};

use super::Complaint;

fn complaint(text: &str) -> String {
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("amount", DataType::Float64, true),
    ]));
    let error = ReaderBuilder::new(Arc::clone(&schema))
        .with_header(true)
        .with_header_validation(true)
        .build(text.as_bytes())
        .and_then(|mut reader| reader.next().transpose())
        .unwrap_err();
    let found = Complaint::of(&error.to_string(), &schema)
        .unwrap_or_else(|| panic!("not understood: {error}"));
    format!("line {}: {}", found.line, found.what)
}

#[test]
fn a_wrong_value_names_the_line_the_column_and_what_stood_there() {
    insta::assert_snapshot!(
        complaint("id,amount\n1,2.5\n2,ab'c\n"),
        @"line 3: column `amount` wants Float64, but there stands `ab'c`"
    );
}

#[test]
fn a_wrong_number_of_fields_says_how_many() {
    insta::assert_snapshot!(
        complaint("id,amount\n1,2.5\n2\n"),
        @"line 3: expected 2 fields, but the row has 1"
    );
    insta::assert_snapshot!(
        complaint("id,amount\n1,2.5\n2,3,4\n"),
        @"line 3: expected 2 fields, but the row has 3"
    );
}

#[test]
fn another_header_says_which_column() {
    insta::assert_snapshot!(
        complaint("id,price\n1,2.5\n"),
        @r#"line 1: column 2 of the header should be "amount", but is "price""#
    );
}
