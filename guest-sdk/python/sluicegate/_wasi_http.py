"""Sends requests through `wasi:http`, in a component."""

import re

from componentize_py_types import Err
from wit_world.imports import outgoing_handler, streams, types

from . import http

#: Bytes that are read from a response at once.
READ_BYTES = 1 << 16

#: `README.md` of the conformance tests says which case of `error-code` is of which kind.
_KINDS = (
    (http.Denied, r"HttpRequestDenied|DestinationIpProhibited"),
    (http.Timeout, r"DnsTimeout|Connection(Read|Write)?Timeout|HttpResponseTimeout"),
    (http.ConnectionFailed, r"DnsError|Destination\w+|Connection\w+|Tls\w+|HttpResponseIncomplete"),
    (http.TooLarge, r"HttpRe(quest|sponse)BodySize|HttpResponseHeader(Section)?Size"),
)


def send(request, max_bytes):
    """The response to a request."""
    outgoing = _outgoing(request)
    body = None if request.body is None else outgoing.body()
    try:
        with outgoing_handler.handle(outgoing, _options(request.timeout)) as future:
            if body:
                _write(body, request.body)
            with future.subscribe() as answered:
                answered.block()
            return _response(request, future.get().value, max_bytes)
    except Err as failure:
        raise _error(request, failure.value) from None


def _outgoing(request):
    fields = types.Fields()
    for name, value in request.headers.items():
        _set(f"header `{name}`", fields.append, name, value.encode())
    outgoing = types.OutgoingRequest(fields)
    method = getattr(types, f"Method_{request.method.capitalize()}", None)
    _set(f"method `{request.method}`", outgoing.set_method, method() if method else types.Method_Other(request.method))
    scheme = types.Scheme_Https() if request.scheme == "https" else types.Scheme_Http()
    _set(f"scheme of `{request.about}`", outgoing.set_scheme, scheme)
    _set(f"host of `{request.about}`", outgoing.set_authority, request.authority)
    _set(f"path of `{request.about}`", outgoing.set_path_with_query, request.target)
    return outgoing


def _set(what, setter, *value):
    try:
        setter(*value)
    except Err:
        raise http.BadRequest(f"{what} cannot be sent") from None


def _options(seconds):
    if seconds is None:
        return None
    options = types.RequestOptions()
    for setter in (options.set_connect_timeout, options.set_first_byte_timeout, options.set_between_bytes_timeout):
        setter(int(seconds * 1e9))
    return options


def _write(body, data):
    """Sends a body. One that is not taken is no error: the response tells why."""
    try:
        with body.write() as stream:
            sent = 0
            while sent < len(data):
                room = stream.check_write()
                if room:
                    stream.write(data[sent : sent + room])
                    sent += room
                else:
                    with stream.subscribe() as writable:
                        writable.block()
            stream.blocking_flush()
        types.OutgoingBody.finish(body, None)
    except Err:
        pass


def _response(request, answer, max_bytes):
    if isinstance(answer, Err):
        raise answer
    with answer.value as incoming:
        with incoming.headers() as fields:
            headers = [(name, value.decode(errors="replace")) for name, value in fields.entries()]
        with incoming.consume() as body, body.stream() as stream:
            return http.Response(incoming.status(), headers, _read(request, stream, max_bytes))


def _read(request, stream, max_bytes):
    parts, size = [], 0
    while size <= max_bytes:
        try:
            part = stream.blocking_read(READ_BYTES)
        except Err as end:
            if isinstance(end.value, streams.StreamError_Closed):
                return b"".join(parts)
            raise _error(request, types.http_error_code(end.value.value)) from None
        parts.append(part)
        size += len(part)
    raise http.too_large(request, max_bytes)


def _error(request, code):
    """The error of a case of `error-code`; where it is none, the response broke off."""
    case = type(code).__name__.removeprefix("ErrorCode_") if code else "HttpResponseIncomplete"
    kind = next((kind for kind, cases in _KINDS if re.fullmatch(cases, case)), http.HttpError)
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", case).lower()
    detail = getattr(code, "value", None)
    return kind(f"{request.about}: {words}{f': {detail}' if detail else ''}")
