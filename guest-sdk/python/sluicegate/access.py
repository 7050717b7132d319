"""Why something beyond the columns was not reached, and who answers there.

What a plugin reaches, `plugin.toml` lists: `access = ["objects", "secrets", "http"]`. Each name is a module of this package.
"""

import importlib

from .fault import BadData, Transient


class AccessError(Exception):
    """Why something was not done. Where a transform does not catch it, it is a fault."""

    #: The word for it, the same in every language.
    kind = "other"
    fault = BadData


class Denied(AccessError, PermissionError):
    """The step does not declare it, or a policy refuses it; the audit of the run tells what would allow it."""

    kind = "denied"


class Missing(AccessError, FileNotFoundError):
    """There is no such object."""

    kind = "missing"


class Exists(AccessError, FileExistsError):
    """There is such an object already, or this run has written it already."""

    kind = "exists"


class Malformed(AccessError, ValueError):
    """A path that names nothing: empty, absolute, with `..`, or too long."""

    kind = "malformed"


class LimitReached(AccessError):
    """A limit was reached; another try changes nothing."""

    kind = "limit"


class Unavailable(AccessError):
    """It could not be had; another try may help."""

    kind = "unavailable"
    fault = Transient


_KINDS = {kind.__name__: kind for kind in (Denied, Missing, Exists, Malformed, Unavailable)} | {"Limit": LimitReached}
_TEXTS = {Missing: "there is no such object", Exists: "there is such an object already"}

#: Who answers, by the name in `access` of `plugin.toml`: the bindings of a component, or the fakes of a harness.
hosts = {}
try:
    #: What bindings raise.
    from componentize_py_types import Err as Refusal
except ImportError:
    Refusal = ()


def bound(name, binding):
    """Binds what `name` in `access` of `plugin.toml` stands for, in a component; elsewhere a harness answers."""
    if Refusal == ():
        return
    try:
        hosts[name] = importlib.import_module(binding, __package__)
    except ImportError:
        raise ImportError(f'`sluicegate.{name}` needs `access = ["{name}"]` in plugin.toml') from None


def host(name):
    """Who answers for this name."""
    if name not in hosts:
        raise RuntimeError(f"no host answers for `sluicegate.{name}`: give the harness `{name}=…`")
    return hosts[name]


def asked(about, call, *arguments):
    """Calls the host; what it refuses is raised, with what it was `about`."""
    try:
        return call(*arguments)
    except Refusal as refusal:
        reason = refusal.value
    kind = _KINDS[type(reason).__name__.removeprefix("Error_")]
    raise kind(f"{about}: {getattr(reason, 'value', None) or _TEXTS.get(kind, kind.kind)}")
