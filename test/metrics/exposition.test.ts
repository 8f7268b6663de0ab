/** The strict reader refuses what a scrape must not be: a test of the test. */
import { describe, expect, it } from 'vitest';
import { parseExposition } from './exposition.js';

const HEAD = '# HELP a_total Counts.\n# TYPE a_total counter\n';

describe('the strict reader', () => {
  it('takes labels, escapes and every kind of number', () => {
    const text = `${HEAD}a_total{x="1",y="q\\"\\\\\\n"} 1.5e-7\na_total +Inf\n\n# HELP b B.\n# TYPE b summary\nb_sum 2\nb_count 1\n`;
    const families = parseExposition(text);
    expect(families.get('a_total')?.samples.get('a_total')).toEqual([
      { labels: { x: '1', y: 'q"\\\n' }, value: 1.5e-7 },
      { labels: {}, value: Infinity },
    ]);
    expect([...(families.get('b')?.samples.keys() ?? [])]).toEqual(['b_sum', 'b_count']);
  });

  it.each([
    ['no end of the last line', `${HEAD}a_total 1`],
    ['a sample without a type', 'a_total 1\n'],
    ['a type without help', '# TYPE a_total counter\na_total 1\n'],
    ['an unknown type', '# HELP a A.\n# TYPE a number\na 1\n'],
    ['a sample of another metric', `${HEAD}b_total 1\n`],
    ['a metric in two places', `${HEAD}a_total 1\n${HEAD}`],
    ['a series twice', `${HEAD}a_total{x="1"} 1\na_total{x="1"} 2\n`],
    ['a label twice', `${HEAD}a_total{x="1",x="2"} 1\n`],
    ['an open list of labels', `${HEAD}a_total{x="1",} 1\n`],
    ['a quote that is not escaped', `${HEAD}a_total{x="a"b"} 1\n`],
    ['no number', `${HEAD}a_total null\n`],
    ['a value that is missing', `${HEAD}a_total\n`],
  ])('refuses %s', (_, text) => {
    expect(() => parseExposition(text)).toThrow();
  });
});
