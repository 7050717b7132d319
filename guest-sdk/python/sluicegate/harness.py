"""Unit-test a transform without wasm.

The harness binds a transform, hands it batches and does what the host does with the results: columns pass through,
selections apply, rejections and messages are collected.

    harness = Harness(SalesEtl, {"amount": float64}, {"min_amount": 10})
    outcome = harness.process({"amount": [5.0, 120.5, None]})
    assert outcome.rows == [{"amount": 120.5, "amount_bucket": "high"}]
"""

import json
from types import SimpleNamespace

from . import kernels, log, types
from .column import column
from .fakes import Fakes
from .fault import BadData
from .instance import Instance
from .types import Field


class Outcome:
    """What came out of one call."""

    def __init__(self, names, messages):
        #: The names of the columns of the output.
        self.names = names
        #: The emitted rows as dicts, of all calls together.
        self.rows = []
        #: The rows that were rejected: pairs of index and reason.
        self.rejections = []
        #: The messages since the last call, `bind` included: pairs of level and text.
        self.messages = messages

    def column(self, name):
        """The values of one column of the output."""
        return [row[name] for row in self.rows]


class Harness:
    """A transform bound to a schema and parameters, with a host around it."""

    def __init__(self, transform, schema, params=None, *, objects=None, secrets=None, http=None):
        """`schema` has types by name, a type or `required(type)`; `params` is what the application sets.

        What the step would declare: `objects` has folders by name, each a dict of bytes by path, in which `finish` puts what
        was written; `secrets` has texts by name; `http(request)` answers requests, by a `Response` or an exception.
        """
        self._messages = []
        self._fakes = Fakes(objects, secrets, http)
        self._fakes.answer()
        log.sink = lambda level, message: self._messages.append((level, message))
        fields = [field if isinstance(field, Field) else Field(name, field) for name, field in schema.items()]
        self._fields = [Field(name, field.type, field.nullable) for name, field in zip(schema, fields)]
        # There and back through the contract's flat form.
        make = lambda *parts: SimpleNamespace(  # noqa: E731
            **dict(zip(("name", "format", "nullable", "dictionary", "children", "metadata"), parts))
        )
        flat = [part for field in self._fields for part in types.field_to_flat(field, make)]
        self._instance = Instance(transform, types.fields_from_flat(flat), json.dumps(params or {}))
        self.plan = self._instance.plan

    @property
    def output(self):
        """The fields of what the transform emits."""
        return [part if isinstance(part, Field) else self._fields[part] for part in self.plan.output]

    def process(self, batch):
        """Processes one batch, values by name."""
        columns = [column(field.type, batch[field.name], field.name) for field in self._fields]
        return self._call(columns, self._instance.process)

    def finish(self):
        """Ends the run, and commits what it wrote."""
        outcome = self._call(None, self._instance.finish)
        self._fakes.commit()
        return outcome

    def _call(self, columns, call):
        outcome = Outcome([field.name for field in self.output], self._messages)
        log.sink = lambda level, message: outcome.messages.append((level, message))
        self._fakes.answer()
        call(_Host(self, columns, outcome))
        self._messages = []
        return outcome


class _Host:
    """The host's part of the contract."""

    def __init__(self, harness, columns, outcome):
        self.plan = harness.plan
        self.columns = columns
        self.outcome = outcome

    def n_rows(self):
        return len(self.columns[0]) if self.columns else 0

    def read(self, indices):
        reads = self.plan.read_indices()
        flat = (self.columns[reads[index]].flat() for index in indices)
        names = ("length", "null_count", "buffers")
        return [[SimpleNamespace(**dict(zip(names, array))) for array in arrays] for arrays in flat]

    def emit(self, selection, computed):
        kind, data = selection
        computed = iter(computed)
        values = []
        for part in self.plan.output:
            if isinstance(part, Field):
                flat = next(computed).flat()
                assert all(type(buffer) is bytes for _, _, buffers in flat for buffer in buffers), "not bytes"
                values.append(column_of(part.type, flat).to_list())
            else:
                values.append(_selected(self.columns[part].to_list(), kind, data))
        self.outcome.rows += (dict(zip(self.outcome.names, row)) for row in zip(*values, strict=True))

    def reject(self, rows):
        for row, _ in rows:
            if row >= self.n_rows():
                raise BadData(f"row {row} rejected of a batch of {self.n_rows()} rows")
        self.outcome.rejections += rows


def column_of(type, flat):
    """A column of what `Column.flat` gave."""
    from .column import Column

    arrays = (SimpleNamespace(length=length, null_count=nulls, buffers=buffers) for length, nulls, buffers in flat)
    return Column.from_flat(type, arrays)


def _selected(values, kind, data):
    if kind == "all":
        return values
    if kind == "take":
        return [values[row] for row in memoryview(data).cast("I")]
    return [value for value, keep in zip(values, kernels.bits_unpack(data, len(values))) if keep]
