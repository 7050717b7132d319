/** Keyed hashes: HMAC-SHA256 in hexadecimal, native speed. */

import { column } from "./build.ts";
import { arrayOf, Column, decode, validRows } from "./column.ts";
import { Fault } from "./fault.ts";
import { bytesOf, compress, kernels } from "./kernels.ts";
import { utf8 } from "./types.ts";

const BLOCK_BYTES = 64;
const DIGITS_MAX = 64;
/** Both states, and room to work in: a state, a schedule of 64 words, two blocks and a digest. */
const STATES_BYTES = 512;

/** The first primes; SHA-256 takes its constants from the fractions of their roots. */
const PRIMES = ((): number[] => {
  const found: number[] = [];
  for (let n = 2; found.length < 64; n++) if (found.every((prime) => n % prime)) found.push(n);
  return found;
})();
const fraction = (root: number): number => Math.floor((root - Math.floor(root)) * 2 ** 32);
const INITIAL = Uint32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));
const CONSTANTS = Uint32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)));

/** A hash with its key absorbed. */
export class Hmac {
  private readonly states = new Uint8Array(STATES_BYTES);
  private readonly digits: number;

  /** The first `digits` of 64 hexadecimal digits are kept. */
  constructor(key: string, digits = DIGITS_MAX) {
    if (!(digits > 0 && digits <= DIGITS_MAX)) throw Fault.invalid(`${digits} digits of a hash; there are 1 to ${DIGITS_MAX}`);
    this.digits = digits;
    const words = new Uint32Array(this.states.buffer);
    const padded = absorbed(kernels.encode(key));
    [0x36, 0x5c].forEach((pad, index) => {
      const state = Uint32Array.from(INITIAL);
      compress(state, CONSTANTS, padded.map((byte) => byte ^ pad));
      words.set(state, 8 * index);
    });
  }

  /** The hash of each text; null stays null. */
  of(texts: Column<string>): Column<string> {
    const plain = texts.type.equals(utf8) ? texts : column(utf8, texts.toArray());
    const [, offsets, bytes] = plain.flat[0]!.buffers as [Uint8Array, Uint8Array, Uint8Array];
    const { length } = texts;
    const hashes = kernels.hmac(this.states, bytesOf(CONSTANTS), bytes, offsets.subarray(0, 4 * (length + 1)), this.digits);
    const ends = Int32Array.from({ length: length + 1 }, (_, row) => row * this.digits);
    return decode(utf8, [arrayOf(length, validRows(plain), [bytesOf(ends), hashes])]);
  }
}

/** The key as one block; a longer one is hashed first. */
function absorbed(key: Uint8Array): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  if (key.length <= BLOCK_BYTES) {
    block.set(key);
    return block;
  }
  const padded = new Uint8Array((key.length + 72) & ~63);
  padded.set(key);
  padded[key.length] = 0x80;
  new DataView(padded.buffer).setUint32(padded.length - 4, key.length * 8);
  const state = Uint32Array.from(INITIAL);
  for (let at = 0; at < padded.length; at += BLOCK_BYTES) compress(state, CONSTANTS, padded.subarray(at, at + BLOCK_BYTES));
  const digest = new DataView(block.buffer);
  state.forEach((word, index) => digest.setUint32(4 * index, word));
  return block;
}
