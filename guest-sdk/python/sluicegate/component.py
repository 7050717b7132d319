"""The component's side of the contract: joins the generated bindings to the SDK.

The build imports this module from the component's entry, after the author's module; it is of no use elsewhere.
"""

import sys

import sluicegate_kernels
from componentize_py_types import Err
from wit_world.exports import transform as contract
from wit_world.imports import columns, input, log as host_log, output

from . import log, types
from .fault import BadData, Fault, Invalid, Transient
from .instance import Instance, remember_sources, with_faults
from .params import Parameters
from .transform import exported

_LEVELS = {name: getattr(host_log.Level, name.upper()) for name in log.LEVELS}
#: The cases of `selection`, in the order of the contract.
_SELECTIONS = ("all", "filter", "take")
_FAULTS = {Invalid: contract.Fault_Invalid, BadData: contract.Fault_Data, Transient: contract.Fault_Transient}


class Host:
    """The imports of the contract."""

    def n_rows(self):
        """Rows of the current batch."""
        return input.rows()

    def read(self, indices):
        """The arrays of columns, by their place in the plan's reads."""
        return [column.arrays for column in input.read(indices)]

    def emit(self, selection, computed):
        """Takes one batch."""
        kind, rows = selection
        sluicegate_kernels.emit(_SELECTIONS.index(kind), rows or b"", [column.flat() for column in computed])

    def reject(self, rows):
        """Takes rows that cannot be processed."""
        output.reject([output.Rejection(row, reason) for row, reason in rows])


def _write(level, message):
    host_log.write(_LEVELS[level], message)


_HOST = Host()
_TRANSFORM = exported()
_PARAMETERS = Parameters(_TRANSFORM.Params)
#: The bound transform: the runtime makes a new object of the class below for every call.
_bound = []


class Transform:
    """The interface `transform` of the contract."""

    def bind(self, schema, params):
        """The plan of the author's transform."""
        log.sink = _write
        instance = _told(lambda: Instance(_TRANSFORM, types.fields_from_flat(schema), params, _PARAMETERS))
        _bound[:] = [instance]
        plan = instance.plan
        computed = contract.OutputField_Computed
        return contract.Plan(
            reads=plan.read_indices(),
            output=[
                computed(types.field_to_flat(column, columns.Field))
                if isinstance(column, types.Field)
                else contract.OutputField_Pass(column)
                for column in plan.output
            ],
            stateless=plan.is_stateless,
        )

    def process(self):
        """Processes the current batch."""
        _told(lambda: _bound[0].process(_HOST))

    def finish(self):
        """Ends the run."""
        _told(lambda: _bound[0].finish(_HOST))


def _told(call):
    """Calls, and hands a fault over as the contract's."""
    try:
        return call()
    except Fault as fault:
        kind = next((_FAULTS[kind] for kind in type(fault).__mro__ if kind in _FAULTS), contract.Fault_Data)
        raise Err(kind(str(fault))) from None


def _rehearse():
    """Raises an error once at build time: what a traceback imports late must be imported now."""
    log.sink = lambda level, message: None
    try:
        with_faults(BadData, lambda: [].missing)
    except Fault:
        pass


# Where the build mounts the author's modules and the SDK.
remember_sources(list(sys.modules.values()), "/0/")
_rehearse()
