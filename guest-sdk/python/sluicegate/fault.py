"""Why a transform cannot go on."""

from difflib import SequenceMatcher

#: At most this many names are listed in an error, so that a wide schema stays readable.
NAMES_MAX = 40
#: A name is suggested where it is at least this much alike: one wrong letter in three.
LIKENESS_MIN = 0.6


class Fault(Exception):
    """Ends the run with its message; use a subclass.

    A single row that cannot be processed is no fault: see `Output.reject` and `Reject`.
    """


class Invalid(Fault):
    """The parameters or the input schema do not fit: the run fails before any data is read."""


class BadData(Fault):
    """The data cannot be processed."""


class Transient(Fault):
    """Worth another try, as a dependency did not answer."""


def names_hint(wanted, existing):
    """Names what exists, and the nearest to `wanted`, for an error about a name that does not."""
    existing = list(existing)
    if not existing:
        return "there are none"
    listed = ", ".join(f"`{name}`" for name in existing[:NAMES_MAX])
    more = len(existing) - NAMES_MAX
    tail = f" and {more} more" if more > 0 else ""
    likeness, nearest = max(
        ((SequenceMatcher(None, wanted.lower(), name.lower()).ratio(), name) for name in existing),
        key=lambda pair: pair[0],
    )
    suggestion = f"did you mean `{nearest}`? " if likeness >= LIKENESS_MIN else ""
    return f"{suggestion}there are {listed}{tail}"
