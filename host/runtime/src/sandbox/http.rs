//! `wasi:http` for guests that a step lets send requests, and what of WASI has to fit to it.
//!
//! Bodies and answers that are not there yet are streams and pollables of the library, which live in a table of the
//! store, while those of our own base of WASI are mere numbers. So a component that imports `wasi:http` gets `wasi:io`
//! of the library too, and from here the few functions of the base that hand out a stream or a pollable. Everything
//! else stays the base's. What the guest asks for is sent by an [`Outgoing`], which decides whether it may.
//!
//! Such a guest runs on a stack of its own, so that its thread can see to the deadline while it waits; see
//! [`wait`](super::wait).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderName;
use tokio::time::Instant;
use wasmtime::StoreContextMut;
use wasmtime::component::{HasData, Linker, LinkerInstance, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::io;
use wasmtime_wasi::p2::pipe::ClosedInputStream;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, DynPollable, OutputStream, Pollable, StreamError,
    StreamResult, subscribe,
};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error as WasiError, ForbiddenHeaderFilter, RequestOptions, WasiBody,
    WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use super::access::{HttpAnswer, Outgoing};
use super::logs::{SharedLogs, Stream};
use super::state::State;
use super::wasi;
use crate::http::{Failure, Times};

/// The package.
pub(super) const PACKAGE: &str = "wasi:http";

/// Streams, pollables, headers, requests and answers that a guest has at once.
const RESOURCES: usize = 1_000;

/// Bytes that the headers of a request, or any other list of fields, take in the host.
const FIELDS_BYTES: usize = 32 << 10;

/// Bytes that a guest may write at once: to a body, of which two pieces are kept, or to a standard stream.
const WRITE_BYTES: usize = 64 << 10;

type Store<'a> = StoreContextMut<'a, State>;
type Interface<'a> = LinkerInstance<'a, State>;

/// What a store has for `wasi:http`; takes no memory until a guest uses it.
pub(super) struct Web {
    table: ResourceTable,
    context: WasiHttpCtx,
    hooks: Hooks,
}

impl Web {
    pub(super) fn new(outgoing: Option<Arc<dyn Outgoing>>) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES);
        let mut context = WasiHttpCtx::new();
        context.set_field_size_limit(FIELDS_BYTES);
        Self {
            table,
            context,
            hooks: Hooks(outgoing),
        }
    }
}

impl State {
    fn table(&mut self) -> &mut ResourceTable {
        self.count_library_call();
        &mut self.web.table
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.count_library_call();
        WasiHttpCtxView {
            hooks: &mut self.web.hooks,
            table: &mut self.web.table,
            ctx: &mut self.web.context,
        }
    }
}

struct Hooks(Option<Arc<dyn Outgoing>>);

fn is_forbidden(outgoing: Option<&dyn Outgoing>, name: &HeaderName) -> bool {
    DEFAULT_FORBIDDEN_HEADERS.contains(name)
        || outgoing.is_none_or(|outgoing| outgoing.is_forbidden_header(name.as_str()))
}

impl WasiHttpHooks for Hooks {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        is_forbidden(self.0.as_deref(), name)
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        let outgoing = self.0.clone();
        Arc::new(move |name| is_forbidden(outgoing.as_deref(), name))
    }

    fn set_host_header(&mut self) -> bool {
        // Whoever sends the request writes the name that was decided about.
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        WRITE_BYTES
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), WasiError>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, WasiError>> + Send> {
        let outgoing = self.0.clone();
        let options = options.unwrap_or_default();
        let times = Times {
            connect: options.connect_timeout,
            first_byte: options.first_byte_timeout,
            between_bytes: options.between_bytes_timeout,
        };
        Box::new(async move {
            let outgoing = outgoing.ok_or(WasiError::HttpRequestDenied)?;
            let HttpAnswer(answer) = outgoing.send(request, times).await?;
            // The answer's body sees to its connection itself.
            let nothing: Box<dyn Future<Output = _> + Send> = Box::new(std::future::ready(Ok(())));
            Ok((answer, nothing))
        })
    }
}

/// An answer, and what has to be driven for its sake.
type Sent = (
    http::Response<WasiBody>,
    Box<dyn Future<Output = Result<(), WasiError>> + Send>,
);

