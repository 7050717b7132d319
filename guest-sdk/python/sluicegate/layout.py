"""What each type looks like in memory."""

import struct

#: Codes of `struct` for values that are plain numbers, by format.
_CODES = {
    "c": "b", "C": "B", "s": "h", "S": "H", "i": "i", "I": "I", "l": "q", "L": "Q",
    "f": "f", "g": "d", "tdD": "i", "tdm": "q", "tts": "i", "ttm": "i", "ttu": "q", "ttn": "q",
    "tDs": "q", "tDm": "q", "tDu": "q", "tDn": "q", "tiM": "i",
}  # fmt: skip
#: Structures of values that are several numbers.
COMPOUND = {"tiD": struct.Struct("<ii"), "tin": struct.Struct("<iiq")}
#: Width of the offsets of text and binary values.
OFFSETS = {"u": 4, "z": 4, "U": 8, "Z": 8, "+l": 4, "+m": 4, "+L": 8}
#: Views longer than this keep their bytes elsewhere.
INLINE_MAX = 12


def code(type):
    """The code of the values of a type, of a dictionary's indices; `None` where they are no plain numbers."""
    if type.format.startswith("ts"):
        return "q"
    return _CODES.get(type.format)


def width(type):
    """Bytes of each value of fixed width; `None` for other types."""
    plain = code(type)
    if plain is not None:
        return struct.calcsize("<" + plain)
    if type.format in COMPOUND:
        return COMPOUND[type.format].size
    if type.is_decimal:
        return type.decimal[2] // 8
    if type.format.startswith("w:"):
        return type.size
    return {"e": 2, "vu": 16, "vz": 16}.get(type.format)


def has_validity(type):
    """Whether its first buffer is the validity bitmap."""
    return type.format != "n"
