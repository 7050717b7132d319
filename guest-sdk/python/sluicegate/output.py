"""Where a transform puts its results."""

from array import array

from .fault import BadData
from .plan import computed_column
from .types import Field


class Output:
    """Where a transform puts its results.

    Computed columns are given in the order in which the plan names them, or by name: one value for each selected
    row, as a column, a list with `None` for null, an `array` or a `memoryview`.
    """

    def __init__(self, host, plan, n_rows):
        self._host = host
        self._plan = plan
        self._n_rows = n_rows
        self._rejections = []

    def all(self, *computed, **named):
        """Emits every row of the batch."""
        self._emit(("all", None), self._batch_rows(), computed, named)

    def filter(self, rows, *computed, **named):
        """Emits the rows that survive a filter."""
        n_rows = self._batch_rows()
        if rows.n_rows != n_rows:
            raise BadData(f"a filter of {rows.n_rows} rows for a batch of {n_rows}")
        if rows.n_selected == n_rows:
            self._emit(("all", None), n_rows, computed, named)
        else:
            self._emit(("filter", rows.bits), rows.n_selected, computed, named)

    def take(self, rows, *computed, **named):
        """Emits rows by index; an index may repeat or be left out."""
        n_rows = self._batch_rows()
        rows = rows if isinstance(rows, (list, range)) else list(rows)
        if rows and not (0 <= min(rows) and max(rows) < n_rows):
            wrong = max(rows) if min(rows) >= 0 else min(rows)
            raise BadData(f"row {wrong} taken from a batch of {n_rows} rows")
        self._emit(("take", array("I", rows).tobytes()), len(rows), computed, named)

    def rows(self, *computed, **named):
        """Emits rows that belong to no batch, from `finish`; the plan must pass no column through."""
        if self._n_rows is not None:
            raise BadData("`rows` is for `finish`; use `all`, `filter` or `take` in `process`")
        if len(self._plan.computed) < len(self._plan.output):
            raise BadData("`finish` cannot emit rows where the plan passes a column through")
        values = [*computed, *named.values()]
        values = [given if hasattr(given, "__len__") else list(given) for given in values]
        n_given = len(computed)
        n_rows = len(values[0]) if values else 0
        self._emit(("all", None), n_rows, values[:n_given], dict(zip(named, values[n_given:])))

    def reject(self, row, reason):
        """Takes a row of the current batch out of the run, with a reason, instead of failing it.

        The row is not removed from what is emitted: leave it out there.
        """
        if self._n_rows is None or not 0 <= row < self._n_rows:
            raise BadData(f"row {row} rejected of a batch of {self._n_rows or 0} rows")
        self._rejections.append((row, str(reason)))

    def flush(self):
        """Hands the rejections over; the SDK calls it after each call."""
        if self._rejections:
            self._host.reject(self._rejections)

    def _batch_rows(self):
        if self._n_rows is None:
            raise BadData("there is no batch in `finish`; use `rows`")
        return self._n_rows

    def _emit(self, selection, n_rows, computed, named):
        fields = self._plan.computed
        given = dict(zip((field.name for field in fields), computed))
        if len(computed) > len(fields):
            raise BadData(f"{len(computed)} computed columns emitted, the plan has {len(fields)}")
        for name, values in named.items():
            if name in given:
                raise BadData(f"column `{name}` is given twice")
            given[name] = values
        for field in fields:
            if field.name not in given:
                raise BadData(f"column `{field.name}` is not given")
        columns = []
        for field in self._plan.output:
            if isinstance(field, Field):
                columns.append(computed_column(field, given.pop(field.name), n_rows))
        for name in given:
            raise BadData(f"the plan computes no column `{name}`")
        self._host.emit(selection, columns)
