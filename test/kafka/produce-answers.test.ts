/**
 * What columnar producing makes of a broker's answers, those among them that a healthy broker never
 * gives: every record once and in order, or an error that says what was not delivered.
 */
import { describe, expect, it } from 'vitest';
import { ConnectorError } from '../../src/base/errors.js';
import { ColumnarProducer } from '../../src/connectors/kafka/produce/columnar-producer.js';
import { produceSettings } from '../../src/connectors/kafka/produce/produce-settings.js';
import { failureOf, range } from './harness.js';
import { ScriptedCluster } from './scripted-broker.js';
import type { AskedBatch, ScriptedAnswer } from './scripted-broker.js';

const CODE = {
  TIMED_OUT: 7,
  TOO_LARGE: 10,
  NOT_ENOUGH_REPLICAS: 19,
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 20,
  TOPIC_NOT_ALLOWED: 29,
  CLUSTER_NOT_ALLOWED: 31,
  OUT_OF_ORDER: 45,
  DUPLICATE: 46,
  OLD_EPOCH: 47,
  UNKNOWN_PRODUCER: 59,
  INVALID_RECORD: 87,
} as const;
/** Every batch has ten records of the kind that write() writes. */
const QUICK = { 'linger.ms': '0', 'retry.backoff.ms': '1', 'batch.size': '240' };

class Producing {
  readonly notices: string[] = [];
  readonly cluster: ScriptedCluster;
  readonly producer: ColumnarProducer;
  written = 0;

  /** `batchBytesMax`: as the broker told when the topic was opened. */
  constructor(
    cluster: ScriptedCluster,
    properties: Readonly<Record<string, string>> = {},
    batchBytesMax: number | null = null,
  ) {
    const endpoint = {
      label: 'table "t"',
      topic: 't',
      brokers: 'scripted:1',
      properties: { ...QUICK, ...properties },
      connectTimeoutMs: 1000,
    };
    const { settings } = produceSettings(endpoint, { onePartition: false });
    const identity = { errorCode: 0, producerId: 7n, epoch: 3 };
    const notice = (line: string): number => this.notices.push(line);
    this.cluster = cluster;
    const parts = { endpoint, cluster, identity, settings, batchBytesMax, notice };
    this.producer = new ColumnarProducer(parts);
  }

  write(rows: number): void {
    for (const id of range(rows, this.written)) {
      this.producer.begin(null, 1_700_000_000_000).appendText(String(id).padStart(5, '0'));
      this.producer.end(null);
    }
    this.written += rows;
  }

  /** What the error of close() says. */
  async failure(): Promise<ConnectorError> {
    const { error } = await failureOf(() => this.producer.close());
    if (!(error instanceof ConnectorError)) throw error;
    return error;
  }

  expectAllOnce(): void {
    const ids = this.cluster.logs.flatMap(({ values }) => values.map(Number));
    expect(ids).toEqual(range(this.written));
    expect(this.producer.acknowledged).toBe(this.written);
  }
}

/** The first batch that fits is answered so, as often as told. */
function once(
  fits: (batch: AskedBatch) => boolean,
  answer: ScriptedAnswer,
  times = 1,
): (batch: AskedBatch) => ScriptedAnswer | null {
  let left = times;
  return (batch) => {
    if (left === 0 || !fits(batch)) return null;
    left -= 1;
    return answer;
  };
}

const third = ({ before }: AskedBatch): boolean => before === 2;

