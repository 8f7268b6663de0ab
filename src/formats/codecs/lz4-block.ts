/**
 * Unpacks lz4 blocks, in WebAssembly that is put together here: a record of JSON is some twelve
 * sequences, and in JavaScript each cost 14 ns. Owns the grammar of blocks, the copies and the
 * memory that they happen in; frames are record-lz4.ts. @hot
 *
 *   block   (token · [literals' length] · literals · u16 distance · [match length])* · the last
 *           sequence ends behind its literals; lengths of 15 go on in bytes of 255 until one is less
 *
 * Format: Y. Collet, "LZ4 block format description".
 *
 *   memory  block · slack │ what came before it, 64 KiB at most · unpacked · slack
 *
 * Copies go in steps of sixteen bytes, into the slack. Whatever a block says, it reads nothing
 * outside the block and what came before, and writes nothing outside `unpacked` and its slack.
 */
import {
  WASM_PAGE_BYTES,
  add,
  and,
  choose,
  copy1,
  copy16,
  copy8,
  equal,
  get,
  greater,
  i32,
  leave,
  less,
  load16,
  load8,
  notLess,
  or,
  repeatUntilNot,
  repeatWhile,
  set,
  shr,
  sub,
  wasmFunction,
  when,
} from '../../base/wasm-code.js';
import type { WasmCode, WasmFunction } from '../../base/wasm-code.js';

/** How far back a match reaches. */
export const LZ4_DISTANCE_MAX = 65_535;
const SLACK_BYTES = 32;
const MATCH_LEAST = 4;

/** Places of the function's parameters: of the block, of what came before, and of its end. */
const AT = 0;
const END = 1;
const REACH = 2;
const TO = 3;
const ROOM = 4;
const PARAMETERS = 5;
/** Places of its locals. */
const TOKEN = 5;
const LENGTH = 6;
const BYTE = 7;
const STOP = 8;
const FROM = 9;
const DISTANCE = 10;
const LOCALS = 6;

const BROKEN = leave(i32(-1));
const PAGES_FIRST = 3;
let { memory, run } = unpacker(PAGES_FIRST);
let bytes = new Uint8Array(memory.buffer);

function unpacker(pages: number): WasmFunction {
  return wasmFunction({
    parameters: PARAMETERS,
    locals: LOCALS,
    pages,
    code: [
      ...repeatWhile(
        less(get(AT), get(END)),
        ...[set(TOKEN, load8(get(AT))), set(AT, add(get(AT), i32(1)))],
        literals(),
        when(equal(get(AT), get(END)), leave(get(TO))),
        match(),
      ),
      // A block ends with literals, at least none behind a token.
      ...i32(-1),
    ],
  });
}

/**
 * Unpacks source[from, to), a block that unpacks to `bytesMax` at most and whose matches reach
 * back into history[since, until). Returns what it unpacked, valid until the next call; null when
 * the block is broken or larger. O(bytes out).
 */
export function unpackLz4Block(
  source: { readonly bytes: Uint8Array; readonly from: number; readonly to: number },
  history: { readonly bytes: Uint8Array; readonly from: number; readonly to: number },
  bytesMax: number,
): Uint8Array | null {
  const end = source.to - source.from;
  const reach = end + SLACK_BYTES;
  const base = reach + (history.to - history.from);
  const least = base + bytesMax + SLACK_BYTES;
  if (least > bytes.length) growTo(least);
  bytes.set(source.bytes.subarray(source.from, source.to));
  if (base > reach) bytes.set(history.bytes.subarray(history.from, history.to), reach);
  const stop = run(0, end, reach, base, base + bytesMax);
  return stop < 0 ? null : bytes.subarray(base, stop);
}

/**
 * Another memory, with the function that works in it. Growing the one at hand would detach its
 * buffer, and from then on V8 looks at every access to a typed array in this thread whether its
 * buffer is still there: a fifth of what loops over columns take.
 */
function growTo(least: number): void {
  ({ memory, run } = unpacker(Math.ceil(Math.max(least, 2 * bytes.length) / WASM_PAGE_BYTES)));
  bytes = new Uint8Array(memory.buffer);
}

/** To where the literals of TOKEN lead, copied. */
function literals(): WasmCode {
  return [
    ...set(LENGTH, shr(get(TOKEN), i32(4))),
    ...longLength(),
    ...when(
      or(
        greater(get(LENGTH), sub(get(END), get(AT))),
        greater(get(LENGTH), sub(get(ROOM), get(TO))),
      ),
      BROKEN,
    ),
    ...set(STOP, add(get(TO), get(LENGTH))),
    ...set(FROM, get(AT)),
    ...copySteps(16, copy16),
    ...set(TO, get(STOP)),
    ...set(AT, add(get(AT), get(LENGTH))),
  ];
}

/** The match behind them, copied: what it copies may begin with what it has just written. */
function match(): WasmCode {
  return [
    ...when(less(sub(get(END), get(AT)), i32(2)), BROKEN),
    ...set(DISTANCE, load16(get(AT))),
    ...set(AT, add(get(AT), i32(2))),
    ...set(LENGTH, and(get(TOKEN), i32(15))),
    ...longLength(),
    ...set(LENGTH, add(get(LENGTH), i32(MATCH_LEAST))),
    ...when(
      or(
        // A distance of 0 is then the largest of numbers.
        notLess(sub(get(DISTANCE), i32(1)), sub(get(TO), get(REACH))),
        greater(get(LENGTH), sub(get(ROOM), get(TO))),
      ),
      BROKEN,
    ),
    ...set(STOP, add(get(TO), get(LENGTH))),
    ...set(FROM, sub(get(TO), get(DISTANCE))),
    ...choose(
      notLess(get(DISTANCE), i32(16)),
      copySteps(16, copy16),
      choose(notLess(get(DISTANCE), i32(8)), copySteps(8, copy8), copySteps(1, copy1)),
    ),
    ...set(TO, get(STOP)),
  ];
}

/** A LENGTH of 15 goes on. At 255 for each byte of a block of 4 MiB, it stays below 2^31. */
function longLength(): WasmCode {
  return when(
    equal(get(LENGTH), i32(15)),
    repeatUntilNot(
      equal(get(BYTE), i32(255)),
      when(notLess(get(AT), get(END)), BROKEN),
      set(BYTE, load8(get(AT))),
      set(AT, add(get(AT), i32(1))),
      set(LENGTH, add(get(LENGTH), get(BYTE))),
    ),
  );
}

/** From FROM to TO, until STOP or a little further. */
function copySteps(step: number, copy: (to: WasmCode, from: WasmCode) => WasmCode): WasmCode {
  return repeatWhile(
    less(get(TO), get(STOP)),
    copy(get(TO), get(FROM)),
    set(FROM, add(get(FROM), i32(step))),
    set(TO, add(get(TO), i32(step))),
  );
}
