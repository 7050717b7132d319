"""Columns: Arrow's buffers, seen as Python's values, and arithmetic over whole columns."""

import datetime
from array import array
from operator import index

from . import decode, encode, kernels, layout, types
from .fault import BadData
from .filter import Filter

_EPOCH = datetime.datetime(1970, 1, 1)
_COMPARISONS = ("<", "<=", "==", "!=", ">=", ">")
_MICROS = {"s": 10**6, "ms": 10**3, "us": 1}


def column(type, values, name="column"):
    """The column of values: an iterable with `None` for null, an `array`, a `memoryview`, or a column."""
    if isinstance(values, Column):
        if values.type != type:
            raise BadData(f"column `{name}` is of type {values.type}, the plan says {type}")
        return values
    if isinstance(values, (array, memoryview)):
        return _raw(type, memoryview(values), name)
    return Column(type, *encode.build(type, values if isinstance(values, list) else list(values), name))


def _raw(type, view, name):
    """Values as they lie in memory, none of them null."""
    code = layout.code(type)
    kinds = {"b": "bhilq", "B": "BHILQ", "f": "fd"}
    same = code is not None and view.itemsize == layout.width(type)
    if not same or not any(code in kind and view.format in kind for kind in kinds.values()):
        raise BadData(f"column `{name}`: memory of format {view.format}, expected {type}")
    return Column(type, len(view), 0, [b"", view.tobytes()], [])


