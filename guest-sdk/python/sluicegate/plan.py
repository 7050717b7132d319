"""What a transform will do with every batch."""

from . import types
from .fault import BadData, Invalid, names_hint
from .types import Field


def _numbers(type):
    return type == types.null or ((type.is_integer or type.is_float or type.is_decimal) and not type.dictionary)


def _integers(type):
    return type == types.null or (type.is_integer and type != types.uint64)


class View:
    """A way to see columns of several types; `Plan.read` takes one of those below."""

    def __init__(self, expected, accepts, convert=None):
        self.expected = expected
        self.accepts = accepts
        self.convert = convert or (lambda column: column)


#: Columns of any type, as they are.
anything = View("any type", lambda type: True)
#: Integers, floats and decimals as float64.
numbers = View("a number", _numbers, lambda column: column.numbers())
#: Integers as int64; uint64 is not accepted, as not all fit.
integers = View("an integer", _integers, lambda column: column.integers())
#: Text in any layout, dictionaries too, as it is.
text = View("text", lambda type: type == types.null or type.is_text)
#: Timestamps of any unit, as they are.
timestamps = View("a timestamp", lambda type: type.is_timestamp)


def exactly(type):
    """Columns of one type."""
    return View(str(type), lambda other: other == type)


class Plan:
    """What a transform will do with every batch: which columns it reads, and which the output has.

    Columns of the output stand in the order in which they were planned.
    """

    def __init__(self, fields):
        #: The fields of the input.
        self.input = fields
        #: Columns that are read: index in the input and view, by their key in the batch.
        self.reads = {}
        #: Columns of the output: an index of the input, or a computed `Field`.
        self.output = []
        self.is_stateless = False
        #: Computed fields in the order of planning, which is that of emitted values.
        self.computed = []

    def field(self, name):
        """The field of an input column; a fault that lists them all where there is none."""
        return self.input[self._index(name)]

    def read(self, name, view=anything):
        """Reads an input column in every batch, seen as a view or of exactly one type.

        Returns its key in the batch: its name, unless it is read before as another view.
        """
        if isinstance(view, types.DataType):
            view = exactly(view)
        index = self._index(name)
        type = self.input[index].type
        if not view.accepts(type):
            raise Invalid(f"column `{name}` is of type {type}, expected {view.expected}")
        key = name
        while self.reads.setdefault(key, (index, view)) != (index, view):
            key += f" as {view.expected}"
        return key

    def pass_all(self):
        """Passes every input column through that the output does not have yet."""
        return self.pass_all_but()

    def pass_all_but(self, *left_out):
        """Passes every input column through, but those named."""
        for name in left_out:
            self._index(name)
        for index, field in enumerate(self.input):
            if field.name not in left_out and self._position(field.name) is None:
                self.output.append(index)
        return self

    def pass_column(self, name):
        """Passes one input column through."""
        self._push(name, self._index(name))
        return self

    def compute(self, name, type, nullable=True, metadata=()):
        """Adds a computed column at the end; `type` may be `required(type)`."""
        field = _field(name, type, nullable, metadata)
        self._push(name, field)
        self.computed.append(field)
        return self

    def replace(self, name, type, nullable=True, metadata=()):
        """Computes a column in the place of the passed one of the same name."""
        field, position = _field(name, type, nullable, metadata), self._position(name)
        if position is None or isinstance(self.output[position], Field):
            raise Invalid(f"column `{name}` is not passed through, so it cannot be replaced")
        self.output[position] = field
        self.computed.append(field)
        return self

    def stateless(self):
        """Declares that each batch can be processed alone, in any order and by any instance.

        Without this, one instance sees a whole partition in order.
        """
        self.is_stateless = True
        return self

    def read_indices(self):
        """The input columns that are read, each once."""
        return list(dict.fromkeys(index for index, _ in self.reads.values()))

    def _index(self, name):
        for index, field in enumerate(self.input):
            if field.name == name:
                return index
        hint = names_hint(name, [field.name for field in self.input])
        raise Invalid(f"the input has no column `{name}`; {hint}")

    def _name(self, column):
        return column.name if isinstance(column, Field) else self.input[column].name

    def _position(self, name):
        for position, column in enumerate(self.output):
            if self._name(column) == name:
                return position
        return None

    def _push(self, name, column):
        if self._position(name) is not None:
            raise Invalid(f"the output would have two columns `{name}`")
        self.output.append(column)


def _field(name, type, nullable, metadata):
    if isinstance(type, Field):
        type, nullable = type.type, type.nullable
    return Field(name, type, nullable, tuple(metadata))


def computed_column(field, values, n_rows):
    """The column of a computed field, checked against the plan and the number of rows."""
    from .column import column

    name = field.name
    built = column(field.type, values, name)
    if len(built) != n_rows:
        raise BadData(f"column `{name}` has {len(built)} values for {n_rows} selected rows")
    if not field.nullable and built.null_count:
        raise BadData(f"column `{name}` has nulls, the plan says it has none")
    return built
