// The kernels of `src/kernels.ts`, in AssemblyScript.
//
// `toolchain/link.py` joins this module to the interpreter's component: it shares the interpreter's memory, and each function
// has the signature of the lowered import that it answers. A list is a pointer and its length in bytes; a list that is
// returned is allocated by the interpreter, which frees it, and written as pointer and length to `to`. The memory is
// the interpreter's: no static data may be used here.

@external("env", "realloc")
declare function realloc(old: usize, oldSize: usize, align: usize, size: usize): usize;

/** Room for a list of `size` bytes that will be returned. */
// @ts-ignore: decorator
@inline
function list(to: usize, size: usize): usize {
  const at = realloc(0, 0, 16, size);
  store<usize>(to, at);
  store<usize>(to, size, 4);
  return at;
}

// The loader of modules: needed only while the component is built.
export function resolve(referrer: usize, n: usize, specifier: usize, m: usize, to: usize): void { unreachable(); }
function loadModule(path: usize, n: usize, to: usize): void { unreachable(); }
// Under their own names these would hide what the language offers.
export { loadModule as load, selectRows as select };

export function encode(text: usize, size: usize, to: usize): void {
  memory.copy(list(to, size), text, size);
}

export function decode(bytes: usize, size: usize, to: usize): void {
  memory.copy(list(to, size), bytes, size);
}

/** How many units of UTF-16 the character has that starts with this byte; none within a character. */
// @ts-ignore: decorator
@inline
function unitsOf(byte: u8): u32 {
  return u32((byte & 0xc0) != 0x80) + u32(byte >= 0xf0);
}

export function units(bytes: usize, size: usize, offsets: usize, offsetsSize: usize, to: usize): void {
  const out = list(to, offsetsSize);
  let at = bytes;
  let count: u32 = 0;
  for (let row: usize = 0; row < offsetsSize; row += 4) {
    const end = bytes + load<u32>(offsets + row);
    for (; at < end; at++) count += unitsOf(load<u8>(at));
    store<u32>(out + row, count);
  }
}

export function offsets(bytes: usize, size: usize, units: usize, unitsSize: usize, to: usize): void {
  const out = list(to, unitsSize);
  const end = bytes + size;
  let at = bytes;
  let count: u32 = 0;
  for (let row: usize = 0; row < unitsSize; row += 4) {
    const wanted = load<u32>(units + row);
    for (; at < end && count < wanted; at++) count += unitsOf(load<u8>(at));
    // The rest of the last character.
    while (at < end && (load<u8>(at) & 0xc0) == 0x80) at++;
    store<u32>(out + row, at - bytes);
  }
}

export function arithmetic(op: u32, format: u32, left: usize, size: usize, right: usize, rightSize: usize, to: usize): void {
  const out = list(to, size);
  switch (format) {
    case 0: case 1: return calculateBytes(op, left, size, right, rightSize, out);
    case 2: case 3: return calculate<i16>(op, left, size, right, rightSize, out);
    case 4: case 5: return calculate<i32>(op, left, size, right, rightSize, out);
    case 6: case 7: return calculate<i64>(op, left, size, right, rightSize, out);
    case 8: return calculate<f32>(op, left, size, right, rightSize, out);
    case 9: return calculate<f64>(op, left, size, right, rightSize, out);
    default: unreachable();
  }
}

// @ts-ignore: decorator
@inline
function scalar<T>(op: u32, a: T, b: T): T {
  if (op == 0) return (a + b) as T;
  if (op == 1) return (a - b) as T;
  if (op == 2) return (a * b) as T;
  return isFloat<T>() ? ((a / b) as T) : unreachable();
}

/** Sixteen bytes a turn. */
// @ts-ignore: decorator
@inline
function vectors<T>(op: u32, left: usize, size: usize, right: usize, step: usize, out: usize): void {
  const whole = size & ~15;
  const one = v128.splat<T>(load<T>(right));
  for (let at: usize = 0; at < whole; at += 16) {
    const a = v128.load(left + at);
    const b = step ? v128.load(right + at) : one;
    let c = a;
    if (op == 0) c = v128.add<T>(a, b);
    else if (op == 1) c = v128.sub<T>(a, b);
    else if (op == 2) c = v128.mul<T>(a, b);
    else {
      if (isFloat<T>()) c = v128.div<T>(a, b);
      else unreachable();
    }
    v128.store(out + at, c);
  }
}

