"""Columns of every type go from Python's values to buffers and back."""

import datetime
import unittest
from array import array
from decimal import Decimal

from sluicegate import *  # noqa: F403
from sluicegate import BadData, Column, Filter, column, types
from sluicegate.harness import column_of

VALUES = {
    null: [None, None, None],
    boolean: [True, None, False],
    int8: [1, None, -128],
    uint64: [2**64 - 1, None, 0],
    float16: [1.5, None, -2.0],
    float32: [1.5, None, float("inf")],
    float64: [1.1, None, -0.0],
    utf8: ["ä", None, "bc"],
    large_utf8: ["x", None, ""],
    utf8_view: ["short", None, "a much longer text ü"],
    binary: [b"1", None, b"\xff"],
    large_binary: [b"1", None, b""],
    binary_view: [b"1", None, b"0123456789abcdef"],
    date32: [1, None, -5],
    date64: [86_400_000, None, 0],
    time("ms"): [1, None, 2],
    time("ns"): [1, None, 2],
    timestamp("us", "UTC"): [1, None, -2],
    duration("s"): [1, None, 2],
    interval_months: [1, None, 2],
    interval_days: [(1, 2), None, (3, 4)],
    interval_month_day_nano: [(1, 2, 3), None, (-4, 5, 6)],
    decimal32(5, 2): [Decimal("1.25"), None, Decimal("-999.99")],
    decimal64(12, 3): [Decimal("1.250"), None, Decimal("2.000")],
    decimal128(38, 10): [Decimal("1234567890123456789012345678.0123456789"), None, Decimal("-1.0000000000")],
    decimal256(70, 5): [Decimal("1" + "0" * 60 + ".00000"), None, Decimal("-0.00001")],
    fixed_size_binary(3): [b"abc", None, b"xyz"],
    list_(int32): [[1, None], None, []],
    large_list(utf8): [["a", None], None, []],
    fixed_size_list(required(int8), 2): [[1, 2], None, [3, 4]],
    struct(a=int32, b=required(utf8)): [{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}],
    map_(utf8, float64): [[("a", 1.0), ("b", None)], None, []],
    dictionary(int8, utf8): ["a", None, "a"],
    list_(list_(struct(x=utf8))): [[[{"x": "p"}, None]], None, [[], None]],
}


class EveryType(unittest.TestCase):
    def test_values_come_back_as_they_went(self):
        for type, values in VALUES.items():
            for given in (values, values * 50, [], [value for value in values if value is not None]):
                with self.subTest(str(type), n=len(given)):
                    built = column(type, given)
                    self.assertEqual(column_of(type, built.flat()).to_list(), given)
                    self.assertEqual(built.null_count, given.count(None))

    def test_a_filter_and_a_take_select_of_every_type(self):
        for type, values in VALUES.items():
            with self.subTest(str(type)):
                built = column(type, values * 5)
                rows = Filter(at % 3 != 1 for at in range(15))
                self.assertEqual(
                    rows.select(built).to_list(), [value for at, value in enumerate(values * 5) if at % 3 != 1]
                )
                self.assertEqual(built.take([2, 2, 0]).to_list(), [values[2], values[2], values[0]])

    def test_a_type_is_written_as_the_expression_that_makes_it(self):
        for type in VALUES:
            self.assertEqual(eval(str(type), vars(types)), type)

    def test_a_type_goes_through_the_flat_form(self):
        from types import SimpleNamespace

        names = ("name", "format", "nullable", "dictionary", "children", "metadata")
        for type in VALUES:
            field = types.Field("x", type, False, (("key", "value"),))
            flat = types.field_to_flat(field, lambda *parts: SimpleNamespace(**dict(zip(names, parts))))
            self.assertEqual(types.fields_from_flat(flat), [field])


class Wrong(unittest.TestCase):
    def told(self, type, values):
        with self.assertRaises(BadData) as caught:
            column(type, values, "x")
        return str(caught.exception)

    def test_a_wrong_value_is_named(self):
        self.assertTrue(self.told(int64, [1, None, "a"]).startswith("column `x`: value 2 is 'a', expected int64"))
        self.assertIn("value 1 is 300, expected uint8", self.told(uint8, [1, 300]))
        self.assertIn("value 0 is 1.5, expected int64", self.told(int64, [1.5]))
        self.assertIn("value 1 is 5, expected utf8", self.told(utf8, ["a", 5]))
        self.assertIn("value 0 is 1, expected boolean", self.told(boolean, [1]))
        self.assertIn("more than 2 digits after the point", self.told(decimal128(9, 2), [Decimal("1.005")]))
        self.assertIn("more than 3 digits", self.told(decimal32(3, 0), [1000]))
        self.assertIn("2 bytes", self.told(fixed_size_binary(3), [b"ab"]))
        self.assertIn("`b` is never null", self.told(struct(b=required(utf8)), [{"b": None}]))
        self.assertIn("no fields ['c']", self.told(struct(b=utf8), [{"c": 1}]))
        self.assertIn("expected utf8", self.told(utf8, column(int64, [1])).replace("the plan says", "expected"))
        self.assertIn("300 different values", self.told(dictionary(int8, utf8), list(map(str, range(300)))))

    def test_memory_of_another_type_is_refused(self):
        self.assertEqual(column(int64, array("q", [1, 2])).to_list(), [1, 2])
        self.assertIn("memory of format d, expected int64", self.told(int64, array("d", [1])))


