/** Functions of time: fields, patterns in both languages, differences, rounding, reading text. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addMonths,
  civilFromMs,
  daysFromCivil,
  isoWeek,
  msFromCivil,
  wholeMonthsBetween,
} from '../../src/functions/time/calendar.js';
import {
  isoTimestampText,
  parseDate,
  parseTimestamp,
} from '../../src/functions/time/time-format.js';
import {
  compileTimePattern,
  formatTime,
  parseTime,
} from '../../src/functions/time/time-pattern.js';
import {
  NOW_MS,
  call,
  callText,
  column,
  date,
  faultOf,
  labelled,
  signatureFault,
  ts,
  typed,
} from './calls.js';
import type { Argument } from './calls.js';
import { TIMESTAMP } from '../../src/columnar/types.js';

const SEED = 20241220;
/** ±10,000 years or so. */
const anyMs = fc.integer({ min: -3e14, max: 3e14 });
const at = (ms: number) => typed(ms, TIMESTAMP);

describe('the calendar', () => {
  test('agrees with ECMAScript dates', () => {
    fc.assert(
      fc.property(anyMs, (ms) => {
        const time = civilFromMs(ms);
        const date = new Date(ms);
        expect([time.year, time.month, time.day]).toEqual([
          date.getUTCFullYear(),
          date.getUTCMonth() + 1,
          date.getUTCDate(),
        ]);
        expect([time.hour, time.minute, time.second, time.millisecond]).toEqual([
          date.getUTCHours(),
          date.getUTCMinutes(),
          date.getUTCSeconds(),
          date.getUTCMilliseconds(),
        ]);
        expect(msFromCivil(time)).toBe(ms);
      }),
      { seed: SEED },
    );
  });

  test.each([
    ['2020-12-31', 2020, 53],
    ['2021-01-03', 2020, 53],
    ['2021-01-04', 2021, 1],
    ['2018-12-31', 2019, 1],
    ['2023-01-01', 2022, 52],
    ['2024-12-30', 2025, 1],
  ])('%s is in ISO week %i-%i', (text, year, week) => {
    expect(isoWeek(parseDate(text) ?? 0)).toEqual({ year, week });
  });

  test('months that are added are the months between', () => {
    const starts = fc.integer({ min: 0, max: 3e12 });
    fc.assert(
      fc.property(starts, fc.integer({ min: -600, max: 600 }), (ms, count) => {
        const first = ms - (civilFromMs(ms).day - 1) * 86_400_000;
        expect(wholeMonthsBetween(first, addMonths(first, count))).toBe(count);
      }),
      { seed: SEED },
    );
    expect(daysFromCivil(1970, 1, 1)).toBe(0);
  });
});

