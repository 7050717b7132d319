/** From JavaScript values to columns. */

import { arrayOf, Column, decode } from "./column.ts";
import { Fault } from "./fault.ts";
import { Filter } from "./filter.ts";
import type { FlatArray } from "./flat.ts";
import { bytesOf, INLINE_MAX, kernels, view } from "./kernels.ts";
import { DataType, numericOf, widthOf, type DayTime, type MonthDayNano, type Numeric, type NumericConstructor } from "./types.ts";

/** What a column can be made of: a column, a typed array, or values in order with `null` for null. */
export type Values<V = unknown> = Column<V> | Numeric | Iterable<V | null | undefined>;

/** The column of these values; a value that does not fit `type` is a fault that says which. */
export function column<V>(type: DataType<V>, values: Values<V>): Column<V> {
  if (values instanceof Column) {
    if (!values.type.equals(type)) throw Fault.data(`it is of type ${values.type}, expected ${type}`);
    return values;
  }
  return decode(type, build(type, values as Iterable<unknown>));
}

function build(type: DataType, values: Iterable<unknown>): FlatArray[] {
  const numeric = numericOf(type.format);
  if (type.dictionary) return dictionary(type, [...values]);
  if (numeric && ArrayBuffer.isView(values)) {
    if (values.constructor !== numeric) throw Fault.data(`it is a ${values.constructor.name}, expected a ${numeric.name}`);
    return [arrayOf((values as unknown as Numeric).length, undefined, [bytesOf(values)])];
  }
  const list = Array.isArray(values) ? (values as unknown[]) : [...values];
  return buildList(type, numeric, list);
}

function buildList(type: DataType, numeric: NumericConstructor | undefined, list: unknown[]): FlatArray[] {
  const { format } = type;
  const valid = present(list);
  const array = (...buffers: Uint8Array[]): FlatArray[] => [arrayOf(list.length, valid, buffers)];
  if (numeric) return array(bytesOf(numbers(type, numeric, list)));
  switch (format) {
    case "n": return nothing(list);
    case "b": return array(Filter.from(list).bits);
    case "u": case "U": return array(...texts(type, list));
    case "z": case "Z": return array(...binaries(type, list));
    case "vu": case "vz": return array(...views(type, list));
    case "+s": return [...array(), ...struct(type, list)];
    case "+m": return [...array(offsets("+m", list.map(size))), ...build(type.children[0]!.type, entries(type, list))];
    case "+l": case "+L": return [...array(offsets(format, list.map(size))), ...items(type, list, (item) => item ?? [])];
  }
  if (format.startsWith("+w:")) {
    const length = Number(format.slice(3));
    const empty = new Array(length).fill(null);
    return [...array(), ...items(type, list, (item) => (item === null || item === undefined ? empty : sized(item, length)))];
  }
  return array(wide(type, list));
}

/** The rows that are not null; `undefined` where all are. */
function present(list: unknown[]): Filter | undefined {
  if (!list.includes(null) && !list.includes(undefined)) return undefined;
  return Filter.from(list.map((value) => value !== null && value !== undefined));
}

function misfit(type: DataType, row: number, value: unknown): Fault {
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  return Fault.data(`value ${row} is no ${type}: ${shown}`);
}

function nothing(list: unknown[]): FlatArray[] {
  const row = list.findIndex((value) => value !== null && value !== undefined);
  if (row >= 0) throw Fault.data(`value ${row} is not null`);
  return [{ length: list.length, nullCount: list.length, buffers: [] }];
}

function numbers(type: DataType, numeric: NumericConstructor, list: unknown[]): Numeric {
  const out = new numeric(list.length) as unknown as (number | bigint)[] & Numeric;
  const [big, exact] = [numeric === BigInt64Array || numeric === BigUint64Array, !/^[efg]$/.test(type.format)];
  const wanted = big ? "bigint" : "number";
  for (let row = 0; row < list.length; row++) {
    let value = list[row];
    if (value === null || value === undefined) continue;
    if (big && typeof value === "number" && Number.isInteger(value)) value = BigInt(value);
    if (typeof value !== wanted) throw misfit(type, row, value);
    out[row] = value as number;
    if (exact && out[row] !== value) throw misfit(type, row, value);
  }
  return out;
}

