/**
 * LIKE: % is any text, _ one character, the whole text must match. A pattern becomes parts between
 * its % signs; the first part is held by the start of the text, the last by its end, each other one
 * is looked for behind the one before it. Never steps back: time grows with the text. @hot
 *
 *   'a%b_c%d'  →  starts with "a", then "b_c" somewhere, ends with "d"
 *
 * A part with _ is looked for bit by bit over all its places at once (a word of bits per 32 signs).
 * A character is a code point: where _ meets pairs of surrogates, they are made single units first.
 */
import { DataFault } from '../registry-types.js';

/** Stands for _ in a part. */
const ANY = -1;

interface Part {
  /** UTF-16 units; ANY for _. */
  readonly units: readonly number[];
  /** The part as a text, when it has no _. */
  readonly text: string | null;
  readonly bits: PartBits | null;
}

/** For each unit of a part the places where it may stand, as bits. */
interface PartBits {
  readonly words: number;
  readonly byUnit: ReadonlyMap<number, Int32Array>;
  /** Places of _: what every other unit has. */
  readonly others: Int32Array;
  readonly state: Int32Array;
}

const PAIRS = /[\ud800-\udbff][\udc00-\udfff]/g;
const PAIR = /[\ud800-\udbff][\udc00-\udfff]/;
/** Units that stand for pairs: no text has them by themselves. */
const PAIR_UNIT_FIRST = 0xd800;
const PAIR_UNIT_OTHER = 0xdfff;

export class LikePattern {
  private readonly parts: readonly Part[];
  /** Whether the pattern has no %. */
  private readonly isWhole: boolean;
  private readonly leastLength: number;
  /** Units of the pattern's own pairs, when a text's pairs must become units. */
  private readonly pairUnits: ReadonlyMap<string, string> | null;

  /**
   * `escape` makes the sign behind it stand for itself; '' is none. Throws DataFault for an escape
   * of several characters or one at the end.
   */
  constructor(pattern: string, escape: string) {
    const signs = signsOf(pattern, escape);
    const hasAny = signs.includes('_');
    this.pairUnits = hasAny ? unitsOfPairs(signs) : null;
    const parts: Part[] = [];
    let units: number[] = [];
    for (const sign of signs) {
      if (sign === '%') {
        parts.push(partOf(units));
        units = [];
      } else if (sign === '_') units.push(ANY);
      else units.push(...this.unitsOf(sign.literal));
    }
    parts.push(partOf(units));
    this.isWhole = parts.length === 1;
    this.parts = parts.filter(
      (part, at) => part.units.length > 0 || at === 0 || at === parts.length - 1,
    );
    this.leastLength = parts.reduce((sum, part) => sum + part.units.length, 0);
  }

  test(given: string): boolean {
    const text = this.pairUnits !== null && PAIR.test(given) ? this.singleUnits(given) : given;
    const { parts, isWhole } = this;
    const first = parts[0]!;
    const last = parts[parts.length - 1]!;
    const end = text.length - last.units.length;
    if (text.length < this.leastLength) return false;
    if (isWhole) return text.length === this.leastLength && standsAt(first, text, 0);
    if (!standsAt(first, text, 0) || !standsAt(last, text, end)) return false;
    let at = first.units.length;
    for (let part = 1; part < parts.length - 1; part += 1) {
      at = findFrom(parts[part]!, text, at, end);
      if (at < 0) return false;
    }
    return at <= end;
  }

  private unitsOf(literal: string): readonly number[] {
    const unit = this.pairUnits?.get(literal) ?? literal;
    return Array.from({ length: unit.length }, (_, at) => unit.charCodeAt(at));
  }

  private singleUnits(text: string): string {
    const other = String.fromCharCode(PAIR_UNIT_OTHER);
    return text.replace(PAIRS, (pair) => this.pairUnits?.get(pair) ?? other);
  }
}

type Sign = '%' | '_' | { readonly literal: string };

function signsOf(pattern: string, escape: string): readonly Sign[] {
  if ([...escape].length > 1) {
    throw new DataFault('VALUE_INVALID', `ESCAPE takes one character, not '${escape}'`);
  }
  const signs: Sign[] = [];
  const characters = [...pattern];
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at]!;
    if (character === escape) {
      at += 1;
      const literal = characters[at];
      if (literal === undefined) {
        throw new DataFault('VALUE_INVALID', `pattern '${pattern}' ends in its escape sign`);
      }
      signs.push({ literal });
    } else if (character === '%' || character === '_') signs.push(character);
    else signs.push({ literal: character });
  }
  return signs;
}

/** A unit for each pair of the pattern; all other pairs of a text are the same to it. */
function unitsOfPairs(signs: readonly Sign[]): ReadonlyMap<string, string> {
  const units = new Map<string, string>();
  for (const sign of signs) {
    if (typeof sign === 'string' || !PAIR.test(sign.literal) || units.has(sign.literal)) continue;
    const unit = PAIR_UNIT_FIRST + units.size;
    if (unit === PAIR_UNIT_OTHER) {
      throw new DataFault('VALUE_INVALID', 'LIKE pattern has too many different characters');
    }
    units.set(sign.literal, String.fromCharCode(unit));
  }
  return units;
}

function partOf(units: readonly number[]): Part {
  const hasAny = units.includes(ANY);
  const text = hasAny ? null : units.map((unit) => String.fromCharCode(unit)).join('');
  return { units, text, bits: text !== null && units.length <= SHORT ? null : bitsOf(units) };
}

/** Parts up to here are looked for by indexOf, whose worst case is the product of both lengths. */
const SHORT = 16;

function bitsOf(units: readonly number[]): PartBits {
  const words = Math.max(1, Math.ceil(units.length / 32));
  const others = new Int32Array(words);
  const byUnit = new Map<number, Int32Array>();
  units.forEach((unit, at) => {
    if (unit === ANY) setBit(others, at);
    else if (!byUnit.has(unit)) byUnit.set(unit, new Int32Array(words));
  });
  for (const places of byUnit.values()) places.set(others);
  units.forEach((unit, at) => {
    const places = byUnit.get(unit);
    if (places !== undefined) setBit(places, at);
  });
  return { words, byUnit, others, state: new Int32Array(words) };
}

function setBit(words: Int32Array, at: number): void {
  words[at >> 5] = words[at >> 5]! | (1 << (at & 31));
}

function standsAt({ units, text: literal }: Part, text: string, at: number): boolean {
  if (literal !== null) return text.startsWith(literal, at);
  for (let k = 0; k < units.length; k += 1) {
    const unit = units[k]!;
    if (unit !== ANY && text.charCodeAt(at + k) !== unit) return false;
  }
  return true;
}

/** Where the text behind the first such part from `from` goes on; -1 when none ends by `end`. */
function findFrom(part: Part, text: string, from: number, end: number): number {
  const { bits, text: literal, units } = part;
  if (bits === null) {
    const found = text.indexOf(literal!, from);
    return found < 0 || found + units.length > end ? -1 : found + units.length;
  }
  const { words, byUnit, others, state } = bits;
  const lastWord = words - 1;
  const lastBit = 1 << ((units.length - 1) & 31);
  state.fill(0);
  for (let at = from; at < end; at += 1) {
    const places = byUnit.get(text.charCodeAt(at)) ?? others;
    let carry = 1;
    for (let word = 0; word < words; word += 1) {
      const old = state[word]!;
      state[word] = ((old << 1) | carry) & places[word]!;
      carry = old >>> 31;
    }
    if ((state[lastWord]! & lastBit) !== 0) return at + 1;
  }
  return -1;
}
