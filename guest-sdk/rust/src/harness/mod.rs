//! Unit-test a transform natively, without wasm.
//!
//! The harness binds a transform, hands it batches and does what the host does with the results: columns
//! pass through, selections apply, rejections are collected. Columns cross in the contract's flat form and are
//! checked in full on the way back.
//!
//! ```
//! use std::sync::Arc;
//! # use sluicegate_guest::{Batch, Column, Fault, Filter, Output, Plan, Transform};
//! use sluicegate_guest::array::{Int64Array, RecordBatch};
//! use sluicegate_guest::harness::Harness;
//!
//! # struct Even(Column<Int64Array>);
//! # impl Transform for Even {
//! #     type Params = ();
//! #     fn bind(plan: &mut Plan, (): ()) -> Result<Self, Fault> {
//! #         plan.pass_all().stateless();
//! #         plan.read("n").map(Self)
//! #     }
//! #     fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Fault> {
//! #         out.filter(&Filter::by(&batch.column(self.0), |n| n % 2 == 0), &[])
//! #     }
//! # }
//! let batch = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![1, 2, 4])) as _)]).unwrap();
//! let mut harness = Harness::<Even>::new(&batch.schema(), "{}").unwrap();
//! assert_eq!(harness.process(&batch).unwrap().batch.num_rows(), 2);
//! ```

#[cfg(any(feature = "objects", feature = "secrets", feature = "http"))]
mod fakes;
mod host;
#[cfg(feature = "http")]
pub(crate) mod http;
pub(crate) mod log;
#[cfg(feature = "objects")]
pub(crate) mod objects;
#[cfg(feature = "secrets")]
pub(crate) mod secrets;

#[cfg(any(feature = "objects", feature = "secrets", feature = "http"))]
pub use self::fakes::Fakes;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use arrow_select::concat::concat_batches;

use self::host::{Call, Shape};
use crate::flat::{Trust, field_to_flat};
use crate::instance::{Host, Instance};
use crate::log::Level;
use crate::{Fault, Transform};

/// A transform bound to a schema and parameters, with a host around it.
pub struct Harness<T> {
    instance: Instance<T>,
    shape: Shape,
}

/// What came out of one call.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The rows that were emitted, of all calls to `emit` together.
    pub batch: RecordBatch,
    /// The rows that were rejected.
    pub rejections: Vec<Rejection>,
    /// The messages that were logged since the last call on this thread, `bind` included.
    pub messages: Vec<(Level, String)>,
}

/// A row that could not be processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The row, counted in its batch.
    pub row: usize,
    /// Why.
    pub reason: String,
}

impl<T: Transform> Harness<T> {
    /// Binds a transform to an input schema and parameters, a JSON object.
    ///
    /// # Errors
    ///
    /// Those of [`Transform::bind`], and of parameters that do not fit.
    pub fn new(input: &Schema, params: &str) -> Result<Self, Fault> {
        Self::with_trust(input, params, Trust::Nobody)
    }

    /// Binds like [`Self::new`], but skips the checks of buffers, as a component does: for benchmarks.
    ///
    /// # Errors
    ///
    /// Those of [`Self::new`].
    pub fn unchecked(input: &Schema, params: &str) -> Result<Self, Fault> {
        Self::with_trust(input, params, Trust::Host)
    }

    fn with_trust(input: &Schema, params: &str, trust: Trust) -> Result<Self, Fault> {
        let mut schema = Vec::new();
        for field in input.fields() {
            schema.extend(field_to_flat(field).map_err(Fault::Invalid)?);
        }
        let instance = Instance::<T>::bind(schema, params, trust)?;
        instance.flat_output()?;
        let shape = Shape::of(instance.plan(), trust);
        Ok(Self { instance, shape })
    }

    /// The schema of what the transform emits.
    #[must_use]
    pub fn output(&self) -> SchemaRef {
        SchemaRef::clone(&self.shape.schema)
    }

    /// The names of the input columns that enter the transform.
    #[must_use]
    pub fn reads(&self) -> Vec<&str> {
        let fields = self.instance.plan().input().fields();
        self.shape
            .reads
            .iter()
            .filter_map(|index| fields.get(*index))
            .map(|field| field.name().as_str())
            .collect()
    }

    /// Whether the transform declared that batches may be processed in any order.
    #[must_use]
    pub const fn is_stateless(&self) -> bool {
        self.instance.plan().stateless
    }

    /// Processes one batch.
    ///
    /// # Errors
    ///
    /// Those of [`Transform::process`], and [`Fault::Data`] where a host would trap.
    pub fn process(&mut self, batch: &RecordBatch) -> Result<Outcome, Fault> {
        self.call(Some(batch), Instance::process)
    }

    /// Ends the run.
    ///
    /// # Errors
    ///
    /// Those of [`Transform::finish`], and [`Fault::Data`] where a host would trap.
    pub fn finish(&mut self) -> Result<Outcome, Fault> {
        self.call(None, Instance::finish)
    }

    fn call(
        &mut self,
        batch: Option<&RecordBatch>,
        call: fn(&mut Instance<T>, &mut dyn Host) -> Result<(), Fault>,
    ) -> Result<Outcome, Fault> {
        let mut host = Call::new(&self.shape, batch);
        call(&mut self.instance, &mut host)?;
        if let Some(trap) = host.trap {
            return Err(Fault::Data(format!(
                "the host would stop the transform: {trap}"
            )));
        }
        Ok(Outcome {
            batch: concat_batches(&self.shape.schema, &host.emitted)?,
            rejections: host.rejections,
            messages: log::take(),
        })
    }
}

impl<T> std::fmt::Debug for Harness<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Harness")
            .field("output", &self.shape.schema)
            .finish_non_exhaustive()
    }
}
