//! Passes rows through, and fails over those whose `word` says how.

use serde::Deserialize;
use sluicegate_guest::array::StringArray;
use sluicegate_guest::prelude::*;

/// What an application sets.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Params {
    /// Bytes that each row of a batch costs, at once.
    bytes_per_row: usize,
    /// Whether one instance sees all rows.
    stateful: bool,
}

struct Faulty {
    word: Column<StringArray>,
    params: Params,
}

impl Transform for Faulty {
    type Params = Params;

    fn bind(plan: &mut Plan, params: Params) -> Result<Self, Fault> {
        let word = plan.read("word")?;
        plan.pass_all();
        if !params.stateful {
            plan.stateless();
        }
        Ok(Self { word, params })
    }

    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Fault> {
        let rows = batch.n_rows();
        drop(std::hint::black_box(vec![
            1_u8;
            rows * self.params.bytes_per_row
        ]));
        let words = batch.column(self.word);
        let mut kept = Vec::new();
        for (row, word) in words.iter().enumerate() {
            match word.unwrap_or_default() {
                "trap" => panic!("told to"),
                "fault" => return Err(Fault::data("told to")),
                "transient" => return Err(Fault::transient("told to")),
                "spin" => loop {
                    std::hint::black_box(0);
                },
                "grow" => drop(std::hint::black_box(vec![1_u8; 1 << 30])),
                "reject" => out.reject(row, "told to".to_owned()),
                _ => kept.push(row as u32),
            }
        }
        out.take(kept, &[])
    }
}

sluicegate_guest::export!(Faulty);
