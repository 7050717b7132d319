use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array,
    Int64Array, ListArray, NullArray, RecordBatch, StringArray, StringViewArray, StructArray,
    TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema};
use datafusion::execution::memory_pool::{MemoryPool, UnboundedMemoryPool};
use proptest::prelude::*;
use serde_json::json;

use super::{Checked, Checks};
use crate::error::{ErrorKind, Result};
use crate::spec::{ApplicationFile, Problems, Rules};

/// Seconds since 1970 of 2024-01-31T12:00:00Z, when the runs of these tests start.
const STARTED: u64 = 1_706_702_400;

/// The rules of an application file, each a table in one line.
fn rules(rules: &[&str]) -> Result<Rules> {
    let rules = rules.join(",\n");
    let text = format!(
        "name = \"a\"\ninputs.i.uri = \"i.csv\"\n[output]\nuri = \"o\"\nrules = [\n{rules}\n]\n"
    );
    let file = ApplicationFile::parse(&text, "app.toml")?;
    let application = file.resolve("/work", &BTreeMap::new(), &BTreeMap::new())?;
    Ok(application.output.rules)
}

fn compile(rules: &Rules, schema: &Schema, keys_max: u64) -> Result<Checks> {
    let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
    let started = SystemTime::UNIX_EPOCH + Duration::from_secs(STARTED);
    let problems = Problems::default();
    let referred = Field::new("id", schema.field(0).data_type().clone(), true);
    let referred = (0..rules.list().len())
        .map(|at| (at, referred.clone()))
        .collect();
    let context = (started, keys_max, &pool);
    let checks = Checks::new(rules, schema, &referred, context, &problems)?;
    rules.refuse(problems)?;
    Ok(checks)
}

/// What rules find in partitions, each of which has a thread.
fn found(checks: &Checks, partitions: &[Vec<RecordBatch>]) -> Result<Vec<Checked>> {
    std::thread::scope(|scope| {
        let run = |(number, batches): (usize, &Vec<RecordBatch>)| -> Result<()> {
            let mut partition = checks.partition();
            batches.iter().try_for_each(|batch| partition.look(batch))?;
            partition.end(number);
            Ok(())
        };
        let threads: Vec<_> = partitions
            .iter()
            .enumerate()
            .map(|part| scope.spawn(move || run(part)))
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap())
    })?;
    Ok(checks.outcome())
}

/// What one rule finds in one column `a`.
fn one(rule: &str, column: ArrayRef) -> Result<Checked> {
    let batch = RecordBatch::try_from_iter_with_nullable([("a", column, true)]).unwrap();
    let checks = compile(&rules(&[rule])?, &batch.schema(), 1_000)?;
    Ok(found(&checks, &[vec![batch]])?.remove(0))
}

/// Rows that were looked at, rows that violate the rule, and the values of `a` in the sample.
fn figures(rule: &str, column: ArrayRef) -> (u64, u64, Vec<serde_json::Value>) {
    let checked = one(rule, column).unwrap();
    let values = checked.sample.iter().map(|row| row["a"].clone()).collect();
    (checked.checked, checked.violations, values)
}

fn floats() -> ArrayRef {
    let values = [
        Some(1.0),
        None,
        Some(f64::NAN),
        Some(-0.0),
        Some(0.0),
        Some(f64::INFINITY),
    ];
    Arc::new(Float64Array::from(values.to_vec()))
}

fn texts() -> ArrayRef {
    let long = "a text that is longer than fifteen bytes";
    let texts = [
        Some("C1"),
        None,
        Some(""),
        Some("C1"),
        Some(long),
        Some(long),
        Some("c1"),
    ];
    Arc::new(StringArray::from(texts.to_vec()))
}

#[test]
fn nulls_are_told_of_any_type() {
    let rule = "{ kind = \"not-null\", column = \"a\" }";
    let null = serde_json::Value::Null;
    assert_eq!(figures(rule, floats()), (6, 1, vec![null.clone()]));
    let nothing: ArrayRef = Arc::new(NullArray::new(2));
    assert_eq!(
        figures(rule, nothing),
        (2, 2, vec![null.clone(), null.clone()])
    );
    let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([
        None,
        Some(vec![None]),
    ]));
    assert_eq!(figures(rule, lists), (2, 1, vec![null.clone()]));
    let words: DictionaryArray<Int32Type> = [Some("x"), None].into_iter().collect();
    assert_eq!(figures(rule, Arc::new(words)), (2, 1, vec![null]));
}

