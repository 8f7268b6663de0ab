/** Emission and changelog modes: what each operator emits for whom, and who cannot consume it. */
import { describe, expect, it } from 'vitest';
import { faultsOf, firstFault, nodeOf, nodesOf, queryOf } from './support.js';

const aggregates = (query: string, changelog = false): string[] =>
  nodesOf(queryOf(query, { changelog }).root).flatMap((node) =>
    node.kind === 'aggregate' ? [`${node.emission} ${node.mode}`] : [],
  );
const windowed = (query: string): string => {
  const node = nodeOf(queryOf(query), 'window-aggregate');
  return `${node.emission} ${node.mode}`;
};

describe('GROUP BY without WINDOW', () => {
  it.each([
    ['SELECT id, COUNT(*) FROM t GROUP BY id', 'changes upsert'],
    ['SELECT id, COUNT(*) FROM t GROUP BY id EMIT CHANGES', 'changes upsert'],
    ['SELECT id, COUNT(*) FROM t GROUP BY id EMIT FINAL', 'final append'],
    ['SELECT id, COUNT(*) AS n FROM t GROUP BY id ORDER BY n', 'final append'],
    ['SELECT id, COUNT(*) FROM t GROUP BY id LIMIT 3', 'final append'],
    ['SELECT id, COUNT(*) FROM t GROUP BY id EMIT CHANGES LIMIT 3', 'changes upsert'],
    ['SELECT id, COUNT(*) FROM u GROUP BY id EMIT CHANGES LIMIT 3', 'changes upsert'],
    ['SELECT DISTINCT id FROM t', 'changes append'],
    ['SELECT id FROM t GROUP BY id', 'changes upsert'],
  ])('%s', (query, emission) => expect(aggregates(query)).toEqual([emission]));

  it('emits retractions with --changelog', () => {
    expect(aggregates('SELECT id, COUNT(*) FROM t GROUP BY id', true)).toEqual(['retract retract']);
    expect(aggregates('SELECT id, COUNT(*) FROM t GROUP BY id EMIT FINAL', true)).toEqual([
      'final append',
    ]);
  });

  it('feeds retractions to operators inside the query, whatever EMIT says', () => {
    const query =
      'SELECT COUNT(*) FROM (SELECT id, COUNT(*) AS n FROM t GROUP BY id) WHERE n > 1 EMIT CHANGES';
    expect(aggregates(query)).toEqual(['changes upsert', 'retract retract']);
  });

  it('is final inside when only the end of input is looked at', () => {
    const inner = '(SELECT id, COUNT(*) AS n FROM t GROUP BY id)';
    expect(aggregates(`SELECT SUM(n) FROM ${inner} EMIT FINAL`)).toEqual([
      'final append',
      'final append',
    ]);
    expect(aggregates(`SELECT n FROM ${inner} ORDER BY n`)).toEqual(['final append']);
  });

  it('signs that it consumes retractions', () => {
    const query = queryOf('SELECT COUNT(*) FROM (SELECT id FROM u GROUP BY id)');
    expect(nodeOf(query, 'aggregate').signature).toContain('input(retract)');
  });
});

describe('windows', () => {
  it.each([
    ['SELECT COUNT(*) FROM t WINDOW TUMBLING(ts, 1m)', 'final append'],
    ['SELECT COUNT(*) FROM t WINDOW TUMBLING(ts, 1m) EMIT FINAL', 'final append'],
    ['SELECT COUNT(*) FROM t WINDOW TUMBLING(ts, 1m) EMIT CHANGES', 'snapshot upsert'],
    [
      "SET 'emit.changes' = 'delta'; SELECT COUNT(*) FROM t WINDOW TUMBLING(ts, 1m) EMIT CHANGES",
      'delta upsert',
    ],
    [
      "SET 'late.strategy' = 'process-all'; SELECT COUNT(*) FROM t WINDOW TUMBLING(ts, 1m)",
      'final upsert',
    ],
    [
      "SET 'allowed.lateness' = '1m'; SELECT COUNT(*) FROM t WINDOW TUMBLING(ts, 1m)",
      'final upsert',
    ],
  ])('%s', (query, emission) => expect(windowed(query)).toBe(emission));

  it('are final inside a query, whatever EMIT says of the outermost SELECT', () => {
    const query =
      'SELECT MAX(n) FROM (SELECT name, COUNT(*) AS n FROM t GROUP BY name WINDOW TUMBLING(ts, 1m)) EMIT CHANGES';
    expect(windowed(query)).toBe('final append');
  });

  it('are ordered window by window on an unbounded input', () => {
    const query = queryOf(
      'SELECT name, COUNT(*) AS n FROM u GROUP BY name WINDOW TUMBLING(at, 1m) ORDER BY n LIMIT 2',
    );
    const sort = nodeOf(query, 'sort');
    expect(sort.input.schema[sort.windowEnd!]!.name).toBe('window_end');
    expect([sort.limit, nodeOf(query, 'limit').count]).toEqual([null, 2]);
    const bounded = nodeOf(
      queryOf(
        'SELECT name, COUNT(*) AS n FROM t GROUP BY name WINDOW TUMBLING(ts, 1m) ORDER BY n LIMIT 2',
      ),
      'sort',
    );
    expect([bounded.windowEnd, bounded.limit]).toEqual([null, 2]);
  });
});

