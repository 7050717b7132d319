"""Puts rows into sizes by their amount."""

from sluicegate import DROP, Reject, by_row, required, utf8


@by_row(size=required(utf8))
def size(amount: float | None, *, minimum: float = 0.0):
    """`amount` is a column of the input, `minimum` a parameter; all columns pass through, and `size` follows."""
    if amount is None:
        raise Reject("the amount is null")
    if amount < minimum:
        return DROP
    return "large" if amount >= 100 else "small"
