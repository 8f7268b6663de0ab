/**
 * Generates the fast path of the JSON decoder: one function per (needed columns, layout of the
 * records seen) that reads a record's bytes once, straight into column arrays. Owns the text of that
 * function; what it cannot do it hands to the functions in JsonKernelLinks, which formats/ owns.
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
import { Code, code, CodeWriter, joined } from '../base/js-code.js';
import { DICTIONARY_ENTRIES_MAX, finishTextHash } from '../columnar/dictionary.js';
import type { Dictionary } from '../columnar/dictionary.js';
import { compileFunction } from './compile.js';

/** How a slot's value is read without a call; any other spelling of it goes to the cell reader. */
export type JsonValuePlan =
  /** Not needed: checked and stepped over. */
  | { readonly kind: 'skip'; readonly shape: 'text' | 'number' | 'other' }
  /** Plain ASCII text into dictionary codes. */
  | { readonly kind: 'text'; readonly column: number }
  /** Whole numbers of at most nine digits, `wide` ones of 15: BIGINT and TIMESTAMP. */
  | { readonly kind: 'integer'; readonly column: number; readonly wide: boolean }
  /** At most nine digits, `wide` ones 18. */
  | { readonly kind: 'double'; readonly column: number; readonly wide: boolean }
  | {
      readonly kind: 'decimal';
      readonly column: number;
      readonly wide: boolean;
      readonly precision: number;
      readonly scale: number;
    }
  /** Everything through the cell reader. */
  | { readonly kind: 'cell'; readonly column: number };

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
  /** 0 for bytes of a text that stand for themselves. */
  readonly textSpecial: Uint8Array;
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
 * has to read the record. Cells of the row may be written even then.
 */
export type JsonKernel = (bytes: Uint8Array, at: number, row: number) => number;

const BITS = 31;
/** Digits that an int32 holds. */
const NARROW_DIGITS = 9;
/** Digits that are exact in a double. */
const WIDE_DIGITS = 15;
/** Digits that two int32 hold. */
const LONG_DIGITS = 18;

export function compileJsonKernel(spec: JsonKernelSpec, links: JsonKernelLinks): JsonKernel {
  const names = [
    'textSpecial',
    'powersOfTen',
    'longQuotient',
    'seek',
    'state',
    'skipText',
    'skipValue',
    'setMissing',
    'finishTextHash',
  ];
  const values: unknown[] = [
    links.textSpecial,
    links.powersOfTen,
    links.longQuotient,
    links.seek,
    links.state,
    links.skipText,
    links.skipValue,
    links.setMissing,
    finishTextHash,
  ];
  links.columns.forEach((column, index) => {
    names.push(`values${index}`, `dictionary${index}`, `readCell${index}`);
    values.push(column.values, column.dictionary, column.readCell);
  });
  // The source below returns a function of this type.
  return compileFunction('json', names, jsonKernelSource(spec), values) as JsonKernel;
}

/** The kernel's text: the body of a factory that returns it. */
export function jsonKernelSource(spec: JsonKernelSpec): string {
  const writer = new CodeWriter();
  const end = spec.slots.length * 2;
  writer.open(code`return function readRecord(bytes, from, row)`);
  writer.line(
    code`let at = from, step = 0, byte = 0, digit = 0, start = 0, whole = 0, fraction = 0;`,
  );
  writer.line(code`let hash = 0, text = 0, number = 0, tail = 0, limit = 0;`);
  writer.line(code`let exact = 0.5, negative = false;`);
  const words = Math.ceil(spec.columnCount / BITS);
  for (let word = 0; word < words; word += 1) writer.line(code`let ${seenWord(word)} = 0;`);
  writer.open(code`for (;;)`).open(code`switch (step)`);
  spec.slots.forEach((slot, index) => {
    const differs = [...slot.lead].map((byte, place) => code`bytes[at + ${place}] !== ${byte}`);
    writer.line(code`case ${index * 2}:`);
    emitSeek(writer, joined(differs, ' || '), index);
    writer.line(code`at = at + ${slot.lead.length} | 0;`);
    writer.line(code`case ${index * 2 + 1}:`);
    emitValue(writer, slot.value);
  });
  writer.line(code`case ${end}:`);
  emitSeek(writer, code`bytes[at] !== 125`, spec.slots.length);
  writer.line(code`at = at + 1 | 0;`);
  writer.line(code`default:`);
  for (let word = 0; word < words; word += 1) {
    const all = 2 ** Math.min(BITS, spec.columnCount - word * BITS) - 1;
    writer.line(
      code`if (${seenWord(word)} !== ${all}) setMissing(${word}, ${seenWord(word)}, row);`,
    );
  }
  writer.line(code`return at;`);
  writer.close().close().close();
  return writer.toString();
}

