/** Text columns of a few known values, and numbers sorted into buckets. */

import { arrayOf, decode, validRows, type Column } from "./column.ts";
import { Fault } from "./fault.ts";
import type { Filter } from "./filter.ts";
import { apart, bytesOf, kernels } from "./kernels.ts";
import { utf8 } from "./types.ts";

/** Labels are numbered by a byte. */
const LABELS_MAX = 256;

/** A bucket's label for each number: native speed. */
export class Buckets {
  private readonly bounds: Uint8Array;
  private readonly ends: Uint8Array;
  private readonly bytes: Uint8Array;

  /** `labels` has one more entry than `bounds`, which rise; a number equal to a bound belongs to the label after it. */
  constructor(bounds: readonly number[], labels: readonly string[]) {
    if (labels.length !== bounds.length + 1 || labels.length > LABELS_MAX) {
      throw Fault.invalid(`${labels.length} labels for ${bounds.length} bounds; there must be one more than bounds, at most ${LABELS_MAX}`);
    }
    const texts = labels.map((label) => kernels.encode(label));
    const ends = new Uint32Array(labels.length);
    texts.forEach((text, label) => (ends[label] = (ends[label - 1] ?? 0) + text.length));
    this.bounds = bytesOf(Float64Array.from(bounds));
    this.ends = bytesOf(ends);
    this.bytes = kernels.encode(labels.join(""));
  }

  /** The label of each number that survives; null stays null, and not a number gets the first. */
  of(numbers: Column<number>, rows: Filter): Column<string> {
    const values = bytesOf(numbers.values as Float64Array);
    const valid = validRows(numbers);
    const choice = kernels.select(1, kernels.buckets(values, this.bounds), rows.bits);
    const [bytes, offsets] = apart(kernels.labels(choice, this.ends, this.bytes), rows.count);
    return decode(utf8, [arrayOf(rows.count, valid && valid.select(rows), [offsets, bytes])]);
  }
}