function calculate<T>(op: u32, left: usize, size: usize, right: usize, rightSize: usize, out: usize): void {
  if (!size) return;
  const step: usize = rightSize > sizeof<T>() ? sizeof<T>() : 0;
  // One loop for each operation, so that none is chosen within.
  if (op == 0) vectors<T>(0, left, size, right, step, out);
  else if (op == 1) vectors<T>(1, left, size, right, step, out);
  else if (op == 2) vectors<T>(2, left, size, right, step, out);
  else vectors<T>(3, left, size, right, step, out);
  const other = step ? 1 : 0;
  for (let at = size & ~15; at < size; at += sizeof<T>()) {
    store<T>(out + at, scalar<T>(op, load<T>(left + at), load<T>(right + at * other)));
  }
}

function calculateBytes(op: u32, left: usize, size: usize, right: usize, rightSize: usize, out: usize): void {
  const step: usize = rightSize > 1 ? 1 : 0;
  for (let at: usize = 0; at < size; at++) store<i8>(out + at, scalar<i8>(op, load<i8>(left + at), load<i8>(right + at * step)));
}

export function compare(op: u32, format: u32, left: usize, size: usize, right: usize, rightSize: usize, to: usize): void {
  switch (format) {
    case 0: return comparison<i8>(op, left, size, right, rightSize, to);
    case 1: return comparison<u8>(op, left, size, right, rightSize, to);
    case 2: return comparison<i16>(op, left, size, right, rightSize, to);
    case 3: return comparison<u16>(op, left, size, right, rightSize, to);
    case 4: return comparison<i32>(op, left, size, right, rightSize, to);
    case 5: return comparison<u32>(op, left, size, right, rightSize, to);
    case 6: return comparison<i64>(op, left, size, right, rightSize, to);
    case 7: return comparison<u64>(op, left, size, right, rightSize, to);
    case 8: return comparison<f32>(op, left, size, right, rightSize, to);
    case 9: return comparison<f64>(op, left, size, right, rightSize, to);
    default: unreachable();
  }
}

// @ts-ignore: decorator
@inline
function test<T>(op: u32, a: T, b: T): u32 {
  switch (op) {
    case 0: return u32(a == b);
    case 1: return u32(a != b);
    case 2: return u32(a < b);
    case 3: return u32(a <= b);
    case 4: return u32(a > b);
    default: return u32(a >= b);
  }
}

// @ts-ignore: decorator
@inline
function bits<T>(op: u32, left: usize, n: usize, right: usize, step: usize, out: usize): void {
  let row: usize = 0;
  for (; row + 8 <= n; row += 8) {
    let byte: u32 = 0;
    for (let bit: usize = 0; bit < 8; bit++) {
      byte |= test<T>(op, load<T>(left + (row + bit) * sizeof<T>()), load<T>(right + (row + bit) * step)) << u32(bit);
    }
    store<u8>(out + (row >> 3), byte);
  }
  let byte: u32 = 0;
  for (let bit: usize = 0; row + bit < n; bit++) {
    byte |= test<T>(op, load<T>(left + (row + bit) * sizeof<T>()), load<T>(right + (row + bit) * step)) << u32(bit);
  }
  if (row < n) store<u8>(out + (row >> 3), byte);
}

function comparison<T>(op: u32, left: usize, size: usize, right: usize, rightSize: usize, to: usize): void {
  const n = size / sizeof<T>();
  const step: usize = rightSize > sizeof<T>() ? sizeof<T>() : 0;
  const out = list(to, (n + 7) >> 3);
  switch (op) {
    case 0: return bits<T>(0, left, n, right, step, out);
    case 1: return bits<T>(1, left, n, right, step, out);
    case 2: return bits<T>(2, left, n, right, step, out);
    case 3: return bits<T>(3, left, n, right, step, out);
    case 4: return bits<T>(4, left, n, right, step, out);
    default: return bits<T>(5, left, n, right, step, out);
  }
}

