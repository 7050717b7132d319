"""The kernels in Python: what those in `kernels` do in a component, for tests outside of one.

Buffers are `bytes` in Arrow's layout, little-endian; bitmaps have their least significant bit first. Codes of
types are those of `struct`: `q` for integers of 64 bits, `d` for floats of 64 bits.
"""

import operator
from array import array
from itertools import accumulate, chain, compress, pairwise

ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
COMPARISON = {
    "<": operator.lt, "<=": operator.le, "==": operator.eq,
    "!=": operator.ne, ">=": operator.ge, ">": operator.gt,
}  # fmt: skip
_ASCII_TO_BIT = bytes(byte - 48 if byte in b"01" else 0 for byte in range(256))
_WORD_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
_MASK = (1 << 64) - 1
_FNV_OFFSET, _FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3


def bits_unpack(bitmap, n):
    """One byte, 0 or 1, for each of `n` bits."""
    if n == 0:
        return b""
    number = int.from_bytes(bitmap[: (n + 7) // 8], "little") & ((1 << n) - 1)
    # Bases that are powers of two are converted in linear time.
    return format(number, f"0{n}b").encode()[::-1].translate(_ASCII_TO_BIT)


def bits_pack(flags):
    """One bit for each byte of 0 or 1."""
    if not flags:
        return b""
    digits = flags[::-1].translate(bytes([48]) + bytes([49]) * 255)
    return int(digits, 2).to_bytes((len(flags) + 7) // 8, "little")


def arithmetic(op, code, left, right):
    """Values of `left op right`, either of which may be a number; integers wrap, `/` is for floats."""
    function = ARITHMETIC[op]
    pairs = _pairs(code, left, right)
    if code == "d":
        if op == "/":
            return array("d", [_quotient(a, b) for a, b in pairs]).tobytes()
        return array("d", [function(a, b) for a, b in pairs]).tobytes()
    return array("Q", [function(a, b) & _MASK for a, b in pairs]).tobytes()


def _quotient(a, b):
    """Division of IEEE 754, which knows no error."""
    if b:
        return a / b
    if a != a or not a:
        return float("nan")
    negative = (str(float(a))[0] == "-") != (str(float(b))[0] == "-")
    return float("-inf" if negative else "inf")


def compare(op, code, left, right):
    """A bitmap of `left op right`, of which `right` may be a number."""
    function = COMPARISON[op]
    return bits_pack(bytes([function(a, b) for a, b in _pairs(code, left, right)]))


def _pairs(code, left, right):
    def values(side):
        return memoryview(side).cast(code) if isinstance(side, bytes) else None

    left_values, right_values = values(left), values(right)
    if left_values is None:
        return ((left, value) for value in right_values)
    if right_values is None:
        return ((value, right) for value in left_values)
    return zip(left_values, right_values, strict=True)


def cast(source, target, values):
    """Integers or floats of code `source` as integers or floats of 64 bits."""
    return array(target, memoryview(values).cast(source)).tobytes()


def pack(code, values):
    """Values, validity and number of nulls of a list of numbers or `None`."""
    try:
        return array(code, values).tobytes(), b"", 0
    except TypeError:
        if None not in values:
            raise
    known = bytes([value is not None for value in values])
    filled = array(code, [0 if value is None else value for value in values])
    return filled.tobytes(), bits_pack(known), known.count(0)


def nullify(values, validity):
    """Replaces the items of a list by `None` where they are not valid."""
    known = bits_unpack(validity, len(values))
    row = known.find(0)
    while row >= 0:
        values[row] = None
        row = known.find(0, row + 1)


def text_list(width, offsets, data, n):
    """The strings of a text column, nulls as what lies under them."""
    offsets = memoryview(offsets).cast("i" if width == 4 else "q")[: n + 1]
    if data.isascii():
        text = data.decode()
        return [text[start:end] for start, end in pairwise(offsets)]
    return [data[start:end].decode() for start, end in pairwise(offsets)]


def text_pack(width, values):
    """Offsets, data, validity and number of nulls of a list of strings or `None`."""
    validity, n_nulls = b"", 0
    if None in values:
        known = bytes([value is not None for value in values])
        validity, n_nulls = bits_pack(known), known.count(0)
        values = ["" if value is None else value for value in values]
    text = "".join(values)
    data = text.encode()
    lengths = map(len, values if len(data) == len(text) else [value.encode() for value in values])
    offsets = array("i" if width == 4 else "q", accumulate(lengths, initial=0))
    return offsets.tobytes(), data, validity, n_nulls


def select_fixed(width, values, bitmap, n):
    """Those of `n` values of `width` bytes whose bit is set."""
    keep = bits_unpack(bitmap, n)
    if width in _WORD_CODES:
        code = _WORD_CODES[width]
        return array(code, compress(memoryview(values[: n * width]).cast(code), keep)).tobytes()
    return b"".join(values[row * width : (row + 1) * width] for row in compress(range(n), keep))


def select_text(width, offsets, data, bitmap, n):
    """Offsets and data of those of `n` strings whose bit is set."""
    code = "i" if width == 4 else "q"
    offsets = memoryview(offsets).cast(code)[: n + 1]
    kept = [data[start:end] for start, end in compress(pairwise(offsets), bits_unpack(bitmap, n))]
    moved = array(code, accumulate(map(len, kept), initial=0))
    return moved.tobytes(), b"".join(kept)


def text_match(op, width, offsets, data, n, wanted):
    """A bitmap of the strings that are (`==`), hold (`in`), start (`^`) or end (`$`) with the UTF-8 `wanted`."""
    offsets = memoryview(offsets).cast("i" if width == 4 else "q")[: n + 1]
    test = {
        "==": lambda value: value == wanted,
        "in": lambda value: wanted in value,
        "^": lambda value: value.startswith(wanted),
        "$": lambda value: value.endswith(wanted),
    }[op]
    return bits_pack(bytes([test(data[start:end]) for start, end in pairwise(offsets)]))


def hash_fixed(width, values, n, seed):
    """A hash of 64 bits of each of `n` values of `width` bytes."""
    ends = range(width, (n + 1) * width, width)
    return _hashes((values[end - width : end] for end in ends), seed)


def hash_text(width, offsets, data, n, seed):
    """A hash of 64 bits of each of `n` strings."""
    offsets = memoryview(offsets).cast("i" if width == 4 else "q")[: n + 1]
    return _hashes((data[start:end] for start, end in pairwise(offsets)), seed)


def _hashes(values, seed):
    """FNV-1a, finished as splitmix64 does, so that every bit depends on all."""
    hashes = array("Q")
    for value in values:
        state = _FNV_OFFSET ^ seed
        for byte in value:
            state = (state ^ byte) * _FNV_PRIME & _MASK
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        state = (state ^ state >> 27) * 0x94D049BB133111EB & _MASK
        hashes.append(state ^ state >> 31)
    return hashes.tobytes()


def cut(values, bounds):
    """For each float, how many of the bounds it reaches, as a byte; none for NaN."""
    numbers = memoryview(values).cast("d")
    return bytes([sum(number >= bound for bound in bounds) for number in numbers])


def choose(codes, labels):
    """Offsets and data of the label of each code, labels being UTF-8."""
    offsets = array("i", accumulate((len(labels[code]) for code in codes), initial=0))
    return offsets.tobytes(), b"".join([labels[code] for code in codes])


def flatten(lists):
    """Offsets and all items of lists, an item that is `None` counting as empty."""
    lengths = (0 if items is None else len(items) for items in lists)
    offsets = list(accumulate(lengths, initial=0))
    return offsets, list(chain.from_iterable(items for items in lists if items is not None))
