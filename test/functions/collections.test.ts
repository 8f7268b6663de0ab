/** ARRAY, MAP, ROW and record headers. */
import { describe, expect, test } from 'vitest';
import { BIGINT, NULL_TYPE, VARCHAR, typeText } from '../../src/columnar/types.js';
import type { SqlType } from '../../src/columnar/types.js';
import {
  array,
  bind,
  call,
  callText,
  column,
  dec,
  faultOf,
  labelled,
  signatureFault,
  typed,
} from './calls.js';
import type { Argument } from './calls.js';

const HEADERS: SqlType = { kind: 'map', key: VARCHAR, value: VARCHAR };
const headers = typed({ keys: ['trace', 'empty'], values: ['t-1', null] }, HEADERS);
const none = typed(null, HEADERS);
const map = typed(
  { keys: ['k', 'l'], values: [1n, null] },
  { kind: 'map', key: VARCHAR, value: BIGINT },
);
const row = typed([1n, 'x'], {
  kind: 'row',
  fields: [
    { name: 'id', type: BIGINT },
    { name: 'Name', type: VARCHAR },
  ],
});

describe('values', () => {
  const cases: readonly [string, readonly Argument[], string | null, string][] = [
    ['ARRAY', [1n, 2n, 3n], '[1,2,3]', 'ARRAY<BIGINT>'],
    ['ARRAY', [1n, dec('2.5'), null], '[1.0,2.5,null]', 'ARRAY<DECIMAL(20, 1)>'],
    ['ARRAY', [], '[]', 'ARRAY<NULL>'],
    ['MAP', ['k', 1n, 'l', 2n], '{"k":1,"l":2}', 'MAP<VARCHAR, BIGINT>'],
    ['MAP', ['k', 1n, 'l', 2n, 'k', 3n], '{"k":3,"l":2}', 'MAP<VARCHAR, BIGINT>'],
    ['ROW', [1n, 'x'], '{"f0":1,"f1":"x"}', 'ROW<f0 BIGINT, f1 VARCHAR>'],
    ['ARRAY_LENGTH', [array(VARCHAR, 'x', 'y')], '2', 'BIGINT'],
    ['ARRAY_LENGTH', [array(VARCHAR)], '0', 'BIGINT'],
    ['CARDINALITY', [map], '2', 'BIGINT'],
    ['ARRAY_LENGTH', [null], null, 'BIGINT'],
    ['ARRAY_CONTAINS', [array(BIGINT, 1n, 2n), 2n], 'true', 'BOOLEAN'],
    ['ARRAY_CONTAINS', [array(BIGINT, 1n, 2n), 5n], 'false', 'BOOLEAN'],
    ['ARRAY_CONTAINS', [array(BIGINT, 1n, 2n), dec('2.0')], 'true', 'BOOLEAN'],
    ['ARRAY_CONTAINS', [array(BIGINT, 1n, null), null], 'true', 'BOOLEAN'],
    ['ARRAY_CONTAINS', [typed(null, { kind: 'array', element: BIGINT }), 1n], null, 'BOOLEAN'],
    ['MAP_KEYS', [map], '["k","l"]', 'ARRAY<VARCHAR>'],
    ['MAP_VALUES', [map], '[1,null]', 'ARRAY<BIGINT>'],
    ['JOIN', [array(BIGINT, 1n, null, 2n), ','], '1,2', 'VARCHAR'],
    ['index', [array(BIGINT, 7n, 8n), 1n], '7', 'BIGINT'],
    ['index', [array(BIGINT, 7n, 8n), 0n], null, 'BIGINT'],
    ['index', [array(BIGINT, 7n, 8n), 3n], null, 'BIGINT'],
    ['index', [array(BIGINT, 7n, 8n), -1n], null, 'BIGINT'],
    ['index', [map, 'k'], '1', 'BIGINT'],
    ['index', [map, 'l'], null, 'BIGINT'],
    ['index', [map, 'x'], null, 'BIGINT'],
    ['field', [row, 'id'], '1', 'BIGINT'],
    ['field', [row, 'NAME'], 'x', 'VARCHAR'],
    ['HEADER', [headers, 'trace'], 't-1', 'VARCHAR'],
    ['HEADER', [headers, 'absent'], null, 'VARCHAR'],
    ['HEADER', [none, 'trace'], null, 'VARCHAR'],
    ['HAS_HEADER', [headers, 'empty'], 'true', 'BOOLEAN'],
    ['HAS_HEADER', [headers, 'absent'], 'false', 'BOOLEAN'],
    ['HAS_HEADER', [none, 'trace'], 'false', 'BOOLEAN'],
    ['HEADER_KEYS', [headers], '["trace","empty"]', 'ARRAY<VARCHAR>'],
    ['HEADER_KEYS', [none], '[]', 'ARRAY<VARCHAR>'],
  ];
  test.each(labelled(cases))('%s', (_label, [name, args, expected, type]) => {
    expect(callText(name, ...args)).toBe(expected);
    expect(typeText(bind(name, ...args).type)).toBe(type);
  });
});

describe('faults', () => {
  test('a NULL key of a MAP is a data error', () => {
    expect(faultOf(() => call('MAP', column(typed(null, VARCHAR)), 1n))).toBe('VALUE_INVALID');
  });

  test('elements need a common type', () => {
    expect(signatureFault('ARRAY', 1n, 'x').key).toBe('TYPE_MISMATCH');
    expect(signatureFault('MAP', 'k', 1n, 2n, 3n).key).toBe('TYPE_MISMATCH');
    expect(signatureFault('MAP', 'k').key).toBe('FUNCTION_ARITY');
    expect(signatureFault('ARRAY_CONTAINS', array(BIGINT, 1n), 'x').key).toBe('TYPE_MISMATCH');
  });

  test('access needs something with elements or fields', () => {
    expect(signatureFault('index', 5n, 1n).key).toBe('TYPE_MISMATCH');
    expect(signatureFault('index', array(BIGINT, 1n), 'a').key).toBe('TYPE_MISMATCH');
    expect(signatureFault('field', 5n, 'a').key).toBe('TYPE_MISMATCH');
    expect(signatureFault('field', row, 'nope')).toMatchObject({
      key: 'COLUMN_NOT_FOUND',
      argument: 1,
    });
    expect(signatureFault('ARRAY_LENGTH', 5n).message).toContain('ARRAY_LENGTH');
    expect(signatureFault('MAP_KEYS', typed(null, NULL_TYPE)).key).toBe('FUNCTION_ARGUMENT');
  });

  test('messages do not count the headers that the binder passes', () => {
    expect(signatureFault('HEADER', headers, 5n)).toMatchObject({
      message: 'argument 1 of function "HEADER" is BIGINT, not text',
      argument: 1,
    });
    expect(signatureFault('HEADER', headers).message).toBe(
      'function "HEADER" takes 1 argument, not 0',
    );
    expect(signatureFault('HEADER_KEYS', headers, 'x').message).toBe(
      'function "HEADER_KEYS" takes no arguments, not 1',
    );
  });
});
