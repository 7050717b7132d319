//! Where a transform puts its results.

use std::fmt;

use arrow_array::Array;
use arrow_buffer::Buffer;

use crate::flat::{FlatColumn, column_to_flat};
use crate::instance::Host;
use crate::{Fault, Filter, Plan};

/// Which input rows an emitted batch is made of, in the layout of the contract.
pub(crate) enum Selection {
    All,
    Filter(Buffer),
    Take(Buffer),
}

/// Where a transform puts its results.
///
/// Computed columns are given in the order in which the plan names them, one value for each selected row:
/// `out.filter(&rows, &[&bucket, &speed])`.
pub struct Output<'a> {
    host: &'a mut dyn Host,
    plan: &'a Plan,
    /// Rows of the current batch; `None` in `finish`.
    n_rows: Option<usize>,
    rejections: Vec<(u32, String)>,
}

impl<'a> Output<'a> {
    pub(crate) fn new(host: &'a mut dyn Host, plan: &'a Plan, n_rows: Option<usize>) -> Self {
        Self {
            host,
            plan,
            n_rows,
            rejections: Vec::new(),
        }
    }

    /// Emits every row of the batch.
    ///
    /// # Errors
    ///
    /// Fails where a computed column has another type or length than the plan and the selection say.
    pub fn all(&mut self, computed: &[&dyn Array]) -> Result<(), Fault> {
        let n_rows = self.batch_rows()?;
        self.emit(&Selection::All, n_rows, computed)
    }

    /// Emits the rows that survive a filter.
    ///
    /// # Errors
    ///
    /// Fails where the filter is for another number of rows, or a computed column has another type or
    /// length than the plan and the filter say.
    pub fn filter(&mut self, rows: &Filter, computed: &[&dyn Array]) -> Result<(), Fault> {
        let n_rows = self.batch_rows()?;
        if rows.n_rows() != n_rows {
            let n_filter = rows.n_rows();
            return Err(Fault::data(format!(
                "a filter of {n_filter} rows for a batch of {n_rows}"
            )));
        }
        if rows.n_selected() == n_rows {
            return self.emit(&Selection::All, n_rows, computed);
        }
        self.emit(
            &Selection::Filter(rows.to_bytes()),
            rows.n_selected(),
            computed,
        )
    }

    /// Emits rows by index; an index may repeat or be left out.
    ///
    /// # Errors
    ///
    /// Fails where an index is no row of the batch, or a computed column has another type or length than
    /// the plan and the number of indices say.
    pub fn take(&mut self, rows: Vec<u32>, computed: &[&dyn Array]) -> Result<(), Fault> {
        let n_rows = self.batch_rows()?;
        if let Some(row) = rows.iter().max().filter(|row| **row as usize >= n_rows) {
            return Err(Fault::data(format!(
                "row {row} taken from a batch of {n_rows} rows"
            )));
        }
        let n_taken = rows.len();
        self.emit(&Selection::Take(Buffer::from_vec(rows)), n_taken, computed)
    }

    /// Emits rows that belong to no batch, from [`finish`](crate::Transform::finish).
    ///
    /// The plan must pass no column through; the columns say how many rows there are.
    ///
    /// # Errors
    ///
    /// Fails in `process`, where the plan passes a column through, and where the columns are not those
    /// of the plan or differ in length.
    pub fn rows(&mut self, computed: &[&dyn Array]) -> Result<(), Fault> {
        if self.n_rows.is_some() {
            return Err(Fault::data(
                "`rows` is for `finish`; use `all`, `filter` or `take` in `process`",
            ));
        }
        if self.plan.n_computed() < self.plan.output.len() {
            return Err(Fault::data(
                "`finish` cannot emit rows where the plan passes a column through",
            ));
        }
        let n_rows = computed.first().map_or(0, |array| array.len());
        self.emit(&Selection::All, n_rows, computed)
    }

    /// Takes a row of the current batch out of the run, with a reason, instead of failing it.
    ///
    /// The row is not removed from what is emitted: leave it out there.
    pub fn reject(&mut self, row: usize, reason: impl Into<String>) {
        self.rejections
            .push((u32::try_from(row).unwrap_or(u32::MAX), reason.into()));
    }

    /// Hands the rejections over.
    pub(crate) fn flush(self) {
        if !self.rejections.is_empty() {
            self.host.reject(self.rejections);
        }
    }

    fn batch_rows(&self) -> Result<usize, Fault> {
        self.n_rows
            .ok_or_else(|| Fault::data("there is no batch in `finish`; use `rows`"))
    }

    fn emit(
        &mut self,
        selection: &Selection,
        n_rows: usize,
        computed: &[&dyn Array],
    ) -> Result<(), Fault> {
        let n_expected = self.plan.n_computed();
        if computed.len() != n_expected {
            let n_given = computed.len();
            return Err(Fault::data(format!(
                "{n_given} computed columns emitted, the plan has {n_expected}"
            )));
        }
        let mut columns: Vec<FlatColumn> = Vec::with_capacity(n_expected);
        for (field, order) in self.plan.computed() {
            let name = field.name();
            let Some(array) = computed.get(order) else {
                continue;
            };
            if array.data_type() != field.data_type() {
                let (given, planned) = (array.data_type(), field.data_type());
                return Err(Fault::data(format!(
                    "column `{name}` is of type {given}, the plan says {planned}"
                )));
            }
            if array.len() != n_rows {
                let n_values = array.len();
                return Err(Fault::data(format!(
                    "column `{name}` has {n_values} values for {n_rows} selected rows"
                )));
            }
            if !field.is_nullable() && array.null_count() > 0 {
                return Err(Fault::data(format!(
                    "column `{name}` has nulls, the plan says it has none"
                )));
            }
            columns.push(
                column_to_flat(*array)
                    .map_err(|error| Fault::data(format!("column `{name}`: {error}")))?,
            );
        }
        self.host.emit(selection, columns);
        Ok(())
    }
}

impl fmt::Debug for Output<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Output")
            .field("n_rows", &self.n_rows)
            .finish_non_exhaustive()
    }
}
