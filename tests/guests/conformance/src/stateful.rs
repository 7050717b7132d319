//! Modes that remember.

use sluicegate_guest::array::{Int64Array, UInt64Array};
use sluicegate_guest::prelude::*;

use crate::{Mode, Params};

struct Count {
    x: Column<Int64Array>,
    rows: u64,
    sum: Option<i64>,
}

pub fn count(plan: &mut Plan, _: &Params) -> Result<Box<dyn Mode>, Fault> {
    let x = plan.read("x")?;
    plan.compute(Field::new("rows", DataType::UInt64, false))
        .compute(Field::new("sum", DataType::Int64, true));
    Ok(Box::new(Count {
        x,
        rows: 0,
        sum: None,
    }))
}

impl Mode for Count {
    fn process(&mut self, batch: &Batch, _: &mut Output<'_>) -> Result<(), Fault> {
        let x = batch.column(self.x);
        self.rows += x.len() as u64;
        for value in x.iter().flatten() {
            self.sum = Some(self.sum.unwrap_or(0).wrapping_add(value));
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Output<'_>) -> Result<(), Fault> {
        let rows = UInt64Array::from_value(self.rows, 1);
        out.rows(&[&rows, &Int64Array::from_iter([self.sum])])
    }
}

struct Running {
    x: Column<Int64Array>,
    total: i64,
}

pub fn running(plan: &mut Plan, _: &Params) -> Result<Box<dyn Mode>, Fault> {
    let x = plan.read("x")?;
    plan.pass_all()
        .compute(Field::new("total", DataType::Int64, false));
    Ok(Box::new(Running { x, total: 0 }))
}

impl Mode for Running {
    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Fault> {
        let x = batch.column(self.x);
        let totals = x.iter().map(|value| {
            self.total = self.total.wrapping_add(value.unwrap_or(0));
            self.total
        });
        out.all(&[&Int64Array::from_iter_values(totals)])
    }
}
