/**
 * The command over a real broker: a million trades of scenario 2 from a topic to stdout and to
 * another topic, compared with DuckDB; a broker that does not answer, a topic that does not exist
 * and one that is empty; a broker that is killed and comes back during a run.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTopics, freePorts, startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import { javaSuiteRuns } from '../support/java.mjs';
import { velo } from '../support/velo-process.js';
import { atThisPace } from '../support/machine-pace.js';

const RECORDS = 1_000_000;
const LIMIT_MS = 240_000;

const COLUMNS = 'trader_id STRING, symbol STRING, price DOUBLE, quantity BIGINT, trade_time BIGINT';
const LIST = `trader_id, symbol, COUNT(*) AS trade_count, AVG(price) AS avg_price,
  SUM(quantity) AS total_quantity, SUM(price * quantity) AS total_value`;

type Row = Record<string, string | number>;

describe.runIf(javaSuiteRuns('velo over Kafka'))('velo over Kafka', () => {
  const folder = mkdtempSync(join(tmpdir(), 'velo-e2e-'));
  let broker: KafkaBroker;

  beforeAll(async () => {
    broker = await startKafkaBroker();
    const names = ['trades', 'results', 'empty', 'restarted'];
    await createTopics(
      broker.brokers,
      names.map((topic) => ({ topic, partitions: topic === 'trades' ? 4 : 1 })),
    );
    const { exit, stderr } = await velo(
      ['run', '-e', produceTrades(broker.brokers, 'trades', RECORDS)],
      { limitMs: LIMIT_MS },
    );
    expect(stderr).toContain('1,000,000 out');
    expect(exit).toBe(0);
  }, 240_000);

  afterAll(async () => {
    await broker.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("scenario 2 to stdout: the last row of each group is DuckDB's answer", async () => {
    const sql = `${readTopic(broker.brokers, 'trades')} SELECT ${LIST} FROM t GROUP BY trader_id, symbol;`;
    const { exit, stdout, stderr } = await velo(['run', '-e', sql], { limitMs: LIMIT_MS });
    expect(exit, stderr).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(RECORDS);
    expect(lastPerGroup(lines)).toEqual(await duckdbGroups());
  }, 240_000);

  it('scenario 2 to another topic, read back complete', async () => {
    const { brokers } = broker;
    const sink = `CREATE TABLE o (trader_id STRING, symbol STRING, trade_count BIGINT, avg_price DOUBLE,
      total_quantity BIGINT, total_value DOUBLE) WITH ('connector' = 'kafka', 'topic' = 'results',
      'properties.bootstrap.servers' = '${brokers}', 'format' = 'json');`;
    const write = `${readTopic(brokers, 'trades')} ${sink} INSERT INTO o SELECT ${LIST} FROM t GROUP BY trader_id, symbol;`;
    const written = await velo(['run', '-e', write], { limitMs: LIMIT_MS });
    expect(written.exit, written.stderr).toBe(0);
    const columns = `trader_id STRING, symbol STRING, trade_count BIGINT, avg_price DOUBLE, total_quantity BIGINT, total_value DOUBLE`;
    const read = `${readTopic(brokers, 'results', columns)} SELECT * FROM t;`;
    const { exit, stdout, stderr } = await velo(['run', '-e', read], { limitMs: LIMIT_MS });
    expect(exit, stderr).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(RECORDS);
    expect(lastPerGroup(lines)).toEqual(await duckdbGroups());
  }, 240_000);

  it('an empty topic gives no row and is no error', async () => {
    const { exit, stdout } = await velo([
      'run',
      '-q',
      '-e',
      `${readTopic(broker.brokers, 'empty')} SELECT symbol FROM t;`,
    ]);
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: '' });
  });

  it('an unknown topic and an unreachable broker are errors with a code, in bounded time', async () => {
    const unknown = await velo([
      'run',
      '-e',
      `${readTopic(broker.brokers, 'no-such-topic')} SELECT symbol FROM t;`,
    ]);
    expect(unknown.stderr).toContain('error[VELO_TOPIC_NOT_FOUND]');
    expect(unknown.stderr).toContain('no-such-topic');
    expect(unknown.exit).toBe(1);
    const [port] = await freePorts(1);
    const gone = await velo([
      'run',
      '-e',
      `${readTopic(`localhost:${port}`, 'trades')} SELECT symbol FROM t;`,
    ]);
    expect(gone.stderr).toContain('error[VELO_BROKER_UNREACHABLE]');
    expect(gone.exit).toBe(1);
    expect(gone.ms).toBeLessThan(atThisPace(25_000));
  }, 60_000);

  it('dead letters go to a topic', async () => {
    const path = join(folder, 'bad.jsonl');
    writeFileSync(path, '{"id":1}\nnope\n');
    await createTopics(broker.brokers, [{ topic: 'dead' }]);
    const sql = `CREATE TABLE f (id BIGINT) WITH ('connector' = 'file', 'path' = '${path}', 'format' = 'json'); SELECT id FROM f`;
    const target = `kafka://${broker.brokers}/dead`;
    const { exit, stderr } = await velo([
      'run',
      '-e',
      sql,
      '--on-error',
      'dead-letter',
      '--dead-letter',
      target,
    ]);
    expect(exit, stderr).toBe(0);
    const read = await velo([
      'run',
      '-q',
      '-e',
      `${readTopic(broker.brokers, 'dead', 'code STRING, raw STRING')} SELECT code, raw FROM t;`,
    ]);
    expect(read.stdout).toBe('{"code":"VELO_DECODE","raw":"nope"}\n');
  }, 60_000);

  it('a broker that is killed and comes back during a run: a visible line, every record once', async () => {
    const { brokers } = broker;
    const half = 100_000;
    await velo(['run', '-q', '-e', produceTrades(brokers, 'restarted', half)], {
      limitMs: LIMIT_MS,
    });
    const unbounded = readTopic(brokers, 'restarted').replace(
      "'scan.bounded.mode' = 'latest-offset', ",
      '',
    );
    const sql = `${unbounded} SELECT _OFFSET AS o FROM t LIMIT ${2 * half};`;
    let firstHalf: () => void = () => undefined;
    const halfRead = new Promise<void>((resolve) => (firstHalf = resolve));
    const running = velo(['run', '-e', sql], {
      limitMs: LIMIT_MS,
      stdout: (text) => {
        if (text.includes(`{"o":${half - 1}}`)) firstHalf();
      },
    });
    await halfRead;
    await broker.kill('SIGKILL');
    await broker.start();
    await velo(['run', '-q', '-e', produceTrades(brokers, 'restarted', half)], {
      limitMs: LIMIT_MS,
    });
    const { exit, stdout, stderr } = await running;
    expect(exit, stderr).toBe(0);
    expect(stderr).toMatch(/went away/);
    const offsets = stdout.trimEnd().split('\n');
    expect(offsets).toHaveLength(2 * half);
    expect(new Set(offsets).size).toBe(2 * half);
  }, 180_000);

  function readTopic(brokers: string, topic: string, columns = COLUMNS): string {
    return `CREATE TABLE t (${columns}) WITH ('connector' = 'kafka', 'topic' = '${topic}',
      'properties.bootstrap.servers' = '${brokers}', 'scan.startup.mode' = 'earliest-offset',
      'scan.bounded.mode' = 'latest-offset', 'format' = 'json');`;
  }

  function produceTrades(brokers: string, topic: string, records: number): string {
    return `CREATE TABLE g (trader_id STRING AS 'TRADER' || i % 20, symbol STRING AS 'SYM' || i % 10,
        price DOUBLE AS 100.0 + (i % 50), quantity BIGINT AS 100 + (i % 1000), trade_time BIGINT AS 1700000000 + i)
        WITH ('connector' = 'generator', 'rows' = '${records}');
      CREATE TABLE o (${COLUMNS}) WITH ('connector' = 'kafka', 'topic' = '${topic}',
        'properties.bootstrap.servers' = '${brokers}', 'format' = 'json');
      INSERT INTO o SELECT * FROM g;`;
  }

  async function duckdbGroups(): Promise<Map<string, Row>> {
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    const connection = await instance.connect();
    const reader = await connection.runAndReadAll(`SELECT ${LIST} FROM (
      SELECT 'TRADER' || (i % 20) AS trader_id, 'SYM' || (i % 10) AS symbol, (100.0 + i % 50)::DOUBLE AS price,
        (100 + i % 1000)::BIGINT AS quantity FROM range(${RECORDS}) AS source(i)) GROUP BY trader_id, symbol`);
    const rows = reader
      .getRowObjects()
      .map((row) =>
        Object.fromEntries(
          Object.entries(row).map(([name, value]) => [
            name,
            typeof value === 'string' ? value : Number(value),
          ]),
        ),
      );
    connection.closeSync();
    return new Map(rows.map((row) => [`${row['trader_id']}|${row['symbol']}`, row]));
  }

  function lastPerGroup(lines: readonly string[]): Map<string, Row> {
    const rows = lines.map((line) => JSON.parse(line) as Row);
    return new Map(rows.map((row) => [`${row['trader_id']}|${row['symbol']}`, row]));
  }
});