#[test]
fn what_comes_again_is_told_with_its_key_and_nulls_are_no_keys() {
    let rule = "{ kind = \"unique\", column = \"a\" }";
    let numbers = [
        Some(-1),
        Some(7),
        None,
        None,
        Some(7),
        Some(7),
        Some(i64::MIN),
    ];
    let numbers: ArrayRef = Arc::new(Int64Array::from(numbers.to_vec()));
    assert_eq!(figures(rule, numbers), (5, 2, vec![json!(7)]));
    // Zero has two signs, and NaN many forms: all are one value.
    assert_eq!(figures(rule, floats()), (5, 1, vec![json!(0.0)]));
    let (checked, violations, _) = figures(rule, texts());
    assert_eq!((checked, violations), (6, 2));
    let lists = [
        Some(vec![Some(1), None]),
        Some(vec![Some(1), None]),
        Some(vec![None]),
        None,
    ];
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(lists);
    let (checked, violations, _) = figures(rule, Arc::new(lists));
    assert_eq!((checked, violations), (3, 1));
}

#[test]
fn several_columns_are_one_key() {
    let a: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(1), Some(1), None]));
    let b: ArrayRef = Arc::new(StringViewArray::from(vec![
        Some("x"),
        Some("y"),
        Some("x"),
        None,
    ]));
    let batch = RecordBatch::try_from_iter([("a", a), ("b", b)]).unwrap();
    let rules = rules(&["{ kind = \"unique\", columns = [\"a\", \"b\"] }"]).unwrap();
    let checks = compile(&rules, &batch.schema(), 10).unwrap();
    let checked = found(&checks, &[vec![batch]]).unwrap().remove(0);
    assert_eq!((checked.checked, checked.violations), (3, 1));
    assert_eq!(checked.sample, [json!({ "a": 1, "b": "x" })]);
    assert_eq!(checked.rule, "unique(a, b)");
}

#[test]
fn bounds_belong_to_the_range_and_nan_does_not() {
    let both = "{ kind = \"range\", column = \"a\", min = 0, max = 1.0 }";
    let strange = vec![json!("NaN"), json!("inf")];
    assert_eq!(figures(both, floats()), (5, 2, strange));
    let least = "{ kind = \"range\", column = \"a\", min = 0 }";
    assert_eq!(figures(least, floats()), (5, 1, vec![json!("NaN")]));
    let money = Decimal128Array::from(vec![Some(999), None, Some(1_000), Some(1_001)]);
    let money: ArrayRef = Arc::new(money.with_precision_and_scale(10, 2).unwrap());
    let rule = "{ kind = \"range\", column = \"a\", min = \"10.00\", max = 10.0 }";
    assert_eq!(
        figures(rule, money),
        (3, 2, vec![json!("9.99"), json!("10.01")])
    );
    let days: ArrayRef = Arc::new(Date32Array::from(vec![Some(19_722), Some(19_723), None]));
    let rule = "{ kind = \"range\", column = \"a\", min = 2024-01-01 }";
    assert_eq!(figures(rule, days), (2, 1, vec![json!("2023-12-31")]));
    let rule = "{ kind = \"range\", column = \"a\", min = \"A\", max = \"Z\" }";
    let (checked, violations, _) = figures(rule, texts());
    assert_eq!((checked, violations), (6, 4));
}

#[test]
fn a_pattern_is_found_anywhere_unless_it_says_where() {
    let rule = "{ kind = \"regex\", column = \"a\", pattern = \"[0-9]\" }";
    let (checked, violations, shown) = figures(rule, texts());
    assert_eq!((checked, violations), (6, 3));
    assert_eq!(shown[0], "");
    let rule = "{ kind = \"regex\", column = \"a\", pattern = \"^C[0-9]$\" }";
    let words: DictionaryArray<Int32Type> = ["C1", "c1", "C1"].into_iter().collect();
    assert_eq!(figures(rule, Arc::new(words)), (3, 1, vec![json!("c1")]));
}

#[test]
fn values_are_accepted_in_the_type_of_their_column() {
    let rule = "{ kind = \"accepted-values\", column = \"a\", values = [\"C1\", \"\"] }";
    let (checked, violations, shown) = figures(rule, texts());
    assert_eq!((checked, violations), (6, 3));
    assert_eq!(shown[2], "c1");
    let rule = "{ kind = \"accepted-values\", column = \"a\", values = [0, 1] }";
    assert_eq!(
        figures(rule, floats()),
        (5, 2, vec![json!("NaN"), json!("inf")])
    );
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(0), None, Some(2)]));
    assert_eq!(figures(rule, numbers), (2, 1, vec![json!(2)]));
    let rule = "{ kind = \"accepted-values\", column = \"a\", values = [true] }";
    let flags: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]));
    assert_eq!(figures(rule, flags), (2, 1, vec![json!(false)]));
}

