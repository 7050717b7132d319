/** Columns as a transform sees them. */

import { Fault } from "./fault.ts";
import { Filter } from "./filter.ts";
import type { FlatArray } from "./flat.ts";
import { apart, ARITHMETIC, bytesOf, COMPARISONS, KERNEL_FORMATS, kernels, view, type Arithmetic, type Comparison } from "./kernels.ts";
import { numericOf, widthOf, type DataType, type Numeric } from "./types.ts";

/**
 * A column of a batch: `null` where a value is missing, and the JavaScript value of its type elsewhere.
 *
 * Iterate it, ask for single rows with `get`, or take `values`, the typed array itself.
 */
export class Column<V = unknown> implements Iterable<V | null> {
  readonly type: DataType<V>;
  /** Rows. */
  readonly length: number;
  /** Nulls among them. */
  readonly nullCount: number;
  /** The column as it crosses the boundary. */
  readonly flat: readonly FlatArray[];
  private readonly value: (row: number) => V;

  constructor(type: DataType<V>, flat: readonly FlatArray[], value: (row: number) => V) {
    this.type = type;
    this.flat = flat;
    this.value = value;
    this.length = flat[0]!.length;
    this.nullCount = type.format === "n" ? this.length : flat[0]!.nullCount;
  }

  /** A bit for each row, set where it is not null, least significant first; `undefined` where no row is null. */
  get validity(): Uint8Array | undefined {
    return this.nullCount > 0 ? this.flat[0]!.buffers[0] : undefined;
  }

  /**
   * The numbers as a typed array that shares the column's memory; for a null there is any number.
   *
   * Fails for types that are not numbers, dates, times or timestamps.
   */
  get values(): Numeric {
    const type = this.type.dictionary ? undefined : numericOf(this.type.format);
    if (!type) throw Fault.data(`a column of type ${this.type} has no typed array; iterate it, or call \`get\``);
    return view(type, this.flat[0]!.buffers[1]!).subarray(0, this.length) as Numeric;
  }

  /** Whether a row exists and is not null. */
  isValid(row: number): boolean {
    if (!(row >= 0 && row < this.length) || this.type.format === "n") return false;
    const { validity } = this;
    return validity === undefined || ((validity[row >> 3]! >> (row & 7)) & 1) === 1;
  }

  /** The value of a row; `null` where it is null or there is no such row. */
  get(row: number): V | null {
    return this.isValid(row) ? this.value(row) : null;
  }

  /** An array's own iterator is faster than a generator. */
  [Symbol.iterator](): ArrayIterator<V | null> {
    return this.toArray()[Symbol.iterator]();
  }

  /** The rows that are null. */
  nulls(): Filter {
    return (validRows(this as Column) ?? Filter.all(this.length)).not();
  }

  /** All values. */
  toArray(): (V | null)[] {
    const { length, value, nullCount, type } = this;
    const isNumeric = !type.dictionary && numericOf(type.format) !== undefined;
    const out: (V | null)[] = isNumeric ? Array.from(this.values as Iterable<V & (number | bigint)>) : new Array<V>(length);
    if (!isNumeric && nullCount === 0) for (let row = 0; row < length; row++) out[row] = value(row);
    else if (!isNumeric) for (let row = 0; row < length; row++) out[row] = this.get(row);
    else if (nullCount > 0) for (const row of this.nulls().rows()) out[row] = null;
    return out;
  }

  /** The array of `f` of each value; null stays null. */
  map<R>(f: (value: V, row: number) => R): (R | null)[] {
    return Filter.all(this.length).map(this as Column<V>, f);
  }

  /** This plus a number, or plus the numbers of a column of the same type; native speed. Integers wrap. */
  add(right: Column<V> | V): Column<V> { return this.arithmetic("add", right); }
  sub(right: Column<V> | V): Column<V> { return this.arithmetic("sub", right); }
  mul(right: Column<V> | V): Column<V> { return this.arithmetic("mul", right); }
  /** Floats alone can be divided. */
  div(right: Column<V> | V): Column<V> { return this.arithmetic("div", right); }

