"""Objects in folders that the step declares.

    with objects.open("lookup") as folder:
        rates = json.loads(folder.read("rates.json"))

Needs `access = ["objects"]` in `plugin.toml`.
"""

import io
from typing import NamedTuple

from . import access
from .access import AccessError, Denied, Exists, LimitReached, Malformed, Missing, Unavailable

__all__ = [
    "AccessError", "Denied", "Exists", "Folder", "LimitReached", "Malformed", "Missing", "Object", "Unavailable", "Writer", "open",
]  # fmt: skip

#: Bytes that the contract lets one call carry.
CALL_BYTES_MAX = 8 << 20
#: Bytes that a file reads ahead, and that a writer gathers: a request to a store costs more than their transport.
BUFFER_BYTES = 1 << 20

access.bound("objects", "wit_world.imports.objects")


class Object(NamedTuple):
    """What is known of an object: its path in the folder, its size in bytes and, where the store tells, what changes with its content."""

    path: str
    size: int
    etag: str | None = None


def open(name):
    """The folder that the step gives this name. Nothing is asked of a store yet."""
    return Folder(name, access.asked(f"folder `{name}`", access.host("objects").open, name))


class Folder:
    """A folder with all that is in it, however deep; paths are relative to it, names joined by `/`."""

    def __init__(self, name, handle):
        self.name = name
        self._handle = handle

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Lets go of the folder. Leaving a `with` does so."""
        if self._handle:
            self._handle.__exit__(None, None, None)
            self._handle = None

    def list(self, prefix=""):
        """Yields the objects below the folder `prefix`, in the order of their paths, however many there are."""
        after = None
        while True:
            page = self._asked(prefix, "list", after)
            yield from map(_object, page.objects)
            after = page.next
            if after is None:
                return

    __iter__ = list

    def head(self, path):
        """What is known of one object."""
        return _object(self._asked(path, "head"))

    def read(self, path, offset=0, length=None):
        """The bytes of an object from `offset` on: all of them, or at most `length`."""
        parts = []
        while length is None or length > 0:
            wanted = CALL_BYTES_MAX if length is None else min(length, CALL_BYTES_MAX)
            parts.append(self._asked(path, "read", offset, wanted))
            size = len(parts[-1])
            if size < wanted:
                break
            offset += size
            length = None if length is None else length - size
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def open(self, path, mode="rb", buffering=BUFFER_BYTES):
        """An object as a file, which reads what is asked for and `buffering` bytes ahead; its text as UTF-8 if `mode` is `"r"`."""
        if mode not in ("rb", "r"):
            raise ValueError(f"mode `{mode}` is neither `rb` nor `r`; `create` writes")
        file = io.BufferedReader(_Raw(self, path), buffering)
        # An object that is not there is told now, and what is read for it is kept.
        file.peek(1)
        return file if mode == "rb" else io.TextIOWrapper(file, encoding="utf-8")

    def create(self, path, *, overwrite=False):
        """A writer of a new object, or, with `overwrite`, of one that may be there. It appears with the run's output."""
        return Writer(self._about(path), self._asked(path, "create", overwrite))

    def delete(self, path):
        """Deletes an object, when the run is committed."""
        self._asked(path, "delete")

    def _asked(self, path, what, *arguments):
        if not self._handle:
            raise ValueError(f"folder `{self.name}` is closed")
        return access.asked(self._about(path), getattr(self._handle, what), path, *arguments)

    def _about(self, path):
        return f"`{path}` in folder `{self.name}`" if path else f"folder `{self.name}`"


class Writer:
    """An object that is being written, as a context: where that is left by an exception, nothing remains.

    Takes text, as UTF-8, and bytes, so that `csv.writer(writer)` and `print(…, file=writer)` write to it.
    """

    def __init__(self, about, handle):
        self._about, self._handle, self._gathered = about, handle, bytearray()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.discard()
        elif self._handle:
            self.finish()

    def write(self, data):
        """Appends."""
        self._open()
        data = data.encode() if isinstance(data, str) else memoryview(data).cast("B")
        self._gathered += data
        if len(self._gathered) >= BUFFER_BYTES:
            self.flush()
        return len(data)

    def flush(self):
        """Hands over what is gathered."""
        handle, gathered = self._open(), self._gathered
        self._gathered = bytearray()
        for start in range(0, len(gathered), CALL_BYTES_MAX):
            access.asked(self._about, handle.write, bytes(gathered[start : start + CALL_BYTES_MAX]))

    def finish(self):
        """Ends the object and says what it is. Leaving a `with` does so."""
        self.flush()
        try:
            return _object(access.asked(self._about, self._open().finish))
        finally:
            self.discard()

    def discard(self):
        """Ends the writer; an object that is not finished never appears."""
        if self._handle:
            self._handle.__exit__(None, None, None)
            self._handle = None

    def _open(self):
        if not self._handle:
            raise ValueError(f"the writer of {self._about} is finished")
        return self._handle


def _object(entry):
    return Object(entry.path, entry.size, entry.etag)


class _Raw(io.RawIOBase):
    """An object as a file without a buffer."""

    def __init__(self, folder, path):
        self._folder, self._path, self._at = folder, path, 0
        # Where the object ends, once that is known: a read tells it too, which asks for no right but its own.
        self._end = None

    @property
    def name(self):
        return self._path

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=io.SEEK_SET):
        if whence not in (io.SEEK_SET, io.SEEK_CUR, io.SEEK_END):
            raise ValueError(f"`{whence}` is no place to seek from")
        if whence == io.SEEK_END and self._end is None:
            self._end = self._folder.head(self._path).size
        at = offset + (0, self._at, self._end)[whence]
        if at < 0:
            raise ValueError(f"`{at}` lies before the object")
        self._at = at
        return at

    def tell(self):
        return self._at

    def readinto(self, buffer):
        wanted = len(buffer) if self._end is None else min(len(buffer), max(self._end - self._at, 0))
        read = self._folder.read(self._path, self._at, wanted)
        buffer[: len(read)] = read
        if 0 < len(read) < wanted:
            self._end = self._at + len(read)
        self._at += len(read)
        return len(read)
