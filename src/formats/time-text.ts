/**
 * DATE and TIMESTAMP text as bytes, both ways. Owns the accepted spellings; the calendar is
 * functions/calendar.ts. Times without a zone are UTC; digits beyond milliseconds are cut. @hot
 *
 *   date      := YYYY '-' MM '-' DD
 *   timestamp := date [ ('T'|'t'|' ') hh ':' mm [':' ss ['.' digits]] [zone] ]
 *   zone      := 'Z' | 'z' | ('+'|'-') hh [[':'] mm]
 */
import {
  civilFromDays,
  daysFromCivil,
  daysInMonth,
  MS_PER_DAY,
  MS_PER_HOUR,
  MS_PER_MINUTE,
  MS_PER_SECOND,
} from '../functions/calendar.js';

const DATE_LENGTH = 10;

/** Days since 1970-01-01, or NaN when the text is no date. */
export function parseDateText(bytes: Uint8Array, start: number, end: number): number {
  return end - start === DATE_LENGTH ? daysAt(bytes, start) : Number.NaN;
}

/** Milliseconds since the epoch, or NaN when the text is no timestamp. */
export function parseTimestampText(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < DATE_LENGTH) return Number.NaN;
  const days = daysAt(bytes, start);
  if (days !== days || end - start === DATE_LENGTH) return days * MS_PER_DAY;
  const separator = bytes[start + DATE_LENGTH]! | 32;
  if (separator !== 116 && separator !== 32) return Number.NaN;
  const time = start + DATE_LENGTH + 1;
  if (end - time < 5 || bytes[time + 2] !== 58) return Number.NaN;
  const hour = twoDigits(bytes, time);
  const minute = twoDigits(bytes, time + 3);
  if (!(hour <= 23) || !(minute <= 59)) return Number.NaN;
  let ms = days * MS_PER_DAY + hour * MS_PER_HOUR + minute * MS_PER_MINUTE;
  let at = time + 5;
  if (at < end && bytes[at] === 58) {
    const second = end - at < 3 ? Number.NaN : twoDigits(bytes, at + 1);
    if (!(second <= 59)) return Number.NaN;
    ms += second * MS_PER_SECOND;
    at += 3;
    if (at < end && bytes[at] === 46) {
      const digitsEnd = skipDigits(bytes, at + 1, end);
      if (digitsEnd === at + 1) return Number.NaN;
      ms += milliseconds(bytes, at + 1, digitsEnd);
      at = digitsEnd;
    }
  }
  return at === end ? ms : ms - zoneMs(bytes, at, end);
}

/** 'YYYY-MM-DD'; years beyond four digits get a sign, as ISO 8601 asks for. */
export function dateText(days: number): string {
  const { year, month, day } = civilFromDays(days);
  const digits = String(Math.abs(year)).padStart(year < 0 || year > 9999 ? 6 : 4, '0');
  const sign = year < 0 ? '-' : year > 9999 ? '+' : '';
  return `${sign}${digits}-${pad2(month)}-${pad2(day)}`;
}

/** 'YYYY-MM-DD hh:mm:ss.mmm', UTC. */
export function timestampText(ms: number): string {
  const days = Math.floor(ms / MS_PER_DAY);
  const rest = ms - days * MS_PER_DAY;
  const hour = Math.floor(rest / MS_PER_HOUR);
  const minute = Math.floor(rest / MS_PER_MINUTE) % 60;
  const second = Math.floor(rest / MS_PER_SECOND) % 60;
  const fraction = String(rest % MS_PER_SECOND).padStart(3, '0');
  return `${dateText(days)} ${pad2(hour)}:${pad2(minute)}:${pad2(second)}.${fraction}`;
}

function pad2(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

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

/** Offset of a zone from UTC in milliseconds, NaN when it is none. */
function zoneMs(bytes: Uint8Array, start: number, end: number): number {
  const sign = bytes[start]!;
  if ((sign | 32) === 122) return end - start === 1 ? 0 : Number.NaN;
  if (sign !== 43 && sign !== 45) return Number.NaN;
  const length = end - start - 1;
  const colon = length === 5 && bytes[start + 3] === 58;
  if (length !== 2 && length !== 4 && !colon) return Number.NaN;
  const hours = twoDigits(bytes, start + 1);
  const minutes = length === 2 ? 0 : twoDigits(bytes, start + (colon ? 4 : 3));
  if (!(hours <= 18) || !(minutes <= 59)) return Number.NaN;
  const offset = hours * MS_PER_HOUR + minutes * MS_PER_MINUTE;
  return sign === 45 ? -offset : offset;
}
