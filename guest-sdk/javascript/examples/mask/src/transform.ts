// Hashes, redacts or truncates columns, irreversibly; the masked column stands in the place of the original.

import {
  column,
  Fault,
  Hmac,
  integers,
  isInteger,
  param,
  text,
  transform,
  utf8,
  type Batch,
  type Values,
} from "sluicegate";

/** A shorter key could be found by trying all. */
const KEY_BYTES_MIN = 16;
/** Fewer digits would give two values the same hash too often. */
const [DIGITS_MIN, DIGITS_MAX] = [16, 64];

const names = (): ReturnType<typeof param.array<string>> => param.array(param.string(), { default: [] });

export default transform({
  params: {
    // Columns of text or integers to replace by a keyed hash.
    hash: names(),
    // Columns of any type to replace by `redaction`; they never enter the sandbox.
    redact: names(),
    // Columns of text to cut after `keep` characters.
    truncate: names(),
    // The key of the hash, at least 16 bytes.
    key: param.string({ default: "" }),
    // How many hexadecimal digits of the hash to keep, 16 to 64.
    digits: param.integer({ default: DIGITS_MAX }),
    // What stands in a redacted column.
    redaction: param.string({ default: "***" }),
    // How many characters a truncated column keeps.
    keep: param.integer({ default: 1 }),
  },

  bind(plan, { hash, redact, truncate, key, digits, redaction, keep }) {
    plan.passAll().stateless();
    const masks: [name: string, mask: (batch: Batch) => Values][] = [];
    const digest = hash.length ? keyed(key, digits) : undefined;
    for (const name of hash) {
      const { type, nullable } = plan.field(name);
      if (isInteger(type)) {
        const numbers = plan.read(name, integers);
        masks.push([name, (batch) => digest!.of(column(utf8, batch.column(numbers).map(String)))]);
      } else {
        const texts = plan.read(name, text);
        masks.push([name, (batch) => digest!.of(batch.column(texts))]);
      }
      plan.replace(name, utf8, { nullable });
    }
    for (const name of truncate) {
      const texts = plan.read(name, text);
      masks.push([name, (batch) => batch.column(texts).map((value) => firstChars(value, keep))]);
      plan.replace(name, utf8, { nullable: plan.field(name).nullable });
    }
    for (const name of redact) {
      plan.field(name);
      masks.push([name, (batch) => new Array<string>(batch.length).fill(redaction)]);
      plan.replace(name, utf8, { nullable: false });
    }
    if (!masks.length) throw Fault.invalid("no column to mask; set `hash`, `redact` or `truncate`");
    return (batch, out) => out.all(Object.fromEntries(masks.map(([name, mask]) => [name, mask(batch)])));
  },
});

function keyed(key: string, digits: number): Hmac {
  if (column(utf8, [key]).flat[0]!.buffers[2]!.length < KEY_BYTES_MIN) {
    throw Fault.invalid(`parameter \`key\` has fewer than ${KEY_BYTES_MIN} bytes; \`hash\` needs it`);
  }
  if (digits < DIGITS_MIN || digits > DIGITS_MAX)
    throw Fault.invalid(`parameter \`digits\` is not between ${DIGITS_MIN} and ${DIGITS_MAX}`);
  return new Hmac(key, digits);
}

/** The first `n` characters; none is cut in two. */
function firstChars(value: string, n: number): string {
  if (value.length <= n) return value;
  const start = value.slice(0, 2 * n);
  return /[\ud800-\udfff]/.test(start) ? [...start].slice(0, n).join("") : value.slice(0, n);
}
