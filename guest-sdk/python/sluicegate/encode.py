"""From Python's values to Arrow's buffers."""

import datetime
import decimal
import struct
from array import array

from . import kernels, layout
from ._pure import flatten
from .decode import EXACT
from .fault import BadData

_EPOCH = datetime.datetime(1970, 1, 1)
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
#: What a value may raise that is not of its type.
WRONG = (TypeError, ValueError, OverflowError, KeyError, AttributeError, struct.error, decimal.InvalidOperation)


def build(type, values, name):
    """The parts of the column `name` of a list of values: length, nulls, buffers and children."""
    try:
        return _parts(type, values)
    except WRONG as cause:
        raise BadData(f"column `{name}`: {_first_wrong(type, values, cause)}") from cause


def _first_wrong(type, values, cause):
    """Which value is wrong, found only once one is known to be."""
    for row, value in enumerate(values):
        try:
            _parts(type, [value])
        except WRONG as alone:
            reason = f": {alone}" if str(alone) else ""
            return f"value {row} is {value!r:.80}, expected {type}{reason}"
    return f"expected {type}: {cause}"


def _parts(type, values):
    if type.dictionary:
        return _dictionary(type, values)
    code = layout.code(type)
    if code is not None:
        return _plain(type, code, values)
    if type.format in _ENCODERS:
        return _ENCODERS[type.format](type, values)
    if type.is_decimal:
        return _decimals(type, values)
    if type.format.startswith("+w:"):
        return _fixed_lists(type, values)
    return _fixed_binary(type, values)


def _leaf(values, buffers, validity=b"", n_nulls=0):
    return len(values), n_nulls, [validity, *buffers], []


def _known(values):
    """Validity and number of nulls."""
    if None not in values:
        return b"", 0
    known = bytes([value is not None for value in values])
    return kernels.bits_pack(known), known.count(0)


def _filled(values, filler):
    """The values, with `filler` in the place of nulls."""
    return [filler if value is None else value for value in values]


def _plain(type, code, values):
    try:
        data, validity, n_nulls = kernels.pack(code, values)
    except TypeError:
        count = _counter(type)
        if count is None:
            raise
        data, validity, n_nulls = kernels.pack(code, [count(value) for value in values])
    return _leaf(values, [data], validity, n_nulls)


def _counter(type):
    """What makes a count of a value of Python's `datetime`, for types that count time."""
    if type.format in ("tdD", "tdm"):
        return _days if type.format == "tdD" else _counted("ms", _since_epoch)
    of = {"ts": _since_epoch, "tt": _since_midnight, "tD": _length}.get(type.format[:2])
    return of and _counted(type.unit, of)


def _counted(unit, delta_of):
    micros = datetime.timedelta(microseconds=1)
    per_second = _PER_SECOND[unit]

    def count(value):
        if value is None or isinstance(value, int):
            return value
        number, rest = divmod(delta_of(value) // micros * per_second, 10**6)
        if rest:
            raise ValueError(f"finer than its unit, {unit}")
        return number

    return count


def _days(value):
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, datetime.datetime):
        raise TypeError("a date has no time")
    return value.toordinal() - _EPOCH.toordinal()


def _since_epoch(value):
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day)
    if value.tzinfo is not None:
        value = value.astimezone(datetime.UTC).replace(tzinfo=None)
    return value - _EPOCH


def _since_midnight(value):
    return datetime.datetime.combine(_EPOCH, value) - _EPOCH


def _length(value):
    return value - datetime.timedelta()


def _nulls(type, values):
    if any(value is not None for value in values):
        raise TypeError("only None is a null")
    return len(values), len(values), [], []


def _booleans(type, values):
    validity, n_nulls = _known(values)
    flags = bytes(map(_flag, values))
    return _leaf(values, [kernels.bits_pack(flags)], validity, n_nulls)


def _flag(value):
    if value is None or isinstance(value, bool):
        return bool(value)
    raise TypeError("expected a bool")


def _half_floats(type, values):
    data = struct.pack(f"<{len(values)}e", *_filled(values, 0.0))
    return _leaf(values, [data], *_known(values))


def _compound(type, values):
    layout_of = layout.COMPOUND[type.format]
    nothing = (0,) * (len(layout_of.format) - 1)
    data = b"".join([layout_of.pack(*value) for value in _filled(values, nothing)])
    return _leaf(values, [data], *_known(values))


