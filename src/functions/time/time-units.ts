/**
 * Units of time by name: reading a unit (singular, plural, any case), the field of a time, whole
 * units between two times, rounding to a unit. Pure numbers in UTC; the functions are time.ts.
 */
import {
  MS_PER_DAY,
  MS_PER_HOUR,
  MS_PER_MINUTE,
  MS_PER_SECOND,
  addMonths,
  civilFromDays,
  civilFromMs,
  dayOfWeek,
  dayOfYear,
  daysFromCivil,
  isoWeek,
  wholeMonthsBetween,
} from './calendar.js';

const DAYS_PER_WEEK = 7;

/** Units of one length. */
const UNIT_MS = {
  MILLISECOND: 1,
  SECOND: MS_PER_SECOND,
  MINUTE: MS_PER_MINUTE,
  HOUR: MS_PER_HOUR,
  DAY: MS_PER_DAY,
  WEEK: DAYS_PER_WEEK * MS_PER_DAY,
} as const;
/** Units of a number of months. */
const UNIT_MONTHS = { MONTH: 1, QUARTER: 3, YEAR: 12 } as const;

export type TimeUnit = keyof typeof UNIT_MS | keyof typeof UNIT_MONTHS;

export const TIME_UNITS = [
  ...Object.keys(UNIT_MS),
  ...Object.keys(UNIT_MONTHS),
] as readonly TimeUnit[];

/** 'hours', 'Hour' and 'HOUR' are one unit; undefined for what is none. */
export function parseTimeUnit(text: string): TimeUnit | undefined {
  const name = text.trim().toUpperCase();
  return TIME_UNITS.find((unit) => unit === name || `${unit}S` === name);
}

/** Whole units from one time to another, towards 0; negative when `to` is earlier. */
export function wholeUnitsBetween(unit: TimeUnit, from: number, to: number): number {
  const whole =
    unit in UNIT_MONTHS
      ? wholeMonthsBetween(from, to) / UNIT_MONTHS[unit as keyof typeof UNIT_MONTHS]
      : (to - from) / UNIT_MS[unit as keyof typeof UNIT_MS];
  return Math.trunc(whole);
}

/** `count` units later. */
export function addUnits(unit: TimeUnit, ms: number, count: number): number {
  return unit in UNIT_MONTHS
    ? addMonths(ms, count * UNIT_MONTHS[unit as keyof typeof UNIT_MONTHS])
    : ms + count * UNIT_MS[unit as keyof typeof UNIT_MS];
}

/** The start of the unit that the time is in; weeks start on Monday. */
export function floorToUnit(unit: TimeUnit, ms: number): number {
  const days = Math.floor(ms / MS_PER_DAY);
  const date = civilFromDays(days);
  switch (unit) {
    case 'YEAR':
      return daysFromCivil(date.year, 1, 1) * MS_PER_DAY;
    case 'QUARTER':
      return daysFromCivil(date.year, date.month - ((date.month - 1) % 3), 1) * MS_PER_DAY;
    case 'MONTH':
      return daysFromCivil(date.year, date.month, 1) * MS_PER_DAY;
    case 'WEEK':
      return (days - ((dayOfWeek(days) + 6) % DAYS_PER_WEEK)) * MS_PER_DAY;
    default:
      return Math.floor(ms / UNIT_MS[unit]) * UNIT_MS[unit];
  }
}

/** The time itself when a unit starts there, else the start of the next unit. */
export function ceilToUnit(unit: TimeUnit, ms: number): number {
  const floor = floorToUnit(unit, ms);
  return floor === ms ? ms : addUnits(unit, floor, 1);
}

const FIELDS = {
  YEAR: (ms: number) => civilFromMs(ms).year,
  QUARTER: (ms: number) => Math.floor((civilFromMs(ms).month + 2) / 3),
  MONTH: (ms: number) => civilFromMs(ms).month,
  WEEK: (ms: number) => isoWeek(dayOf(ms)).week,
  DAY: (ms: number) => civilFromMs(ms).day,
  DOY: (ms: number) => dayOfYear(dayOf(ms)),
  DOW: (ms: number) => dayOfWeek(dayOf(ms)),
  ISODOW: (ms: number) => dayOfWeek(dayOf(ms)) || DAYS_PER_WEEK,
  ISOYEAR: (ms: number) => isoWeek(dayOf(ms)).year,
  HOUR: (ms: number) => civilFromMs(ms).hour,
  MINUTE: (ms: number) => civilFromMs(ms).minute,
  SECOND: (ms: number) => civilFromMs(ms).second,
  MILLISECOND: (ms: number) => civilFromMs(ms).millisecond,
  MICROSECOND: (ms: number) => civilFromMs(ms).millisecond * 1_000,
  NANOSECOND: (ms: number) => civilFromMs(ms).millisecond * 1_000_000,
  EPOCH: (ms: number) => Math.floor(ms / MS_PER_SECOND),
} as const;

const dayOf = (ms: number): number => Math.floor(ms / MS_PER_DAY);

/** What EXTRACT gives: MILLISECOND 0–999, EPOCH whole seconds, DOW 0 on Sunday, WEEK as ISO. */
export type TimeField = keyof typeof FIELDS;
export const TIME_FIELDS = Object.keys(FIELDS) as readonly TimeField[];

export function parseTimeField(text: string): TimeField | undefined {
  const name = text.trim().toUpperCase();
  return TIME_FIELDS.find((field) => field === name || `${field}S` === name);
}

export function timeField(field: TimeField, ms: number): number {
  return FIELDS[field](ms);
}