#[test]
fn values_that_are_referred_to_are_learnt() {
    let rule =
        "{ kind = \"references\", column = \"a\", to = { uri = \"x.csv\" }, field = \"id\" }";
    for column in [
        texts(),
        floats(),
        Arc::new(Int64Array::from(vec![
            Some(3),
            None,
            Some(3),
            Some(4),
            Some(5),
        ])),
    ] {
        let batch = RecordBatch::try_from_iter_with_nullable([("a", column, true)]).unwrap();
        let mut checks = compile(&rules(&[rule]).unwrap(), &batch.schema(), 10).unwrap();
        let known = batch.column(0).slice(0, 3);
        checks.learn(0, &known).unwrap();
        let rows = batch.num_rows() as u64;
        let checked = found(&checks, &[vec![batch]]).unwrap().remove(0);
        assert_eq!(checked.checked, rows - 1);
        let expected = match rows {
            6 | 7 => 3,
            _ => 2,
        };
        assert_eq!(checked.violations, expected, "{:?}", checked.sample);
    }
}

#[test]
fn the_whole_output_has_enough_rows_that_are_new_enough() {
    let times = |seconds: &[Option<u64>]| -> ArrayRef {
        let millis = seconds
            .iter()
            .map(|time| time.map(|time| time.cast_signed() * 1_000));
        Arc::new(TimestampMillisecondArray::from(millis.collect::<Vec<_>>()))
    };
    let rule = "{ kind = \"freshness\", column = \"a\", max_age = \"1h\" }";
    let old = times(&[Some(STARTED - 3_601), None]);
    assert_eq!(
        figures(rule, old),
        (1, 1, vec![json!("2024-01-31T10:59:59")])
    );
    let new = times(&[Some(STARTED - 3_600), Some(0)]);
    assert_eq!(figures(rule, new), (2, 0, Vec::new()));
    assert_eq!(
        figures(rule, times(&[None])),
        (0, 1, vec![serde_json::Value::Null])
    );
    let rule = "{ kind = \"row-count\", min = 1, max = 2 }";
    for (rows, passed) in [(0, false), (1, true), (2, true), (3, false)] {
        let checked = one(rule, Arc::new(Int64Array::from(vec![1; rows]))).unwrap();
        assert_eq!((checked.passed, checked.checked), (passed, rows as u64));
    }
}

#[test]
fn some_rows_are_forgiven() {
    let numbers = || -> ArrayRef { Arc::new(Int64Array::from(vec![1, 2, 3, 4])) };
    for (allow, passed) in [
        ("1", false),
        ("2", true),
        ("\"49.9%\"", false),
        ("\"50%\"", true),
    ] {
        let rule = format!("{{ kind = \"range\", column = \"a\", min = 3, allow = {allow} }}");
        assert_eq!(one(&rule, numbers()).unwrap().passed, passed, "{allow}");
    }
}

#[test]
fn no_rows_break_no_rule_on_rows() {
    for rule in [
        "{ kind = \"not-null\", column = \"a\" }",
        "{ kind = \"unique\", column = \"a\" }",
        "{ kind = \"range\", column = \"a\", min = \"a\" }",
        "{ kind = \"regex\", column = \"a\", pattern = \"x\" }",
        "{ kind = \"accepted-values\", column = \"a\", values = [\"a\"] }",
    ] {
        let checked = one(rule, texts().slice(3, 0)).unwrap();
        assert_eq!(
            (checked.checked, checked.violations, checked.passed),
            (0, 0, true)
        );
    }
}

#[test]
fn slices_of_columns_are_looked_at_and_not_what_stands_around_them() {
    let rule = "{ kind = \"accepted-values\", column = \"a\", values = [\"C1\"] }";
    assert_eq!(figures(rule, texts().slice(3, 1)), (1, 0, Vec::new()));
    let rule = "{ kind = \"unique\", column = \"a\" }";
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 1, 2, 3, 3]));
    assert_eq!(figures(rule, numbers.slice(1, 3)), (3, 0, Vec::new()));
}

