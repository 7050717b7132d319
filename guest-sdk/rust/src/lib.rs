//! Write a Sluicegate transform in Rust.
//!
//! A transform says once, in [`Transform::bind`], which columns it reads, which pass through untouched
//! and which it computes; after that it sees batches of typed Arrow arrays and says which rows survive.
//! Columns that only pass through never enter the sandbox.
//!
//! ```
//! use sluicegate_guest::prelude::*;
//!
//! const SIZES: Labels<2> = Labels::new(["small", "large"]);
//!
//! #[derive(serde::Deserialize)]
//! struct Params {
//!     min: f64,
//! }
//!
//! struct Sizes {
//!     amount: Column<Numbers>,
//!     min: f64,
//! }
//!
//! impl Transform for Sizes {
//!     type Params = Params;
//!
//!     fn bind(plan: &mut Plan, params: Params) -> Result<Self, Fault> {
//!         let amount = plan.read("amount")?;
//!         plan.pass_all().compute(Field::new("size", DataType::Utf8, false)).stateless();
//!         Ok(Self { amount, min: params.min })
//!     }
//!
//!     fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Fault> {
//!         let amounts = batch.column(self.amount);
//!         let rows = Filter::by(&amounts, |amount| amount >= self.min);
//!         let sizes = SIZES.column_of(&amounts, &rows, |amount| usize::from(amount >= 100.0));
//!         out.filter(&rows, &[&sizes])
//!     }
//! }
//!
//! sluicegate_guest::export!(Sizes);
//! # fn main() {}
//! ```
//!
//! Compile it with `cargo build --release --target wasm32-wasip2`, or `wasm32-unknown-unknown`, as a
//! `cdylib`; unit-test it with `cargo test` through the [`harness`].

#![deny(unsafe_code)]
#![warn(
    missing_docs,
    unreachable_pub,
    missing_debug_implementations,
    single_use_lifetimes
)]

mod batch;
mod cells;
mod convert;
mod fault;
mod filter;
mod flat;
#[cfg(feature = "http")]
pub mod http;
mod instance;
mod labels;
pub mod log;
#[cfg(feature = "objects")]
pub mod objects;
mod output;
mod params;
mod plan;
mod readable;
pub mod rows;
#[cfg(feature = "secrets")]
pub mod secrets;
mod transform;

#[cfg(not(target_arch = "wasm32"))]
pub mod harness;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod component;

pub use arrow_array as array;
pub use arrow_buffer as buffer;
pub use arrow_data as data;
pub use arrow_schema as schema;
pub use arrow_schema::{DataType, Field, Schema, TimeUnit};

pub use batch::{Batch, Column};
pub use convert::{Integers, Numbers, Text};
pub use fault::Fault;
pub use filter::Filter;
pub use labels::Labels;
pub use output::Output;
pub use plan::Plan;
pub use readable::Readable;
pub use transform::Transform;

/// What nearly every transform needs: `use sluicegate_guest::prelude::*;`.
pub mod prelude {
    pub use crate::{
        Batch, Column, DataType, Fault, Field, Filter, Integers, Labels, Numbers, Output, Plan,
        Text, Transform,
    };
}

#[cfg(test)]
mod tests;

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

#[cfg(all(doctest, feature = "objects", feature = "secrets", feature = "http"))]
#[doc = include_str!("../README.md")]
struct ReadmeOfSdk;

/// Exports a [`Transform`] as the component of this crate; natively it only checks the type.
#[cfg(not(target_arch = "wasm32"))]
#[macro_export]
macro_rules! export {
    ($transform:ty) => {
        const _: () = {
            const fn is_transform<T: $crate::Transform>() {}
            is_transform::<$transform>();
        };
    };
}
