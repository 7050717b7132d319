//! What an output with `mode = "incremental"` cannot have: what a run made of a file is kept for the runs after it, and so
//! has to follow from that file and the application alone.

use super::application::{Application, Mode, Step};
use super::contract::{Rule, RuleKind};
use super::document::{Node, Problems};

/// Refuses rules on all rows together, of which a run sees only those that it makes.
pub(super) fn refuse_rules(rules: &[Rule], problems: &Problems) {
    for rule in rules {
        if !matches!(
            rule.kind,
            RuleKind::Unique | RuleKind::RowCount { .. } | RuleKind::Freshness(_)
        ) {
            continue;
        }
        let message = format!(
            "a rule of the kind `{}` is about all rows, and `mode = \"incremental\"` makes only some of them anew",
            rule.kind.as_str()
        );
        let hint = "leave the rule out, or use `mode = \"overwrite\"`";
        problems.add_with_hint(&rule.span, message, hint);
    }
}

/// Refuses steps whose rows follow from more than the rows that they see, or from rows of other files.
pub(super) fn refuse_steps(application: &Application, steps: &[Node], problems: &Problems) {
    if application.output.mode != Mode::Incremental {
        return;
    }
    for (step, node) in application.steps.iter().zip(steps) {
        if let Some(key) = foreign(step) {
            let message = format!(
                "step `{}` has `{key}`, and `mode = \"incremental\"` keeps what steps make of each file by itself",
                step.name
            );
            let hint = format!("leave `{key}` out, or use `mode = \"overwrite\"`");
            problems.add_with_hint(&node.span, message, hint);
        }
    }
}

/// The key of a step by which it reaches beyond the rows of one file, if it has one.
fn foreign(step: &Step) -> Option<&'static str> {
    let rows = [
        ("partition_by", !step.partition_by.is_empty()),
        ("order_by", !step.order_by.is_empty()),
    ];
    let mut rows = rows.into_iter().filter(|(_, has)| *has);
    rows.next()
        .map(|(key, _)| key)
        .or_else(|| step.access.reaches().next())
}
