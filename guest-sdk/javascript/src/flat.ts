/** The flat form of schemas and arrays that crosses the boundary, as the contract's interface `columns` has it. */

import { Fault } from "./fault.ts";
import { DataType, field, numericOf, widthOf, type Field } from "./types.ts";

/** One field of a schema in pre-order. */
export interface FlatField {
  name: string;
  format: string;
  nullable: boolean;
  dictionary: boolean;
  children: number;
  metadata: [string, string][];
}

/** One array without its children. */
export interface FlatArray {
  length: number;
  nullCount: number;
  buffers: Uint8Array[];
}

/** A column: its array and those of its children, in pre-order. */
export interface FlatColumn {
  arrays: FlatArray[];
}

const CHILDREN: Record<string, number | undefined> = { "+l": 1, "+L": 1, "+m": 1 };
const WITHOUT_CHILDREN = /^([nbzuZU]|v[zu])$/;

/** The fields of a schema in pre-order; a type that this package does not know is a fault that names its column. */
export function fieldsOf(flat: readonly FlatField[]): Field[] {
  let at = 0;
  const next = (column: string): Field => {
    const entry = flat[at++];
    if (!entry) throw Fault.invalid(`column \`${column}\` lacks children`);
    const name = column || entry.name;
    const children = Array.from({ length: entry.children }, () => next(name));
    const type = typeOf(entry, children);
    if (!type) throw Fault.invalid(`column \`${name}\` is of a type that is not known: format \`${entry.format}\``);
    return field(entry.name, type, { nullable: entry.nullable, metadata: entry.metadata });
  };
  const fields: Field[] = [];
  while (at < flat.length) fields.push(next(""));
  return fields;
}

function typeOf(entry: FlatField, children: Field[]): DataType | undefined {
  const { format } = entry;
  if (entry.dictionary) return children[0] && new DataType(format, [], children[0].type);
  if (WITHOUT_CHILDREN.test(format) || numericOf(format) || widthOf(format)) return new DataType(format);
  if (format === "w:0") return new DataType(format);
  const expected = format.startsWith("+w:") ? 1 : format === "+s" ? children.length : CHILDREN[format];
  return expected === children.length ? new DataType(format, children) : undefined;
}

/** A field and its descendants, in pre-order. */
export function flatten({ name, type, nullable, metadata }: Field): FlatField[] {
  const { format, dictionary } = type;
  const children = dictionary ? [field("values", dictionary)] : type.children;
  const pairs = metadata.map(([key, value]): [string, string] => [key, value]);
  const flat = { name, format, nullable, dictionary: dictionary !== undefined, children: children.length, metadata: pairs };
  return [flat, ...children.flatMap(flatten)];
}
