"""The batch that a transform processes."""

from collections import namedtuple

from .fault import Invalid, names_hint


class Batch:
    """One batch: the columns that the plan reads, all of the same length.

    `batch["amount"]` is a column; `rows` and `dicts` go row by row.
    """

    def __init__(self, n_rows, columns):
        #: How many rows the batch has.
        self.n_rows = n_rows
        #: The columns by name, in the order in which the plan reads them.
        self.columns = columns

    def __len__(self):
        return self.n_rows

    def __getitem__(self, name):
        """A column that the plan reads."""
        try:
            return self.columns[name]
        except KeyError:
            raise Invalid(f"the plan reads no column `{name}`; {names_hint(name, self.columns)}") from None

    def __contains__(self, name):
        return name in self.columns

    def rows(self):
        """Each row as a named tuple; names that Python cannot have become `_0`, `_1` and so on."""
        if not self.columns:
            return (() for _ in range(self.n_rows))
        row = namedtuple("Row", self.columns, rename=True)
        return map(row._make, zip(*self.to_dict().values()))

    def dicts(self):
        """Each row as a dict."""
        names = list(self.columns)
        return (dict(zip(names, row)) for row in self.rows())

    def to_dict(self):
        """All columns as lists by name."""
        return {name: column.to_list() for name, column in self.columns.items()}
