/**
 * CRC-32C (Castagnoli) of bytes that are read at wire speed: sixteen bytes a step with sixteen
 * tables, in WebAssembly that is put together here. Owns the tables, the code and the memory that
 * bytes are copied to; which bytes a checksum covers is record-checksum.ts. @hot
 *
 * Method: M. Kounavis and F. Berry, "A systematic approach to building high performance,
 * software-based, CRC generators" (slicing), ISCC 2005; polynomial: RFC 3720, appendix B.4.
 *
 * Of each step only the first four bytes depend on the step before: their look-ups come last.
 */

const POLYNOMIAL = 0x82f63b78;
const STEP_BYTES = 16;
const TABLE_BYTES = 1024;
const TABLES_BYTES = STEP_BYTES * TABLE_BYTES;
const MEMORY_PAGES = 2;
const PAGE_BYTES = 65_536;
/** Copied and summed at a time: it stays in a core's cache. */
const SLICE_BYTES = MEMORY_PAGES * PAGE_BYTES - TABLES_BYTES;

/** Opcodes of WebAssembly 1.0. */
const OP = {
  block: 0x02,
  loop: 0x03,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  get: 0x20,
  set: 0x21,
  load: 0x28,
  load8: 0x2d,
  const: 0x41,
  gt: 0x4b,
  ge: 0x4f,
  add: 0x6a,
  and: 0x71,
  xor: 0x73,
  shl: 0x74,
  shr: 0x76,
} as const;
const I32 = 0x7f;
const NO_RESULT = 0x40;
/** Places of the function's parameters and of its local. */
const AT = 0;
const STOP = 1;
const CRC = 2;
const WORD = 3;

type Sum = (at: number, stop: number, crc: number) => number;

/** What is used of the global that Node has, and its types do not name. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => {
    readonly exports: { readonly memory: { readonly buffer: ArrayBuffer }; readonly sum: Sum };
  };
};

const { memory, sum } = instantiate();
const bytesOfMemory = new Uint8Array(memory.buffer);

/** CRC-32C of bytes[from, to), as an unsigned number. O(to − from). */
export function crc32c(bytes: Uint8Array, from: number, to: number): number {
  let crc = -1;
  for (let at = from; at < to; at += SLICE_BYTES) {
    const stop = Math.min(to, at + SLICE_BYTES);
    bytesOfMemory.set(bytes.subarray(at, stop), TABLES_BYTES);
    crc = sum(TABLES_BYTES, TABLES_BYTES + stop - at, crc);
  }
  return ~crc >>> 0;
}

function instantiate(): { readonly memory: { readonly buffer: ArrayBuffer }; readonly sum: Sum } {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes()));
  new Uint32Array(exports.memory.buffer, 0, TABLES_BYTES / 4).set(tables());
  return exports;
}

/** Table n, at n · 256: what a byte does to the sum when n bytes come behind it. */
function tables(): Uint32Array {
  const found = new Uint32Array(TABLES_BYTES / 4);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ ((crc & 1) * POLYNOMIAL);
    found[byte] = crc;
  }
  for (let at = 256; at < found.length; at += 1) {
    const before = found[at - 256]!;
    found[at] = (before >>> 8) ^ found[before & 255]!;
  }
  return found;
}

/** One function, (at, stop, crc) → crc, and its memory. */
function moduleBytes(): Uint8Array<ArrayBuffer> {
  const code = [...vector([[1, I32]]), ...steps(), ...tail(), OP.get, CRC, OP.end];
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector([[0x60, ...vector([[I32], [I32], [I32]]), ...vector([[I32]])]])),
    ...section(3, vector([[0]])),
    ...section(5, vector([[0, MEMORY_PAGES]])),
    ...section(
      7,
      vector([
        [...name('memory'), 2, 0],
        [...name('sum'), 0, 0],
      ]),
    ),
    ...section(10, vector([[...unsigned(code.length), ...code]])),
  ]);
}

/** While sixteen bytes are left: all their look-ups, those that need the last sum at the end. */
function steps(): number[] {
  const lookUps: number[] = [];
  for (const word of [1, 2, 3, 0]) {
    lookUps.push(OP.get, AT, OP.load, 0, ...unsigned(word * 4));
    if (word === 0) lookUps.push(OP.get, CRC, OP.xor);
    lookUps.push(OP.set, WORD);
    for (let byte = 0; byte < 4; byte += 1) {
      const behind = STEP_BYTES - 1 - (word * 4 + byte);
      lookUps.push(...tableIndex(byte), OP.load, 2, ...unsigned(behind * TABLE_BYTES));
      if (word !== 1 || byte !== 0) lookUps.push(OP.xor);
    }
  }
  return [
    ...[OP.block, NO_RESULT, OP.loop, NO_RESULT],
    ...[OP.get, AT, OP.const, ...signed(STEP_BYTES), OP.add, OP.get, STOP, OP.gt, OP.brIf, 1],
    ...lookUps,
    ...[OP.set, CRC],
    ...[OP.get, AT, OP.const, ...signed(STEP_BYTES), OP.add, OP.set, AT],
    ...[OP.br, 0, OP.end, OP.end],
  ];
}

/** Address in a table of a byte of WORD: four times the byte. */
function tableIndex(byte: number): number[] {
  const shift =
    byte === 0 ? [OP.const, ...signed(2), OP.shl] : [OP.const, ...signed(byte * 8 - 2), OP.shr];
  return [OP.get, WORD, ...shift, OP.const, ...signed(255 * 4), OP.and];
}

/** The last bytes, one by one. */
function tail(): number[] {
  return [
    ...[OP.block, NO_RESULT, OP.loop, NO_RESULT],
    ...[OP.get, AT, OP.get, STOP, OP.ge, OP.brIf, 1],
    ...[OP.get, CRC, OP.get, AT, OP.load8, 0, 0, OP.xor, OP.set, WORD],
    ...[...tableIndex(0), OP.load, 2, 0],
    ...[OP.get, CRC, OP.const, ...signed(8), OP.shr, OP.xor, OP.set, CRC],
    ...[OP.get, AT, OP.const, ...signed(1), OP.add, OP.set, AT],
    ...[OP.br, 0, OP.end, OP.end],
  ];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function name(text: string): number[] {
  return vector([...Buffer.from(text)].map((byte) => [byte]));
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  const ends = value >= -64 && value < 64;
  return ends ? [value & 127] : [(value & 127) | 128, ...signed(value >> 7)];
}
