//! A request over `wasi:http`.

use std::time::Duration;

use super::{Error, ErrorKind, Request, Response, Target};
use crate::component::outgoing::wasi;
use wasi::http::outgoing_handler::handle;
use wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method,
    OutgoingBody, OutgoingRequest, RequestOptions, Scheme, http_error_code,
};
use wasi::io::streams::StreamError;

/// Bytes of a body that are asked for at once.
const PIECE_BYTES: u64 = 64 << 10;
/// Bytes that may be written and flushed in one call, by the contract of streams.
const WRITTEN_BYTES_MAX: usize = 4096;

pub(super) fn send(request: &Request, target: &Target<'_>) -> Result<Response, Error> {
    let outgoing = outgoing(request, target)?;
    // Its body has to be taken out before it is sent, and is written afterwards.
    let body = match request.body.is_empty() {
        true => None,
        false => Some(outgoing.body().map_err(|()| refused("body"))?),
    };
    let future = handle(outgoing, Some(options(request.timeout))).map_err(|code| told(&code))?;
    let written = body.map_or(Ok(()), |body| write(body, &request.body));
    // A server may refuse a body and respond all the same; if it did not, the response says best what happened.
    let response = wait(&future)?;
    written?;
    let headers = response.headers().entries();
    let status = response.status();
    let body = read(&response, request.body_bytes_max)?;
    Ok(Response {
        status,
        headers,
        body,
    })
}

fn outgoing(request: &Request, target: &Target<'_>) -> Result<OutgoingRequest, Error> {
    let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, value) in &request.headers {
        headers.push((name.clone(), value.clone().into_bytes()));
    }
    let has_length = |(name, _): &(String, _)| name.eq_ignore_ascii_case("content-length");
    if !request.body.is_empty() && !headers.iter().any(has_length) {
        let length = request.body.len().to_string();
        headers.push(("content-length".to_owned(), length.into_bytes()));
    }
    let headers = Fields::from_list(&headers).map_err(|_| refused("header"))?;
    let outgoing = OutgoingRequest::new(headers);
    let scheme = if target.is_tls {
        Scheme::Https
    } else {
        Scheme::Http
    };
    let path = match target.path_with_query {
        path if path.starts_with('/') => path.to_owned(),
        query => format!("/{query}"),
    };
    let method = outgoing.set_method(&method(&request.method));
    method.map_err(|()| refused("method"))?;
    let scheme = outgoing.set_scheme(Some(&scheme));
    scheme.map_err(|()| refused("scheme"))?;
    let authority = outgoing.set_authority(Some(target.authority));
    authority.map_err(|()| refused("host"))?;
    let path = outgoing.set_path_with_query(Some(&path));
    path.map_err(|()| refused("path"))?;
    Ok(outgoing)
}

fn refused(part: &str) -> Error {
    Error::new(ErrorKind::Other, format!("its {part} is malformed"))
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

/// A host that knows no such option has timeouts of its own.
fn options(timeout: Duration) -> RequestOptions {
    let options = RequestOptions::new();
    let nanos = Some(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
    let _ = options.set_connect_timeout(nanos);
    let _ = options.set_first_byte_timeout(nanos);
    let _ = options.set_between_bytes_timeout(nanos);
    options
}

fn write(body: OutgoingBody, bytes: &[u8]) -> Result<(), Error> {
    let stream = body.write().map_err(|()| refused("body"))?;
    for piece in bytes.chunks(WRITTEN_BYTES_MAX) {
        let done = stream.blocking_write_and_flush(piece);
        done.map_err(|error| interrupted(&error))?;
    }
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|code| told(&code))
}

fn wait(future: &FutureIncomingResponse) -> Result<IncomingResponse, Error> {
    loop {
        match future.get() {
            Some(Ok(response)) => return response.map_err(|code| told(&code)),
            Some(Err(())) => {
                return Err(Error::new(ErrorKind::Other, "its response was taken twice"));
            }
            None => future.subscribe().block(),
        }
    }
}

fn read(response: &IncomingResponse, bytes_max: usize) -> Result<Vec<u8>, Error> {
    let taken = |()| Error::new(ErrorKind::Other, "its body was taken twice");
    let body: IncomingBody = response.consume().map_err(taken)?;
    let stream = body.stream().map_err(taken)?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(PIECE_BYTES) {
            Ok(piece) => bytes.extend_from_slice(&piece),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(error) => return Err(interrupted(&error)),
        }
        if bytes.len() > bytes_max {
            return Err(Error::too_large(bytes_max));
        }
    }
}

fn interrupted(error: &StreamError) -> Error {
    match error {
        StreamError::Closed => Error::new(ErrorKind::Connection, "the connection was closed"),
        StreamError::LastOperationFailed(error) => match http_error_code(error) {
            Some(code) => told(&code),
            None => Error::new(ErrorKind::Connection, error.to_debug_string()),
        },
    }
}

fn told(code: &ErrorCode) -> Error {
    let kind = match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => ErrorKind::Denied,
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => ErrorKind::Timeout,
        ErrorCode::DnsError(_)
        | ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTerminated
        | ErrorCode::ConnectionLimitReached
        | ErrorCode::TlsProtocolError
        | ErrorCode::TlsCertificateError
        | ErrorCode::TlsAlertReceived(_)
        | ErrorCode::HttpResponseIncomplete => ErrorKind::Connection,
        ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseHeaderSize(_) => ErrorKind::TooLarge,
        _ => ErrorKind::Other,
    };
    Error::new(kind, text(code))
}

/// What the host says, or the name of the case in words.
fn text(code: &ErrorCode) -> String {
    match code {
        ErrorCode::InternalError(Some(text)) => text.clone(),
        ErrorCode::HttpRequestDenied => {
            "the step does not declare it, or a policy refuses it".to_owned()
        }
        code => format!("{code:?}"),
    }
}
