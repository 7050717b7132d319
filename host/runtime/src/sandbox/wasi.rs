//! The base of WASI 0.2, which every language runtime imports, made so that it gives nothing: no files,
//! no sockets, no environment, no input; a clock that stands still and the same random numbers in
//! every instance, unless the run is granted real ones. Standard output and error become log messages.
//!
//! There is nothing to wait for, so no call here can block, and no host object is behind any handle.

use std::fmt;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime};

use wasmtime::StoreContextMut;
use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem};
use wasmtime::component::{
    ComponentType, LinkerInstance, Lower, Resource, ResourceType, Type, Val, WasmList,
};

use super::fault::broken;
use super::logs::Stream;
use super::state::State;
use crate::{Error, ErrorKind};

/// Versions of WASI that are linked: all of 0.2 are compatible.
const VERSION: &str = "0.2.";

/// Bytes that a guest may write to a standard stream in one call.
const WRITE_BYTES: u64 = 64 * 1024;

/// Bytes of randomness in one call.
const RANDOM_BYTES: u64 = 64 * 1024;

/// Handles of these types carry no meaning beyond their type.
struct Pollable;
struct InputStream;
struct OutputStream;
struct IoError;
/// Files, sockets, terminals: none is ever made.
struct Absent;

#[derive(ComponentType, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    #[expect(
        dead_code,
        reason = "part of the interface; no operation here can fail"
    )]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

/// The frozen wall clock: the start of Unix time.
const EPOCH: Datetime = Datetime {
    seconds: 0,
    nanoseconds: 0,
};

type Store<'a> = StoreContextMut<'a, State>;
type Interface<'a> = LinkerInstance<'a, State>;

/// Whether `package/interface@version` is part of the base.
pub(super) fn offers(package: &str, interface: &str, version: &str) -> bool {
    version.starts_with(VERSION) && asks(package, interface).is_some()
}

/// What a plugin could use an interface for if it were granted.
pub(super) fn asks(package: &str, interface: &str) -> Option<&'static str> {
    Some(match (package, interface) {
        ("wasi:cli", "environment") => "environment",
        ("wasi:cli", "exit") => "exit",
        ("wasi:cli", "stdin" | "stdout" | "stderr") => "standard streams",
        (
            "wasi:cli",
            "terminal-input" | "terminal-output" | "terminal-stdin" | "terminal-stdout"
            | "terminal-stderr",
        ) => "terminal",
        ("wasi:io", "error" | "poll" | "streams") => "streams",
        ("wasi:clocks", "monotonic-clock" | "wall-clock") => "clocks",
        ("wasi:random", "random" | "insecure" | "insecure-seed") => "randomness",
        ("wasi:filesystem", "types" | "preopens") => "files",
        (
            "wasi:sockets",
            "network" | "instance-network" | "ip-name-lookup" | "tcp" | "tcp-create-socket" | "udp"
            | "udp-create-socket",
        ) => "sockets",
        _ => return None,
    })
}

/// Defines an interface that [`offers`] has.
pub(super) fn add(
    linker: &mut Interface<'_>,
    package: &str,
    interface: &str,
    engine: &wasmtime::Engine,
    imported: &ComponentInstance,
) -> wasmtime::Result<()> {
    match (package, interface) {
        ("wasi:cli", "exit") => add_exit(linker),
        ("wasi:cli", "stdin") => linker.func_wrap("get-stdin", |mut store: Store<'_>, (): ()| {
            store.data_mut().count_host_call()?;
            Ok((Resource::<InputStream>::new_own(0),))
        }),
        ("wasi:cli", "stdout") => add_output(linker, "get-stdout", Stream::Out),
        ("wasi:cli", "stderr") => add_output(linker, "get-stderr", Stream::Err),
        ("wasi:io", "error") => {
            linker.resource("error", ResourceType::host::<IoError>(), |_, _| Ok(()))
        }
        ("wasi:io", "poll") => add_poll(linker),
        ("wasi:io", "streams") => {
            add_input_stream(linker)?;
            add_output_stream(linker)
        }
        ("wasi:clocks", "monotonic-clock") => add_monotonic_clock(linker),
        ("wasi:clocks", _) => add_wall_clock(linker),
        ("wasi:random", _) => add_random(linker, interface),
        _ => add_absent(linker, engine, imported),
    }
}

