/**
 * DATE and TIMESTAMP as text bytes, spelled as functions/time/time-format.ts spells them but without a
 * string on the way; years outside 0 … 9999 go through it. @hot
 */
import { civilFromDays, MS_PER_DAY } from '../../functions/time/calendar.js';
import { dateText, timestampText } from '../../functions/time/time-format.js';
import type { ByteBuffer } from './byte-buffer.js';

/** Days of 0000-01-01 and 10000-01-01. */
const DAYS_MIN = -719_528;
const DAYS_END = 2_932_897;

const DASH = 45;
const COLON = 58;

/** The day that was written last: times in a stream are mostly of one day. */
let knownDays = Number.NaN;
const known = new Uint8Array(10);

/** Appends YYYY-MM-DD. */
export function appendDate(out: ByteBuffer, days: number): void {
  if (!(days >= DAYS_MIN && days < DAYS_END)) {
    out.appendAscii(dateText(days));
    return;
  }
  if (days === knownDays) {
    out.appendBytes(known, 0, known.length);
    return;
  }
  const { year, month, day } = civilFromDays(days);
  out.appendPadded(year, 4);
  out.appendByte(DASH);
  out.appendPadded(month, 2);
  out.appendByte(DASH);
  out.appendPadded(day, 2);
  known.set(out.bytes.subarray(out.length - known.length, out.length));
  knownDays = days;
}

/** Appends YYYY-MM-DD hh:mm:ss, and .mmm when there are milliseconds. */
export function appendTimestamp(out: ByteBuffer, ms: number): void {
  const days = Math.floor(ms / MS_PER_DAY);
  if (!(days >= DAYS_MIN && days < DAYS_END)) {
    out.appendAscii(timestampText(ms));
    return;
  }
  appendDate(out, days);
  const ofDay = (ms - days * MS_PER_DAY) | 0;
  const seconds = (ofDay / 1000) | 0;
  const minutes = (seconds / 60) | 0;
  const hours = (minutes / 60) | 0;
  out.appendByte(32);
  out.appendPadded(hours, 2);
  out.appendByte(COLON);
  out.appendPadded(minutes - hours * 60, 2);
  out.appendByte(COLON);
  out.appendPadded(seconds - minutes * 60, 2);
  const fraction = ofDay - seconds * 1000;
  if (fraction === 0) return;
  out.appendByte(46);
  out.appendPadded(fraction, 3);
}
