// The examples do what the plugins of the same names in Rust do; the README shows one that is whole.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { float64, int64, timestamp, utf8 } from "sluicegate";
import { Harness } from "sluicegate/harness";
import mask from "../examples/mask/src/transform.ts";
import salesEtl from "../examples/sales-etl/src/transform.js";
import sessionize from "../examples/sessionize/src/transform.ts";
import sizes from "../template/typescript/src/transform.ts";
import sizesInJavaScript from "../template/javascript/src/transform.js";

test("sales-etl drops the small order and buckets the rest", () => {
  const harness = new Harness(salesEtl, { amount: float64 }, { min_amount: 10 });
  const { rows } = harness.process({ amount: [120.5, 19.99, 100, 5, 20, null, NaN] });
  assert.deepEqual(rows.map((row) => row.amount_bucket), ["high", "low", "high", "medium"]);
  assert.deepEqual([harness.reads, harness.isStateless], [["amount"], true]);
});

test("mask hashes, truncates and redacts", () => {
  const schema = { id: int64, email: utf8, name: utf8, phone: utf8 };
  const people = { id: [7n, 8n], email: ["ann@example.com", null], name: ["Änne", "😀😀"], phone: [null, "456"] };
  const params = { hash: ["email", "id"], key: "0123456789abcdef", truncate: ["name"], redact: ["phone"] };
  const [ann, other] = new Harness(mask, schema, params).process(people).rows;
  // printf ann@example.com | openssl dgst -sha256 -hmac 0123456789abcdef
  assert.equal(ann!.email, "9f70eb4f1d9f0194d58bc08c41ce2b3b2e4e580a424a246ce2484484122343df");
  assert.deepEqual([other!.email, ann!.name, other!.name, ann!.phone, other!.phone], [null, "Ä", "😀", "***", "***"]);
  assert.match(ann!.id as string, /^[0-9a-f]{64}$/);
  assert.throws(() => new Harness(mask, schema), /no column to mask; set `hash`, `redact` or `truncate`/);
  assert.throws(() => new Harness(mask, schema, { hash: ["email"], key: "short" }), /parameter `key` has fewer than 16 bytes/);
  assert.throws(() => new Harness(mask, schema, { redact: ["fone"] }), /did you mean `phone`\?/);
});

test("sessionize ends a session with a gap, over batches", () => {
  const harness = new Harness(sessionize, { user: utf8, time: timestamp("s", "UTC") });
  const ids = (user: (string | null)[], minutes: (number | null)[]): unknown[] =>
    harness.process({ user, time: minutes.map((minute) => minute && minute * 60) }).rows.map((row) => row.session_id);
  assert.deepEqual(ids(["a", "a", "b", "a"], [1, 31, 5, 62]), ["a-1", "a-1", "b-1", "a-2"]);
  assert.deepEqual(ids(["b", null, "a"], [35, 40, null]), ["b-1"]);
  assert.throws(() => ids(["a"], [1]), /row 0 of the batch: the time of user `a` goes back from 3720 to 60;/);
  assert.throws(() => new Harness(sessionize, { user: utf8, time: utf8 }), /expected a timestamp or int64/);
});

test("the templates do what their fixtures say", () => {
  for (const template of [sizes, sizesInJavaScript]) {
    const { rows, rejections } = new Harness(template, { amount: float64 }, { minimum: 10 }).process({ amount: [5, 20, null, 120.5] });
    assert.deepEqual(rows, [{ amount: 20, size: "small" }, { amount: 120.5, size: "large" }]);
    assert.deepEqual(rejections, [{ row: 2, reason: "the amount is null" }]);
  }
});

test("the README shows the example as it is", () => {
  const [, shown] = /```js\n([^]*?)```/.exec(readFileSync(new URL("../README.md", import.meta.url), "utf8"))!;
  const source = readFileSync(new URL("../examples/sales-etl/src/transform.js", import.meta.url), "utf8");
  assert.equal(shown, source.replace(/^\/\/.*\n\n/, ""));
});