#[test]
fn keys_are_bounded() {
    let rule = "{ kind = \"unique\", column = \"a\", name = \"ids\" }";
    let numbers = |count: i64| -> ArrayRef { Arc::new((0..count).collect::<Int64Array>()) };
    assert_eq!(figures(rule, numbers(1_000)).1, 0);
    let error = one(rule, numbers(1_001)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    insta::assert_snapshot!(error, @"remember the keys of the rule `ids`: limit `rule_keys` of 1000 reached");
    let texts = |count: i32| -> ArrayRef {
        Arc::new(
            (0..count)
                .map(|n| Some(n.to_string()))
                .collect::<StringArray>(),
        )
    };
    assert_eq!(figures(rule, texts(1_000)).1, 0);
    assert_eq!(
        one(rule, texts(1_001)).unwrap_err().kind(),
        ErrorKind::Limit
    );
}

#[test]
fn all_that_is_wrong_with_rules_is_told_before_there_are_rows() {
    let a: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let point: ArrayRef = Arc::new(StructArray::from(vec![(
        Arc::new(Field::new("x", a.data_type().clone(), true)),
        Arc::clone(&a),
    )]));
    let batch = RecordBatch::try_from_iter([("amount", a), ("point", point)]).unwrap();
    let wrong = rules(&[
        "{ kind = \"not-null\", column = \"amonut\" }",
        "{ kind = \"range\", column = \"amount\", min = 0.5, max = \"much\" }",
        "{ kind = \"range\", column = \"point\", min = 1 }",
        "{ kind = \"regex\", column = \"amount\", pattern = \"x\" }",
        "{ kind = \"accepted-values\", column = \"amount\", values = [1, \"one\"] }",
        "{ kind = \"freshness\", column = \"amount\", max_age = \"1d\" }",
    ]);
    let error = compile(&wrong.unwrap(), &batch.schema(), 10).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    insta::assert_snapshot!(error);
}

#[test]
fn all_that_is_wrong_with_the_text_of_rules_is_told() {
    let error = rules(&[
        "{ kind = \"uniqe\", column = \"a\" }",
        "{ kind = \"unique\" }",
        "{ kind = \"unique\", column = \"a\", min = 1 }",
        "{ kind = \"range\", column = \"a\" }",
        "{ kind = \"regex\", column = \"a\", pattern = \"(\" }",
        "{ kind = \"not-null\", column = \"a\", allow = \"all\", severity = \"error\" }",
        "{ kind = \"row-count\", min = 2, max = 1 }",
        "{ kind = \"freshness\", column = \"a\", max_age = \"1 week\" }",
        "{ kind = \"references\", column = \"a\", to = {} }",
        "{ kind = \"unique\", column = \"b\", name = \"x\" }",
        "{ kind = \"not-null\", column = \"b\", name = \"x\" }",
    ]);
    insta::assert_snapshot!(error.unwrap_err());
}

/// A row of the property test.
type Row = (Option<i64>, Option<String>, Option<f64>);

const PLAIN: [&str; 7] = [
    "{ kind = \"not-null\", columns = [\"n\", \"t\"] }",
    "{ kind = \"unique\", column = \"n\" }",
    "{ kind = \"unique\", columns = [\"n\", \"t\"] }",
    "{ kind = \"range\", column = \"f\", min = -1, max = 1 }",
    "{ kind = \"regex\", column = \"t\", pattern = \"^a+$\" }",
    "{ kind = \"accepted-values\", column = \"n\", values = [-1, 0, 1, 2] }",
    "{ kind = \"unique\", column = \"t\" }",
];

fn batch(rows: &[Row]) -> RecordBatch {
    let n: ArrayRef = Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>());
    let t: ArrayRef = Arc::new(
        rows.iter()
            .map(|row| row.1.clone())
            .collect::<StringArray>(),
    );
    let f: ArrayRef = Arc::new(rows.iter().map(|row| row.2).collect::<Float64Array>());
    RecordBatch::try_from_iter_with_nullable([("n", n, true), ("t", t, true), ("f", f, true)])
        .unwrap()
}

/// Rows that are looked at and rows that violate, by the plainest code there is.
fn reference(rows: &[Row]) -> Vec<(u64, u64)> {
    let count = |looked: &dyn Fn(&Row) -> Option<bool>| {
        let looked: Vec<bool> = rows.iter().filter_map(looked).collect();
        let wrong = looked.iter().filter(|right| !**right).count();
        (looked.len() as u64, wrong as u64)
    };
    let unique = |key: &dyn Fn(&Row) -> Option<String>| {
        let keys: Vec<String> = rows.iter().filter_map(key).collect();
        let different = keys.iter().collect::<BTreeSet<_>>().len();
        (keys.len() as u64, (keys.len() - different) as u64)
    };
    vec![
        count(&|row| Some(row.0.is_some() && row.1.is_some())),
        unique(&|row| row.0.map(|n| n.to_string())),
        unique(&|row| Some(format!("{:?} {:?}", row.0?, row.1.as_ref()?))),
        count(&|row| row.2.map(|f| (-1.0..=1.0).contains(&f))),
        count(&|row| {
            row.1
                .as_ref()
                .map(|t| !t.is_empty() && t.chars().all(|c| c == 'a'))
        }),
        count(&|row| row.0.map(|n| (-1..=2).contains(&n))),
        unique(&|row| row.1.clone()),
    ]
}

