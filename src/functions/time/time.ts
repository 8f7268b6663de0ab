/**
 * Functions of time. A time argument is a TIMESTAMP; DATE, BIGINT milliseconds and ISO 8601 text
 * are cast to one. EXTRACT, FLOOR_TO and CEIL_TO get their unit as a literal first argument, which
 * is how the binder writes EXTRACT(unit FROM ts), FLOOR(ts TO unit) and CEIL(ts TO unit).
 */
import { BIGINT, DATE, NULL_TYPE, TIMESTAMP, VARCHAR } from '../../columnar/types.js';
import type { SqlType, SqlValue } from '../../columnar/types.js';
import { BoundedMemo } from '../bounded-memo.js';
import { MS_PER_DAY, MS_PER_SECOND } from './calendar.js';
import { checkedTimestamp } from '../number-checks.js';
import { DataFault } from '../registry-types.js';
import type { ArgumentInfo, ScalarFunction, SignatureFault } from '../registry-types.js';
import {
  argumentFault,
  at,
  checked,
  entry,
  parameterType,
  takes,
  valueFault,
} from '../signature.js';
import { compileTimePattern, formatTime, parseTime } from './time-pattern.js';
import type { TimePattern } from './time-pattern.js';
import {
  TIME_FIELDS,
  TIME_UNITS,
  ceilToUnit,
  floorToUnit,
  parseTimeField,
  parseTimeUnit,
  timeField,
  wholeUnitsBetween,
} from './time-units.js';
import type { TimeField, TimeUnit } from './time-units.js';

const patterns = new BoundedMemo<TimePattern>();

/** A compiled pattern, remembered: it is nearly always the same from row to row. */
function timePattern(text: string): TimePattern {
  return patterns.get(text, compileTimePattern);
}

function patternFault(
  name: string,
  args: readonly ArgumentInfo[],
  index: number,
): SignatureFault | undefined {
  const literal = args[index]?.literal;
  if (typeof literal !== 'string') return undefined;
  try {
    timePattern(literal);
    return undefined;
  } catch (error) {
    if (error instanceof DataFault) return valueFault(name, index, error.message);
    throw error;
  }
}

/** A literal first argument must name one of `known`. */
function unitFault(
  name: string,
  args: readonly ArgumentInfo[],
  parse: (text: string) => string | undefined,
  known: readonly string[],
): SignatureFault | undefined {
  const literal = args[0]?.literal;
  if (typeof literal !== 'string' || parse(literal) !== undefined) return undefined;
  return {
    ...valueFault(name, 0, `unit "${literal}" is unknown`),
    hint: `use one of ${known.join(', ')}`,
  };
}

function requireUnit(text: SqlValue): TimeUnit {
  const unit = parseTimeUnit(text as string);
  if (unit === undefined) throw new DataFault('VALUE_INVALID', `unit "${String(text)}" is unknown`);
  return unit;
}

function requireField(text: SqlValue): TimeField {
  const field = parseTimeField(text as string);
  if (field === undefined)
    throw new DataFault('VALUE_INVALID', `unit "${String(text)}" is unknown`);
  return field;
}

const now: ScalarFunction = entry({
  name: 'NOW',
  aliases: ['CURRENT_TIMESTAMP', 'LOCALTIMESTAMP'],
  arity: [0, 0],
  nulls: 'null',
  pure: false,
  resolve: takes('NOW', [], TIMESTAMP),
  evaluate: (_args, _types, _type, context) => context.nowMs,
  about: 'NOW(), CURRENT_TIMESTAMP: when the record was read.',
});

const today: ScalarFunction = entry({
  name: 'CURRENT_DATE',
  arity: [0, 0],
  nulls: 'null',
  pure: false,
  resolve: takes('CURRENT_DATE', [], DATE),
  evaluate: (_args, _types, _type, context) => Math.floor(context.nowMs / MS_PER_DAY),
  about: 'CURRENT_DATE: the day when the record was read, in UTC.',
});

const extract: ScalarFunction = entry({
  name: 'EXTRACT',
  aliases: ['DATE_PART'],
  arity: [2, 2],
  nulls: 'null',
  resolve: checked(takes('EXTRACT', ['text', 'time'], BIGINT), (args) =>
    unitFault('EXTRACT', args, parseTimeField, TIME_FIELDS),
  ),
  evaluate: (args) => BigInt(timeField(requireField(at(args, 0)), at(args, 1) as number)),
  about: 'EXTRACT(unit FROM ts): a field of the time in UTC; EPOCH is whole seconds.',
});

