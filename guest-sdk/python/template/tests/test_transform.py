from sluicegate import float64
from sluicegate.harness import Harness

from transform import size


def test_small_rows_are_dropped_and_null_is_rejected():
    outcome = Harness(size, {"amount": float64}, {"minimum": 10}).process({"amount": [5.0, 20.0, None, 120.5]})
    assert outcome.rows == [{"amount": 20.0, "size": "small"}, {"amount": 120.5, "size": "large"}]
    assert outcome.rejections == [(2, "the amount is null")]
