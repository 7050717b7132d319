"""Adds one to an int64 column, and says on the way what it can reach of the world outside.

Modules are imported here, at the top, or never: only the interpreter of the build has a library on disk.
"""

import encodings.idna  # Sockets want it for the name of a host.
import errno
import json
import os
import random
import socket
import sys
import time
from array import array

from componentize_py_types import Err
from wit_world.exports import transform
from wit_world.imports import columns, input, log, output

INT64 = "l"


def plus_one():
    return columns.Field(
        name="plus_one",
        format=INT64,
        nullable=True,
        dictionary=False,
        children=0,
        metadata=[],
    )


def passwords():
    with open("/etc/passwd", encoding="utf-8") as file:
        return file.readline()


def new_file():
    with open("/tmp/loot", "w", encoding="utf-8") as file:
        return file.write("loot")


def environment():
    """Of now, since `os.environ` is of the build."""
    if hasattr(os, "reload_environ"):
        os.reload_environ()
    return sorted(os.environ.items())


def connection():
    with socket.create_connection(("127.0.0.1", 9), timeout=1) as peer:
        return peer.getpeername()


def listener():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()


def datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        return peer.sendto(b"loot", ("127.0.0.1", 9))


def passed():
    """Seconds that the clocks counted, while a loop was running and in a long sleep."""
    before = time.time(), time.monotonic()
    sum(range(100_000))
    time.sleep(3_600)
    return time.time() - before[0], time.monotonic() - before[1]


PROBES = {
    "file": passwords,
    "new file": new_file,
    "folder": lambda: os.listdir("/"),
    "environment": environment,
    "arguments": lambda: sys.argv[1:],
    "input": sys.stdin.read,
    "connection": connection,
    "listener": listener,
    "datagram": datagram,
    "name": lambda: socket.getaddrinfo("example.org", 443),
    "clock": time.time,
    "passed": passed,
    "entropy": lambda: os.urandom(8).hex(),
    "random": lambda: random.SystemRandom().getrandbits(32),
}


def seen(probe):
    """What a probe found, or how it was refused."""
    try:
        return f"saw {probe()!r}"
    except OSError as error:
        return f"refused, {errno.errorcode.get(error.errno, error)}"
    except Exception as error:
        return f"refused, {type(error).__name__}: {error}"


class Transform:
    def bind(self, schema, params):
        name = json.loads(params)["column"]
        # Top-level fields only; this guest reads flat tables.
        names = [field.name for field in schema]
        if name not in names or schema[names.index(name)].format != INT64:
            raise Err(transform.Fault_Invalid(f"no int64 column `{name}` among {names}"))
        everything = [transform.OutputField_Pass(index) for index in range(len(schema))]
        return transform.Plan(
            reads=[names.index(name)],
            output=[*everything, transform.OutputField_Computed([plus_one()])],
            stateless=True,
        )

    def process(self):
        for name, probe in PROBES.items():
            log.write(log.Level.INFO, f"{name}: {seen(probe)}")
        print("hello from", sys.implementation.name)
        print("trouble from", sys.implementation.name, file=sys.stderr)
        [column] = input.read([0])
        values = column.arrays[0]
        validity, numbers = values.buffers
        numbers = array("q", [number + 1 for number in memoryview(numbers).cast("q")])
        computed = columns.Array(
            values.length, values.null_count, [validity, numbers.tobytes()]
        )
        output.emit(output.Selection_All(), [columns.Column([computed])])

    def finish(self):
        pass