const isLarge = (format: string): boolean => format === "U" || format === "Z" || format === "+L";

/** The ends of values, behind a zero. */
function offsets(format: string, sizes: number[]): Uint8Array {
  const ends = new Float64Array(sizes.length + 1);
  let end = 0;
  for (let row = 0; row < sizes.length; row++) ends[row + 1] = end += sizes[row]!;
  return offsetBytes(format, ends);
}

/** The most bytes or items that offsets of 32 bits reach. */
const OFFSET_MAX = 2 ** 31 - 1;

function offsetBytes(format: string, ends: Float64Array | Int32Array): Uint8Array {
  if (isLarge(format)) return bytesOf(BigInt64Array.from(Array.from(ends, BigInt)));
  if (ends.at(-1)! > OFFSET_MAX) throw Fault.data(`${ends.at(-1)} bytes or items are too many for one column of a batch`);
  return bytesOf(Int32Array.from(ends));
}

/** Offsets and bytes of texts, encoded in one go. */
function texts(type: DataType, list: unknown[]): Uint8Array[] {
  const units = unitEnds(type, list);
  const bytes = encode(list.join(""));
  if (bytes.length === units.at(-1)) return [offsetBytes(type.format, units), bytes];
  const isWell = list.every((text) => (text as string | null)?.isWellFormed?.() ?? true);
  if (!isWell) return texts(type, list.map((text) => (text as string | null)?.toWellFormed()));
  const ends = view(Int32Array, kernels.offsets(bytes, bytesOf(Int32Array.from(units))));
  return [offsetBytes(type.format, ends as Int32Array), bytes];
}

/** Where texts end in UTF-16, one after the other. */
function unitEnds(type: DataType, list: unknown[]): Float64Array {
  const ends = new Float64Array(list.length + 1);
  let end = 0;
  for (let row = 0; row < list.length; row++) {
    const text = list[row];
    if (typeof text === "string") end += text.length;
    else if (text !== null && text !== undefined) throw misfit(type, row, text);
    ends[row + 1] = end;
  }
  return ends;
}

/** Lone surrogates have no UTF-8; they become the replacement character. */
const encode = (text: string): Uint8Array => kernels.encode(text.toWellFormed?.() ?? text);

function binaryOf(type: DataType, value: unknown, row: number): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value === null || value === undefined) return new Uint8Array(0);
  throw misfit(type, row, value);
}

function binaries(type: DataType, list: unknown[]): Uint8Array[] {
  const values = list.map((value, row) => binaryOf(type, value, row));
  return [offsets(type.format, values.map((value) => value.length)), concat(values)];
}

function concat(values: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(values.reduce((sum, value) => sum + value.length, 0));
  let end = 0;
  for (const value of values) {
    out.set(value, end);
    end += value.length;
  }
  return out;
}

/** Views of 16 bytes, and one data buffer for the values of more than 12. */
function views(type: DataType, list: unknown[]): Uint8Array[] {
  const text = type.format === "vu";
  const heads = new Uint8Array(16 * list.length);
  const words = new Int32Array(heads.buffer);
  const long: Uint8Array[] = [];
  let end = 0;
  list.forEach((value, row) => {
    if (text && typeof value !== "string" && value !== null && value !== undefined) throw misfit(type, row, value);
    const bytes = text ? encode((value as string) ?? "") : binaryOf(type, value, row);
    words[4 * row] = bytes.length;
    heads.set(bytes.length > INLINE_MAX ? bytes.subarray(0, 4) : bytes, 16 * row + 4);
    if (bytes.length <= INLINE_MAX) return;
    words[4 * row + 3] = end;
    long.push(bytes);
    end += bytes.length;
  });
  return long.length ? [heads, concat(long)] : [heads];
}

const size = (value: unknown): number =>
  value === null || value === undefined ? 0 : ((value as unknown[]).length ?? (value as Map<unknown, unknown>).size);

