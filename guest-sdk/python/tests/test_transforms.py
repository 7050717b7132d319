"""What an author meets: plans, parameters, output, faults, decorators."""

import unittest
from typing import Literal

from sluicegate import (
    DROP, BadData, Fault, Filter, Invalid, Reject, Transform, Transient, by_batch, by_row, float64, int64, integers, log,
    numbers, required, uint64, utf8,
)  # fmt: skip
from sluicegate.harness import Harness
from sluicegate.params import Parameters

SCHEMA = {"id": required(int64), "amount": float64, "name": utf8}
BATCH = {"id": [1, 2, 3], "amount": [5.0, None, 20.0], "name": ["a", "b", None]}


class Lambda(Transform):
    """A transform of the functions that a test gives it."""

    def __init__(self, bind, process=lambda batch, out: out.all(), finish=lambda out: None):
        self.binding, self.process, self.finish = bind, process, finish

    def bind(self, plan, params):
        self.binding(plan)


def bound(bind, *calls, schema=SCHEMA):
    make = lambda: Lambda(bind, *calls)  # noqa: E731
    make.Params = None
    return Harness(make, schema)


class Told(unittest.TestCase):
    def told(self, kind, call, *args):
        with self.assertRaises(kind) as caught:
            call(*args)
        return str(caught.exception)


class Plans(Told):
    def test_columns_stand_in_the_order_of_planning(self):
        harness = bound(
            lambda plan: plan.pass_column("name").compute("n", int64).pass_all_but("amount").replace("id", utf8)
        )
        self.assertEqual([field.name for field in harness.output], ["name", "n", "id"])

    def test_emitted_values_come_in_the_order_of_planning(self):
        harness = bound(
            lambda plan: plan.pass_all().compute("n", int64).replace("id", utf8),
            lambda batch, out: out.all([1, 2, 3], ["x", "y", "z"]),
        )
        self.assertEqual(harness.process(BATCH).rows[0], {"id": "x", "amount": 5.0, "name": "a", "n": 1})

    def test_a_column_can_be_read_as_two_views(self):
        keys = []

        def process(batch, out):
            self.assertEqual([batch[key].type for key in keys], [int64, float64])
            out.all()

        bind = lambda plan: keys.extend([plan.read("id", integers), plan.read("id", numbers), plan.pass_all()][:2])  # noqa: E731
        harness = bound(bind, process)
        harness.process(BATCH)
        self.assertEqual(harness.plan.read_indices(), [0])

    def test_mistakes_are_told(self):
        for bind, words in (
            (
                lambda plan: plan.read("amuont"),
                "the input has no column `amuont`; did you mean `amount`? there are `id`, `amount`, `name`",
            ),
            (lambda plan: plan.read("name", numbers), "column `name` is of type utf8, expected a number"),
            (lambda plan: plan.read("name", int64), "column `name` is of type utf8, expected int64"),
            (lambda plan: plan.pass_all().compute("id", int64), "the output would have two columns `id`"),
            (lambda plan: plan.replace("id", int64), "column `id` is not passed through, so it cannot be replaced"),
            (lambda plan: plan.pass_all_but("x"), "the input has no column `x`"),
        ):
            self.assertTrue(self.told(Invalid, bound, bind).startswith(words), self.told(Invalid, bound, bind))


