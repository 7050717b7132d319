"""Requests over HTTP to where the step lets them go; one is answered before `request` returns.

    answer = http.request("GET", "https://api.example.com/rates").json()

Needs `access = ["http"]` in `plugin.toml`. Headers with secrets are added outside of the sandbox, as the step says.
Redirects are not followed.
"""

import json as _json
import re
from urllib.parse import urlsplit

from . import access
from .access import AccessError, Denied
from .fault import Transient

__all__ = [
    "AccessError", "BadRequest", "ConnectionFailed", "Denied", "HttpError", "Request", "Response", "Timeout", "TooLarge", "request",
]  # fmt: skip

#: Seconds for each of: a connection, the first byte of the answer, the next ones.
TIMEOUT = 30.0
#: Bytes of a response's body, so that an answer without end does not fill the sandbox.
BODY_BYTES_MAX = 8 << 20


class HttpError(AccessError):
    """A request that was not answered, for a reason that is none of the others."""


class BadRequest(HttpError, ValueError):
    """A method, URL or header that cannot be sent."""


class Timeout(HttpError, TimeoutError):
    """No connection, or no byte of the answer, in time."""

    kind = "timeout"
    fault = Transient


class ConnectionFailed(HttpError, ConnectionError):
    """No connection, one that is not trusted, or one that broke."""

    kind = "connection"
    fault = Transient


class TooLarge(HttpError):
    """The answer is larger than asked for, or what is sent larger than is taken."""

    kind = "too-large"


class Request:
    """What is sent."""

    def __init__(self, method, url, headers=None, body=None, timeout=TIMEOUT):
        self.method, self.url, self.timeout = method.upper(), url, timeout
        #: By their names in lower case.
        self.headers = {name.lower(): str(value) for name, value in (headers or {}).items()}
        #: Bytes; none if there is no body.
        self.body = body.encode() if isinstance(body, str) else None if body is None else bytes(body)
        if self.body is not None:
            self.headers.setdefault("content-length", str(len(self.body)))
        self._split()

    def _split(self):
        try:
            parts = urlsplit(self.url)
            _ = parts.port  # Reading it checks it.
        except ValueError as cause:
            raise BadRequest(f"`{_shown(self.url)}` is no URL: {cause}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise BadRequest(f"`{_shown(self.url)}` is no URL of the form `https://host/path`")
        #: For errors; what follows the path is left out, as secrets may stand there.
        self.about = f"{self.method} {_shown(self.url)}"
        #: The parts of the URL: `http` or `https`; the host, with the port if there is one; the path with the query.
        self.scheme, self.authority = parts.scheme, parts.netloc
        self.target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _shown(url):
    """A URL without what may be secret in it: a query, and who asks."""
    return re.sub(r"[?#].*|(?<=//)[^/?#]*@", "", url, flags=re.DOTALL)


class Response:
    """What was answered, whatever its status."""

    def __init__(self, status, headers=None, body=b""):
        self.status = status
        #: By their names in lower case; the values of one name are joined by `, `.
        self.headers = {}
        for name, value in headers.items() if hasattr(headers, "items") else headers or ():
            name = name.lower()
            self.headers[name] = f"{self.headers[name]}, {value}" if name in self.headers else value
        self.body = body.encode() if isinstance(body, str) else bytes(body)

    @property
    def ok(self):
        """Whether the status is one of success."""
        return 200 <= self.status < 300

    def text(self):
        """The body as UTF-8, whatever is none replaced."""
        return self.body.decode(errors="replace")

    def json(self):
        """The value that the body is as JSON."""
        return _json.loads(self.body)


def request(method, url, *, headers=None, body=None, timeout=TIMEOUT, max_bytes=BODY_BYTES_MAX):
    """Sends a request and gives the response, whatever its status.

    `body` is bytes, or text that is sent as UTF-8. `timeout` is in seconds, for the connection, the first byte and every
    pause. A body of more than `max_bytes` is an error.
    """
    sent = Request(method, url, headers, body, timeout)
    response = access.host("http").send(sent, max_bytes)
    if len(response.body) > max_bytes:
        raise too_large(sent, max_bytes)
    return response


def too_large(sent, max_bytes):
    """The error of a body that is larger than asked for."""
    return TooLarge(f"{sent.about}: the response has more than {max_bytes} bytes; `max_bytes` allows more")


access.bound("http", "._wasi_http")
