"""Buckets sales by amount and drops the small ones."""

from sluicegate import by_batch, required, utf8


@by_batch(amount_bucket=required(utf8))
def sales_etl(amount: float, *, min_amount: float = 0.0):
    """Reads `amount` alone; every other column passes by."""
    rows = amount >= min_amount
    return rows, amount.cut([20, 100], ["low", "medium", "high"])
