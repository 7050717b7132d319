/**
 * Loops over whole columns.
 *
 * An interpreter pays about a hundred nanoseconds for every turn of a loop. In a component of QuickJS these
 * functions are native code (`kernels/vector.ts`); elsewhere they are the JavaScript below, which says what they mean.
 */

import { numericOf, type Numeric } from "./types.ts";

export const ARITHMETIC = ["add", "sub", "mul", "div"] as const;
export const COMPARISONS = ["eq", "ne", "lt", "le", "gt", "ge"] as const;
export type Arithmetic = (typeof ARITHMETIC)[number];
export type Comparison = (typeof COMPARISONS)[number];

/** The formats that arithmetic, comparisons and conversions know, by their number in the native code. */
export const KERNEL_FORMATS = "cCsSiIlLfg";

export interface Kernels {
  /** A text as UTF-8. */
  encode(text: string): Uint8Array;
  /** The text that UTF-8 bytes are. */
  decode(bytes: Uint8Array): string;
  /** Where texts end in UTF-16, by where their bytes do; 32 bits each. */
  units(bytes: Uint8Array, offsets: Uint8Array): Uint8Array;
  /** Where the bytes of texts end, by where they do in UTF-16. */
  offsets(bytes: Uint8Array, units: Uint8Array): Uint8Array;
  /** `left op right` for each value; `right` may be one value for all. Integers wrap; only floats divide. */
  arithmetic(op: number, format: number, left: Uint8Array, right: Uint8Array): Uint8Array;
  /** A bit for each value. */
  compare(op: number, format: number, left: Uint8Array, right: Uint8Array): Uint8Array;
  /** Each value as a float of 64 bits. */
  floats(format: number, values: Uint8Array): Uint8Array;
  /** The values, of `width` bytes each, whose bit is set. */
  select(width: number, values: Uint8Array, bits: Uint8Array): Uint8Array;
  /** How many bounds are at or under each value: numbers from 0 to the number of bounds. Not a number gives 0. */
  buckets(values: Uint8Array, bounds: Uint8Array): Uint8Array;
  /** For texts numbered by `choice`: their bytes one after the other, and behind them the offsets, from a multiple of 4 on. */
  labels(choice: Uint8Array, ends: Uint8Array, bytes: Uint8Array): Uint8Array;
  /** Bytes that views of 16 bytes point at, one after the other, and offsets as `labels` has them. */
  compact(heads: Uint8Array, data: Uint8Array[]): Uint8Array;
  /** The HMAC-SHA256 of each text, as `digits` hexadecimal digits; `states` are those of the two padded keys. */
  hmac(states: Uint8Array, constants: Uint8Array, bytes: Uint8Array, offsets: Uint8Array, digits: number): Uint8Array;
}

/** A typed array over bytes, copied where they are not aligned for it. */
export function view(type: { readonly BYTES_PER_ELEMENT: number; new (buffer: ArrayBufferLike, offset: number, length: number): Numeric }, bytes: Uint8Array): Numeric {
  const width = type.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % width === 0 ? bytes : bytes.slice();
  return new type(aligned.buffer, aligned.byteOffset, Math.floor(aligned.byteLength / width));
}

/** The bytes of a typed array. */
export const bytesOf = (values: ArrayBufferView): Uint8Array =>
  values instanceof Uint8Array ? values : new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

const typed = (format: number, bytes: Uint8Array): Numeric => view(numericOf(KERNEL_FORMATS[format]!)!, bytes);

/** How many units of UTF-16 the character has that starts with this byte; none within a character. */
const unitsOf = (byte: number): number => ((byte & 0xc0) === 0x80 ? 0 : byte >= 0xf0 ? 2 : 1);

const OPERATIONS: ((a: number, b: number) => number)[] = [(a, b) => a + b, (a, b) => a - b, (a, b) => a * b, (a, b) => a / b];
const TESTS: ((a: number | bigint, b: number | bigint) => boolean)[] = [
  (a, b) => a === b, (a, b) => a !== b, (a, b) => a < b, (a, b) => a <= b, (a, b) => a > b, (a, b) => a >= b,
];

