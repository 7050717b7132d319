// What the README shows beyond the first example runs.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { utf8 } from "sluicegate";
import { Harness } from "sluicegate/harness";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const module = async (section: string) => {
  const code = /```js\n([^]*?)```/.exec(readme.slice(readme.indexOf(`## ${section}`)))![1]!;
  return (await import(`data:text/javascript,${encodeURIComponent(code)}`)).default;
};

test("the example reaches beyond the columns", async () => {
  const out: Record<string, Uint8Array | string> = {};
  const harness = new Harness(await module("Beyond the columns"), { currency: utf8 }, {}, {
    objects: { lookup: { "rates.json": '[["EUR", 1.5]]' }, out },
    secrets: { rates: "key" },
    http({ target, headers, timeout }) {
      assert.deepEqual([target, headers.get("authorization"), timeout], ["/GBP", "Bearer key", 5000]);
      return { status: 200, body: '{"rate": 2}' };
    },
  });
  assert.deepEqual(harness.process({ currency: ["EUR", "GBP"] }).rows.map(({ rate }) => rate), [1.5, 2]);
  harness.finish();
  assert.equal(Buffer.from(out["rates.json"]!).toString(), '[["EUR",1.5],["GBP",2]]');
});
