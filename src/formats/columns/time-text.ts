/**
 * DATE and TIMESTAMP text as bytes: reads the canonical spellings without making a string, and
 * leaves every other one to functions/time/time-format.ts, so that a record's text and a CAST agree. @hot
 *
 *   YYYY-MM-DD [ ('T'|' ') hh:mm:ss [ '.' digits ] [ 'Z' ] ]
 */
import { decodeText } from '../../columnar/text-bytes.js';
import {
  daysFromCivil,
  daysInMonth,
  MS_PER_DAY,
  MS_PER_HOUR,
  MS_PER_MINUTE,
  MS_PER_SECOND,
} from '../../functions/time/calendar.js';
import { parseDate, parseTimestamp } from '../../functions/time/time-format.js';

const DATE_LENGTH = 10;
const SECONDS_LENGTH = 19;

/** Days since 1970-01-01, or NaN when the text is no date. */
export function parseDateText(bytes: Uint8Array, start: number, end: number): number {
  const days = end - start === DATE_LENGTH ? daysAt(bytes, start) : Number.NaN;
  return days === days ? days : (parseDate(decodeText(bytes, start, end - start)) ?? Number.NaN);
}

/** Milliseconds since the epoch, or NaN when the text is no timestamp. */
export function parseTimestampText(bytes: Uint8Array, start: number, end: number): number {
  const ms = canonicalMs(bytes, start, end);
  return ms === ms ? ms : (parseTimestamp(decodeText(bytes, start, end - start)) ?? Number.NaN);
}

function canonicalMs(bytes: Uint8Array, start: number, end: number): number {
  if (end - start === DATE_LENGTH) return daysAt(bytes, start) * MS_PER_DAY;
  if (end - start < SECONDS_LENGTH) return Number.NaN;
  const separator = bytes[start + 10]!;
  if (separator !== 84 && separator !== 32) return Number.NaN;
  if (bytes[start + 13] !== 58 || bytes[start + 16] !== 58) return Number.NaN;
  const hour = twoDigits(bytes, start + 11);
  const minute = twoDigits(bytes, start + 14);
  const second = twoDigits(bytes, start + 17);
  if (!(hour <= 23 && minute <= 59 && second <= 59)) return Number.NaN;
  let ms = hour * MS_PER_HOUR + minute * MS_PER_MINUTE + second * MS_PER_SECOND;
  let at = start + SECONDS_LENGTH;
  if (at < end && bytes[at] === 46) {
    const fraction = at + 1;
    at = skipDigits(bytes, fraction, end);
    if (at === fraction) return Number.NaN;
    ms += milliseconds(bytes, fraction, at);
  }
  if (at < end && bytes[at] === 90) at += 1;
  return at === end ? daysAt(bytes, start) * MS_PER_DAY + ms : Number.NaN;
}

/** The day that the ten bytes at `at` name, or NaN. */
function daysAt(bytes: Uint8Array, at: number): number {
  if (bytes[at + 4] !== 45 || bytes[at + 7] !== 45) return Number.NaN;
  const year = twoDigits(bytes, at) * 100 + twoDigits(bytes, at + 2);
  const month = twoDigits(bytes, at + 5);
  const day = twoDigits(bytes, at + 8);
  // Written so that NaN, from a byte that is no digit, fails too.
  if (!(year >= 0 && month >= 1 && month <= 12 && day >= 1)) return Number.NaN;
  if (day > 28 && day > daysInMonth(year, month)) return Number.NaN;
  return daysFromCivil(year, month, day);
}

function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - 48;
  const ones = bytes[at + 1]! - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

function skipDigits(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at]! >= 48 && bytes[at]! <= 57) at += 1;
  return at;
}

function milliseconds(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let place = 0; place < 3; place += 1) {
    value = value * 10 + (start + place < end ? bytes[start + place]! - 48 : 0);
  }
  return value;
}
