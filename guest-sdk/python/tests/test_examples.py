"""The examples do what the plugins in Rust do."""

import importlib.util
import unittest
from pathlib import Path

from sluicegate import BadData, Invalid, float64, int64, timestamp, utf8, utf8_view
from sluicegate.harness import Harness

EXAMPLES = Path(__file__).parent.parent / "examples"
MINUTE = 60_000


def example(name, transform):
    spec = importlib.util.spec_from_file_location(name.replace("-", "_"), EXAMPLES / name / "transform.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, transform)


SALES_ETL, MASK, SESSIONIZE = (
    example("sales-etl", "sales_etl"),
    example("mask", "Mask"),
    example("sessionize", "Sessionize"),
)


class Case(unittest.TestCase):
    def refusal(self, transform, schema, params):
        with self.assertRaises(Invalid) as caught:
            Harness(transform, schema, params)
        return str(caught.exception)


class SalesEtl(Case):
    def test_small_sales_are_dropped_and_others_are_labelled(self):
        sales = {"amount": [None, 9.99, 10, 20, 99.9, 100, float("nan"), 1e9]}
        rows = Harness(SALES_ETL, {"amount": float64}, {"min_amount": 10}).process(sales).rows
        self.assertEqual([row["amount_bucket"] for row in rows], ["low", "medium", "medium", "high", "high"])


class Mask(Case):
    SCHEMA = {"id": int64, "email": utf8_view, "name": utf8_view, "phone": utf8}
    PEOPLE = {
        "id": [7, 8, 7],
        "email": ["ann@example.com", None, "ann@example.com"],
        "name": ["Änne", "Bo", ""],
        "phone": ["123", "456", None],
    }

    def masked(self, **params):
        return Harness(MASK, self.SCHEMA, params).process(self.PEOPLE)

    def test_a_hash_is_the_hmac_of_the_value(self):
        # printf ann@example.com | openssl dgst -sha256 -hmac 0123456789abcdef
        expected = "9f70eb4f1d9f0194d58bc08c41ce2b3b2e4e580a424a246ce2484484122343df"
        outcome = self.masked(hash=["email"], key="0123456789abcdef")
        self.assertEqual(outcome.column("email"), [expected, None, expected])

    def test_a_redacted_column_never_enters(self):
        harness = Harness(MASK, self.SCHEMA, {"redact": ["phone", "id"]})
        self.assertEqual(harness.plan.read_indices(), [])
        self.assertEqual(
            harness.process(self.PEOPLE).rows[2], {"id": "***", "email": "ann@example.com", "name": "", "phone": "***"}
        )

    def test_truncation_counts_characters(self):
        self.assertEqual(self.masked(truncate=["name"]).column("name"), ["Ä", "B", ""])

    def test_parameters_that_do_not_fit_are_refused(self):
        refused = lambda **params: self.refusal(MASK, self.SCHEMA, params)  # noqa: E731
        self.assertEqual(refused(), "no column to mask; set `hash`, `redact` or `truncate`")
        self.assertIn("fewer than 16 bytes", refused(hash=["email"], key="short"))
        self.assertIn("between 16 and 64", refused(hash=["email"], key="0123456789abcdef", digits=8))
        self.assertIn("did you mean `phone`?", refused(redact=["fone"]))
        self.assertIn("expected text", refused(truncate=["id"]))
        self.assertIn("cannot be replaced", refused(redact=["phone"], truncate=["phone"]))


class Sessionize(Case):
    SCHEMA = {"user": utf8, "time": timestamp("ms", "UTC")}

    def events(self, *rows):
        return {"user": [user for user, _ in rows], "time": [time and time * MINUTE for _, time in rows]}

    def test_a_gap_ends_a_session_and_a_shorter_pause_does_not(self):
        outcome = Harness(SESSIONIZE, self.SCHEMA).process(self.events(("u1", 0), ("u1", 30), ("u1", 61), ("u2", 5)))
        self.assertEqual(outcome.column("session_id"), ["u1-1", "u1-1", "u1-2", "u2-1"])
        self.assertEqual(outcome.column("session_start"), [0, 0, 61 * MINUTE, 5 * MINUTE])

    def test_sessions_go_on_over_batches(self):
        harness = Harness(SESSIONIZE, self.SCHEMA, {"gap_minutes": 10})
        self.assertFalse(harness.plan.is_stateless)
        first = harness.process(self.events(("a", 0), ("b", 1)))
        second = harness.process(self.events(("a", 10), ("b", 12)))
        self.assertEqual(first.column("session_id") + second.column("session_id"), ["a-1", "b-1", "a-1", "b-2"])

    def test_a_row_without_user_or_time_is_rejected(self):
        outcome = Harness(SESSIONIZE, self.SCHEMA).process(self.events((None, 0), ("u", None), ("u", 3)))
        self.assertEqual(outcome.rejections, [(0, "the user is null"), (1, "the time is null")])
        self.assertEqual(outcome.column("session_id"), ["u-1"])

    def test_time_that_goes_back_is_a_fault(self):
        with self.assertRaisesRegex(BadData, "row 1 of the batch: the time of user `u` goes back from 120000 to 60000"):
            Harness(SESSIONIZE, self.SCHEMA).process(self.events(("u", 2), ("u", 1)))

    def test_users_and_times_may_be_integers(self):
        params = {"user": "id", "time": "at", "time_unit": "ms", "gap_minutes": 1}
        outcome = Harness(SESSIONIZE, {"id": int64, "at": int64}, params).process({"id": [7, 7], "at": [0, 61_000]})
        self.assertEqual(outcome.column("session_id"), ["7-1", "7-2"])

    def test_parameters_that_do_not_fit_are_refused(self):
        refused = lambda **params: self.refusal(SESSIONIZE, self.SCHEMA, params)  # noqa: E731
        self.assertEqual(refused(gap_minutes=0), "parameter `gap_minutes` of 0 is out of range")
        self.assertIn('parameter `time_unit` is `"h"`, expected one of `s`, `ms`', refused(time_unit="h"))
        self.assertIn("is of type utf8, expected a timestamp or int64", refused(time="user"))
