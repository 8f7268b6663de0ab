/**
 * Patterns of times in both languages: strftime's (%Y-%m-%d %H:%M:%S) and Java's (yyyy-MM-dd
 * HH:mm:ss). A pattern with a % is strftime's. Both compile to one list of parts, which prints and
 * reads. English names, UTC.
 */
import { civilFromMs, dayOfWeek, dayOfYear, isoWeek, MS_PER_DAY } from './calendar.js';
import { DataFault } from '../registry-types.js';
import { msFromFields, yearText } from './time-format.js';
import type { TimeFields } from './time-format.js';

/** One piece of a pattern: fixed text, or a field in at least `width` signs. */
type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: FieldKind; readonly width: number };
type FieldKind =
  | 'year'
  | 'year-of-century'
  | 'iso-year'
  | 'month'
  | 'month-name'
  | 'day'
  | 'day-of-year'
  | 'weekday-name'
  | 'weekday'
  | 'weekday-from-sunday'
  | 'iso-week'
  | 'quarter'
  | 'hour'
  | 'hour-12'
  | 'half-day'
  | 'minute'
  | 'second'
  | 'fraction'
  | 'epoch'
  | 'zone';

export type TimePattern = readonly Part[];

const MONTHS =
  'January February March April May June July August September October November December'.split(
    ' ',
  );
const WEEKDAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');
const SHORT = 3;
const FULL = 4;

const field = (kind: FieldKind, width: number): Part => ({ kind, width });

const PERCENT_SIGNS: Readonly<Record<string, readonly Part[]>> = {
  Y: [field('year', 4)],
  y: [field('year-of-century', 2)],
  G: [field('iso-year', 4)],
  m: [field('month', 2)],
  B: [field('month-name', FULL)],
  b: [field('month-name', SHORT)],
  h: [field('month-name', SHORT)],
  d: [field('day', 2)],
  e: [field('day', 1)],
  j: [field('day-of-year', 3)],
  A: [field('weekday-name', FULL)],
  a: [field('weekday-name', SHORT)],
  u: [field('weekday', 1)],
  w: [field('weekday-from-sunday', 1)],
  V: [field('iso-week', 2)],
  q: [field('quarter', 1)],
  H: [field('hour', 2)],
  k: [field('hour', 1)],
  I: [field('hour-12', 2)],
  p: [field('half-day', 2)],
  M: [field('minute', 2)],
  S: [field('second', 2)],
  f: [field('fraction', 6)],
  L: [field('fraction', 3)],
  s: [field('epoch', 1)],
  z: [field('zone', 4)],
  '%': [{ kind: 'text', text: '%' }],
};

/** Signs that stand for a pattern of others. */
const PERCENT_SHORTHANDS: Readonly<Record<string, string>> = {
  F: '%Y-%m-%d',
  T: '%H:%M:%S',
  R: '%H:%M',
};

/** Compiles a pattern; throws DataFault VALUE_INVALID for a sign that neither language has. */
export function compileTimePattern(pattern: string): TimePattern {
  return pattern.includes('%') ? compilePercent(pattern) : compileLetters(pattern);
}

function compilePercent(pattern: string): TimePattern {
  const parts: Part[] = [];
  for (let i = 0; i < pattern.length; i += 1) {
    const sign = pattern.charAt(i);
    if (sign !== '%') {
      parts.push({ kind: 'text', text: sign });
      continue;
    }
    i += 1;
    const shorthand = PERCENT_SHORTHANDS[pattern.charAt(i)];
    const known =
      shorthand === undefined ? PERCENT_SIGNS[pattern.charAt(i)] : compilePercent(shorthand);
    if (known === undefined) throw unknownSign(`%${pattern.charAt(i)}`, pattern);
    parts.push(...known);
  }
  return parts;
}

function unknownSign(sign: string, pattern: string): DataFault {
  return new DataFault('VALUE_INVALID', `'${sign}' of time pattern '${pattern}' is unknown`);
}

