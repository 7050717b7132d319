/** Arrow types, and their names in the contract: the format strings of Arrow's C data interface. */

/** The views of JavaScript on numbers of one width. */
export type Numeric =
  | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array
  | Float32Array | Float64Array | BigInt64Array | BigUint64Array;

export type NumericConstructor = {
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): Numeric;
  new (buffer: ArrayBufferLike, offset: number, length: number): Numeric;
};

/** The type of a column; `V` is what a value of it is in JavaScript. */
export class DataType<V = unknown> {
  declare readonly value: V;
  readonly format: string;
  /** The fields of a nested type. */
  readonly children: readonly Field[];
  /** The type of the values of a dictionary, whose `format` is that of its indices. */
  readonly dictionary: DataType | undefined;

  constructor(format: string, children: readonly Field[] = [], dictionary?: DataType) {
    this.format = format;
    this.children = children;
    this.dictionary = dictionary;
  }

  /** Whether both are the same type, children included. */
  equals(other: DataType): boolean {
    return String(this) === String(other);
  }

  /** The name, such as `int64` or `timestamp(us, UTC)`. */
  toString(): string {
    const inner = (): string => this.children.map((child) => String(child.type)).join(", ");
    if (this.dictionary) return `dictionary(${nameOf(this.format)}, ${this.dictionary})`;
    if (this.format === "+s") return `struct(${this.children.map((child) => `${child.name}: ${child.type}`).join(", ")})`;
    if (this.format === "+m") return `map(${this.children[0]?.type.children.map((child) => child.type).join(", ")})`;
    if (this.format.startsWith("+w:")) return `fixed_size_list(${inner()}, ${this.format.slice(3)})`;
    return this.children.length ? `${nameOf(this.format)}(${inner()})` : nameOf(this.format);
  }
}

/** A column of a schema, or a child of a nested type. */
export interface Field {
  readonly name: string;
  readonly type: DataType;
  readonly nullable: boolean;
  readonly metadata: readonly (readonly [string, string])[];
}

/** A field that may be null and has no metadata, unless `options` says otherwise. */
export function field(name: string, type: DataType, options: Partial<Pick<Field, "nullable" | "metadata">> = {}): Field {
  return { name, type, nullable: options.nullable ?? true, metadata: options.metadata ?? [] };
}

export type Unit = "s" | "ms" | "us" | "ns";
const UNITS: Record<Unit, string> = { s: "s", ms: "m", us: "u", ns: "n" };
const unitName = (letter: string): string => Object.entries(UNITS).find(([, value]) => value === letter)?.[0] ?? letter;

/** Days and milliseconds, which are not converted into each other. */
export interface DayTime { days: number; milliseconds: number }
/** Months, days and nanoseconds, which are not converted into each other. */
export interface MonthDayNano { months: number; days: number; nanoseconds: bigint }

export const nothing = new DataType<null>("n");
export const bool = new DataType<boolean>("b");
export const int8 = new DataType<number>("c");
export const uint8 = new DataType<number>("C");
export const int16 = new DataType<number>("s");
export const uint16 = new DataType<number>("S");
export const int32 = new DataType<number>("i");
export const uint32 = new DataType<number>("I");
export const int64 = new DataType<bigint>("l");
export const uint64 = new DataType<bigint>("L");
export const float16 = new DataType<number>("e");
export const float32 = new DataType<number>("f");
export const float64 = new DataType<number>("g");
export const binary = new DataType<Uint8Array>("z");
export const largeBinary = new DataType<Uint8Array>("Z");
export const binaryView = new DataType<Uint8Array>("vz");
export const utf8 = new DataType<string>("u");
export const largeUtf8 = new DataType<string>("U");
export const utf8View = new DataType<string>("vu");
/** Days since 1970. */
export const date32 = new DataType<number>("tdD");
/** Milliseconds since 1970. */
export const date64 = new DataType<bigint>("tdm");
export const intervalMonths = new DataType<number>("tiM");
export const intervalDayTime = new DataType<DayTime>("tiD");
export const intervalMonthDayNano = new DataType<MonthDayNano>("tin");
export const fixedSizeBinary = (bytes: number): DataType<Uint8Array> => new DataType(`w:${bytes}`);
/** Values are the digits without the point: 12.34 of scale 2 is 1234. */
export function decimal(precision: number, scale: number, bits: 64 | 128 | 256 = 128): DataType<bigint> {
  return new DataType(`d:${precision},${scale}${bits === 128 ? "" : `,${bits}`}`);
}
export const decimal32 = (precision: number, scale: number): DataType<number> => new DataType(`d:${precision},${scale},32`);
/** Since midnight. */
export const time32 = (unit: "s" | "ms"): DataType<number> => new DataType(`tt${UNITS[unit]}`);
/** Since midnight. */
export const time64 = (unit: "us" | "ns"): DataType<bigint> => new DataType(`tt${UNITS[unit]}`);
/** Since 1970; in UTC where there is a zone. */
export const timestamp = (unit: Unit, zone = ""): DataType<bigint> => new DataType(`ts${UNITS[unit]}:${zone}`);
export const duration = (unit: Unit): DataType<bigint> => new DataType(`tD${UNITS[unit]}`);

