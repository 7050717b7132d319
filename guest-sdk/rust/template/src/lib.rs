//! Puts rows into sizes by their amount.

use sluicegate_guest::array::Array;
use sluicegate_guest::prelude::*;

const SIZES: Labels<2> = Labels::new(["small", "large"]);

/// What an application may set.
#[derive(serde::Deserialize)]
pub struct Params {
    /// Rows whose amount is less are dropped.
    #[serde(default)]
    minimum: f64,
}

/// Reads `amount` alone; every other column passes by.
pub struct Sizes {
    amount: Column<Numbers>,
    params: Params,
}

impl Transform for Sizes {
    type Params = Params;

    fn bind(plan: &mut Plan, params: Params) -> Result<Self, Fault> {
        let amount = plan.read("amount")?;
        plan.pass_all()
            .compute(Field::new("size", DataType::Utf8, false))
            .stateless();
        Ok(Self { amount, params })
    }

    fn process(&mut self, batch: &Batch, out: &mut Output) -> Result<(), Fault> {
        let amounts = batch.column(self.amount);
        for row in (0..amounts.len()).filter(|&row| amounts.is_null(row)) {
            out.reject(row, "the amount is null");
        }
        let rows = Filter::by(&amounts, |amount| amount >= self.params.minimum);
        let sizes = SIZES.column_of(&amounts, &rows, |amount| usize::from(amount >= 100.0));
        out.filter(&rows, &[&sizes])
    }
}

sluicegate_guest::export!(Sizes);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sluicegate_guest::array::{ArrayRef, Float64Array, RecordBatch};
    use sluicegate_guest::harness::Harness;

    use super::*;

    #[test]
    fn a_null_amount_is_rejected() {
        let amounts: ArrayRef = Arc::new(Float64Array::from(vec![Some(5.0), None, Some(120.5)]));
        let batch = RecordBatch::try_from_iter([("amount", amounts)]).unwrap();
        let mut harness = Harness::<Sizes>::new(&batch.schema(), r#"{"minimum": 10}"#).unwrap();
        let outcome = harness.process(&batch).unwrap();
        assert_eq!(outcome.batch.num_rows(), 1);
        assert_eq!(outcome.rejections[0].row, 1);
    }
}
