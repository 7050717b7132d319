/**
 * Requests over HTTP to where the step lets them go; one is answered before `fetch` returns.
 *
 *     const rates = http.fetch("https://api.example.com/rates").json();
 *
 * Needs `access = ["http"]` in `plugin.toml`. Headers with secrets are added outside of the sandbox, as the step says. Redirects are
 * not followed.
 */

import { AccessError, asked, answerer, type Answer, type Request } from "./access.ts";
import { kernels } from "./kernels.ts";

export type { Answer, Request };

/** Milliseconds for each of: a connection, the first byte of the answer, the next ones. */
export const TIMEOUT = 30_000;
/** Bytes of a response's body, 8 MiB, so that an answer without end does not fill the sandbox. */
export const BODY_BYTES_MAX = 8_388_608;

export interface Options {
  /** `GET` unless given. */
  method?: string | undefined;
  headers?: Record<string, string> | Iterable<readonly [string, string]> | undefined;
  /** Text is sent as UTF-8. */
  body?: Uint8Array | string | undefined;
  /** Milliseconds, for the connection, the first byte and every pause; `TIMEOUT` unless given. */
  timeout?: number | undefined;
  /** A body of more bytes is an error; `BODY_BYTES_MAX` unless given. */
  maxBytes?: number | undefined;
}

/** What was answered, whatever its status. */
export class Response {
  readonly status: number;
  /** By their names in lower case; the values of one name are joined by `, `. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;

  constructor({ status, headers = [], body = "" }: Answer) {
    const merged = new Map<string, string>();
    for (const [name, value] of headers) {
      const before = merged.get(name.toLowerCase());
      merged.set(name.toLowerCase(), before === undefined ? value : `${before}, ${value}`);
    }
    this.status = status;
    this.headers = merged;
    this.body = typeof body === "string" ? kernels.encode(body) : body;
  }

  /** Whether the status is one of success. */
  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  /** The body, which is UTF-8. */
  text(): string {
    return kernels.decode(this.body);
  }

  /** The value that the body is as JSON. */
  json(): unknown {
    return JSON.parse(this.text());
  }
}

/** Sends a request and gives the response, whatever its status; throws an `AccessError` where there is none. */
export function fetch(url: string, options: Options = {}): Response {
  const request = requestOf(url, options);
  const maxBytes = options.maxBytes ?? BODY_BYTES_MAX;
  const { about } = request;
  const response = new Response(asked(about, () => answerer("http").send(request, maxBytes)));
  if (response.body.length > maxBytes) {
    throw new AccessError("too-large", `${about}: the response has more than ${maxBytes} bytes; \`maxBytes\` allows more`);
  }
  return response;
}

/** The scheme, the host with its port, the path and the query of a URL. */
const URL_PARTS = /^(https?):\/\/((?:\[[0-9a-f:.]+\]|[^/?#@:[\]\s\\]+)(?::\d{1,5})?)(\/[^?#\s]*)?(\?[^#\s]*)?(?:#.*)?$/i;

/** A URL without what may be secret in it: a query, and who asks. */
const shown = (url: string): string => url.replace(/[?#].*|(?<=\/\/)[^/?#]*@/gs, "");

function requestOf(url: string, { method = "GET", headers = {}, body, timeout = TIMEOUT }: Options): Request {
  const parts = URL_PARTS.exec(url);
  if (!parts) throw new AccessError("other", `\`${shown(url)}\` is no URL of the form \`https://host/path\``);
  const [, scheme, authority, path = "/", query = ""] = parts;
  const pairs = Symbol.iterator in headers ? [...(headers as Iterable<readonly [string, string]>)] : Object.entries(headers);
  const named = new Map(pairs.map(([name, value]) => [name.toLowerCase(), String(value)]));
  const bytes = typeof body === "string" ? kernels.encode(body) : body;
  if (bytes && !named.has("content-length")) named.set("content-length", String(bytes.length));
  return {
    ...{ method: method.toUpperCase(), url, headers: named, body: bytes, timeout, about: `${method.toUpperCase()} ${shown(url)}` },
    ...{ scheme: scheme!.toLowerCase(), authority: authority!, target: path + query },
  };
}