const LETTERS: Readonly<Record<string, (count: number) => Part>> = {
  y: (count) => (count === 2 ? field('year-of-century', 2) : field('year', count)),
  u: (count) => (count === 2 ? field('year-of-century', 2) : field('year', count)),
  Y: (count) => field('iso-year', count),
  M: (count) => (count > 2 ? field('month-name', count) : field('month', count)),
  L: (count) => (count > 2 ? field('month-name', count) : field('month', count)),
  d: (count) => field('day', count),
  D: (count) => field('day-of-year', count),
  E: (count) => field('weekday-name', count > SHORT ? FULL : SHORT),
  e: (count) => field('weekday', count),
  w: (count) => field('iso-week', count),
  Q: (count) => field('quarter', count),
  H: (count) => field('hour', count),
  h: (count) => field('hour-12', count),
  a: () => field('half-day', 2),
  m: (count) => field('minute', count),
  s: (count) => field('second', count),
  S: (count) => field('fraction', count),
  X: () => field('zone', 1),
  Z: () => field('zone', 4),
};

/** Java's letters; text in '…' is fixed and '' is a quote, signs that are no letters stand for themselves. */
function compileLetters(pattern: string): TimePattern {
  const parts: Part[] = [];
  const pieces = /'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+|'/gu;
  for (const match of pattern.matchAll(pieces)) {
    const [piece, quoted, letter] = match;
    if (quoted !== undefined) {
      parts.push({ kind: 'text', text: quoted === '' ? "'" : quoted.replaceAll("''", "'") });
    } else if (letter === undefined) {
      if (piece === "'") throw unknownSign(piece, pattern);
      parts.push({ kind: 'text', text: piece });
    } else {
      const part = LETTERS[letter]?.(piece.length);
      if (part === undefined) throw unknownSign(piece, pattern);
      parts.push(part);
    }
  }
  return parts;
}

/** The time in the form of the pattern. */
export function formatTime(ms: number, pattern: TimePattern): string {
  return pattern.map((part) => partText(ms, part)).join('');
}

function partText(ms: number, part: Part): string {
  if (part.kind === 'text') return part.text;
  const days = Math.floor(ms / MS_PER_DAY);
  const time = civilFromMs(ms);
  switch (part.kind) {
    case 'year':
      return part.width >= 4 ? yearText(time.year) : String(time.year);
    case 'iso-year':
      return yearText(isoWeek(days).year);
    case 'month-name':
      return nameText(MONTHS[time.month - 1], part.width);
    case 'weekday-name':
      return nameText(WEEKDAYS[dayOfWeek(days)], part.width);
    case 'half-day':
      return time.hour < 12 ? 'AM' : 'PM';
    case 'fraction':
      return fractionText(time.millisecond, part.width);
    case 'zone':
      return part.width === 1 ? 'Z' : '+0000';
    default:
      return String(fieldNumber(ms, part.kind)).padStart(part.width, '0');
  }
}

function fieldNumber(ms: number, kind: FieldKind): number {
  const days = Math.floor(ms / MS_PER_DAY);
  const time = civilFromMs(ms);
  switch (kind) {
    case 'year-of-century':
      return ((time.year % 100) + 100) % 100;
    case 'month':
      return time.month;
    case 'day':
      return time.day;
    case 'day-of-year':
      return dayOfYear(days);
    case 'weekday':
      return dayOfWeek(days) || 7;
    case 'weekday-from-sunday':
      return dayOfWeek(days);
    case 'iso-week':
      return isoWeek(days).week;
    case 'quarter':
      return Math.floor((time.month + 2) / 3);
    case 'hour':
      return time.hour;
    case 'hour-12':
      return time.hour % 12 || 12;
    case 'minute':
      return time.minute;
    case 'second':
      return time.second;
    default:
      return Math.floor(ms / 1000);
  }
}

function nameText(name: string | undefined, width: number): string {
  return width > SHORT ? (name ?? '') : (name ?? '').slice(0, SHORT);
}

/** The first `width` digits behind the second. */
function fractionText(millisecond: number, width: number): string {
  return String(millisecond).padStart(3, '0').padEnd(width, '0').slice(0, width);
}

/** What reading keeps beside the fields until all parts are read. */
interface Reading extends TimeFields {
  afternoon: boolean | undefined;
  dayOfYear: number | undefined;
  epoch: number | undefined;
}

/** The time that the text spells in the form of the pattern; undefined when it does not. */
export function parseTime(text: string, pattern: TimePattern): number | undefined {
  const reading: Reading = {
    year: 1970,
    month: 1,
    day: 1,
    hour: 0,
    minute: 0,
    second: 0,
    millisecond: 0,
    offsetMinutes: 0,
    afternoon: undefined,
    dayOfYear: undefined,
    epoch: undefined,
  };
  let rest = text.trim();
  for (const [i, part] of pattern.entries()) {
    const isTight = isNumberField(part) && isNumberField(pattern[i + 1]);
    const length = readPart(rest, part, isTight, reading);
    if (length === undefined) return undefined;
    rest = rest.slice(length);
  }
  return rest === '' ? finishReading(reading) : undefined;
}

