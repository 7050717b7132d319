"""The types of columns, and their flat form in the contract.

A type is written as it reads: `int64`, `timestamp("us", "UTC")`, `list_(utf8)`,
`struct(name=utf8, age=required(int32))`. Types are compared with `==`.
"""

from dataclasses import dataclass, replace

from .fault import Invalid

#: Arrow's format string of each type without arguments, by our name of it.
SIMPLE = {
    "null": "n", "boolean": "b",
    "int8": "c", "int16": "s", "int32": "i", "int64": "l",
    "uint8": "C", "uint16": "S", "uint32": "I", "uint64": "L",
    "float16": "e", "float32": "f", "float64": "g",
    "utf8": "u", "large_utf8": "U", "utf8_view": "vu",
    "binary": "z", "large_binary": "Z", "binary_view": "vz",
    "date32": "tdD", "date64": "tdm",
    "interval_months": "tiM", "interval_days": "tiD", "interval_month_day_nano": "tin",
}  # fmt: skip
_NAMES = {format: name for name, format in SIMPLE.items()}
_UNITS = {"s": "s", "ms": "m", "us": "u", "ns": "n"}
_UNIT_NAMES = {char: unit for unit, char in _UNITS.items()}
_INTEGERS = frozenset("cCsSiIlL")
_DECIMAL_BITS = {32: ",32", 64: ",64", 128: "", 256: ",256"}


@dataclass(frozen=True)
class DataType:
    """The type of a column: a format string of the Arrow C data interface, and the fields of its children.

    Where `dictionary` is true, `format` is that of the indices and the one child that of the values.
    """

    format: str
    children: tuple = ()
    dictionary: bool = False

    @property
    def is_integer(self):
        """Whether it is an integer of any width."""
        return self.format in _INTEGERS and not self.dictionary

    @property
    def is_float(self):
        """Whether it is a float of any width."""
        return self.format in ("e", "f", "g")

    @property
    def is_decimal(self):
        """Whether it is a decimal of any width."""
        return self.format.startswith("d:")

    @property
    def is_text(self):
        """Whether it is text in any layout, dictionaries of text too."""
        if self.dictionary:
            return self.children[0].type.is_text
        return self.format in ("u", "U", "vu")

    @property
    def is_timestamp(self):
        """Whether it is a timestamp of any unit."""
        return self.format.startswith("ts")

    @property
    def unit(self):
        """`s`, `ms`, `us` or `ns` of a time, timestamp or duration; `None` for other types."""
        is_timed = self.format[:2] in ("ts", "tt", "tD")
        return _UNIT_NAMES.get(self.format[2]) if is_timed else None

    @property
    def zone(self):
        """The time zone of a timestamp; `None` where there is none."""
        return self.format.partition(":")[2] or None if self.is_timestamp else None

    @property
    def decimal(self):
        """Precision, scale and bits of a decimal."""
        precision, scale, bits = (self.format[2:].split(",") + ["128"])[:3]
        return int(precision), int(scale), int(bits)

    @property
    def size(self):
        """Bytes of a fixed-size binary, or values of a fixed-size list."""
        return int(self.format.partition(":")[2])

    def __str__(self):
        """The expression that makes it."""
        if self.dictionary:
            return f"dictionary({DataType(self.format)}, {self.children[0].type})"
        if self.format in _NAMES:
            return _NAMES[self.format]
        if self.format == "+s":
            fields = (f"{field.name}={field.nested()}" for field in self.children)
            return f"struct({', '.join(fields)})"
        if self.format == "+m":
            key, value = self.children[0].type.children
            return f"map_({key.type}, {value.nested()})"
        if self.format in ("+l", "+L"):
            return f"{'list_' if self.format == '+l' else 'large_list'}({self.children[0].nested()})"
        if self.format.startswith("+w:"):
            return f"fixed_size_list({self.children[0].nested()}, {self.size})"
        if self.format.startswith("w:"):
            return f"fixed_size_binary({self.size})"
        if self.is_decimal:
            precision, scale, bits = self.decimal
            return f"decimal{bits}({precision}, {scale})"
        if self.is_timestamp:
            zone = f', "{self.zone}"' if self.zone else ""
            return f'timestamp("{self.unit}"{zone})'
        return f'{"time" if self.format.startswith("tt") else "duration"}("{self.unit}")'


@dataclass(frozen=True)
class Field:
    """A column of a schema, or a child of a nested type."""

    name: str
    type: DataType
    nullable: bool = True
    metadata: tuple = ()

    def nested(self):
        """How it is written as an argument of a nested type."""
        return str(self.type) if self.nullable else f"required({self.type})"