function emitSeek(writer: CodeWriter, when: Code, slot: number): void {
  writer.open(code`if (${when})`);
  writer.line(code`at = seek(bytes, at, ${slot});`);
  writer.line(code`if (at < 0) return -1;`);
  writer.line(code`step = state[0];`);
  writer.line(code`continue;`);
  writer.close();
}

function emitValue(writer: CodeWriter, value: JsonValuePlan): void {
  if (value.kind === 'skip') {
    emitSkip(writer, value.shape);
    return;
  }
  const { column } = value;
  writer.open(code`value:`);
  if (value.kind === 'text') emitText(writer, column);
  else if (value.kind !== 'cell') emitNumber(writer, value);
  writer.line(code`at = ${named('readCell', column)}(bytes, at, row);`);
  writer.open(code`if (at < 0)`);
  writer.line(code`if (at === -1) return -1;`);
  writer.line(code`at = -2 - at | 0;`);
  writer.line(code`${seenOf(column)} &= ${~bitOf(column)};`);
  writer.line(code`break value;`);
  writer.close();
  writer.line(code`${seenOf(column)} |= ${bitOf(column)};`);
  writer.close();
}

function emitSkip(writer: CodeWriter, shape: 'text' | 'number' | 'other'): void {
  writer.open(code`value:`);
  if (shape === 'text') {
    writer.open(code`if (bytes[at] === 34)`);
    writer.line(code`at = at + 1 | 0;`);
    writer.line(code`while (textSpecial[bytes[at]] === 0) at = at + 1 | 0;`);
    writer.line(code`if (bytes[at] === 34) at = at + 1 | 0;`);
    writer.line(code`else if ((at = skipText(bytes, at)) < 0) return -1;`);
    writer.line(code`break value;`);
    writer.close();
  } else if (shape === 'number') {
    writer.line(code`start = at;`);
    writer.line(code`if (bytes[at] === 45) at = at + 1 | 0;`);
    writer.line(code`text = at;`);
    writer.line(code`digit = bytes[at] - 48 | 0;`);
    emitDigits(writer, new Code(''));
    writer.line(code`whole = at - text | 0;`);
    writer.open(code`if (${wellFormedInteger()} && digit !== -2 && (digit + 48 | 32) !== 101)`);
    writer.line(code`break value;`);
    writer.close();
    writer.line(code`at = start;`);
  }
  writer.line(code`if ((at = skipValue(bytes, at)) < 0) return -1;`);
  writer.close();
}

function emitText(writer: CodeWriter, column: number): void {
  writer.open(code`if (bytes[at] === 34)`);
  writer.line(code`text = at + 1 | 0;`);
  writer.line(code`start = text;`);
  writer.line(code`hash = ${0x811c9dc5 | 0};`);
  writer.open(code`while (textSpecial[byte = bytes[text]] === 0)`);
  writer.line(code`hash = Math.imul(hash ^ byte, 16777619);`);
  writer.line(code`text = text + 1 | 0;`);
  writer.close();
  writer.open(code`if (byte === 34)`);
  writer.line(code`whole = text - start | 0;`);
  writer.line(
    code`number = ${named('dictionary', column)}.internHashed(bytes, start, whole, finishTextHash(hash, whole));`,
  );
  writer.line(code`if (number >= ${DICTIONARY_ENTRIES_MAX}) return -1;`);
  writer.line(code`${named('values', column)}[row] = number;`);
  writer.line(code`at = text + 1 | 0;`);
  writer.line(code`${seenOf(column)} |= ${bitOf(column)};`);
  writer.line(code`break value;`);
  writer.close();
  writer.close();
}

type NumberPlan = Extract<JsonValuePlan, { readonly wide: boolean }>;

/**
 * Sign, digits and, but for whole numbers, a fraction; a value of that form ends in `break value`.
 * The first nine digits add up in `number`; those of a wide number behind them in `tail`.
 */
function emitNumber(writer: CodeWriter, value: NumberPlan): void {
  const { column, wide } = value;
  writer.line(code`start = at;`);
  writer.line(code`negative = bytes[at] === 45;`);
  writer.line(code`if (negative) at = at + 1 | 0;`);
  writer.line(code`text = at;`);
  writer.line(code`number = 0;`);
  if (wide) {
    writer.line(code`tail = 0;`);
    writer.line(code`limit = at + ${NARROW_DIGITS} | 0;`);
  }
  writer.line(code`digit = bytes[at] - 48 | 0;`);
  emitNumberDigits(writer, wide);
  writer.line(code`whole = at - text | 0;`);
  writer.open(code`if (${wellFormedInteger()})`);
  if (value.kind === 'integer') {
    const digitsMax = wide ? WIDE_DIGITS : NARROW_DIGITS;
    writer.open(code`if (whole <= ${digitsMax} && digit !== -2 && (digit + 48 | 32) !== 101)`);
    emitSignificand(writer, wide, code`whole`);
    emitStore(writer, column, code`0 - exact`);
    writer.close();
  } else {
    writer.line(code`fraction = 0;`);
    writer.open(code`if (digit === -2)`);
    writer.line(code`at = at + 1 | 0;`);
    writer.line(code`text = at;`);
    if (wide) writer.line(code`limit = limit + 1 | 0;`);
    writer.line(code`digit = bytes[at] - 48 | 0;`);
    emitNumberDigits(writer, wide);
    writer.line(code`fraction = at - text | 0;`);
    // A point without digits sends the number to the cell reader.
    writer.line(code`if (fraction === 0) fraction = 99;`);
    writer.close();
    if (value.kind === 'decimal') emitDecimal(writer, value);
    else emitDouble(writer, value);
  }
  writer.close();
  writer.line(code`at = start;`);
}

