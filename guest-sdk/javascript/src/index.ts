/**
 * Write a Sluicegate transform in JavaScript or TypeScript.
 *
 * A transform says once, in `bind`, which columns it reads, which pass through untouched and which it computes;
 * after that it sees batches of columns and says which rows survive.
 */

export { transform, Batch, type Processor, type Transform } from "./transform.ts";
export { Plan, type Read } from "./plan.ts";
export { any, integers, numbers, text, type View } from "./views.ts";
export { Column } from "./column.ts";
export { column, type Values } from "./build.ts";
export { Filter } from "./filter.ts";
export { Buckets } from "./labels.ts";
export { Hmac } from "./hash.ts";
export { Output, type Computed } from "./output.ts";
export { Fault } from "./fault.ts";
export { log, type Level } from "./log.ts";
export { AccessError, type Kind } from "./access.ts";
export * as http from "./http.ts";
export * as objects from "./objects.ts";
export * as secrets from "./secrets.ts";
export * as param from "./params.ts";
export * from "./types.ts";
