/**
 * Range checks of results: a DOUBLE that left the finite numbers and a TIMESTAMP that left the
 * calendar are data errors, never values.
 */
import { TIMESTAMP_MS_MAX } from './time/calendar.js';
import { DataFault } from './registry-types.js';

/**
 * The result itself, when it is finite or an input was not; else a fault: NaN means the function
 * is not defined there, an infinity that the result is too large.
 */
export function finiteDouble(result: number, what: string, a: number, b = 0): number {
  if (Number.isFinite(result) || !Number.isFinite(a) || !Number.isFinite(b)) return result;
  if (Number.isNaN(result)) throw new DataFault('NUMERIC_DOMAIN', `${what} is not defined here`);
  throw new DataFault('NUMERIC_OVERFLOW', `result of ${what} does not fit DOUBLE`);
}

/** Milliseconds within the calendar, as given. */
export function checkedTimestamp(ms: number, what: string): number {
  if (Math.abs(ms) <= TIMESTAMP_MS_MAX) return ms;
  throw new DataFault('NUMERIC_OVERFLOW', `result of ${what} does not fit TIMESTAMP`);
}