export function floats(format: u32, values: usize, size: usize, to: usize): void {
  switch (format) {
    case 0: return convert<i8>(values, size, to);
    case 1: return convert<u8>(values, size, to);
    case 2: return convert<i16>(values, size, to);
    case 3: return convert<u16>(values, size, to);
    case 4: return convert<i32>(values, size, to);
    case 5: return convert<u32>(values, size, to);
    case 6: return convert<i64>(values, size, to);
    case 7: return convert<u64>(values, size, to);
    case 8: return convert<f32>(values, size, to);
    case 9: return convert<f64>(values, size, to);
    default: unreachable();
  }
}

function convert<T>(values: usize, size: usize, to: usize): void {
  const n = size / sizeof<T>();
  const out = list(to, 8 * n);
  for (let row: usize = 0; row < n; row++) store<f64>(out + 8 * row, <f64>load<T>(values + row * sizeof<T>()));
}

function selectRows(width: u32, values: usize, size: usize, keep: usize, keepSize: usize, to: usize): void {
  const n = size / width;
  let count: usize = 0;
  for (let row: usize = 0; row < n; row++) count += (load<u8>(keep + (row >> 3)) >> u8(row & 7)) & 1;
  let out = list(to, count * width);
  for (let row: usize = 0; row < n; row++) {
    if (!((load<u8>(keep + (row >> 3)) >> u8(row & 7)) & 1)) continue;
    if (width == 8) store<u64>(out, load<u64>(values + 8 * row));
    else if (width == 1) store<u8>(out, load<u8>(values + row));
    else memory.copy(out, values + row * width, width);
    out += width;
  }
}

export function buckets(values: usize, size: usize, bounds: usize, boundsSize: usize, to: usize): void {
  const n = size >> 3;
  const out = list(to, n);
  for (let row: usize = 0; row < n; row++) {
    const value = load<f64>(values + 8 * row);
    let bucket: u32 = 0;
    for (let at: usize = 0; at < boundsSize; at += 8) bucket += u32(value >= load<f64>(bounds + at));
    store<u8>(out + row, bucket);
  }
}

// @ts-ignore: decorator
@inline
function aligned(size: usize): usize { return (size + 3) & ~3; }

export function labels(choice: usize, n: usize, ends: usize, endsSize: usize, bytes: usize, size: usize, to: usize): void {
  let total: usize = 0;
  for (let row: usize = 0; row < n; row++) {
    const label = <usize>load<u8>(choice + row);
    total += load<u32>(ends + 4 * label) - (label ? load<u32>(ends + 4 * label - 4) : 0);
  }
  const out = list(to, aligned(total) + 4 * (n + 1));
  const offsets = out + aligned(total);
  let end: usize = 0;
  store<u32>(offsets, 0);
  for (let row: usize = 0; row < n; row++) {
    const label = <usize>load<u8>(choice + row);
    const start = label ? load<u32>(ends + 4 * label - 4) : 0;
    const length = load<u32>(ends + 4 * label) - start;
    memory.copy(out + end, bytes + start, length);
    end += length;
    store<u32>(offsets + 4 * row + 4, end);
  }
}

/** Where the bytes of a view are; 0 for what a null may leave there. */
// @ts-ignore: decorator
@inline
function place(head: usize, data: usize, nData: usize): usize {
  const length = load<u32>(head);
  if (length <= 12) return head + 4;
  const index = load<u32>(head, 8);
  if (<usize>index >= nData) return 0;
  const start = load<u32>(head, 12);
  return <u64>start + length > load<u32>(data + 8 * index, 4) ? 0 : load<usize>(data + 8 * index) + start;
}

export function compact(heads: usize, size: usize, data: usize, nData: usize, to: usize): void {
  let total: usize = 0;
  for (let at: usize = 0; at < size; at += 16) if (place(heads + at, data, nData)) total += load<u32>(heads + at);
  const out = list(to, aligned(total) + size / 4 + 4);
  const offsets = out + aligned(total);
  let end: usize = 0;
  store<u32>(offsets, 0);
  for (let at: usize = 0; at < size; at += 16) {
    const from = place(heads + at, data, nData);
    const length = from ? load<u32>(heads + at) : 0;
    memory.copy(out + end, from, length);
    end += length;
    store<u32>(offsets + at / 4 + 4, end);
  }
}