class Outputs(Told):
    def emitted(self, process, bind=lambda plan: plan.pass_all().compute("n", required(int64))):
        return bound(bind, process).process(BATCH)

    def test_rows_are_selected(self):
        take = self.emitted(lambda batch, out: out.take([2, 0, 2], n=[7, 8, 9]))
        self.assertEqual([(row["id"], row["n"]) for row in take.rows], [(3, 7), (1, 8), (3, 9)])
        kept = self.emitted(lambda batch, out: (out.filter(Filter([0, 1, 0]), [5]), out.all([1, 2, 3])))
        self.assertEqual(kept.column("n"), [5, 1, 2, 3])

    def test_mistakes_are_told(self):
        for process, words in (
            (lambda batch, out: out.all(), "column `n` is not given"),
            (lambda batch, out: out.all([1, 2, 3], [4]), "2 computed columns emitted, the plan has 1"),
            (lambda batch, out: out.all([1, 2, 3], n=[1, 2, 3]), "column `n` is given twice"),
            (lambda batch, out: out.all([1, 2, 3], m=[1]), "the plan computes no column `m`"),
            (lambda batch, out: out.all([1]), "column `n` has 1 values for 3 selected rows"),
            (lambda batch, out: out.all([1, None, 3]), "column `n` has nulls, the plan says it has none"),
            (lambda batch, out: out.all([1, "2", 3]), "column `n`: value 1 is '2', expected int64"),
            (lambda batch, out: out.filter(Filter([1]), [1]), "a filter of 1 rows for a batch of 3"),
            (lambda batch, out: out.take([3], [1]), "row 3 taken from a batch of 3 rows"),
            (lambda batch, out: out.take([-1], [1]), "row -1 taken from a batch of 3 rows"),
            (lambda batch, out: out.reject(3, "x"), "row 3 rejected of a batch of 3 rows"),
            (lambda batch, out: out.rows([1]), "`rows` is for `finish`"),
        ):
            told = self.told(BadData, self.emitted, process)
            self.assertTrue(told.startswith(words), told)

    def test_the_end_emits_rows_of_its_own(self):
        harness = bound(
            lambda plan: plan.compute("n", uint64), lambda batch, out: None, lambda out: out.rows(iter([4, 5]))
        )
        self.assertEqual((harness.process(BATCH).rows, harness.finish().rows), ([], [{"n": 4}, {"n": 5}]))
        passing = bound(lambda plan: plan.pass_all(), lambda batch, out: None, lambda out: out.rows())
        self.assertIn("passes a column through", self.told(BadData, passing.finish))
        early = bound(lambda plan: plan.pass_all(), lambda batch, out: None, lambda out: out.all())
        self.assertIn("there is no batch in `finish`", self.told(BadData, early.finish))


class Batches(unittest.TestCase):
    def test_rows_dicts_and_columns(self):
        seen = []

        def process(batch, out):
            seen.extend([list(batch.rows())[0].amount, list(batch.dicts())[1], batch.to_dict(), list(batch["amount"])])
            out.all()

        bound(lambda plan: (plan.read("id"), plan.read("amount"), plan.pass_all()), process).process(BATCH)
        self.assertEqual(
            seen, [5.0, {"id": 2, "amount": None}, {"id": [1, 2, 3], "amount": [5.0, None, 20.0]}, [5.0, None, 20.0]]
        )


class Params(Told):
    class Declared:
        text: str
        real: float = 1.5
        whole: int | None = None
        names: list[str] = []
        unit: Literal["s", "ms"] = "s"
        table: dict[str, int] = {}

    def test_values_and_defaults(self):
        parameters = Parameters(self.Declared)
        params = parameters.parse(
            '{"text": "a", "real": 2, "whole": 3, "names": ["x"], "unit": "ms", "table": {"k": 1}}'
        )
        self.assertEqual(
            vars(params), {"text": "a", "real": 2.0, "whole": 3, "names": ["x"], "unit": "ms", "table": {"k": 1}}
        )
        one, other = parameters.parse('{"text": ""}'), parameters.parse('{"text": ""}')
        one.names.append("kept apart")
        self.assertEqual((other.names, other.whole, other.real), ([], None, 1.5))
        self.assertIsInstance(params.real, float)

    def test_mistakes_name_the_parameter(self):
        parse = Parameters(self.Declared).parse
        for text, words in (
            ("{}", "parameter `text` is missing; the application must set it"),
            ('{"text": 1}', "parameter `text` is `1`, expected a string"),
            ('{"text": "", "reel": 1}', "parameter `reel` is not known; did you mean `real`? there are `text`"),
            ('{"text": "", "real": "1"}', 'parameter `real` is `"1"`, expected a number'),
            ('{"text": "", "real": true}', "parameter `real` is `true`, expected a number"),
            ('{"text": "", "whole": 1.5}', "parameter `whole` is `1.5`, expected an integer or null"),
            ('{"text": "", "names": ["a", 2]}', "parameter `names`, item 1 is `2`, expected a string"),
            ('{"text": "", "unit": "h"}', 'parameter `unit` is `"h"`, expected one of `s`, `ms`'),
            ('{"text": "", "table": {"k": "v"}}', 'parameter `table`, `k` is `"v"`, expected an integer'),
            ("[1]", "parameters are not a JSON object"),
            ("{", "parameters are not a JSON object"),
        ):
            self.assertTrue(self.told(Invalid, parse, text).startswith(words), self.told(Invalid, parse, text))
        self.assertIn("`x` is not known; there are none", self.told(Invalid, Parameters(None).parse, '{"x": 1}'))


