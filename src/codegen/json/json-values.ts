/**
 * The code that reads one value of a record inside a JSON kernel: texts, whole numbers, doubles and
 * decimals in the spelling that nearly all of them have; any other goes to the cell reader. Owns
 * that code; how a record is read is json-decoder.ts.
 *
 * Texts and digits are looked at four bytes at a time, which halves what a value costs: most of it
 * was checks of bounds, and loops that end by a branch that nobody can foresee.
 */
import { Code, code } from '../../base/js-code.js';
import type { CodeWriter } from '../../base/js-code.js';
import { DICTIONARY_ENTRIES_MAX } from '../../columnar/dictionary.js';

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

/** Columns that a word of `seen` tells of. */
export const SEEN_BITS = 31;
/** Times a byte: that byte four times. */
const EACH_BYTE = 0x01010101;
const TOP_BITS = (EACH_BYTE * 0x80) | 0;
/** By digits of a word. */
export const TENS = Int32Array.of(1, 10, 100, 1000);
/** Digits that an int32 holds. */
const NARROW_DIGITS = 9;
/** Digits that are exact in a double. */
const WIDE_DIGITS = 15;
/** Digits that two int32 hold. */
const LONG_DIGITS = 18;

/** The number of four digits, the most significant in the lowest byte: pairs of them first. */
export function fourDigits(word: number): number {
  const pairs = (Math.imul(word, 10) + (word >>> 8)) & 0x00ff00ff;
  return Math.imul(pairs & 255, 100) + (pairs >>> 16);
}

