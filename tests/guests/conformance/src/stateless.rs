//! Modes that look at one batch at a time.

use sluicegate_guest::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, UInt32Array,
};
use sluicegate_guest::prelude::*;

use crate::{Mode, Params, Told};

type Bound = Result<Box<dyn Mode>, Fault>;

/// A mode that is no more than what it does with a batch.
struct Each<F>(F);

impl<F: FnMut(&Batch, &mut Output<'_>) -> Result<(), Fault>> Mode for Each<F> {
    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Fault> {
        self.0(batch, out)
    }
}

fn each(process: impl FnMut(&Batch, &mut Output<'_>) -> Result<(), Fault> + 'static) -> Bound {
    Ok(Box::new(Each(process)))
}

pub fn echo(plan: &mut Plan, _: &Params) -> Bound {
    let fields: Vec<_> = plan.input().fields().iter().cloned().collect();
    let mut columns = Vec::new();
    for field in fields {
        columns.push(plan.read::<ArrayRef>(field.name())?);
        plan.compute(field);
    }
    plan.stateless();
    each(move |batch, out| {
        let arrays: Vec<ArrayRef> = columns.iter().map(|column| batch.column(*column)).collect();
        let arrays: Vec<&dyn Array> = arrays.iter().map(|array| &**array).collect();
        out.all(&arrays)
    })
}

pub fn pass(plan: &mut Plan, _: &Params) -> Bound {
    plan.pass_all().stateless();
    each(|_, out| out.all(&[]))
}

pub fn filter(plan: &mut Plan, _: &Params) -> Bound {
    let keep = plan.read::<BooleanArray>("keep")?;
    plan.pass_all()
        .compute(Field::new("row", DataType::UInt32, false))
        .stateless();
    each(move |batch, out| {
        let rows = Filter::from(&batch.column(keep));
        let numbers = rows.rows().filter_map(|row| u32::try_from(row).ok());
        out.filter(&rows, &[&UInt32Array::from_iter_values(numbers)])
    })
}

pub fn take(plan: &mut Plan, _: &Params) -> Bound {
    plan.pass_all().stateless();
    each(|batch, out| {
        out.take(rows(batch).rev().collect(), &[])?;
        if batch.n_rows() > 0 {
            out.take(vec![0; 3], &[])?;
        }
        Ok(())
    })
}

pub fn reject(plan: &mut Plan, _: &Params) -> Bound {
    let keep = plan.read::<BooleanArray>("keep")?;
    plan.pass_all().stateless();
    each(move |batch, out| {
        let kept = Filter::from(&batch.column(keep));
        for row in (0..batch.n_rows()).filter(|row| !kept.contains(*row)) {
            out.reject(row, format!("row {row}"));
        }
        out.filter(&kept, &[])
    })
}

pub fn params(plan: &mut Plan, params: &Params) -> Bound {
    let missing = |name| Fault::invalid(format!("parameter `{name}` is missing"));
    let told = Told {
        text: params.text.as_deref().ok_or_else(|| missing("text"))?,
        whole: params.whole.ok_or_else(|| missing("whole"))?,
        real: params.real,
        flag: params.flag,
        list: &params.list,
    };
    let told = serde_json::to_string(&told).map_err(|error| Fault::invalid(error.to_string()))?;
    plan.pass_all()
        .compute(Field::new("params", DataType::Utf8, false))
        .stateless();
    each(move |batch, out| {
        let column = StringArray::from_iter_values(rows(batch).map(|_| &told));
        out.all(&[&column])
    })
}

pub fn fault_invalid(plan: &mut Plan, params: &Params) -> Bound {
    plan.read::<ArrayRef>("missing")?;
    pass(plan, params)
}

pub fn fault_data(plan: &mut Plan, _: &Params) -> Bound {
    plan.pass_all().stateless();
    each(|_, _| Err(Fault::data("bad data")))
}

pub fn fault_transient(plan: &mut Plan, _: &Params) -> Bound {
    plan.pass_all().stateless();
    each(|_, _| Err(Fault::transient("try again")))
}

pub fn panic(plan: &mut Plan, _: &Params) -> Bound {
    plan.pass_all().stateless();
    each(|_, _| outer())
}

#[inline(never)]
fn outer() -> Result<(), Fault> {
    inner();
    Ok(())
}

#[inline(never)]
fn inner() {
    panic!("boom");
}

pub fn log(plan: &mut Plan, params: &Params) -> Bound {
    sluicegate_guest::trace!("hello");
    sluicegate_guest::debug!("hello");
    sluicegate_guest::info!("hello");
    sluicegate_guest::warn!("hello");
    sluicegate_guest::error!("hello");
    pass(plan, params)
}

pub fn many(plan: &mut Plan, _: &Params) -> Bound {
    plan.pass_all().stateless();
    each(|batch, out| rows(batch).try_for_each(|row| out.take(vec![row], &[])))
}

pub fn spin(plan: &mut Plan, _: &Params) -> Bound {
    plan.pass_all().stateless();
    each(|_, _| {
        loop {
            std::hint::black_box(0);
        }
    })
}

pub fn grow(plan: &mut Plan, _: &Params) -> Bound {
    plan.pass_all().stateless();
    each(|_, _| {
        let mut kept = Vec::new();
        loop {
            kept.push(std::hint::black_box(vec![1_u8; 1 << 20]));
        }
    })
}

pub fn add_one(plan: &mut Plan, _: &Params) -> Bound {
    let (a, b) = (
        plan.read::<Int64Array>("a")?,
        plan.read::<Float64Array>("b")?,
    );
    plan.compute(Field::new("a", DataType::Int64, true))
        .compute(Field::new("b", DataType::Float64, true))
        .stateless();
    each(move |batch, out| {
        let a = batch
            .column(a)
            .unary::<_, sluicegate_guest::array::types::Int64Type>(|a| a.wrapping_add(1));
        let b = batch
            .column(b)
            .unary::<_, sluicegate_guest::array::types::Float64Type>(|b| b + 1.0);
        out.all(&[&a, &b])
    })
}

fn rows(batch: &Batch) -> std::ops::Range<u32> {
    0..u32::try_from(batch.n_rows()).unwrap_or(u32::MAX)
}
