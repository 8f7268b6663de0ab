/** Expressions: precedence, literals, special forms. Every case also goes through check-tree. */
import { describe, expect, it } from 'vitest';
import { SqlFaults } from '../../src/base/errors.js';
import type * as Ast from '../../src/sql/ast.js';
import { parseExpression } from '../../src/sql/parser.js';
import { printExpression } from '../../src/sql/printer.js';
import { checkExpression, sliceOf } from './check-tree.js';

/** The tree as a text with every operator in parentheses. */
function shape(text: string): string {
  return grouped(checkExpression(text));
}

function grouped(node: Ast.Expression): string {
  if (node.kind === 'binary') {
    return `(${grouped(node.left)} ${node.operator} ${grouped(node.right)})`;
  }
  if (node.kind === 'unary') return `(${node.operator} ${grouped(node.operand)})`;
  if (node.kind === 'between') {
    return `(${grouped(node.operand)} between ${grouped(node.low)} ${grouped(node.high)})`;
  }
  if (node.kind === 'is') return `(${grouped(node.operand)} is ${node.test})`;
  return printExpression(node);
}

describe('precedence', () => {
  it.each([
    ['a OR b AND c', '(a or (b and c))'],
    ['a AND b OR c', '((a and b) or c)'],
    ['NOT a = 7 AND b', '((not (a = 7)) and b)'],
    ['NOT a OR NOT NOT b', '((not a) or (not (not b)))'],
    ['a + b * 3', '(a + (b * 3))'],
    ['a - b - 1', '((a - b) - 1)'],
    ['100 / 10 / 2', '((100 / 10) / 2)'],
    ['2 * 7 % 4', '((2 * 7) % 4)'],
    ['(a + b) * 3', '((a + b) * 3)'],
    ["'n' || a + b", "('n' || (a + b))"],
    ["s || '!' = 'abc!'", "((s || '!') = 'abc!')"],
    ['a > 0 = b > 0', '(((a > 0) = b) > 0)'],
    ['-a * 2', '((- a) * 2)'],
    ['3 - -2', '(3 - (- 2))'],
    ['- - +a', '(- (- (+ a)))'],
    ['-1::BIGINT', '(- 1::BIGINT)'],
    ['-a[1]', '(- a[1])'],
    ['a BETWEEN 1 AND 2 AND b', '((a between 1 2) and b)'],
    ['a BETWEEN 1 + 1 AND 2 || 3 OR b', '((a between (1 + 1) (2 || 3)) or b)'],
    ['a = b IS NULL', '((a = b) is null)'],
    ['NOT a IS NULL', '(not (a is null))'],
  ])('%s', (text, expected) => {
    expect(shape(text)).toBe(expected);
  });
});

describe('literals', () => {
  it.each([
    ['1', 'integer', '1'],
    ['9223372036854775808', 'integer', '9223372036854775808'],
    ['1.50', 'decimal', '1.50'],
    ['.5', 'decimal', '.5'],
    ['1e3', 'double', '1e3'],
    ['1.5E-7', 'double', '1.5E-7'],
    ['TRUE', 'boolean', 'true'],
    ['False', 'boolean', 'false'],
    ['NULL', 'null', 'null'],
    ["'it''s'", 'string', "it's"],
    ["''", 'string', ''],
    ["''''", 'string', "'"],
    ["'a\\nb'", 'string', 'a\\nb'],
    ["'--no comment; /* */'", 'string', '--no comment; /* */'],
    ["TIMESTAMP '2024-01-01 00:00:00'", 'timestamp', '2024-01-01 00:00:00'],
    ["date '2024-01-01'", 'date', '2024-01-01'],
  ])('%s', (text, type, value) => {
    expect(checkExpression(text)).toMatchObject({ kind: 'literal', type, text: value });
  });

  it('a minus is an operator, not part of a number', () => {
    expect(checkExpression('-4.5')).toMatchObject({
      kind: 'unary',
      operator: '-',
      operand: { text: '4.5' },
    });
  });

  it.each([
    ["INTERVAL '1' HOUR", '1', 'HOUR'],
    ['INTERVAL 1 HOUR', '1', 'HOUR'],
    ["interval '5' minutes", '5', 'MINUTE'],
    ["INTERVAL '-1.5' day", '-1.5', 'DAY'],
    ["INTERVAL '500 milliseconds'", '500', 'MILLISECOND'],
  ])('%s', (text, amount, unit) => {
    expect(checkExpression(text)).toMatchObject({ kind: 'interval', amount, unit });
  });
});