class Column:
    """The values of one column of a batch; it does not change.

    As a sequence it has Python's values, `None` for null. Arithmetic (`+ - * /`) gives columns and comparisons
    give filters, over whole columns at native speed; a null gives a null, or false.
    """

    __slots__ = ("type", "length", "null_count", "buffers", "children", "_list")
    __hash__ = None

    def __init__(self, type, length, null_count, buffers, children=()):
        self.type = type
        self.length = length
        self.null_count = null_count
        #: As the contract has them: validity first (empty where nothing is null), `bytes` each.
        self.buffers = buffers
        self.children = children
        self._list = None

    @classmethod
    def from_flat(cls, type, arrays):
        """Takes what the type needs from an iterator over the contract's arrays."""
        array = next(arrays)
        children = [cls.from_flat(field.type, arrays) for field in type.children]
        return cls(type, array.length, array.null_count, array.buffers, children)

    def flat(self):
        """Length, nulls and buffers of this array and its children, in pre-order."""
        flat = [(self.length, self.null_count, self.buffers)]
        for child in self.children:
            flat.extend(child.flat())
        return flat

    def __len__(self):
        return self.length

    def __iter__(self):
        return iter(self.to_list())

    def __getitem__(self, row):
        return self.to_list()[row]

    def __repr__(self):
        shown = ", ".join(map(repr, self.to_list()[:6]))
        return f"<column of {self.length} x {self.type}: {shown}{', …' if self.length > 6 else ''}>"

    def to_list(self):
        """All values as Python's, `None` for null; made once, and not to be changed."""
        if self._list is None:
            self._list = decode.to_list(self)
        return self._list

    @property
    def values(self):
        """The numbers as a `memoryview` without a copy, whatever lies there for nulls; indices of a dictionary."""
        code = layout.code(self.type)
        if code is None:
            raise TypeError(f"values of {self.type} are no plain numbers")
        return memoryview(self.buffers[1])[: self.length * layout.width(self.type)].cast(code)

    @property
    def offsets(self):
        """Where each value of text, binary data or lists starts, and the last one ends, as a `memoryview`."""
        width = layout.OFFSETS[self.type.format]
        if not self.length:
            return memoryview(b"\0" * 8).cast("i")[:1]
        return memoryview(self.buffers[1])[: (self.length + 1) * width].cast("i" if width == 4 else "q")

    @property
    def validity(self):
        """One bit for each value, zero for null; `None` where nothing is null."""
        return self.buffers[0] if self.null_count and layout.has_validity(self.type) else None

    def is_null(self, row):
        """Whether a value is null."""
        if self.type == types.null:
            return True
        validity = self.validity
        return validity is not None and not validity[row >> 3] >> (row & 7) & 1

    def known(self):
        """The filter of the values that are not null."""
        if self.type == types.null:
            return ~Filter.all(self.length)
        validity = self.validity
        return Filter.all(self.length) if validity is None else Filter.from_bits(validity, self.length)

    def datetimes(self):
        """The values as objects of `datetime`: dates, times, datetimes or timedeltas; nanoseconds are cut off.

        Datetimes of a column with a zone are in UTC.
        """
        convert = _datetime_of(self.type)
        return [None if value is None else convert(value) for value in self.to_list()]

    def filter(self, rows):
        """The values of the rows that survive."""
        return rows.select(self)

    def take(self, rows):
        """The values of rows by index."""
        values = self.to_list()
        return column(self.type, [values[row] for row in rows])

    # Whole columns at once.

    def numbers(self):
        """The numbers as float64, from integers, floats and decimals; beyond 2^53 they lose precision."""
        return self._as(types.float64, "d", float)

    def integers(self):
        """The integers as int64; a fault where one of uint64 does not fit."""
        return self._as(types.int64, "q", index)

    def _as(self, target, code, convert):
        if self.type == target:
            return self
        plain = None if self.type.dictionary else layout.code(self.type)
        if plain and not (code == "q" and plain in "Qfd"):
            data = kernels.cast(plain, code, self.buffers[1][: self.length * layout.width(self.type)])
            return self._like(target, data)
        return column(target, [None if value is None else convert(value) for value in self])

    def _like(self, type, data, other=None):
        """A column of fixed-width values which is null where this is, or `other` is."""
        validity, nulls = self.validity or b"", self.null_count
        if isinstance(other, Column) and other.null_count:
            validity = kernels.bits_and(validity, other.validity) if nulls else other.validity
            nulls = self.length - kernels.bits_count(validity, self.length)
        return Column(type, self.length, nulls, [validity, data])

    def _operands(self, other, op):
        """The type, the code and both sides of an operation between numbers."""
        sides = [self, other]
        floats = op == "/" or any(_is_float(side) for side in sides)
        type, code = (types.float64, "d") if floats else (types.int64, "q")
        raw = []
        for side in sides:
            if isinstance(side, Column):
                counts = op in _COMPARISONS and layout.code(side.type) and not side.type.dictionary
                if not (counts or side.type.is_integer or side.type.is_float or side.type.is_decimal):
                    raise TypeError(f"`{op}` is for numbers, not for {side.type}")
                raw.append((side.numbers() if floats else side.integers()).buffers[1][: 8 * side.length])
            elif isinstance(side, (int, float)):
                raw.append(float(side) if floats else side)
            else:
                return None
        if isinstance(other, Column) and other.length != self.length:
            raise ValueError(f"columns of {self.length} and {other.length} values")
        return type, code, raw

    def _arithmetic(self, op, other, turned=False):
        operands = self._operands(other, op)
        if operands is None:
            return NotImplemented
        type, code, (left, right) = operands
        if turned:
            left, right = right, left
        return self._like(type, kernels.arithmetic(op, code, left, right), other)

    def _compare(self, op, other):
        if self.type.is_text and isinstance(other, str):
            return self._match(op, other)
        operands = self._operands(other, op)
        if operands is None:
            return NotImplemented
        _, code, (left, right) = operands
        rows = Filter.from_bits(kernels.compare(op, code, left, right), self.length) & self.known()
        return rows & other.known() if isinstance(other, Column) else rows

    def __add__(self, other):
        return self._arithmetic("+", other)

    def __radd__(self, other):
        return self._arithmetic("+", other, turned=True)

    def __sub__(self, other):
        return self._arithmetic("-", other)

    def __rsub__(self, other):
        return self._arithmetic("-", other, turned=True)

    def __mul__(self, other):
        return self._arithmetic("*", other)

    def __rmul__(self, other):
        return self._arithmetic("*", other, turned=True)

    def __truediv__(self, other):
        return self._arithmetic("/", other)

    def __rtruediv__(self, other):
        return self._arithmetic("/", other, turned=True)

    def __lt__(self, other):
        return self._compare("<", other)

    def __le__(self, other):
        return self._compare("<=", other)

    def __eq__(self, other):
        return self._compare("==", other)

    def __ne__(self, other):
        return self._compare("!=", other)

    def __ge__(self, other):
        return self._compare(">=", other)

    def __gt__(self, other):
        return self._compare(">", other)

    # Text.

    def _match(self, op, wanted):
        if op == "!=":
            return ~self._match("==", wanted) & self.known()
        if op not in ("==", "in", "^", "$"):
            test = {"<": str.__lt__, "<=": str.__le__, ">": str.__gt__, ">=": str.__ge__}[op]
            return Filter(value is not None and test(value, wanted) for value in self)
        if not self.type.is_text:
            raise TypeError(f"a match of text is not for {self.type}")
        text = self.text()
        if not self.length:
            return Filter.all(0)
        width = layout.OFFSETS[text.type.format]
        bits = kernels.text_match(op, width, *text.buffers[1:], self.length, wanted.encode())
        return Filter.from_bits(bits, self.length) & self.known()

    def text(self):
        """The text as utf8 or large_utf8, from any layout, dictionaries too."""
        if self.type in (types.utf8, types.large_utf8):
            return self
        return column(types.utf8, self.to_list())

    def contains(self, part):
        """The filter of the texts that hold `part`."""
        return self._match("in", part)

    def starts_with(self, part):
        """The filter of the texts that start with `part`."""
        return self._match("^", part)

    def ends_with(self, part):
        """The filter of the texts that end with `part`."""
        return self._match("$", part)

    def upper(self):
        """The texts in upper case."""
        return self._recased(str.upper, bytes.upper)

    def lower(self):
        """The texts in lower case."""
        return self._recased(str.lower, bytes.lower)

    def _recased(self, of_text, of_bytes):
        text = self.text()
        if not self.length or text.buffers[2].isascii():
            return Column(text.type, self.length, text.null_count, [*text.buffers[:2], of_bytes(text.buffers[2])])
        return column(text.type, [value and of_text(value) for value in text])

    def hashes(self, seed=0):
        """A hash of 64 bits of each value as uint64, the same in every run; not for secrets."""
        if self.type.is_text:
            text = self.text()
            width = layout.OFFSETS[text.type.format]
            data = kernels.hash_text(width, *text.buffers[1:], self.length, seed) if self.length else b""
        elif layout.width(self.type) and not self.type.dictionary:
            width = layout.width(self.type)
            data = kernels.hash_fixed(width, self.buffers[1], self.length, seed)
        else:
            raise TypeError(f"hashes are for text and values of fixed width, not for {self.type}")
        return self._like(types.uint64, data)

    def cut(self, bounds, labels):
        """The label of each number: the first below the first of the rising bounds, the last from the last on.

        A NaN gets the first label.
        """
        if len(labels) != len(bounds) + 1:
            raise ValueError(f"{len(labels)} labels for {len(bounds)} bounds, which takes {len(bounds) + 1}")
        codes = kernels.cut(self.numbers().buffers[1][: 8 * self.length], [float(bound) for bound in bounds])
        offsets, data = kernels.choose(codes, [label.encode() for label in labels])
        return Column(types.utf8, self.length, self.null_count, [self.validity or b"", offsets, data])


def _is_float(side):
    if isinstance(side, Column):
        return side.type.is_float or side.type.is_decimal
    return isinstance(side, float)


def _datetime_of(type):
    """What makes an object of `datetime` of a count."""
    if type.format == "tdD":
        return lambda days: datetime.date.fromordinal(days + _EPOCH.toordinal())
    if type.format == "tdm":
        return lambda millis: _EPOCH + datetime.timedelta(milliseconds=millis)
    if type.unit is None:
        raise TypeError(f"{type} counts no time")

    def length(count):
        micros = count // 1000 if type.unit == "ns" else count * _MICROS[type.unit]
        return datetime.timedelta(microseconds=micros)

    if type.format.startswith("tD"):
        return length
    if type.format.startswith("tt"):
        return lambda count: (_EPOCH + length(count)).time()
    start = _EPOCH.replace(tzinfo=datetime.UTC) if type.zone else _EPOCH
    return lambda count: start + length(count)
