/** Sends requests through `wasi:http`, in a component. */

import { handle } from "wasi:http/outgoing-handler@0.2.12";
import { Fields, OutgoingBody, OutgoingRequest, RequestOptions, httpErrorCode, type InputStream } from "wasi:http/types@0.2.12";
import { AccessError, reasonOf, wide, type Answer, type Kind, type Request } from "./access.ts";
import { kernels } from "./kernels.ts";

/** Bytes that are read from a response at once. */
const READ_BYTES = 1 << 16;

/** `README.md` of the conformance tests says which case of `error-code` is of which kind. */
const KINDS: [Kind, RegExp][] = [
  ["denied", /^(http-request-denied|destination-ip-prohibited)$/],
  ["timeout", /^(dns-timeout|connection-(read-|write-)?timeout|http-response-timeout)$/],
  ["connection", /^(dns-error|destination-.*|connection-.*|tls-.*|http-response-incomplete)$/],
  ["too-large", /^http-(re(quest|sponse)-body-size|response-header-(section-)?size)$/],
];
const METHODS = ["get", "head", "post", "put", "delete", "connect", "options", "trace", "patch"];

/** The response to a request; a body that is longer than `maxBytes` is cut after that. */
export function send(request: Request, maxBytes: number): Answer {
  try {
    const outgoing = outgoingOf(request);
    const body = request.body && outgoing.body();
    using future = handle(outgoing, optionsOf(request.timeout));
    if (body) write(body, request.body!);
    {
      using answered = future.subscribe();
      answered.block();
    }
    const answer = future.get()!.val;
    if (answer.tag === "err") throw answer.val;
    using incoming = answer.val;
    using fields = incoming.headers();
    const headers = fields.entries().map(([name, value]): [string, string] => [name, kernels.decode(value)]);
    using content = incoming.consume();
    using stream = content.stream();
    return { status: incoming.status(), headers, body: read(stream, maxBytes) };
  } catch (error) {
    throw error instanceof AccessError ? error : errorOf(request, reasonOf(error));
  }
}

function outgoingOf({ method, scheme, authority, target, headers, about }: Request): OutgoingRequest {
  const fields = new Fields();
  const set = (what: string, call: () => void): void => {
    try {
      call();
    } catch {
      throw new AccessError("other", `${what} cannot be sent`);
    }
  };
  for (const [name, value] of headers) {
    set(`header \`${name}\``, () => fields.append(name, kernels.encode(value)));
  }
  const outgoing = new OutgoingRequest(fields);
  const tag = method.toLowerCase();
  set(`method \`${method}\``, () => outgoing.setMethod(METHODS.includes(tag) ? { tag } : { tag: "other", val: method }));
  set(`scheme of \`${about}\``, () => outgoing.setScheme({ tag: scheme.toUpperCase() }));
  set(`host of \`${about}\``, () => outgoing.setAuthority(authority));
  set(`path of \`${about}\``, () => outgoing.setPathWithQuery(target));
  return outgoing;
}

function optionsOf(milliseconds: number): RequestOptions {
  const [options, duration] = [new RequestOptions(), wide(Math.round(milliseconds * 1e6))];
  options.setConnectTimeout(duration);
  options.setFirstByteTimeout(duration);
  options.setBetweenBytesTimeout(duration);
  return options;
}

/** Sends a body. One that is not taken is no error: the response tells why. */
function write(body: OutgoingBody, bytes: Uint8Array): void {
  try {
    {
      using stream = body.write();
      for (let sent = 0; sent < bytes.length; ) {
        const room = Number(stream.checkWrite());
        if (room) {
          stream.write(bytes.slice(sent, sent + room));
          sent += room;
        } else {
          using writable = stream.subscribe();
          writable.block();
        }
      }
      stream.blockingFlush();
    }
    OutgoingBody.finish(body, undefined);
  } catch {}
}

function read(stream: InputStream, maxBytes: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let size = 0;
  while (size <= maxBytes) {
    try {
      parts.push(stream.blockingRead(wide(READ_BYTES)));
    } catch (error) {
      const reason = reasonOf(error);
      if (reason?.tag === "closed") break;
      throw httpErrorCode(reason?.val as never) ?? { tag: "HTTP-response-incomplete" };
    }
    size += parts.at(-1)!.length;
  }
  const out = new Uint8Array(size);
  parts.reduce((at, part) => (out.set(part, at), at + part.length), 0);
  return out;
}

/** The error of a case of `error-code`. */
function errorOf({ about }: Request, code: { tag?: string; val?: unknown } | undefined): unknown {
  if (typeof code?.tag !== "string") return code;
  const word = code.tag.toLowerCase();
  const kind = KINDS.find(([, cases]) => cases.test(word))?.[0] ?? "other";
  const detail = code.val == null ? "" : `: ${typeof code.val === "string" ? code.val : JSON.stringify(code.val)}`;
  return new AccessError(kind, `${about}: ${word}${detail}`);
}
