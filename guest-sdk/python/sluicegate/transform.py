"""The class that an author extends."""

from .fault import Invalid

_exported = []


class Transform:
    """A transform of record batches: extend it and put `@export` above.

    A class `Params` within it declares the parameters that an application may set: annotated attributes, with defaults.
    `Params = dict` takes them as they are.
    """

    Params = None

    def bind(self, plan, params):
        """Checks the input and the parameters and says what will be done with every batch.

        Called once per instance, before any data. Every instance of a run must make the same plan.
        """
        raise Invalid(f"`{type(self).__name__}` has no method `bind`")

    def process(self, batch, out):
        """Processes one batch and emits any number of batches to `out`."""

    def finish(self, out):
        """Called once after the last batch; may emit with `out.rows`."""


def export(transform):
    """Makes a class, or what a decorator made, the transform of the component; there is one."""
    _exported.append(transform)
    return transform


def exported():
    """The transform of the component."""
    if len(_exported) != 1:
        raise ImportError(f"{len(_exported)} transforms are exported, expected one: put `@export` above it")
    return _exported[0]
