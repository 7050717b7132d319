// What an author of a transform meets: plans, parameters, selections, rejections, state.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Buckets, Fault, Filter, column, float64, int64, integers, log, numbers, param, text, transform, uint8, utf8, utf8View, dictionary, decimal } from "sluicegate";
import { Harness } from "sluicegate/harness";

const schema = { id: int64, amount: float64, name: utf8 };
const batch = { id: [1n, 2n, 3n], amount: [5, 120, null], name: ["a", null, "c"] };
type Body = Parameters<typeof transform>[0]["bind"];
const harness = (bind: Body, params = {}): Harness => new Harness(transform({ bind }), schema, params);

test("columns pass, are replaced and are added, in the order of the plan", () => {
  const plus = harness((plan) => {
    const id = plan.read("id", int64);
    plan.passAll({ but: ["name"] }).compute("plus", int64).replace("amount", utf8).stateless();
    return (batch, out) => out.all({ plus: batch.column(id).add(1n), amount: ["x", "y", "z"] });
  });
  assert.deepEqual(plus.output.map(({ name }) => name), ["id", "amount", "plus"]);
  assert.deepEqual([plus.reads, plus.isStateless], [["id"], true]);
  assert.deepEqual(plus.process(batch).rows[2], { id: 3n, amount: "z", plus: 4n });
});

test("selections are applied to what passes", () => {
  const select = harness((plan) => {
    const amount = plan.read("amount", numbers);
    plan.pass("id").compute("half", float64);
    return (batch, out) => {
      const rows = Filter.by(batch.column(amount), (value) => value > 10);
      out.filter(rows, { half: rows.map(batch.column(amount), (value) => value / 2) });
      out.take([2, 0, 0], { half: [1, 2, 3] });
      out.filter([false, false, false], { half: [] });
    };
  });
  const { rows, batches } = select.process(batch);
  assert.deepEqual(rows, [{ id: 2n, half: 60 }, { id: 3n, half: 1 }, { id: 1n, half: 2 }, { id: 1n, half: 3 }]);
  assert.deepEqual(batches, [1, 3, 0]);
});

test("a rejected row is told with its reason", () => {
  const reject = harness((plan) => {
    plan.passAll();
    return (_, out) => {
      out.reject(2, "no amount");
      out.take([0, 1]);
    };
  });
  const { rows, rejections } = reject.process(batch);
  assert.deepEqual([rows.length, rejections], [2, [{ row: 2, reason: "no amount" }]]);
});

test("state lasts over batches, and `finish` emits what is left", () => {
  const count = harness((plan) => {
    plan.compute("rows", int64);
    let rows = 0;
    return { process: (batch) => void (rows += batch.length), finish: (out) => out.rows({ rows: [rows] }) };
  });
  assert.deepEqual([count.process(batch).rows, count.process(batch).rows, count.finish().rows], [[], [], [{ rows: 6n }]]);
});

test("mistakes in a plan name the column and the known ones", () => {
  const says = (bind: (...args: Parameters<Body>) => unknown, words: RegExp): void =>
    assert.throws(() => harness((plan, params) => (bind(plan, params), () => {})), words);
  says((plan) => plan.read("amuont"), /^Fault: the input has no column `amuont`; did you mean `amount`\? there are `id`, `amount`, `name`$/);
  says((plan) => plan.read("name", numbers), /column `name` is of type utf8, expected a number/);
  says((plan) => plan.read("amount", int64), /column `amount` is of type float64, expected int64/);
  says((plan) => plan.passAll().compute("id", int64), /the output would have two columns `id`/);
  says((plan) => plan.replace("id", int64), /column `id` is not passed through, so it cannot be replaced/);
  assert.throws(() => harness(() => undefined as never), /returned no `process`/);
});

test("mistakes in what is emitted name the column", () => {
  const says = (emit: (out: Parameters<ReturnType<Body> & object>[1]) => void, words: RegExp): void => {
    const bound = harness((plan) => {
      plan.compute("y", int64, { nullable: false });
      return (_, out) => emit(out);
    });
    assert.throws(() => bound.process(batch), words);
  };
  says((out) => out.all(), /column `y` is missing; the plan computes it/);
  says((out) => out.all({ z: [] }), /the plan computes no column `z`/);
  says((out) => out.all({ y: [1] }), /column `y` has 1 values for 3 selected rows/);
  says((out) => out.all({ y: [1, null, 2] }), /column `y`: it has nulls, the plan says it has none/);
  says((out) => out.all({ y: new Float64Array(3) }), /column `y`: it is a Float64Array, expected a BigInt64Array/);
  says((out) => out.filter([true]), /a filter of 1 rows for a batch of 3/);
  says((out) => out.take([3]), /row 3 taken from a batch of 3 rows/);
  says((out) => out.rows({}), /`rows` is for `finish`/);
});