describe('values', () => {
  const a = at(1672576245123);
  const b = at(1721064330987);
  const day = at(1734652800000);
  const cases: readonly [string, readonly Argument[], string | null][] = [
    ['EXTRACT', ['YEAR', day], '2024'],
    ['EXTRACT', ['MONTH', day], '12'],
    ['EXTRACT', ['DAY', day], '20'],
    ['EXTRACT', ['HOUR', day], '0'],
    ['EXTRACT', ['QUARTER', day], '4'],
    ['EXTRACT', ['EPOCH', day], '1734652800'],
    ['EXTRACT', ['EPOCH', at(-1)], '-1'],
    ['EXTRACT', ['WEEK', at(1673226000000)], '2'],
    ['EXTRACT', ['week', at(1677675600123)], '9'],
    ['EXTRACT', ['MILLISECOND', at(1677675600123)], '123'],
    ['EXTRACT', ['MICROSECOND', at(1677675600123)], '123000'],
    ['EXTRACT', ['NANOSECOND', at(1677675600123)], '123000000'],
    ['EXTRACT', ['MILLISECOND', at(-1)], '999'],
    ['EXTRACT', ['DOW', ts('2024-12-22')], '0'],
    ['EXTRACT', ['ISODOW', ts('2024-12-22')], '7'],
    ['EXTRACT', ['DOY', ts('2024-12-31')], '366'],
    ['EXTRACT', ['YEAR', date('2024-12-31')], '2024'],
    ['EXTRACT', ['YEAR', '2024-12-31'], '2024'],
    ['EXTRACT', ['YEAR', 0n], '1970'],
    ['EXTRACT', ['YEAR', null], null],
    ['YEAR', [day], '2024'],
    ['DAYOFYEAR', [day], '355'],
    ['DATE_FORMAT', [day, '%Y-%m-%d'], '2024-12-20'],
    ['DATE_FORMAT', [day, '%Y-%m-%d %H:%M:%S'], '2024-12-20 00:00:00'],
    ['DATE_FORMAT', [day, 'yyyy-MM-dd'], '2024-12-20'],
    ['DATE_FORMAT', [day, 'yyyy/MM/dd HH:mm:ss'], '2024/12/20 00:00:00'],
    ['DATE_FORMAT', [a, '%d %b %y, %I:%M:%S.%L %p %% %A'], '01 Jan 23, 12:30:45.123 PM % Sunday'],
    [
      'DATE_FORMAT',
      [a, "EEE d MMMM yyyy 'o''clock' h:mm a SSS"],
      "Sun 1 January 2023 o'clock 12:30 PM 123",
    ],
    ['DATE_FORMAT', [a, '%F %T'], '2023-01-01 12:30:45'],
    ['DATE_FORMAT', [a, '%j %V %G %u %w %q'], '001 52 2022 7 0 1'],
    ['DATEDIFF', ['hours', day, at(1734739200000)], '24'],
    ['DATEDIFF', ['days', day, at(1734739200000)], '1'],
    ['DATEDIFF', ['months', day, at(1734739200000)], '0'],
    ['DATEDIFF', ['hours', a, b], '13468'],
    ['DATEDIFF', ['days', a, b], '561'],
    ['DATEDIFF', ['months', a, b], '18'],
    ['DATEDIFF', ['quarters', a, b], '6'],
    ['DATEDIFF', ['years', a, b], '1'],
    ['DATEDIFF', ['YEAR', b, a], '-1'],
    ['DATEDIFF', ['day', b, a], '-561'],
    ['DATEDIFF', ['month', ts('2024-01-31'), ts('2024-02-29')], '0'],
    ['DATEDIFF', ['weeks', ts('2024-01-01'), ts('2024-01-14')], '1'],
    ['DATEDIFF', ['milliseconds', a, b], '48488085864'],
    ['FROM_UNIXTIME', [1734652800n], '2024-12-20 00:00:00'],
    ['FROM_UNIXTIME', [1734652800n, '%Y'], '2024'],
    ['UNIX_TIMESTAMP', [ts('2024-12-20 00:00:00.999')], '1734652800'],
    ['UNIX_TIMESTAMP', ['20/12/2024', 'dd/MM/yyyy'], '1734652800'],
    ['UNIX_TIMESTAMP', [], String(Math.floor(NOW_MS / 1000))],
    ['TO_TIMESTAMP', ['2024-12-20 01:02:03'], '2024-12-20 01:02:03'],
    ['TO_TIMESTAMP', ['20.12.2024 4 PM', 'dd.MM.yyyy h a'], '2024-12-20 16:00:00'],
    ['TO_TIMESTAMP', [1734656523000n], '2024-12-20 01:02:03'],
    ['TO_TIMESTAMP', [null], null],
    ['TO_TIMESTAMP_LTZ', [1734656523n, 0n], '2024-12-20 01:02:03'],
    ['TO_TIMESTAMP_LTZ', [1734656523000n, 3n], '2024-12-20 01:02:03'],
    ['TO_DATE', ['2024-12-20'], '2024-12-20'],
    ['TO_DATE', ['20122024', '%d%m%Y'], '2024-12-20'],
    ['FLOOR_TO', ['HOUR', at(1734700245123)], '2024-12-20 13:00:00'],
    ['FLOOR_TO', ['DAY', at(1734700245123)], '2024-12-20 00:00:00'],
    ['FLOOR_TO', ['MINUTE', at(1734700245123)], '2024-12-20 13:10:00'],
    ['FLOOR_TO', ['WEEK', ts('2024-12-22 10:00:00')], '2024-12-16 00:00:00'],
    ['FLOOR_TO', ['QUARTER', ts('2024-12-22 10:00:00')], '2024-10-01 00:00:00'],
    ['FLOOR_TO', ['YEAR', date('2024-12-22')], '2024-01-01'],
    ['FLOOR_TO', ['SECOND', at(-1)], '1969-12-31 23:59:59'],
    ['DATE_TRUNC', ['month', ts('2024-12-22 10:00:00')], '2024-12-01 00:00:00'],
    ['CEIL_TO', ['HOUR', at(1734700245123)], '2024-12-20 14:00:00'],
    ['CEIL_TO', ['DAY', ts('2024-12-20')], '2024-12-20 00:00:00'],
    ['CEIL_TO', ['MONTH', ts('2024-12-20')], '2025-01-01 00:00:00'],
    ['NOW', [], '2024-12-20 00:00:00.123'],
    ['CURRENT_TIMESTAMP', [], '2024-12-20 00:00:00.123'],
    ['CURRENT_DATE', [], '2024-12-20'],
  ];
  test.each(labelled(cases))('%s', (_label, [name, args, expected]) => {
    expect(callText(name, ...args)).toBe(expected);
  });
});

