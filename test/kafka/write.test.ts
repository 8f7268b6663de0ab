/**
 * The Kafka sink and the dead-letter writer against a real broker, and what both directions do
 * while that broker is killed and comes back.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Batch } from '../../src/columnar/batch.js';
import {
  OP_DELETE,
  OP_INSERT,
  OP_UPDATE_AFTER,
  OP_UPDATE_BEFORE,
} from '../../src/columnar/batch.js';
import { emptyHeader, newBatch } from '../../src/columnar/batch.js';
import type { Column } from '../../src/columnar/column.js';
import { Dictionary } from '../../src/columnar/dictionary.js';
import { BIGINT, VARCHAR } from '../../src/columnar/types.js';
import { openKafkaLineWriter } from '../../src/connectors/kafka/line-writer.js';
import { openKafkaSink } from '../../src/connectors/kafka/topic-sink.js';
import type { Sink } from '../../src/connectors/sink.js';
import type { TableDefinition } from '../../src/plan/schema.js';
import { createTopics, startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import { javaSuiteRuns } from '../support/java.mjs';
import * as kafka from './harness.js';
import { atThisPace } from '../support/machine-pace.js';

const { ALL, kafkaTable, newTopic, openSource, range, readIds, readRows } = kafka;

const COLUMNS = [
  { name: 'id', type: BIGINT },
  { name: 'name', type: VARCHAR },
];

const runs = javaSuiteRuns('writing to Kafka');

describe.runIf(runs).each(['columnar', 'librdkafka'])('writing to Kafka: %s', (produce) => {
  let broker: KafkaBroker;
  let brokers = '';

  beforeAll(async () => {
    broker = await startKafkaBroker();
    brokers = broker.brokers;
  });

  afterAll(async () => {
    await broker.stop();
  });

  async function emptyTopic(partitions = 1): Promise<string> {
    const topic = newTopic('write');
    await createTopics(brokers, [{ topic, partitions }]);
    return topic;
  }

  async function openSink(
    table: TableDefinition,
    { keyColumns = [] as number[], changelog = false, notices = [] as string[] } = {},
  ): Promise<Sink> {
    return openKafkaSink({
      // What a table says for itself counts.
      table: { ...table, options: { produce, ...table.options } },
      schema: table.physical.map((column, at) => ({ ...column, name: `output_${at}` })),
      keyColumns,
      changelog,
      notice: (line) => notices.push(line),
    });
  }

  /** Keys and values of a topic, in order of offsets, as the plain consumer shows them. */
  async function keysAndValues(topic: string): Promise<(string | null)[][]> {
    const table = kafkaTable(brokers, topic, { ...ALL, format: 'json' }, COLUMNS);
    const opened = await openSource(table, { system: ['_key', '_offset'] });
    const rows = await readRows(opened);
    return rows.map(([id, name, key]) => [String(id), name as string | null, key as string | null]);
  }

  it('a row is a JSON record under the names that the table declares', async () => {
    const topic = await emptyTopic();
    const sink = await openSink(kafkaTable(brokers, topic, {}, COLUMNS));
    sink.write(
      rowsBatch([
        [1, 'a'],
        [2, null],
        [3, 'ü"'],
      ]),
    );
    await sink.flush();
    sink.write(
      rowsBatch(
        [
          [4, 'd'],
          [5, 'e'],
        ],
        { selection: [1] },
      ),
    );
    await sink.close();
    expect(sink.rowsWritten()).toBe(4);
    expect(await keysAndValues(topic)).toEqual([
      ['1', 'a', null],
      ['2', null, null],
      ['3', 'ü"', null],
      ['5', 'e', null],
    ]);
  });

  it('the key is plain text of one column, or a JSON object', async () => {
    const topic = await emptyTopic();
    const write = async (options: Record<string, string>, keyColumns: number[]): Promise<void> => {
      const sink = await openSink(kafkaTable(brokers, topic, options, COLUMNS), { keyColumns });
      sink.write(rowsBatch([[7, 'x"y']]));
      await sink.close();
    };
    await write({}, [1]);
    await write({}, [0]);
    await write({}, [0, 1]);
    await write({ 'key.format': 'json' }, [1]);
    await write({ 'key.fields': 'NAME;id' }, []);
    expect((await keysAndValues(topic)).map(([, , key]) => key)).toEqual([
      'x"y',
      '7',
      '{"id":7,"name":"x\\"y"}',
      '{"name":"x\\"y"}',
      '{"name":"x\\"y","id":7}',
    ]);
  });

  it('records with one key stay in one partition', async () => {
    const topic = await emptyTopic(4);
    const sink = await openSink(kafkaTable(brokers, topic, {}, COLUMNS), { keyColumns: [1] });
    for (const id of range(40)) sink.write(rowsBatch([[id, `k${id % 5}`]]));
    await sink.close();
    const opened = await openSource(kafkaTable(brokers, topic, ALL), {
      system: ['_key', '_partition'],
    });
    const pairs = new Set(
      (await readRows(opened)).map(([, key, at]) => `${String(key)} ${String(at)}`),
    );
    expect(pairs.size).toBe(5);
  });

  it('with a PRIMARY KEY a deleted row is a tombstone and -U is left out', async () => {
    const topic = await emptyTopic();
    const table = { ...kafkaTable(brokers, topic, {}, COLUMNS), primaryKey: ['name'] };
    const sink = await openSink(table, { keyColumns: [1] });
    const ops = [OP_INSERT, OP_UPDATE_BEFORE, OP_UPDATE_AFTER, OP_DELETE];
    sink.write(
      rowsBatch(
        [
          [1, 'a'],
          [1, 'a'],
          [2, 'a'],
          [2, 'a'],
        ],
        { ops },
      ),
    );
    await sink.close();
    expect(sink.rowsWritten()).toBe(3);
    const opened = await openSource(kafkaTable(brokers, topic, ALL), { system: ['_key'] });
    expect(await readRows(opened)).toEqual([
      [1n, 'a'],
      [2n, 'a'],
    ]);
    expect(opened.notices).toEqual([`topic "${topic}": 1 records without a value gave no row`]);
  });

  it('without one, deleted rows are written only as a changelog', async () => {
    const topic = await emptyTopic();
    const table = kafkaTable(brokers, topic, {}, COLUMNS);
    for (const changelog of [false, true]) {
      const sink = await openSink(table, { changelog });
      sink.write(
        rowsBatch(
          [
            [1, 'a'],
            [2, 'b'],
          ],
          { ops: [OP_DELETE, OP_INSERT] },
        ),
      );
      await sink.close();
    }
    const ops = [...COLUMNS, { name: 'op', type: VARCHAR }];
    expect(await readRows(await openSource(kafkaTable(brokers, topic, ALL, ops)))).toEqual([
      [2n, 'b', null],
      [1n, 'a', '-D'],
      [2n, 'b', '+I'],
    ]);
  });

  it('every row is acknowledged when close() is done, compressed or not', async () => {
    for (const [compression, count] of [
      ['none', 80_000],
      ['lz4', 8_000],
      ['snappy', 8_000],
      ['gzip', 8_000],
    ] as const) {
      const topic = await emptyTopic(4);
      const options = { 'properties.compression.type': compression };
      const sink = await openSink(kafkaTable(brokers, topic, options, COLUMNS));
      for (let from = 0; from < count; from += 4000) {
        sink.write(rowsBatch(range(4000, from).map((id) => [id, `name ${id}`])));
        await sink.pressure();
      }
      await sink.close();
      expect(await readIds(kafkaTable(brokers, topic, ALL))).toEqual(range(count));
    }
  });

  it('rows that librdkafka has no room for are held in order, not lost', async () => {
    const topic = await emptyTopic();
    // librdkafka's own property: columnar producing leaves it to librdkafka.
    const options = { 'properties.queue.buffering.max.messages': '100', produce: 'auto' };
    const sink = await openSink(kafkaTable(brokers, topic, options, COLUMNS));
    sink.write(rowsBatch(range(1000).map((id) => [id, 'x'])));
    expect(sink.pressure()).not.toBeNull();
    await sink.pressure();
    sink.write(rowsBatch([[1000, 'x']]));
    await sink.close();
    const rows = await readRows(await openSource(kafkaTable(brokers, topic, ALL)));
    expect(rows.map(([id]) => Number(id))).toEqual(range(1001));
  });

  it('a record that the producer refuses fails the sink with a code', async () => {
    const topic = await emptyTopic();
    const options = { 'properties.message.max.bytes': '2000' };
    const sink = await openSink(kafkaTable(brokers, topic, options, COLUMNS));
    const { error } = await kafka.failureOf(async () => {
      sink.write(rowsBatch([[1, 'x'.repeat(5000)]]));
      await sink.flush();
    });
    expect(error).toMatchObject({ code: 'VELO_SINK_WRITE' });
    const closed = await kafka.failureOf(() => sink.close());
    expect(closed.error).toMatchObject({ code: 'VELO_SINK_WRITE' });
    expect(closed.ms).toBeLessThan(atThisPace(3000));
  });

  it('options that cannot be written with are refused before the broker is asked', async () => {
    const open = (options: Record<string, string>): Promise<unknown> =>
      openSink(kafkaTable('localhost:1', 'x', options, COLUMNS));
    for (const options of [
      { format: 'raw' },
      { 'key.fields': 'nothing' },
      { 'key.fields': 'id;name', 'key.format': 'raw' },
      { 'sink.partitioner': 'mine' },
      { 'sink.delivery-guarantee': 'exactly-once' },
      { 'sink.delivery-guarantee': 'once' },
    ]) {
      const { error, ms } = await kafka.failureOf(() => open(options));
      expect(error).toMatchObject({ code: 'VELO_SETTING_INVALID' });
      expect(ms).toBeLessThan(atThisPace(1000));
    }
  });

  it('dead letters are one record a line', async () => {
    const topic = await emptyTopic();
    const uri = `kafka://${brokers}/${topic}?properties.compression.type=lz4`;
    const table = kafkaTable(brokers, topic, { 'properties.compression.type': 'lz4' });
    const writer = await openKafkaLineWriter({ uri, table });
    const encoder = new TextEncoder();
    writer.write(encoder.encode('{"id":1}\n'));
    writer.write(encoder.encode('{"id":2}'));
    await writer.flush();
    writer.write(encoder.encode('{"id":3}'));
    await writer.close();
    expect(await readIds(kafkaTable(brokers, topic, ALL))).toEqual([1, 2, 3]);
  });

  describe('while the broker is away', { timeout: 240_000 }, () => {
    it('a bounded read waits, says so and gives every record once', async () => {
      const count = 120_000;
      const topic = await emptyTopic(4);
      await kafka.produce(brokers, topic, kafka.ids(count, 4));
      // Little is fetched ahead, so that most of it has to come from the broker that came back.
      const opened = await openSource(
        kafkaTable(brokers, topic, {
          ...ALL,
          'properties.queued.max.messages.kbytes': '512',
          'properties.queued.min.messages': '1000',
          'properties.max.partition.fetch.bytes': '65536',
        }),
      );
      const seen = new Uint8Array(count);
      let rows = 0;
      const take = (batch: Batch): void => {
        const [ids] = batch.columns;
        if (ids?.kind !== 'f64') throw new Error('BIGINT of this size is f64');
        for (let row = 0; row < batch.rowCount; row += 1) seen[ids.values[row]!]! += 1;
        rows += batch.rowCount;
      };
      await kafka.drain(opened.source, take, () => rows >= 2000);
      await broker.kill('SIGKILL');
      const rest = kafka.drain(opened.source, take);
      await until(() => opened.notices.length > 0);
      expect(opened.notices).toEqual([`broker ${brokers} went away, retrying …`]);
      expect(rows).toBeLessThan(count);
      await broker.start();
      await rest;
      await opened.source.close();
      expect(opened.notices.slice(1)).toEqual([`broker ${brokers} is back`]);
      expect(rows).toBe(count);
      expect(seen.every((times) => times === 1)).toBe(true);
    });

    it('a sink waits, says so and delivers every row once', async () => {
      const topic = await emptyTopic(2);
      const notices: string[] = [];
      const sink = await openSink(kafkaTable(brokers, topic, {}, COLUMNS), { notices });
      sink.write(rowsBatch(range(1000).map((id) => [id, 'before'])));
      await sink.flush();
      sink.write(rowsBatch(range(1000, 1000).map((id) => [id, 'under way'])));
      await broker.kill('SIGKILL');
      sink.write(rowsBatch(range(1000, 2000).map((id) => [id, 'while away'])));
      await until(() => notices.length > 0);
      expect(notices).toEqual([`broker ${brokers} went away, retrying …`]);
      await broker.start();
      await sink.close();
      expect(notices.slice(1)).toEqual([`broker ${brokers} is back`]);
      expect(await readIds(kafkaTable(brokers, topic, ALL))).toEqual(range(3000));
    });

    // The last test: the broker stays away.
    it('a sink gives up after delivery.timeout.ms and says how much arrived', async () => {
      const topic = await emptyTopic();
      const options = { 'properties.delivery.timeout.ms': '1500' };
      const sink = await openSink(kafkaTable(brokers, topic, options, COLUMNS));
      sink.write(rowsBatch([[1, 'a']]));
      await sink.flush();
      await broker.kill('SIGTERM');
      sink.write(rowsBatch([[2, 'b']]));
      const { error, ms } = await kafka.failureOf(() => sink.close());
      expect(error).toMatchObject({
        code: 'VELO_SINK_WRITE',
        detail: 'the broker acknowledged 1 of 2 records: 1 were not delivered',
      });
      expect(ms).toBeLessThan(atThisPace(6000));
    });
  });
});

/** Resolves when something that happens outside of this process has happened. */
async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await new Promise((resolve) => setTimeout(resolve, 20));
}

function rowsBatch(
  rows: readonly (readonly [number, string | null])[],
  { ops = null as readonly number[] | null, selection = null as readonly number[] | null } = {},
): Batch {
  const dictionary = new Dictionary();
  const codes = rows.map(([, name]) => dictionary.internText(name ?? ''));
  const nulls = Uint8Array.from(rows, ([, name]) => (name === null ? 1 : 0));
  const columns: Column[] = [
    { kind: 'f64', values: Float64Array.from(rows, ([id]) => id), nulls: null },
    { kind: 'dict', codes: Int32Array.from(codes), dictionary, nulls },
  ];
  return {
    ...newBatch(columns, emptyHeader('test')),
    rowCount: rows.length,
    selection: selection === null ? null : Int32Array.from(selection),
    selectedCount: selection?.length ?? rows.length,
    ops: ops === null ? null : Uint8Array.from(ops),
  };
}