describe('what does not fit is refused with its reason', () => {
  it('EMIT FINAL without WINDOW on an unbounded input', () => {
    const fault = firstFault('SELECT id, COUNT(*) FROM u GROUP BY id EMIT FINAL');
    expect(fault.key).toBe('EMIT_INVALID');
    expect(fault.message).toContain('EMIT FINAL');
    expect(fault.message).toContain('unbounded');
  });

  it.each([
    ['SELECT id FROM u EMIT FINAL', 'EMIT_INVALID EMIT FINAL'],
    [
      'SELECT id, COUNT(*) FROM u GROUP BY id LIMIT 3',
      'EMIT_INVALID SELECT id, COUNT(*) FROM u GROUP BY id',
    ],
    ['SELECT id FROM u ORDER BY id', 'ORDER_BY_UNBOUNDED id'],
    [
      'SELECT id, COUNT(*) AS n FROM t GROUP BY id ORDER BY n EMIT CHANGES',
      'EMIT_INVALID EMIT CHANGES',
    ],
    [
      'SELECT SUM(n) OVER (ROWS WINDOW BUFFER 2 ROWS) FROM (SELECT id, COUNT(*) AS n FROM t GROUP BY id)',
      'CHANGELOG_MODE SUM(n) OVER (ROWS WINDOW BUFFER 2 ROWS)',
    ],
    [
      "SET 'late.strategy' = 'process-all'; SELECT COUNT(*) FROM (SELECT COUNT(*) AS n FROM t WINDOW TUMBLING(ts, 1m))",
      'CHANGELOG_MODE SELECT COUNT(*) FROM (SELECT COUNT(*) AS n FROM t WINDOW TUMBLING(ts, 1m))',
    ],
    [
      'SELECT APPROX_COUNT_DISTINCT(n) FROM (SELECT id, COUNT(*) AS n FROM t GROUP BY id)',
      'CHANGELOG_MODE APPROX_COUNT_DISTINCT(n)',
    ],
    [
      'CREATE STREAM s AS SELECT id, COUNT(*) FROM t GROUP BY id EMIT FINAL',
      'EMIT_INVALID EMIT FINAL',
    ],
  ])('%s', (query, fault) => expect(faultsOf(query)).toEqual([fault]));
});

describe('joins and Top-N', () => {
  it('of inner joins only add rows; outer joins take rows back', () => {
    const mode = (type: string): string =>
      nodeOf(queryOf(`SELECT t.id FROM t ${type} JOIN u ON t.id = u.id`), 'join').mode;
    expect([mode('INNER'), mode('LEFT'), mode('RIGHT'), mode('FULL')]).toEqual([
      'append',
      'retract',
      'retract',
      'retract',
    ]);
  });

  it('Top-N replaces rows by key and rank, and takes them back inside a query', () => {
    const top = '(SELECT id, ROW_NUMBER() OVER (PARTITION BY name ORDER BY amount) AS rn FROM t)';
    const query = queryOf(`SELECT id, rn FROM ${top} WHERE rn <= 2`);
    expect([nodeOf(query, 'top-n').mode, nodeOf(query, 'top-n').rankColumn]).toEqual([
      'upsert',
      true,
    ]);
    expect(nodeOf(queryOf(`SELECT COUNT(*) FROM ${top} WHERE rn <= 2`), 'top-n').mode).toBe(
      'retract',
    );
  });

  it.each([
    ['rn <= 2', 2],
    ['rn < 3', 2],
    ['2 >= rn', 2],
    ['rn = 1', 1],
    ['1 = rn', 1],
  ])('Top-N is recognised from %s', (condition, limit) => {
    const top = '(SELECT id, ROW_NUMBER() OVER (PARTITION BY name ORDER BY amount) AS rn FROM t)';
    const node = nodeOf(queryOf(`SELECT id FROM ${top} WHERE ${condition}`), 'top-n');
    expect([node.limit, node.rankColumn]).toEqual([limit, false]);
  });
});
