/**
 * Types of WITH options: zod types that read the text of an option. Owns their values and, as the
 * message of an issue, what to write instead; which options there are is each connector's.
 */
import { z } from 'zod';
import { parseDurationMs } from '../sql/durations.js';
import { closest } from '../sql/suggest.js';

/** A type that reads a text: what it gives, or an issue whose message is the hint. */
export type OptionType<T = unknown> = z.ZodType<T, string>;

function reading<T>(read: (text: string) => T | undefined, hint: (text: string) => string) {
  return z.string().transform((text, context): T => {
    const value = read(text);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: hint(text) });
    return z.NEVER;
  });
}

/** Any text but none. */
export function text(example: string): OptionType<string> {
  return reading(
    (given) => (given === '' ? undefined : given),
    () => `give ${example}`,
  );
}

/** Any text, also none, which says as much as no option. */
export function anyText(): OptionType<string> {
  return z.string();
}

export function choice<const T extends string>(values: readonly T[]): OptionType<T> {
  return reading(
    (given) => values.find((value) => value === given),
    (given) => {
      const nearest = closest(given, values);
      const list = values.map((value) => `'${value}'`).join(', ');
      return nearest === undefined ? `use ${list}` : `did you mean "${nearest}"?`;
    },
  );
}

/** Flink's option at the value that says what velo does anyway; any other cannot be honoured. */
export function only(value: string, why: string): OptionType<string> {
  return reading(
    (given) => (given.toLowerCase() === value.toLowerCase() ? given : undefined),
    () => `leave "${value}": ${why}`,
  );
}

export function flag(): OptionType<boolean> {
  return reading(
    (given) => ({ true: true, false: false })[given.trim().toLowerCase()],
    () => "write 'true' or 'false'",
  );
}

export interface WholeRange {
  readonly least: number;
  readonly most?: number;
  readonly example: string;
}

/** A whole number; digits may be grouped: 1_000_000. */
export function whole({ least, most = Number.MAX_SAFE_INTEGER, example }: WholeRange) {
  return reading(
    (given): number | undefined => {
      if (!/^\s*[+-]?\d[\d_]*\s*$/.test(given)) return undefined;
      const value = Number(given.replaceAll('_', ''));
      return Number.isSafeInteger(value) && value >= least && value <= most ? value : undefined;
    },
    () => {
      const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `${least} to ${most}`;
      return `give a whole number ${range}, such as '${example}'`;
    },
  );
}

/** Milliseconds of '10s', '500ms', '1 min'; more than 0. */
export function duration(): OptionType<number> {
  return reading(
    (given) => {
      const ms = parseDurationMs(given);
      return ms !== undefined && ms > 0 ? ms : undefined;
    },
    () => "give a duration, such as '10s' or '500ms'",
  );
}

/** One ASCII character that a line of CSV may hold; a tab may be written \t. */
export function character(example: string): OptionType<string> {
  return reading(
    (given) => {
      const one = given === '\\t' ? '\t' : given;
      return /^[\x00-\x7f]$/.test(one) && !'\r\n'.includes(one) ? one : undefined;
    },
    () => `write one ASCII character: ${example}`,
  );
}

/** The same, or nothing. */
export function characterOrNone(example: string): OptionType<string | null> {
  const one = character(example);
  return z.string().transform((given, context): string | null => {
    if (given === '') return null;
    const read = one.safeParse(given);
    if (read.success) return read.data;
    context.addIssue({ code: 'custom', message: `${read.error.issues[0]?.message ?? ''}, or ''` });
    return z.NEVER;
  });
}

/** Words with commas between them. */
export function words(): OptionType<readonly string[]> {
  return reading(
    (given) => given.split(',').filter((word) => word !== ''),
    () => "give words: 'NA,NULL'",
  );
}

/** Names of columns, separated by commas or, as in Flink, semicolons. */
export function columnNames(): OptionType<readonly string[]> {
  return reading(
    (given) => {
      const names = given.split(/[,;]/).map((name) => name.trim());
      return names.includes('') ? undefined : names;
    },
    () => "name columns: 'a' or 'a;b'",
  );
}

/** A type of one's own that says itself what to write instead. */
export function told<T extends object>(
  read: (given: string) => T | { readonly hint: string },
): OptionType<T> {
  return z.string().transform((given, context): T => {
    const value = read(given);
    if (!('hint' in value)) return value;
    context.addIssue({ code: 'custom', message: value.hint });
    return z.NEVER;
  });
}

/** A type of one's own. */
export function custom<T>(read: (given: string) => T | undefined, hint: string): OptionType<T> {
  return reading(read, () => hint);
}
