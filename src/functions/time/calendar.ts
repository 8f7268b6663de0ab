/**
 * The proleptic Gregorian calendar in UTC on plain numbers: milliseconds since the epoch to fields
 * and back, whole months, week numbers, rounding to a unit. No Date objects, no text.
 */

export const MS_PER_SECOND = 1_000;
export const MS_PER_MINUTE = 60_000;
export const MS_PER_HOUR = 3_600_000;
export const MS_PER_DAY = 86_400_000;
/** The range of ECMAScript dates, ±100 million days: every millisecond in it is exact. */
export const TIMESTAMP_MS_MAX = 8.64e15;

/** A date of the calendar; month and day count from 1. */
export interface CivilDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

export interface CivilTime extends CivilDate {
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly millisecond: number;
}

// Years start in March inside these two, so that the leap day is the last day of its year; a
// cycle of 400 years has 146,097 days and day 719,468 of year 0's cycle is 1970-01-01.
const DAYS_PER_CYCLE = 146_097;
const EPOCH_DAY = 719_468;

/** Days since 1970-01-01. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const cycle = Math.floor(shifted / 400);
  const yearOfCycle = shifted - cycle * 400;
  const monthFromMarch = (month + 9) % 12;
  const dayOfYear = Math.floor((153 * monthFromMarch + 2) / 5) + day - 1;
  const leapDays = Math.floor(yearOfCycle / 4) - Math.floor(yearOfCycle / 100);
  return cycle * DAYS_PER_CYCLE + yearOfCycle * 365 + leapDays + dayOfYear - EPOCH_DAY;
}

export function civilFromDays(days: number): CivilDate {
  const shifted = days + EPOCH_DAY;
  const cycle = Math.floor(shifted / DAYS_PER_CYCLE);
  const dayOfCycle = shifted - cycle * DAYS_PER_CYCLE;
  const yearOfCycle = Math.floor(
    (dayOfCycle -
      Math.floor(dayOfCycle / 1460) +
      Math.floor(dayOfCycle / 36_524) -
      Math.floor(dayOfCycle / 146_096)) /
      365,
  );
  const leapDays = Math.floor(yearOfCycle / 4) - Math.floor(yearOfCycle / 100);
  const dayOfYear = dayOfCycle - (365 * yearOfCycle + leapDays);
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return { year: yearOfCycle + cycle * 400 + (month <= 2 ? 1 : 0), month, day };
}

export function civilFromMs(ms: number): CivilTime {
  const days = Math.floor(ms / MS_PER_DAY);
  const rest = ms - days * MS_PER_DAY;
  return {
    ...civilFromDays(days),
    hour: Math.floor(rest / MS_PER_HOUR),
    minute: Math.floor(rest / MS_PER_MINUTE) % 60,
    second: Math.floor(rest / MS_PER_SECOND) % 60,
    millisecond: rest % MS_PER_SECOND,
  };
}

export function msFromCivil(time: CivilTime): number {
  return (
    daysFromCivil(time.year, time.month, time.day) * MS_PER_DAY +
    time.hour * MS_PER_HOUR +
    time.minute * MS_PER_MINUTE +
    time.second * MS_PER_SECOND +
    time.millisecond
  );
}

export function daysInMonth(year: number, month: number): number {
  const [nextYear, nextMonth] = month === 12 ? [year + 1, 1] : [year, month + 1];
  return daysFromCivil(nextYear, nextMonth, 1) - daysFromCivil(year, month, 1);
}

/** The same day and time `months` later; the last day of the month where that day is missing. */
export function addMonths(ms: number, months: number): number {
  const days = Math.floor(ms / MS_PER_DAY);
  const date = civilFromDays(days);
  const index = date.year * 12 + date.month - 1 + months;
  const year = Math.floor(index / 12);
  const month = index - year * 12 + 1;
  const day = Math.min(date.day, daysInMonth(year, month));
  return daysFromCivil(year, month, day) * MS_PER_DAY + (ms - days * MS_PER_DAY);
}

/** Whole months from one time to another, towards 0: Jan 31 to Feb 28 is none. */
export function wholeMonthsBetween(from: number, to: number): number {
  const start = civilFromMs(from);
  const end = civilFromMs(to);
  const months = (end.year - start.year) * 12 + (end.month - start.month);
  const startRest = from - msOfMonth(start);
  const endRest = to - msOfMonth(end);
  if (months > 0 && endRest < startRest) return months - 1;
  if (months < 0 && endRest > startRest) return months + 1;
  return months;
}

function msOfMonth(date: CivilDate): number {
  return daysFromCivil(date.year, date.month, 1) * MS_PER_DAY;
}

/** Sunday is 0. */
export function dayOfWeek(days: number): number {
  return (((days + 4) % 7) + 7) % 7;
}

/** The ISO week and the year it belongs to: weeks start on Monday, week 1 holds January 4th. */
export function isoWeek(days: number): { readonly year: number; readonly week: number } {
  const monday = days - ((dayOfWeek(days) + 6) % 7);
  const year = civilFromDays(monday + 3).year;
  const fourth = daysFromCivil(year, 1, 4);
  const firstMonday = fourth - ((dayOfWeek(fourth) + 6) % 7);
  return { year, week: (monday - firstMonday) / 7 + 1 };
}

export function dayOfYear(days: number): number {
  return days - daysFromCivil(civilFromDays(days).year, 1, 1) + 1;
}
