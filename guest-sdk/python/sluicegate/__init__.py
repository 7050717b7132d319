"""Write a Sluicegate transform in Python: see the README beside this package."""

from . import log
from .batch import Batch
from .column import Column, column
from .decorators import DROP, Reject, by_batch, by_row
from .fault import BadData, Fault, Invalid, Transient
from .filter import Filter
from .output import Output
from .plan import Plan, View, anything, exactly, integers, numbers, text, timestamps
from .transform import Transform, export
from .types import (
    DataType, Field, binary, binary_view, boolean, date32, date64, decimal32, decimal64, decimal128, decimal256,
    dictionary, duration, fixed_size_binary, fixed_size_list, float16, float32, float64, int8, int16, int32, int64,
    interval_days, interval_month_day_nano, interval_months, large_binary, large_list, large_utf8, list_, map_, null,
    required, struct, time, timestamp, uint8, uint16, uint32, uint64, utf8, utf8_view,
)  # fmt: skip

__all__ = [name for name in dir() if not name.startswith("_")]


def __getattr__(name):
    """`objects`, `secrets` and `http`, which a plugin may use that lists them."""
    if name not in ("objects", "secrets", "http"):
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    try:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    except ImportError:
        raise AttributeError(f'`{__name__}.{name}` needs `access = ["{name}"]` in plugin.toml') from None
