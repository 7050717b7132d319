//! Rules as they are written, to what looks at rows.

use std::time::SystemTime;

use arrow::array::{ArrayRef, BooleanArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::execution::memory_pool::MemoryReservation;
use std::sync::Arc;

use super::bounds::{Bounds, is_ordered};
use super::keys::{Seeds, is_hashable};
use super::known::{Bound, Known};
use super::newest::Newest;
use super::seen::Seen;
use super::texts::is_text;
use super::{Check, Test};
use crate::engine::scan;
use crate::error::Result;
use crate::spec::{Problems, Rule, RuleKind, Written, clip, type_text};

/// What rules are compiled for.
pub(super) struct Compiler<'a> {
    pub(super) schema: &'a Schema,
    pub(super) keys_max: u64,
    pub(super) started: SystemTime,
    pub(super) problems: &'a Problems,
    /// What texts are hashed with, by all rules, so that a text has one number.
    pub(super) seeds: &'a Seeds,
}

impl Compiler<'_> {
    /// What looks at the rows for `rule`; `referred` is the column that it refers to, if it does. None after a problem.
    pub(super) fn check(
        &self,
        rule: &Rule,
        referred: Option<&Field>,
        memory: &MemoryReservation,
    ) -> Result<Option<Check>> {
        let columns: Vec<_> = rule.columns.iter().map(|name| self.column(name)).collect();
        let Some(columns) = columns.into_iter().collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let types = columns
            .iter()
            .filter_map(|at| self.schema.fields().get(*at));
        let types: Vec<_> = types.map(|field| plain(field.data_type())).collect();
        let first: &DataType = types.first().copied().unwrap_or(&DataType::Null);
        let bound = || Bound {
            rule: rule.name.clone(),
            keys_max: self.keys_max,
            memory: memory.new_empty(),
        };
        let test = match &rule.kind {
            RuleKind::NotNull => Some(Test::NotNull),
            RuleKind::Unique => {
                let wrong = types.iter().position(|ty| !is_hashable(ty));
                match wrong {
                    Some(at) => self.mistyped(rule, at, types.get(at).copied(), ""),
                    None => Some(Test::Unique(Seen::new(bound())?)),
                }
            }
            RuleKind::Range { min, max } if is_ordered(first) => {
                self.range([min.as_ref(), max.as_ref()], first)
            }
            RuleKind::Range { .. } => self.mistyped(
                rule,
                0,
                Some(first),
                "numbers, texts, dates and times have a range",
            ),
            RuleKind::Regex(pattern) if is_text(first) => {
                Some(Test::Known(Known::pattern(&pattern.text)?))
            }
            RuleKind::Regex(_) => self.mistyped(rule, 0, Some(first), "patterns are for texts"),
            RuleKind::AcceptedValues(values) => self.accepted(rule, values, first, bound())?,
            RuleKind::References { field, .. } => {
                self.references(rule, field, referred, (first, bound()))
            }
            RuleKind::RowCount { min, max } => Some(Test::RowCount(*min, *max)),
            RuleKind::Freshness(age) => match Newest::new(first, *age, self.started) {
                Some(newest) => Some(Test::Freshness(newest)),
                None => self.mistyped(rule, 0, Some(first), "dates and timestamps have an age"),
            },
        };
        Ok(test.map(|test| Check::new(rule, columns, test)))
    }

    fn column(&self, name: &Written) -> Option<usize> {
        let fields = self.schema.fields();
        let found = fields.iter().position(|field| *field.name() == name.text);
        if found.is_none() {
            let known: Vec<_> = fields.iter().map(|field| field.name().as_str()).collect();
            let message = format!("the output has no column `{}`", clip(&name.text));
            self.problems
                .add_unknown(&name.span, message, &name.text, &known);
        }
        found
    }

    /// Tells that the rule's column `at` is of a type that its kind is not for.
    fn mistyped(&self, rule: &Rule, at: usize, ty: Option<&DataType>, hint: &str) -> Option<Test> {
        let column = rule.columns.get(at)?;
        let message = format!(
            "column `{}` is of the type {}, which rules of the kind `{}` are not for",
            clip(&column.text),
            type_text(ty?),
            rule.kind.as_str()
        );
        if hint.is_empty() {
            self.problems.add(&column.span, message);
        } else {
            self.problems.add_with_hint(&column.span, message, hint);
        }
        None
    }

    fn range(&self, bounds: [Option<&Written>; 2], ty: &DataType) -> Option<Test> {
        let read = |bound: Option<&Written>| match bound {
            Some(bound) => self.value(bound, ty).map(Some),
            None => Some(None),
        };
        // Both are read, so that both are told of.
        let [min, max] = bounds.map(read);
        Some(Test::Range(Bounds {
            min: min?,
            max: max?,
        }))
    }

    fn accepted(
        &self,
        rule: &Rule,
        values: &[Written],
        ty: &DataType,
        bound: Bound,
    ) -> Result<Option<Test>> {
        if ty.is_nested() || !is_hashable(ty) {
            return Ok(self.mistyped(rule, 0, Some(ty), "values are accepted of plain types"));
        }
        let values: Vec<_> = values
            .iter()
            .map(|written| self.value(written, ty))
            .collect();
        let Some(values) = values.into_iter().collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let mut known = Known::none(bound, self.seeds);
        values.iter().try_for_each(|value| known.learn(value))?;
        Ok(Some(Test::Known(known)))
    }

    fn references(
        &self,
        rule: &Rule,
        field: &Written,
        referred: Option<&Field>,
        (ty, bound): (&DataType, Bound),
    ) -> Option<Test> {
        // Where there is none, that was told where the other data were opened.
        let referred = referred?;
        let other = plain(referred.data_type());
        if ty.is_nested() || !is_hashable(ty) || !is_comparable(ty, other) {
            let column = rule
                .columns
                .first()
                .map_or("", |column| column.text.as_str());
            let message = format!(
                "column `{}` is of the type {}, and `{}` of the type {}",
                clip(column),
                type_text(ty),
                clip(&field.text),
                type_text(other)
            );
            let hint = "texts are compared with texts, integers with integers, and others with their own type";
            self.problems.add_with_hint(&field.span, message, hint);
            return None;
        }
        Some(Test::Known(Known::none(bound, self.seeds)))
    }

    /// The value of a column of a type that is written somewhere, alone in its array.
    fn value(&self, written: &Written, ty: &DataType) -> Option<ArrayRef> {
        let found = value(&written.text, ty);
        if found.is_none() {
            let (text, ty) = (clip(&written.text), type_text(ty));
            let message = format!("`{text}` is no value of a column of the type {ty}");
            self.problems.add(&written.span, message);
        }
        found
    }
}

