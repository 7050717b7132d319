import assert from "node:assert/strict";
import { test } from "node:test";
import { float64 } from "sluicegate";
import { Harness } from "sluicegate/harness";
import transform from "../src/transform.ts";

test("small rows are dropped, and null is rejected", () => {
  const harness = new Harness(transform, { amount: float64 }, { minimum: 10 });
  const { rows, rejections } = harness.process({ amount: [5, 20, null, 120.5] });
  assert.deepEqual(rows, [
    { amount: 20, size: "small" },
    { amount: 120.5, size: "large" },
  ]);
  assert.deepEqual(rejections, [{ row: 2, reason: "the amount is null" }]);
});
