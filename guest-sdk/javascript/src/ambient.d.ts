// What the engines have beyond the language: the imports of the contract, and a little of the web.

declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}
declare class TextDecoder {
  decode(bytes: Uint8Array): string;
}
/** Writes to the log of the run. */
declare const console: Record<"log" | "info" | "debug" | "trace" | "warn" | "error", (...values: unknown[]) => void>;

declare module "sluicegate:transform/input@0.1.0" {
  export function rows(): number;
  export function read(indices: number[]): import("./flat.ts").FlatColumn[];
}
declare module "sluicegate:transform/output@0.1.0" {
  export function emit(rows: import("./output.ts").Selection, computed: import("./flat.ts").FlatColumn[]): void;
  export function reject(rows: import("./output.ts").Rejection[]): void;
}
declare module "sluicegate:transform/log@0.1.0" {
  export function write(level: import("./log.ts").Level, message: string): void;
}
declare module "wasi:http/types@0.2.12" {
  type Code = { tag: string; val?: unknown };
  type Pollable = Disposable & { block(): void };
  export interface InputStream extends Disposable {
    blockingRead(length: number | bigint): Uint8Array;
  }
  interface OutputStream extends Disposable {
    checkWrite(): number | bigint;
    write(bytes: Uint8Array): void;
    blockingFlush(): void;
    subscribe(): Pollable;
  }
  export class Fields implements Disposable {
    append(name: string, value: Uint8Array): void;
    entries(): [string, Uint8Array][];
    [Symbol.dispose](): void;
  }
  export class OutgoingBody {
    static finish(body: OutgoingBody, trailers: undefined): void;
    write(): OutputStream;
  }
  export class OutgoingRequest {
    constructor(headers: Fields);
    body(): OutgoingBody;
    setMethod(method: Code): void;
    setScheme(scheme: Code): void;
    setAuthority(authority: string): void;
    setPathWithQuery(target: string): void;
  }
  export class RequestOptions {
    setConnectTimeout(duration: number | bigint): void;
    setFirstByteTimeout(duration: number | bigint): void;
    setBetweenBytesTimeout(duration: number | bigint): void;
  }
  interface IncomingResponse extends Disposable {
    status(): number;
    headers(): Fields;
    consume(): Disposable & { stream(): InputStream };
  }
  export interface FutureIncomingResponse extends Disposable {
    subscribe(): Pollable;
    get(): { val: { tag: "ok"; val: IncomingResponse } | { tag: "err"; val: Code } } | null | undefined;
  }
  export function httpErrorCode(error: object): Code | null | undefined;
}
declare module "wasi:http/outgoing-handler@0.2.12" {
  import type { FutureIncomingResponse, OutgoingRequest, RequestOptions } from "wasi:http/types@0.2.12";
  export function handle(request: OutgoingRequest, options: RequestOptions): FutureIncomingResponse;
}