/// A standard stream is told by the number that its handle carries.
fn add_output(linker: &mut Interface<'_>, name: &str, stream: Stream) -> wasmtime::Result<()> {
    linker.func_wrap(name, move |mut store: Store<'_>, (): ()| {
        store.data_mut().count_host_call()?;
        Ok((Resource::<OutputStream>::new_own(stream as u32),))
    })
}

fn add_exit(linker: &mut Interface<'_>) -> wasmtime::Result<()> {
    let exited = |status: &str| {
        Error::new(
            ErrorKind::Trap,
            format!("the transform ended its program with {status}"),
        )
        .hint("a transform returns from every call, with a fault where it cannot go on")
    };
    linker.func_wrap("exit", move |_: Store<'_>, (status,): (Result<(), ()>,)| {
        let status = if status.is_ok() {
            "`exit(0)`"
        } else {
            "`exit(1)`"
        };
        Err::<(), _>(exited(status).into())
    })?;
    linker.func_wrap("exit-with-code", move |_: Store<'_>, (status,): (u8,)| {
        Err::<(), _>(exited(&format!("`exit({status})`")).into())
    })
}

fn add_poll(linker: &mut Interface<'_>) -> wasmtime::Result<()> {
    linker.resource("pollable", ResourceType::host::<Pollable>(), |_, _| Ok(()))?;
    linker.func_wrap(
        "[method]pollable.ready",
        |mut store: Store<'_>, (_,): (Resource<Pollable>,)| {
            store.data_mut().count_host_call()?;
            Ok((true,))
        },
    )?;
    linker.func_wrap(
        "[method]pollable.block",
        |mut store: Store<'_>, (_,): (Resource<Pollable>,)| {
            store.data_mut().count_host_call()?;
            Ok(())
        },
    )?;
    linker.func_wrap(
        "poll",
        |mut store: Store<'_>, (list,): (Vec<Resource<Pollable>>,)| {
            store.data_mut().count_host_call()?;
            if list.is_empty() {
                return Err(trap("`poll` got no pollables"));
            }
            let ready = 0..u32::try_from(list.len())?;
            Ok((ready.collect::<Vec<_>>(),))
        },
    )
}

fn add_input_stream(linker: &mut Interface<'_>) -> wasmtime::Result<()> {
    linker.resource(
        "input-stream",
        ResourceType::host::<InputStream>(),
        |_, _| Ok(()),
    )?;
    for name in ["read", "blocking-read"] {
        let name = format!("[method]input-stream.{name}");
        linker.func_wrap(
            &name,
            |mut store: Store<'_>, (_, _): (Resource<InputStream>, u64)| {
                store.data_mut().count_host_call()?;
                Ok((Err::<Vec<u8>, _>(StreamError::Closed),))
            },
        )?;
    }
    for name in ["skip", "blocking-skip"] {
        let name = format!("[method]input-stream.{name}");
        linker.func_wrap(
            &name,
            |mut store: Store<'_>, (_, _): (Resource<InputStream>, u64)| {
                store.data_mut().count_host_call()?;
                Ok((Err::<u64, _>(StreamError::Closed),))
            },
        )?;
    }
    linker.func_wrap(
        "[method]input-stream.subscribe",
        |mut store: Store<'_>, (_,): (Resource<InputStream>,)| {
            store.data_mut().count_host_call()?;
            Ok((Resource::<Pollable>::new_own(0),))
        },
    )
}

