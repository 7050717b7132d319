"""What the README shows runs."""

import re
import sys
import types
import unittest
from pathlib import Path

from sluicegate import float64, http, int64, utf8
from sluicegate.harness import Harness

SDK = Path(__file__).parent.parent


class Readme(unittest.TestCase):
    def setUp(self):
        self.blocks = re.findall(r"```python\n(.*?)```", (SDK / "README.md").read_text(encoding="utf-8"), re.DOTALL)

    def test_the_first_example_is_sales_etl_and_is_short(self):
        source = (SDK / "examples" / "sales-etl" / "transform.py").read_text(encoding="utf-8")
        self.assertEqual(self.blocks[0], source)
        self.assertLess(len(source.splitlines()), 40)

    def test_every_example_runs(self):
        whole, by_row, running, beyond, test = (self.module(block) for block in self.blocks)
        for example in (whole, by_row):
            test.sales_etl = example.sales_etl
            test.test_small_sales_are_dropped()
            outcome = Harness(example.sales_etl, {"amount": float64}).process({"amount": [5.0, 20.0, None]})
            self.assertEqual(outcome.column("amount_bucket"), ["low", "medium"])
        harness = Harness(running.Running, {"x": int64}, {"column": "x", "start": 1})
        self.assertEqual(harness.process({"x": [1, None, 2]}).column("total"), [2, 2, 4])

        self.check_beyond_the_columns(beyond)

    def check_beyond_the_columns(self, example):
        def answer(request):
            self.assertEqual((request.target, request.headers, request.timeout), ("/GBP", {"authorization": "Bearer key"}, 5))
            return http.Response(200, body='{"rate": 2}')

        out = {}
        folders = {"lookup": {"rates.csv": b"EUR,1.5"}, "out": out}
        harness = Harness(example.Convert, {"currency": utf8}, objects=folders, secrets={"rates": "key"}, http=answer)
        self.assertEqual(harness.process({"currency": ["EUR", "GBP"]}).column("rate"), [1.5, 2])
        harness.finish()
        self.assertEqual(out, {"rates.json": b'{"EUR": 1.5, "GBP": 2}'})

    def module(self, source):
        sys.modules.setdefault("transform", types.SimpleNamespace(sales_etl=None))
        module = types.ModuleType("readme")
        exec(source, vars(module))
        return module
