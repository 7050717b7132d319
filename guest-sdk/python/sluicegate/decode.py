"""From Arrow's buffers to Python's values."""

import decimal
import struct

from . import kernels, layout

#: Holds the 76 digits of the widest decimal exactly.
EXACT = decimal.Context(prec=80, Emin=-999, Emax=999)


def to_list(column):
    """The values of a column: see the table of types in the README."""
    values = _values(column)
    if column.validity is not None and not column.type.dictionary:
        kernels.nullify(values, column.validity)
    return values


def _values(column):
    type, length = column.type, column.length
    if type.dictionary:
        return _dictionary(column)
    if layout.code(type) is not None:
        return column.values.tolist()
    if type.format in _DECODERS:
        return _DECODERS[type.format](column)
    if type.is_decimal:
        return _decimals(column)
    if type.format.startswith("+w:"):
        items, size = column.children[0].to_list(), type.size
        return [items[row * size : (row + 1) * size] for row in range(length)]
    data, size = column.buffers[1], type.size
    return [data[row * size : (row + 1) * size] for row in range(length)]


def _dictionary(column):
    values = column.children[0].to_list()
    if not column.null_count:
        return [values[key] for key in column.values]
    known = kernels.bits_unpack(column.buffers[0], column.length)
    return [values[key] if valid else None for key, valid in zip(column.values, known)]


def _nulls(column):
    return [None] * column.length


def _booleans(column):
    return list(map(bool, kernels.bits_unpack(column.buffers[1], column.length)))


def _half_floats(column):
    return list(struct.unpack_from(f"<{column.length}e", column.buffers[1]))


def _compound(column):
    layout_of = layout.COMPOUND[column.type.format]
    return list(layout_of.iter_unpack(column.buffers[1][: column.length * layout_of.size]))


def _decimals(column):
    _, scale, bits = column.type.decimal
    data, size = column.buffers[1], bits // 8
    if size <= 8:
        numbers = memoryview(data[: column.length * size]).cast("i" if size == 4 else "q")
    else:
        ends = range(size, (column.length + 1) * size, size)
        numbers = [int.from_bytes(data[end - size : end], "little", signed=True) for end in ends]
    return [EXACT.scaleb(decimal.Decimal(number), -scale) for number in numbers]


def _text(column):
    width = layout.OFFSETS[column.type.format]
    _, offsets, data = column.buffers
    return kernels.text_list(width, offsets, data, column.length) if column.length else []


def _binary(column):
    data, offsets = column.buffers[2], column.offsets
    return [data[start:end] for start, end in zip(offsets, offsets[1:])]


def _views(column):
    views, data = column.buffers[1], column.buffers[2:]
    values = []
    for row, length in enumerate(memoryview(views).cast("i")[: 4 * column.length : 4]):
        start = 16 * row + 4
        if length <= layout.INLINE_MAX:
            values.append(views[start : start + length])
        else:
            buffer, offset = struct.unpack_from("<ii", views, start + 4)
            values.append(data[buffer][offset : offset + length])
    return values


def _text_views(column):
    return [value.decode() for value in _views(column)]


def _lists(column):
    items, offsets = column.children[0].to_list(), column.offsets
    return [items[start:end] for start, end in zip(offsets, offsets[1:])]


def _structs(column):
    names = [field.name for field in column.type.children]
    if not names:
        return [{} for _ in range(column.length)]
    return [dict(zip(names, row)) for row in zip(*(child.to_list() for child in column.children))]


def _maps(column):
    keys, values = column.children[0].children
    pairs, offsets = list(zip(keys.to_list(), values.to_list())), column.offsets
    return [pairs[start:end] for start, end in zip(offsets, offsets[1:])]


_DECODERS = {
    "n": _nulls, "b": _booleans, "e": _half_floats, "tiD": _compound, "tin": _compound,
    "u": _text, "U": _text, "vu": _text_views, "z": _binary, "Z": _binary, "vz": _views,
    "+l": _lists, "+L": _lists, "+s": _structs, "+m": _maps,
}  # fmt: skip