/// The type of a column's values.
pub(super) fn plain(ty: &DataType) -> &DataType {
    match ty {
        DataType::Dictionary(_, values) => plain(values),
        _ => ty,
    }
}

/// Whether values of two types are the same where their keys are.
fn is_comparable(one: &DataType, other: &DataType) -> bool {
    let is_signed = |ty: &DataType| ty.is_integer() && *ty != DataType::UInt64;
    one == other
        || (is_text(one) && is_text(other))
        || (is_signed(one) && is_signed(other))
        || (one.is_unsigned_integer() && other.is_unsigned_integer())
}

fn value(text: &str, ty: &DataType) -> Option<ArrayRef> {
    if is_text(ty) {
        return cast(&StringArray::from(vec![text]), ty).ok();
    }
    if *ty == DataType::Boolean {
        let value: bool = text.parse().ok()?;
        return Some(Arc::new(BooleanArray::from(vec![value])));
    }
    scan::parse(text, ty)
}

/// The column `field` of the data that a rule refers to; a problem where there is none.
pub(crate) fn referred<'a>(
    schema: &'a Schema,
    field: &Written,
    problems: &Problems,
) -> Option<&'a Field> {
    let found = schema
        .fields()
        .iter()
        .find(|known| *known.name() == field.text);
    if found.is_none() {
        let known: Vec<_> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        let message = format!(
            "the data referred to have no column `{}`",
            clip(&field.text)
        );
        problems.add_unknown(&field.span, message, &field.text, &known);
    }
    found.map(AsRef::as_ref)
}
