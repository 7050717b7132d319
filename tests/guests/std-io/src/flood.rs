//! Ways to make a host hold more than it wants to.

use std::io::{self, Write as _};

use serde::Deserialize;
use sluicegate_guest::prelude::*;

/// What is written at once: the most that WASI permits.
const WRITE_BYTES: usize = 64 * 1024;
/// A text that nearly fills what one call may lift.
const TEXT_BYTES: usize = 60 << 20;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Flood {
    /// 10 GiB to standard output, without the end of a line.
    Output,
    /// Sixty-seven million empty lines.
    Lines,
    /// A hundred messages of 60 MiB.
    Log,
    /// A row that is rejected for a reason of 60 MiB.
    Reject,
    /// A fault of 60 MiB.
    Fault,
}

impl Flood {
    pub(crate) fn start(self, out: &mut Output<'_>) -> Result<(), Fault> {
        let text = |byte: char| byte.to_string().repeat(TEXT_BYTES);
        match self {
            Self::Output => print_all(b'x', 10 << 30),
            Self::Lines => print_all(b'\n', 64 << 20),
            Self::Log => {
                let text = text('x');
                for _ in 0..100 {
                    sluicegate_guest::log::write(
                        sluicegate_guest::log::Level::Info,
                        format_args!("{text}"),
                    );
                }
            }
            Self::Reject => out.reject(0, text('x')),
            Self::Fault => return Err(Fault::data(text('x'))),
        }
        Ok(())
    }
}

fn print_all(byte: u8, bytes: u64) {
    // Not through `println!`, whose buffer would cost the guest most of its time.
    let mut output = io::stdout().lock();
    let piece = vec![byte; WRITE_BYTES];
    for _ in 0..bytes / WRITE_BYTES as u64 {
        // The host takes everything.
        let _ = output.write_all(&piece);
    }
}
