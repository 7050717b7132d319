"""What answers a transform in a test in the place of stores, secrets and servers."""

from types import SimpleNamespace

from . import access

#: Objects in a page of a listing, and bytes of a path, as the contract and stores have them.
PAGE_OBJECTS = 1_000
PATH_BYTES_MAX = 1_024


class Fakes:
    """Folders, secrets and a server, where a harness was given them; nothing else is declared."""

    def __init__(self, folders, secrets, http):
        self._secrets, self._http = secrets or {}, http
        self._folders = {name: _Folder(objects) for name, objects in (folders or {}).items()}

    def answer(self):
        """Answers from now on."""
        access.hosts.update(
            objects=SimpleNamespace(open=lambda name: _declared(self._folders, name)),
            secrets=SimpleNamespace(read=lambda name: _declared(self._secrets, name)),
            http=SimpleNamespace(send=self._send),
        )

    def commit(self):
        """Makes what was written and deleted appear."""
        for folder in self._folders.values():
            folder.commit()

    def _send(self, request, _):
        if not self._http:
            raise access.Denied(f"{request.about}: the step declares no requests")
        return self._http(request)


def _declared(those, name):
    if name not in those:
        raise access.Denied(f"the step does not declare `{name}`")
    return those[name]


class _Handle:
    """What bindings let go of so."""

    def __exit__(self, *_):
        pass


class _Folder(_Handle):
    def __init__(self, objects):
        self.objects, self.changes = objects, {}

    def list(self, prefix, after):
        folder = f"{_path(prefix).rstrip('/')}/" if prefix else ""
        paths = [path for path in sorted(self.objects) if path.startswith(folder) and path > (after or "")]
        page, more = paths[:PAGE_OBJECTS], paths[PAGE_OBJECTS:]
        return SimpleNamespace(objects=[self.head(path) for path in page], next=page[-1] if more else None)

    def head(self, path):
        return _entry(path, self._bytes(path))

    def read(self, path, offset, length):
        return self._bytes(path)[offset : offset + length]

    def create(self, path, overwrite):
        if self.changes.get(_path(path)) is not None or path in self.objects and not overwrite:
            raise access.Exists(f"`{path}`: there is such an object already")
        return _Writer(self, path)

    def delete(self, path):
        self._bytes(path)
        self.changes[path] = None

    def commit(self):
        for path, data in self.changes.items():
            if data is None:
                self.objects.pop(path, None)
            else:
                self.objects[path] = data
        self.changes = {}

    def _bytes(self, path):
        if _path(path) not in self.objects:
            raise access.Missing(f"`{path}`: there is no such object")
        data = self.objects[path]
        return data.encode() if isinstance(data, str) else data


class _Writer(_Handle):
    def __init__(self, folder, path):
        self.folder, self.path, self.data = folder, path, b""

    def write(self, data):
        assert type(data) is bytes, "not bytes"
        self.data += data

    def finish(self):
        self.folder.changes[self.path] = self.data
        return _entry(self.path, self.data)


def _entry(path, data):
    return SimpleNamespace(path=path, size=len(data), etag=None)


def _path(path):
    if any(part in ("", ".", "..") for part in path.rstrip("/").split("/")) or len(path.encode()) > PATH_BYTES_MAX:
        raise access.Malformed(f"`{path}` names nothing in the folder")
    return path
