/** Ways to see a column, which decide what types it may have: the second argument of `plan.read`. */

import { arrayOf, Column, decode, validRows } from "./column.ts";
import { bytesOf, KERNEL_FORMATS, kernels } from "./kernels.ts";
import { float64, int64, isDecimal, isFloat, isInteger, isText, scaleOf, type DataType } from "./types.ts";

/** A way to see a column. */
export interface View<C> {
  /** What it expects, for errors. */
  readonly expected: string;
  /** Whether it can see a column of this type. */
  accepts(type: DataType): boolean;
  /** The column as it sees it. */
  of(column: Column): C;
}

const isNothing = (type: DataType): boolean => type.format === "n";

/** Any type, as it is. */
export const any: View<Column> = { expected: "any type", accepts: () => true, of: (column) => column };

/** Integers, floats and decimals, as floats of 64 bits; beyond 2^53, and of decimals, digits are lost. */
export const numbers: View<Column<number>> = {
  expected: "a number",
  accepts: (type) => isInteger(type) || isFloat(type) || (isDecimal(type) && !type.format.endsWith(",256")) || isNothing(type),
  of(column) {
    const { type, length } = column;
    if (type.format === "g") return column as Column<number>;
    const kernel = isNothing(type) ? -1 : KERNEL_FORMATS.indexOf(type.format);
    if (kernel >= 0) return float(column, kernels.floats(kernel, bytesOf(column.values)));
    const divisor = isDecimal(type) ? 10 ** scaleOf(type) : 1;
    const values = Float64Array.from({ length }, (_, row) => Number(column.get(row) ?? 0) / divisor);
    return float(column, bytesOf(values));
  },
};

function float(column: Column, values: Uint8Array): Column<number> {
  return decode(float64, [arrayOf(column.length, validRows(column), [values])]);
}

/** Integers, as bigints; unsigned ones of 64 bits are not accepted, as they do not all fit. */
export const integers: View<Column<bigint>> = {
  expected: "an integer",
  accepts: (type) => (isInteger(type) && type.format !== "L") || isNothing(type),
  of(column) {
    if (column.type.format === "l") return column as Column<bigint>;
    const values = BigInt64Array.from({ length: column.length }, (_, row) => BigInt((column.get(row) as number | null) ?? 0));
    return decode(int64, [arrayOf(column.length, validRows(column), [bytesOf(values)])]);
  },
};

/** Text in any layout, dictionaries included. */
export const text: View<Column<string>> = {
  expected: "text",
  accepts: (type) => isText(type) || isNothing(type),
  of: (column) => column as Column<string>,
};
