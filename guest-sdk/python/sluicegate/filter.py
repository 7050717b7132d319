"""Which rows of a batch survive."""

from itertools import compress

from . import kernels, layout


class Filter:
    """Rows of a batch that survive; `&`, `|` and `~` combine filters. It does not change."""

    __slots__ = ("bits", "n_rows", "n_selected")

    def __init__(self, keep):
        """Keeps the rows for which `keep`, an iterable, is true."""
        flags = bytes(map(bool, keep))
        self._set(kernels.bits_pack(flags), len(flags))

    def _set(self, bits, n_rows):
        #: One bit for each row, least significant first.
        self.bits = bits
        #: Rows of the batch.
        self.n_rows = n_rows
        #: Rows that survive.
        self.n_selected = kernels.bits_count(bits, n_rows)

    @classmethod
    def from_bits(cls, bits, n_rows):
        """Keeps the rows whose bit is set."""
        filter = cls.__new__(cls)
        filter._set(bits[: (n_rows + 7) // 8], n_rows)
        return filter

    @classmethod
    def all(cls, n_rows):
        """Keeps all rows."""
        return cls.from_bits(kernels.bits_not(bytes((n_rows + 7) // 8), n_rows), n_rows)

    @classmethod
    def true(cls, column):
        """Keeps the rows where a boolean column is true; null counts as false."""
        if column.type.format != "b":
            raise TypeError(f"a filter is made of booleans, not of {column.type}")
        return cls.from_bits(column.buffers[1], column.length) & column.known()

    def __and__(self, other):
        if not isinstance(other, Filter):
            return NotImplemented
        self._check(other)
        return Filter.from_bits(kernels.bits_and(self.bits, other.bits), self.n_rows)

    def __or__(self, other):
        if not isinstance(other, Filter):
            return NotImplemented
        self._check(other)
        return Filter.from_bits(kernels.bits_or(self.bits, other.bits), self.n_rows)

    def __invert__(self):
        return Filter.from_bits(kernels.bits_not(self.bits, self.n_rows), self.n_rows)

    def __bool__(self):
        raise TypeError("a filter is neither true nor false; combine filters with `&`, `|` and `~`")

    def __len__(self):
        return self.n_rows

    def __iter__(self):
        """Whether each row survives."""
        return map(bool, kernels.bits_unpack(self.bits, self.n_rows))

    def __contains__(self, row):
        return 0 <= row < self.n_rows and bool(self.bits[row >> 3] >> (row & 7) & 1)

    def __repr__(self):
        return f"<filter: {self.n_selected} of {self.n_rows} rows>"

    def rows(self):
        """The indices of the rows that survive, in order."""
        return compress(range(self.n_rows), kernels.bits_unpack(self.bits, self.n_rows))

    def select(self, values):
        """Those values, of a column or a sequence, whose row survives."""
        from .column import Column, column

        if len(values) != self.n_rows:
            raise ValueError(f"{len(values)} values for a filter of {self.n_rows} rows")
        if self.n_selected == self.n_rows:
            return values
        if not isinstance(values, Column):
            return list(compress(values, kernels.bits_unpack(self.bits, self.n_rows)))
        type = values.type
        width, text_width = layout.width(type), layout.OFFSETS.get(type.format)
        if type.dictionary or type.format in ("vu", "vz") or (width and not values.children):
            buffers = [kernels.select_fixed(width, values.buffers[1], self.bits, self.n_rows)]
            buffers += values.buffers[2:]
        elif text_width and not values.children:
            buffers = list(kernels.select_text(text_width, *values.buffers[1:], self.bits, self.n_rows))
        else:
            kept = compress(values.to_list(), kernels.bits_unpack(self.bits, self.n_rows))
            return column(type, list(kept))
        validity, nulls = self._validity(values)
        return Column(type, self.n_selected, nulls, [validity, *buffers], values.children)

    def _validity(self, column):
        if not column.null_count:
            return b"", 0
        known = kernels.select_fixed(1, kernels.bits_unpack(column.buffers[0], self.n_rows), self.bits, self.n_rows)
        nulls = known.count(0)
        return (kernels.bits_pack(known), nulls) if nulls else (b"", 0)

    def _check(self, other):
        if self.n_rows != other.n_rows:
            raise ValueError(f"filters of {self.n_rows} and {other.n_rows} rows")
