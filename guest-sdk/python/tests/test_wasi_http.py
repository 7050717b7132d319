"""What a component does with `wasi:http`, with bindings that are as strict as a host."""

import sys
import types
import unittest
from dataclasses import dataclass
from unittest import mock


@dataclass
class Err(Exception):
    value: object


class Resource:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __getattr__(self, name):
        if name.startswith("set_"):
            return lambda value: None
        raise AttributeError(name)

    def subscribe(self):
        return self

    def block(self):
        pass


class Stream(Resource):
    """Permits some bytes, then none until somebody waits."""

    def __init__(self, sent):
        self.sent, self.room = sent, 0

    def check_write(self):
        return self.room

    def block(self):
        self.room = 3

    def write(self, data):
        assert 0 < self.room and len(data) <= self.room, "write exceeded budget"
        self.sent += data
        self.room = 0

    def blocking_flush(self):
        pass


def bindings(server):
    """The modules of a component, where `server(sent)` gives the parts of a response, or raises `Err`."""
    sent, variant = bytearray(), lambda name: type(name, (), {"__init__": lambda self, value=None: None})

    class OutgoingRequest(Resource):
        def __init__(self, headers):
            pass

        def body(self):
            return types.SimpleNamespace(write=lambda: Stream(sent))

    class Response(Resource):
        def __init__(self, parts):
            self.parts = iter(parts)

        def status(self):
            return 200

        def headers(self):
            return self

        def entries(self):
            return [("X-A", b"1")]

        def consume(self):
            return self

        def stream(self):
            return self

        def blocking_read(self, length):
            part = next(self.parts, None)
            if part is None:
                raise Err(streams.StreamError_Closed())
            return part

    class Future(Resource):
        def get(self):
            return types.SimpleNamespace(value=types.SimpleNamespace(value=Response(server(bytes(sent)))))

    names = (
        "Method_Post Method_Other Scheme_Http ErrorCode_DnsTimeout ErrorCode_TlsProtocolError ErrorCode_LoopDetected"
    )
    names += " ErrorCode_HttpRequestDenied ErrorCode_HttpRequestBodySize"
    http = types.SimpleNamespace(**{name: variant(name) for name in names.split()})
    http.Fields = type("Fields", (Resource,), {"append": lambda *_: None})
    http.RequestOptions, http.OutgoingRequest = Resource, OutgoingRequest
    http.OutgoingBody = types.SimpleNamespace(finish=lambda *_: None)
    streams = types.SimpleNamespace(StreamError_Closed=variant("StreamError_Closed"))
    handler = types.SimpleNamespace(handle=lambda *_: Future())
    world = types.ModuleType("wit_world.imports")
    world.outgoing_handler, world.streams, world.types = handler, streams, http
    component = types.ModuleType("componentize_py_types")
    component.Err = Err
    return {"wit_world": types.ModuleType("wit_world"), "wit_world.imports": world, "componentize_py_types": component}


class WasiHttp(unittest.TestCase):
    def send(self, server, max_bytes=99, **request):
        from sluicegate import http

        with mock.patch.dict(sys.modules, bindings(server)):
            sys.modules.pop("sluicegate._wasi_http", None)
            from sluicegate import _wasi_http

            try:
                return _wasi_http.send(http.Request("POST", "http://a/b", **request), max_bytes)
            finally:
                sys.modules.pop("sluicegate._wasi_http", None)
                del sys.modules["sluicegate"]._wasi_http

    def test_a_body_is_written_as_the_host_takes_it(self):
        response = self.send(lambda sent: [sent[:4], sent[4:]], body=b"0123456789")
        self.assertEqual((response.status, response.headers, response.body), (200, {"x-a": "1"}, b"0123456789"))

    def test_a_response_is_read_no_further_than_asked(self):
        from sluicegate import http

        def endless(_):
            while True:
                yield b"x" * 50

        with self.assertRaises(http.TooLarge):
            self.send(endless)

    def test_errors_have_the_kinds_that_every_language_has(self):
        from sluicegate.access import AccessError

        cases = ("DnsTimeout", "timeout"), ("TlsProtocolError", "connection"), ("LoopDetected", "other")
        cases += ("HttpRequestDenied", "denied"), ("HttpRequestBodySize", "too-large")
        for case, kind in cases:

            def fails(_):
                raise Err(getattr(sys.modules["wit_world.imports"].types, f"ErrorCode_{case}")())

            with self.assertRaisesRegex(AccessError, r"^POST http://a/b: [a-z-]+$") as caught:
                self.send(fails)
            self.assertEqual(caught.exception.kind, kind)


if __name__ == "__main__":
    unittest.main()