def required(type):
    """A child that is never null, for the arguments of nested types and decorators."""
    return Field("", type, nullable=False)


null, boolean = DataType("n"), DataType("b")
int8, int16, int32, int64 = map(DataType, "csil")
uint8, uint16, uint32, uint64 = map(DataType, "CSIL")
float16, float32, float64 = map(DataType, "efg")
utf8, large_utf8, utf8_view = map(DataType, ("u", "U", "vu"))
binary, large_binary, binary_view = map(DataType, ("z", "Z", "vz"))
date32, date64 = DataType("tdD"), DataType("tdm")
interval_months, interval_days, interval_month_day_nano = map(DataType, ("tiM", "tiD", "tin"))


def time(unit):
    """A time of day, counted in `s`, `ms`, `us` or `ns`."""
    return DataType("tt" + _UNITS[unit])


def timestamp(unit, zone=None):
    """A point in time, counted in `s`, `ms`, `us` or `ns` since 1970; in UTC where there is a zone."""
    return DataType(f"ts{_UNITS[unit]}:{zone or ''}")


def duration(unit):
    """A length of time, counted in `s`, `ms`, `us` or `ns`."""
    return DataType("tD" + _UNITS[unit])


def _decimal(bits):
    def make(precision, scale=0):
        return DataType(f"d:{precision},{scale}{_DECIMAL_BITS[bits]}")

    make.__doc__ = f"A decimal of {bits} bits: digits in all, and those after the point."
    return make


decimal32, decimal64, decimal128, decimal256 = map(_decimal, (32, 64, 128, 256))


def fixed_size_binary(size):
    """Binary values of `size` bytes each."""
    return DataType(f"w:{size}")


def _child(name, of):
    return replace(of, name=name) if isinstance(of, Field) else Field(name, of)


def list_(of):
    """Lists of a type."""
    return DataType("+l", (_child("item", of),))


def large_list(of):
    """Lists of a type with offsets of 64 bits."""
    return DataType("+L", (_child("item", of),))


def fixed_size_list(of, size):
    """Lists of `size` values each."""
    return DataType(f"+w:{size}", (_child("item", of),))


def struct(**fields):
    """Structs; a field is a type, or `required(type)`."""
    return DataType("+s", tuple(_child(name, of) for name, of in fields.items()))


def map_(key, value):
    """Maps, as lists of pairs; keys are never null."""
    pair = struct(keys=required(key), values=value)
    return DataType("+m", (Field("entries", pair, nullable=False),))


def dictionary(indices, values):
    """Values that repeat, kept once each: `dictionary(int32, utf8)`."""
    return DataType(indices.format, (Field("values", values),), dictionary=True)


_ARGUMENTS = ("w:", "+w:", "d:")
_TIMES = tuple(f"{kind}{char}" for kind in ("tt", "tD") for char in "smun")
_NESTED = {"+l": 1, "+L": 1, "+m": 1, "+w": 1}


def fields_from_flat(flat):
    """The fields of a schema in pre-order, as the contract has it."""
    flat = iter(flat)
    return [_field_from_flat(field, flat) for field in flat]


def _field_from_flat(field, rest):
    children = []
    for _ in range(field.children):
        child = next(rest, None)
        if child is None:
            raise Invalid(f"column `{field.name}` lacks children")
        children.append(_field_from_flat(child, rest))
    if not _is_known(field.format, len(children), field.dictionary):
        raise Invalid(f"column `{field.name}` is of a type that is not known: `{field.format}`")
    type = DataType(field.format, tuple(children), field.dictionary)
    return Field(field.name, type, field.nullable, tuple(map(tuple, field.metadata)))


def _is_known(format, n_children, is_dictionary):
    if is_dictionary:
        return format in _INTEGERS and n_children == 1
    if format == "+s":
        return True
    if format in _NESTED or format.startswith("+w:"):
        return n_children == _NESTED[format[:2]]
    known = format in _NAMES or format in _TIMES or format.startswith(_ARGUMENTS)
    return n_children == 0 and (known or (format[:2] == "ts" and format[2:3] in _UNIT_NAMES))


def field_to_flat(field, make):
    """The field and its descendants in pre-order; `make` makes one of the contract's fields."""
    flat = [
        make(
            field.name,
            field.type.format,
            field.nullable,
            field.type.dictionary,
            len(field.type.children),
            list(field.metadata),
        )
    ]
    for child in field.type.children:
        flat.extend(field_to_flat(child, make))
    return flat
