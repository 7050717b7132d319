/**
 * Unit-test a transform natively, without wasm: the harness does what the host does with its results.
 *
 *     const harness = new Harness(transform, { amount: float64 }, { min_amount: 10 });
 *     harness.process({ amount: [5, 120.5, null] }).rows; // [{ amount: 120.5, amount_bucket: "high" }]
 */

import { column } from "./build.ts";
import { decode } from "./column.ts";
import { Fakes, type Declared } from "./fakes.ts";
import { Fault } from "./fault.ts";
import { flatten, type FlatColumn } from "./flat.ts";
import { setSink, type Level } from "./log.ts";
import { type Host, type Rejection, type Selection } from "./output.ts";
import { Instance, type AnyTransform } from "./transform.ts";
import { DataType, field, type Field } from "./types.ts";

/** What came out of one call. */
export interface Outcome {
  /** The rows that were emitted, of all calls together, as objects. */
  rows: Record<string, unknown>[];
  /** How many rows each call to emit had. */
  batches: number[];
  rejections: Rejection[];
  /** What was logged since the last call, `bind` included. */
  messages: [Level, string][];
}

/** A transform bound to a schema and parameters, with a host around it. */
export class Harness {
  private readonly instance: Instance;
  private readonly input: readonly Field[];
  private readonly fakes: Fakes;
  private messages: [Level, string][] = [];

  /**
   * Binds a transform; throws the `Fault` of its `bind`, or of parameters that do not fit. `declared` is what the step would
   * declare: folders, secrets, and who answers requests.
   */
  constructor(definition: AnyTransform, schema: Record<string, DataType> | readonly Field[], params: object | string = {}, declared: Declared = {}) {
    this.fakes = new Fakes(declared);
    this.fakes.answer();
    setSink((level, message) => this.messages.push([level, message]));
    this.input = Array.isArray(schema)
      ? (schema as readonly Field[])
      : Object.entries(schema as Record<string, DataType>).map(([name, type]) => field(name, type));
    const json = typeof params === "string" ? params : JSON.stringify(params);
    this.instance = new Instance(definition, this.input.flatMap(flatten), json);
  }

  /** The columns of the output. */
  get output(): Field[] {
    return this.instance.plan.output.map((column) => ("pass" in column ? this.input[column.pass]! : column.computed));
  }

  /** The names of the input columns that enter the transform. */
  get reads(): string[] {
    return this.instance.plan.reads.map((index) => this.input[index]!.name);
  }

  get isStateless(): boolean {
    return this.instance.plan.isStateless;
  }

  /** Processes one batch, given as the values of each column, or as rows. */
  process(batch: Record<string, Iterable<unknown>> | readonly Record<string, unknown>[]): Outcome {
    const values = this.input.map(({ name }) =>
      Array.isArray(batch) ? batch.map((row) => row[name] ?? null) : [...(batch as Record<string, Iterable<unknown>>)[name]!],
    );
    return this.call(new Call(this.instance, values), (host) => this.instance.process(host));
  }

  /** Ends the run, and commits what it wrote. */
  finish(): Outcome {
    const outcome = this.call(new Call(this.instance, undefined), (host) => this.instance.finish(host));
    this.fakes.commit();
    return outcome;
  }

  private call(host: Call, run: (host: Host) => void): Outcome {
    setSink((level, message) => this.messages.push([level, message]));
    this.fakes.answer();
    run(host);
    const { emitted, batches, rejections } = host;
    const messages = this.messages.splice(0);
    return { rows: emitted, batches, rejections, messages };
  }
}

/** The host during one call. */
class Call implements Host {
  readonly emitted: Record<string, unknown>[] = [];
  readonly batches: number[] = [];
  readonly rejections: Rejection[] = [];
  private readonly instance: Instance;
  /** The values of each input column; `undefined` in `finish`. */
  private readonly values: unknown[][] | undefined;

  constructor(instance: Instance, values: unknown[][] | undefined) {
    this.instance = instance;
    this.values = values;
  }

  rows(): number {
    return this.values?.[0]?.length ?? 0;
  }

  read(indices: number[]): FlatColumn[] {
    const { input, reads } = this.instance.plan;
    return indices.map((read) => {
      const index = reads[read]!;
      return { arrays: [...column(input[index]!.type, this.values![index]!).flat] };
    });
  }

  emit(selection: Selection, computed: FlatColumn[]): void {
    const { output } = this.instance.plan;
    const rows = this.selected(selection) ?? Array.from({ length: computed[0]?.arrays[0]?.length ?? 0 }, (_, row) => row);
    let next = 0;
    const columns = output.map((column) => {
      if ("pass" in column) return [column.name, rows.map((row) => this.values![column.pass]![row])] as const;
      return [column.name, decode(column.computed.type, computed[next++]!.arrays).toArray()] as const;
    });
    for (const [name, values] of columns) {
      if (values.length !== rows.length) throw Fault.data(`the host would stop the transform: column \`${name}\` has ${values.length} values for ${rows.length} rows`);
    }
    this.batches.push(rows.length);
    rows.forEach((_, at) => this.emitted.push(Object.fromEntries(columns.map(([name, values]) => [name, values[at]]))));
  }

  reject(rows: Rejection[]): void {
    const outside = rows.find(({ row }) => !(row < this.rows()));
    if (outside) throw Fault.data(`the host would stop the transform: row ${outside.row} rejected of a batch of ${this.rows()} rows`);
    this.rejections.push(...rows);
  }

  /** The rows that are selected; `undefined` in `finish`. */
  private selected(selection: Selection): number[] | undefined {
    if (!this.values) return undefined;
    const all = Array.from({ length: this.rows() }, (_, row) => row);
    if (selection.tag === "all") return all;
    if (selection.tag === "filter") return all.filter((row) => (selection.val[row >> 3]! >> (row & 7)) & 1);
    return [...new Uint32Array(selection.val.slice().buffer)];
  }
}
