/** Transforms, and a transform that was bound to a schema and parameters. */

import { decode, type Column } from "./column.ts";
import { Fault } from "./fault.ts";
import { fieldsOf, flatten, type FlatField } from "./flat.ts";
import { Output, type Host } from "./output.ts";
import { parseParams, type Param, type ParamsOf } from "./params.ts";
import { Plan, type Read } from "./plan.ts";

/** One batch: the columns that the plan reads, all of the same length. */
export class Batch {
  /** Rows. */
  readonly length: number;
  private readonly columns: readonly Column[];

  constructor(length: number, columns: readonly Column[]) {
    this.length = length;
    this.columns = columns;
  }

  /** A column, by what `plan.read` gave out. */
  column<C>(read: Read<C>): C {
    return read.view.of(this.columns[read.index]!);
  }
}

/** What `bind` returns: what to do with every batch and, where the transform has state, after the last one. */
export interface Processor {
  process(batch: Batch, out: Output): void;
  finish?(out: Output): void;
}

/** A transform: `bind` checks the input and the parameters and says what will be done with every batch. */
export interface Transform<P extends Record<string, Param<unknown>>> {
  /** The parameters that an application may set. */
  params?: P;
  /** Called once per instance, before any data. Every instance of a run must make the same plan. */
  bind(plan: Plan, params: ParamsOf<P>): Processor | Processor["process"];
}

/** Declares a transform; the default export of a plugin's module. */
export function transform<P extends Record<string, Param<unknown>> = Record<never, never>>(definition: Transform<P>): Transform<P> {
  return definition;
}

// A transform of any parameters: they are checked where it is bound.
export type AnyTransform = Transform<any>;

export type FlatOutput = { tag: "pass"; val: number } | { tag: "computed"; val: FlatField[] };

/** A transform that was bound to a schema and parameters. */
export class Instance {
  readonly plan: Plan;
  private readonly processor: Processor;

  constructor(definition: AnyTransform, schema: readonly FlatField[], params: string) {
    this.plan = new Plan(fieldsOf(schema));
    const bound = definition.bind(this.plan, parseParams(definition.params ?? {}, params) as never);
    this.processor = typeof bound === "function" ? { process: bound } : bound;
    if (typeof this.processor?.process !== "function") throw Fault.invalid("`bind` of the transform returned no `process`");
  }

  output(): FlatOutput[] {
    return this.plan.output.map((column) =>
      "pass" in column ? { tag: "pass", val: column.pass } : { tag: "computed", val: flatten(column.computed) },
    );
  }

  process(host: Host): void {
    const { input, reads } = this.plan;
    const length = host.rows();
    const flat = reads.length ? host.read([...reads.keys()]) : [];
    const columns = flat.map(({ arrays }, index) => decode(input[reads[index]!]!.type, arrays));
    const out = new Output(host, this.plan, length);
    this.processor.process(new Batch(length, columns), out);
    out.flush();
  }

  finish(host: Host): void {
    const out = new Output(host, this.plan, undefined);
    this.processor.finish?.(out);
    out.flush();
  }
}
