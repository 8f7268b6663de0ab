/**
 * Partitions as a whole: watermarks, late records, metrics and strategies of jobs on worker threads,
 * and the lines that the code draws between what drives partitions and what computes. One test per
 * subject, under the subject's name.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ESLint } from 'eslint';
import { describe, expect, it } from 'vitest';
import { runOnV1, runToEnd, sorted, unaccountedRows } from './jobs.js';

const LIMIT_MS = 240_000;
const SOURCE = join(import.meta.dirname, '../../../src/processors/partitioned');

/** 3,000 events of 12 keys, a second apart; every 10th is 90 seconds late. */
function events(options: { readonly splits?: number; readonly set?: string } = {}): string {
  return `CREATE TABLE t (k BIGINT AS i % 12, v BIGINT AS i,
      ts TIMESTAMP(3) AS TO_TIMESTAMP_LTZ(
        i * 1000 - CASE WHEN i % 10 = 9 THEN 90000 ELSE 0 END, 3),
      WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)
    WITH ('connector' = 'generator', 'rows' = '3000', 'splits' = '${options.splits ?? 1}');
    ${options.set ?? ''}\n`;
}

const WINDOWS = `SELECT k, _WINDOW_START AS w, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY k
  WINDOW TUMBLING(ts, INTERVAL '1' MINUTE) EMIT FINAL;`;

const PLACE = { partitions: 4, workers: 2, batchRows: 50 };

async function sameAsV1(sql: string): Promise<Awaited<ReturnType<typeof runToEnd>>> {
  const v1 = await runOnV1(sql, { batchRows: PLACE.batchRows });
  const v2 = await runToEnd(sql, PLACE);
  expect(sorted(v2.lines)).toEqual(sorted(v1.lines));
  const [want, got] = [v1.result.queries[0]!, v2.result.queries[0]!];
  expect(got.rowsLate).toBe(want.rowsLate);
  expect(got.rowsLateDropped).toBe(want.rowsLateDropped);
  expect(unaccountedRows(v2.result)).toBe(0);
  return v2;
}

describe('late records', () => {
  it(
    'watermark filters before the window',
    async () => {
      const { result, lines } = await sameAsV1(events() + WINDOWS);
      const [query] = result.queries;
      expect(query!.rowsLateDropped).toBeGreaterThan(0);
      const counted = lines.reduce((sum, line) => sum + (JSON.parse(line) as { n: number }).n, 0);
      expect(counted).toBe(3000 - query!.rowsLateDropped);
    },
    LIMIT_MS,
  );

  it(
    'process-with-warning',
    async () => {
      const set = `SET 'late.strategy' = 'process-with-warning';`;
      const { result } = await sameAsV1(events({ set }) + WINDOWS);
      expect(result.queries[0]!.rowsLate).toBeGreaterThan(0);
      expect(result.queries[0]!.rowsLateDropped).toBe(0);
    },
    LIMIT_MS,
  );

  it(
    'process-all',
    async () => {
      const set = `SET 'late.strategy' = 'process-all';`;
      const { result, lines } = await sameAsV1(events({ set }) + WINDOWS);
      expect(result.queries[0]!.rowsLateDropped).toBe(0);
      const last = new Map<string, number>();
      for (const line of lines) {
        const { k, w, n } = JSON.parse(line) as { k: number; w: number; n: number };
        last.set(`${k} ${w}`, n);
      }
      expect([...last.values()].reduce((sum, n) => sum + n, 0)).toBe(3000);
    },
    LIMIT_MS,
  );
});

describe('partitions', () => {
  it(
    'watermark isolation per partition: one without rows of late keys closes windows all the same',
    async () => {
      const sql = `CREATE TABLE t (k BIGINT AS CASE WHEN i < 1500 THEN i % 12 ELSE 3 END,
          v BIGINT AS i, ts TIMESTAMP(3) AS TO_TIMESTAMP_LTZ(i * 1000, 3),
          WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)
        WITH ('connector' = 'generator', 'rows' = '3000');\n${WINDOWS}`;
      const { result } = await sameAsV1(sql);
      const marks = result.queries[0]!.partitions.map(({ watermarkMs }) => watermarkMs);
      expect(new Set(marks)).toEqual(new Set([2_994_000]));
    },
    LIMIT_MS,
  );

  it(
    'metrics isolation per partition: each counts its own rows, and together all of them',
    async () => {
      const sql = `${events()}SELECT k, COUNT(*) AS n FROM t GROUP BY k EMIT CHANGES;`;
      const { result } = await sameAsV1(sql);
      const { partitions } = result.queries[0]!;
      const total = (pick: (partition: (typeof partitions)[0]) => number): number =>
        partitions.reduce((sum, partition) => sum + pick(partition), 0);
      expect(partitions.map(({ partition }) => partition)).toEqual([0, 1, 2, 3]);
      expect(total(({ rowsIn }) => rowsIn)).toBe(3000);
      expect(total(({ rowsOut }) => rowsOut)).toBe(3000);
      for (const { rowsIn, rowsOut } of partitions) {
        expect(rowsIn).toBe(rowsOut);
        // 12 keys of 250 rows each: no partition counts a part of a key.
        expect(rowsIn % 250).toBe(0);
      }
    },
    LIMIT_MS,
  );

  it(
    'batches respect watermarks: their size changes no row and no late record',
    async () => {
      for (const splits of [1, 3]) {
        const sql = events({ splits }) + WINDOWS;
        const counts = [];
        for (const batchRows of [1, 7, 512, 4096]) {
          const v1 = await runOnV1(sql, { batchRows });
          const { lines, result } = await runToEnd(sql, { ...PLACE, batchRows });
          expect(sorted(lines)).toEqual(sorted(v1.lines));
          counts.push(result.queries[0]!.rowsLateDropped);
        }
        if (splits === 1) expect(new Set(counts).size).toBe(1);
      }
    },
    LIMIT_MS,
  );

  it(
    'GROUP BY _PARTITION and _WINDOW_START',
    async () => {
      const sql = `${events({ splits: 4 })}SELECT _PARTITION AS p, _WINDOW_START AS w, COUNT(*) AS n
        FROM t GROUP BY _PARTITION WINDOW TUMBLING(ts, INTERVAL '1' MINUTE) EMIT FINAL;`;
      const { lines } = await sameAsV1(sql);
      const splits = lines.map((line) => (JSON.parse(line) as { p: number }).p);
      expect(new Set(splits)).toEqual(new Set([0, 1, 2, 3]));
    },
    LIMIT_MS,
  );
});

