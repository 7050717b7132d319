use std::collections::BTreeMap;
use std::time::Duration;

use arrow::datatypes::{DataType, Field};
use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::error::ErrorKind;
use crate::spec::{
    Compression, CsvOptions, CsvOutput, InputFormat, JsonOptions, Mode, OutputFormat, Partitions,
    SchemaSource, SortKey,
};

const SALES: &str = r#"
name = "sales-etl"
description = "Buckets sales"
tags = { team = "retail" }

[parameters.min_amount]
type = "float"
default = 10.0
description = "smaller sales are dropped"

[parameters.day]
type = "date"

[inputs.sales]
uri = "data/${day}/sales.csv.gz"
nulls = ["", "NA"]
schema = [
  { name = "order_id", type = "int64", nullable = false },
  { name = "amount", type = "decimal(10, 2)" },
]
partitions = [{ name = "date", type = "date32" }]

[[steps]]
name = "etl"
plugin = "sales-etl.wasm"
params = { min_amount = "${min_amount}", note = "from ${day} in run ${run.id}", raw = "$${x}" }
order_by = ["user", "time desc"]

[output]
uri = "out/sales"
compression = "zstd"
target_file_bytes = "64 MiB"
partition_by = ["region"]

[limits]
memory = "512 MiB"
wall_time = "5m"
emit_rows = 1000
"#;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn resolve(text: &str, given: &[(&str, &str)]) -> Result<Application> {
    let built_in = map(&[("run.id", "r1")]);
    ApplicationFile::parse(text, "app.toml")?.resolve("/jobs/app", &map(given), &built_in)
}

/// The whole error as a person sees it.
fn refused(text: &str, given: &[(&str, &str)]) -> String {
    let error = resolve(text, given).expect_err("accepted");
    assert_eq!(error.kind(), ErrorKind::Input, "{error}");
    let hints = error.hints().iter().map(|hint| format!("\nhint: {hint}"));
    format!("{error}{}", hints.collect::<String>())
}

/// The smallest file, with its parts replaced or added to.
fn with(input: &str, rest: &str) -> String {
    let output = if rest.contains("[output]") {
        ""
    } else {
        "[output]\nuri = \"out\"\n"
    };
    format!("name = \"a\"\n[inputs.i]\n{input}\n{rest}\n{output}")
}

#[test]
fn whole_file_resolves() {
    let app = resolve(SALES, &[("day", "2024-01-31")]).unwrap();
    assert_eq!(
        (app.name.as_str(), app.description.as_str()),
        ("sales-etl", "Buckets sales")
    );
    assert_eq!(app.tags, map(&[("team", "retail")]));
    assert_eq!(app.parameters["min_amount"], Value::Float(10.0));

    let [input] = app.inputs.as_slice() else {
        panic!("{:?}", app.inputs)
    };
    assert_eq!(
        input.uri.to_string(),
        "/jobs/app/data/2024-01-31/sales.csv.gz"
    );
    assert_eq!(
        input.partitions,
        Partitions::Columns(vec![Field::new("date", DataType::Date32, true)])
    );
    let InputFormat::Csv(csv) = &input.format else {
        panic!("{:?}", input.format)
    };
    assert_eq!(csv.compression, Compression::Gzip);
    assert_eq!(csv.nulls, ["", "NA"]);
    let SchemaSource::Explicit(schema) = &csv.schema else {
        panic!("{:?}", csv.schema)
    };
    assert_eq!(
        schema.field(0),
        &Field::new("order_id", DataType::Int64, false)
    );
    assert_eq!(schema.field(1).data_type(), &DataType::Decimal128(10, 2));

    let [step] = app.steps.as_slice() else {
        panic!("{:?}", app.steps)
    };
    assert_eq!(step.from, Source::Input(0));
    let params = serde_json::json!(
        {"min_amount": 10.0, "note": "from 2024-01-31 in run r1", "raw": "${x}"}
    );
    assert_eq!(step.params, params);
    let key = |column: &str, descending| SortKey {
        column: column.to_owned(),
        descending,
    };
    assert_eq!(step.order_by, [key("user", false), key("time", true)]);

    assert_eq!(app.output.from, Source::Step(0));
    assert_eq!(app.output.uri.to_string(), "/jobs/app/out/sales/");
    assert_eq!(app.output.mode, Mode::ErrorIfExists);
    assert_eq!(app.output.target_file_bytes, 64 << 20);
    assert_eq!(app.output.partition_by, ["region"]);
    let OutputFormat::Parquet(parquet) = &app.output.format else {
        panic!()
    };
    assert_eq!(
        (parquet.compression, parquet.row_group_rows),
        (Compression::Zstd, 1 << 20)
    );

    assert_eq!(app.limits.memory, 512 << 20);
    assert_eq!(app.limits.wall_time, Duration::from_mins(5));
    assert_eq!(app.limits.guest.emit_rows, 1000);
}