export const list = <V>(item: DataType<V>): DataType<(V | null)[]> => new DataType("+l", [field("item", item)]);
export const largeList = <V>(item: DataType<V>): DataType<(V | null)[]> => new DataType("+L", [field("item", item)]);
export function fixedSizeList<V>(item: DataType<V>, length: number): DataType<(V | null)[]> {
  return new DataType(`+w:${length}`, [field("item", item)]);
}
export function struct<T extends Record<string, DataType>>(
  fields: T,
): DataType<{ [K in keyof T]: T[K] extends DataType<infer V> ? V | null : never }> {
  return new DataType("+s", Object.entries(fields).map(([name, type]) => field(name, type)));
}
/** Values are pairs in order. */
export function map<K, V>(key: DataType<K>, value: DataType<V>): DataType<[K, V | null][]> {
  const entries = new DataType("+s", [field("keys", key, { nullable: false }), field("values", value)]);
  return new DataType("+m", [field("entries", entries, { nullable: false })]);
}
/** Values are those of the dictionary; `indices` is an integer type. */
export function dictionary<V>(values: DataType<V>, indices: DataType = int32): DataType<V> {
  return new DataType(indices.format, [], values);
}

/** Names of the formats without parameters. */
const NAMES: Record<string, string> = {
  n: "null", b: "bool", c: "int8", C: "uint8", s: "int16", S: "uint16", i: "int32", I: "uint32", l: "int64", L: "uint64",
  e: "float16", f: "float32", g: "float64", z: "binary", Z: "large_binary", vz: "binary_view",
  u: "utf8", U: "large_utf8", vu: "utf8_view", tdD: "date32", tdm: "date64",
  tts: "time32(s)", ttm: "time32(ms)", ttu: "time64(us)", ttn: "time64(ns)",
  tiM: "interval(months)", tiD: "interval(day_time)", tin: "interval(month_day_nano)", "+l": "list", "+L": "large_list",
};

function nameOf(format: string): string {
  const name = NAMES[format];
  if (name !== undefined) return name;
  if (format.startsWith("w:")) return `fixed_size_binary(${format.slice(2)})`;
  if (format.startsWith("tD")) return `duration(${unitName(format[2]!)})`;
  if (format.startsWith("ts")) return `timestamp(${[unitName(format[2]!), format.slice(4)].filter(Boolean).join(", ")})`;
  if (format.startsWith("d:")) {
    const [precision, scale, bits = "128"] = format.slice(2).split(",");
    return `decimal${bits}(${precision}, ${scale})`;
  }
  return `format ${format}`;
}

const NUMERIC: Record<string, NumericConstructor> = {
  c: Int8Array, C: Uint8Array, s: Int16Array, S: Uint16Array, i: Int32Array, I: Uint32Array,
  l: BigInt64Array, L: BigUint64Array, f: Float32Array, g: Float64Array,
  e: (globalThis as unknown as { Float16Array: NumericConstructor }).Float16Array,
  tdD: Int32Array, tdm: BigInt64Array, tts: Int32Array, ttm: Int32Array, ttu: BigInt64Array, ttn: BigInt64Array, tiM: Int32Array,
};

/** The typed array that holds values of this format; `undefined` where there is none. */
export function numericOf(format: string): NumericConstructor | undefined {
  const simple = NUMERIC[format];
  if (simple) return simple;
  if (/^(ts|tD)[smun]/.test(format)) return BigInt64Array;
  if (format.startsWith("d:")) return format.endsWith(",32") ? Int32Array : format.endsWith(",64") ? BigInt64Array : undefined;
  return undefined;
}

/** Bytes of a value of fixed width that no typed array holds; `undefined` for other types. */
export function widthOf(format: string): number | undefined {
  if (format === "tiD") return 8;
  if (format === "tin") return 16;
  if (format.startsWith("w:")) return Number(format.slice(2));
  if (format.startsWith("d:")) return format.endsWith(",256") ? 32 : 16;
  return undefined;
}

const SIGNED = "csil";
const UNSIGNED = "CSIL";
const isPlain = (type: DataType): boolean => type.dictionary === undefined;

export const isInteger = (type: DataType): boolean => isPlain(type) && type.format.length === 1 && (SIGNED + UNSIGNED).includes(type.format);
export const isFloat = (type: DataType): boolean => isPlain(type) && ["e", "f", "g"].includes(type.format);
export const isDecimal = (type: DataType): boolean => isPlain(type) && type.format.startsWith("d:");
export const isTimestamp = (type: DataType): boolean => isPlain(type) && type.format.startsWith("ts");
export const isText = (type: DataType): boolean => ["u", "U", "vu"].includes(type.dictionary?.format ?? type.format);

/** The unit of a time, timestamp or duration; `undefined` for other types. */
export function unitOf(type: DataType): Unit | undefined {
  return isPlain(type) && /^t[tsD]./.test(type.format) ? (unitName(type.format[2]!) as Unit) : undefined;
}

/** Digits behind the point of a decimal. */
export const scaleOf = (type: DataType): number => Number(type.format.slice(2).split(",")[1]);
