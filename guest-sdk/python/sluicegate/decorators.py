"""Functions made into transforms, where there is nothing to keep from batch to batch.

Parameters of the function before the `*` are columns of the input, by name; those after it are parameters of the
application, with their types and defaults. Every input column passes through, and the computed ones follow.
"""

import inspect
import typing
from functools import partial

from . import plan as views
from .fault import BadData
from .filter import Filter
from .transform import Transform, export
from .types import binary, boolean

#: What a function of a row returns to leave the row out.
DROP = object()
_VIEWS = {
    float: views.numbers, int: views.integers, str: views.text,
    bool: views.exactly(boolean), bytes: views.exactly(binary),
}  # fmt: skip


class Reject(Exception):
    """Raised by a function of a row to take the row out of the run, with a reason."""


def by_row(**computed):
    """Makes a function of one row the transform of the component: `@by_row(size=utf8)`.

    The function returns the value of the computed column, or a tuple of them; `DROP` to leave the row out; or
    raises `Reject`. A column annotated `float`, `int`, `str`, `bool` or `bytes` is checked to be one; where it is null,
    so is every computed column, unless the annotation allows for `None`, as `float | None` does.
    """
    return lambda function: export(_transform(_ByRow, function, computed))


def by_batch(**computed):
    """Makes a function of whole columns the transform of the component: `@by_batch(total=float64)`.

    The function returns the computed column or a tuple of them, one value for each row; with a `Filter` before them
    the rows that survive it are emitted, and the columns still have one value for each row of the batch.
    """
    return lambda function: export(_transform(_ByBatch, function, computed))


def _transform(base, function, computed):
    hints = typing.get_type_hints(function)
    columns, declared = {}, {"__annotations__": {}}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY:
            declared["__annotations__"][name] = hints.get(name, typing.Any)
            if parameter.default is not parameter.empty:
                declared[name] = parameter.default
        else:
            columns[name] = _view(hints.get(name))
    attributes = {
        "__doc__": function.__doc__,
        "Params": type("Params", (), declared),
        "function": staticmethod(function),
        "columns": columns,
        "computed": computed,
    }
    return type(function.__name__, (base,), attributes)


def _view(hint):
    """How a column is seen, and whether the function wants to see nulls."""
    if hint is None:
        return views.anything, True
    kinds = set(typing.get_args(hint) or (hint,))
    optional = type(None) in kinds
    kinds -= {type(None)}
    for kind in kinds:
        if len(kinds) == 1 and kind in _VIEWS:
            return _VIEWS[kind], optional
    raise TypeError(f"a column cannot be annotated as {hint}; known are float, int, str, bool and bytes")


class _Stateless(Transform):
    columns, computed = {}, {}

    def bind(self, plan, params):
        for name, (view, _) in self.columns.items():
            plan.read(name, view)
        plan.pass_all().stateless()
        for name, type in self.computed.items():
            plan.compute(name, type)
        self.params = vars(params)


class _ByRow(_Stateless):
    def process(self, batch, out):
        rows = self._known(batch)
        results = self._results(batch, rows, out)
        if rows.n_selected < batch.n_rows:
            nothing = (None,) * len(self.computed) if len(self.computed) != 1 else None
            known = iter(results)
            results = [next(known) if is_known else nothing for is_known in rows]
        kept = Filter([result is not DROP for result in results]) if DROP in results else Filter.all(batch.n_rows)
        out.filter(kept, *_columns(kept.select(results), len(self.computed)))

    def _known(self, batch):
        """The rows in which no column is null whose nulls the function does not want to see."""
        rows = Filter.all(batch.n_rows)
        for name, (_, wants_null) in self.columns.items():
            if not wants_null:
                rows &= batch[name].known()
        return rows

    def _results(self, batch, rows, out):
        """What the function returns for each of these rows; `DROP` for those that it rejects."""
        columns = [rows.select(batch[name].to_list()) for name in self.columns]
        function = partial(self.function, **self.params) if self.params else self.function
        # `map` and `extend` go from row to row in C; after an error, both go on behind it.
        mapped = map(function, *columns) if columns else map(lambda _: function(), range(batch.n_rows))
        results, indices = [], None
        while True:
            try:
                results.extend(mapped)
                return results
            except Reject as reject:
                indices = list(rows.rows()) if indices is None else indices
                out.reject(indices[len(results)], str(reject))
                results.append(DROP)


def _columns(results, n_computed):
    """The columns of the results of rows."""
    if n_computed == 1:
        return [results]
    if n_computed == 0:
        return []
    if not {*map(type, results)} <= {tuple} or not {*map(len, results)} <= {n_computed}:
        wrong = next(result for result in results if not isinstance(result, tuple) or len(result) != n_computed)
        raise BadData(f"the function returned {wrong!r:.80}, expected a tuple of {n_computed} values")
    return list(zip(*results)) if results else [[]] * n_computed


class _ByBatch(_Stateless):
    def process(self, batch, out):
        result = self.function(*(batch[name] for name in self.columns), **self.params)
        values = list(result) if isinstance(result, tuple) else [result]
        rows = values.pop(0) if isinstance(values[0], Filter) else Filter.all(batch.n_rows)
        out.filter(rows, *map(rows.select, values))
