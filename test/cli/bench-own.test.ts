/**
 * `velo bench FILE.sql`: a query of the user's own, in its own surroundings, without annotations.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { velo } from '../support/velo-process.js';

const folder = mkdtempSync(join(tmpdir(), 'velo-bench-own-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const LIMIT = { limitMs: 200_000, cwd: folder };
const ONCE = ['--runs', '1', '--warmup', '0'];

interface Result {
  readonly scenario: string;
  readonly arch: string;
  readonly partitions: number;
  readonly source: string;
  readonly rowsIn: number;
  readonly rowsOut: number;
  readonly verified: boolean;
  readonly ratioToV1: { readonly of: string } | null;
}

interface Measured {
  readonly exit: number | null;
  readonly stderr: string;
  readonly results: readonly Result[];
}

async function bench(
  sql: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  asText = false,
): Promise<Measured> {
  writeFileSync(join(folder, 'query.sql'), sql);
  const json = join(folder, 'results.json');
  rmSync(json, { force: true });
  const ran = await velo(['bench', asText ? sql : 'query.sql', ...ONCE, ...args, '--json', json], {
    ...LIMIT,
    env,
  });
  const { exit, stderr } = ran;
  if (!readdirSync(folder).includes('results.json')) return { exit, stderr, results: [] };
  const { results } = JSON.parse(readFileSync(json, 'utf8')) as { results: Result[] };
  return { exit, stderr, results };
}

beforeAll(() => {
  const lines = Array.from(
    { length: 3000 },
    (_, i) =>
      `{"symbol":"S${i % 7}","price":${100 + (i % 50)},"ms":${1_700_000_000_000 + i * 100}}`,
  );
  writeFileSync(join(folder, 'trades.jsonl'), `${lines.join('\n')}\n`);
});

const TRADES = `CREATE TABLE trades (
  symbol VARCHAR, price DOUBLE, ms BIGINT, et TIMESTAMP AS TO_TIMESTAMP_LTZ(ms, 3),
  WATERMARK FOR et AS et) WITH ('connector' = 'file', 'path' = 'trades.jsonl');\n`;

describe('velo bench FILE.sql', () => {
  it('measures an INSERT on both architectures and writes nothing', async () => {
    const { exit, stderr, results } = await bench(
      `CREATE TABLE totals (symbol VARCHAR, total DOUBLE)
         WITH ('connector' = 'file', 'path' = 'totals.jsonl');
       INSERT INTO totals SELECT symbol, SUM(price) FROM '\${WHERE_TRADES_ARE}' GROUP BY symbol;`,
      ['--arch', 'both', '--partitions', '3', '--workers', '2'],
      { WHERE_TRADES_ARE: 'trades.jsonl' },
    );
    expect(exit, stderr).toBe(0);
    expect(stderr).toContain(
      'nothing is written to "totals" (file): rows are counted and digested',
    );
    expect(results).toMatchObject([
      { scenario: 'query', arch: 'v1', source: 'file', rowsIn: 3000, verified: true },
      { scenario: 'query', arch: 'v2', source: 'file', rowsIn: 3000, verified: true },
    ]);
    expect(readdirSync(folder)).not.toContain('totals.jsonl');
  });

  it('measures SQL text in place of a file', async () => {
    const sql = "SELECT symbol, COUNT(*) AS n FROM 'trades.jsonl' GROUP BY symbol EMIT FINAL";
    const { exit, stderr, results } = await bench(sql, [], {}, true);
    expect(exit, stderr).toBe(0);
    expect(results).toMatchObject([{ scenario: 'sql', rowsIn: 3000, rowsOut: 7, verified: true }]);
  });

  it('takes settings from the file, the environment and velo.yaml', async () => {
    const sql = `${TRADES}SELECT symbol, CAST(symbol AS BIGINT) AS n FROM trades;`;
    const failed = await bench(sql, []);
    expect(failed.exit).toBe(1);
    expect(failed.stderr).toContain('does not convert to BIGINT');
    writeFileSync(join(folder, 'velo.yaml'), 'on_error: skip\nnum_partitions: 3\n');
    try {
      const { exit, stderr, results } = await bench(sql, [], { VELO_WORKERS: '1' });
      expect(exit, stderr).toBe(0);
      expect(results).toMatchObject([{ arch: 'v2', partitions: 3, rowsOut: 0, verified: true }]);
    } finally {
      rmSync(join(folder, 'velo.yaml'));
    }
  });

  it('verifies snapshots that hold the groups of one partition', async () => {
    const { exit, stderr, results } = await bench(
      `${TRADES}SELECT symbol, COUNT(*) AS n FROM trades WINDOW TUMBLING(1m)
       GROUP BY symbol EMIT CHANGES;`,
      ['--arch', 'both', '--partitions', '3', '--workers', '2'],
    );
    expect(exit, stderr).toBe(0);
    const [v1, v2] = results;
    expect(v2?.rowsOut).toBeLessThan(v1?.rowsOut ?? 0);
    expect(v2).toMatchObject({ verified: true, ratioToV1: { of: 'rows out' } });
  });

  it('reads a source without end as far as --records says, or not at all', async () => {
    const sql = `CREATE TABLE numbers (i BIGINT, k BIGINT AS i % 10)
         WITH ('connector' = 'generator');
       SELECT k, COUNT(*) AS n FROM numbers GROUP BY k;`;
    const refused = await bench(sql, []);
    expect(refused.exit).toBe(2);
    expect(refused.stderr).toContain('table "numbers" has no end');
    expect(refused.stderr).toContain('hint: say how many records a run reads: --records 1m');
    const { exit, stderr, results } = await bench(sql, ['--records', '5000']);
    expect(exit, stderr).toBe(0);
    expect(results).toMatchObject([{ source: 'generated', rowsIn: 5000, rowsOut: 5000 }]);
  });

  it('reads a followed file to its end', async () => {
    const { exit, stderr, results } = await bench(
      `${TRADES.replace(');\n', ", 'follow' = 'true');\n")}SELECT symbol FROM trades;
       SELECT price FROM trades WHERE price > 120;`,
      [],
    );
    expect(exit, stderr).toBe(0);
    expect(stderr).toContain('"trades.jsonl" is read up to its present end, not followed');
    expect(results).toMatchObject([{ source: 'file', rowsIn: 6000, verified: true }]);
  });

  it('believes annotations where there are some', async () => {
    const sql = `-- @expect.rows: 3000\n-- @expect.sum.ms: 1\nSELECT ms FROM 'trades.jsonl';`;
    const { exit, stderr } = await bench(sql, []);
    expect(exit).toBe(3);
    expect(stderr).toContain('sum of "ms" is');
    expect(stderr).not.toContain('rows instead of');
  });

  it.each([
    ["SELECT symbo FROM 'trades.jsonl'", [], 'query.sql:1:8'],
    [
      `CREATE TABLE t (x BIGINT) WITH ('connector' = 'file', 'path' = '-', 'format' = 'json');
       SELECT x FROM t`,
      [],
      'records come only once',
    ],
    ["SELECT symbol FROM 'trades.jsonl'", ['--rate', '100'], 'paces generated records, not file'],
    ["SELECT symbol FROM 'trades.jsonl'", ['--scenario', '0'], 'both say what is run'],
  ])('refuses %s %j', async (sql, args, message) => {
    const { exit, stderr } = await bench(sql, args);
    expect(stderr).toContain(message);
    expect(exit).toBe(2);
  });
});

describe('velo bench that is stopped', () => {
  const json = join(folder, 'stopped.json');

  /** Stopped as soon as -v says that `line` has begun. */
  async function stopped(line: string, args: readonly string[]): ReturnType<typeof velo> {
    writeFileSync(join(folder, 'query.sql'), `${TRADES}SELECT symbol FROM trades;`);
    rmSync(json, { force: true });
    let send: (name: NodeJS.Signals) => void = () => undefined;
    let isSent = false;
    return velo(['bench', 'query.sql', ...args, '-v', '--json', json], {
      ...LIMIT,
      started: (signal) => (send = signal),
      stderr: (text) => {
        if (!isSent && text.includes(line)) send('SIGINT');
        isSent ||= text.includes(line);
      },
    });
  }

  it('prints and writes what it has, and exits 130', async () => {
    const { exit, stdout, stderr } = await stopped('run 2 of 500', [
      ...['--arch', 'both', '--partitions', '2', '--runs', '500', '--warmup', '0'],
      ...['--save-baseline', 'base.json'],
    ]);
    expect(stderr).toMatch(/stopped after \d{1,3} of 1000 runs/);
    expect(stderr).toContain('"base.json" is not written');
    expect(exit).toBe(130);
    expect(stdout).toContain('all 2 results are verified');
    const document = JSON.parse(readFileSync(json, 'utf8')) as {
      interrupted: boolean;
      results: { recordsPerSecond: { samples: number[] } }[];
    };
    expect(document.interrupted).toBe(true);
    expect(document.results).toHaveLength(2);
    expect(document.results[0]?.recordsPerSecond.samples.length).toBeLessThan(500);
    expect(readdirSync(folder)).not.toContain('base.json');
  });

  it('has nothing to print before the first run is over', async () => {
    const { exit, stdout, stderr } = await stopped('run 1 of 500', [
      ...['--runs', '500', '--warmup', '1000000'],
    ]);
    expect(exit).toBe(130);
    expect(stderr).toContain('stopped after 0 of 500 runs');
    expect(stdout).toBe('');
    expect(readdirSync(folder)).not.toContain('stopped.json');
  });
});

