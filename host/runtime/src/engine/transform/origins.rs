//! Which columns of the inputs the columns of a plan come from.

use datafusion::logical_expr::LogicalPlan;

use super::{Source, TransformNode};

/// A column of an input.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct InputColumn {
    pub(crate) input: String,
    pub(crate) column: String,
}

/// A column and what its values come from.
#[derive(Clone, Debug)]
pub(crate) struct Origins {
    pub(crate) column: String,
    /// Whether its values are those of the one column that it comes from.
    pub(crate) same: bool,
    /// In order, none twice: a transform that computes a column may use all that it reads.
    pub(crate) from: Vec<InputColumn>,
}

/// Where the columns of a plan of scans and transforms come from; of any other node, nothing is known.
pub(crate) fn origins(plan: &LogicalPlan) -> Vec<Origins> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let input = scan.table_name.table();
            let fields = scan.projected_schema.fields().iter();
            let origin = |column: &String| Origins {
                column: column.clone(),
                same: true,
                from: vec![InputColumn {
                    input: input.to_owned(),
                    column: column.clone(),
                }],
            };
            fields.map(|field| origin(field.name())).collect()
        }
        LogicalPlan::Extension(extension) => {
            let node = extension.node.as_any().downcast_ref::<TransformNode>();
            node.map(through).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

fn through(node: &TransformNode) -> Vec<Origins> {
    let below = origins(node.input());
    let read = below
        .iter()
        .filter(|origins| node.step.reads.contains(&origins.column));
    let mut read: Vec<InputColumn> = read.flat_map(|origins| origins.from.clone()).collect();
    read.sort_unstable();
    read.dedup();
    let output = node.output.iter().filter_map(|source| match source {
        Source::Pass(field) => below
            .iter()
            .find(|origins| origins.column == *field.name())
            .cloned(),
        Source::Computed(field) => Some(Origins {
            column: field.name().clone(),
            same: false,
            from: read.clone(),
        }),
    });
    output.collect()
}