function emitStore(writer: CodeWriter, column: number, negated: Code): void {
  writer.line(code`${named('values', column)}[row] = negative ? ${negated} : exact;`);
  writer.line(code`${seenOf(column)} |= ${bitOf(column)};`);
  writer.line(code`break value;`);
}

function emitNumberDigits(writer: CodeWriter, wide: boolean): void {
  if (!wide) {
    emitDigits(writer, code`number = Math.imul(number, 10) + digit | 0;`);
    return;
  }
  writer.open(code`while (digit >= 0 && digit <= 9 && at < limit)`);
  writer.line(code`number = Math.imul(number, 10) + digit | 0;`);
  writer.line(code`at = at + 1 | 0;`);
  writer.line(code`digit = bytes[at] - 48 | 0;`);
  writer.close();
  emitDigits(writer, code`tail = Math.imul(tail, 10) + digit | 0;`);
}

/** The digits as one double, exact up to 15 of them. */
function emitSignificand(writer: CodeWriter, wide: boolean, digits: Code): void {
  writer.line(code`exact = number;`);
  if (!wide) return;
  writer.line(
    code`if (${digits} > ${NARROW_DIGITS}) exact = exact * powersOfTen[${digits} - ${NARROW_DIGITS}] + tail;`,
  );
}

function emitDecimal(writer: CodeWriter, value: Extract<NumberPlan, { kind: 'decimal' }>): void {
  const { scale, precision, wide, column } = value;
  const digitsMax = wide ? WIDE_DIGITS : NARROW_DIGITS;
  // whole + scale digits are what the unscaled value has.
  const wholeMax = Math.min(digitsMax, WIDE_DIGITS - scale, precision - scale);
  const fits = code`whole <= ${wholeMax} && fraction <= ${scale} && whole + fraction <= ${digitsMax}`;
  writer.open(code`if (${fits} && (digit + 48 | 32) !== 101)`);
  emitSignificand(writer, wide, code`(whole + fraction)`);
  writer.line(code`if (fraction !== ${scale}) exact *= powersOfTen[${scale} - fraction];`);
  emitStore(writer, column, code`0 - exact`);
  writer.close();
}

function emitDouble(writer: CodeWriter, value: Extract<NumberPlan, { kind: 'double' }>): void {
  const { wide, column } = value;
  const digitsMax = wide ? LONG_DIGITS : NARROW_DIGITS;
  writer.open(code`if (whole + fraction <= ${digitsMax} && (digit + 48 | 32) !== 101)`);
  if (wide) {
    writer.open(code`if (whole + fraction > ${WIDE_DIGITS})`);
    writer.line(
      code`exact = longQuotient(number, tail, whole + fraction - ${NARROW_DIGITS}, fraction);`,
    );
    writer.between(code`else`);
  }
  emitSignificand(writer, wide, code`(whole + fraction)`);
  // Both are exact, so the division rounds correctly.
  writer.line(code`if (fraction !== 0) exact /= powersOfTen[fraction];`);
  // Too near the middle of two doubles it is NaN: the cell reader knows.
  if (wide) writer.close().open(code`if (exact === exact)`);
  emitStore(writer, column, code`-exact`);
  if (wide) writer.close();
  writer.close();
}

function emitDigits(writer: CodeWriter, each: Code): void {
  writer.open(code`while (digit >= 0 && digit <= 9)`);
  if (each.text !== '') writer.line(each);
  writer.line(code`at = at + 1 | 0;`);
  writer.line(code`digit = bytes[at] - 48 | 0;`);
  writer.close();
}

/** `whole` digits from `text` on: some, and no zero in front. */
function wellFormedInteger(): Code {
  return code`whole > 0 && (whole === 1 || bytes[text] !== 48)`;
}

function named(name: 'values' | 'dictionary' | 'readCell', column: number): Code {
  return new Code(`${name}${column}`);
}

function seenWord(word: number): Code {
  return new Code(`seen${word}`);
}

function seenOf(column: number): Code {
  return seenWord(Math.floor(column / BITS));
}

function bitOf(column: number): number {
  return 1 << (column % BITS);
}
