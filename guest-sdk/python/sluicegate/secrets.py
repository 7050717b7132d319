"""Secrets that the step may read; those that only go into headers of requests are never here.

    token = secrets.read("api-token")

Needs `access = ["secrets"]` in `plugin.toml`.
"""

from . import access
from .access import AccessError, Denied, Unavailable

__all__ = ["AccessError", "Denied", "Unavailable", "read"]

access.bound("secrets", "wit_world.imports.secrets")


def read(name):
    """The text of the secret of this name."""
    return access.asked(f"secret `{name}`", access.host("secrets").read, name)
