/**
 * Comparisons as other programs read them: markdown, JUnit's XML, github-action-benchmark's JSON.
 */
import { describe, expect, it } from 'vitest';
import { comparisonText } from '../../src/bench/compare/comparison-formats.js';
import type { LaneComparison } from '../../src/bench/compare/result-file.js';

const SLOWER: LaneComparison = {
  lane: '0 v1 generated',
  measure: 'rec/s',
  before: 1000,
  after: 900,
  comparison: { verdict: 'slower', ratio: 0.9, ci95: [0.88, 0.92], p: 0.002, tooFew: false },
};
const HOSTILE: LaneComparison = {
  ...SLOWER,
  lane: 'a|<b>&"\u001b[31m v1 file',
  measure: 'rec/cpu s',
  after: 1000,
  comparison: { verdict: 'no change', ratio: 1, ci95: [0.99, 1.01], p: 0.5, tooFew: false },
};
const FEW: LaneComparison = {
  ...HOSTILE,
  lane: '2 v1 generated',
  comparison: { ...HOSTILE.comparison, tooFew: true },
};
const COMPARISON = {
  lanes: [SLOWER, HOSTILE, FEW],
  notes: ['3a v1 generated: only in the <second>'],
};

describe('a comparison', () => {
  it('is a markdown table behind its verdict', () => {
    expect(comparisonText('markdown', COMPARISON).split('\n')).toEqual([
      '**compared: 1 slower, 0 faster, 2 without a change**',
      '',
      '| lane | measure | before | after | ratio | 95 % interval | p | verdict |',
      '| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |',
      '| 0 v1 generated | rec/s | 1.0 K | 900 | 0.900 | 0.880 – 0.920 | 0.0020 | slower |',
      '| a\\|\\<b\\>\\&"\\\\u001b[31m v1 file | rec/cpu s | 1.0 K | 1.0 K | 1.000 | 0.990 – 1.010 | 0.50 | no change |',
      '| 2 v1 generated | rec/cpu s | 1.0 K | 1.0 K | 1.000 | 0.990 – 1.010 | 0.50 | no change (too few runs) |',
      '',
      '- not compared: 3a v1 generated: only in the \\<second\\>',
    ]);
  });

  it('is a JUnit suite that fails where something is slower', () => {
    const text = comparisonText('junit', COMPARISON);
    expect(text).toContain('tests="4" failures="1" errors="0" skipped="2"');
    expect(text).toContain(
      '<testcase classname="velo.bench" name="0 v1 generated, rec/s"><failure type="slower" ' +
        'message="rec/s × 0.900 (0.880 – 0.920), p = 0.0020: 1,000 before, 900 after"/></testcase>',
    );
    expect(text).toContain('name="a|&lt;b&gt;&amp;&quot;\\u001b[31m v1 file, rec/cpu s"');
    expect(text).toContain('<skipped message="too few runs to show any difference"/>');
    expect(text).toContain(
      'name="3a v1 generated: only in the &lt;second&gt;"><skipped message="not compared"/>',
    );
    expect(text.match(/<testcase /g)).toHaveLength(4);
    expect(text.match(/<\/testcase>/g)).toHaveLength(4);
  });

  it('is what github-action-benchmark keeps', () => {
    const entries = JSON.parse(comparisonText('github', COMPARISON)) as object[];
    expect(entries).toHaveLength(3);
    // As docs/benchmarking.md shows it.
    expect(entries[0]).toEqual({
      name: '0 v1 generated, rec/s',
      unit: 'rec/s',
      value: 900,
      range: '0.880 – 0.920 of before',
      extra: 'before: 1,000\nratio: 0.900\np: 0.0020\nverdict: slower',
    });
  });
});
