// What lies beyond the columns: folders, secrets and HTTP, as a transform sees them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { AccessError, http, int64, objects, secrets, transform } from "sluicegate";
import { Harness } from "sluicegate/harness";

type Declared = NonNullable<ConstructorParameters<typeof Harness>[3]>;

/** A harness of a transform that calls `reach` in each batch. */
function harness(reach: () => void, declared: Declared): Harness {
  const definition = transform({
    bind(plan) {
      plan.passAll();
      return (_, out) => {
        reach();
        out.all();
      };
    },
  });
  return new Harness(definition, { x: int64 }, {}, declared);
}

/** What `reach` gives in a transform whose step declares that. */
function reached<R>(reach: () => R, declared: Declared): R {
  let given: R;
  harness(() => (given = reach()), declared).process({ x: [1n] });
  return given!;
}

/** The kind of the error of a call. */
function kindOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    assert(error instanceof AccessError, String(error));
    return error.kind;
  }
  return "none";
}

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

test("an object is read whole, in part and in chunks", () => {
  const declared = { objects: { in: { "a.csv": "a,b\n1,é\n", empty: "" } } };
  const [text, part, beyond, chunks, none] = reached(() => {
    const folder = objects.open("in");
    return [folder.text("a.csv"), folder.read("a.csv", 2, 3), folder.read("a.csv", 99), [...folder.chunks("a.csv", 4)], [...folder.chunks("empty")]];
  }, declared);
  assert.deepEqual([text, part, beyond], ["a,b\n1,é\n", bytes("b\n1"), new Uint8Array(0)]);
  assert.deepEqual([chunks, none], [[bytes("a,b\n"), bytes("1,é\n").subarray(0, 4), bytes("\n")], []]);
});

test("a large object is read in several calls", () => {
  const data = Uint8Array.from({ length: 10 << 20 }, (_, at) => at % 251);
  const [whole, part] = reached(() => [objects.open("in").read("a"), objects.open("in").read("a", 5, 9 << 20)], { objects: { in: { a: data } } });
  assert(Buffer.compare(whole, data) === 0 && Buffer.compare(part, data.subarray(5, 5 + (9 << 20))) === 0);
});

test("a listing has all pages in order", () => {
  const days = Array.from({ length: 2500 }, (_, day) => [`days/${String(day).padStart(4, "0")}`, new Uint8Array(day)]);
  const [some, all] = reached(
    () => [[...objects.open("in").list("days")], [...objects.open("in")]],
    { objects: { in: { ...Object.fromEntries(days), daysoff: "", a: "" } } },
  );
  assert.deepEqual(some.map(({ size }) => size), Array.from({ length: 2500 }, (_, size) => size));
  assert.deepEqual([all.length, all[0], some[7]!.path], [2502, { path: "a", size: 0 }, "days/0007"]);
});

test("what is written and deleted appears with the run's end", () => {
  const out: Record<string, Uint8Array | string> = { old: "" };
  const run = harness(() => {
    using folder = objects.open("out");
    const large = new Uint8Array(17 << 20);
    folder.create("large").write(large).finish();
    assert.deepEqual(folder.create("a").write("é,").write(bytes("1")).finish(), { path: "a", size: 4 });
    folder.delete("old");
    assert.deepEqual([...folder].map(({ path }) => path), ["old"]);
  }, { objects: { out } });
  run.process({ x: [1n] });
  assert.deepEqual(Object.keys(out), ["old"]);
  run.finish();
  assert.deepEqual(out, { large: new Uint8Array(17 << 20), a: bytes("é,1") });
});

test("a writer that is not finished leaves nothing", () => {
  const out = {};
  const run = harness(() => {
    const left = (): void => {
      using writer = objects.open("out").create("a");
      writer.write("half");
      throw new RangeError("boom");
    };
    assert.throws(left, /boom/);
    const writer = objects.open("out").create("b");
    writer.discard();
    assert.throws(() => writer.write("more"), /the writer of `b` in folder `out` is finished/);
  }, { objects: { out } });
  run.process({ x: [1n] });
  run.finish();
  assert.deepEqual(out, {});
});

test("errors have kinds", () => {
  const kinds = reached(() => {
    const folder = objects.open("in");
    folder.create("new").finish();
    const calls = [
      () => objects.open("other"), () => folder.read("absent"), () => folder.head("../x"), () => folder.create("a"),
      () => folder.create("new", { overwrite: true }), () => folder.create("a", { overwrite: true }),
    ];
    return calls.map(kindOf);
  }, { objects: { in: { a: "" } } });
  assert.deepEqual(kinds, ["denied", "missing", "malformed", "exists", "exists", "none"]);
  assert.throws(() => reached(() => objects.open("in").read("absent"), { objects: { in: {} } }), /^AccessError: `absent` in folder `in`: there is no such object$/);
});

test("a declared secret is read and no other", () => {
  assert.equal(reached(() => secrets.read("key"), { secrets: { key: "é" } }), "é");
  assert.equal(reached(() => kindOf(() => secrets.read("toString")), { secrets: { key: "é" } }), "denied");
});

test("a request is answered", () => {
  const asked: unknown[] = [];
  const response = reached(
    () => http.fetch("https://example.com:8443/v1?q=1#part", { method: "post", headers: { "X-A": "1" }, body: "é", timeout: 5 }),
    {
      http(request) {
        asked.push(request);
        return { status: 201, headers: [["X-B", "1"], ["x-b", "2"]], body: '{"rate": 1.5}' };
      },
    },
  );
  assert.deepEqual(asked, [{
    ...{ method: "POST", url: "https://example.com:8443/v1?q=1#part", scheme: "https", authority: "example.com:8443", target: "/v1?q=1" },
    about: "POST https://example.com:8443/v1",
    ...{ headers: new Map([["x-a", "1"], ["content-length", "2"]]), body: bytes("é"), timeout: 5 },
  }]);
  assert.deepEqual([response.status, response.ok, response.headers.get("x-b"), response.json()], [201, true, "1, 2", { rate: 1.5 }]);
});

test("a body is bounded", () => {
  const of = (size: number, maxBytes?: number) =>
    reached(() => kindOf(() => http.fetch("http://a", { maxBytes })), { http: () => ({ status: 200, body: new Uint8Array(size) }) });
  assert.deepEqual([of(8 << 20), of((8 << 20) + 1), of(9, 9), of(10, 9)], ["none", "too-large", "none", "too-large"]);
});

test("what cannot be sent is told, and what is not declared is denied", () => {
  for (const url of ["ftp://a/", "/path", "http://", "http://u:p@a/", "http://a:b/", "http://[a/", "http://a/ b"]) {
    assert.throws(() => http.fetch(`${url}?key=secret`), { name: "AccessError", kind: "other", message: /^(?!.*(secret|u:p)).*is no URL/ });
  }
  assert.equal(reached(() => kindOf(() => http.fetch("http://[::1]:80")), {}), "denied");
});
