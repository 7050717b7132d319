//! A transform that sends requests as told, and prints what came of them.

mod abuse;
mod send;

use std::thread;
use std::time::Duration;

use serde::Deserialize;
use sluicegate_guest::prelude::*;

use abuse::Abuse;
use send::Request;

/// What an application may set.
#[derive(Clone, Debug, Deserialize)]
struct Params {
    /// What is done with the first batch, in order.
    script: Vec<Act>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Act {
    /// Sends a request and reads the answer.
    Send(Request),
    /// Sends a request and waits for its answer or so many milliseconds, whichever comes first.
    Race(Request, u64),
    /// Sends a request so many times at once, and reads the answers as they come.
    Flood(Request, usize),
    /// Sleeps so many milliseconds.
    Sleep(u64),
    /// Does what nobody should.
    Abuse(Abuse),
}

#[derive(Debug)]
struct Requests(Params);

impl Transform for Requests {
    type Params = Params;

    fn bind(plan: &mut Plan, params: Params) -> Result<Self, Fault> {
        plan.pass_all();
        Ok(Self(params))
    }

    fn process(&mut self, _: &Batch, out: &mut Output<'_>) -> Result<(), Fault> {
        for act in std::mem::take(&mut self.0.script) {
            match act {
                Act::Send(request) => println!("{}", send::send(&request)),
                Act::Race(request, milliseconds) => {
                    println!("{}", send::race(&request, milliseconds));
                }
                Act::Flood(request, count) => println!("{}", send::flood(&request, count)),
                Act::Sleep(milliseconds) => {
                    thread::sleep(Duration::from_millis(milliseconds));
                    println!("slept");
                }
                Act::Abuse(abuse) => println!("{}", abuse.start()),
            }
        }
        out.all(&[])
    }
}

sluicegate_guest::export!(Requests);
