/** What answers a transform in a test in the place of stores, secrets and servers. */

import { provide, type Answer, type FlatObject, type FolderHandle, type Request, type WriterHandle } from "./access.ts";
import { kernels } from "./kernels.ts";

/** Objects in a page of a listing, and bytes of a path, as the contract and stores have them. */
const PAGE_OBJECTS = 1_000;
const PATH_BYTES_MAX = 1_024;

/** What a step declares beyond its columns. */
export interface Declared {
  /** Folders by name, each with bytes or texts by path; `finish` puts into them what was written. */
  objects?: Record<string, Record<string, Uint8Array | string>>;
  secrets?: Record<string, string>;
  /** Answers requests. */
  http?: (request: Request) => Answer;
}

/** Answers for what is declared. */
export class Fakes {
  private readonly declared: Declared;
  private readonly folders: Record<string, FakeFolder> = {};

  constructor(declared: Declared) {
    this.declared = declared;
    for (const [name, objects] of Object.entries(declared.objects ?? {})) this.folders[name] = new FakeFolder(objects);
  }

  /** Answers from now on. */
  answer(): void {
    provide({
      objects: { open: (name) => one(this.folders, name) },
      secrets: { read: (name) => one(this.declared.secrets ?? {}, name) },
      http: { send: (request) => this.send(request) },
    });
  }

  /** Makes what was written and deleted appear. */
  commit(): void {
    for (const folder of Object.values(this.folders)) folder.commit();
  }

  private send(request: Request): Answer {
    if (!this.declared.http) throw { tag: "denied", val: "the step declares no requests" };
    return this.declared.http(request);
  }
}

function one<T>(those: Record<string, T>, name: string): T {
  if (!Object.hasOwn(those, name)) throw { tag: "denied", val: `the step does not declare \`${name}\`` };
  return those[name]!;
}

class FakeFolder implements FolderHandle {
  private readonly objects: Record<string, Uint8Array | string>;
  private readonly changes = new Map<string, Uint8Array | undefined>();

  constructor(objects: Record<string, Uint8Array | string>) {
    this.objects = objects;
  }

  list(prefix: string, after: string | null): { objects: FlatObject[]; next: string | null } {
    const folder = prefix && `${checked(prefix).replace(/\/+$/, "")}/`;
    const paths = Object.keys(this.objects).sort().filter((path) => path.startsWith(folder) && path > (after ?? ""));
    const page = paths.slice(0, PAGE_OBJECTS);
    return { objects: page.map((path) => this.head(path)), next: paths.length > page.length ? page.at(-1)! : null };
  }

  head(path: string): FlatObject {
    return { path, size: this.bytes(path).length, etag: null };
  }

  read(path: string, offset: number | bigint, length: number): Uint8Array {
    return this.bytes(path).slice(Number(offset), Number(offset) + length);
  }

  create(path: string, overwrite: boolean): WriterHandle {
    if (this.changes.get(checked(path)) || (Object.hasOwn(this.objects, path) && !overwrite)) throw { tag: "exists" };
    let written = new Uint8Array(0);
    return {
      write(bytes) {
        const longer = new Uint8Array(written.length + bytes.length);
        longer.set(written);
        longer.set(bytes, written.length);
        written = longer;
      },
      finish: () => {
        this.changes.set(path, written);
        return { path, size: written.length };
      },
    };
  }

  delete(path: string): void {
    this.bytes(path);
    this.changes.set(path, undefined);
  }

  commit(): void {
    for (const [path, bytes] of this.changes) {
      if (bytes) this.objects[path] = bytes;
      else delete this.objects[path];
    }
    this.changes.clear();
  }

  private bytes(path: string): Uint8Array {
    if (!Object.hasOwn(this.objects, checked(path))) throw { tag: "missing" };
    const content = this.objects[path]!;
    return typeof content === "string" ? kernels.encode(content) : content;
  }
}

function checked(path: string): string {
  const parts = path.replace(/\/+$/, "").split("/");
  if (parts.some((part) => ["", ".", ".."].includes(part)) || kernels.encode(path).length > PATH_BYTES_MAX) {
    throw { tag: "malformed", val: "it names nothing in the folder" };
  }
  return path;
}