impl From<Failure> for WasiError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Denied => Self::HttpRequestDenied,
            Failure::Name => Self::DestinationNotFound,
            Failure::Refused => Self::ConnectionRefused,
            Failure::ConnectTimeout => Self::ConnectionTimeout,
            Failure::Connections => Self::ConnectionLimitReached,
            Failure::Certificate => Self::TlsCertificateError,
            Failure::Tls => Self::TlsProtocolError,
            Failure::ReadTimeout => Self::ConnectionReadTimeout,
            Failure::Ended => Self::ConnectionTerminated,
            Failure::Protocol => Self::HttpProtocolError,
            Failure::RequestBody(most) => Self::HttpRequestBodySize(Some(most)),
            Failure::RequestTrailers => Self::HttpRequestTrailerSectionSize(Some(0)),
            Failure::ResponseHead => Self::HttpResponseHeaderSectionSize(None),
            Failure::ResponseBody(most) => Self::HttpResponseBodySize(Some(most)),
        }
    }
}

/// Where `wasi:io` finds its streams.
struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

/// Defines `wasi:http` and `wasi:io`, for whichever version of 0.2 they are imported by.
pub(super) fn add_library(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    io::error::add_to_linker::<_, HasTable>(linker, State::table)?;
    io::poll::add_to_linker::<_, HasTable>(linker, State::table)?;
    io::streams::add_to_linker::<_, HasTable>(linker, State::table)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)
}

/// Whether the library defines an interface.
pub(super) fn is_of_library(package: &str, interface: &str) -> bool {
    matches!(
        (package, interface),
        ("wasi:io", "error" | "poll" | "streams") | (PACKAGE, "types" | "outgoing-handler")
    )
}

/// Defines an interface of the base that hands out what the library knows; false for all others.
pub(super) fn add(
    interface: &mut Interface<'_>,
    package: &str,
    name: &str,
) -> wasmtime::Result<bool> {
    match (package, name) {
        ("wasi:cli", "stdin") => {
            interface.func_wrap("get-stdin", |mut store: Store<'_>, (): ()| {
                let stream: DynInputStream = Box::new(ClosedInputStream);
                Ok((store.data_mut().table().push(stream)?,))
            })?;
        }
        ("wasi:cli", "stdout") => add_output(interface, "get-stdout", Stream::Out)?,
        ("wasi:cli", "stderr") => add_output(interface, "get-stderr", Stream::Err)?,
        ("wasi:clocks", "monotonic-clock") => {
            wasi::add_monotonic_now(interface)?;
            add_timers(interface)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn add_output(interface: &mut Interface<'_>, name: &str, stream: Stream) -> wasmtime::Result<()> {
    interface.func_wrap(name, move |mut store: Store<'_>, (): ()| {
        let state = store.data_mut();
        let logs = state.logs.clone();
        let stream: DynOutputStream = Box::new(Lines { logs, stream });
        Ok((state.table().push(stream)?,))
    })
}

/// Timers take their time, even where the clock stands still: a guest that waits for an answer or for a timer, whichever
/// comes first, must not find the timer over.
fn add_timers(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    interface.func_wrap(
        "subscribe-duration",
        |mut store: Store<'_>, (nanoseconds,): (u64,)| timer(store.data_mut(), nanoseconds),
    )?;
    interface.func_wrap(
        "subscribe-instant",
        |mut store: Store<'_>, (instant,): (u64,)| {
            let state = store.data_mut();
            timer(state, instant.saturating_sub(wasi::monotonic_of(state)))
        },
    )
}

fn timer(state: &mut State, nanoseconds: u64) -> wasmtime::Result<(Resource<DynPollable>,)> {
    let table = state.table();
    let timer = Timer(Instant::now().checked_add(Duration::from_nanos(nanoseconds)));
    let timer = table.push(timer)?;
    Ok((subscribe(table, timer)?,))
}

/// A time; none is beyond all that the machine can count.
struct Timer(Option<Instant>);

#[async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {
        match self.0 {
            Some(time) => tokio::time::sleep_until(time).await,
            None => std::future::pending().await,
        }
    }
}

/// A standard stream, whose lines become messages.
struct Lines {
    logs: SharedLogs,
    stream: Stream,
}

#[async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > WRITE_BYTES {
            return Err(StreamError::trap("a write above what was permitted"));
        }
        self.logs.lock().stream(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }

    fn write_zeroes(&mut self, _count: usize) -> StreamResult<()> {
        // Zeroes are no message.
        Ok(())
    }
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web").finish_non_exhaustive()
    }
}
