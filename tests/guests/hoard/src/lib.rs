//! Writes more objects, or more of one, than anybody wants, and leaves them in every state there is.

use std::io::Write as _;

use serde::Deserialize;
use sluicegate_guest::objects::{Folder, Writer};
use sluicegate_guest::prelude::*;

/// Bytes that are written at once.
const PIECE_BYTES: u64 = 64 << 10;

/// What an application sets.
#[derive(Clone, Debug, Deserialize)]
struct Params {
    /// Where the objects go: `0`, `1` and so on.
    folder: String,
    objects: u64,
    /// Of each.
    bytes: u64,
    then: Then,
    /// Whether it goes on where it may not.
    #[serde(default)]
    forgives: bool,
}

/// What becomes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Then {
    /// It is ended.
    Finish,
    /// It is given up.
    Drop,
    /// It stays open.
    Keep,
    /// It stays open, and the guest crashes after the last.
    Trap,
    /// It is ended, and the guest crashes after the last.
    FinishAndTrap,
}

struct Hoard {
    params: Params,
    open: Vec<Writer>,
    is_done: bool,
}

impl Transform for Hoard {
    type Params = Params;

    fn bind(plan: &mut Plan, params: Params) -> Result<Self, Fault> {
        plan.pass_all();
        let open = Vec::new();
        Ok(Self {
            params,
            open,
            is_done: false,
        })
    }

    fn process(&mut self, _: &Batch, out: &mut Output<'_>) -> Result<(), Fault> {
        if !self.is_done {
            self.is_done = true;
            match self.write() {
                Err(fault) if self.params.forgives => {
                    sluicegate_guest::info!("{}", fault.message());
                }
                written => written?,
            }
        }
        out.all(&[])
    }
}

impl Hoard {
    fn write(&mut self) -> Result<(), Fault> {
        let folder = Folder::open(&self.params.folder)?;
        let piece = vec![b'x'; PIECE_BYTES as usize];
        let then = self.params.then;
        for object in 0..self.params.objects {
            let mut writer = folder.create(&object.to_string())?;
            let mut left = self.params.bytes;
            while left > 0 {
                let count = left.min(PIECE_BYTES);
                writer.write_all(&piece[..count as usize])?;
                left -= count;
            }
            match then {
                Then::Finish | Then::FinishAndTrap => drop(writer.finish()?),
                Then::Drop => drop(writer),
                Then::Keep | Then::Trap => self.open.push(writer),
            }
        }
        assert!(!matches!(then, Then::Trap | Then::FinishAndTrap), "told to");
        Ok(())
    }
}

sluicegate_guest::export!(Hoard);