function finishReading(reading: Reading): number | undefined {
  if (reading.epoch !== undefined) return reading.epoch * 1000;
  if (reading.afternoon !== undefined) {
    reading.hour = (reading.hour % 12) + (reading.afternoon ? 12 : 0);
  }
  if (reading.dayOfYear === undefined) return msFromFields(reading);
  const start = msFromFields({ ...reading, month: 1, day: 1 });
  const ms = start === undefined ? undefined : start + (reading.dayOfYear - 1) * MS_PER_DAY;
  return ms !== undefined && civilFromMs(ms).year === reading.year ? ms : undefined;
}

function isNumberField(part: Part | undefined): boolean {
  const kinds: readonly (Part['kind'] | undefined)[] = [
    undefined,
    'text',
    'month-name',
    'weekday-name',
    'half-day',
    'zone',
  ];
  return !kinds.includes(part?.kind);
}

/** Reads one part off the front of `text`: how many characters it took, undefined for no match. */
function readPart(text: string, part: Part, isTight: boolean, into: Reading): number | undefined {
  switch (part.kind) {
    case 'text':
      return text.startsWith(part.text) ? part.text.length : undefined;
    case 'month-name':
      return readName(text, MONTHS, part.width, (index) => (into.month = index + 1));
    case 'weekday-name':
      return readName(text, WEEKDAYS, part.width, () => undefined);
    case 'half-day': {
      const half = /^[AP]M/i.exec(text)?.[0];
      into.afternoon = half?.toUpperCase() === 'PM';
      return half?.length;
    }
    case 'zone':
      return readZone(text, into);
    case 'fraction': {
      const digits = /^\d{1,9}/.exec(text)?.[0];
      into.millisecond = Number((digits ?? '').padEnd(3, '0').slice(0, 3));
      return digits?.length;
    }
    default:
      return readNumber(text, part.kind, isTight ? part.width : maxDigits(part.kind), into);
  }
}

function maxDigits(kind: FieldKind): number {
  if (kind === 'epoch') return 12;
  if (kind === 'year' || kind === 'iso-year') return 6;
  return kind === 'day-of-year' ? 3 : 2;
}

function readName(
  text: string,
  names: readonly string[],
  width: number,
  set: (index: number) => unknown,
): number | undefined {
  const found = names.findIndex((name) =>
    text.toLowerCase().startsWith(nameText(name, width).toLowerCase()),
  );
  if (found < 0) return undefined;
  set(found);
  return nameText(names[found], width).length;
}

function readZone(text: string, into: Reading): number | undefined {
  const zone = /^(?:Z|([+-])(\d{2}):?(\d{2})?)/.exec(text);
  if (zone === null) return undefined;
  const minutes = Number(zone[2] ?? '0') * 60 + Number(zone[3] ?? '0');
  into.offsetMinutes = zone[1] === '-' ? -minutes : minutes;
  return zone[0].length;
}

function readNumber(
  text: string,
  kind: FieldKind,
  digitsMax: number,
  into: Reading,
): number | undefined {
  const digits = new RegExp(`^\\d{1,${digitsMax}}`).exec(text)?.[0];
  if (digits === undefined) return undefined;
  setNumber(into, kind, Number(digits));
  return digits.length;
}

/** Week numbers, weekdays and quarters are read over: the date decides. */
function setNumber(into: Reading, kind: FieldKind, value: number): void {
  if (kind === 'year') into.year = value;
  // strptime's pivot: 69–99 are 1969–1999, 00–68 are 2000–2068.
  else if (kind === 'year-of-century') into.year = value + (value < 69 ? 2000 : 1900);
  else if (kind === 'month') into.month = value;
  else if (kind === 'day') into.day = value;
  else if (kind === 'day-of-year') into.dayOfYear = value;
  else if (kind === 'hour' || kind === 'hour-12') into.hour = value;
  else if (kind === 'minute') into.minute = value;
  else if (kind === 'second') into.second = value;
  else if (kind === 'epoch') into.epoch = value;
}
