//! The logical node of a transform, through which projections are pushed down to the scan.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::common::{DFSchema, DFSchemaRef, Result as DfResult, internal_err};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};

use super::{BoundStep, Source};

/// A transform over `input`.
#[derive(Debug, Clone)]
pub(crate) struct TransformNode {
    pub(super) step: Arc<BoundStep>,
    /// The part of the step's output whose pass-through columns `input` still has.
    pub(super) output: Vec<Source>,
    input: LogicalPlan,
    schema: DFSchemaRef,
}

impl TransformNode {
    pub(crate) fn new(step: Arc<BoundStep>, input: LogicalPlan) -> DfResult<Self> {
        let has = |name: &str| input.schema().has_column_with_unqualified_name(name);
        let output: Vec<_> = step
            .output
            .iter()
            .filter(|source| match source {
                Source::Pass(field) => has(field.name()),
                Source::Computed(_) => true,
            })
            .cloned()
            .collect();
        let fields: Vec<_> = output
            .iter()
            .map(|source| Arc::clone(source.field()))
            .collect();
        let schema = Arc::new(DFSchema::try_from(Schema::new(fields))?);
        Ok(Self {
            step,
            output,
            input,
            schema,
        })
    }

    pub(super) const fn input(&self) -> &LogicalPlan {
        &self.input
    }
}

impl UserDefinedLogicalNodeCore for TransformNode {
    fn name(&self) -> &'static str {
        "Transform"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transform: {}", self.step.name)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> DfResult<Self> {
        let (Some(input), true) = (inputs.pop(), inputs.is_empty()) else {
            return internal_err!("a transform has one input");
        };
        Self::new(Arc::clone(&self.step), input)
    }

    /// What a transform needs of its input: what enters the guest, and what passes through to a column
    /// that somebody wants.
    fn necessary_children_exprs(&self, wanted: &[usize]) -> Option<Vec<Vec<usize>>> {
        if self.step.tally.keeps() {
            // A bad row is kept whole, or nobody finds out which it was.
            return Some(vec![(0..self.input.schema().fields().len()).collect()]);
        }
        let passed = wanted
            .iter()
            .filter_map(|&index| match self.output.get(index)? {
                Source::Pass(field) => Some(field.name().as_str()),
                Source::Computed(_) => None,
            });
        let keys = self.step.order_by.iter().map(|key| &key.column);
        let entering = self
            .step
            .reads
            .iter()
            .chain(&self.step.partition_by)
            .chain(keys);
        let mut indices: Vec<_> = entering
            .map(String::as_str)
            .chain(passed)
            .map(|name| {
                let fields = self.input.schema().fields();
                fields.iter().position(|field| field.name() == name)
            })
            .collect::<Option<_>>()?;
        indices.sort_unstable();
        indices.dedup();
        Some(vec![indices])
    }
}

// A step is bound once in a run, so its address is its identity.

impl PartialEq for TransformNode {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.step, &other.step)
            && self.input == other.input
            && self.schema == other.schema
    }
}

impl Eq for TransformNode {}

impl Hash for TransformNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.step.name.hash(state);
        self.input.hash(state);
    }
}

impl PartialOrd for TransformNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}