describe('faults', () => {
  test('an unknown unit is named, with the known ones', () => {
    const fault = signatureFault('DATEDIFF', 'parsecs', at(0), at(0));
    expect(fault).toMatchObject({ key: 'FUNCTION_ARGUMENT', argument: 0 });
    expect(fault.message).toBe('function "DATEDIFF": unit "parsecs" is unknown');
    expect(fault.hint).toContain('HOUR');
    expect(signatureFault('EXTRACT', 'parsecs', at(0)).key).toBe('FUNCTION_ARGUMENT');
    expect(signatureFault('FLOOR_TO', 'parsecs', at(0)).key).toBe('FUNCTION_ARGUMENT');
    expect(faultOf(() => call('DATEDIFF', column('parsecs'), at(0), at(0)))).toBe('VALUE_INVALID');
  });

  test('an unknown sign of a pattern is a fault', () => {
    expect(signatureFault('DATE_FORMAT', at(0), '%Q').message).toContain('%Q');
    expect(signatureFault('DATE_FORMAT', at(0), 'yyyy-bb').message).toContain('bb');
    expect(signatureFault('TO_TIMESTAMP', 'x', "yyyy 'open").key).toBe('FUNCTION_ARGUMENT');
  });

  test('text that does not have the form is a data error', () => {
    expect(faultOf(() => call('TO_TIMESTAMP', '2024-13-01 00:00:00'))).toBe('CAST_FAILED');
    expect(faultOf(() => call('TO_TIMESTAMP', '2024', 'yyyy-MM'))).toBe('VALUE_INVALID');
    expect(faultOf(() => call('TO_DATE', '31.02.2024', 'dd.MM.yyyy'))).toBe('VALUE_INVALID');
    expect(faultOf(() => call('FROM_UNIXTIME', 10n ** 18n))).toBe('NUMERIC_OVERFLOW');
  });

  test('numbers with a fraction are no times', () => {
    expect(signatureFault('EXTRACT', 'YEAR', 1.5).key).toBe('FUNCTION_ARGUMENT');
    expect(signatureFault('TO_TIMESTAMP', true).key).toBe('FUNCTION_ARGUMENT');
    expect(signatureFault('TO_TIMESTAMP_LTZ', 5n, 6n).key).toBe('FUNCTION_ARGUMENT');
  });
});

describe('ISO 8601 text', () => {
  test.each([
    ['2024-12-20', 1734652800000],
    ['2024-12-20 00:00', 1734652800000],
    ['2024-12-20T00:00:00Z', 1734652800000],
    [' 2024-12-20T00:00:00.123Z ', 1734652800123],
    ['2024-12-20T01:00:00+01:00', 1734652800000],
    ['2024-12-20 01:00:00+01', 1734652800000],
    ['2024-12-19T19:00:00-0500', 1734652800000],
    ['2024-12-20 00:00:00.1', 1734652800100],
    ['2024-12-20 00:00:00.123999999', 1734652800123],
    ['1969-12-31 23:59:59.999', -1],
    ['2024-02-30', undefined],
    ['2024-13-01', undefined],
    ['2024-12-20 24:00:00', undefined],
    ['2024-12-20 00:60:00', undefined],
    ['2024-12-20 00:00:60', undefined],
    ['2024-12-20x', undefined],
    ['2024-12-20 00:00:00 CET', undefined],
    ['20241220', undefined],
    ['', undefined],
  ])('%j is %s', (text, expected) => {
    expect(parseTimestamp(text)).toBe(expected);
  });

  test('prints what it reads, as ECMAScript does', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 250_000_000_000_000 }), (ms) => {
        expect(isoTimestampText(ms)).toBe(new Date(ms).toISOString());
        expect(parseTimestamp(isoTimestampText(ms))).toBe(ms);
      }),
      { seed: SEED },
    );
  });

  test('patterns that hold every field read what they print', () => {
    const patterns = [
      '%Y-%m-%d %H:%M:%S.%L',
      'yyyyMMddHHmmssSSS',
      'd MMM yyyy h:mm:ss.SSS a',
      '%s',
    ];
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 250_000_000_000_000 }),
        fc.constantFrom(...patterns),
        (ms, text) => {
          const pattern = compileTimePattern(text);
          const expected = text === '%s' ? Math.floor(ms / 1000) * 1000 : ms;
          expect(parseTime(formatTime(ms, pattern), pattern)).toBe(expected);
        },
      ),
      { seed: SEED },
    );
  });
});