#[test]
fn given_parameter_replaces_default_and_keeps_its_type() {
    let app = resolve(SALES, &[("day", "2024-01-31"), ("min_amount", "2")]).unwrap();
    assert_eq!(app.steps[0].params["min_amount"], serde_json::json!(2.0));
}

#[test]
fn placeholder_fits_wherever_its_type_does() {
    let text = with(
        "uri = \"x.csv\"\nheader = \"${header}\"\ninfer_rows = \"${rows}\"",
        "[parameters]\nheader = { type = \"bool\", default = false }\nrows = { type = \"int\", default = 5 }\n\
         memory = { type = \"string\", default = \"1 GiB\" }\n[limits]\nmemory = \"${memory}\"",
    );
    let app = resolve(&text, &[]).unwrap();
    let InputFormat::Csv(csv) = &app.inputs[0].format else {
        panic!()
    };
    assert!(!csv.header);
    assert_eq!(csv.schema, SchemaSource::Infer { rows: 5 });
    assert_eq!(app.limits.memory, 1 << 30);
    assert_snapshot!(refused(&text, &[("rows", "0")]), @r#"
    app.toml:5:14: `0` is out of bounds, expected 1 to 1000000
      5 | infer_rows = "${rows}"
        |              ^^^^^^^^^
    "#);
}

#[test]
fn format_follows_from_extension() {
    let format = |uri: &str| {
        let app = resolve(&with(&format!("uri = \"{uri}\""), ""), &[]).unwrap();
        app.inputs[0].format.clone()
    };
    let csv = |uri| match format(uri) {
        InputFormat::Csv(CsvOptions {
            delimiter,
            compression,
            ..
        }) => (delimiter, compression),
        other => panic!("{other:?}"),
    };
    let json = |uri| match format(uri) {
        InputFormat::Json(JsonOptions {
            array, compression, ..
        }) => (array, compression),
        other => panic!("{other:?}"),
    };
    assert_eq!(csv("a.csv"), (b',', Compression::None));
    assert_eq!(csv("A.CSV"), (b',', Compression::None));
    assert_eq!(csv("x/*.tsv.zst"), (b'\t', Compression::Zstd));
    assert_eq!(csv("a.csv.bz2"), (b',', Compression::Bzip2));
    assert_eq!(csv("s3://bucket/a.csv.xz"), (b',', Compression::Xz));
    assert_eq!(json("a.ndjson"), (false, Compression::None));
    assert_eq!(json("a.jsonl.gz"), (false, Compression::Gzip));
    assert_eq!(json("a.json"), (true, Compression::None));
    assert_eq!(format("a.parquet"), InputFormat::Parquet);
    assert_eq!(format("a.arrow"), InputFormat::Arrow);
    assert_eq!(format("a.feather"), InputFormat::Arrow);
}

#[test]
fn output_formats_and_their_extensions() {
    let output = |rest: &str| {
        let text = with(
            "uri = \"x.csv\"",
            &format!("[output]\nuri = \"out\"\n{rest}"),
        );
        resolve(&text, &[]).unwrap().output.format
    };
    let csv = output("format = \"csv\"\nheader = false\ndelimiter = \"|\"\ncompression = \"gzip\"");
    let compression = Compression::Gzip;
    assert_eq!(
        csv,
        OutputFormat::Csv(CsvOutput {
            header: false,
            delimiter: b'|',
            compression
        })
    );
    assert_eq!(csv.extension(), ".csv.gz");
    assert_eq!(
        output("format = \"ndjson\"\ncompression = \"zstd\"").extension(),
        ".ndjson.zst"
    );
    let arrow = output("format = \"arrow\"\ncompression = \"lz4\"");
    assert_eq!(
        arrow,
        OutputFormat::Arrow {
            compression: Compression::Lz4
        }
    );
    assert_eq!(arrow.extension(), ".arrow");
    assert_eq!(output("").extension(), ".parquet");
}

#[test]
fn steps_chain_and_branch() {
    let text = "name = \"a\"\n[inputs.i]\nuri = \"a.csv\"\n[inputs.j]\nuri = \"b.csv\"\n\
        [[steps]]\nname = \"one\"\nfrom = \"j\"\nplugin = \"p.wasm\"\n\
        [[steps]]\nname = \"two\"\nplugin = \"p.wasm\"\n\
        [[steps]]\nname = \"three\"\nfrom = \"i\"\nplugin = \"p.wasm\"\n\
        [[steps]]\nname = \"four\"\nfrom = \"two\"\nplugin = \"p.wasm\"\n\
        [output]\nuri = \"out\"\nfrom = \"four\"\n";
    let text = text.replace("from = \"i\"", "from = \"i\"\ndescription = \"unused\"");
    let error = refused(&text, &[]);
    assert!(error.contains("nothing reads the step `three`"), "{error}");
    let app = resolve(&text.replace("from = \"two\"", "from = \"three\""), &[]);
    assert!(
        app.unwrap_err()
            .to_string()
            .contains("nothing reads the step `two`")
    );
}

#[test]
fn unknown_key_gets_line_column_and_nearest() {
    assert_snapshot!(refused(&with("uri = \"x.csv\"\n  delimeter = \";\"", ""), &[]), @r#"
    app.toml:4:3: unknown key `delimeter` in the input
      4 |   delimeter = ";"
        |   ^^^^^^^^^
    hint: did you mean `delimiter`?
    "#);
}

#[test]
fn unknown_key_without_a_near_one_lists_all() {
    assert_snapshot!(refused(&with("uri = \"x.csv\"", "[output]\nuri = \"o\"\nzzz = 1"), &[]), @r"
    app.toml:6:1: unknown key `zzz` in the output
      6 | zzz = 1
        | ^^^
    hint: known: `from`, `uri`, `format`, `mode`, `keep_versions`, `compression`, `row_group_rows`, `target_file_bytes`, `partition_by`, `delimiter`, `header`, `contract`, `rules`, `provenance`
    ");
}

#[test]
fn syntax_error_shows_the_line() {
    assert_snapshot!(refused("name = \"a\"\n[inputs.i\nuri = 5", &[]), @r"
    app.toml:2:10: unclosed table, expected `]`
      2 | [inputs.i
        |          ^
    ");
}

#[test]
fn all_problems_are_listed_in_the_order_of_the_file() {
    let text = r#"
name = "Sales ETL"
[parameters.min]
type = "integer"
[inputs.sales]
uri = "data/sales.xyz"
quote = "ab"
[[steps]]
name = "etl"
plugin = "p.wasm"
from = "sale"
params = { a = "${mni}", b = "${open" }
[output]
uri = "out/sales.parquet"
mode = "replace"
[limits]
memory = "lots"
depth = 1000
"#;
    assert_snapshot!(refused(text, &[]), @r#"
    11 problems in `app.toml`
    app.toml:2:8: name `Sales ETL` is malformed, expected 1 to 64 of `a-z`, `0-9`, `-`, no `-` at either end
      2 | name = "Sales ETL"
        |        ^^^^^^^^^^^
    app.toml:4:8: unknown value `integer`
      4 | type = "integer"
        |        ^^^^^^^^^
      hint: did you mean `int`?
    app.toml:5:9: input `sales` has no `format`, and its URI does not tell
      5 | [inputs.sales]
        |         ^^^^^
      hint: add `format`, one of `csv`, `ndjson`, `json`, `parquet`, `arrow`
    app.toml:7:9: `ab` is not one ASCII character other than a line end
      7 | quote = "ab"
        |         ^^^^
    app.toml:11:8: unknown input or step `sale`
      11 | from = "sale"
         |        ^^^^^^
      hint: did you mean `sales`?
    app.toml:12:16: unknown placeholder `mni`
      12 | params = { a = "${mni}", b = "${open" }
         |                ^^^^^^^^
      hint: did you mean `min`?
    app.toml:12:30: placeholder is not closed, expected `${name}`
      12 | params = { a = "${mni}", b = "${open" }
         |                              ^^^^^^^^
      hint: write `$${` for a literal `${`
    app.toml:14:7: output `sales.parquet` names a file, and an output is a dataset: a folder with one or more files
      14 | uri = "out/sales.parquet"
         |       ^^^^^^^^^^^^^^^^^^^
      hint: write `sales/`, in which the files are then found
    app.toml:15:8: unknown value `replace`
      15 | mode = "replace"
         |        ^^^^^^^^^
      hint: known: `error-if-exists`, `overwrite`, `append`, `overwrite-partitions`, `ignore`, `incremental`
    app.toml:17:10: `lots` is not a size, expected bytes or a text such as "256 MiB"
      17 | memory = "lots"
         |          ^^^^^^
    app.toml:18:9: `1000` is out of bounds, expected 1 to 64
      18 | depth = 1000
         |         ^^^^
    "#);
}

#[test]
fn empty_file_says_what_is_needed() {
    assert_snapshot!(refused("", &[]), @r"
    3 problems in `app.toml`
    app.toml:1:1: the application file has no `name`
      1 | 
        | ^
    app.toml:1:1: the application file has no inputs, expected `[inputs.<name>]`
      1 | 
        | ^
    app.toml:1:1: the application file has no `[output]`
      1 | 
        | ^
    ");
}

#[test]
fn unknown_parameter_gets_nearest() {
    assert_snapshot!(refused(SALES, &[("day", "2024-01-31"), ("min_amont", "3")]), @r"
    resolve `app.toml`: unknown parameter `min_amont`
    hint: did you mean `min_amount`?
    ");
}

#[test]
fn unknown_parameter_lists_what_exists() {
    assert_snapshot!(refused(SALES, &[("day", "2024-01-31"), ("zzz", "3")]), @r"
    resolve `app.toml`: unknown parameter `zzz`
    hint: known: `min_amount`, `day`
    ");
}

#[test]
fn required_and_malformed_parameters_are_told_at_once() {
    assert_snapshot!(refused(SALES, &[("min_amount", "many")]), @r"
    resolve `app.toml`: 2 problems with parameters
      parameter `min_amount`: `many` is not a finite number
      parameter `day` is required (give it a value: a date such as `2024-01-31`)
    ");
}

#[test]
fn built_in_placeholder_that_does_not_exist() {
    let text = with("uri = \"${run.di}.csv\"", "");
    assert_snapshot!(refused(&text, &[]), @r#"
    app.toml:3:7: unknown placeholder `run.di`
      3 | uri = "${run.di}.csv"
        |       ^^^^^^^^^^^^^^^
    hint: did you mean `run.id`?
    "#);
}

#[test]
fn output_that_names_a_file_is_explained() {
    let output = |uri: &str| {
        refused(
            &with("uri = \"x.csv\"", &format!("[output]\nuri = \"{uri}\"")),
            &[],
        )
    };
    assert_snapshot!(output("out/sales.parquet"), @r#"
    app.toml:5:7: output `sales.parquet` names a file, and an output is a dataset: a folder with one or more files
      5 | uri = "out/sales.parquet"
        |       ^^^^^^^^^^^^^^^^^^^
    hint: write `sales/`, in which the files are then found
    "#);
    for uri in ["a.csv.gz", "s3://bucket/a.json", "x.feather"] {
        assert!(
            output(uri).contains("a folder with one or more files"),
            "{uri}"
        );
    }
    let folder = with("uri = \"x.csv\"", "[output]\nuri = \"out/sales.parquet/\"");
    assert_eq!(
        resolve(&folder, &[]).unwrap().output.uri.name(),
        "sales.parquet"
    );
}

#[test]
fn output_that_cannot_be_written_is_refused() {
    let output = |uri: &str| {
        refused(
            &with("uri = \"x.csv\"", &format!("[output]\nuri = \"{uri}\"")),
            &[],
        )
    };
    assert!(output("https://host/out").contains("output is a web address"));
    assert!(output("out/*/x").contains("output is a glob"));
    assert!(output("s3://bucket").contains("output is the root of a store"));
}

#[test]
fn credentials_are_not_repeated() {
    let error = refused(&with("uri = \"s3://user:hunter2@bucket/x.csv\"", ""), &[]);
    assert!(!error.contains("hunter2"), "{error}");
    assert_snapshot!(error, @r"
    app.toml:3:7: URI carries a user or a password
      3 | uri = ********************************
        |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: credentials come from the environment, such as `AWS_ACCESS_KEY_ID`
    ");
}

#[test]
fn wrong_types_say_what_was_found() {
    assert_snapshot!(refused(&with("uri = 5\nformat = \"csv\"", ""), &[]), @r"
    app.toml:3:7: expected a string, found an integer
      3 | uri = 5
        |       ^
    ");
    assert_snapshot!(refused(&with("uri = \"x.csv\"\nheader = \"yes\"", ""), &[]), @r#"
    app.toml:4:10: expected `true` or `false`, found a string
      4 | header = "yes"
        |          ^^^^^
    "#);
}

#[test]
fn options_of_another_format_are_refused() {
    assert_snapshot!(refused(&with("uri = \"x.parquet\"\nheader = true", ""), &[]), @r"
    app.toml:4:1: `header` is for csv only
      4 | header = true
        | ^^^^^^
    ");
}

#[test]
fn schema_sources_exclude_each_other() {
    let text = with(
        "uri = \"x.csv\"\nschema_file = \"s.toml\"\ninfer_rows = 5",
        "",
    );
    assert!(refused(&text, &[]).contains("`schema_file` and `infer_rows` exclude each other"));
}

#[test]
fn two_inputs_need_a_from() {
    let text = "name = \"a\"\n[inputs.i]\nuri = \"a.csv\"\n[inputs.j]\nuri = \"b.csv\"\n\
        [output]\nuri = \"out\"\n";
    assert_snapshot!(refused(text, &[]), @r"
    app.toml:6:2: the output has no `from`
      6 | [output]
        |  ^^^^^^
    hint: inputs: `i`, `j`
    ");
}

#[test]
fn step_reads_only_what_stands_above() {
    let step = |name: &str, from: &str| {
        format!("[[steps]]\nname = \"{name}\"\nfrom = \"{from}\"\nplugin = \"p\"\n")
    };
    let text = with(
        "uri = \"x.csv\"",
        &(step("one", "two") + &step("two", "one")),
    );
    assert_snapshot!(refused(&text, &[]), @r#"
    app.toml:6:8: `two` does not stand before this step
      6 | from = "two"
        |        ^^^^^
    hint: a step reads what stands above it
    "#);
    let text = with("uri = \"x.csv\"", &step("i", "i"));
    assert!(refused(&text, &[]).contains("`i` names another input or step already"));
}

#[test]
fn names_are_held_to_their_characters_and_lengths() {
    let named = |name: &str| {
        resolve(
            &with("uri = \"x.csv\"", "").replace("\"a\"", &format!("\"{name}\"")),
            &[],
        )
    };
    assert!(named(&"a".repeat(64)).is_ok());
    for wrong in ["", &"a".repeat(65), "A", "a_b", "-a", "a-", "ä"] {
        assert!(named(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn many_problems_are_cut_and_counted() {
    let keys: String = (0..50)
        .flat_map(|n| [format!("zz{n}"), " = 1\n".to_owned()])
        .collect();
    let error = refused(&with(&format!("uri = \"x.csv\"\n{keys}"), ""), &[]);
    assert!(error.starts_with("50 problems in `app.toml`"), "{error}");
    assert!(error.contains("\nand 30 more"), "{error}");
}

#[test]
fn long_lines_are_shown_around_the_problem() {
    let text = with(
        &format!("uri = \"x.csv\"\nnulls = [\"{}\", 5]", "n".repeat(5000)),
        "",
    );
    let error = refused(&text, &[]);
    assert!(error.len() < 400, "{error}");
    assert!(
        error.contains("app.toml:4:5014: expected a string, found an integer"),
        "{error}"
    );
}

#[test]
fn file_larger_than_its_bound_is_refused() {
    let text = format!("#{}", " ".repeat(4 << 20));
    assert_snapshot!(refused(&text, &[]), @"`app.toml` is larger than 4 MiB");
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in ".{0,400}") {
        let _ = ApplicationFile::parse(&text, "app.toml");
    }

    #[test]
    fn arbitrary_mutation_of_a_file_never_panics(
        at in 0..SALES.len(),
        len in 0_usize..30,
        insert in "[ -~\n\u{e9}]{0,12}",
    ) {
        let mut text = SALES.to_owned();
        text.replace_range(at..(at + len).min(SALES.len()), &insert);
        if let Ok(file) = ApplicationFile::parse(&text, "app.toml") {
            let _ = file.resolve("/work", &map(&[("day", "2024-01-31")]), &map(&[]));
        }
    }

    #[test]
    fn arbitrary_values_never_panic(
        key in prop::sample::select(vec![
            "name", "tags", "parameters", "inputs", "steps", "output", "limits",
            "inputs.i.uri", "inputs.i.schema", "inputs.i.partitions", "inputs.i.nulls",
            "output.uri", "output.target_file_bytes", "limits.memory", "limits.call_time",
        ]),
        value in prop::sample::select(vec![
            "1", "-1", "1e400", "nan", "true", "[]", "{}", "[[]]", "[{}]", "{a={}}", "\"\"", "\"${\"",
            "\"$${\"", "\"${a.b}\"", "9223372036854775807", "1979-05-27", "\"\\u0000\"", "[1,\"a\",{}]",
            "{type=\"int\"}", "[{name=1,type=\"struct(\"}]", "\"99999999999999999 TiB\"",
        ]),
    ) {
        let _ = resolve(&format!("{key} = {value}\n"), &[]);
        let _ = resolve(&format!("name = \"a\"\noutput.uri = \"o\"\ninputs.j.uri = \"x.csv\"\n{key} = {value}\n"), &[]);
    }

    #[test]
    fn string_parameter_arrives_as_it_was_given(value in "\\PC{0,40}") {
        let text = with(
            "uri = \"x.csv\"",
            "[parameters.p]\ntype = \"string\"\n[[steps]]\nname = \"s\"\nplugin = \"p\"\n\
             params = { whole = \"${p}\", part = \"<${p}>\" }",
        );
        let app = resolve(&text, &[("p", &value)]).unwrap();
        prop_assert_eq!(app.steps[0].params["whole"].as_str(), Some(value.as_str()));
        let part = format!("<{value}>");
        prop_assert_eq!(app.steps[0].params["part"].as_str(), Some(part.as_str()));
    }
}
