/** Law 6 on generated trees, and the promise that no text makes the parser throw. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_SPAN } from '../../src/base/span.js';
import { parseExpression, parseScript } from '../../src/sql/parser.js';
import { printExpression, printScript } from '../../src/sql/printer.js';
import { stripSpans } from '../../src/sql/walk.js';
import { TreeSource } from './arbitrary-ast.js';
import { EXPRESSIONS, SCRIPTS } from './corpus.js';

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

describe('damaged texts', () => {
  const texts = [...SCRIPTS, ...EXPRESSIONS.map((text) => `SELECT ${text}`)];

  /** Either a statement is there, or a fault whose place lies in the text says why it is not. */
  function expectAnswer(text: string): void {
    const { faults } = parseScript(text, { sourceName: 'x', variables: () => undefined });
    for (const { span, message, source } of faults) {
      expect(source?.text).toBe(text);
      expect(span?.start).toBeGreaterThanOrEqual(0);
      expect(span?.end).toBeLessThanOrEqual(text.length);
      expect(span?.end).toBeGreaterThanOrEqual(span?.start ?? 0);
      expect(message).toMatch(/^[^A-Z].*[^.]$/);
    }
  }

  it('a text cut anywhere gives faults, never an exception', () => {
    const property = fc.property(
      fc.constantFrom(...texts),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (text, at) => {
        expectAnswer(text.slice(0, Math.floor(text.length * at)));
        expectAnswer(text.slice(Math.floor(text.length * at)));
      },
    );
    fc.assert(property, { seed: SEED, numRuns: 80 });
  });

  it('tokens removed, doubled or swapped give faults, never an exception', () => {
    const change = fc.record({
      at: fc.nat(),
      other: fc.nat(),
      kind: fc.constantFrom('remove', 'double', 'swap', 'replace'),
    });
    const property = fc.property(
      fc.constantFrom(...texts),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      (text, changes) => {
        const tokens = text.match(/\w+|'[^']*'|\s+|./gs) ?? [];
        for (const { at, other, kind } of changes) {
          const [i, j] = [at % tokens.length, other % tokens.length];
          const [a = '', b = ''] = [tokens[i], tokens[j]];
          if (kind === 'remove') tokens[i] = '';
          else if (kind === 'double') tokens[i] = `${a} ${a}`;
          else if (kind === 'replace') tokens[i] = b;
          else [tokens[i], tokens[j]] = [b, a];
        }
        expectAnswer(tokens.join(''));
      },
    );
    fc.assert(property, { seed: SEED, numRuns: 80 });
  });

  it('any characters give faults, never an exception', () => {
    const property = fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), expectAnswer);
    fc.assert(property, { seed: SEED, numRuns: 80 });
  });

  it('nesting beyond the stack is a fault', () => {
    const deep = `SELECT ${'('.repeat(20_000)}1${')'.repeat(20_000)}; SELECT 2`;
    const { script, faults } = parseScript(deep, { sourceName: 'x', variables: null });
    expect(faults.map(({ code, message }) => ({ code, message }))).toEqual([
      { code: 'VELO_SYNTAX', message: 'statement is nested too deeply' },
    ]);
    expect(script.statements).toHaveLength(1);
  });
});