/** YEAR(ts) and its like: EXTRACT under the field's own name. */
function fieldFunction(name: string, field: TimeField): ScalarFunction {
  return entry({
    name,
    arity: [1, 1],
    nulls: 'null',
    resolve: takes(name, ['time'], BIGINT),
    evaluate: (args) => BigInt(timeField(field, at(args, 0) as number)),
    about: `${name}(ts): EXTRACT(${field} FROM ts).`,
  });
}

const dateFormat: ScalarFunction = entry({
  name: 'DATE_FORMAT',
  arity: [2, 2],
  nulls: 'null',
  resolve: checked(takes('DATE_FORMAT', ['time', 'text'], VARCHAR), (args) =>
    patternFault('DATE_FORMAT', args, 1),
  ),
  evaluate: ([ms, pattern]) => formatTime(ms as number, timePattern(pattern as string)),
  about: "DATE_FORMAT(ts, pattern): as text, by '%Y-%m-%d' or 'yyyy-MM-dd'.",
});

const dateDiff: ScalarFunction = entry({
  name: 'DATEDIFF',
  aliases: ['TIMESTAMPDIFF'],
  arity: [3, 3],
  nulls: 'null',
  resolve: checked(takes('DATEDIFF', ['text', 'time', 'time'], BIGINT), (args) =>
    unitFault('DATEDIFF', args, parseTimeUnit, TIME_UNITS),
  ),
  evaluate: ([unit, from, to]) =>
    BigInt(wholeUnitsBetween(requireUnit(unit ?? null), from as number, to as number)),
  about: "DATEDIFF('unit', from, to): whole units from one time to the other.",
});

/** FLOOR_TO and CEIL_TO keep a DATE a DATE. */
function roundToUnit(
  name: string,
  aliases: readonly string[],
  round: (unit: TimeUnit, ms: number) => number,
  about: string,
): ScalarFunction {
  return entry({
    name,
    aliases,
    arity: [2, 2],
    nulls: 'null',
    resolve: checked(
      (args) => {
        if (args[1]?.type.kind === 'date') return { type: DATE, argTypes: [VARCHAR, DATE] };
        return takes(name, ['text', 'time'], TIMESTAMP)(args);
      },
      (args) => unitFault(name, args, parseTimeUnit, TIME_UNITS),
    ),
    evaluate: ([unit, time], _types, type) => {
      const scale = type.kind === 'date' ? MS_PER_DAY : 1;
      const ms = (time as number) * scale;
      const rounded = checkedTimestamp(round(requireUnit(unit ?? null), ms), `"${name}"`);
      return Math.floor(rounded / scale);
    },
    about,
  });
}

const UNIX_PATTERN = 'yyyy-MM-dd HH:mm:ss';

const fromUnixTime: ScalarFunction = entry({
  name: 'FROM_UNIXTIME',
  arity: [1, 2],
  nulls: 'null',
  resolve: checked(takes('FROM_UNIXTIME', ['integer', 'text'], VARCHAR), (args) =>
    patternFault('FROM_UNIXTIME', args, 1),
  ),
  evaluate: (args) => {
    const ms = checkedTimestamp(Number(at(args, 0)) * MS_PER_SECOND, '"FROM_UNIXTIME"');
    return formatTime(ms, timePattern((at(args, 1) as string | null) ?? UNIX_PATTERN));
  },
  about: 'FROM_UNIXTIME(seconds[, pattern]): the time as text, yyyy-MM-dd HH:mm:ss by default.',
});

/** Reads text by a pattern that is an argument. */
function parseByPattern(name: string, text: string, pattern: string): number {
  const ms = parseTime(text, timePattern(pattern));
  if (ms !== undefined) return ms;
  throw new DataFault(
    'VALUE_INVALID',
    `function "${name}": '${text}' does not have the form '${pattern}'`,
  );
}

const toSeconds = (ms: number): bigint => BigInt(Math.floor(ms / MS_PER_SECOND));