fn row() -> impl Strategy<Value = Row> {
    let number =
        prop::option::weighted(0.9, prop_oneof![-4_i64..4, Just(i64::MAX), Just(i64::MIN)]);
    let text = prop::option::weighted(0.9, "[ab]{0,2}|a{14,18}");
    let float = prop::option::weighted(0.9, prop_oneof![-2.0..2.0, Just(f64::NAN), Just(-0.0)]);
    (number, text, float)
}

proptest! {
    #[test]
    fn every_way_of_cutting_the_rows_finds_what_plain_code_finds(
        rows in prop::collection::vec(row(), 0..60),
        cuts in prop::collection::vec((0_usize..60, any::<bool>()), 0..6),
    ) {
        let rules = rules(&PLAIN).unwrap();
        let whole = batch(&rows);
        let schema = whole.schema();
        let uncut = found(&compile(&rules, &schema, 1_000).unwrap(), &[vec![whole.clone()]]).unwrap();
        let figures: Vec<_> = uncut.iter().map(|checked| (checked.checked, checked.violations)).collect();
        prop_assert_eq!(figures, reference(&rows));

        // A cut ends a batch, and perhaps the partition as well.
        let mut ends: Vec<_> = cuts.iter().map(|(at, part)| ((*at).min(rows.len()), *part)).collect();
        ends.sort_unstable();
        ends.push((rows.len(), false));
        let mut partitions = vec![Vec::new()];
        let mut from = 0;
        for (to, part) in ends {
            partitions.last_mut().unwrap().push(whole.slice(from, to - from));
            from = to;
            if part {
                partitions.push(Vec::new());
            }
        }
        let cut = found(&compile(&rules, &schema, 1_000).unwrap(), &partitions).unwrap();
        prop_assert_eq!(serde_json::to_value(&cut).unwrap(), serde_json::to_value(&uncut).unwrap());
    }
}

/// However many different texts there are, and however often each comes, none is taken for another.
#[test]
fn texts_that_are_right_are_remembered_and_no_others() {
    const ROWS: usize = 4096;
    for different in [3, 5_000, 400_000] {
        let checks = compile(
            &rules(&[
                "{ kind = \"regex\", column = \"t\", pattern = \"^a\" }",
                "{ kind = \"range\", column = \"t\", min = \"a\", max = \"a9\" }",
                "{ kind = \"not-null\", column = \"t\" }",
            ])
            .unwrap(),
            &Schema::new(vec![Field::new("t", DataType::Utf8, true)]),
            1,
        )
        .unwrap();
        // One in 1000 breaks the first rule, of whatever comes before and again, and each that ends with 5 the second.
        let text = |at: usize| match at {
            at if at % 1000 == 999 => None,
            at if at % 1000 == 7 => Some(format!("A-{}", at % different)),
            at if at % 1000 == 8 => Some(format!("az-{}", at % different)),
            at => Some(format!("a-{}", at * 31 % different)),
        };
        let batches: Vec<_> = (0..300)
            .map(|batch| {
                let texts: StringArray = (batch * ROWS..(batch + 1) * ROWS).map(text).collect();
                let schema = Schema::new(vec![Field::new("t", DataType::Utf8, true)]);
                RecordBatch::try_new(Arc::new(schema), vec![Arc::new(texts)]).unwrap()
            })
            .collect();
        let count = |is: fn(usize) -> bool| (0..300 * ROWS).filter(|at| is(*at)).count() as u64;
        let (upper, beyond) = (count(|at| at % 1000 == 7), count(|at| at % 1000 == 8));
        let nulls = count(|at| at % 1000 == 999);
        let found = found(&checks, &[batches]).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|found| (found.checked, found.violations))
            .collect();
        let values = (300 * ROWS) as u64 - nulls;
        let expected = [
            (values, upper),
            (values, upper + beyond),
            ((300 * ROWS) as u64, nulls),
        ];
        assert_eq!(found, expected, "{different}");
    }
}