function sized(item: unknown, length: number): unknown {
  if (size(item) !== length) throw Fault.data(`a list of ${size(item)} items, expected ${length}`);
  return item;
}

function items(type: DataType, list: unknown[], of: (item: unknown) => unknown): FlatArray[] {
  return build(type.children[0]!.type, list.flatMap((item) => [...(of(item) as Iterable<unknown>)]));
}

/** The entries of maps, which are pairs or a `Map`, as structs. */
function entries(type: DataType, list: unknown[]): unknown[] {
  const names = type.children[0]!.type.children.map((child) => child.name);
  return list.flatMap((map) =>
    [...((map ?? []) as Iterable<[unknown, unknown]>)].map(([key, value]) => ({ [names[0]!]: key, [names[1]!]: value })),
  );
}

function struct(type: DataType, list: unknown[]): FlatArray[] {
  return type.children.flatMap(({ name, type, nullable }) => {
    const values = list.map((value) => (value as Record<string, unknown> | null)?.[name] ?? null);
    return build(type, nullable ? values : values.map((value) => value ?? empty(type)));
  });
}

/** Something to stand in a child that has no nulls, where its parent is null. */
function empty(type: DataType): unknown {
  const { format } = type;
  const numeric = numericOf(format);
  if (numeric) return new numeric(1)[0];
  if (format === "b") return false;
  if (/u$|U$/.test(format)) return "";
  if (/z$|Z$/.test(format)) return new Uint8Array(0);
  if (format === "+s") return {};
  if (format === "tiD") return { days: 0, milliseconds: 0 };
  if (format === "tin") return { months: 0, days: 0, nanoseconds: 0n };
  if (format.startsWith("w:")) return new Uint8Array(widthOf(format)!);
  if (format.startsWith("d:")) return 0n;
  return format.startsWith("+w:") ? new Array(Number(format.slice(3))).fill(null) : [];
}

function wide(type: DataType, list: unknown[]): Uint8Array {
  const { format } = type;
  const width = widthOf(format);
  if (width === undefined) throw Fault.data(`type ${type} is not known`);
  const out = new Uint8Array(width * list.length);
  const to = new DataView(out.buffer);
  list.forEach((value, row) => {
    if (value === null || value === undefined) return;
    const at = row * width;
    if (format.startsWith("w:")) {
      if (!(value instanceof Uint8Array) || value.length !== width) throw misfit(type, row, value);
      out.set(value, at);
    } else if (format.startsWith("t")) interval(to, at, value as DayTime | MonthDayNano);
    else decimal(type, to, at, width, value, row);
  });
  return out;
}

function interval(to: DataView, at: number, value: DayTime | MonthDayNano): void {
  if ("milliseconds" in value) {
    to.setInt32(at, value.days, true);
    to.setInt32(at + 4, value.milliseconds, true);
  } else {
    to.setInt32(at, value.months, true);
    to.setInt32(at + 4, value.days, true);
    to.setBigInt64(at + 8, BigInt(value.nanoseconds), true);
  }
}

function decimal(type: DataType, to: DataView, at: number, width: number, value: unknown, row: number): void {
  if (typeof value !== "bigint" || BigInt.asIntN(8 * width, value) !== value) throw misfit(type, row, value);
  for (let word = 0; word < width; word += 8) to.setBigUint64(at + word, BigInt.asUintN(64, value >> BigInt(8 * word)), true);
}

/** Indices, and each different value once, in order of appearance. */
function dictionary(type: DataType, list: unknown[]): FlatArray[] {
  const [numbersOf, values] = [new Map<unknown, number>(), [] as unknown[]];
  const keys = list.map((value) => {
    if (value === null || value === undefined) return null;
    const key = typeof value === "object" ? JSON.stringify([...(value as Iterable<unknown>)]) : value;
    let number = numbersOf.get(key);
    if (number === undefined) {
      numbersOf.set(key, (number = numbersOf.size));
      values.push(value);
    }
    return number;
  });
  return [...buildList(new DataType(type.format), numericOf(type.format), keys), ...build(type.dictionary!, values)];
}
