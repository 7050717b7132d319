//! The host's part of the contract, done natively.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array, make_array};
use arrow_buffer::{BooleanBuffer, ScalarBuffer};
use arrow_schema::SchemaRef;
use arrow_select::filter::filter;
use arrow_select::take::take;

use super::Rejection;
use crate::Plan;
use crate::flat::{FlatColumn, Trust, array_from_flat, column_to_flat};
use crate::instance::Host;
use crate::output::Selection;
use crate::plan::OutputColumn;

/// The columns of a plan, which the host keeps for itself.
pub(super) struct Shape {
    pub(super) reads: Vec<usize>,
    pub(super) output: Vec<OutputColumn>,
    pub(super) schema: SchemaRef,
    pub(super) trust: Trust,
}

impl Shape {
    pub(super) fn of(plan: &Plan, trust: Trust) -> Self {
        let fields = plan.output.iter().map(|column| match column {
            OutputColumn::Pass(index) => plan.input().fields().get(*index).cloned(),
            OutputColumn::Computed { field, .. } => Some(Arc::clone(field)),
        });
        let schema = SchemaRef::new(arrow_schema::Schema::new(
            fields.flatten().collect::<Vec<_>>(),
        ));
        Self {
            reads: plan.reads.clone(),
            output: plan.output.clone(),
            schema,
            trust,
        }
    }
}

/// One call of `process` or `finish`.
pub(super) struct Call<'a> {
    shape: &'a Shape,
    batch: Option<&'a RecordBatch>,
    pub(super) emitted: Vec<RecordBatch>,
    pub(super) rejections: Vec<Rejection>,
    /// Why a real host would have trapped.
    pub(super) trap: Option<String>,
}

impl<'a> Call<'a> {
    pub(super) const fn new(shape: &'a Shape, batch: Option<&'a RecordBatch>) -> Self {
        Self {
            shape,
            batch,
            emitted: Vec::new(),
            rejections: Vec::new(),
            trap: None,
        }
    }

    fn emitted(
        &self,
        selection: &Selection,
        computed: Vec<FlatColumn>,
    ) -> Result<RecordBatch, String> {
        let mut computed = computed.into_iter();
        let columns = self.shape.output.iter().map(|column| match column {
            OutputColumn::Pass(index) => self.passed(*index, selection),
            OutputColumn::Computed { field, .. } => {
                let column = computed.next().ok_or("a computed column is missing")?;
                array_from_flat(field.data_type(), column, self.shape.trust)
                    .map(make_array)
                    .map_err(|error| format!("column `{}`: {error}", field.name()))
            }
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        RecordBatch::try_new(Arc::clone(&self.shape.schema), columns)
            .map_err(|error| error.to_string())
    }

    fn passed(&self, index: usize, selection: &Selection) -> Result<ArrayRef, String> {
        let column = self
            .batch
            .ok_or("a column passed through in `finish`")?
            .column(index);
        let selected = match selection {
            Selection::All => return Ok(Arc::clone(column)),
            Selection::Filter(bits) => {
                let bits = BooleanBuffer::new(bits.clone(), 0, column.len());
                filter(column, &BooleanArray::new(bits, None))
            }
            Selection::Take(rows) => {
                let rows = UInt32Array::new(ScalarBuffer::from(rows.clone()), None);
                take(column, &rows, None)
            }
        };
        selected.map_err(|error| error.to_string())
    }
}

impl Host for Call<'_> {
    fn n_rows(&mut self) -> u32 {
        self.batch.map_or(0, |batch| {
            u32::try_from(batch.num_rows()).unwrap_or(u32::MAX)
        })
    }

    fn read(&mut self, reads: &[u32]) -> Vec<FlatColumn> {
        let Some(batch) = self.batch else {
            return Vec::new();
        };
        let indices = reads
            .iter()
            .filter_map(|read| self.shape.reads.get(*read as usize));
        let columns: Result<_, _> = indices
            .map(|index| column_to_flat(batch.column(*index)))
            .collect();
        columns.unwrap_or_else(|error| {
            self.trap = Some(error);
            Vec::new()
        })
    }

    fn emit(&mut self, rows: &Selection, computed: Vec<FlatColumn>) {
        match self.emitted(rows, computed) {
            Ok(batch) => self.emitted.push(batch),
            Err(error) => self.trap = Some(error),
        }
    }

    fn reject(&mut self, rows: Vec<(u32, String)>) {
        let n_rows = self.n_rows();
        for (row, reason) in rows {
            if row >= n_rows {
                self.trap = Some(format!("row {row} rejected of a batch of {n_rows} rows"));
            }
            self.rejections.push(Rejection {
                row: row as usize,
                reason,
            });
        }
    }
}
