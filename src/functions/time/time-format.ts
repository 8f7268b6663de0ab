/**
 * Times as text: reading ISO 8601, printing the canonical forms, and patterns in both languages
 * (%Y-%m-%d and yyyy-MM-dd). Shared by CAST, the time functions and the formats. UTC everywhere;
 * digits beyond milliseconds are cut off.
 */
import {
  MS_PER_DAY,
  MS_PER_MINUTE,
  TIMESTAMP_MS_MAX,
  civilFromDays,
  civilFromMs,
  daysFromCivil,
  daysInMonth,
  msFromCivil,
} from './calendar.js';

const pad2 = (value: number): string => (value < 10 ? `0${value}` : String(value));
const pad3 = (value: number): string => String(value).padStart(3, '0');

/** At least four digits, a sign only before year 0. */
export function yearText(year: number): string {
  return year < 0 ? `-${String(-year).padStart(4, '0')}` : String(year).padStart(4, '0');
}

/** YYYY-MM-DD. */
export function dateText(days: number): string {
  const date = civilFromDays(days);
  return `${yearText(date.year)}-${pad2(date.month)}-${pad2(date.day)}`;
}

/** YYYY-MM-DD HH:MM:SS, and .mmm when there are milliseconds. */
export function timestampText(ms: number): string {
  const time = civilFromMs(ms);
  const seconds = `${pad2(time.hour)}:${pad2(time.minute)}:${pad2(time.second)}`;
  const fraction = time.millisecond === 0 ? '' : `.${pad3(time.millisecond)}`;
  return `${dateText(Math.floor(ms / MS_PER_DAY))} ${seconds}${fraction}`;
}

/** YYYY-MM-DDTHH:MM:SS.mmmZ. */
export function isoTimestampText(ms: number): string {
  const time = civilFromMs(ms);
  const clock = `${pad2(time.hour)}:${pad2(time.minute)}:${pad2(time.second)}`;
  return `${dateText(Math.floor(ms / MS_PER_DAY))}T${clock}.${pad3(time.millisecond)}Z`;
}

const DATE_PART = /^([+-]?\d{4,6})-(\d{1,2})-(\d{1,2})/;
const TIME_PART = /^[ Tt](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?/;
const ZONE_PART = /^ ?(?:([Zz])|(?:UTC|GMT)|([+-])(\d{2})(?::?(\d{2}))?)$/;

/**
 * Milliseconds of ISO 8601 text: a date, with a blank or T a time of day (seconds and a fraction
 * optional), and a zone (Z, +02, +0200, +02:00); without a zone it is UTC. Undefined when it is
 * none or names a day or time that is not in the calendar.
 */
export function parseTimestamp(text: string): number | undefined {
  const trimmed = text.trim();
  const date = DATE_PART.exec(trimmed);
  if (date === null) return undefined;
  const days = validDays(Number(date[1]), Number(date[2]), Number(date[3]));
  if (days === undefined) return undefined;
  let rest = trimmed.slice(date[0].length);
  if (rest === '') return inCalendar(days * MS_PER_DAY);
  const time = TIME_PART.exec(rest);
  if (time === null) return undefined;
  const [hour, minute, second] = [Number(time[1]), Number(time[2]), Number(time[3] ?? '0')];
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const fraction = Number((time[4] ?? '').padEnd(3, '0').slice(0, 3));
  rest = rest.slice(time[0].length);
  const offset = rest === '' ? 0 : zoneMinutes(rest);
  if (offset === undefined) return undefined;
  const ofDay = ((hour * 60 + minute - offset) * 60 + second) * 1000 + fraction;
  return inCalendar(days * MS_PER_DAY + ofDay);
}

/** Days of YYYY-MM-DD text, a time of day after it is checked and cut off. */
export function parseDate(text: string): number | undefined {
  const ms = parseTimestamp(text);
  return ms === undefined ? undefined : Math.floor(ms / MS_PER_DAY);
}

function validDays(year: number, month: number, day: number): number | undefined {
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  return daysFromCivil(year, month, day);
}

function zoneMinutes(text: string): number | undefined {
  const zone = ZONE_PART.exec(text);
  if (zone === null) return undefined;
  if (zone[2] === undefined) return 0;
  const [hours, minutes] = [Number(zone[3]), Number(zone[4] ?? '0')];
  if (hours > 18 || minutes > 59) return undefined;
  return (zone[2] === '-' ? -1 : 1) * (hours * 60 + minutes);
}

function inCalendar(ms: number): number | undefined {
  return Math.abs(ms) <= TIMESTAMP_MS_MAX ? ms : undefined;
}

/** A day-time interval as Flink prints it: +1 02:03:04.005. */
export function intervalText(value: number, unit: 'millisecond' | 'month'): string {
  const sign = value < 0 ? '-' : '+';
  const size = Math.abs(value);
  if (unit === 'month') return `${sign}${Math.floor(size / 12)}-${pad2(size % 12)}`;
  const minutes = Math.floor(size / MS_PER_MINUTE);
  const seconds = `${pad2(Math.floor(size / 1000) % 60)}.${pad3(size % 1000)}`;
  const clock = `${pad2(Math.floor(minutes / 60) % 24)}:${pad2(minutes % 60)}:${seconds}`;
  return `${sign}${Math.floor(size / MS_PER_DAY)} ${clock}`;
}

/** The millisecond of fields that were read one by one; undefined when not in the calendar. */
export function msFromFields(fields: TimeFields): number | undefined {
  const days = validDays(fields.year, fields.month, fields.day);
  if (days === undefined) return undefined;
  if (fields.hour > 23 || fields.minute > 59 || fields.second > 59) return undefined;
  return inCalendar(msFromCivil(fields) - fields.offsetMinutes * MS_PER_MINUTE);
}

export interface TimeFields {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  millisecond: number;
  offsetMinutes: number;
}