test("parameters are typed, and errors name them", () => {
  const params = {
    text: param.string(),
    whole: param.integer({ default: 2 }),
    list: param.array(param.string(), { default: [] }),
    unit: param.oneOf(["s", "ms"], { default: "s" }),
  };
  let seen: unknown;
  const bind = (given: unknown): Harness =>
    new Harness(transform({ params, bind: (_, values) => ((seen = values), () => {}) }), schema, given as object);
  bind({ text: "a", list: ["b"] });
  assert.deepEqual(seen, { text: "a", whole: 2, list: ["b"], unit: "s" });
  assert.throws(() => bind({}), /parameter `text` is missing; the application must set it to a string/);
  assert.throws(() => bind({ text: 1 }), /parameter `text` is 1, expected a string/);
  assert.throws(() => bind({ text: "", whole: 1.5 }), /parameter `whole` is 1.5, expected an integer/);
  assert.throws(() => bind({ text: "", list: [1] }), /parameter `list` is \[1\], expected an array, each item a string/);
  assert.throws(() => bind({ text: "", unit: "h" }), /parameter `unit` is "h", expected one of `s`, `ms`/);
  assert.throws(() => bind({ txet: "" }), /parameter `txet` is not known; did you mean `text`\?/);
  assert.throws(() => bind("[]"), /parameters are not a JSON object/);
  assert.throws(() => bind("{"), /parameters are not a JSON object: /);
});

test("views see several types as one", () => {
  const seen = (type: Parameters<typeof column>[0], view: typeof numbers | typeof integers | typeof text, x: unknown[]): unknown[] => {
    let values: unknown[] = [];
    const read = transform({ bind: (plan) => ((x) => (batch) => void (values = [...batch.column(x as never) as Iterable<unknown>]))(plan.read("x", view as never)) });
    new Harness(read, { x: type }).process({ x });
    return values;
  };
  assert.deepEqual(seen(uint8, numbers, [1, null]), [1, null]);
  assert.deepEqual(seen(int64, numbers, [1n, null]), [1, null]);
  assert.deepEqual(seen(decimal(10, 2), numbers, [125n, null]), [1.25, null]);
  assert.deepEqual(seen(uint8, integers, [1, null]), [1n, null]);
  assert.deepEqual(seen(utf8View, text, ["a", null]), ["a", null]);
  assert.deepEqual(seen(dictionary(utf8), text, ["a", null]), ["a", null]);
});

test("arithmetic and comparisons keep nulls", () => {
  const [a, b] = [column(float64, [1, null, 3]), column(float64, [1, 1, null])];
  assert.deepEqual([...a.add(b)], [2, null, null]);
  assert.deepEqual([...a.mul(2)], [2, null, 6]);
  assert.deepEqual([...a.div(2)], [0.5, null, 1.5]);
  assert.deepEqual([...a.ge(1).rows()], [0, 2]);
  assert.deepEqual([...a.eq(b).rows()], [0]);
  assert.deepEqual([...a.ge(1).not().rows()], [1]);
  assert.throws(() => column(int64, [1n]).div(2n), /cannot be divided/);
  assert.throws(() => column(utf8, ["a"]).eq("a"), /is for integers and floats/);
});

test("buckets label what survives", () => {
  const amounts = column(float64, [5, 100, null, 20]);
  const buckets = new Buckets([20, 100], ["low", "medium", "high"]);
  assert.deepEqual([...buckets.of(amounts, Filter.all(4))], ["low", "high", null, "medium"]);
  assert.deepEqual([...buckets.of(amounts, amounts.ge(20))], ["high", "medium"]);
  assert.throws(() => new Buckets([1], ["a"]), Fault);
});

test("messages are kept with their level", () => {
  const chat = harness((plan) => (log.info("bound"), plan.passAll(), (_, out) => (log.warn("here"), out.all())));
  assert.deepEqual(chat.process(batch).messages, [["info", "bound"], ["warn", "here"]]);
});
