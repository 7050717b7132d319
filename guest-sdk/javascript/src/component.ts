/** A transform as the exports of a component; the entry point that `build` generates calls `component`. */

import { emit, reject } from "sluicegate:transform/output@0.1.0";
import { read, rows } from "sluicegate:transform/input@0.1.0";
import { write } from "sluicegate:transform/log@0.1.0";
import { Fault } from "./fault.ts";
import type { FlatField } from "./flat.ts";
import { useKernels, type Kernels } from "./kernels.ts";
import { log, setSink } from "./log.ts";
import { Instance, type AnyTransform, type FlatOutput } from "./transform.ts";

declare const sluicegateLines: { sources: string[]; lines: [bundled: number, source: number, line: number][] } | undefined;

interface Exports {
  bind(schema: FlatField[], params: string): { reads: number[]; output: FlatOutput[]; stateless: boolean };
  process(): void;
  finish(): void;
}

/** The exports of the interface `transform`. */
export function component(definition: AnyTransform, native?: Kernels): Exports {
  if (native) useKernels(native);
  setSink(write);
  installConsole();
  const host = { rows, read, emit, reject };
  let instance: Instance | undefined;
  const bound = (): Instance => {
    if (!instance) throw Fault.invalid("`bind` was not called");
    return instance;
  };
  return {
    bind: guarded((schema: FlatField[], params: string) => {
      instance = new Instance(definition, schema, params);
      return { reads: instance.plan.reads, output: instance.output(), stateless: instance.plan.isStateless };
    }),
    process: guarded(() => bound().process(host)),
    finish: guarded(() => bound().finish(host)),
  };
}

/** Turns what is thrown into the fault of the contract; an exception that is no `Fault` is logged with its stack. */
function guarded<A extends unknown[], R>(call: (...args: A) => R): (...args: A) => R {
  return (...args) => {
    try {
      return call(...args);
    } catch (error) {
      if (isOutOfMemory(error)) throw error; // Traps, upon which the host tells of its limit.
      throw error instanceof Fault ? { tag: error.kind, val: error.message } : unexpected(error);
    }
  };
}

/** Frames of a stack that a fault names; the log has them all. */
const FRAMES_MAX = 8;

/** Kinds of an `AccessError` that another try may not meet. */
const TRANSIENT: unknown[] = ["unavailable", "timeout", "connection"];

const isOutOfMemory = (error: unknown): boolean => /\bout of memory$/.test(String(error));

function unexpected(error: unknown): { tag: "data" | "transient"; val: string } {
  const frames = framesOf(error);
  const message = error instanceof Error ? `${error.name}: ${error.message}` : `thrown: ${String(error)}`;
  log.error([message, ...frames.map((frame) => `    at ${frame}`)].join("\n"));
  const own = frames.filter((frame) => !frame.includes("(sluicegate/")).slice(0, FRAMES_MAX);
  // What could not be had now may be had later.
  const tag = TRANSIENT.includes((error as { kind?: unknown } | null)?.kind) ? "transient" : "data";
  return { tag, val: own.length ? `${message} (at ${own.join(" < ")})` : message };
}

/** The frames of a stack, innermost first, as `function (file:line)` of the files that were bundled. */
function framesOf(error: unknown): string[] {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const frames = stack.split("\n").map((line) => /^\s*(?:at )?(.*?)\s*[(@]?[^\s(@]*?:(\d+):\d+\)?$/.exec(line));
  return frames.flatMap((frame) => {
    const place = frame && placeOf(Number(frame[2]));
    return place ? [frame[1] ? `${frame[1]} (${place})` : place] : [];
  });
}

/** The file and line that a line of the bundle came from. */
function placeOf(bundled: number): string | undefined {
  if (typeof sluicegateLines === "undefined") return `line ${bundled}`;
  const { sources, lines } = sluicegateLines;
  const line = lines.findLast(([start]) => start <= bundled);
  return line && line[1] >= 0 ? `${sources[line[1]]}:${line[2] + bundled - line[0]}` : undefined;
}

/** `console` writes to the log. */
function installConsole(): void {
  const to = (level: keyof typeof log) => (...values: unknown[]): void => log[level](values.map(shown).join(" "));
  const console = { log: to("info"), info: to("info"), debug: to("debug"), trace: to("trace"), warn: to("warn"), error: to("error") };
  Object.assign(globalThis, { console });
}

function shown(value: unknown): string {
  if (typeof value !== "object" || value === null || value instanceof Error) return String(value);
  return JSON.stringify(value, (_, item: unknown) => (typeof item === "bigint" ? `${item}n` : item));
}