  /** The rows whose number equals another, or that of the same row of a column; native speed. Null counts as false. */
  eq(right: Column<V> | V): Filter { return this.compare("eq", right); }
  ne(right: Column<V> | V): Filter { return this.compare("ne", right); }
  lt(right: Column<V> | V): Filter { return this.compare("lt", right); }
  le(right: Column<V> | V): Filter { return this.compare("le", right); }
  gt(right: Column<V> | V): Filter { return this.compare("gt", right); }
  ge(right: Column<V> | V): Filter { return this.compare("ge", right); }

  private arithmetic(name: Arithmetic, right: Column<V> | V): Column<V> {
    const [format, left, other, valid] = this.operands(name, right);
    if (name === "div" && format < KERNEL_FORMATS.indexOf("f")) {
      throw Fault.data(`a column of type ${this.type} cannot be divided; floats can`);
    }
    const values = kernels.arithmetic(ARITHMETIC.indexOf(name), format, left, other);
    return decode(this.type, [arrayOf(this.length, valid, [values])]);
  }

  private compare(name: Comparison, right: Column<V> | V): Filter {
    const [format, left, other, valid] = this.operands(name, right);
    const rows = Filter.ofBits(this.length, kernels.compare(COMPARISONS.indexOf(name), format, left, other));
    return valid ? rows.and(valid) : rows;
  }

  /** The number of the format, both operands as bytes, and the rows that are null in neither. */
  private operands(name: string, right: Column<V> | V): [number, Uint8Array, Uint8Array, Filter | undefined] {
    const format = this.type.dictionary ? -1 : KERNEL_FORMATS.indexOf(this.type.format);
    if (format < 0) throw Fault.data(`\`${name}\` is for integers and floats, not for a column of type ${this.type}`);
    const left = bytesOf(this.values);
    if (!(right instanceof Column)) {
      const scalar = new (numericOf(this.type.format)!)(1) as { [index: number]: unknown } & ArrayBufferView;
      scalar[0] = typeof scalar[0] === "bigint" ? BigInt(right as number) : right;
      return [format, left, bytesOf(scalar), validRows(this)];
    }
    if (!right.type.equals(this.type) || right.length !== this.length) {
      throw Fault.data(`\`${name}\` of ${this.length} values of type ${this.type} and ${right.length} of type ${right.type}`);
    }
    const [mine, theirs] = [validRows(this), validRows(right)];
    return [format, left, bytesOf(right.values), mine && theirs ? mine.and(theirs) : (mine ?? theirs)];
  }
}

/** The rows of a column that are not null; `undefined` where all are. */
export function validRows(column: Column): Filter | undefined {
  if (column.type.format === "n") return Filter.ofBits(column.length, new Uint8Array((column.length + 7) >> 3));
  const { validity } = column;
  return validity && Filter.ofBits(column.length, validity);
}

/** An array with the validity of `valid`; `undefined` where all rows are. */
export function arrayOf(length: number, valid: Filter | undefined, buffers: Uint8Array[]): FlatArray {
  const nullCount = valid ? length - valid.count : 0;
  return { length, nullCount, buffers: [nullCount > 0 ? valid!.bits : new Uint8Array(0), ...buffers] };
}

/** The column that flat arrays are. */
export function decode<V>(type: DataType<V>, flat: readonly FlatArray[]): Column<V> {
  const cursor = { at: 0 };
  const column = next(type, flat, cursor);
  if (cursor.at !== flat.length) throw Fault.data(`${flat.length - cursor.at} arrays too many`);
  return column as Column<V>;
}

function next(type: DataType, flat: readonly FlatArray[], cursor: { at: number }): Column {
  const [start, array] = [cursor.at++, flat[cursor.at - 1]];
  if (!array) throw Fault.data("an array is missing");
  const inner = type.dictionary ? [type.dictionary] : type.children.map((child) => child.type);
  const children = inner.map((child) => next(child, flat, cursor));
  return new Column(type, flat.slice(start, cursor.at), reader(type, array, children));
}

