"""A bound transform, and what it needs of its host."""

import linecache
import re
import traceback

from . import log
from .batch import Batch
from .column import Column
from .fault import BadData, Fault, Invalid
from .output import Output
from .params import Parameters
from .plan import Plan

#: The folders of the interpreter in a component, which mean nothing to a reader.
_MOUNT = re.compile(r"^/\d+/|^/python/")
#: At most this many functions are named in a fault, innermost first; the log has all.
FRAMES_MAX = 8
_OWN = __name__.rpartition(".")[0]


class Instance:
    """A transform that was bound to a schema and parameters."""

    def __init__(self, transform, fields, params, parameters=None):
        self.plan = Plan(fields)
        self.transform = transform()
        parameters = parameters or Parameters(transform.Params)
        with_faults(Invalid, lambda: self.transform.bind(self.plan, parameters.parse(params)))
        self._indices = self.plan.read_indices()

    def process(self, host):
        """Processes the host's current batch; a fault is raised."""
        n_rows = host.n_rows()
        columns = self._read(host)
        output = Output(host, self.plan, n_rows)
        with_faults(BadData, lambda: self.transform.process(Batch(n_rows, columns), output))
        output.flush()

    def finish(self, host):
        """Ends the run; a fault is raised."""
        output = Output(host, self.plan, None)
        with_faults(BadData, lambda: self.transform.finish(output))

    def _read(self, host):
        if not self._indices:
            return {}
        fields = [self.plan.input[index] for index in self._indices]
        flat = host.read(list(range(len(fields))))
        read = {
            index: Column.from_flat(field.type, iter(arrays))
            for index, field, arrays in zip(self._indices, fields, flat)
        }
        return {key: view.convert(read[index]) for key, (index, view) in self.plan.reads.items()}


def with_faults(kind, call):
    """Calls an author's code: what it raises, other than a fault, is logged with its stack and becomes one."""
    try:
        call()
    except (Fault, MemoryError):
        # The host, which refused the memory, says so where the component crashes.
        raise
    except Exception as error:
        log.error(_traceback(error))
        stack = [frame for frame in _frames(error) if not _is_own(frame)] or _frames(error)
        places = [f"{frame.filename}:{frame.lineno} in `{frame.name}`" for frame in reversed(stack)]
        more = f" and {len(places) - FRAMES_MAX} more" if len(places) > FRAMES_MAX else ""
        message = f"{type(error).__name__}: {error}".removesuffix(": ")
        # What could not be reached says itself what kind of fault that is.
        raise getattr(error, "fault", kind)(f"{message}, at {' < '.join(places[:FRAMES_MAX])}{more}") from error


def _frames(error):
    frames = traceback.extract_tb(error.__traceback__)
    for frame in frames:
        frame.filename = _MOUNT.sub("", frame.filename)
    return frames


def _is_own(frame):
    return f"{_OWN}/" in frame.filename and "/tests/" not in frame.filename


def _traceback(error):
    """The traceback as Python prints it, with readable names of files, and those of causes."""
    shown = traceback.TracebackException.from_exception(error)
    part = shown
    while part:
        for frame in part.stack:
            frame.filename = _MOUNT.sub("", frame.filename)
        # The first frame is that of the SDK which called the author's code.
        while len(part.stack) > 1 and _is_own(part.stack[0]):
            del part.stack[0]
        part = part.__cause__ or part.__context__
    return "".join(shown.format()).rstrip()


def remember_sources(modules, folder):
    """Keeps the lines of the modules of a folder, so that a traceback shows them where there is no file.

    Called at build time.
    """
    for module in modules:
        path = getattr(module, "__file__", None) or ""
        if path.startswith(folder) and path.endswith(".py"):
            with open(path, encoding="utf-8") as file:
                text = file.read()
            # Without a time of change, `linecache` never looks for the file.
            linecache.cache[path] = (len(text), None, text.splitlines(True), path)