fn add_output_stream(linker: &mut Interface<'_>) -> wasmtime::Result<()> {
    linker.resource(
        "output-stream",
        ResourceType::host::<OutputStream>(),
        |_, _| Ok(()),
    )?;
    linker.func_wrap(
        "[method]output-stream.check-write",
        |mut store: Store<'_>, (_,): (Resource<OutputStream>,)| {
            store.data_mut().count_host_call()?;
            Ok((Ok::<_, StreamError>(WRITE_BYTES),))
        },
    )?;
    for name in ["write", "blocking-write-and-flush"] {
        let name = format!("[method]output-stream.{name}");
        linker.func_wrap(&name, write)?;
    }
    for name in ["flush", "blocking-flush"] {
        let name = format!("[method]output-stream.{name}");
        linker.func_wrap(
            &name,
            |mut store: Store<'_>, (_,): (Resource<OutputStream>,)| {
                store.data_mut().count_host_call()?;
                Ok((Ok::<_, StreamError>(()),))
            },
        )?;
    }
    linker.func_wrap(
        "[method]output-stream.subscribe",
        |mut store: Store<'_>, (_,): (Resource<OutputStream>,)| {
            store.data_mut().count_host_call()?;
            Ok((Resource::<Pollable>::new_own(0),))
        },
    )?;
    for name in ["write-zeroes", "blocking-write-zeroes-and-flush"] {
        let name = format!("[method]output-stream.{name}");
        // Zeroes are no message.
        linker.func_wrap(
            &name,
            |mut store: Store<'_>, (_, _): (Resource<OutputStream>, u64)| {
                store.data_mut().count_host_call()?;
                Ok((Ok::<_, StreamError>(()),))
            },
        )?;
    }
    for name in ["splice", "blocking-splice"] {
        let name = format!("[method]output-stream.{name}");
        linker.func_wrap(
            &name,
            |mut store: Store<'_>,
             (_, _, _): (Resource<OutputStream>, Resource<InputStream>, u64)| {
                store.data_mut().count_host_call()?;
                Ok((Err::<u64, _>(StreamError::Closed),))
            },
        )?;
    }
    Ok(())
}

type Written = (Result<(), StreamError>,);

fn write(
    mut store: Store<'_>,
    (handle, contents): (Resource<OutputStream>, WasmList<u8>),
) -> wasmtime::Result<Written> {
    store.data_mut().count_host_call()?;
    if contents.len() as u64 > WRITE_BYTES {
        return Err(trap(format!(
            "a write of {} bytes, above what was permitted",
            contents.len()
        )));
    }
    let stream = if handle.rep() == Stream::Err as u32 {
        Stream::Err
    } else {
        Stream::Out
    };
    // Owned, since the logs lie in the store as well.
    let contents = contents.as_le_slice(&store).to_vec();
    store.data().logs.lock().stream(stream, &contents);
    Ok((Ok(()),))
}

/// What a monotonic clock shows, without its timers.
pub(super) fn add_monotonic_now(linker: &mut Interface<'_>) -> wasmtime::Result<()> {
    linker.func_wrap("now", |mut store: Store<'_>, (): ()| {
        let state = store.data_mut();
        state.count_host_call()?;
        Ok((monotonic_of(state),))
    })?;
    linker.func_wrap("resolution", |mut store: Store<'_>, (): ()| {
        store.data_mut().count_host_call()?;
        Ok((MILLISECOND,))
    })
}

/// What the monotonic clock of a guest shows, in nanoseconds.
pub(super) fn monotonic_of(state: &State) -> u64 {
    if state.access.clock { monotonic() } else { 0 }
}

fn add_monotonic_clock(linker: &mut Interface<'_>) -> wasmtime::Result<()> {
    add_monotonic_now(linker)?;
    for name in ["subscribe-instant", "subscribe-duration"] {
        linker.func_wrap(name, |mut store: Store<'_>, (_,): (u64,)| {
            store.data_mut().count_host_call()?;
            Ok((Resource::<Pollable>::new_own(0),))
        })?;
    }
    Ok(())
}

fn add_wall_clock(linker: &mut Interface<'_>) -> wasmtime::Result<()> {
    linker.func_wrap("now", |mut store: Store<'_>, (): ()| {
        let state = store.data_mut();
        state.count_host_call()?;
        Ok((if state.access.clock { now() } else { EPOCH },))
    })?;
    linker.func_wrap("resolution", |mut store: Store<'_>, (): ()| {
        let state = store.data_mut();
        state.count_host_call()?;
        let real = Datetime {
            seconds: 0,
            nanoseconds: 1_000_000,
        };
        let frozen = Datetime {
            seconds: 1,
            nanoseconds: 0,
        };
        Ok((if state.access.clock { real } else { frozen },))
    })
}

/// Nanoseconds of what clocks are rounded to: a finer one would tell a guest what its neighbours do.
const MILLISECOND: u64 = 1_000_000;

/// Nanoseconds since the process first asked, to the millisecond.
fn monotonic() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let passed = START.get_or_init(Instant::now).elapsed().as_nanos();
    let passed = u64::try_from(passed).unwrap_or(u64::MAX);
    passed - passed % MILLISECOND
}