/**
 * `states`: the two states of eight words each, and room for a state, a schedule of 64 words and two blocks.
 * `constants`: the 64 words of SHA-256.
 */
export function hmac(
  states: usize, statesSize: usize, constants: usize, constantsSize: usize, bytes: usize, size: usize,
  offsets: usize, offsetsSize: usize, digits: u32, to: usize,
): void {
  const n = offsetsSize / 4 - 1;
  const state = states + 64;
  const schedule = state + 32;
  const blocks = schedule + 256;
  let out = list(to, n * digits);
  for (let row: usize = 0; row < n; row++) {
    const start = load<u32>(offsets + 4 * row);
    memory.copy(state, states, 32);
    sha256(state, constants, schedule, blocks, bytes + start, load<u32>(offsets + 4 * row, 4) - start);
    for (let word: usize = 0; word < 32; word += 4) store<u32>(blocks + 128 + word, bswap<u32>(load<u32>(state + word)));
    memory.copy(state, states + 32, 32);
    sha256(state, constants, schedule, blocks, blocks + 128, 32);
    for (let digit: u32 = 0; digit < digits; digit++) {
      const nibble = (load<u32>(state + <usize>(digit >> 3) * 4) >> (28 - 4 * (digit & 7))) & 15;
      store<u8>(out + digit, nibble < 10 ? 48 + nibble : 87 + nibble);
    }
    out += digits;
  }
}

/** SHA-256 of one block that is in `state` already and of `size` bytes. */
function sha256(state: usize, constants: usize, schedule: usize, blocks: usize, bytes: usize, size: usize): void {
  const whole = size & ~63;
  for (let at: usize = 0; at < whole; at += 64) compress(state, constants, schedule, bytes + at);
  const rest = size - whole;
  const padded: usize = rest < 56 ? 64 : 128;
  memory.fill(blocks, 0, padded);
  memory.copy(blocks, bytes + whole, rest);
  store<u8>(blocks + rest, 0x80);
  store<u64>(blocks + padded - 8, bswap<u64>((64 + <u64>size) * 8));
  for (let at: usize = 0; at < padded; at += 64) compress(state, constants, schedule, blocks + at);
}

function compress(state: usize, constants: usize, schedule: usize, block: usize): void {
  for (let i: usize = 0; i < 64; i += 4) store<u32>(schedule + i, bswap<u32>(load<u32>(block + i)));
  for (let i: usize = 64; i < 256; i += 4) {
    const x = load<u32>(schedule + i - 60);
    const y = load<u32>(schedule + i - 8);
    const s0 = rotr<u32>(x, 7) ^ rotr<u32>(x, 18) ^ (x >>> 3);
    const s1 = rotr<u32>(y, 17) ^ rotr<u32>(y, 19) ^ (y >>> 10);
    store<u32>(schedule + i, load<u32>(schedule + i - 64) + s0 + load<u32>(schedule + i - 28) + s1);
  }
  let a = load<u32>(state), b = load<u32>(state, 4), c = load<u32>(state, 8), d = load<u32>(state, 12);
  let e = load<u32>(state, 16), f = load<u32>(state, 20), g = load<u32>(state, 24), h = load<u32>(state, 28);
  for (let i: usize = 0; i < 256; i += 4) {
    const sum = rotr<u32>(e, 6) ^ rotr<u32>(e, 11) ^ rotr<u32>(e, 25);
    const one = h + sum + ((e & f) ^ (~e & g)) + load<u32>(constants + i) + load<u32>(schedule + i);
    const two = (rotr<u32>(a, 2) ^ rotr<u32>(a, 13) ^ rotr<u32>(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g; g = f; f = e; e = d + one; d = c; c = b; b = a; a = one + two;
  }
  store<u32>(state, load<u32>(state) + a);
  store<u32>(state, load<u32>(state, 4) + b, 4);
  store<u32>(state, load<u32>(state, 8) + c, 8);
  store<u32>(state, load<u32>(state, 12) + d, 12);
  store<u32>(state, load<u32>(state, 16) + e, 16);
  store<u32>(state, load<u32>(state, 20) + f, 20);
  store<u32>(state, load<u32>(state, 24) + g, 24);
  store<u32>(state, load<u32>(state, 28) + h, 28);
}
