/** What a transform will do with every batch. */

import { Column } from "./column.ts";
import { Fault, namesHint } from "./fault.ts";
import { field, type DataType, type Field } from "./types.ts";
import { any, type View } from "./views.ts";

/** A column that the plan reads: what `plan.read` gives out and `batch.column` takes. */
export interface Read<C> {
  readonly index: number;
  readonly view: View<C>;
}

/** A column of the output: an input column untouched, or one that the transform computes. */
export type OutputColumn = { pass: number; name: string } | { computed: Field; name: string };

/** Which columns a transform reads, and which the output has, in the order of the calls. */
export class Plan {
  /** The schema of the input. */
  readonly input: readonly Field[];
  /** Indices of the columns that are read. */
  readonly reads: number[] = [];
  readonly output: OutputColumn[] = [];
  isStateless = false;

  constructor(input: readonly Field[]) {
    this.input = input;
  }

  /** The field of an input column; a fault that lists the columns where there is none. */
  field(name: string): Field {
    return this.input[this.index(name)]!;
  }

  /** Reads an input column in every batch; a fault where `view` does not accept its type. */
  read<C = Column>(name: string, view: View<C> | DataType = any as View<C>): Read<C> {
    const index = this.index(name);
    const { type } = this.input[index]!;
    const wanted = "accepts" in view ? view : exactly<C>(view);
    if (!wanted.accepts(type)) throw Fault.invalid(`column \`${name}\` is of type ${type}, expected ${wanted.expected}`);
    const read = this.reads.indexOf(index);
    return { index: read >= 0 ? read : this.reads.push(index) - 1, view: wanted };
  }

  /** Passes every input column through that the output does not have yet, but those named. */
  passAll({ but = [] as readonly string[] } = {}): this {
    but.forEach((name) => this.index(name));
    this.input.forEach(({ name }, pass) => {
      if (!but.includes(name) && !this.find(name)) this.output.push({ pass, name });
    });
    return this;
  }

  /** Passes input columns through. */
  pass(...names: string[]): this {
    for (const name of names) this.push({ pass: this.index(name), name });
    return this;
  }

  /** Adds a computed column, which may have nulls unless `options` says otherwise. */
  compute(name: string, type: DataType, options?: Partial<Pick<Field, "nullable" | "metadata">>): this {
    return this.push({ computed: field(name, type, options), name });
  }

  /** Computes a column in the place of the passed one of the same name. */
  replace(name: string, type: DataType, options?: Partial<Pick<Field, "nullable" | "metadata">>): this {
    const place = this.find(name);
    if (!place || !("pass" in place)) throw Fault.invalid(`column \`${name}\` is not passed through, so it cannot be replaced`);
    this.output[this.output.indexOf(place)] = { computed: field(name, type, options), name };
    return this;
  }

  /** Declares that each batch can be processed alone, in any order and by any instance. */
  stateless(): this {
    this.isStateless = true;
    return this;
  }

  private find(name: string): OutputColumn | undefined {
    return this.output.find((column) => column.name === name);
  }

  private push(column: OutputColumn): this {
    if (this.find(column.name)) throw Fault.invalid(`the output would have two columns \`${column.name}\``);
    this.output.push(column);
    return this;
  }

  private index(name: string): number {
    const names = this.input.map((field) => field.name);
    const index = names.indexOf(name);
    if (index < 0) throw Fault.invalid(`the input has no column \`${name}\`; ${namesHint(name, names)}`);
    return index;
  }
}

const exactly = <C>(wanted: DataType): View<C> => ({
  expected: String(wanted),
  accepts: (type) => type.equals(wanted),
  of: (column) => column as C,
});
