/**
 * Law 6, parse(print(ast)) ≡ ast, on every SQL text of the repository and on a list that goes
 * through the grammar. Generated trees are in print-parse.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { parseScript } from '../../src/sql/parser.js';
import { checkExpression, checkRoundTrip, checkScript } from './check-tree.js';
import { EXPRESSIONS, repositoryTexts, SCRIPTS } from './corpus.js';

describe('law 6: parse(print(ast)) equals ast', () => {
  it.each(EXPRESSIONS)('expression %s', (text) => {
    checkExpression(text);
  });

  it.each(SCRIPTS)('script %s', (text) => {
    checkScript(text);
  });

  it('every SQL text of the repository', () => {
    for (const { name, sql, mayFail } of repositoryTexts()) {
      const { faults } = parseScript(sql, { sourceName: name, variables: null });
      if (faults.length === 0) checkRoundTrip(sql);
      else expect(mayFail, `${name}: ${faults[0]?.message}`).toBe(true);
    }
  });
});