describe('strategies', () => {
  const scenario = readFileSync(
    join(import.meta.dirname, '../../../scenarios/3b-tumbling-emit-changes.sql'),
    'utf8',
  ).replace(/\$\{\w+:-([^}]*)\}/g, '$1');

  it(
    'fan-in gives 99,810 rows for 3b',
    async () => {
      const { result } = await runToEnd(scenario, {
        partitions: 8,
        workers: 2,
        blackhole: true,
        settings: { strategy: 'fan-in' },
      });
      expect(result.rowsOut).toBe(99_810);
    },
    LIMIT_MS,
  );

  it.each(['hash', 'smart', 'sticky', 'fan-in'] as const)(
    '%s: the rows of V1',
    async (strategy) => {
      // Rows may stay with their split only where there is one.
      const splits = strategy === 'sticky' ? 1 : 4;
      const sql = `${events({ splits })}SELECT _PARTITION AS p, COUNT(*) AS n, SUM(v) AS s FROM t
        GROUP BY _PARTITION EMIT FINAL;`;
      const v1 = await runOnV1(sql);
      const { lines } = await runToEnd(sql, { ...PLACE, settings: { strategy } });
      expect(sorted(lines)).toEqual(sorted(v1.lines));
    },
    LIMIT_MS,
  );

  it(
    'round-robin: stateless rows in the order of V1',
    async () => {
      const sql = `${events()}SELECT k, v FROM t WHERE v % 2 = 0;`;
      const { lines } = await runToEnd(sql, { ...PLACE, settings: { strategy: 'round-robin' } });
      expect(lines).toEqual((await runOnV1(sql)).lines);
    },
    LIMIT_MS,
  );
});

function importsOf(file: string): string[] {
  const text = readFileSync(join(SOURCE, file), 'utf8');
  return [...text.matchAll(/from '([^']+)'/g)].map((match) => match[1] as string);
}

describe('what knows what', () => {
  it('no window logic in the partition manager', () => {
    const code = readFileSync(join(SOURCE, 'worker/partition-state.ts'), 'utf8').replace(
      /\/\*[\s\S]*?\*\//g,
      '',
    );
    expect(code).not.toMatch(/window|tumbling|hopping|session|pane/i);
    expect(
      importsOf('worker/partition-state.ts').filter((path) => /operators\/|window/.test(path)),
    ).toEqual([]);
  });

  it('nothing that drives partitions imports an operator', () => {
    const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.ts'),
    );
    expect(files.length).toBeGreaterThan(20);
    const inner = files.flatMap((file) =>
      importsOf(file)
        .filter((path) => /runtime\/operators\/(?!watermark)/.test(path))
        .map((path) => `${file}: ${path}`),
    );
    expect(inner).toEqual([]);
  });

  it(
    'separation of concerns: imports that point up, and shared memory elsewhere, are lint errors',
    async () => {
      const eslint = new ESLint({ cwd: join(import.meta.dirname, '../../..') });
      const faultsOf = async (filePath: string, code: string): Promise<(string | null)[]> => {
        const [result] = await eslint.lintText(code, { filePath });
        return result!.messages.map(({ ruleId }) => ruleId);
      };
      const samples = [
        ['src/runtime/sample.ts', `export * from '../processors/simple.js';`],
        ['src/runtime/operators/sample.ts', `export * from '../../connectors/file.js';`],
        ['src/state/sample.ts', `export * from '../runtime/pipeline.js';`],
        ['src/connectors/sample.ts', `export * from '../processors/partitioned/ring.js';`],
        ['src/processors/partitioned/sample.ts', `export * from '../../job.js';`],
      ] as const;
      for (const [path, code] of samples) {
        expect(await faultsOf(path, code), path).toEqual(['no-restricted-imports']);
      }
      const shares = 'export const memory = new SharedArrayBuffer(8);';
      expect(await faultsOf('src/runtime/sample.ts', shares)).toEqual(['no-restricted-globals']);
      expect(await faultsOf('src/processors/partitioned/sample.ts', shares)).toEqual([]);
    },
    LIMIT_MS,
  );
});
