"""The kernels, in C where the build linked them into the component, else in Python.

`native` says which. The two give the same bytes; `tests/test_kernels.py` compares them.
"""

from . import _pure

try:
    import sluicegate_kernels as _fast
except ImportError:
    _fast = _pure

#: Whether the kernels are those in C.
native = _fast is not _pure

arithmetic = _fast.arithmetic
bits_pack = _fast.bits_pack
bits_unpack = _fast.bits_unpack
cast = _fast.cast
choose = _fast.choose
compare = _fast.compare
cut = _fast.cut
hash_fixed = _fast.hash_fixed
hash_text = _fast.hash_text
nullify = _fast.nullify
pack = _fast.pack
select_fixed = _fast.select_fixed
select_text = _fast.select_text
text_list = _fast.text_list
text_match = _fast.text_match
text_pack = _fast.text_pack


def bits_not(bitmap, n):
    """The first `n` bits, turned over; those behind them are zero."""
    number = int.from_bytes(bitmap[: (n + 7) // 8], "little")
    return (~number & ((1 << n) - 1)).to_bytes((n + 7) // 8, "little")


def bits_and(left, right):
    """The bits that are set in both, as many as `left` has."""
    both = int.from_bytes(left, "little") & int.from_bytes(right, "little")
    return both.to_bytes(len(left), "little")


def bits_or(left, right):
    """The bits that are set in either, which are of the same length."""
    either = int.from_bytes(left, "little") | int.from_bytes(right, "little")
    return either.to_bytes(len(left), "little")


def bits_count(bitmap, n):
    """How many of the first `n` bits are set."""
    number = int.from_bytes(bitmap[: (n + 7) // 8], "little")
    return (number & ((1 << n) - 1)).bit_count()