describe('velo bench compare of two SQL files', () => {
  const SMALL = ['--rounds', '1', '--repeat', '1'];

  function compare(
    before: string,
    after: string,
    args: readonly string[],
  ): ReturnType<typeof velo> {
    writeFileSync(join(folder, 'old.sql'), `${TRADES}${before}`);
    writeFileSync(join(folder, 'new.sql'), `${TRADES}${after}`);
    return velo(['bench', 'compare', 'old.sql', 'new.sql', ...SMALL, ...args], LIMIT);
  }

  it('runs them in turn, and says when they put out different rows', async () => {
    const { exit, stdout, stderr } = await compare(
      'SELECT symbol FROM trades;',
      "SELECT symbol FROM trades WHERE symbol <> 'S1';",
      [],
    );
    expect(stdout).toMatch(/old → new v1 +rec\/s/);
    expect(stderr).toMatch(/old → new v1: other output: \d+ rows instead of 3000/);
    expect(exit).toBe(0);
  });

  it('compares only what runs on one engine', async () => {
    const { exit, stderr } = await compare(
      'SELECT symbol FROM trades;',
      '-- @num_partitions: 2\nSELECT symbol FROM trades;',
      [],
    );
    expect(stderr).toContain('the files choose different engines: v1 and v2 2×');
    expect(exit).toBe(2);
  });
});
