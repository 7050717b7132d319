//! A transform in plain Rust that tries all of `std`: what it was refused, and what it saw, it prints.

mod flood;

use std::fmt::Debug;
use std::io::{self, Read as _};
use std::net::{TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs, thread};

use serde::Deserialize;
use sluicegate_guest::prelude::*;

use flood::Flood;

/// What an application may set.
#[derive(Clone, Debug, Deserialize)]
struct Params {
    /// How to flood the host, in place of looking around.
    flood: Option<Flood>,
}

#[derive(Debug)]
struct StdIo(Params);

impl Transform for StdIo {
    type Params = Params;

    fn bind(plan: &mut Plan, params: Params) -> Result<Self, Fault> {
        plan.pass_all();
        Ok(Self(params))
    }

    fn process(&mut self, _: &Batch, out: &mut Output<'_>) -> Result<(), Fault> {
        match self.0.flood {
            Some(flood) => flood.start(out)?,
            None => look_around(),
        }
        out.all(&[])
    }
}

/// Tries each door once.
fn look_around() {
    tell("file", fs::read("/etc/passwd"));
    tell("new file", fs::write("loot", "x"));
    tell("folder", fs::read_dir(".").map(drop));
    tell("link", fs::hard_link("a", "b"));
    tell("working folder", env::current_dir());
    tell("environment", saw(env::vars().collect::<Vec<_>>()));
    tell("arguments", saw(env::args().collect::<Vec<_>>()));
    let mut input = String::new();
    tell("input", io::stdin().read_to_string(&mut input));
    tell("connection", TcpStream::connect("127.0.0.1:80").map(drop));
    let address = ([127, 0, 0, 1], 80).into();
    let timeout = Duration::from_secs(3600);
    tell(
        "connection in time",
        TcpStream::connect_timeout(&address, timeout).map(drop),
    );
    tell("listener", TcpListener::bind("127.0.0.1:0").map(drop));
    tell("datagram", UdpSocket::bind("127.0.0.1:0").map(drop));
    tell("name", "example.com:80".to_socket_addrs().map(drop));
    tell("thread", thread::Builder::new().spawn(|| ()).map(drop));
    tell(
        "date",
        saw(SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .ok()),
    );
    let start = Instant::now();
    thread::sleep(timeout);
    tell("slept", saw(start.elapsed()));
    println!("hello from rust");
    eprintln!("trouble from rust");
}

fn saw<T>(thing: T) -> io::Result<T> {
    Ok(thing)
}

fn tell<T: Debug>(door: &str, result: io::Result<T>) {
    match result {
        Ok(thing) => println!("{door}: saw {thing:?}"),
        Err(error) => println!("{door}: refused, {:?}", error.kind()),
    }
}

sluicegate_guest::export!(StdIo);
