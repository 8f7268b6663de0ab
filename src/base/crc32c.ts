/**
 * CRC-32C (Castagnoli) of bytes that are read at wire speed: sixteen bytes a step with sixteen
 * tables, in WebAssembly that is put together here. Owns the tables, the code and the memory that
 * bytes are copied to; which bytes a checksum covers is its users' business (Kafka's record batches,
 * files of checkpoints). @hot
 *
 * Method: M. Kounavis and F. Berry, "A systematic approach to building high performance,
 * software-based, CRC generators" (slicing), ISCC 2005; polynomial: RFC 3720, appendix B.4.
 *
 * Of each step only the first four bytes depend on the step before: their look-ups come last.
 */

import {
  WASM_PAGE_BYTES,
  add,
  and,
  get,
  i32,
  less,
  load32,
  load8,
  notGreater,
  repeatWhile,
  set,
  shl,
  shr,
  wasmFunction,
  xor,
} from './wasm-code.js';
import type { WasmCode } from './wasm-code.js';

const POLYNOMIAL = 0x82f63b78;
const STEP_BYTES = 16;
const TABLE_BYTES = 1024;
const TABLES_BYTES = STEP_BYTES * TABLE_BYTES;
const MEMORY_PAGES = 2;
/** Copied and summed at a time: it stays in a core's cache. */
const SLICE_BYTES = MEMORY_PAGES * WASM_PAGE_BYTES - TABLES_BYTES;

/** Places of the function's parameters and of its local. */
const AT = 0;
const STOP = 1;
const CRC = 2;
const PARAMETERS = 3;
const WORD = 3;
const LOCALS = 1;

const { memory, run } = wasmFunction({
  parameters: PARAMETERS,
  locals: LOCALS,
  pages: MEMORY_PAGES,
  code: [...steps(), ...tail(), ...get(CRC)],
});
const bytesOfMemory = new Uint8Array(memory.buffer);
new Uint32Array(memory.buffer, 0, TABLES_BYTES / 4).set(tables());

/** CRC-32C of bytes[from, to), as an unsigned number. O(to − from). */
export function crc32c(bytes: Uint8Array, from: number, to: number): number {
  let crc = -1;
  for (let at = from; at < to; at += SLICE_BYTES) {
    const stop = Math.min(to, at + SLICE_BYTES);
    bytesOfMemory.set(bytes.subarray(at, stop), TABLES_BYTES);
    crc = run(TABLES_BYTES, TABLES_BYTES + stop - at, crc);
  }
  return ~crc >>> 0;
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

/** While sixteen bytes are left: all their look-ups, those that need the last sum at the end. */
function steps(): WasmCode {
  const behind = (word: number, byte: number) => STEP_BYTES - 1 - (word * 4 + byte);
  const lookUps = [1, 2, 3, 0].flatMap((word) => {
    const loaded = load32(get(AT), word * 4);
    return [
      ...set(WORD, word === 0 ? xor(loaded, get(CRC)) : loaded),
      ...[0, 1, 2, 3].reduce<WasmCode>((sum, byte) => {
        const found = load32(tableIndex(byte), behind(word, byte) * TABLE_BYTES);
        return sum.length === 0 && word === 1 ? found : xor(sum, found);
      }, []),
    ];
  });
  return repeatWhile(
    notGreater(add(get(AT), i32(STEP_BYTES)), get(STOP)),
    set(CRC, lookUps),
    set(AT, add(get(AT), i32(STEP_BYTES))),
  );
}

/** Address in a table of a byte of WORD: four times the byte. */
function tableIndex(byte: number): WasmCode {
  const shifted = byte === 0 ? shl(get(WORD), i32(2)) : shr(get(WORD), i32(byte * 8 - 2));
  return and(shifted, i32(255 * 4));
}

/** The last bytes, one by one. */
function tail(): WasmCode {
  return repeatWhile(
    less(get(AT), get(STOP)),
    set(WORD, xor(get(CRC), load8(get(AT)))),
    set(CRC, xor(load32(tableIndex(0)), shr(get(CRC), i32(8)))),
    set(AT, add(get(AT), i32(1))),
  );
}
