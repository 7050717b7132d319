"""The kernels in C and those in Python give the same bytes."""

import math
import random
import unittest
from array import array

from sluicegate import _pure, kernels

INTEGERS = [0, 1, -1, 7, 2**63 - 1, -(2**63), 2**53 + 1]
FLOATS = [0.0, -0.0, 1.5, -2.25, math.inf, -math.inf, math.nan, 1e308, 5e-324]
TEXTS = ["", "a", "ä", "high", "a much longer text", "日本", "a" * 70]


def q(values):
    return array("q", values).tobytes()


def d(values):
    return array("d", values).tobytes()


@unittest.skipUnless(kernels.native, "the kernels are in Python")
class Same(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(7)

    def same(self, name, *args):
        expected = getattr(_pure, name)(*args)
        self.assertEqual(getattr(kernels, name)(*args), expected, (name, args))

    def raised(self, name, *args):
        with self.assertRaises(Exception) as caught:
            getattr(kernels, name)(*args)
        return caught.exception

    def pairs(self, values):
        return [x for x in values for _ in values], [y for _ in values for y in values]

    def test_bitmaps(self):
        for n in (0, 1, 7, 8, 9, 63, 64, 65, 1000):
            flags = bytes(self.random.choices([0, 1, 255], k=n))
            self.same("bits_pack", flags)
            self.same("bits_unpack", self.random.randbytes((n + 7) // 8 + 2), n)
        self.assertIsInstance(self.raised("bits_unpack", b"a", 9), ValueError)

    def test_arithmetic(self):
        left, right = self.pairs(INTEGERS)
        for op in "+-*":
            self.same("arithmetic", op, "q", q(left), q(right))
            self.same("arithmetic", op, "q", q(INTEGERS), 3)
            self.same("arithmetic", op, "q", -3, q(INTEGERS))
        left, right = self.pairs(FLOATS)
        for op in "+-*/":
            for sides in ((d(left), d(right)), (d(FLOATS), 0.0), (0.0, d(FLOATS)), (d(FLOATS), -1.5)):
                # The bits of a NaN may differ.
                c = memoryview(kernels.arithmetic(op, "d", *sides)).cast("d").tolist()
                python = memoryview(_pure.arithmetic(op, "d", *sides)).cast("d").tolist()
                self.assertEqual(list(map(repr, c)), list(map(repr, python)), (op, sides))
        self.raised("arithmetic", "+", "q", q([1]), q([1, 2]))
        self.assertIsInstance(self.raised("arithmetic", "+", "q", q([1]), 2**63), OverflowError)

    def test_comparisons(self):
        for code, pack, values in (("q", q, INTEGERS), ("d", d, FLOATS)):
            left, right = self.pairs(values)
            for op in ("<", "<=", "==", "!=", ">=", ">"):
                self.same("compare", op, code, pack(left), pack(right))
                self.same("compare", op, code, pack(values), values[3])

    def test_casts_and_packing(self):
        for code in "bBhHiIqQfd":
            values = [0, 1, 100, None] * 5
            filled = [value or 0 for value in values]
            self.same("pack", code, values)
            self.same("pack", code, [value for value in values if value is not None])
            self.same("pack", code, [])
            data = array(code, filled).tobytes()
            self.same("cast", code, "d", data)
            if code not in "fd":
                self.same("cast", code, "q", data)
                self.assertIsInstance(self.raised("pack", code, [2**64]), OverflowError)
                self.assertIsInstance(self.raised("pack", code, [1.5]), TypeError)
            self.assertIsInstance(self.raised("pack", code, ["1"]), TypeError)
        for code, edge in (("b", 128), ("B", -1), ("i", 2**31), ("I", 2**32), ("Q", -1)):
            self.assertIsInstance(self.raised("pack", code, [edge]), OverflowError)

    def test_text(self):
        for width in (4, 8):
            for values in (TEXTS, [*TEXTS, None, "x", None], [], [None] * 9):
                self.same("text_pack", width, values)
            offsets, data, _, _ = _pure.text_pack(width, TEXTS)
            n = len(TEXTS)
            self.same("text_list", width, offsets, data, n)
            for wanted in (b"", b"a", "ä".encode(), b"high", b"text", b"longer"):
                for op in ("==", "in", "^", "$"):
                    self.same("text_match", op, width, offsets, data, n, wanted)
            self.same("hash_text", width, offsets, data, n, 42)
            for bits in (b"\0", b"\xff", b"\x55"):
                self.same("select_text", width, offsets, data, bits, n)
            self.assertIsInstance(self.raised("text_list", width, offsets, data[:-1], n), ValueError)
            self.assertIsInstance(self.raised("text_list", width, offsets, data, n + 1), ValueError)
        self.assertIsInstance(self.raised("text_pack", 4, [1]), TypeError)
        self.assertIsInstance(self.raised("text_pack", 4, ["\ud800"]), ValueError)

    def test_selections_and_hashes(self):
        for width in (1, 2, 3, 4, 8, 16):
            for n in (0, 1, 8, 13, 100):
                values = self.random.randbytes(n * width)
                bits = self.random.randbytes((n + 7) // 8)
                self.same("select_fixed", width, values, bits, n)
                self.same("hash_fixed", width, values, n, 2**64 - 1)
        self.assertIsInstance(self.raised("select_fixed", 8, b"1234567", b"\xff", 1), ValueError)

    def test_nulls(self):
        lists = [list(range(13)), list(range(13))]
        for module, values in zip((kernels, _pure), lists):
            module.nullify(values, b"\x55\xaa")
        self.assertEqual(*lists)

    def test_labels(self):
        self.same("cut", d([*FLOATS, 20, 19.99, 100]), [20.0, 100.0])
        self.same("cut", d(FLOATS), [])
        self.same("choose", bytes([0, 1, 1, 2, 0]), [b"low", b"", "größer".encode()])
        self.assertIsInstance(self.raised("choose", b"\3", [b"a"]), ValueError)


if __name__ == "__main__":
    unittest.main()
