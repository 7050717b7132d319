import assert from "node:assert/strict";
import { test } from "node:test";
import { timestamp, utf8 } from "sluicegate";
import { Harness } from "sluicegate/harness";
import transform from "../src/transform.ts";

test("sessionize ends a session with a gap, over batches", () => {
  const harness = new Harness(transform, { user: utf8, time: timestamp("s", "UTC") });
  const ids = (user: (string | null)[], minutes: (number | null)[]): unknown[] =>
    harness.process({ user, time: minutes.map((minute) => minute && minute * 60) }).rows.map((row) => row.session_id);
  assert.deepEqual(ids(["a", "a", "b", "a"], [1, 31, 5, 62]), ["a-1", "a-1", "b-1", "a-2"]);
  assert.deepEqual(ids(["b", null, "a"], [35, 40, null]), ["b-1"]);
  assert.throws(() => ids(["a"], [1]), /row 0 of the batch: the time of user `a` goes back from 3720 to 60;/);
  assert.throws(() => new Harness(transform, { user: utf8, time: utf8 }), /expected a timestamp or int64/);
});
