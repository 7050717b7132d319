/**
 * Objects in folders that the step declares.
 *
 *     const rates = JSON.parse(objects.open("lookup").text("rates.json"));
 *
 * Needs `access = ["objects"]` in `plugin.toml`.
 */

import { asked, answerer, wide, type FlatObject, type FolderHandle, type WriterHandle } from "./access.ts";
import { kernels } from "./kernels.ts";

// Literals, since esbuild leaves out what nobody uses only if it need not be calculated.
/** Bytes that the contract lets one call carry, 8 MiB. */
const CALL_BYTES_MAX = 8_388_608;
/** Bytes of a chunk, and that a writer gathers, 1 MiB: a request to a store costs more than their transport. */
const CHUNK_BYTES = 1_048_576;

/** What is known of an object. */
export interface Entry {
  /** Its path in the folder, names joined by `/`. */
  path: string;
  /** In bytes. */
  size: number;
  /** Changes when the content does, where the store tells. */
  etag?: string;
}

/** The folder that the step gives this name. Nothing is asked of a store yet. */
export const open = (name: string): Folder => new Folder(name, asked(`folder \`${name}\``, () => answerer("objects").open(name)));

/** A folder with all that is in it, however deep; paths are relative to it. What fails throws an `AccessError`. */
export class Folder {
  readonly name: string;
  private readonly handle: FolderHandle;

  constructor(name: string, handle: FolderHandle) {
    this.name = name;
    this.handle = handle;
  }

  /** The objects below the folder `prefix`, in the order of their paths, however many there are. */
  *list(prefix = ""): Generator<Entry, void, undefined> {
    for (let after: string | null | undefined = null; after !== undefined; ) {
      const page = this.asked(prefix, () => this.handle.list(prefix, after!));
      yield* page.objects.map(entry);
      after = page.next ?? undefined;
    }
  }

  [Symbol.iterator](): Generator<Entry, void, undefined> {
    return this.list();
  }

  /** What is known of one object. */
  head(path: string): Entry {
    return entry(this.asked(path, () => this.handle.head(path)));
  }

  /** The bytes of an object from `offset` on: all of them, or at most `length`. */
  read(path: string, offset = 0, length = Infinity): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let [at, left] = [offset, length]; left > 0; ) {
      const wanted = Math.min(left, CALL_BYTES_MAX);
      const part = this.asked(path, () => this.handle.read(path, wide(at), wanted));
      parts.push(part);
      if (part.length < wanted) break;
      [at, left] = [at + part.length, left - part.length];
    }
    return joined(parts);
  }

  /** The text of an object, which is UTF-8. */
  text(path: string): string {
    return kernels.decode(this.read(path));
  }

  /** The bytes of an object, piece by piece: one larger than the memory is read so. */
  *chunks(path: string, size = CHUNK_BYTES): Generator<Uint8Array, void, undefined> {
    for (let at = 0; ; at += size) {
      const chunk = this.read(path, at, size);
      if (chunk.length) yield chunk;
      if (chunk.length < size) return;
    }
  }

  /** A writer of a new object, or, with `overwrite`, of one that may be there. It appears with the run's output. */
  create(path: string, { overwrite = false } = {}): Writer {
    return new Writer(this.about(path), this.asked(path, () => this.handle.create(path, overwrite)));
  }

  /** Deletes an object, when the run is committed. */
  delete(path: string): void {
    this.asked(path, () => this.handle.delete(path));
  }

  /** Lets go of the folder, as `using` does. */
  [Symbol.dispose](): void {
    this.handle[Symbol.dispose]?.();
  }

  private asked<R>(path: string, call: () => R): R {
    return asked(this.about(path), call);
  }

  private about(path: string): string {
    return path ? `\`${path}\` in folder \`${this.name}\`` : `folder \`${this.name}\``;
  }
}

/** An object that is being written. One that is not finished never appears. */
export class Writer {
  private readonly about: string;
  private handle: WriterHandle | undefined;
  private gathered: Uint8Array[] = [];
  private size = 0;

  constructor(about: string, handle: WriterHandle) {
    this.about = about;
    this.handle = handle;
  }

  /** Appends bytes, or text as UTF-8. */
  write(data: Uint8Array | string): this {
    this.opened();
    const bytes = typeof data === "string" ? kernels.encode(data) : data.slice();
    this.gathered.push(bytes);
    this.size += bytes.length;
    if (this.size >= CHUNK_BYTES) this.flush();
    return this;
  }

  /** Ends the object, and says what it is. */
  finish(): Entry {
    const handle = this.opened();
    this.flush();
    try {
      return entry(asked(this.about, () => handle.finish()));
    } finally {
      this.discard();
    }
  }

  /** Ends the writer; nothing remains of what is not finished. */
  discard(): void {
    this.handle?.[Symbol.dispose]?.();
    this.handle = undefined;
  }

  /** The same, at the end of the scope of `using`. */
  [Symbol.dispose](): void {
    this.discard();
  }

  private flush(): void {
    const [handle, bytes] = [this.opened(), joined(this.gathered)];
    [this.gathered, this.size] = [[], 0];
    for (let at = 0; at < bytes.length; at += CALL_BYTES_MAX) {
      asked(this.about, () => handle.write(bytes.subarray(at, at + CALL_BYTES_MAX)));
    }
  }

  private opened(): WriterHandle {
    if (!this.handle) throw new Error(`the writer of ${this.about} is finished`);
    return this.handle;
  }
}

function entry({ path, size, etag }: FlatObject): Entry {
  return { path, size: Number(size), ...(etag == null ? {} : { etag }) };
}

function joined(parts: Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  parts.reduce((at, part) => (out.set(part, at), at + part.length), 0);
  return out;
}
