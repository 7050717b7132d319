//! What a transform said that it will do, checked.

use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema};

use super::contract;
use super::fault::broken;
use crate::columns::{FlatField, parse_field};
use crate::error::{Result, ResultExt};
use crate::limits::GuestLimits;

/// What a transform does with every batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Columns of the input schema that the guest reads; none twice.
    pub reads: Vec<usize>,
    /// The columns of the output, in order.
    pub output: Vec<OutputColumn>,
    /// Whether each batch can be processed alone, in any order and by any instance.
    pub stateless: bool,
}

/// A column of a transform's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputColumn {
    /// A column of the input schema, by index; it never enters the guest.
    Pass(usize),
    /// A column that the guest computes.
    Computed(FieldRef),
}

/// A plan with what is needed for every batch.
pub(super) struct BoundPlan {
    pub(super) plan: Plan,
    /// The columns that the guest reads, in order.
    pub(super) reads: Vec<FieldRef>,
    /// The columns that the guest computes, in order.
    pub(super) computed: Vec<FieldRef>,
}

impl BoundPlan {
    /// Checks what the guest returned for `schema`.
    ///
    /// # Errors
    ///
    /// `Trap` where it breaks the contract, `Limit` where it is too large.
    pub(super) fn new(wire: contract::Plan, schema: &Schema, limits: &GuestLimits) -> Result<Self> {
        let (indices, reads) = reads(&wire.reads, schema)?;
        if wire.output.is_empty() {
            return Err(broken("`plan.output` is empty"));
        }
        let fields = wire.output.iter().map(width).sum::<usize>();
        if fields > limits.fields {
            return Err(super::fault::limit("fields", limits.fields));
        }
        let mut output = Vec::with_capacity(wire.output.len());
        let mut computed = Vec::new();
        for (position, column) in wire.output.into_iter().enumerate() {
            output.push(match column {
                contract::OutputField::Pass(index) => OutputColumn::Pass(passed(index, schema)?),
                contract::OutputField::Computed(fields) => {
                    let fields: Vec<FlatField> = fields.into_iter().map(Into::into).collect();
                    let field = parse_field(&fields, limits)
                        .with_context(|| format!("`plan.output` column {position}"))?;
                    computed.push(Arc::clone(&field));
                    OutputColumn::Computed(field)
                }
            });
        }
        check_names(&output, schema)?;
        let plan = Plan {
            reads: indices,
            output,
            stateless: wire.stateless,
        };
        Ok(Self {
            plan,
            reads,
            computed,
        })
    }

    /// Whether any column is passed through.
    pub(super) fn passes(&self) -> bool {
        self.computed.len() < self.plan.output.len()
    }
}

/// Fields that a column of the output declares.
fn width(column: &contract::OutputField) -> usize {
    match column {
        contract::OutputField::Pass(_) => 1,
        contract::OutputField::Computed(fields) => fields.len(),
    }
}

fn reads(indices: &[u32], schema: &Schema) -> Result<(Vec<usize>, Vec<FieldRef>)> {
    // Longer than the schema means an index out of range or one that is there twice.
    let mut checked = Vec::with_capacity(indices.len().min(schema.fields().len()));
    let mut fields = Vec::with_capacity(checked.capacity());
    let mut seen = vec![false; schema.fields().len()];
    for &index in indices {
        let position = index as usize;
        let (Some(field), Some(seen)) = (schema.fields().get(position), seen.get_mut(position))
        else {
            return Err(out_of_range("plan.reads", index, schema));
        };
        if std::mem::replace(seen, true) {
            return Err(broken(format!("`plan.reads` has column {index} twice")));
        }
        checked.push(position);
        fields.push(Arc::clone(field));
    }
    Ok((checked, fields))
}

fn passed(index: u32, schema: &Schema) -> Result<usize> {
    let position = index as usize;
    if position < schema.fields().len() {
        Ok(position)
    } else {
        Err(out_of_range("plan.output", index, schema))
    }
}

fn out_of_range(list: &str, index: u32, schema: &Schema) -> crate::Error {
    let columns = schema.fields().len();
    broken(format!(
        "`{list}` has column {index}, but the input has {columns} columns"
    ))
}

/// Columns are found by name in every format that is written, so names must differ.
fn check_names(output: &[OutputColumn], schema: &Schema) -> Result<()> {
    let mut names = std::collections::HashSet::with_capacity(output.len());
    for column in output {
        let name = match column {
            OutputColumn::Pass(index) => schema.fields().get(*index).map(|field| field.name()),
            OutputColumn::Computed(field) => Some(field.name()),
        };
        if let Some(name) = name.filter(|name| !names.insert(name.as_str())) {
            let name = super::logs::harmless(name, NAME_BYTES);
            return Err(broken(format!(
                "`plan.output` has two columns named `{name}`"
            )));
        }
    }
    Ok(())
}

/// Bytes of a name that are shown in a message.
const NAME_BYTES: usize = 100;