/** What the kernels mean, in JavaScript. */
export const portable: Kernels = {
  // QuickJS has no coders of its own, and its native ones are not there yet while a component is built.
  encode: (text) =>
    typeof TextEncoder === "undefined"
      ? Uint8Array.from(unescape(encodeURIComponent(text)), (char) => char.charCodeAt(0))
      : new TextEncoder().encode(text),
  decode: (bytes) =>
    typeof TextDecoder === "undefined"
      ? decodeURIComponent(escape(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")))
      : new TextDecoder().decode(bytes),
  units(bytes, offsets) {
    const ends = view(Uint32Array, offsets) as Uint32Array;
    let [at, count] = [0, 0];
    const out = ends.map((end) => {
      for (; at < end; at++) count += unitsOf(bytes[at]!);
      return count;
    });
    return bytesOf(out);
  },
  offsets(bytes, units) {
    const ends = view(Uint32Array, units) as Uint32Array;
    let [at, count] = [0, 0];
    const out = ends.map((end) => {
      while (count < end) count += unitsOf(bytes[at++]!);
      while (unitsOf(bytes[at] ?? 0) === 0) at++;
      return at;
    });
    return bytesOf(out);
  },
  arithmetic(op, format, left, right) {
    const [a, b] = [typed(format, left), typed(format, right)] as [Float64Array, Float64Array];
    // A product of 32 bits can have more digits than a float.
    const apply = op === 2 && "iI".includes(KERNEL_FORMATS[format]!) ? Math.imul : OPERATIONS[op]!;
    const [out, step] = [a.slice(), b.length === 1 ? 0 : 1];
    for (let row = 0; row < out.length; row++) out[row] = apply(a[row]!, b[row * step]!);
    return bytesOf(out);
  },
  compare(op, format, left, right) {
    const [a, b] = [typed(format, left), typed(format, right)];
    const [test, bits, step] = [TESTS[op]!, new Uint8Array((a.length + 7) >> 3), b.length === 1 ? 0 : 1];
    for (let row = 0; row < a.length; row++) if (test(a[row]!, b[row * step]!)) bits[row >> 3]! |= 1 << (row & 7);
    return bits;
  },
  floats(format, values) {
    const from = typed(format, values);
    const out = new Float64Array(from.length);
    for (let row = 0; row < out.length; row++) out[row] = Number(from[row]);
    return bytesOf(out);
  },
  select(width, values, bits) {
    const out = new Uint8Array(values.length);
    let end = 0;
    for (let row = 0; row * width < values.length; row++) {
      if (!((bits[row >> 3]! >> (row & 7)) & 1)) continue;
      out.set(values.subarray(row * width, (row + 1) * width), end);
      end += width;
    }
    return out.slice(0, end);
  },
  buckets(values, bounds) {
    const [from, at] = [view(Float64Array, values), view(Float64Array, bounds) as Float64Array];
    const out = new Uint8Array(from.length);
    for (let row = 0; row < out.length; row++) for (const bound of at) if (from[row]! >= bound) out[row]!++;
    return out;
  },
  labels(choice, ends, bytes) {
    const to = view(Uint32Array, ends) as Uint32Array;
    const texts = Array.from(to, (end, label) => bytes.subarray(label ? to[label - 1] : 0, end));
    return joined(Array.from(choice, (label) => texts[label]!));
  },
  compact(heads, data) {
    const words = view(Int32Array, heads) as Int32Array;
    return joined(Array.from({ length: words.length / 4 }, (_, row) => viewed(heads, words, row, data)));
  },
  hmac(states, constants, bytes, offsets, digits) {
    const [state, k, at] = [view(Uint32Array, states), view(Uint32Array, constants), view(Uint32Array, offsets)] as [Uint32Array, Uint32Array, Uint32Array];
    const out = new Uint8Array((at.length - 1) * digits);
    const hex = "0123456789abcdef";
    for (let row = 0; row + 1 < at.length; row++) {
      const inner = sha256(state.slice(0, 8), k, bytes.subarray(at[row], at[row + 1]));
      const tag = sha256(state.slice(8, 16), k, bigEndian(inner));
      for (let digit = 0; digit < digits; digit++) {
        out[row * digits + digit] = hex.charCodeAt((tag[digit >> 3]! >>> (28 - 4 * (digit & 7))) & 15);
      }
    }
    return out;
  },
};

/** Views of at most this many bytes hold their value themselves. */
export const INLINE_MAX = 12;

/** The bytes of a view; none for what a null may leave there. */
function viewed(heads: Uint8Array, words: Int32Array, row: number, data: Uint8Array[]): Uint8Array {
  const [length, , index, start] = words.subarray(4 * row, 4 * row + 4) as unknown as [number, number, number, number];
  if (length <= INLINE_MAX) return heads.subarray(16 * row + 4, 16 * row + 4 + length);
  return data[index]?.subarray(start, start + length) ?? new Uint8Array(0);
}

/** Values one after the other, and behind them their offsets. */
function joined(values: Uint8Array[]): Uint8Array {
  const start = (values.reduce((sum, value) => sum + value.length, 0) + 3) & ~3;
  const out = new Uint8Array(start + 4 * (values.length + 1));
  const offsets = new Uint32Array(out.buffer, start);
  values.forEach((value, row) => {
    out.set(value, offsets[row]);
    offsets[row + 1] = offsets[row]! + value.length;
  });
  return out;
}

/** Takes apart what `joined` made: bytes and offsets of `length` values. */
export function apart(both: Uint8Array, length: number): [bytes: Uint8Array, offsets: Uint8Array] {
  const offsets = both.subarray(both.length - 4 * (length + 1));
  const end = (view(Uint32Array, offsets) as Uint32Array)[length];
  return [both.subarray(0, end), offsets];
}

function bigEndian(words: Uint32Array): Uint8Array {
  const out = new DataView(new ArrayBuffer(4 * words.length));
  words.forEach((word, index) => out.setUint32(4 * index, word));
  return new Uint8Array(out.buffer);
}

/** SHA-256 of what one block left in `state` and of the bytes that follow it. */
function sha256(state: Uint32Array, k: Uint32Array, bytes: Uint8Array): Uint32Array {
  const padded = new Uint8Array((bytes.length + 72) & ~63);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  new DataView(padded.buffer).setUint32(padded.length - 4, (64 + bytes.length) * 8);
  for (let start = 0; start < padded.length; start += 64) compress(state, k, padded.subarray(start, start + 64));
  return state;
}

const rotate = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

/** One round of SHA-256: adds a block of 64 bytes to `state`. */
export function compress(state: Uint32Array, k: Uint32Array, block: Uint8Array): void {
  const [from, w] = [new DataView(block.buffer, block.byteOffset), new Uint32Array(64)];
  for (let i = 0; i < 64; i++) {
    if (i < 16) {
      w[i] = from.getUint32(4 * i);
      continue;
    }
    const [x, y] = [w[i - 15]!, w[i - 2]!];
    w[i] = w[i - 16]! + (rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3)) + w[i - 7]! + (rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10));
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let i = 0; i < 64; i++) {
    const one = (h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + k[i]! + w[i]!) | 0;
    const two = ((rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, index) => (state[index]! += word));
}

/** The kernels in use. */
export let kernels: Kernels = portable;

/** Uses native kernels from now on. */
export function useKernels(native: Kernels): void {
  kernels = native;
}