class Faults(Told):
    def test_faults_pass_as_they_are(self):
        for fault in (Invalid("a"), BadData("b"), Transient("c"), Fault("d")):
            harness = bound(lambda plan: plan.pass_all(), lambda batch, out, fault=fault: self.throw(fault))
            self.assertEqual(self.told(type(fault), harness.process, BATCH), str(fault))

    def test_other_errors_are_logged_with_their_stack_and_become_faults(self):
        messages = []
        harness = bound(lambda plan: plan.pass_all(), lambda batch, out: self.throw(ValueError("boom")))
        log.sink = lambda level, message: messages.append((level, message))
        with self.assertRaisesRegex(BadData, r"ValueError: boom, at .*test_transforms.py:\d+ in `throw`"):
            harness._instance.process(type("Host", (), {"n_rows": lambda self: 0})())
        [(level, message)] = messages
        self.assertEqual(level, "error")
        self.assertIn("raise error", message)
        self.assertIn("ValueError: boom", message)
        self.assertIn("KeyError: 'x', at", self.told(Invalid, bound, lambda plan: {}["x"]))

    def throw(self, error):
        raise error

    def test_messages_have_levels(self):
        def process(batch, out):
            log.info(f"{len(batch)} rows")
            out.all()

        self.assertEqual(bound(lambda plan: plan.pass_all(), process).process(BATCH).messages, [("info", "3 rows")])


class Decorators(Told):
    def test_a_function_of_a_row(self):
        @by_row(double=float64)
        def double(amount: float, *, factor: float = 2.0):
            return amount * factor

        self.assertEqual(Harness(double, SCHEMA).process(BATCH).column("double"), [10.0, None, 40.0])
        self.assertEqual(Harness(double, SCHEMA, {"factor": 3}).process(BATCH).column("double"), [15.0, None, 60.0])
        self.assertIn("expected a number", self.told(Invalid, Harness, double, {"amount": utf8}))
        self.assertIn(
            "`fctor` is not known; did you mean `factor`?", self.told(Invalid, Harness, double, SCHEMA, {"fctor": 1})
        )

    def test_a_function_of_a_row_drops_rejects_and_computes_several(self):
        @by_row(size=utf8, twice=int64)
        def sizes(id: int, amount: float | None, name):
            if amount is None:
                raise Reject("no amount")
            return DROP if name == "a" else ("large", id * 2)

        outcome = Harness(sizes, SCHEMA).process(BATCH)
        self.assertEqual(outcome.rows, [{"id": 3, "amount": 20.0, "name": None, "size": "large", "twice": 6}])
        self.assertEqual(outcome.rejections, [(1, "no amount")])

    def test_every_row_is_told_from_the_others_where_some_are_null_and_some_rejected(self):
        @by_row(n=int64)
        def odd(x: int):
            if x % 2 == 0:
                raise Reject(f"{x} is even")
            return DROP if x == 5 else x * 10

        outcome = Harness(odd, {"x": int64}).process({"x": [None, 2, 3, None, 4, 5, 7, 8]})
        self.assertEqual(outcome.column("n"), [None, 30, None, 70])
        self.assertEqual(outcome.rejections, [(1, "2 is even"), (4, "4 is even"), (7, "8 is even")])

    def test_a_function_of_nothing_has_a_value_for_each_row(self):
        @by_row(n=int64)
        def seven():
            return 7

        self.assertEqual(Harness(seven, SCHEMA).process(BATCH).column("n"), [7, 7, 7])

    def test_a_filter_of_rows_computes_nothing(self):
        @by_row()
        def named(name):
            return None if name else DROP

        self.assertEqual(Harness(named, SCHEMA).process(BATCH).column("id"), [1, 2])

    def test_a_function_of_whole_columns(self):
        @by_batch(double=float64)
        def double(amount: float):
            return amount > 1, amount * 2

        self.assertEqual(Harness(double, SCHEMA).process(BATCH).column("double"), [10.0, 40.0])

    def test_mistakes_are_told(self):
        @by_row(a=int64, b=int64)
        def one(id):
            return 1

        self.assertIn(
            "the function returned 1, expected a tuple of 2 values",
            self.told(BadData, Harness(one, SCHEMA).process, BATCH),
        )
        with self.assertRaisesRegex(TypeError, "cannot be annotated as"):
            by_row(a=int64)(self.annotated)

    @staticmethod
    def annotated(id: complex):
        return None


if __name__ == "__main__":
    unittest.main()
