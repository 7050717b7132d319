//! A bound transform, and what it needs of its host.

use arrow_schema::Schema;

use crate::flat::{FlatColumn, FlatField, Trust, array_from_flat, field_to_flat, fields_from_flat};
use crate::output::Selection;
use crate::plan::OutputColumn;
use crate::{Batch, Fault, Output, Plan, Transform, params};

/// The imports of the contract.
pub(crate) trait Host {
    /// Rows in the current batch.
    fn n_rows(&mut self) -> u32;
    /// Columns of the current batch, by their place in the plan's reads.
    fn read(&mut self, reads: &[u32]) -> Vec<FlatColumn>;
    /// Takes one batch.
    fn emit(&mut self, rows: &Selection, computed: Vec<FlatColumn>);
    /// Takes rows that cannot be processed.
    fn reject(&mut self, rows: Vec<(u32, String)>);
}

/// A transform that was bound to a schema and parameters.
#[doc(hidden)]
#[derive(Debug)]
#[cfg_attr(
    not(target_arch = "wasm32"),
    expect(unreachable_pub, reason = "only a component's macro names it")
)]
pub struct Instance<T> {
    transform: T,
    plan: Plan,
    reads: Vec<u32>,
    trust: Trust,
}

/// A column of the output in the flat form.
pub(crate) enum FlatOutput {
    Pass(
        #[cfg_attr(
            not(target_arch = "wasm32"),
            expect(dead_code, reason = "only a component sends it")
        )]
        u32,
    ),
    Computed(
        #[cfg_attr(
            not(target_arch = "wasm32"),
            expect(dead_code, reason = "only a component sends it")
        )]
        Vec<FlatField>,
    ),
}

impl<T: Transform> Instance<T> {
    pub(crate) fn bind(schema: Vec<FlatField>, params: &str, trust: Trust) -> Result<Self, Fault> {
        let schema = Schema::new(fields_from_flat(schema).map_err(Fault::Invalid)?);
        let mut plan = Plan::new(schema);
        let transform = T::bind(&mut plan, params::parse(params)?)?;
        let plan = plan.checked()?;
        let reads = (0..).take(plan.reads.len()).collect();
        Ok(Self {
            transform,
            plan,
            reads,
            trust,
        })
    }

    pub(crate) const fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn flat_output(&self) -> Result<Vec<FlatOutput>, Fault> {
        let columns = self.plan.output.iter().map(|column| match column {
            OutputColumn::Pass(index) => u32::try_from(*index)
                .map(FlatOutput::Pass)
                .map_err(|error| error.to_string()),
            OutputColumn::Computed { field, .. } => field_to_flat(field).map(FlatOutput::Computed),
        });
        columns.collect::<Result<_, _>>().map_err(Fault::Invalid)
    }

    pub(crate) fn process(&mut self, host: &mut dyn Host) -> Result<(), Fault> {
        let n_rows = host.n_rows() as usize;
        let flat = if self.reads.is_empty() {
            Vec::new()
        } else {
            host.read(&self.reads)
        };
        let columns = self
            .plan
            .read_types()
            .zip(flat)
            .map(|((name, data_type), column)| {
                array_from_flat(data_type, column, self.trust).map_err(|error| {
                    Fault::data(format!("column `{name}` as the host sent it: {error}"))
                })
            });
        let batch = Batch::new(n_rows, columns.collect::<Result<_, _>>()?);
        let mut output = Output::new(host, &self.plan, Some(n_rows));
        self.transform.process(&batch, &mut output)?;
        output.flush();
        Ok(())
    }

    pub(crate) fn finish(&mut self, host: &mut dyn Host) -> Result<(), Fault> {
        let mut output = Output::new(host, &self.plan, None);
        self.transform.finish(&mut output)?;
        output.flush();
        Ok(())
    }
}
