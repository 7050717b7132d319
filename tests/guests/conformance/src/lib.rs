//! The conformance guest in Rust: what each mode does is written in `tests/conformance/README.md`.

mod stateful;
mod stateless;

use serde::{Deserialize, Serialize};
use sluicegate_guest::prelude::*;

/// What an application may set; all but `mode` are for the mode `params`.
#[derive(Deserialize)]
struct Params {
    mode: String,
    text: Option<String>,
    whole: Option<i64>,
    #[serde(default = "Params::real")]
    real: f64,
    #[serde(default)]
    flag: bool,
    #[serde(default)]
    list: Vec<String>,
}

impl Params {
    const fn real() -> f64 {
        1.5
    }
}

/// What the mode `params` writes, in this order.
#[derive(Serialize)]
struct Told<'a> {
    text: &'a str,
    whole: i64,
    real: f64,
    flag: bool,
    list: &'a [String],
}

/// What a mode does with batches.
trait Mode {
    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Fault>;

    fn finish(&mut self, _out: &mut Output<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

type Bind = fn(&mut Plan, &Params) -> Result<Box<dyn Mode>, Fault>;

const MODES: [(&str, Bind); 17] = [
    ("echo", stateless::echo),
    ("pass", stateless::pass),
    ("filter", stateless::filter),
    ("take", stateless::take),
    ("reject", stateless::reject),
    ("params", stateless::params),
    ("fault-invalid", stateless::fault_invalid),
    ("fault-data", stateless::fault_data),
    ("fault-transient", stateless::fault_transient),
    ("panic", stateless::panic),
    ("log", stateless::log),
    ("count", stateful::count),
    ("running", stateful::running),
    ("many", stateless::many),
    ("spin", stateless::spin),
    ("grow", stateless::grow),
    ("add-one", stateless::add_one),
];

/// The guest, in one of its modes.
struct Conformance(Box<dyn Mode>);

impl Transform for Conformance {
    type Params = Params;

    fn bind(plan: &mut Plan, params: Params) -> Result<Self, Fault> {
        let known = MODES.iter().find(|(name, _)| *name == params.mode);
        let Some((_, bind)) = known else {
            let names = MODES.map(|(name, _)| name).join(", ");
            let mode = params.mode;
            return Err(Fault::invalid(format!(
                "mode `{mode}` is not known; there are {names}"
            )));
        };
        bind(plan, &params).map(Self)
    }

    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Fault> {
        self.0.process(batch, out)
    }

    fn finish(&mut self, out: &mut Output<'_>) -> Result<(), Fault> {
        self.0.finish(out)
    }
}

sluicegate_guest::export!(Conformance);