function reader(type: DataType, array: FlatArray, children: Column[]): (row: number) => unknown {
  const { format } = type;
  const [, first = new Uint8Array(0), second = new Uint8Array(0)] = array.buffers;
  const typed = numericOf(format);
  if (typed) {
    const numbers = view(typed, first);
    if (!type.dictionary) return (row) => numbers[row];
    const [values] = children as [Column];
    return (row) => values.get(Number(numbers[row]));
  }
  switch (format) {
    case "n": return () => null;
    case "b": return (row) => ((first[row >> 3]! >> (row & 7)) & 1) === 1;
    case "u": case "U": case "z": case "Z": return bytes(format, array.length, first, second);
    case "vu": case "vz": return views(format, array.length, first, array.buffers.slice(2));
    case "+s": return struct(type, children);
    case "+m": return pairs(first, children);
    case "+l": case "+L": {
      const [offsets, [items]] = [offsetsOf(format, first), children as [Column]];
      return (row) => slice(items, Number(offsets[row]), Number(offsets[row + 1]));
    }
  }
  if (format.startsWith("+w:")) {
    const [size, [items]] = [Number(format.slice(3)), children as [Column]];
    return (row) => slice(items, row * size, (row + 1) * size);
  }
  return wide(format, first);
}

const offsetsOf = (format: string, buffer: Uint8Array): Numeric =>
  view(format === "U" || format === "Z" || format === "+L" ? BigInt64Array : Int32Array, buffer);

function slice(items: Column, start: number, end: number): unknown[] {
  return Array.from({ length: end - start }, (_, index) => items.get(start + index));
}

function struct(type: DataType, children: Column[]): (row: number) => unknown {
  const names = type.children.map((child) => child.name);
  return (row) => Object.fromEntries(names.map((name, index) => [name, children[index]!.get(row)]));
}

function pairs(offsets: Uint8Array, [entries]: Column[]): (row: number) => unknown {
  const at = offsetsOf("+m", offsets);
  return (row) => slice(entries!, Number(at[row]), Number(at[row + 1])).map((entry) => Object.values(entry as object));
}

/** Text is decoded in one go, the values are cut out of it; where all is ASCII, bytes and characters count the same. */
function bytes(format: string, length: number, offsets: Uint8Array, data: Uint8Array): (row: number) => unknown {
  let at = offsetsOf(format, offsets);
  if (format === "z" || format === "Z") return (row) => data.slice(Number(at[row]), Number(at[row + 1]));
  let all: string | undefined;
  return (row) => {
    if (all === undefined) {
      const used = data.subarray(0, length ? Number(at[length]) : 0);
      all = kernels.decode(used);
      at = Int32Array.from(at.subarray(0, length + 1) as Int32Array, Number);
      if (all.length < used.length) at = view(Int32Array, kernels.units(used, bytesOf(at)));
    }
    return all.slice(at[row] as number, at[row + 1] as number);
  };
}

/** Views are put one after the other first: then they are as other texts. */
function views(format: string, length: number, heads: Uint8Array, data: Uint8Array[]): (row: number) => unknown {
  let of: ((row: number) => unknown) | undefined;
  return (row) => {
    if (!of) {
      const [all, offsets] = apart(kernels.compact(heads.subarray(0, 16 * length), data), length);
      of = bytes(format.slice(1), length, offsets, all);
    }
    return of(row);
  };
}

function wide(format: string, buffer: Uint8Array): (row: number) => unknown {
  const width = widthOf(format)!;
  if (format.startsWith("w:")) return (row) => buffer.slice(row * width, (row + 1) * width);
  const from = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  if (format === "tiD") return (row) => ({ days: from.getInt32(8 * row, true), milliseconds: from.getInt32(8 * row + 4, true) });
  if (format === "tin") {
    return (row) => ({
      months: from.getInt32(16 * row, true),
      days: from.getInt32(16 * row + 4, true),
      nanoseconds: from.getBigInt64(16 * row + 8, true),
    });
  }
  return (row) => {
    let value = from.getBigInt64((row + 1) * width - 8, true);
    for (let at = (row + 1) * width - 16; at >= row * width; at -= 8) value = (value << 64n) | from.getBigUint64(at, true);
    return value;
  };
}
