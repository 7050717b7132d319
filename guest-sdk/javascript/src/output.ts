/** Where a transform puts its results. */

import { column, type Values } from "./build.ts";
import { Fault, namesHint } from "./fault.ts";
import { Filter } from "./filter.ts";
import type { FlatColumn } from "./flat.ts";
import { bytesOf } from "./kernels.ts";
import type { Plan } from "./plan.ts";
import type { Field } from "./types.ts";

export type Selection = { tag: "all" } | { tag: "filter" | "take"; val: Uint8Array };
export interface Rejection { row: number; reason: string }

/** The imports of the contract. */
export interface Host {
  rows(): number;
  read(indices: number[]): FlatColumn[];
  emit(rows: Selection, computed: FlatColumn[]): void;
  reject(rows: Rejection[]): void;
}

/** Computed columns by name, one value for each selected row. */
export type Computed = Record<string, Values>;

/** Where a transform puts its results. */
export class Output {
  private readonly host: Host;
  private readonly computed: Field[];
  private readonly passes: boolean;
  /** Rows of the current batch; `undefined` in `finish`. */
  private readonly length: number | undefined;
  private rejections: Rejection[] = [];

  constructor(host: Host, plan: Plan, length: number | undefined) {
    this.host = host;
    this.length = length;
    this.computed = plan.output.flatMap((column) => ("computed" in column ? [column.computed] : []));
    this.passes = this.computed.length < plan.output.length;
  }

  /** Emits every row of the batch. */
  all(computed: Computed = {}): void {
    this.emit({ tag: "all" }, this.batchLength(), computed);
  }

  /** Emits the rows that survive a filter, or that are true. */
  filter(rows: Filter | Iterable<unknown>, computed: Computed = {}): void {
    const [length, kept] = [this.batchLength(), rows instanceof Filter ? rows : Filter.from(rows)];
    if (kept.length !== length) throw Fault.data(`a filter of ${kept.length} rows for a batch of ${length}`);
    const selection: Selection = kept.count === length ? { tag: "all" } : { tag: "filter", val: kept.bits };
    this.emit(selection, kept.count, computed);
  }

  /** Emits rows by index; an index may repeat or be left out. */
  take(rows: Iterable<number>, computed: Computed = {}): void {
    const length = this.batchLength();
    const indices = rows instanceof Uint32Array ? rows : Uint32Array.from(rows);
    const outside = indices.find((row) => row >= length);
    if (outside !== undefined) throw Fault.data(`row ${outside} taken from a batch of ${length} rows`);
    this.emit({ tag: "take", val: bytesOf(indices) }, indices.length, computed);
  }

  /** Emits rows that belong to no batch, from `finish`; the plan must pass no column through. */
  rows(computed: Computed): void {
    if (this.length !== undefined) throw Fault.data("`rows` is for `finish`; use `all`, `filter` or `take` in `process`");
    if (this.passes) throw Fault.data("`finish` cannot emit rows where the plan passes a column through");
    this.emit({ tag: "all" }, undefined, computed);
  }

  /** Takes a row of the current batch out of the run, with a reason. It is not removed from what is emitted: leave it out there. */
  reject(row: number, reason: string): void {
    this.rejections.push({ row, reason });
  }

  /** Hands the rejections over; called after `process`. */
  flush(): void {
    if (this.rejections.length) this.host.reject(this.rejections);
    this.rejections = [];
  }

  private batchLength(): number {
    if (this.length === undefined) throw Fault.data("there is no batch in `finish`; use `rows`");
    return this.length;
  }

  /** Without `length`, the first column decides it. */
  private emit(selection: Selection, length: number | undefined, computed: Computed): void {
    const names = this.computed.map(({ name }) => name);
    for (const name of Object.keys(computed)) {
      if (!names.includes(name)) throw Fault.data(`the plan computes no column \`${name}\`; ${namesHint(name, names)}`);
    }
    const columns = this.computed.map((field) => {
      const flat = flatOf(field, computed[field.name]);
      const values = flat.arrays[0]!.length;
      length ??= values;
      if (values !== length) throw Fault.data(`column \`${field.name}\` has ${values} values for ${length} selected rows`);
      return flat;
    });
    this.host.emit(selection, columns);
  }
}

function flatOf({ name, type, nullable }: Field, values: Values | undefined): FlatColumn {
  if (values === undefined) throw Fault.data(`column \`${name}\` is missing; the plan computes it`);
  try {
    const built = column(type, values);
    if (!nullable && built.nullCount > 0) throw Fault.data("it has nulls, the plan says it has none");
    return { arrays: [...built.flat] };
  } catch (error) {
    throw error instanceof Fault ? Fault.data(`column \`${name}\`: ${error.message}`) : error;
  }
}
