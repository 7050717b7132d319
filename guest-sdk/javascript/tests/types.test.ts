// Every type survives the way out and back, with nulls and without.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as t from "sluicegate";
import { Harness } from "sluicegate/harness";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const long = "längere Texte passen in keine Sicht 😀";

const CASES: [t.DataType, unknown[]][] = [
  [t.nothing, [null, null]],
  [t.bool, [true, false, true]],
  [t.int8, [-128, 127]],
  [t.uint8, [0, 255]],
  [t.int16, [-32768, 32767]],
  [t.uint16, [0, 65535]],
  [t.int32, [-2147483648, 2147483647]],
  [t.uint32, [0, 4294967295]],
  [t.int64, [-(2n ** 63n), 2n ** 63n - 1n]],
  [t.uint64, [0n, 2n ** 64n - 1n]],
  [t.float16, [0.5, -2]],
  [t.float32, [0.5, NaN]],
  [t.float64, [0.1, -Infinity]],
  [t.decimal32(9, 2), [-123, 456]],
  [t.decimal(18, 2, 64), [-123n, 456n]],
  [t.decimal(38, 2), [-1n, 10n ** 37n, -(10n ** 37n)]],
  [t.decimal(76, -3, 256), [-1n, 10n ** 75n, -(10n ** 75n)]],
  [t.date32, [-1, 20_000]],
  [t.date64, [-86_400_000n, 0n]],
  [t.time32("s"), [0, 86_399]],
  [t.time32("ms"), [0, 1]],
  [t.time64("us"), [0n, 1n]],
  [t.time64("ns"), [0n, 1n]],
  [t.timestamp("s"), [0n, -1n]],
  [t.timestamp("ms", "UTC"), [0n, -1n]],
  [t.timestamp("us", "Europe/Berlin"), [0n, -1n]],
  [t.timestamp("ns"), [0n, -1n]],
  [t.duration("ms"), [0n, -1n]],
  [t.intervalMonths, [0, -1]],
  [t.intervalDayTime, [{ days: 1, milliseconds: -2 }]],
  [t.intervalMonthDayNano, [{ months: -1, days: 2, nanoseconds: -(2n ** 40n) }]],
  ...[t.utf8, t.largeUtf8, t.utf8View].map((type): [t.DataType, unknown[]] => [type, ["", "plain", "ä€😀", long, "twelve bytes", long]]),
  ...[t.binary, t.largeBinary, t.binaryView].map((type): [t.DataType, unknown[]] => [type, [bytes(), bytes(255, 0), new Uint8Array(40).fill(7)]]),
  [t.fixedSizeBinary(3), [bytes(1, 2, 3), bytes(255, 0, 1)]],
  [t.fixedSizeBinary(0), [bytes(), bytes()]],
  [t.list(t.int64), [[], [1n, null], [2n, 3n]]],
  [t.largeList(t.utf8), [["a", null], [], [long]]],
  [t.fixedSizeList(t.float64, 2), [[1, 2], [null, 4]]],
  [t.list(t.list(t.utf8)), [[["a"], null, []], []]],
  [t.struct({ a: t.int32, b: t.list(t.utf8) }), [{ a: 1, b: ["x"] }, { a: null, b: null }]],
  [t.map(t.utf8, t.int64), [[["a", 1n], ["b", null]], []]],
  [t.dictionary(t.utf8), ["a", "b", "a", long]],
  [t.dictionary(t.int64, t.int8), [7n, 8n, 7n]],
  [t.dictionary(t.binary, t.uint16), [bytes(1), bytes(2), bytes(1)]],
];

const echo = t.transform({
  bind(plan) {
    plan.compute("x", plan.field("x").type);
    const x = plan.read("x");
    return (batch, out) => out.all({ x: [...batch.column(x)] });
  },
});

for (const [type, values] of CASES) {
  for (const given of [values, values.flatMap((value) => [null, value]), []]) {
    test(`${type} of ${given.length} values`, () => {
      const { rows } = new Harness(echo, { x: type }).process({ x: given });
      assert.deepEqual(rows.map((row) => row.x), given);
    });
  }
}

test("a lone surrogate becomes the replacement character, and no neighbour completes it", () => {
  const [high, low] = ["\ud83d", "\ude00"];
  const { rows } = new Harness(echo, { x: t.utf8 }).process({ x: [high, low, "a" + high, "b"] });
  assert.deepEqual(rows.map((row) => row.x), ["\ufffd", "\ufffd", "a\ufffd", "b"]);
});

test("a value that does not fit names its column, its row and the type", () => {
  const say = (type: t.DataType, value: unknown): void => {
    const definition = t.transform({
      bind(plan) {
        plan.compute("y", type);
        return (_, out) => out.all({ y: [value] });
      },
    });
    new Harness(definition, { x: t.int64 }).process({ x: [1n] });
  };
  assert.throws(() => say(t.int8, 300), /^Fault: column `y`: value 0 is no int8: 300$/);
  assert.throws(() => say(t.int64, 1.5), /value 0 is no int64: 1.5/);
  assert.throws(() => say(t.utf8, 5), /value 0 is no utf8: 5/);
  assert.throws(() => say(t.binary, "text"), /value 0 is no binary: "text"/);
  assert.throws(() => say(t.decimal(38, 2), 1), /value 0 is no decimal128\(38, 2\): 1/);
  assert.throws(() => say(t.fixedSizeList(t.int8, 2), [1]), /a list of 1 items, expected 2/);
});

test("a format that is not known is a fault that names the column", () => {
  const union = new t.DataType("+ud:0,1");
  assert.throws(() => new Harness(echo, { x: union }), /^Fault: column `x` is of a type that is not known: format `\+ud:0,1`$/);
});
