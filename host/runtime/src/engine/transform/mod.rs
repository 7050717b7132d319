//! Transforms as nodes of a plan: bound once, then fed batch by batch.

mod bisect;
mod exec;
mod guests;
mod keep;
mod node;
mod origins;
mod planner;
mod rejected;
mod rerun;
mod stream;

use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema, SchemaRef};

pub(super) use bisect::Tries;
pub(super) use exec::TransformExec;
pub(super) use guests::Guests;
pub(super) use keep::StepKeeping;
pub use keep::{Facts, Keeper};
pub(crate) use keep::{FailedBatch, Keeping, brief};
pub(super) use node::TransformNode;
pub(crate) use origins::origins;
pub(super) use planner::TransformPlanner;
pub(super) use rejected::Rejected;
pub use rejected::RejectedRow;
pub(crate) use rerun::Rerun;
pub(super) use rerun::rerun;

use super::quarantine::Tally;
use crate::error::{Error, Result};
use crate::sandbox::{OutputColumn, Plan};
use crate::schedule::Workers;
use crate::spec::{SortKey, Step, nearest};

/// A column that leaves a transform. Columns are known by name, since a projection that was pushed
/// below the transform changes their positions.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// An input column, untouched.
    Pass(FieldRef),
    /// The next column that the guest computes.
    Computed(FieldRef),
}

impl Source {
    pub(super) fn field(&self) -> &FieldRef {
        match self {
            Self::Pass(field) | Self::Computed(field) => field,
        }
    }
}

/// A step that was bound: what it reads, what it makes, and the guests that do it.
#[derive(Debug)]
pub(super) struct BoundStep {
    pub(super) name: String,
    pub(super) stateless: bool,
    /// Names of the columns that enter the guest, in the order of its plan.
    pub(super) reads: Vec<String>,
    pub(super) output: Vec<Source>,
    pub(super) partition_by: Vec<String>,
    pub(super) order_by: Vec<SortKey>,
    pub(super) guests: Guests,
    pub(super) workers: Arc<Workers>,
    pub(super) rejected: Rejected,
    /// What becomes of rows that the transform rejects or fails over.
    pub(super) tally: Arc<Tally>,
    pub(super) tries: Arc<Tries>,
    /// Whether the transform may be called again with rows that it has seen.
    pub(super) is_repeatable: bool,
    /// Where batches are kept over which it fails, if they are.
    pub(super) keeping: Option<StepKeeping>,
}

impl BoundStep {
    pub(super) fn new(
        step: &Step,
        guests: Guests,
        workers: Arc<Workers>,
        (tally, tries): (Arc<Tally>, Arc<Tries>),
    ) -> Result<Self> {
        let input = guests.input_schema();
        let name = &step.name;
        let order = step.order_by.iter().map(|key| &key.column);
        let wanted = step.partition_by.iter().chain(order);
        for column in wanted {
            if input.column_with_name(column).is_none() {
                return Err(unknown_column(column, &input).context(format!("plan step `{name}`")));
            }
        }
        let (reads, output) = by_name(guests.plan(), &input)?;
        Ok(Self {
            name: name.to_owned(),
            stateless: guests.plan().stateless,
            reads,
            output,
            partition_by: step.partition_by.clone(),
            order_by: step.order_by.clone(),
            guests,
            workers,
            rejected: Rejected::default(),
            tally,
            tries,
            is_repeatable: step.access.only_reads(),
            keeping: None,
        })
    }
}

fn by_name(plan: &Plan, input: &Schema) -> Result<(Vec<String>, Vec<Source>)> {
    let field = |index: usize| {
        let fields = input.fields();
        fields
            .get(index)
            .cloned()
            .ok_or_else(|| Error::internal("a plan names a column that its schema does not have"))
    };
    let reads = plan
        .reads
        .iter()
        .map(|&index| field(index).map(|f| f.name().clone()))
        .collect::<Result<_>>()?;
    let output = plan
        .output
        .iter()
        .map(|column| match column {
            OutputColumn::Pass(index) => field(*index).map(Source::Pass),
            OutputColumn::Computed(field) => Ok(Source::Computed(Arc::clone(field))),
        })
        .collect::<Result<_>>()?;
    Ok((reads, output))
}

/// An error that says which columns there are.
pub(super) fn unknown_column(name: &str, schema: &SchemaRef) -> Error {
    let names: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| format!("`{}`", field.name()))
        .collect();
    let known = schema.fields().iter().map(|field| field.name().as_str());
    let nearest = nearest(name, known);
    let error = Error::input(format!("no column `{name}`"))
        .hint(format!("the columns are {}", names.join(", ")));
    match nearest {
        Some(candidate) => error.hint(format!("did you mean `{candidate}`?")),
        None => error,
    }
}