def _decimals(type, values):
    precision, scale, bits = type.decimal
    most = 10**precision

    def unscaled(value):
        if isinstance(value, float):
            raise TypeError("a float is not exact")
        scaled = EXACT.scaleb(EXACT.create_decimal(value), scale)
        number = int(scaled)
        if number != scaled:
            raise ValueError(f"more than {scale} digits after the point")
        if not -most < number < most:
            raise ValueError(f"more than {precision} digits")
        return number.to_bytes(bits // 8, "little", signed=True)

    data = b"".join([unscaled(value) for value in _filled(values, 0)])
    return _leaf(values, [data], *_known(values))


def _fixed_binary(type, values):
    size = type.size
    for value in values:
        if value is not None and len(value) != size:
            raise ValueError(f"{len(value)} bytes")
    return _leaf(values, [b"".join(_filled(values, bytes(size)))], *_known(values))


def _text(type, values):
    offsets, data, validity, n_nulls = kernels.text_pack(layout.OFFSETS[type.format], values)
    return _leaf(values, [offsets, data], validity, n_nulls)


def _binary(type, values):
    filled = _filled(values, b"")
    ends = [0]
    for value in filled:
        ends.append(ends[-1] + len(value))
    return _leaf(values, [_offsets(type, ends), b"".join(filled)], *_known(values))


def _offsets(type, ends):
    return array("i" if layout.OFFSETS[type.format] == 4 else "q", ends).tobytes()


def _text_views(type, values):
    return _views(type, [None if value is None else value.encode() for value in values])


def _views(type, values):
    views, data, at = [], [], 0
    for value in _filled(values, b""):
        if len(value) <= layout.INLINE_MAX:
            views.append(struct.pack("<i12s", len(value), value))
        else:
            views.append(struct.pack("<i4sii", len(value), value[:4], 0, at))
            data.append(value)
            at += len(value)
    buffers = [b"".join(views), *([b"".join(data)] if data else [])]
    return _leaf(values, buffers, *_known(values))


def _child(field, values, n_masked=0):
    """A child column; those of its nulls that lie under a null of its parent do not count."""
    from .column import Column

    child = Column(field.type, *_parts(field.type, values))
    if not field.nullable and child.null_count > n_masked:
        raise ValueError(f"`{field.name}` is never null")
    return child


def _lists(type, values):
    offsets, items = flatten(values)
    validity, n_nulls = _known(values)
    child = _child(type.children[0], items)
    return len(values), n_nulls, [validity, _offsets(type, offsets)], [child]


def _fixed_lists(type, values):
    size = type.size
    items = []
    for value in _filled(values, [None] * size):
        if len(value) != size:
            raise ValueError(f"{len(value)} values")
        items.extend(value)
    validity, n_nulls = _known(values)
    return len(values), n_nulls, [validity], [_child(type.children[0], items, n_nulls * size)]


def _structs(type, values):
    validity, n_nulls = _known(values)
    names = {field.name for field in type.children}
    for value in values:
        if value is not None and not value.keys() <= names:
            raise ValueError(f"no fields {sorted(value.keys() - names)}")
    children = [
        _child(field, [value and value.get(field.name) for value in values], n_nulls) for field in type.children
    ]
    return len(values), n_nulls, [validity], children


def _maps(type, values):
    lists = [list(value.items()) if isinstance(value, dict) else value for value in values]
    offsets, pairs = flatten(lists)
    validity, n_nulls = _known(values)
    names = [field.name for field in type.children[0].type.children]
    entries = _child(type.children[0], [dict(zip(names, pair, strict=True)) for pair in pairs])
    return len(values), n_nulls, [validity, _offsets(type, offsets)], [entries]


def _dictionary(type, values):
    from .column import Column

    field, distinct, kept = type.children[0], {}, []
    keys = []
    for value in values:
        if value is None:
            keys.append(None)
            continue
        # What is equal in Python may differ in Arrow, such as 0.0 and -0.0.
        identity = value if isinstance(value, (str, bytes)) else repr(value)
        key = distinct.setdefault(identity, len(kept))
        if key == len(kept):
            kept.append(value)
        keys.append(key)
    try:
        data, validity, n_nulls = kernels.pack(layout.code(type), keys)
    except OverflowError:
        raise ValueError(f"{len(kept)} different values") from None
    return len(values), n_nulls, [validity, data], [Column(field.type, *_parts(field.type, kept))]


_ENCODERS = {
    "n": _nulls, "b": _booleans, "e": _half_floats, "tiD": _compound, "tin": _compound,
    "u": _text, "U": _text, "vu": _text_views, "z": _binary, "Z": _binary, "vz": _views,
    "+l": _lists, "+L": _lists, "+s": _structs, "+m": _maps,
}  # fmt: skip
