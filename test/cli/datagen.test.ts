/**
 * `velo datagen` as a user meets it: rows in a file and in a topic of a real broker, which table is
 * meant, pace, ^C, and what is refused. Rows are read back with `velo run`.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { javaSuiteRuns } from '../support/java.mjs';
import { startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import { velo } from '../support/velo-process.js';
import { atThisPace } from '../support/machine-pace.js';

const folder = mkdtempSync(join(tmpdir(), 'velo-datagen-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const LIMIT = { limitMs: 200_000 };

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function generator(name: string, rows: number | null, more = ''): string {
  const bound = rows === null ? '' : `, 'rows' = '${rows}'`;
  return (
    `CREATE TABLE ${name} (id BIGINT AS i, customer STRING AS 'c' || i % 5, amount DOUBLE AS i + 0.5)\n` +
    `WITH ('connector' = 'generator'${bound}${more});\n`
  );
}

const orders = file(
  'orders.sql',
  `${generator('orders', 3)}SELECT id FROM orders WHERE amount > 1;`,
);
const two = file(
  'two.sql',
  `${generator('orders', 3)}${generator('payments', 2)}` +
    "CREATE TABLE log (id BIGINT) WITH ('connector' = 'file', 'path' = 'log.jsonl');\n",
);

describe('velo datagen to a file', () => {
  it('writes JSON lines and says how many rows and bytes', async () => {
    const path = join(folder, 'orders.jsonl');
    const { exit, stdout, stderr } = await velo([
      'datagen',
      orders,
      '--table',
      'orders',
      '--to',
      path,
    ]);
    expect(exit, stderr).toBe(0);
    expect(stdout).toBe('');
    expect(readFileSync(path, 'utf8')).toBe(
      '{"id":0,"customer":"c0","amount":0.5}\n{"id":1,"customer":"c1","amount":1.5}\n' +
        '{"id":2,"customer":"c2","amount":2.5}\n',
    );
    expect(stderr).toContain(
      `written "orders" to "${path}" · 3 rows · ${statSync(path).size} bytes`,
    );
  });

  it('writes CSV by the name of the file or the flag, and as many rows as asked for', async () => {
    const path = join(folder, 'orders.csv');
    const other = join(folder, 'orders.txt');
    await velo(['datagen', orders, '--to', path, '--rows', '1', '-q']);
    const { stderr } = await velo([
      'datagen',
      orders,
      '--to',
      other,
      '--rows',
      '1',
      '--format',
      'csv',
      '-q',
    ]);
    expect(stderr).toBe('');
    expect(readFileSync(path, 'utf8')).toBe('id,customer,amount\n0,c0,0.5\n');
    expect(readFileSync(other, 'utf8')).toBe(readFileSync(path, 'utf8'));
  });

  it('keeps the pace of --rate', async () => {
    const path = join(folder, 'paced.jsonl');
    const args = ['datagen', orders, '--to', path, '--rows', '400', '--rate', '1000'];
    const { exit, stderr } = await velo(args);
    expect(exit).toBe(0);
    const seconds = Number(/ ([\d.]+) s ·/.exec(stderr)?.[1]);
    expect(seconds).toBeGreaterThan(0.38);
  });

  it('stops cleanly at ^C with what it has written', async () => {
    const path = join(folder, 'endless.jsonl');
    const endless = file(
      'endless.sql',
      generator('endless', null, ", 'rows-per-second' = '50000'"),
    );
    let interrupt = (): void => undefined;
    const running = velo(['datagen', endless, '--to', path], {
      ...LIMIT,
      started: (signal) => {
        interrupt = () => signal('SIGINT');
      },
    });
    // A second signal would end it at once.
    const timer = setInterval(() => {
      if (!hasRows(path)) return;
      clearInterval(timer);
      interrupt();
    }, 50);
    const { exit, stderr } = await running;
    expect(exit).toBe(130);
    expect(stderr).toContain('stopped "endless" to');
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ id: lines.length - 1 });
  });

  it.each([
    [[two, '--to', 'x'], 'has not exactly one generator table', '"orders", "payments"'],
    [
      [two, '--table', 'payment', '--to', 'x'],
      'declares no table "payment"',
      'did you mean "payments"?',
    ],
    [[two, '--table', 'log', '--to', 'x'], 'has the connector "file"', '"orders", "payments"'],
    [[orders, '--to', 'x', '--partitions', '4'], '--partitions says something about a topic', ''],
    [[orders, '--to', 'x', '--key', 'id'], '--key says something about a topic', ''],
    [[orders, '--to', 'x', '--compression', 'lz5'], '--compression', 'choose one of'],
    [[orders], '--to', ''],
    [[join(folder, 'none.sql'), '--to', 'x'], 'SQL file', ''],
    [[file('bad.sql', 'CREATE TABL x;'), '--to', 'x'], 'error[VELO_', ''],
  ])('refuses %j', async (args, what, hint) => {
    const { exit, stderr } = await velo(['datagen', ...args], { cwd: folder });
    expect(exit).toBe(2);
    expect(stderr).toContain(what);
    expect(stderr).toContain(hint);
    expect(existsSync(join(folder, 'x'))).toBe(false);
  });

  it('exits 1 where nothing can be written', async () => {
    const { exit, stderr } = await velo([
      'datagen',
      orders,
      '--to',
      join(folder, 'no/where.jsonl'),
    ]);
    expect(exit).toBe(1);
    expect(stderr).toContain('error[VELO_SINK_WRITE]');
  });
});

/** Whether a file that is being written holds something already. */
function hasRows(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

describe.runIf(javaSuiteRuns('velo datagen to Kafka'))('velo datagen to a topic', () => {
  let broker: KafkaBroker;

  beforeAll(async () => {
    broker = await startKafkaBroker();
  });
  afterAll(() => broker.stop());

  async function rowsOf(topic: string, select: string): Promise<unknown[]> {
    const sql =
      `CREATE TABLE t (id BIGINT, customer STRING, amount DOUBLE) WITH ('connector' = 'kafka', ` +
      `'topic' = '${topic}', 'properties.bootstrap.servers' = '${broker.brokers}', ` +
      `'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', 'format' = 'json');\n` +
      select;
    const { exit, stdout, stderr } = await velo(['run', '-q', '-e', sql], LIMIT);
    expect(exit, stderr).toBe(0);
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
  }

  it('creates it with the partitions, the key and the codec that are asked for', async () => {
    const { exit, stderr } = await velo(
      [
        ...['datagen', orders, '--to', `kafka://${broker.brokers}/keyed`, '--rows', '5000'],
        ...['--partitions', '3', '--key', 'customer', '--compression', 'lz4'],
      ],
      LIMIT,
    );
    expect(exit, stderr).toBe(0);
    expect(stderr).toContain('created topic "keyed" with 3 partitions');
    expect(stderr).toMatch(
      /written "orders" to topic "keyed" · 5,000 rows( · [1-9][\d,]* bytes)? · /,
    );
    const groups = await rowsOf(
      'keyed',
      'SELECT customer, COUNT(*) AS n, SUM(id) AS ids, COUNT(DISTINCT _partition) AS places, MIN(_key) AS k FROM t GROUP BY customer EMIT FINAL;',
    );
    expect(groups).toHaveLength(5);
    for (const customer of [0, 1, 2, 3, 4]) {
      expect(groups).toContainEqual({
        customer: `c${customer}`,
        n: 1000,
        ids: 5 * 499_500 + customer * 1000,
        places: 1,
        k: `c${customer}`,
      });
    }
  });

  it('writes to a topic that is there, and refuses another number of partitions', async () => {
    const to = ['--to', `kafka://${broker.brokers}/plain`];
    const first = await velo(['datagen', orders, ...to, '--partitions', '2'], LIMIT);
    expect(first.exit, first.stderr).toBe(0);
    const second = await velo(['datagen', orders, ...to], LIMIT);
    expect(second.exit, second.stderr).toBe(0);
    expect(second.stderr).not.toContain('created');
    expect(await rowsOf('plain', 'SELECT COUNT(*) AS n FROM t EMIT FINAL;')).toEqual([{ n: 6 }]);
    const third = await velo(['datagen', orders, ...to, '--partitions', '5'], LIMIT);
    expect(third.exit).toBe(2);
    expect(third.stderr).toContain('topic "plain" has 2 partitions already, not 5');
  });

  it('takes WITH options behind the question mark', async () => {
    const to = `kafka://${broker.brokers}/csv?format=csv&csv.field-delimiter=%3B`;
    const { exit, stderr } = await velo(
      ['datagen', orders, '--to', to, '--partitions', '1'],
      LIMIT,
    );
    expect(exit, stderr).toBe(0);
    const read = await velo([
      ...[
        'run',
        '-q',
        '--source',
        `t=kafka://${broker.brokers}/csv?format=raw&scan.bounded.mode=latest-offset`,
      ],
      ...[
        '-e',
        "CREATE TABLE t (line STRING) WITH ('connector' = 'file', 'path' = 'none');\nSELECT line FROM t;",
      ],
    ]);
    expect(read.stdout).toBe('{"line":"0;c0;0.5"}\n{"line":"1;c1;1.5"}\n{"line":"2;c2;2.5"}\n');
  });

  it('ends in bounded time where no broker answers', async () => {
    const to = 'kafka://localhost:1/orders?connect.timeout=1s';
    const { exit, stderr, ms } = await velo(['datagen', orders, '--to', to], LIMIT);
    expect(exit).toBe(1);
    expect(stderr).toContain('error[VELO_BROKER_UNREACHABLE]');
    expect(ms).toBeLessThan(atThisPace(15_000));
  });
});

describe.runIf(javaSuiteRuns('velo datagen where topics cannot be created'))(
  'velo datagen on a cluster that creates no topics',
  () => {
    it('says how to have the topic created', async () => {
      const broker = await startKafkaBroker({ properties: { 'default.replication.factor': 3 } });
      try {
        const to = `kafka://${broker.brokers}/new`;
        const { exit, stderr } = await velo(
          ['datagen', orders, '--to', to, '--partitions', '2'],
          LIMIT,
        );
        expect(exit).toBe(1);
        expect(stderr).toContain('error[VELO_TOPIC_NOT_CREATED]');
        expect(stderr).toContain('--create');
        expect(stderr).toContain('--topic new --partitions 2');
      } finally {
        await broker.stop();
      }
    }, 60_000);
  },
);
