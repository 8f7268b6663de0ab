/**
 * Generates the fast path of the JSON decoder: one function per (needed columns, layout of the
 * records seen) that reads a record's bytes once, straight into column arrays. Owns the text of that
 * function but for its values (json-values.ts); what it cannot do it hands to the functions in
 * JsonKernelLinks, which formats/ owns.
 *
 * The kernel is a state machine over the slots, the keys in the order of a record seen before:
 *
 *   state 2i      compares the bytes from the last value to slot i's value with those seen before
 *   state 2i + 1  reads slot i's value, then falls into state 2i + 2
 *   state 2n      expects the closing brace; 2n + 1 is behind it
 *
 * so that a record of the same layout runs straight through, and any other goes through `seek`,
 * which reads a key the slow way and says where to go on. Bits of `seen` say which columns have a
 * value; the others are NULL in the end. The kernel checks syntax as strictly as the slow path does.
 * Rejected: comparing whole records with templates per position, as number widths vary.
 */
import type { Code } from '../../base/js-code.js';
import { code, CodeWriter, joined } from '../../base/js-code.js';
import type { Dictionary } from '../../columnar/dictionary.js';
import { lastWord, TextProbe, wordHash } from '../../columnar/text-probe.js';
import { compileFunction } from '../compile.js';
import { emitValue, fourDigits, SEEN_BITS, seenWord, TENS } from './json-values.js';
import type { JsonValuePlan } from './json-values.js';

export interface JsonSlot {
  /** The bytes between the value before (or the record's start) and this slot's value. */
  readonly lead: Uint8Array;
  readonly value: JsonValuePlan;
}

export interface JsonKernelSpec {
  /** At least one. */
  readonly slots: readonly JsonSlot[];
  /** Columns of the decoder, each in one slot. */
  readonly columnCount: number;
}

/** Where one column's values go. */
export interface JsonKernelColumn {
  /** Float64Array of f64 columns, Int32Array of dictionary codes, null for cell readers only. */
  readonly values: Float64Array | Int32Array | null;
  readonly dictionary: Dictionary | null;
  /**
   * Reads any value at a position: the position behind it; -2 minus that for `null`; -1 when the
   * record needs the slow path.
   */
  readonly readCell: (bytes: Uint8Array, at: number, row: number) => number;
}

/** What the kernel needs of its decoder. */
export interface JsonKernelLinks {
  readonly columns: readonly JsonKernelColumn[];
  /** 10^0 … 10^22. */
  readonly powersOfTen: Float64Array;
  /** Reads on to the next key that is a slot's, or to the end of the object; the state in state[0]. */
  readonly seek: (bytes: Uint8Array, at: number, slot: number) => number;
  readonly state: Int32Array;
  /** (head × 10^tailDigits + tail) / 10^fraction, correctly rounded, or NaN. */
  readonly longQuotient: (
    head: number,
    tail: number,
    tailDigits: number,
    fraction: number,
  ) => number;
  /** Steps over the rest of a text, or over any value; -1 when it is malformed. */
  readonly skipText: (bytes: Uint8Array, at: number) => number;
  readonly skipValue: (bytes: Uint8Array, at: number) => number;
  /** Makes the columns of word `word` whose bit is not in `seen` NULL. */
  readonly setMissing: (word: number, seen: number, row: number) => void;
}

/**
 * Reads the object that starts at `at` into `row`; the position behind it, or -1 when the slow path
 * has to read the record. Cells of the row may be written even then. `view`: of all of `bytes`.
 */
export type JsonKernel = (bytes: Uint8Array, view: DataView, at: number, row: number) => number;

const WORD_BYTES = 4;

export function compileJsonKernel(spec: JsonKernelSpec, links: JsonKernelLinks): JsonKernel {
  const names = [
    'tens',
    'powersOfTen',
    'longQuotient',
    'seek',
    'state',
    'skipText',
    'skipValue',
    'setMissing',
    'wordHash',
    'lastWord',
    'fourDigits',
  ];
  const values: unknown[] = [
    TENS,
    links.powersOfTen,
    links.longQuotient,
    links.seek,
    links.state,
    links.skipText,
    links.skipValue,
    links.setMissing,
    wordHash,
    lastWord,
    fourDigits,
  ];
  links.columns.forEach((column, index) => {
    names.push(`values${index}`, `probe${index}`, `readCell${index}`);
    const probe = column.dictionary === null ? null : new TextProbe(column.dictionary);
    values.push(column.values, probe, column.readCell);
  });
  // The source below returns a function of this type.
  return compileFunction('json', names, jsonKernelSource(spec), values) as JsonKernel;
}

/** The kernel's text: the body of a factory that returns it. */
export function jsonKernelSource(spec: JsonKernelSpec): string {
  const writer = new CodeWriter();
  const end = spec.slots.length * 2;
  writer.open(code`return function readRecord(bytes, view, from, row)`);
  writer.line(code`let at = from, step = 0, digit = 0, start = 0, whole = 0, fraction = 0;`);
  writer.line(code`let hash = 0, text = 0, number = 0, tail = 0, limit = 0;`);
  writer.line(code`let word = 0, flags = 0, count = 0;`);
  writer.line(code`let exact = 0.5, negative = false;`);
  writer.line(code`const size = view.byteLength, last = size - ${WORD_BYTES};`);
  const words = Math.ceil(spec.columnCount / SEEN_BITS);
  for (let word = 0; word < words; word += 1) writer.line(code`let ${seenWord(word)} = 0;`);
  writer.open(code`for (;;)`).open(code`switch (step)`);
  spec.slots.forEach((slot, index) => {
    writer.line(code`case ${index * 2}:`);
    emitSeek(writer, differsFrom(slot.lead), index);
    writer.line(code`at = at + ${slot.lead.length} | 0;`);
    writer.line(code`case ${index * 2 + 1}:`);
    emitValue(writer, slot.value);
  });
  writer.line(code`case ${end}:`);
  emitSeek(writer, code`bytes[at] !== 125`, spec.slots.length);
  writer.line(code`at = at + 1 | 0;`);
  writer.line(code`default:`);
  for (let word = 0; word < words; word += 1) {
    const all = 2 ** Math.min(SEEN_BITS, spec.columnCount - word * SEEN_BITS) - 1;
    writer.line(
      code`if (${seenWord(word)} !== ${all}) setMissing(${word}, ${seenWord(word)}, row);`,
    );
  }
  writer.line(code`return at;`);
  writer.close().close().close();
  return writer.toString();
}

/**
 * Whether other bytes than the lead's are at `at`. Four at a time, the last four of them maybe a
 * second time: a quarter of the checks of bounds.
 */
function differsFrom(lead: Uint8Array): Code {
  if (lead.length < WORD_BYTES) {
    return joined(
      [...lead].map((byte, place) => code`bytes[at + ${place}] !== ${byte}`),
      ' || ',
    );
  }
  const view = new DataView(lead.buffer, lead.byteOffset, lead.length);
  const found = [code`at > size - ${lead.length}`];
  for (let from = 0; from < lead.length; from += WORD_BYTES) {
    const place = Math.min(from, lead.length - WORD_BYTES);
    found.push(code`view.getInt32(at + ${place}, true) !== ${view.getInt32(place, true)}`);
  }
  return joined(found, ' || ');
}

function emitSeek(writer: CodeWriter, when: Code, slot: number): void {
  writer.open(code`if (${when})`);
  writer.line(code`at = seek(bytes, at, ${slot});`);
  writer.line(code`if (at < 0) return -1;`);
  writer.line(code`step = state[0];`);
  writer.line(code`continue;`);
  writer.close();
}