class Times(unittest.TestCase):
    def test_objects_of_datetime_go_in_and_come_out(self):
        utc = datetime.UTC
        for type, values in {
            date32: [datetime.date(1969, 12, 31), None],
            date64: [datetime.datetime(2020, 2, 29), None],
            time("us"): [datetime.time(23, 59, 59, 999_999), None],
            timestamp("ms"): [datetime.datetime(2020, 1, 1, 12, 0, 0, 5000), None],
            timestamp("ns", "Europe/Berlin"): [datetime.datetime(1900, 1, 1, tzinfo=utc), None],
            duration("s"): [datetime.timedelta(days=-1), None],
        }.items():
            self.assertEqual(column(type, values).datetimes(), values, str(type))

    def test_what_is_finer_than_the_unit_is_refused(self):
        with self.assertRaisesRegex(BadData, "finer than its unit, s"):
            column(timestamp("s"), [datetime.datetime(2020, 1, 1, 0, 0, 0, 1)])


class Vectors(unittest.TestCase):
    def setUp(self):
        self.whole = column(int64, [1, None, -3])
        self.real = column(float64, [0.5, 2.0, None])

    def test_arithmetic_keeps_nulls_and_types(self):
        for result, type, values in (
            (self.whole + 1, int64, [2, None, -2]),
            (1 - self.whole, int64, [0, None, 4]),
            (self.whole * self.whole, int64, [1, None, 9]),
            (self.whole / 2, float64, [0.5, None, -1.5]),
            (self.whole + self.real, float64, [1.5, None, None]),
            (2 * self.real, float64, [1.0, 4.0, None]),
            (column(int8, [1, 2]) + 1.5, float64, [2.5, 3.5]),
            (column(uint32, [4]) - 5, int64, [-1]),
            (column(uint64, [4, None]) - 5, int64, [-1, None]),
            (column(dictionary(int8, int32), [7, None]).numbers(), float64, [7.0, None]),
            (column(float16, [1.5]) * 2, float64, [3.0]),
            (column(decimal128(5, 2), [Decimal("1.25"), None]) + 1, float64, [2.25, None]),
        ):
            self.assertEqual((result.type, result.to_list()), (type, values))

    def test_comparisons_are_filters_without_nulls(self):
        self.assertEqual(list(self.whole > 0), [True, False, False])
        self.assertEqual(list(self.whole < self.real), [False, False, False])
        self.assertEqual(list((self.whole != 1) | (self.real == 0.5)), [True, False, True])
        self.assertEqual(list(~(self.whole > 0)), [False, True, True])
        times = column(timestamp("s"), [10, None, 30])
        self.assertEqual(list(times > 10), [False, False, True])
        self.assertEqual(list(times <= column(timestamp("s"), [10, 20, 20])), [True, False, False])
        with self.assertRaises(TypeError):
            bool(self.whole > 0)

    def test_text(self):
        for type in (utf8, large_utf8, utf8_view, dictionary(int32, utf8)):
            names = column(type, ["Ann", None, "bob", "Änne"])
            self.assertEqual(list(names == "bob"), [False, False, True, False])
            self.assertEqual(list(names != "bob"), [True, False, False, True])
            self.assertEqual(list(names < "B"), [True, False, False, False])
            self.assertEqual(list(names.contains("nn")), [True, False, False, True])
            self.assertEqual(list(names.starts_with("Ä")), [False, False, False, True])
            self.assertEqual(list(names.ends_with("e")), [False, False, False, True])
            self.assertEqual(names.upper().to_list(), ["ANN", None, "BOB", "ÄNNE"])
        self.assertEqual(column(utf8, ["Ab", None]).lower().to_list(), ["ab", None])

    def test_hashes_are_of_values_alone(self):
        hashes = column(utf8, ["a", None, "a", "b"]).hashes()
        self.assertEqual((hashes[0], hashes[1], hashes[0] == hashes[3]), (hashes[2], None, False))

    def test_labels(self):
        labels = column(int32, [5, None, 20, 100]).cut([20, 100], ["low", "medium", "high"])
        self.assertEqual(labels.to_list(), ["low", None, "medium", "high"])

    def test_mistakes_are_told(self):
        with self.assertRaisesRegex(TypeError, "`\\+` is for numbers, not for utf8"):
            column(utf8, ["a"]) + 1
        with self.assertRaisesRegex(ValueError, "columns of 3 and 1 values"):
            self.whole + column(int64, [1])
        with self.assertRaises(TypeError):
            self.whole + "a"
        with self.assertRaises(TypeError):
            column(timestamp("s"), [1]) + 1
        with self.assertRaisesRegex(BadData, "expected int64"):
            column(uint64, [2**63]) + 1
        with self.assertRaises(TypeError):
            self.real.integers()
        self.assertIsInstance(self.whole, Column)


if __name__ == "__main__":
    unittest.main()
