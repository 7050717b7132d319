// The native kernels do what those in JavaScript say, and hashes are what everyone else computes.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { column, Hmac, utf8, utf8View } from "sluicegate";
import { ARITHMETIC, bytesOf, COMPARISONS, KERNEL_FORMATS, portable, useKernels, type Kernels } from "../src/kernels.ts";
import { numericOf } from "../src/types.ts";

/** The kernels with a memory of their own, in which nothing is ever freed. */
function native(): Record<string, (...args: (number | Uint8Array | Uint8Array[])[]) => Uint8Array> {
  const memory = new WebAssembly.Memory({ initial: 64 });
  let end = 64;
  const realloc = (_old: number, _size: number, align: number, size: number): number => {
    const at = Math.ceil(end / align) * align;
    end = at + size;
    return at;
  };
  const module = new WebAssembly.Module(readFileSync(process.env.SLUICE_KERNELS!));
  const { exports } = new WebAssembly.Instance(module, { env: { memory, realloc } });
  const put = (bytes: Uint8Array): [number, number] => {
    const at = realloc(0, 0, 8, bytes.length);
    new Uint8Array(memory.buffer).set(bytes, at);
    return [at, bytes.length];
  };
  const lower = (arg: number | Uint8Array | Uint8Array[]): number[] => {
    if (typeof arg === "number") return [arg];
    if (arg instanceof Uint8Array) return put(arg);
    return [put(bytesOf(Uint32Array.from(arg.flatMap(put))))[0], arg.length];
  };
  return new Proxy({}, {
    get: (_, name: string) => (...args: (number | Uint8Array)[]): Uint8Array => {
      const to = realloc(0, 0, 4, 8);
      (exports[name] as (...args: number[]) => void)(...args.flatMap(lower), to);
      const [at, size] = new Uint32Array(memory.buffer, to, 2);
      return new Uint8Array(memory.buffer, at, size).slice();
    },
  });
}

const LENGTHS = [0, 1, 7, 8, 9, 31, 100];
/** Numbers of a format that are not all alike. */
function sample(format: number, length: number, seed: number): Uint8Array {
  const values = new (numericOf(KERNEL_FORMATS[format]!)!)(length) as unknown as (number | bigint)[];
  const big = "lL".includes(KERNEL_FORMATS[format]!);
  for (let row = 0; row < length; row++) {
    const value = (row * 37 + seed) % 101 - 50;
    values[row] = big ? BigInt(value) : value;
  }
  return bytesOf(values as unknown as ArrayBufferView);
}

test("arithmetic, comparisons and conversions", () => {
  const wasm = native();
  for (let format = 0; format < KERNEL_FORMATS.length; format++) {
    for (const length of LENGTHS) {
      const left = sample(format, length, 3);
      assert.deepEqual(wasm.floats!(format, left), portable.floats(format, left));
      for (const right of [sample(format, length, 11), sample(format, 1, 60)]) {
        for (let op = 0; op < ARITHMETIC.length - (format < 8 ? 1 : 0); op++) {
          assert.deepEqual(wasm.arithmetic!(op, format, left, right), portable.arithmetic(op, format, left, right), `${op} of ${format}`);
        }
        for (let op = 0; op < COMPARISONS.length; op++) {
          assert.deepEqual(wasm.compare!(op, format, left, right), portable.compare(op, format, left, right), `${op} of ${format}`);
        }
      }
    }
  }
});

test("offsets of texts in bytes and in UTF-16", () => {
  const texts = ["", "a", "ä€", "😀😀", "", "x😀", ""];
  const ends = (lengths: number[]): Uint8Array => bytesOf(Uint32Array.from([0, ...lengths].map(((sum) => (length) => (sum += length))(0))));
  const bytes = portable.encode(texts.join(""));
  const [inBytes, inUnits] = [ends(texts.map((text) => portable.encode(text).length)), ends(texts.map((text) => text.length))];
  for (const { units, offsets } of [portable, native()] as unknown as Kernels[]) {
    assert.deepEqual(units(bytes, inBytes), inUnits);
    assert.deepEqual(offsets(bytes, inUnits), inBytes);
  }
});

test("selection, buckets, labels and views", () => {
  const wasm = native();
  const bits = Uint8Array.from({ length: 13 }, (_, byte) => byte * 41);
  for (const width of [1, 3, 8]) {
    const values = Uint8Array.from({ length: width * 100 }, (_, index) => index);
    assert.deepEqual(wasm.select!(width, values, bits), portable.select(width, values, bits));
  }
  const floats = bytesOf(Float64Array.from([NaN, -1, 0, 1, 5, Infinity]));
  const bounds = bytesOf(Float64Array.from([0, 5]));
  assert.deepEqual(wasm.buckets!(floats, bounds), Uint8Array.from([0, 0, 1, 1, 2, 2]));
  assert.deepEqual(portable.buckets(floats, bounds), Uint8Array.from([0, 0, 1, 1, 2, 2]));
  const labels = [Uint8Array.from([2, 0, 1, 1]), bytesOf(Uint32Array.from([1, 1, 6])), portable.encode("abcdef")] as const;
  assert.deepEqual(wasm.labels!(...labels), portable.labels(...labels));
  const views = column(utf8View, ["", "short", "a text of more than twelve bytes", null, "ä".repeat(20)]).flat[0]!.buffers;
  assert.deepEqual(wasm.compact!(views[1]!, views.slice(2)), portable.compact(views[1]!, views.slice(2)));
});

test("HMAC-SHA256", () => {
  const texts = ["", "a", "ä€😀", ...[54, 55, 56, 63, 64, 65, 119, 120, 200].map((length) => "x".repeat(length))];
  const { hmac } = native();
  for (const kernels of [portable, { ...portable, hmac } as unknown as Kernels]) {
    useKernels(kernels);
    for (const key of ["0123456789abcdef", "k".repeat(64), "k".repeat(65), "k".repeat(200)]) {
      for (const digits of [16, 64]) {
        const expected = texts.map((text) => createHmac("sha256", key).update(text).digest("hex").slice(0, digits));
        assert.deepEqual([...new Hmac(key, digits).of(column(utf8, texts))], expected);
      }
    }
  }
  useKernels(portable);
});