describe('names', () => {
  it('keep their spelling and know whether they were quoted', () => {
    expect(checkExpression('Tab."My ""col".`a``b`')).toMatchObject({
      kind: 'column',
      parts: [
        { name: 'Tab', quoted: false },
        { name: 'My "col', quoted: true },
        { name: 'a`b', quoted: true },
      ],
    });
  });

  it.each(['timestamp', 'date', 'interval', 'rows', 'window', 'end', 'row', 'array', 'value'])(
    '%s is a column',
    (name) => {
      const reference = { kind: 'column', parts: [{ name, quoted: false }] };
      expect(checkExpression(name)).toMatchObject(reference);
      expect(checkExpression(`${name} - 1`)).toMatchObject({ left: reference });
    },
  );

  it('a word that is reserved is a name in quotes only', () => {
    expect(checkExpression('"order"')).toMatchObject({ parts: [{ name: 'order' }] });
    expect(() => parseExpression('order')).toThrow(SqlFaults);
  });

  it('CURRENT_TIMESTAMP without parentheses is a call', () => {
    expect(checkExpression('current_timestamp')).toMatchObject({ kind: 'call', args: [] });
  });
});

describe('calls', () => {
  it('POSITION(x IN y) is POSITION(needle, haystack)', () => {
    const [inForm, plain] = [checkExpression("POSITION('T' IN name)"), "POSITION('T', name)"];
    expect(printExpression(inForm)).toBe(plain);
  });

  it('hold their distinct, order, filter and window', () => {
    const text =
      "LISTAGG(DISTINCT a, ',' ORDER BY b DESC) FILTER (WHERE c > 0) OVER (PARTITION BY d)";
    expect(checkExpression(text)).toMatchObject({
      kind: 'call',
      distinct: true,
      args: [{ kind: 'column' }, { text: ',' }],
      orderBy: [{ descending: true, nulls: null }],
      filter: { kind: 'binary' },
      over: { partitionBy: [{ kind: 'column' }], buffer: null },
    });
  });

  it('COUNT(*) is a star call', () => {
    expect(checkExpression('COUNT(*)')).toMatchObject({ star: true, args: [] });
  });

  it('WITHIN GROUP keeps its order apart', () => {
    expect(checkExpression('PERCENTILE_CONT(0.3) WITHIN GROUP (ORDER BY v)')).toMatchObject({
      orderBy: [],
      withinGroup: [{ expression: { kind: 'column' } }],
    });
  });

  it('EXTRACT and FLOOR TO are forms of their own, FLOOR(x) is a call', () => {
    expect(checkExpression('EXTRACT(YEAR FROM ts)')).toMatchObject({
      kind: 'extract',
      unit: { name: 'YEAR' },
    });
    expect(checkExpression('CEILING(ts TO DAY)')).toMatchObject({
      kind: 'floor-to',
      direction: 'ceil',
    });
    expect(checkExpression('FLOOR(x)')).toMatchObject({ kind: 'call' });
  });
});

describe('predicates and constructors', () => {
  it.each([
    ['a NOT IN (1, 2)', { kind: 'in', negated: true }],
    ['a IN (SELECT 1)', { kind: 'in-subquery', negated: false }],
    ["a NOT LIKE 'x!%' ESCAPE '!'", { kind: 'like', negated: true, escape: { text: '!' } }],
    ['a IS NOT DISTINCT FROM b', { kind: 'is', test: 'distinct', negated: true }],
    ['a IS NOT TRUE', { kind: 'is', test: 'true', negated: true, other: null }],
    ['EXISTS (SELECT 1)', { kind: 'exists' }],
    ['(SELECT 1)', { kind: 'subquery' }],
    ['TRY_CAST(a AS INT)', { kind: 'cast', safe: true, form: 'cast' }],
    ['a::DECIMAL(10, 2)', { kind: 'cast', form: 'colons', type: { parameters: [10, 2] } }],
    ['x::INT[]', { type: { name: 'ARRAY', elements: [{ name: 'INT' }] } }],
    ['CASE a WHEN 1 THEN 2 END', { kind: 'case', operand: {}, otherwise: null }],
    ['CASE WHEN a THEN 2 ELSE 3 END', { operand: null, otherwise: { text: '3' } }],
    ["MAP['k', 1]", { kind: 'map', entries: [{ key: { text: 'k' }, value: { text: '1' } }] }],
    ['ARRAY[1, 2]', { kind: 'array', elements: [{}, {}] }],
    ['ROW(1, 2)', { kind: 'row', elements: [{}, {}] }],
    ['a[1]', { kind: 'index', index: { text: '1' } }],
    ['a[1].b', { kind: 'field', field: { name: 'b' }, operand: { kind: 'index' } }],
    ['(a).b', { kind: 'field', field: { name: 'b' }, operand: { kind: 'column' } }],
    ['ROW(1).b.c', { kind: 'field', field: { name: 'c' }, operand: { kind: 'field' } }],
    ['a.b.c', { kind: 'column', parts: [{}, {}, {}] }],
  ])('%s', (text, expected) => {
    expect(checkExpression(text)).toMatchObject(expected);
  });

  it('a type followed by "<" is compared, unless it takes elements', () => {
    expect(checkExpression('a::INT < 5')).toMatchObject({ kind: 'binary', operator: '<' });
  });
});

it('parentheses are outside the span of what they hold and inside that of what holds them', () => {
  const text = '((a + b)) * 3';
  const product = checkExpression(text);
  expect(sliceOf(text, product.span)).toBe(text);
  expect(product.kind === 'binary' && sliceOf(text, product.left.span)).toBe('a + b');
});
