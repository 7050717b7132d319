/** What a step may reach beyond its columns: why it was not reached, and who answers. `access` of `plugin.toml` lists it. */

/** Why something was not done; the words are the same in every language. */
export type Kind =
  | "denied" | "missing" | "exists" | "malformed" | "limit" | "unavailable"
  | "timeout" | "connection" | "too-large" | "other";

/** Something that was not done. Where a transform does not catch it, it ends the run. */
export class AccessError extends Error {
  override readonly name = "AccessError";
  readonly kind: Kind;

  constructor(kind: Kind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** What the contract knows of an object. */
export interface FlatObject {
  path: string;
  size: number | bigint;
  etag?: string | null;
}
/** What is given back when it is no longer needed. */
interface Held {
  [Symbol.dispose]?(): void;
}
/** A folder, as the contract has it. */
export interface FolderHandle extends Held {
  list(prefix: string, after: string | null): { objects: FlatObject[]; next?: string | null };
  head(path: string): FlatObject;
  read(path: string, offset: number | bigint, length: number): Uint8Array;
  create(path: string, overwrite: boolean): WriterHandle;
  delete(path: string): void;
}
/** An object that is being written, as the contract has it. */
export interface WriterHandle extends Held {
  write(bytes: Uint8Array): void;
  finish(): FlatObject;
}
/** A request that is sent. */
export interface Request {
  method: string;
  url: string;
  /** Both for errors, without what may be secret. */
  about: string;
  /** `http` or `https`. */
  scheme: string;
  /** The host, and the port if the URL has one. */
  authority: string;
  /** The path with the query. */
  target: string;
  /** By their names in lower case. */
  headers: Map<string, string>;
  body?: Uint8Array | undefined;
  /** Milliseconds. */
  timeout: number;
}
/** What was answered to it. */
export interface Answer {
  status: number;
  headers?: Iterable<readonly [string, string]>;
  body?: Uint8Array | string;
}

/** Who answers: the bindings of a component, or the fakes of a harness. */
export interface Hosts {
  objects: { open(name: string): FolderHandle };
  secrets: { read(name: string): string };
  http: { send(request: Request, maxBytes: number): Answer };
}

const hosts: Partial<Hosts> = {};

/** The type that the engine takes for 64 bits. */
let whole: (value: number) => number | bigint = (value) => value;

/** Whose answers are given from now on; in a component, with the type that its engine takes for 64 bits. */
export function provide(these: Partial<Hosts>, of64bits = whole): void {
  Object.assign(hosts, these);
  whole = of64bits;
}

/** A number as one of 64 bits. */
export const wide = (value: number): number | bigint => whole(value);

/** Who answers for a name in `access`. */
export function answerer<N extends keyof Hosts>(name: N): Hosts[N] {
  const found = hosts[name];
  if (!found) throw new Error(`nobody answers for \`${name}\`: it needs \`access = ["${name}"]\` in plugin.toml, and is not there while a module is loaded`);
  return found;
}

const TEXTS: Partial<Record<string, string>> = { missing: "there is no such object", exists: "there is such an object already" };

/** Calls the host; what it refuses is thrown, with what it was `about`. */
export function asked<R>(about: string, call: () => R): R {
  try {
    return call();
  } catch (error) {
    const reason = reasonOf(error);
    if (error instanceof AccessError || typeof reason?.tag !== "string") throw error;
    throw new AccessError(reason.tag as Kind, `${about}: ${reason.val ?? TEXTS[reason.tag] ?? reason.tag}`);
  }
}

/** What a host threw, which some engines wrap. */
export function reasonOf(error: unknown): { tag?: string; val?: unknown } | undefined {
  return ((error as { payload?: unknown } | undefined)?.payload ?? error) as { tag?: string; val?: unknown } | undefined;
}
