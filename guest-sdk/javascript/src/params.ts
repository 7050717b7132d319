/** Parameters of a transform, checked against what it declares. */

import { Fault, namesHint } from "./fault.ts";

/** A parameter that a transform declares. */
export interface Param<T> {
  /** What it expects, with an article, for errors. */
  readonly expected: string;
  /** The value of an application; `undefined` where it does not fit. */
  readonly parse: (value: unknown) => T | undefined;
  /** The value where the application sets none; without this, it must. */
  readonly default?: T | undefined;
  /** Whether it may be left out without a default; it is `undefined` then. */
  readonly isOptional?: boolean;
}

type Options<T> = { default?: T };

function param<T>(expected: string, parse: (value: unknown) => T | undefined, options: Options<T>): Param<T> {
  return { expected, parse, ...options };
}

/** Any number. */
export const number = (options: Options<number> = {}): Param<number> =>
  param("a number", (value) => (typeof value === "number" ? value : undefined), options);

/** A whole number of at most 2^53. */
export const integer = (options: Options<number> = {}): Param<number> =>
  param("an integer", (value) => (Number.isSafeInteger(value) ? (value as number) : undefined), options);

export const string = (options: Options<string> = {}): Param<string> =>
  param("a string", (value) => (typeof value === "string" ? value : undefined), options);

export const boolean = (options: Options<boolean> = {}): Param<boolean> =>
  param("a boolean", (value) => (typeof value === "boolean" ? value : undefined), options);

/** A parameter that may be left out, and is `undefined` then. */
export const optional = <T>(inner: Param<T>): Param<T | undefined> => ({ ...inner, isOptional: true });

/** One of these texts. */
export const oneOf = <const T extends string>(values: readonly T[], options: Options<T> = {}): Param<T> =>
  param(`one of ${values.map((value) => `\`${value}\``).join(", ")}`, (value) => values.find((known) => known === value), options);

/** An array whose items are all of one kind. */
export function array<T>(item: Param<T>, options: Options<T[]> = {}): Param<T[]> {
  const parse = (value: unknown): T[] | undefined => {
    const items = Array.isArray(value) ? value.map((entry) => item.parse(entry)) : [undefined];
    return items.includes(undefined) ? undefined : (items as T[]);
  };
  return param(`an array, each item ${item.expected}`, parse, options);
}

/** The values of declared parameters. */
export type ParamsOf<P> = { [K in keyof P]: P[K] extends Param<infer T> ? T : never };

/** The values of a JSON object, which an empty text stands for as well. */
export function parseParams<P extends Record<string, Param<unknown>>>(declared: P, json: string): ParamsOf<P> {
  let given: unknown;
  try {
    given = JSON.parse(json.trim() || "{}");
  } catch (error) {
    throw Fault.invalid(`parameters are not a JSON object: ${(error as Error).message}`);
  }
  if (typeof given !== "object" || given === null || Array.isArray(given)) throw Fault.invalid("parameters are not a JSON object");
  const names = Object.keys(declared);
  for (const name of Object.keys(given)) {
    if (!names.includes(name)) throw Fault.invalid(`parameter \`${name}\` is not known; ${namesHint(name, names)}`);
  }
  const values = names.map((name) => [name, valueOf(name, declared[name]!, (given as Record<string, unknown>)[name])]);
  return Object.fromEntries(values) as ParamsOf<P>;
}

function valueOf(name: string, { expected, parse, default: fallback, isOptional }: Param<unknown>, given: unknown): unknown {
  if (given === undefined) {
    if (fallback === undefined && !isOptional) throw Fault.invalid(`parameter \`${name}\` is missing; the application must set it to ${expected}`);
    return fallback;
  }
  const value = parse(given);
  if (value === undefined) throw Fault.invalid(`parameter \`${name}\` is ${JSON.stringify(given)}, expected ${expected}`);
  return value;
}