describe('answers to a producer', () => {
  it.each<[string, ScriptedAnswer]>([
    ['NOT_ENOUGH_REPLICAS', { code: CODE.NOT_ENOUGH_REPLICAS }],
    [
      'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
      { code: CODE.NOT_ENOUGH_REPLICAS_AFTER_APPEND, stored: true },
    ],
    ['REQUEST_TIMED_OUT, not stored', { code: CODE.TIMED_OUT }],
    ['REQUEST_TIMED_OUT, stored', { code: CODE.TIMED_OUT, stored: true }],
    ['DUPLICATE_SEQUENCE_NUMBER', { code: CODE.DUPLICATE, stored: true }],
    ['a connection that ends, not stored', { lost: true }],
    ['a connection that ends, stored', { lost: true, stored: true }],
  ])('%s: every record once and in order', async (_, answer) => {
    const run = new Producing(new ScriptedCluster(once(third, answer)));
    run.write(20);
    await run.producer.flush();
    run.write(200);
    await run.producer.close();
    run.expectAllOnce();
  });

  it('OUT_OF_ORDER_SEQUENCE_NUMBER behind a batch that was refused passes with it', async () => {
    const refused = once(third, { code: CODE.NOT_ENOUGH_REPLICAS }, 3);
    const run = new Producing(new ScriptedCluster(refused));
    run.write(10);
    await run.producer.flush();
    run.write(500);
    await run.producer.close();
    run.expectAllOnce();
  });

  it('OUT_OF_ORDER_SEQUENCE_NUMBER of the first batch: the cluster lost records, an error', async () => {
    const lost = once(third, { code: CODE.OUT_OF_ORDER }, Number.POSITIVE_INFINITY);
    const run = new Producing(new ScriptedCluster(lost));
    run.write(20);
    await run.producer.flush();
    run.write(10);
    expect(await run.failure()).toMatchObject({
      key: 'SINK_WRITE',
      message: expect.stringMatching(
        /^partition 0 of topic "t" .*OUT_OF_ORDER_SEQUENCE_NUMBER/,
      ) as string,
      detail: 'the broker acknowledged 20 of 30 records: 10 were not delivered',
      hint: expect.stringContaining('unclean.leader.election.enable') as string,
    });
  });

  it('UNKNOWN_PRODUCER_ID: numbers begin again in a new epoch, with a line', async () => {
    // What such a broker knew went with old records, and it takes a forgotten producer from 0 on.
    const cluster = new ScriptedCluster(({ before, epoch }) =>
      before >= 3 && epoch === 3 ? { code: CODE.UNKNOWN_PRODUCER } : null,
    );
    const run = new Producing(cluster);
    run.write(30);
    await run.producer.flush();
    run.write(300);
    await run.producer.close();
    run.expectAllOnce();
    expect(run.notices).toEqual([expect.stringContaining('UNKNOWN_PRODUCER_ID')]);
    const last = cluster.asked.at(-1)!;
    expect(last.epoch).toBe(4);
    expect(last.sequence).toBeLessThan(300);
  });

  it.each([
    ['INVALID_PRODUCER_EPOCH', CODE.OLD_EPOCH, 'start the job again'],
    ['TOPIC_AUTHORIZATION_FAILED', CODE.TOPIC_NOT_ALLOWED, 'WRITE'],
    ['CLUSTER_AUTHORIZATION_FAILED', CODE.CLUSTER_NOT_ALLOWED, 'IDEMPOTENT_WRITE'],
  ])('%s ends the job at once, with what to do', async (name, code, hint) => {
    const run = new Producing(new ScriptedCluster(({ before }) => (before < 2 ? null : { code })));
    run.write(20);
    await run.producer.flush();
    run.write(5);
    expect(await run.failure()).toMatchObject({
      key: 'SINK_WRITE',
      message: expect.stringContaining(name) as string,
      detail: 'the broker acknowledged 20 of 25 records: 5 were not delivered',
      hint: expect.stringContaining(hint) as string,
    });
  });

  /** Refuses what is larger than 130 bytes; how often it did is counted. */
  function smallTopic(told: number | null): { cluster: ScriptedCluster; refused: () => number } {
    let refused = 0;
    const cluster = new ScriptedCluster(
      ({ byteLength }) => {
        if (byteLength <= 130) return null;
        refused += 1;
        return { code: CODE.TOO_LARGE };
      },
      { limit: told },
    );
    return { cluster, refused: () => refused };
  }

  it.each([
    ['told, and asked at opening', 130, 130, [0, 0]],
    ['told, and asked when a batch is refused', null, 130, [1, 5]],
    ['not told', null, null, [4, 15]],
    ['another now than at opening', 1000, 130, [1, 5]],
  ] as const)(
    "MESSAGE_TOO_LARGE, where the topic's limit is %s: batches fit after few refusals",
    async (_, opened, told, [least, most]) => {
      const { cluster, refused } = smallTopic(told);
      const run = new Producing(cluster, { 'batch.size': '2000' }, opened);
      run.write(1000);
      await run.producer.flush();
      run.expectAllOnce();
      expect(refused()).toBeGreaterThanOrEqual(least);
      expect(refused()).toBeLessThanOrEqual(most);
      const before = refused();
      run.write(1000);
      await run.producer.flush();
      run.expectAllOnce();
      expect(refused()).toBe(before);
    },
  );

  it('MESSAGE_TOO_LARGE: compressed batches are cut by what they are compressed to', async () => {
    const { cluster, refused } = smallTopic(130);
    const run = new Producing(cluster, { 'compression.type': 'gzip' }, 130);
    run.write(1000);
    await run.producer.flush();
    run.expectAllOnce();
    expect(refused()).toBeGreaterThan(0);
    expect(refused()).toBeLessThan(25);
  });

  it.each([
    ['is told at opening', 130, /record of 2\d\d bytes .* 'max.message.bytes', 130$/],
    [
      'is not',
      null,
      /MESSAGE_TOO_LARGE.*\(a record of 2\d\d bytes; .*'max.message.bytes' is 130\)$/,
    ],
  ])(
    'one record that is too large for every batch names its size and the limit, where that %s',
    async (_, opened, message) => {
      const run = new Producing(smallTopic(130).cluster, {}, opened);
      run.write(100);
      run.producer.begin(null, 1_700_000_000_000).appendText('x'.repeat(200));
      const end = (): void => {
        run.producer.end(null);
      };
      if (opened === null) end();
      else expect(end).toThrow(message);
      const error = await run.failure();
      expect(error.message).toMatch(message);
      expect(error.hint).toContain("'max.message.bytes'");
    },
  );

  it('too few replicas for good: an error in time, with why, what to do and how many', async () => {
    const few = ({ before }: AskedBatch): ScriptedAnswer | null =>
      before < 2 ? null : { code: CODE.NOT_ENOUGH_REPLICAS };
    const run = new Producing(new ScriptedCluster(few), { 'delivery.timeout.ms': '300' });
    run.write(20);
    await run.producer.flush();
    run.write(10);
    expect(await run.failure()).toMatchObject({
      message: expect.stringMatching(
        /not acknowledged for 0.3 s, last: NOT_ENOUGH_REPLICAS/,
      ) as string,
      detail: 'the broker acknowledged 20 of 30 records: 10 were not delivered',
      hint: expect.stringContaining("'min.insync.replicas'") as string,
    });
    expect(run.notices).toEqual([expect.stringContaining('NOT_ENOUGH_REPLICAS')]);
  });

  it('a broker that is slow but goes on is waited for longer than delivery.timeout.ms', async () => {
    const slow = (): ScriptedAnswer => ({ stored: true, throttleMs: 60 });
    const run = new Producing(new ScriptedCluster(slow), { 'delivery.timeout.ms': '1500' });
    run.write(400);
    await run.producer.close();
    run.expectAllOnce();
    expect(run.notices).toEqual([expect.stringMatching(/quota/)]);
  });

  it('a throttled producer rests as long as it is told', async () => {
    const throttled = once(({ before }) => before === 0, { stored: true, throttleMs: 400 });
    const run = new Producing(new ScriptedCluster(throttled), { 'delivery.timeout.ms': '100' });
    run.write(20);
    const startedMs = performance.now();
    await run.producer.close();
    expect(performance.now() - startedMs).toBeGreaterThan(350);
    run.expectAllOnce();
  });

  it.each([1, 2, 5])(
    '%i records that are refused, each with its reason: one error',
    async (count) => {
      const records = range(count).map((at) => `record ${at} has no key`);
      const refused = (): ScriptedAnswer => ({
        code: CODE.INVALID_RECORD,
        records,
        text: 'refused',
      });
      const run = new Producing(new ScriptedCluster(refused));
      run.write(10);
      expect(await run.failure()).toMatchObject({
        key: 'SINK_WRITE',
        message: expect.stringContaining('INVALID_RECORD: record 0 has no key') as string,
        hint: expect.stringContaining('PRIMARY KEY') as string,
      });
      expect(run.notices).toEqual([]);
    },
  );

  it('an answer that stores nothing and asks for a rest, again and again: an error in time', async () => {
    for (const throttleMs of [20, 2 ** 31 - 1]) {
      const resting = (): ScriptedAnswer => ({ silent: true, throttleMs });
      const run = new Producing(new ScriptedCluster(resting), { 'delivery.timeout.ms': '300' });
      run.write(10);
      const error = await run.failure();
      expect(error.message).toContain('not acknowledged for 0.3 s');
      expect(run.notices).toEqual([expect.stringMatching(/quota/)]);
    }
  });

  it('a topic that is deleted, or made anew, is an error', async () => {
    const gone = new Producing(
      new ScriptedCluster(({ before }) => (before < 1 ? null : { code: 3 })),
    );
    gone.write(10);
    await gone.producer.flush();
    gone.cluster.missing = new ConnectorError('TOPIC_NOT_FOUND', { message: 'no such topic' });
    gone.write(10);
    expect(await gone.failure()).toMatchObject({
      key: 'SINK_WRITE',
      message: expect.stringContaining('deleted') as string,
      detail: 'the broker acknowledged 10 of 20 records: 10 were not delivered',
    });
    const anew = new Producing(
      new ScriptedCluster(once(({ before }) => before === 1, { code: 3 })),
    );
    anew.write(10);
    await anew.producer.flush();
    anew.cluster.state = { ...anew.cluster.state, topicId: 'second' };
    anew.write(10);
    expect(await anew.failure()).toMatchObject({
      key: 'SINK_WRITE',
      message: expect.stringContaining('created again') as string,
    });
  });

  it('a login that is refused while it runs ends the job at once', async () => {
    const run = new Producing(
      new ScriptedCluster(once(({ before }) => before === 1, { lost: true })),
    );
    run.write(10);
    await run.producer.flush();
    run.cluster.refused = new ConnectorError('KAFKA_AUTHENTICATION', { message: 'not you' });
    run.write(10);
    const error = await run.failure();
    expect(error).toMatchObject({
      key: 'SINK_WRITE',
      message: expect.stringContaining('not you') as string,
    });
  });

  it('a job that is stopped waits for a broker that is away for a while, not to the end', async () => {
    const cluster = new ScriptedCluster(({ before }) => (before < 1 ? null : { lost: true }));
    const run = new Producing(cluster);
    run.write(10);
    await run.producer.flush();
    run.write(10);
    run.producer.hurry(100);
    expect(await run.failure()).toMatchObject({
      message: expect.stringMatching(/stopped.*not acknowledged for 0.1 s/) as string,
      detail: 'the broker acknowledged 10 of 20 records: 10 were not delivered',
    });
  });
});
