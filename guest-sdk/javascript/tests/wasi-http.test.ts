// What a component does with `wasi:http`, with bindings that are as strict as a host.

import assert from "node:assert/strict";
import { registerHooks } from "node:module";
import { test } from "node:test";

/** What the bindings below do: `server(sent)` gives the parts of a response, or throws a case of `error-code`. */
interface Fake {
  server: (sent: number[]) => Iterable<Uint8Array>;
}
const fake: Fake = { server: () => [] };
Object.assign(globalThis, { fake });

const BINDINGS = `
const resource = (methods) => ({ block() {}, subscribe: () => resource({}), [Symbol.dispose]() {}, ...methods });
const sent = [];
let room = 0;
// Permits some bytes, then none until somebody waits.
const output = () => resource({
  checkWrite: () => room,
  subscribe: () => resource({ block: () => (room = 3) }),
  write(bytes) {
    if (room === 0 || bytes.length > room) throw new Error("write exceeded budget");
    sent.push(...bytes);
    room = 0;
  },
  blockingFlush() {},
});
const read = (parts) => () => {
  const { done, value } = parts.next();
  if (done) throw { tag: "closed" };
  return value;
};
export class Fields {
  append() {}
}
export class OutgoingBody {
  static finish() {}
  write = output;
}
export class OutgoingRequest {
  setMethod() {}
  setScheme() {}
  setAuthority() {}
  setPathWithQuery() {}
  body = () => new OutgoingBody();
}
export class RequestOptions {
  setConnectTimeout() {}
  setFirstByteTimeout() {}
  setBetweenBytesTimeout() {}
}
export const httpErrorCode = () => undefined;
export const handle = () => resource({
  get() {
    const parts = globalThis.fake.server(sent.splice(0))[Symbol.iterator]();
    const content = resource({ stream: () => resource({ blockingRead: read(parts) }) });
    const headers = () => resource({ entries: () => [["X-A", new Uint8Array([49])]] });
    return { val: { tag: "ok", val: resource({ status: () => 200, headers, consume: () => content }) } };
  },
});
`;

registerHooks({
  resolve: (name, context, next) =>
    name.startsWith("wasi:") ? { url: `data:text/javascript,${encodeURIComponent(BINDINGS)}`, shortCircuit: true } : next(name, context),
});
const { send } = await import("../src/wasi-http.ts");

const request = { method: "POST", url: "", about: "POST http://a/b", scheme: "http", authority: "a", target: "/b", headers: new Map(), timeout: 1 };

test("a body is written as the host takes it", () => {
  fake.server = (sent) => [Uint8Array.from(sent.slice(0, 4)), Uint8Array.from(sent.slice(4))];
  const answer = send({ ...request, body: Uint8Array.from({ length: 10 }, (_, at) => at) }, 99);
  assert.deepEqual(answer, { status: 200, headers: [["X-A", "1"]], body: Uint8Array.from({ length: 10 }, (_, at) => at) });
});

test("a response is read no further than asked", () => {
  fake.server = function* () {
    for (;;) yield new Uint8Array(50);
  };
  assert.equal(send(request, 99).body!.length, 100);
});

test("errors have the kinds that every language has", () => {
  const cases = [
    ["DNS-timeout", "timeout"], ["TLS-protocol-error", "connection"], ["loop-detected", "other"],
    ["HTTP-request-denied", "denied"], ["HTTP-request-body-size", "too-large"],
  ];
  for (const [tag, kind] of cases) {
    fake.server = () => {
      throw { tag };
    };
    assert.throws(() => send(request, 99), { name: "AccessError", kind, message: `POST http://a/b: ${tag!.toLowerCase()}` });
  }
});
