// The imports of the contract, as both engines give them to a module.

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
