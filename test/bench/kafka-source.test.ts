/**
 * `velo bench --source kafka` on a real broker, by both ways to fetch: outputs verify on V1 and V2,
 * topics are filled once and told by what is in them, and what was left half full is filled again.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { javaSuiteRuns } from '../support/java.mjs';
import { startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import { velo } from '../support/velo-process.js';

const folder = mkdtempSync(join(tmpdir(), 'velo-bench-kafka-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const LIMIT = { limitMs: 100_000 };

interface Result {
  readonly scenario: string;
  readonly arch: string;
  readonly source: string;
  readonly verified: boolean;
  readonly rowsIn: number;
  readonly conditions: { readonly kafka: Readonly<Record<string, unknown>> };
}

describe.runIf(javaSuiteRuns('velo bench on Kafka'))('velo bench --source kafka', () => {
  let broker: KafkaBroker;

  beforeAll(async () => {
    broker = await startKafkaBroker();
  });
  afterAll(() => broker.stop());

  async function bench(
    ...args: readonly string[]
  ): Promise<{ results: Result[]; stdout: string; stderr: string }> {
    const json = join(folder, 'results.json');
    const { exit, stdout, stderr } = await velo(
      [
        ...['bench', '--source', 'kafka', '--brokers', broker.brokers, '--json', json],
        ...['--runs', '1', '--warmup', '0', ...args],
      ],
      LIMIT,
    );
    expect(exit, stderr).toBe(0);
    const document = JSON.parse(readFileSync(json, 'utf8')) as { results: Result[] };
    return { results: document.results, stdout, stderr };
  }

  it.each(['columnar', 'librdkafka'])(
    'verifies every scenario on V1 and V2 with %s fetch',
    async (fetch) => {
      const { results, stdout, stderr } = await bench(
        ...['--arch', 'both', '--partitions', '4', '--workers', '2', '--records', '20000'],
        ...['--fetch', fetch, '--codec', 'lz4'],
      );
      expect(results).toHaveLength(10);
      for (const { scenario, source, verified, rowsIn, conditions } of results) {
        expect({ scenario, source, verified, rowsIn }).toMatchObject({
          source: 'kafka',
          verified: true,
          rowsIn: 20_000,
        });
        expect(conditions.kafka).toEqual({
          brokers: broker.brokers,
          partitions: scenario === '3b' ? 1 : 4,
          codec: 'lz4',
          fetch,
        });
      }
      expect(stdout).toContain(`kafka ${fetch}, lz4, 4p`);
      expect(stderr).toContain(`at ${broker.brokers}, 4 partitions, lz4`);
    },
    60_000,
  );

  it('fills a topic once, and again when it is not complete', async () => {
    const args = ['--scenario', '0', '--records', '1000', '--topic-partitions', '2'];
    const first = await bench(...args);
    const topic = /topic (velo-bench-\S+) at/.exec(first.stderr)?.[1] ?? '';
    expect(first.stderr).toContain('1000 records');
    expect((await bench(...args)).stderr).toContain(
      `${topic} at ${broker.brokers}, 2 partitions, none, complete`,
    );
    const other = await bench(...args, '--codec', 'gzip');
    expect(other.stderr).not.toContain(topic);
    // As a run leaves it that was interrupted, or that sent a record twice.
    const sql = join(folder, 'more.sql');
    writeFileSync(
      sql,
      "CREATE TABLE more (i BIGINT) WITH ('connector' = 'generator', 'rows' = '1');",
    );
    const more = await velo(['datagen', sql, '--to', `kafka://${broker.brokers}/${topic}`], LIMIT);
    expect(more.exit, more.stderr).toBe(0);
    const { results, stderr } = await bench(...args);
    expect(stderr).toContain('1000 records');
    expect(results[0]).toMatchObject({ verified: true, rowsIn: 1000 });
  }, 120_000);

  it("cuts a topic without end in a user's query, and leaves the group alone", async () => {
    const rows = `CREATE TABLE numbers (i BIGINT, k BIGINT AS i % 7)
        WITH ('connector' = 'generator', 'rows' = '3000');`;
    const made = join(folder, 'numbers.sql');
    writeFileSync(made, rows);
    const address = `kafka://${broker.brokers}/numbers`;
    const filled = await velo(['datagen', made, '--to', address, '--partitions', '3'], LIMIT);
    expect(filled.exit, filled.stderr).toBe(0);
    const query = join(folder, 'own.sql');
    writeFileSync(
      query,
      `CREATE TABLE numbers (i BIGINT, k BIGINT) WITH ('connector' = 'kafka', 'topic' = 'numbers',
         'properties.bootstrap.servers' = '${broker.brokers}', 'format' = 'json',
         'properties.group.id' = 'production', 'scan.startup.mode' = 'group-offsets');
       SELECT k, i FROM numbers WHERE k > 1;`,
    );
    const json = join(folder, 'own.json');
    const args = ['bench', query, '--runs', '1', '--warmup', '0', '--json', json];
    const refused = await velo(args, LIMIT);
    expect(refused.exit).toBe(2);
    expect(refused.stderr).toContain('table "numbers" has no end');
    const { exit, stderr } = await velo(
      [...args, '--records', '2000', '--arch', 'both', '--partitions', '2', '--workers', '2'],
      LIMIT,
    );
    expect(exit, stderr).toBe(0);
    expect(stderr).toContain('2000 offsets of 3 partitions, without a group');
    const { results } = JSON.parse(readFileSync(json, 'utf8')) as { results: Result[] };
    expect(results).toMatchObject([
      { arch: 'v1', source: 'kafka', rowsIn: 2000, verified: true },
      { arch: 'v2', source: 'kafka', rowsIn: 2000, verified: true },
    ]);
  }, 120_000);

  it.each([
    [['--source', 'kafka'], '--source kafka needs to know the brokers'],
    [['--codec', 'lz4'], '--codec says something about topics'],
    [['--source', 'kafka', '--brokers', 'localhost:1', '--rate', '5'], 'paces generated records'],
  ])('refuses %j', async (args, what) => {
    const { exit, stderr } = await velo(['bench', '--scenario', '0', '--records', '10', ...args]);
    expect(exit).toBe(2);
    expect(stderr).toContain(what);
  });
});
