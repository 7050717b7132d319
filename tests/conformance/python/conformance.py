"""The conformance guest in Python: each mode does one thing that every SDK must be able to do."""

import json
from typing import List  # Since `list` is a parameter.

from sluicegate import (
    BadData, Filter, Invalid, Transform, Transient, exactly, export, float64, int64, log, required, uint32,
    uint64, utf8,
)  # fmt: skip
from sluicegate.fault import names_hint
from sluicegate.params import Parameters


class Mode:
    """What a mode does in each call; the default passes all columns and emits all rows."""

    class Params:
        mode: str

    def bind(self, plan, params):
        plan.pass_all().stateless()

    def process(self, batch, out):
        out.all()

    def finish(self, out):
        pass


class Echo(Mode):
    """Rebuilds every column by the readers and builders."""

    def bind(self, plan, params):
        plan.stateless()
        self.names = []
        for field in plan.input:
            self.names.append(plan.read(field.name))
            plan.compute(field.name, field.type, field.nullable, field.metadata)

    def process(self, batch, out):
        out.all(*([*batch[name]] for name in self.names))


class Pass(Mode):
    """Passes everything."""


class FilterMode(Mode):
    """Emits the rows where `keep` is true, with their index in the batch."""

    def bind(self, plan, params):
        plan.read("keep")
        plan.pass_all().compute("row", required(uint32)).stateless()

    def process(self, batch, out):
        rows = Filter.true(batch["keep"])
        out.filter(rows, row=rows.rows())


class Take(Mode):
    """Emits the rows in reverse, then the first one three times."""

    def process(self, batch, out):
        out.take(range(batch.n_rows)[::-1])
        if batch.n_rows:
            out.take([0, 0, 0])


class Reject(Mode):
    """Rejects the rows where `keep` is not true."""

    def bind(self, plan, params):
        plan.read("keep")
        plan.pass_all().stateless()

    def process(self, batch, out):
        rows = Filter.true(batch["keep"])
        for row in (~rows).rows():
            out.reject(row, f"row {row}")
        out.filter(rows)


class Params(Mode):
    """Shows its parameters."""

    class Params:
        mode: str
        text: str
        whole: int
        real: float = 1.5
        flag: bool = False
        list: List[str] = []

    def bind(self, plan, params):
        plan.pass_all().compute("params", required(utf8)).stateless()
        shown = {name: getattr(params, name) for name in ("text", "whole", "real", "flag", "list")}
        self.text = json.dumps(shown, separators=(",", ":"), ensure_ascii=False)

    def process(self, batch, out):
        out.all([self.text] * batch.n_rows)


class FaultInvalid(Mode):
    """Reads a column that is not there."""

    def bind(self, plan, params):
        plan.read("missing")


class FaultData(Mode):
    """Fails for good."""

    def process(self, batch, out):
        raise BadData("bad data")


class FaultTransient(Mode):
    """Fails for now."""

    def process(self, batch, out):
        raise Transient("try again")


class Panic(Mode):
    """Raises an error two functions deep."""

    def process(self, batch, out):
        outer()


def outer():
    inner()


def inner():
    raise RuntimeError("boom")


class Log(Mode):
    """Says hello at each level."""

    def bind(self, plan, params):
        for write in (log.trace, log.debug, log.info, log.warn, log.error):
            write("hello")
        plan.pass_all().stateless()


class Count(Mode):
    """Counts rows and adds up `x` over all batches."""

    def bind(self, plan, params):
        plan.read("x", exactly(int64))
        plan.compute("rows", required(uint64)).compute("sum", int64)
        self.rows, self.sum = 0, None

    def process(self, batch, out):
        self.rows += batch.n_rows
        known = batch["x"].known()
        if known.n_selected:
            self.sum = (self.sum or 0) + sum(known.select(batch["x"]).values)

    def finish(self, out):
        out.rows([self.rows], [self.sum])


class Running(Mode):
    """The sum of `x` so far, in every row."""

    def bind(self, plan, params):
        plan.read("x", exactly(int64))
        plan.pass_all().compute("total", int64)
        self.total = 0

    def process(self, batch, out):
        out.all([self.add(x) for x in batch["x"]])

    def add(self, x):
        self.total += x or 0
        return self.total


class Many(Mode):
    """Emits every row as a batch."""

    def process(self, batch, out):
        for row in range(batch.n_rows):
            out.take([row])


class Spin(Mode):
    """Never returns."""

    def process(self, batch, out):
        while True:
            pass


class Grow(Mode):
    """Takes memory without end."""

    def process(self, batch, out):
        taken = []
        while True:
            taken.append(bytes(1 << 20))


class AddOne(Mode):
    """Adds one to `a` and `b`, as fast as can be."""

    def bind(self, plan, params):
        plan.read("a", exactly(int64))
        plan.read("b", exactly(float64))
        plan.compute("a", int64).compute("b", float64).stateless()

    def process(self, batch, out):
        out.all(batch["a"] + 1, batch["b"] + 1)


class AddOneLoop(AddOne):
    """The same by list comprehensions, to compare."""

    def process(self, batch, out):
        out.all(*([None if x is None else x + 1 for x in batch[name]] for name in ("a", "b")))


MODES = {
    "echo": Echo, "pass": Pass, "filter": FilterMode, "take": Take, "reject": Reject, "params": Params,
    "fault-invalid": FaultInvalid, "fault-data": FaultData, "fault-transient": FaultTransient, "panic": Panic,
    "log": Log, "count": Count, "running": Running, "many": Many, "spin": Spin, "grow": Grow,
    "add-one": AddOne, "add-one-loop": AddOneLoop,
}  # fmt: skip
DECLARED = {mode: Parameters(mode.Params) for mode in MODES.values()}


@export
class Conformance(Transform):
    """Hands every call to the mode that the parameters name."""

    Params = dict

    def bind(self, plan, params):
        name = params.get("mode")
        if name not in MODES:
            raise Invalid(f"mode `{name}` is not known; {names_hint(str(name), MODES)}")
        mode = MODES[name]()
        mode.bind(plan, DECLARED[type(mode)].check(params))
        self.process, self.finish = mode.process, mode.finish
