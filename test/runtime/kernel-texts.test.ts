/** The sources of a plan's kernels, as `velo explain --stage kernels` shows them. */
import { expect, it } from 'vitest';
import { kernelTexts } from '../../src/runtime/kernel-texts.js';
import { planOf } from '../plan/support.js';

it.each([
  ['SELECT id + 1 AS x, UPPER(name) AS u FROM t;', ['calc-query-1-calc-1']],
  [
    'SELECT name, SUM(amount * 2) AS s FROM t GROUP BY name;',
    ['calc-query-1-calc-1', 'query-1-aggregate-1-resolve', 'query-1-aggregate-1-changed'],
  ],
  [
    'SELECT id + 1 FROM t; SELECT ok, COUNT(*) AS n FROM t WHERE id IS NOT NULL GROUP BY ok;',
    [
      'calc-query-1-calc-1',
      'calc-query-2-calc-1',
      'query-2-aggregate-1-resolve',
      'query-2-aggregate-1-changed',
    ],
  ],
])('kernels of %s', (query, expected) => {
  const names = kernelTexts(planOf(query)).map(
    (text) => /sourceURL=velo-(\S+)-\d+\.js/.exec(text)?.[1],
  );
  expect(names).toEqual(expected);
});
