/** Which rows of a batch survive. */

import type { Column } from "./column.ts";

const bytesFor = (length: number): number => (length + 7) >> 3;
/** Bits that are set in each byte. */
const SET = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll("0", "").length);

/** Rows of a batch that survive, one bit for each row. */
export class Filter {
  /** Rows of the batch. */
  readonly length: number;
  /** A bit for each row, least significant first. */
  readonly bits: Uint8Array;
  /** How many rows survive. */
  readonly count: number;

  private constructor(length: number, bits: Uint8Array, count: number) {
    this.length = length;
    this.bits = bits;
    this.count = count;
  }

  /** Keeps all rows. */
  static all(length: number): Filter {
    return Filter.ofBits(length, new Uint8Array(bytesFor(length)).fill(255));
  }

  /** Keeps the rows whose bit is set, least significant first. */
  static ofBits(length: number, bits: Uint8Array): Filter {
    const own = bits.slice(0, bytesFor(length));
    if (length % 8) own[own.length - 1]! &= (1 << length % 8) - 1;
    let count = 0;
    for (const byte of own) count += SET[byte]!;
    return new Filter(length, own, count);
  }

  /** Keeps the rows that are true; null counts as false. */
  static from(rows: Column<boolean> | Iterable<unknown>): Filter {
    const keep = Array.isArray(rows) ? rows : [...rows];
    const bits = new Uint8Array(bytesFor(keep.length));
    let count = 0;
    keep.forEach((kept, row) => {
      if (!kept) return;
      bits[row >> 3]! |= 1 << (row & 7);
      count++;
    });
    return new Filter(keep.length, bits, count);
  }

  /** Keeps the rows whose value is not null and for which `keep` is true. */
  static by<V>(column: Column<V>, keep: (value: V, row: number) => boolean): Filter {
    return Filter.from(column.map(keep));
  }

  /** Whether a row survives. */
  has(row: number): boolean {
    return row >= 0 && row < this.length && ((this.bits[row >> 3]! >> (row & 7)) & 1) === 1;
  }

  /** The rows that survive, in order. */
  rows(): Uint32Array {
    const [rows, { bits, length }] = [new Uint32Array(this.count), this];
    for (let row = 0, at = 0; at < rows.length && row < length; row++) {
      if (bits[row >> 3] === 0) row |= 7;
      else if ((bits[row >> 3]! >> (row & 7)) & 1) rows[at++] = row;
    }
    return rows;
  }

  /** Of the rows that survive `rows`, those that survive this too: a filter for what `rows` leaves. */
  select(rows: Filter): Filter {
    return Filter.from(Array.from(rows.rows(), (row) => this.has(row)));
  }

  and(other: Filter): Filter {
    return Filter.ofBits(this.length, this.bits.map((byte, index) => byte & (other.bits[index] ?? 0)));
  }

  or(other: Filter): Filter {
    return Filter.ofBits(this.length, this.bits.map((byte, index) => byte | (other.bits[index] ?? 0)));
  }

  not(): Filter {
    return Filter.ofBits(this.length, this.bits.map((byte) => ~byte));
  }

  /** The array of `f` of each value that survives, or of the values of several columns; a null among them gives null. */
  map<A, R>(a: Column<A>, f: (a: A, row: number) => R): (R | null)[];
  map<A, B, R>(a: Column<A>, b: Column<B>, f: (a: A, b: B, row: number) => R): (R | null)[];
  map<A, B, C, R>(a: Column<A>, b: Column<B>, c: Column<C>, f: (a: A, b: B, c: C, row: number) => R): (R | null)[];
  map(...args: unknown[]): unknown[] {
    const f = args.pop() as (...values: unknown[]) => unknown;
    const columns = args as Column[];
    return columns.length === 1 ? this.mapOne(columns[0]!, f) : this.mapAll(columns, f);
  }

  private mapOne(column: Column, f: (value: unknown, row: number) => unknown): unknown[] {
    const out = new Array<unknown>(this.count);
    const { length, bits } = this;
    const values = column.toArray();
    const all = this.count === length;
    for (let row = 0, at = 0; row < length; row++) {
      if (!all && !((bits[row >> 3]! >> (row & 7)) & 1)) continue;
      const value = values[row];
      out[at++] = value === null || value === undefined ? null : f(value, row);
    }
    return out;
  }

  private mapAll(columns: Column[], f: (...values: unknown[]) => unknown): unknown[] {
    const out: unknown[] = [];
    for (const row of this.rows()) {
      const values = columns.map((column) => column.get(row));
      out.push(values.includes(null) ? null : f(...values, row));
    }
    return out;
  }
}

