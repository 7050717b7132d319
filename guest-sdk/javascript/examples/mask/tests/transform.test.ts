import assert from "node:assert/strict";
import { test } from "node:test";
import { int64, utf8 } from "sluicegate";
import { Harness } from "sluicegate/harness";
import transform from "../src/transform.ts";

test("mask hashes, truncates and redacts", () => {
  const schema = { id: int64, email: utf8, name: utf8, phone: utf8 };
  const people = { id: [7n, 8n], email: ["ann@example.com", null], name: ["Änne", "😀😀"], phone: [null, "456"] };
  const params = { hash: ["email", "id"], key: "0123456789abcdef", truncate: ["name"], redact: ["phone"] };
  const [ann, other] = new Harness(transform, schema, params).process(people).rows;
  // printf ann@example.com | openssl dgst -sha256 -hmac 0123456789abcdef
  assert.equal(ann!.email, "9f70eb4f1d9f0194d58bc08c41ce2b3b2e4e580a424a246ce2484484122343df");
  assert.deepEqual([other!.email, ann!.name, other!.name, ann!.phone, other!.phone], [null, "Ä", "😀", "***", "***"]);
  assert.match(ann!.id as string, /^[0-9a-f]{64}$/);
  assert.throws(() => new Harness(transform, schema), /no column to mask; set `hash`, `redact` or `truncate`/);
  assert.throws(
    () => new Harness(transform, schema, { hash: ["email"], key: "short" }),
    /parameter `key` has fewer than 16 bytes/,
  );
  assert.throws(() => new Harness(transform, schema, { redact: ["fone"] }), /did you mean `phone`\?/);
});
