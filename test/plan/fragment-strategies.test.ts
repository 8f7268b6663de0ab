/**
 * Which strategy sends a query's rows to partitions: what it gets by itself, what it takes when
 * asked for, and what EXPLAIN says of it.
 */
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/base/errors.js';
import { explain } from '../../src/plan/explain/explain-plan.js';
import type { PartitioningStrategy } from '../../src/plan/fragments/fragments.js';
import { CHANGES, FINAL, KEYED, SYMBOLS, cutOf, fragmentsOf } from './fragment-support.js';
import { planOf } from './support.js';

function refusal(sql: string, strategy: PartitioningStrategy): ConfigError {
  try {
    fragmentsOf(sql, strategy);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error(`${strategy} fits ${sql}`);
}

describe('the strategy a query gets', () => {
  const strategyOf = (sql: string): [string, string] => {
    const { name, reason } = fragmentsOf(sql).strategy;
    return [name, reason];
  };
  it.each<[string, [string, string]]>([
    [CHANGES, ['hash', 'keyed by name']],
    ['SELECT id FROM t', ['round-robin', 'stateless, blocks go round']],
    ['SELECT COUNT(*) AS n FROM t', ['fan-in', 'aggregate-1 has no key']],
    ['SELECT id FROM t LIMIT 2', ['fan-in', 'limit-1 has no key']],
    [
      'SELECT t.id FROM t JOIN u ON t.amount = u.id',
      ['fan-in', 'the two sides of join-1 hash differently'],
    ],
    [SYMBOLS, ['smart', `'key.fields' of "trades" (symbol) are within the key`]],
    ['SELECT side, COUNT(*) AS n FROM trades GROUP BY side', ['hash', 'keyed by side']],
    [
      'SELECT s, COUNT(*) AS n FROM (SELECT UPPER(symbol) AS s FROM trades) GROUP BY s',
      ['hash', 'keyed by s'],
    ],
    [
      'SELECT trades.price FROM trades JOIN quotes ON trades.symbol = quotes.symbol',
      ['hash', 'keyed by symbol'],
    ],
  ])('%s', (sql, strategy) => expect(strategyOf(sql)).toEqual(strategy));

  it('smart routes by split, and later groups with the key fields stay', () => {
    expect(
      cutOf(
        `SELECT s, n, COUNT(*) AS c FROM (SELECT symbol AS s, n FROM (${SYMBOLS})) GROUP BY s, n`,
      ),
    ).toEqual(['scan-1 → <0> by [split]', '1 parallel aggregate-2(aggregate-1(<0>)) → sink']);
  });

  it('splits are not taken when a join could stay parallel by hash only', () => {
    const sql = `SELECT a.n, q.bid FROM (SELECT symbol, COUNT(*) AS n FROM trades GROUP BY symbol) AS a JOIN quotes AS q ON a.symbol = q.symbol`;
    expect(fragmentsOf(sql).strategy).toEqual({ name: 'hash', reason: 'keyed by symbol' });
    expect(fragmentsOf(sql).fragments.map(({ level }) => level)).toEqual([1]);
  });
});

describe('a strategy asked for', () => {
  it.each<[PartitioningStrategy, string]>([
    ['hash', CHANGES],
    ['hash', 'SELECT name, COUNT(*) AS n FROM t GROUP BY name ORDER BY n LIMIT 1'],
    ['sticky', 'SELECT id FROM t'],
    ['sticky', 'SELECT id FROM u LIMIT 3'],
    ['sticky', SYMBOLS],
    ['sticky', CHANGES],
    ['sticky', 'SELECT COUNT(*) AS n FROM g'],
    ['smart', SYMBOLS],
    ['smart', 'SELECT COUNT(*) AS n FROM u'],
    ['smart', 'SELECT id FROM u'],
    ['round-robin', 'SELECT id FROM u UNION ALL SELECT id FROM t'],
    ['round-robin', 'SELECT id FROM u LIMIT 3'],
    ['fan-in', 'SELECT id FROM u'],
    ['fan-in', SYMBOLS],
  ])('%s fits %s', (strategy, sql) => {
    expect(fragmentsOf(sql, strategy).strategy.name).toBe(strategy);
  });

  it.each<[PartitioningStrategy, string, string, string]>([
    ['hash', 'SELECT id FROM u', 'it has no state', 'sticky, smart, round-robin, fan-in'],
    ['hash', 'SELECT COUNT(*) AS n FROM u', 'aggregate-1 has no key', 'smart, fan-in'],
    ['round-robin', CHANGES, 'aggregate-1 has state', 'hash, sticky, smart, fan-in'],
    [
      'sticky',
      'SELECT id, COUNT(*) AS n FROM u GROUP BY id',
      "a source may have several splits, and no table has 'key.fields' within the key of aggregate-1",
      'hash, smart, fan-in',
    ],
    [
      'sticky',
      'SELECT side, COUNT(*) AS n FROM trades GROUP BY side',
      "a source may have several splits, and no table has 'key.fields' within the key of aggregate-1",
      'hash, smart, fan-in',
    ],
    [
      'sticky',
      'SELECT k, COUNT(*) AS n FROM spread GROUP BY k',
      "a source may have several splits, and no table has 'key.fields' within the key of aggregate-1",
      'hash, smart, fan-in',
    ],
    [
      'sticky',
      'SELECT trades.price FROM trades JOIN quotes ON trades.symbol = quotes.symbol',
      "a source may have several splits, and no table has 'key.fields' within the key of join-1",
      'hash, smart, fan-in',
    ],
  ])('%s does not fit %s', (strategy, sql, why, others) => {
    const error = refusal(sql, strategy);
    expect(error.key).toBe('FLAG_INVALID');
    expect(error.message).toBe(`partitioning "${strategy}" does not fit query-1: ${why}`);
    expect(error.hint).toBe(`strategies that fit it are ${others}`);
  });

  it('hash is asked for where splits would do', () => {
    expect(cutOf(SYMBOLS, 'hash')[0]).toBe('scan-1 → <0> by side,symbol');
  });

  it('smart says what it came to', () => {
    expect(fragmentsOf(CHANGES, 'smart').strategy.reason).toBe('hash: keyed by name');
    expect(fragmentsOf('SELECT COUNT(*) AS n FROM u', 'smart').strategy.reason).toBe(
      'fan-in: aggregate-1 has no key',
    );
  });

  it('sticky keeps a source of one split in one partition, and joins lie there', () => {
    expect(
      cutOf('SELECT t.id FROM t JOIN g ON t.id = g.k', 'sticky').map((line) =>
        line.replace(/^.*→ /, ''),
      ),
    ).toEqual(['<0> by [split]', '<1> by [split]', 'sink']);
  });

  it('sticky does not look for one split in a source of several', () => {
    expect(
      cutOf(
        'SELECT a.n FROM (SELECT k, COUNT(*) AS n FROM g GROUP BY k) AS a JOIN spread ON spread.k = a.k',
        'sticky',
      ).at(-1),
    ).toMatch(/^2 /);
  });

  it('partial groups are sent by hash, never by split', () => {
    expect(cutOf(FINAL, 'sticky')[0]).toBe('scan-1 → <0> by [split]');
  });

  it('fan-in leaves every operator in one place', () => {
    expect(cutOf(`SELECT n, COUNT(*) AS c FROM (${CHANGES}) GROUP BY n`, 'fan-in')).toEqual([
      'scan-1 → <0> by [single]',
      '1 aggregate-2(aggregate-1(<0>)) → sink',
    ]);
  });
});

describe('EXPLAIN', () => {
  const SORTED = 'SELECT name, COUNT(*) AS n FROM t GROUP BY name ORDER BY n LIMIT 1';
  const shown = (sql: string, strategy: PartitioningStrategy | null = null): string[] => {
    const plan = planOf(KEYED + sql);
    const text = explain(plan, { stage: 'pipeline', format: 'text', strategy });
    return text.split('\n').filter((line) => line.includes('on v2'));
  };
  const lines = (sql: string, strategy: PartitioningStrategy | null = null): string[] =>
    shown(sql, strategy).map((line) => line.replace(/^[ │]+/, ''));

  it('shows the strategy, its reason, the exchanges and what runs once', () => {
    expect(lines(SORTED)).toEqual([
      'on v2: strategy hash (keyed by name), not parallel: sort-1',
      'exchange on v2: all rows to one partition',
      'exchange on v2: by name, pre-aggregated',
    ]);
    expect(lines('SELECT t.id FROM t JOIN u ON t.id = u.v')).toEqual([
      'on v2: strategy hash (keyed by id; v), all parallel',
      'exchange on v2: left by id, right by v',
    ]);
    expect(lines(SYMBOLS)).toEqual([
      `on v2: strategy smart ('key.fields' of "trades" (symbol) are within the key), all parallel`,
      'exchange on v2: by source split',
    ]);
  });

  it('shows no exchange where rows lie together already', () => {
    expect(
      lines(
        'SELECT name, c, COUNT(*) AS n FROM (SELECT name, COUNT(*) AS c FROM t GROUP BY name) GROUP BY c, name',
      ),
    ).toEqual(['on v2: strategy hash (keyed by name), all parallel', 'exchange on v2: by name']);
  });

  it('shows the strategy that was asked for, and refuses one that does not fit', () => {
    expect(lines(SORTED, 'fan-in')).toEqual([
      'on v2: strategy fan-in (one partition takes all rows), not parallel: sort-1, aggregate-1',
      'exchange on v2: all rows to one partition, pre-aggregated',
    ]);
    expect(() => lines(SORTED, 'round-robin')).toThrow('sort-1 has state');
  });

  it('shows it in JSON and in the diagram', () => {
    const plan = planOf(SORTED);
    const json = JSON.parse(explain(plan, { stage: 'pipeline', format: 'json' })) as {
      readonly queries: readonly { readonly v2: unknown }[];
    };
    expect(json.queries[0]!.v2).toEqual({
      strategy: { name: 'hash', reason: 'keyed by name' },
      exchanges: {
        'query-1/aggregate-1': [{ input: 0, by: ['name'], routing: 'hash', preAggregated: true }],
        'query-1/sort-1': [{ input: 0, by: null, routing: 'single', preAggregated: false }],
      },
      notParallel: ['query-1/sort-1'],
    });
    const diagram = explain(plan, { stage: 'pipeline', format: 'mermaid' });
    expect(diagram).toContain('<br/>on v2: strategy hash (keyed by name), not parallel: sort-1');
    expect(diagram).toContain('<br/>exchange on v2: by name, pre-aggregated<br/>');
  });
});