const unixTimestamp: ScalarFunction = entry({
  name: 'UNIX_TIMESTAMP',
  arity: [0, 2],
  nulls: 'null',
  // Without an argument it is the present.
  pure: false,
  resolve: (args) =>
    checked(
      takes('UNIX_TIMESTAMP', args.length === 2 ? ['text', 'text'] : ['time'], BIGINT),
      (checkedArgs) => patternFault('UNIX_TIMESTAMP', checkedArgs, 1),
    )(args),
  evaluate: (args, _types, _type, context) => {
    if (args.length === 0) return toSeconds(context.nowMs);
    if (args.length === 1) return toSeconds(at(args, 0) as number);
    return toSeconds(parseByPattern('UNIX_TIMESTAMP', args[0] as string, args[1] as string));
  },
  about: 'UNIX_TIMESTAMP([ts]), UNIX_TIMESTAMP(s, pattern): whole seconds since 1970.',
});

/** TO_TIMESTAMP and TO_DATE: one argument is a cast, two are text and its pattern. */
function parsing(name: string, target: SqlType, unitMs: number, about: string): ScalarFunction {
  return entry({
    name,
    arity: [1, 2],
    nulls: 'null',
    resolve: (args) => {
      if (args.length === 2) {
        const resolve = takes(name, ['text', 'text'], target);
        return checked(resolve, (checkedArgs) => patternFault(name, checkedArgs, 1))(args);
      }
      const given = args[0]?.type ?? NULL_TYPE;
      if (parameterType('time', given) !== undefined) return { type: target, argTypes: [target] };
      return argumentFault(name, 0, 'text or BIGINT', given);
    },
    evaluate: (args) => {
      if (args.length === 1) return at(args, 0);
      return Math.floor(parseByPattern(name, args[0] as string, args[1] as string) / unitMs);
    },
    about,
  });
}

const SECONDS_PRECISION = 0n;
const MILLISECONDS_PRECISION = 3n;

const toTimestampLtz: ScalarFunction = entry({
  name: 'TO_TIMESTAMP_LTZ',
  arity: [2, 2],
  nulls: 'null',
  resolve: checked(
    takes('TO_TIMESTAMP_LTZ', ['integer', 'integer'], TIMESTAMP),
    ([, precision]) => {
      const literal = precision?.literal;
      if (literal === SECONDS_PRECISION || literal === MILLISECONDS_PRECISION) return undefined;
      return valueFault('TO_TIMESTAMP_LTZ', 1, 'the precision must be 0 or 3');
    },
  ),
  evaluate: ([value, precision]) =>
    checkedTimestamp(
      Number(value) * (precision === SECONDS_PRECISION ? MS_PER_SECOND : 1),
      '"TO_TIMESTAMP_LTZ"',
    ),
  about: 'TO_TIMESTAMP_LTZ(n, 0 | 3): the time of epoch seconds or milliseconds.',
});

export const TIME: readonly ScalarFunction[] = [
  now,
  today,
  extract,
  fieldFunction('YEAR', 'YEAR'),
  fieldFunction('QUARTER', 'QUARTER'),
  fieldFunction('MONTH', 'MONTH'),
  fieldFunction('WEEK', 'WEEK'),
  fieldFunction('DAYOFYEAR', 'DOY'),
  fieldFunction('DAYOFMONTH', 'DAY'),
  fieldFunction('HOUR', 'HOUR'),
  fieldFunction('MINUTE', 'MINUTE'),
  fieldFunction('SECOND', 'SECOND'),
  dateFormat,
  dateDiff,
  roundToUnit(
    'FLOOR_TO',
    ['DATE_TRUNC'],
    floorToUnit,
    "FLOOR(ts TO unit), DATE_TRUNC('unit', ts): the start of the unit that the time is in.",
  ),
  roundToUnit('CEIL_TO', [], ceilToUnit, 'CEIL(ts TO unit): the start of the next unit.'),
  fromUnixTime,
  unixTimestamp,
  parsing(
    'TO_TIMESTAMP',
    TIMESTAMP,
    1,
    'TO_TIMESTAMP(s[, pattern]), TO_TIMESTAMP(ms): the time that the text or number spells.',
  ),
  toTimestampLtz,
  parsing('TO_DATE', DATE, MS_PER_DAY, 'TO_DATE(s[, pattern]): the DATE that the text spells.'),
];
