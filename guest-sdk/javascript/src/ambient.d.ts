// What the engines have beyond the language: the imports of the contract, and a little of the web.

declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}
declare class TextDecoder {
  decode(bytes: Uint8Array): string;
}
/** Writes to the log of the run. */
declare const console: Record<"log" | "info" | "debug" | "trace" | "warn" | "error", (...values: unknown[]) => void>;

declare module "sluicegate:transform/input@0.1.0" {
  export function rows(): number;
  export function read(indices: number[]): import("./flat.ts").FlatColumn[];
}
declare module "sluicegate:transform/output@0.1.0" {
  export function emit(rows: import("./output.ts").Selection, computed: import("./flat.ts").FlatColumn[]): void;
  export function reject(rows: import("./output.ts").Rejection[]): void;
}
declare module "sluicegate:transform/log@0.1.0" {
  export function write(level: import("./log.ts").Level, message: string): void;
}
