//! What decides about the rows of an output beside the bytes of its input.

use std::collections::BTreeMap;

use super::bookmark::Key;
use crate::engine::{ColumnMask, Planned};
use crate::error::{Error, Result};
use crate::run::execute::Execution;
use crate::spec::{Input, Rule, RuleKind, SchemaColumn};

impl Execution {
    /// The key of the run, whose plan reads nothing yet; `key` is what is known of the input.
    pub(super) async fn key(&self, mut key: Key, plan: &Planned) -> Result<Key> {
        add(&mut key, "the program", env!("CARGO_PKG_VERSION"));
        let steps = plan.steps();
        let names: Vec<_> = steps.iter().map(|step| step.name.as_str()).collect();
        add(&mut key, "the list of steps", &format!("{names:?}"));
        for (step, figures) in self.application.steps.iter().zip(&steps) {
            let name = &step.name;
            add(
                &mut key,
                &format!("the plugin of step `{name}`"),
                &figures.plugin,
            );
            let params = step.params.to_string();
            add(
                &mut key,
                &format!("the parameters of step `{name}`"),
                &params,
            );
            let on_error = format!("{:?}", step.bad_rows.on_error);
            add(&mut key, &format!("`on_error` of step `{name}`"), &on_error);
        }
        let output = &self.application.output;
        let format = format!("{:?} {:?}", output.format, output.partition_by);
        add(&mut key, "the format of the output", &format);
        let rules = self.rules(&plan.schema()).await?;
        let rules: Vec<_> = rules.list().iter().map(rule_text).collect();
        add(&mut key, "the rules on the output", &format!("{rules:?}"));
        Ok(key)
    }
}

/// What decides how an input is read, whose files have `columns`; it is `discreet` where policies may mask columns.
///
/// # Errors
///
/// Fails only by a bug.
pub(super) fn of_input(input: &Input, columns: &[SchemaColumn], discreet: bool) -> Result<Key> {
    let name = &input.name;
    let Input {
        format,
        partitions,
        bad_rows,
        ..
    } = input;
    let mut key = Key::new();
    let format = format!(
        "{format:?} {partitions:?} {:?} {discreet}",
        bad_rows.on_error
    );
    add(&mut key, &format!("the format of input `{name}`"), &format);
    let columns = serde_json::to_string(columns);
    let columns = columns.map_err(|error| Error::internal(error.to_string()))?;
    add(&mut key, &format!("the schema of input `{name}`"), &columns);
    Ok(key)
}

/// What is left of the columns of an input.
pub(super) fn add_masks(key: &mut Key, masks: &BTreeMap<String, ColumnMask>) {
    let masks = masks.iter().map(|(column, mask)| match mask {
        ColumnMask::Hide => format!("{column:?} hidden"),
        ColumnMask::Null => format!("{column:?} null"),
        ColumnMask::Hash(key) => format!("{column:?} {}", key.id()),
    });
    let masks: Vec<_> = masks.collect();
    add(key, "what policies mask", &masks.join(", "));
}

fn add(key: &mut Key, name: &str, value: &str) {
    let hash = blake3::hash(value.as_bytes()).to_hex().to_string();
    key.insert(name.to_owned(), hash);
}

/// What a rule says, wherever it stands.
fn rule_text(rule: &Rule) -> String {
    let what = match &rule.kind {
        RuleKind::Range { min, max } => {
            let bound = |bound: &Option<crate::spec::Written>| {
                bound.as_ref().map(|bound| bound.text.clone())
            };
            format!("{:?}", (bound(min), bound(max)))
        }
        RuleKind::Regex(pattern) => pattern.text.clone(),
        RuleKind::AcceptedValues(values) => {
            let values: Vec<_> = values.iter().map(|value| value.text.as_str()).collect();
            format!("{values:?}")
        }
        RuleKind::References { to, field } => format!("{} {}", to.uri, field.text),
        kind @ (RuleKind::NotNull
        | RuleKind::Unique
        | RuleKind::RowCount { .. }
        | RuleKind::Freshness(_)) => kind.as_str().to_owned(),
    };
    let columns: Vec<_> = rule.columns.iter().map(|column| &column.text).collect();
    let (kind, severity) = (rule.kind.as_str(), rule.severity.as_str());
    format!("{kind} {columns:?} {what} {severity} {:?}", rule.allow)
}
