"""The conformance guest in Python for what lies beyond the columns: objects, secrets and HTTP."""

from sluicegate import Invalid, Transform, export, http, log, objects, required, secrets, uint64, utf8
from sluicegate.access import AccessError
from sluicegate.fault import names_hint
from sluicegate.params import Parameters

#: Bytes of one ranged read.
READ_BYTES = 64 << 10


class Mode:
    """What a mode does in each call; the default passes all columns and emits all rows."""

    class Params:
        mode: str

    def bind(self, plan, params):
        plan.pass_all().stateless()
        self.reach(params)

    def reach(self, params):
        """What it does beyond the columns, once."""

    def process(self, batch, out):
        out.all()

    def finish(self, out):
        pass


class ObjectCopy(Mode):
    """Copies an object in the first batch, piece by piece."""

    class Params:
        mode: str
        source: str
        source_path: str
        target: str
        target_path: str

    def bind(self, plan, params):
        plan.pass_all()
        self.params = params

    def process(self, batch, out):
        if self.params:
            self.copy(self.params)
            self.params = None
        out.all()

    def copy(self, params):
        with objects.open(params.source) as source, objects.open(params.target) as target:
            with target.create(params.target_path) as writer:
                offset = 0
                while piece := source.read(params.source_path, offset, READ_BYTES):
                    writer.write(piece)
                    offset += len(piece)


class ObjectList(Mode):
    """Emits a row for each object of a folder."""

    class Params:
        mode: str
        folder: str
        prefix: str = ""

    def bind(self, plan, params):
        plan.compute("path", required(utf8)).compute("size", required(uint64))
        self.params = params

    def process(self, batch, out):
        pass

    def finish(self, out):
        with objects.open(self.params.folder) as folder:
            found = [*folder.list(self.params.prefix)]
        out.rows([entry.path for entry in found], [entry.size for entry in found])


class ObjectErrors(Mode):
    """Does four things that fail, and logs how."""

    class Params:
        mode: str
        folder: str
        path: str

    def reach(self, params):
        folder = objects.open(params.folder)
        kinds = [
            failure(lambda: objects.open("undeclared")),
            failure(lambda: folder.head("absent")),
            failure(lambda: folder.head("../x")),
            failure(lambda: folder.create(params.path)),
        ]
        log.info(" ".join(kinds))


class Secret(Mode):
    """Logs how long a secret is."""

    class Params:
        mode: str
        name: str

    def reach(self, params):
        try:
            log.info(f"secret {len(secrets.read(params.name).encode())} bytes")
        except AccessError as error:
            log.info(error.kind)


class Http(Mode):
    """Sends a request and logs what was answered."""

    class Params:
        mode: str
        method: str = "GET"
        url: str
        headers: dict[str, str] = {}
        body: str = ""
        timeout_ms: int = int(http.TIMEOUT * 1000)

    def reach(self, params):
        more = {"headers": params.headers, "body": params.body or None, "timeout": params.timeout_ms / 1000}
        try:
            response = http.request(params.method, params.url, **more)
            log.info(f"{response.status} {len(response.body)}")
        except AccessError as error:
            log.info(error.kind)


def failure(call):
    """The word for why a call failed."""
    try:
        call()
    except AccessError as error:
        return error.kind
    return "none"


MODES = {
    "object-copy": ObjectCopy, "object-list": ObjectList, "object-errors": ObjectErrors, "secret": Secret, "http": Http,
}  # fmt: skip
DECLARED = {mode: Parameters(mode.Params) for mode in MODES.values()}


@export
class Access(Transform):
    """Hands every call to the mode that the parameters name."""

    Params = dict

    def bind(self, plan, params):
        name = params.get("mode")
        if name not in MODES:
            raise Invalid(f"mode `{name}` is not known; {names_hint(str(name), MODES)}")
        mode = MODES[name]()
        mode.bind(plan, DECLARED[type(mode)].check(params))
        self.process, self.finish = mode.process, mode.finish
