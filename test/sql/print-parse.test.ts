/** Law 6 on generated trees; that no text makes the parser throw is test/fuzz/texts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_SPAN } from '../../src/base/span.js';
import { parseExpression, parseScript } from '../../src/sql/parser.js';
import { printExpression, printScript } from '../../src/sql/printer.js';
import { stripSpans } from '../../src/sql/walk.js';
import { TreeSource } from './arbitrary-ast.js';

const SEED = 20240115;

describe('generated trees', () => {
  it('an expression prints to a text that parses to it', () => {
    const property = fc.property(fc.gen(), (draw) => {
      const expression = new TreeSource(draw).expression(3);
      const printed = printExpression(expression);
      expect(stripSpans(parseExpression(printed)), printed).toEqual(stripSpans(expression));
    });
    fc.assert(property, { seed: SEED, numRuns: 80 });
  });

  it('a statement prints to a text that parses to it', () => {
    const property = fc.property(fc.gen(), (draw) => {
      const statements = [new TreeSource(draw).statement(2)];
      const printed = printScript({ statements, span: NO_SPAN });
      const { script, faults } = parseScript(printed, { sourceName: 'x', variables: null });
      expect(
        faults.map(({ message }) => message),
        printed,
      ).toEqual([]);
      expect(stripSpans(script.statements), printed).toEqual(stripSpans(statements));
    });
    fc.assert(property, { seed: SEED, numRuns: 80 });
  });
});

describe('a text', () => {
  it('nested beyond the stack is a fault', () => {
    const deep = `SELECT ${'('.repeat(20_000)}1${')'.repeat(20_000)}; SELECT 2`;
    const { script, faults } = parseScript(deep, { sourceName: 'x', variables: null });
    expect(faults.map(({ code, message }) => ({ code, message }))).toEqual([
      { code: 'VELO_SYNTAX', message: 'statement is nested too deeply' },
    ]);
    expect(script.statements).toHaveLength(1);
  });
});