/// The time, to the millisecond.
fn now() -> Datetime {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Datetime {
        seconds: since.as_secs(),
        nanoseconds: since.subsec_millis() * 1_000_000,
    }
}

fn add_random(linker: &mut Interface<'_>, interface: &str) -> wasmtime::Result<()> {
    let (bytes, number) = match interface {
        "random" => ("get-random-bytes", "get-random-u64"),
        "insecure" => ("get-insecure-random-bytes", "get-insecure-random-u64"),
        _ => {
            return linker.func_wrap("insecure-seed", |mut store: Store<'_>, (): ()| {
                let state = store.data_mut();
                state.count_host_call()?;
                Ok(((state.random.next_u64()?, state.random.next_u64()?),))
            });
        }
    };
    linker.func_wrap(bytes, |mut store: Store<'_>, (len,): (u64,)| {
        let state = store.data_mut();
        state.count_host_call()?;
        if len > RANDOM_BYTES {
            return Err(trap(format!(
                "{len} random bytes at once, above {RANDOM_BYTES}"
            )));
        }
        Ok((state.random.bytes(usize::try_from(len)?)?,))
    })?;
    linker.func_wrap(number, |mut store: Store<'_>, (): ()| {
        let state = store.data_mut();
        state.count_host_call()?;
        Ok((state.random.next_u64()?,))
    })
}

/// Types that other interfaces use and `wasi:io` defines.
const SHARED: [&str; 4] = ["error", "pollable", "input-stream", "output-stream"];

/// Defines all that is imported: functions answer "nothing" or "denied" in the shape of
/// their result, and the types of handles exist without any handle of theirs.
fn add_absent(
    linker: &mut Interface<'_>,
    engine: &wasmtime::Engine,
    imported: &ComponentInstance,
) -> wasmtime::Result<()> {
    for (name, item) in imported.exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(_) => {
                let denied = format!("`{name}` is not granted");
                linker.func_new(name, move |mut store, ty, arguments, results| {
                    store.data_mut().count_host_call()?;
                    give_back(&mut store, arguments)?;
                    answer(&mut store, &ty, results, &denied)
                })?;
            }
            ComponentItem::Resource(_) if !SHARED.contains(&name) => {
                linker.resource(name, ResourceType::host::<Absent>(), |_, _| Ok(()))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Drops the handles in what a guest passed: one that it lent has to be given back before the call returns,
/// and one that it gave away would count as alive for as long as the guest is.
fn give_back(store: &mut Store<'_>, values: &[Val]) -> wasmtime::Result<()> {
    use std::slice::from_ref;
    for value in values {
        match value {
            Val::Resource(handle) => handle.resource_drop(&mut *store)?,
            Val::List(values) | Val::Tuple(values) => give_back(store, values)?,
            Val::Record(fields) => {
                for (_, value) in fields {
                    give_back(store, from_ref(value))?;
                }
            }
            Val::Variant(_, Some(value))
            | Val::Option(Some(value))
            | Val::Result(Ok(Some(value)) | Err(Some(value))) => {
                give_back(store, from_ref(value))?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn answer(
    store: &mut Store<'_>,
    ty: &ComponentFunc,
    results: &mut [Val],
    denied: &str,
) -> wasmtime::Result<()> {
    for (result, ty) in results.iter_mut().zip(ty.results()) {
        *result = match &ty {
            Type::List(_) => Val::List(Vec::new()),
            Type::Option(_) => Val::Option(None),
            Type::Own(_) => {
                Val::Resource(Resource::<Absent>::new_own(0).try_into_resource_any(&mut *store)?)
            }
            Type::Result(result) => match result.err().as_ref().and_then(refusal) {
                Some(code) => Val::Result(Err(Some(Box::new(Val::Enum(code.to_owned()))))),
                None => return Err(trap(denied)),
            },
            _ => return Err(trap(denied)),
        };
    }
    Ok(())
}

/// The case of an error code that says no.
fn refusal(ty: &Type) -> Option<&'static str> {
    let Type::Enum(codes) = ty else { return None };
    ["access-denied", "access"]
        .into_iter()
        .find(|code| codes.names().any(|name| name == *code))
}

fn trap(rule: impl fmt::Display) -> wasmtime::Error {
    broken(rule).into()
}
