/**
 * Units of time as SQL writes them: which words name a unit, and what a duration is in
 * milliseconds. Used by the parser for intervals and windows and by whoever reads a duration from
 * an option or a SET value ('1m'). Months and years are units of intervals but no durations,
 * because their length varies.
 */

const SECOND_MS = 1000;
const DAY_MS = 86_400_000;

/** Canonical unit of an interval by its upper-case spelling. */
const UNIT_NAMES: ReadonlyMap<string, string> = new Map(
  ['YEAR', 'QUARTER', 'MONTH', 'WEEK', 'DAY', 'HOUR', 'MINUTE', 'SECOND', 'MILLISECOND'].flatMap(
    (unit): [string, string][] => [
      [unit, unit],
      [`${unit}S`, unit],
    ],
  ),
);

/** Short units, legal in a duration only: 1m is a minute. */
const SHORT_UNITS: ReadonlyMap<string, string> = new Map([
  ['MS', 'MILLISECOND'],
  ['S', 'SECOND'],
  ['SEC', 'SECOND'],
  ['M', 'MINUTE'],
  ['MIN', 'MINUTE'],
  ['H', 'HOUR'],
  ['D', 'DAY'],
  ['W', 'WEEK'],
]);

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['MILLISECOND', 1],
  ['SECOND', SECOND_MS],
  ['MINUTE', 60 * SECOND_MS],
  ['HOUR', 3_600_000],
  ['DAY', DAY_MS],
  ['WEEK', 7 * DAY_MS],
]);

/** Units that an interval may name, for messages. */
export const INTERVAL_UNITS = [...new Set(UNIT_NAMES.values())];
/** Units that a duration may name, for messages. */
export const DURATION_UNITS = ['ms', 's', 'm', 'h', 'd'];

/** MINUTE for minute, MINUTES …; undefined for what is no unit. */
export function intervalUnit(word: string): string | undefined {
  return UNIT_NAMES.get(word.toUpperCase());
}

/** MINUTE for m, min, minutes …; undefined for what is no unit. */
export function durationUnit(word: string): string | undefined {
  return SHORT_UNITS.get(word.toUpperCase()) ?? intervalUnit(word);
}

/** Milliseconds of one unit; undefined where the length varies (MONTH, QUARTER, YEAR). */
export function unitMs(unit: string): number | undefined {
  return UNIT_MS.get(unit);
}

/**
 * Reads '1m', '500 ms', "INTERVAL '1' MINUTE" or '30' (seconds), as option values and SET write
 * them. Gives milliseconds, or undefined for anything else.
 */
export function parseDurationMs(text: string): number | undefined {
  const match = /^\s*(?:INTERVAL\s+)?'?([+-]?\d+(?:\.\d+)?)'?\s*([A-Za-z]*)\s*$/i.exec(text);
  if (match === null) return undefined;
  const [, amount = '', word = ''] = match;
  const unit = word === '' ? 'SECOND' : durationUnit(word);
  const scale = unit === undefined ? undefined : unitMs(unit);
  return scale === undefined ? undefined : Number(amount) * scale;
}