/** Reads the value at `at` into its column, and moves behind it. */
export function emitValue(writer: CodeWriter, value: JsonValuePlan): void {
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
    emitPlainText(writer, 'at', null);
    writer.line(code`if (bytes[at] === 34) at = at + 1 | 0;`);
    writer.line(code`else if ((at = skipText(bytes, at)) < 0) return -1;`);
    writer.line(code`break value;`);
    writer.close();
  } else if (shape === 'number') {
    writer.line(code`start = at;`);
    writer.line(code`if (bytes[at] === 45) at = at + 1 | 0;`);
    writer.line(code`text = at;`);
    emitDigitWords(writer, 'nothing');
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
  writer.line(code`hash = 0;`);
  emitPlainText(writer, 'text', code`hash = wordHash(hash, word);`);
  writer.open(code`if (bytes[text] === 34)`);
  writer.line(code`word = lastWord(word, count);`);
  writer.line(
    code`number = ${named('probe', column)}.code(bytes, view, start, text - start | 0, hash, word);`,
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
 * What digits add up in: `int32` the nine that it holds, `exact` the 15 that a double does, `long`
 * the first nine in `number` and those behind them in `tail`.
 */
type Sum = 'int32' | 'exact' | 'long';

function sumOf({ kind, wide }: NumberPlan): Sum {
  if (!wide) return 'int32';
  return kind === 'double' ? 'long' : 'exact';
}

/** Sign, digits and, but for whole numbers, a fraction; such a value ends in `break value`. */
function emitNumber(writer: CodeWriter, value: NumberPlan): void {
  const { column, wide } = value;
  const sum = sumOf(value);
  writer.line(code`start = at;`);
  writer.line(code`negative = bytes[at] === 45;`);
  writer.line(code`if (negative) at = at + 1 | 0;`);
  writer.line(code`text = at;`);
  writer.line(sum === 'exact' ? code`exact = 0;` : code`number = 0;`);
  if (sum === 'long') {
    writer.line(code`tail = 0;`);
    writer.line(code`limit = at + ${NARROW_DIGITS} | 0;`);
  }
  emitSumDigits(writer, sum);
  writer.line(code`whole = at - text | 0;`);
  writer.open(code`if (${wellFormedInteger()})`);
  if (value.kind === 'integer') {
    const digitsMax = wide ? WIDE_DIGITS : NARROW_DIGITS;
    writer.open(code`if (whole <= ${digitsMax} && digit !== -2 && (digit + 48 | 32) !== 101)`);
    if (sum === 'int32') writer.line(code`exact = number;`);
    emitStore(writer, column, code`0 - exact`);
    writer.close();
  } else {
    writer.line(code`fraction = 0;`);
    writer.open(code`if (digit === -2)`);
    writer.line(code`at = at + 1 | 0;`);
    writer.line(code`text = at;`);
    if (sum === 'long') writer.line(code`limit = limit + 1 | 0;`);
    emitSumDigits(writer, sum);
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

function emitSumDigits(writer: CodeWriter, sum: Sum): void {
  if (sum !== 'long') {
    emitDigitWords(writer, sum);
    return;
  }
  writer.line(code`digit = bytes[at] - 48 | 0;`);
  writer.open(code`while (digit >= 0 && digit <= 9 && at < limit)`);
  writer.line(code`number = Math.imul(number, 10) + digit | 0;`);
  writer.line(code`at = at + 1 | 0;`);
  writer.line(code`digit = bytes[at] - 48 | 0;`);
  writer.close();
  writer.open(code`while (digit >= 0 && digit <= 9)`);
  writer.line(code`tail = Math.imul(tail, 10) + digit | 0;`);
  writer.line(code`at = at + 1 | 0;`);
  writer.line(code`digit = bytes[at] - 48 | 0;`);
  writer.close();
}

/**
 * Moves `at` behind the digits there, four at a time, and adds them up if asked; `digit` is what
 * is behind them. Numbers of any width cost the same then, where a loop over digits ends by a
 * branch that nobody can foresee. A record at the very end of the bytes takes the slow path.
 *
 * Of digits, less '0' in every byte, 0x76 more makes those above 9 reach the top bit. A carry runs
 * to higher bytes only, behind the first that is no digit.
 */
function emitDigitWords(writer: CodeWriter, sum: 'int32' | 'exact' | 'nothing'): void {
  const zeros = EACH_BYTE * 0x30;
  writer.line(code`flags = 0;`);
  writer.open(code`while (at <= last)`);
  writer.line(code`word = view.getInt32(at, true) ^ ${zeros};`);
  writer.line(code`flags = (word + ${EACH_BYTE * 0x76} | word) & ${TOP_BITS};`);
  writer.line(code`if (flags !== 0) break;`);
  emitAdded(writer, sum, code`10000`);
  writer.line(code`at = at + 4 | 0;`);
  writer.close();
  emitCount(writer);
  if (sum !== 'nothing') writer.line(code`word = lastWord(word, count);`);
  emitAdded(writer, sum, code`tens[count]`);
  writer.line(code`at = at + count | 0;`);
  writer.line(code`digit = bytes[at] - 48 | 0;`);
}

function emitAdded(writer: CodeWriter, sum: 'int32' | 'exact' | 'nothing', scale: Code): void {
  if (sum === 'int32') {
    writer.line(code`number = Math.imul(number, ${scale}) + fourDigits(word) | 0;`);
  } else if (sum === 'exact') {
    writer.line(code`exact = exact * ${scale} + fourDigits(word);`);
  }
}

/**
 * Moves behind the bytes of a text that stand for themselves: not quotes, backslashes, controls, or
 * anything beyond ASCII. `word` and `count` are then the last word and how many of its bytes are
 * the text's. Borrows, too, run to higher bytes only.
 */
function emitPlainText(writer: CodeWriter, place: 'at' | 'text', each: Code | null): void {
  const at = new Code(place);
  const isZero = (byte: number) => code`(word ^ ${EACH_BYTE * byte}) - ${EACH_BYTE}`;
  writer.line(code`flags = 0;`);
  writer.open(code`while (${at} <= last)`);
  writer.line(code`word = view.getInt32(${at}, true);`);
  const special = code`${isZero(34)} | ${isZero(92)} | word - ${EACH_BYTE * 32} | word`;
  writer.line(code`flags = (${special}) & ${TOP_BITS};`);
  writer.line(code`if (flags !== 0) break;`);
  if (each !== null) writer.line(each);
  writer.line(code`${at} = ${at} + 4 | 0;`);
  writer.close();
  emitCount(writer);
  writer.line(code`${at} = ${at} + count | 0;`);
}

/** How many bytes of a word are before its first flag. */
function emitCount(writer: CodeWriter): void {
  writer.line(code`if (flags === 0) return -1;`);
  writer.line(code`count = 31 - Math.clz32(flags & ~(flags - 1)) >> 3;`);
}

function emitDecimal(writer: CodeWriter, value: Extract<NumberPlan, { kind: 'decimal' }>): void {
  const { scale, precision, wide, column } = value;
  const digitsMax = wide ? WIDE_DIGITS : NARROW_DIGITS;
  // whole + scale digits are what the unscaled value has.
  const wholeMax = Math.min(digitsMax, WIDE_DIGITS - scale, precision - scale);
  const fits = code`whole <= ${wholeMax} && fraction <= ${scale} && whole + fraction <= ${digitsMax}`;
  writer.open(code`if (${fits} && (digit + 48 | 32) !== 101)`);
  if (!wide) writer.line(code`exact = number;`);
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
  writer.line(code`exact = number;`);
  if (wide) {
    const tailDigits = code`whole + fraction - ${NARROW_DIGITS}`;
    writer.open(code`if (whole + fraction > ${NARROW_DIGITS})`);
    writer.line(code`exact = exact * powersOfTen[${tailDigits}] + tail;`);
    writer.close();
  }
  // Both are exact, so the division rounds correctly.
  writer.line(code`if (fraction !== 0) exact /= powersOfTen[fraction];`);
  // Too near the middle of two doubles it is NaN: the cell reader knows.
  if (wide) writer.close().open(code`if (exact === exact)`);
  emitStore(writer, column, code`-exact`);
  if (wide) writer.close();
  writer.close();
}

/** `whole` digits from `text` on: some, and no zero in front. */
function wellFormedInteger(): Code {
  return code`whole > 0 && (whole === 1 || bytes[text] !== 48)`;
}

function named(name: 'values' | 'probe' | 'readCell', column: number): Code {
  return new Code(`${name}${column}`);
}

export function seenWord(word: number): Code {
  return new Code(`seen${word}`);
}

function seenOf(column: number): Code {
  return seenWord(Math.floor(column / SEEN_BITS));
}

function bitOf(column: number): number {
  return 1 << (column % SEEN_BITS);
}
