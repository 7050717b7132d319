"""Typed parameters from the JSON object that the host hands over."""

import json
import typing
from types import NoneType, UnionType

from .fault import Invalid, names_hint

_MISSING = object()
_EXPECTED = {
    str: "a string", int: "an integer", float: "a number", bool: "a boolean",
    list: "a list", dict: "an object", NoneType: "null",
}  # fmt: skip


class _Nothing:
    """Where a transform has no parameters."""


class Parameters:
    """The parameters that a class declares by annotated attributes, with defaults where it has them.

    Types are `str`, `int`, `float`, `bool`, `list[T]`, `dict[str, T]`, `Literal[…]`, `Any`, and unions such as `T | None`. `dict` in
    the place of a class takes all parameters as they are.
    """

    def __init__(self, declared):
        # Resolved when the component is built, as annotations may need modules which it does not have later.
        self.types = typing.get_type_hints(declared) if declared not in (None, dict) else {}
        self.defaults = {name: getattr(declared, name, _MISSING) for name in self.types}
        self.make = declared or _Nothing

    def parse(self, text):
        """An instance of the class, from JSON."""
        try:
            given = json.loads(text or "{}")
        except ValueError as cause:
            raise Invalid(f"parameters are not a JSON object: {cause}") from None
        if not isinstance(given, dict):
            raise Invalid(f"parameters are not a JSON object: {text:.80}")
        return given if self.make is dict else self.check(given)

    def check(self, given):
        """An instance of the class, from a dict."""
        for name in given:
            if name not in self.types:
                raise Invalid(f"parameter `{name}` is not known; {names_hint(name, self.types)}")
        values = self.make.__new__(self.make)
        for name, type in self.types.items():
            if name in given:
                setattr(values, name, _checked(f"parameter `{name}`", given[name], type))
            elif self.defaults[name] is _MISSING:
                raise Invalid(f"parameter `{name}` is missing; the application must set it")
            else:
                default = self.defaults[name]
                setattr(values, name, default.copy() if isinstance(default, (list, dict)) else default)
        return values


def _checked(where, value, type):
    """The value as its type says, or a fault that says where it is not."""
    origin, arguments = typing.get_origin(type) or type, typing.get_args(type)
    if type is typing.Any:
        return value
    if origin in (typing.Union, UnionType):
        return _any_of(where, value, arguments)
    if origin is typing.Literal:
        if value in arguments and not isinstance(value, bool):
            return value
        known = ", ".join(f"`{argument}`" for argument in arguments)
        raise Invalid(f"{where} is {_shown(value)}, expected one of {known}")
    if origin is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, origin) or (isinstance(value, bool) and origin is not bool):
        raise Invalid(f"{where} is {_shown(value)}, expected {_EXPECTED.get(origin, origin)}")
    if origin is list and arguments:
        return [_checked(f"{where}, item {at}", item, arguments[0]) for at, item in enumerate(value)]
    if origin is dict and arguments:
        return {key: _checked(f"{where}, `{key}`", item, arguments[1]) for key, item in value.items()}
    return value


def _any_of(where, value, types):
    for type in types:
        try:
            return _checked(where, value, type)
        except Invalid:
            continue
    names = (_EXPECTED.get(typing.get_origin(type) or type, str(type)) for type in types)
    raise Invalid(f"{where} is {_shown(value)}, expected {' or '.join(names)}")


def _shown(value):
    text = json.dumps(value, ensure_ascii=False)
    return f"`{text}`" if len(text) <= 80 else f"`{text[:80]}…`"
