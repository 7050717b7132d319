//! Buckets sales by amount and drops the small ones.

use sluicegate_guest::prelude::*;

const BUCKETS: Labels<3> = Labels::new(["low", "medium", "high"]);

/// What an application may set.
#[derive(serde::Deserialize)]
pub struct Params {
    #[serde(default)]
    min_amount: f64,
}

/// Reads `amount` alone; every other column passes by.
pub struct SalesEtl {
    amount: Column<Numbers>,
    params: Params,
}

impl Transform for SalesEtl {
    type Params = Params;

    fn bind(plan: &mut Plan, params: Params) -> Result<Self, Fault> {
        plan.pass_all()
            .compute(Field::new("amount_bucket", DataType::Utf8, false))
            .stateless();
        let amount = plan.read("amount")?;
        Ok(Self { amount, params })
    }

    fn process(&mut self, batch: &Batch, out: &mut Output) -> Result<(), Fault> {
        let amounts = batch.column(self.amount);
        let rows = Filter::by(&amounts, |amount| amount >= self.params.min_amount);
        let bucket = |amount| usize::from(amount >= 20.0) + usize::from(amount >= 100.0);
        out.filter(&rows, &[&BUCKETS.column_of(&amounts, &rows, bucket)])
    }
}

sluicegate_guest::export!(SalesEtl);
