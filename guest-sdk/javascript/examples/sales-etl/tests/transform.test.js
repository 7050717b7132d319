import assert from "node:assert/strict";
import { test } from "node:test";
import { float64 } from "sluicegate";
import { Harness } from "sluicegate/harness";
import transform from "../src/transform.js";

test("sales-etl drops the small order and buckets the rest", () => {
  const harness = new Harness(transform, { amount: float64 }, { min_amount: 10 });
  const { rows } = harness.process({ amount: [120.5, 19.99, 100, 5, 20, null, NaN] });
  assert.deepEqual(
    rows.map((row) => row.amount_bucket),
    ["high", "low", "high", "medium"],
  );
  assert.deepEqual([harness.reads, harness.isStateless], [["amount"], true]);
});
