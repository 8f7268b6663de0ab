/**
 * What columnar producing owes to idempotence, against a real broker: killed, paused and refusing,
 * it gets every record once and in order; and what Java's consumer makes of the records: keys,
 * partitions, times, headers and codecs.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyHeader, newBatch, OP_DELETE, OP_INSERT } from '../../src/columnar/batch.js';
import type { Batch } from '../../src/columnar/batch.js';
import type { Column } from '../../src/columnar/column.js';
import { Dictionary } from '../../src/columnar/dictionary.js';
import { BIGINT, TIMESTAMP, VARCHAR } from '../../src/columnar/types.js';
import type { SqlMap, SqlType } from '../../src/columnar/types.js';
import { openKafkaSink } from '../../src/connectors/kafka/topic-sink.js';
import type { Sink } from '../../src/connectors/sink.js';
import type { InsertedColumn, TableDefinition } from '../../src/plan/schema.js';
import { JAVA_FOLDER, javaSuiteRuns, resolveClassPath } from '../support/java.mjs';
import { createTopics, startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import {
  ALL,
  drain,
  failureOf,
  kafkaTable,
  newTopic,
  openSource,
  range,
  readIds,
} from './harness.js';

const COLUMNS = [
  { name: 'id', type: BIGINT },
  { name: 'name', type: VARCHAR },
];
const HEADERS: SqlType = { kind: 'map', key: VARCHAR, value: VARCHAR };
const TEXTS = ['none', 'gzip', 'snappy', 'lz4'];

describe.runIf(javaSuiteRuns('delivery to Kafka'))(
  'delivery to Kafka',
  { timeout: 240_000 },
  () => {
    let broker: KafkaBroker;
    let brokers = '';

    beforeAll(async () => {
      broker = await startKafkaBroker();
      brokers = broker.brokers;
    });

    afterAll(async () => {
      await broker.stop();
    });

    async function emptyTopic(
      partitions = 1,
      config: Record<string, string> = {},
    ): Promise<string> {
      const topic = newTopic('delivery');
      await createTopics(brokers, [{ topic, partitions, config }]);
      return topic;
    }

    async function openSink(
      table: TableDefinition,
      { keyColumns = [] as readonly number[], notices = [] as string[] } = {},
    ): Promise<Sink> {
      const options = { produce: 'columnar', ...table.options };
      return openKafkaSink({
        table: { ...table, options },
        schema: table.inserted ?? table.physical,
        keyColumns,
        changelog: false,
        notice: (line) => notices.push(line),
      });
    }

    /** A topic as Java's consumer sees it, see DumpTopic.java: lines of its six fields. */
    async function dumpInJava(topic: string): Promise<string[][]> {
      const pom = join(JAVA_FOLDER, 'kafka-pom.xml');
      const classPath = await resolveClassPath({ pom, cacheName: 'kafka-4.0.0' });
      const logging = `-Dlog4j2.configurationFile=${join(JAVA_FOLDER, 'kafka-log4j2.properties')}`;
      const source = join(JAVA_FOLDER, 'DumpTopic.java');
      const args = ['-Xmx256m', logging, '-cp', classPath, source, brokers, topic];
      const text = execFileSync('java', args, { encoding: 'utf8', maxBuffer: 1 << 26 });
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.split('\t'));
    }

    it('a broker that is killed twice in the middle gets every record once and in order', async () => {
      const partitions = 3;
      const topic = await emptyTopic(partitions);
      const options = { 'properties.batch.size': '4000', 'properties.linger.ms': '1' };
      const sink = await openSink(kafkaTable(brokers, topic, options, COLUMNS), {
        keyColumns: [1],
      });
      const rows = 1000;
      let written = 0;
      const writeFor = async (batches: number): Promise<void> => {
        for (let at = 0; at < batches; at += 1) {
          sink.write(rowsBatch(range(rows, written).map((id) => [id, `k${id % 50}`])));
          written += rows;
          await sink.pressure();
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      await writeFor(5);
      for (let kill = 0; kill < 2; kill += 1) {
        // Requests are under way when the process ends.
        await Promise.all([broker.kill('SIGKILL'), writeFor(20)]);
        await Promise.all([broker.start(), writeFor(20)]);
        await writeFor(20);
      }
      await sink.close();
      const seen = new Map<number, number[]>();
      const opened = await openSource(kafkaTable(brokers, topic, ALL), { system: ['_partition'] });
      await drain(opened.source, (batch) => {
        const [ids, places] = batch.columns;
        if (ids?.kind !== 'f64' || places?.kind !== 'f64') throw new Error('they are numbers');
        for (let row = 0; row < batch.rowCount; row += 1) {
          const place = places.values[row]!;
          if (!seen.has(place)) seen.set(place, []);
          seen.get(place)!.push(ids.values[row]!);
        }
      });
      await opened.source.close();
      const all = [...seen.values()];
      // Each partition has its records in the order of writing: nothing is doubled or overtaken.
      for (const ids of all)
        expect(ids.every((id, at) => at === 0 || id > ids[at - 1]!)).toBe(true);
      expect(all.flat().sort((a, b) => a - b)).toEqual(range(written));
    });

    it('a broker that stands still pushes back, and goes on where it stood', async () => {
      const topic = await emptyTopic(2);
      const options = { 'properties.buffer.memory': '200000', 'properties.linger.ms': '1' };
      const sink = await openSink(kafkaTable(brokers, topic, options, COLUMNS));
      sink.write(rowsBatch([[0, 'x']]));
      await sink.flush();
      process.kill(broker.pid!, 'SIGSTOP');
      let written = 1;
      let relief: Promise<void> | null = null;
      try {
        for (; relief === null && written < 100_000; written += 500) {
          sink.write(rowsBatch(range(500, written).map((id) => [id, 'while it stands'])));
          relief = sink.pressure();
        }
        expect(relief).not.toBeNull();
        expect(written).toBeLessThan(10_000);
      } finally {
        process.kill(broker.pid!, 'SIGCONT');
      }
      await relief;
      await sink.close();
      expect(await readIds(kafkaTable(brokers, topic, ALL))).toEqual(range(written));
    });

    it('batches that are too large for the topic go in halves, in order', async () => {
      const topic = await emptyTopic(1, { 'max.message.bytes': '5000' });
      const options = { 'properties.batch.size': '100000' };
      const sink = await openSink(kafkaTable(brokers, topic, options, COLUMNS));
      for (let from = 0; from < 20_000; from += 2000) {
        sink.write(rowsBatch(range(2000, from).map((id) => [id, `name ${id}`])));
      }
      await sink.close();
      expect((await dumpInJava(topic)).map((fields) => JSON.parse(fields[5]!).id)).toEqual(
        range(20_000),
      );
    });

    it('a record that is too large is an error that names partition, size and cure', async () => {
      const topic = await emptyTopic(1, { 'max.message.bytes': '5000' });
      const refused = async (options: Record<string, string>): Promise<unknown> => {
        const sink = await openSink(kafkaTable(brokers, topic, options, COLUMNS));
        const { error } = await failureOf(async () => {
          sink.write(rowsBatch([[1, 'x'.repeat(6000)]]));
          await sink.close();
        });
        await sink.close().catch(() => undefined);
        return error;
      };
      expect(await refused({})).toMatchObject({
        code: 'VELO_SINK_WRITE',
        message: expect.stringMatching(
          /^topic "delivery.* cannot take a row: a record of 60\d\d bytes is larger than the topic's 'max.message.bytes', 5000$/,
        ) as string,
        detail: 'it is row 1 of the result: test, partition 0, offset 0',
        hint: expect.stringContaining("'max.message.bytes'") as string,
      });
      expect(await refused({ 'properties.message.max.bytes': '2000' })).toMatchObject({
        code: 'VELO_SINK_WRITE',
        message: expect.stringMatching(/a record of 60\d\d bytes is larger than 2000$/) as string,
      });
    });

    it('a compacted topic refuses records without a key, and says so', async () => {
      const topic = await emptyTopic(1, { 'cleanup.policy': 'compact' });
      const sink = await openSink(kafkaTable(brokers, topic, {}, COLUMNS));
      sink.write(rowsBatch([[1, 'a']]));
      const { error } = await failureOf(() => sink.close());
      expect(error).toMatchObject({
        code: 'VELO_SINK_WRITE',
        hint: expect.stringContaining('PRIMARY KEY') as string,
      });
    });

    it.each(TEXTS)(
      "Java's consumer reads it, and its producer had chosen as we do: %s",
      async (codec) => {
        const topic = await emptyTopic(5);
        const options = { 'properties.compression.type': codec };
        const table = { ...kafkaTable(brokers, topic, options, COLUMNS), primaryKey: ['name'] };
        const sink = await openSink(table, { keyColumns: [1] });
        sink.write(rowsBatch(range(2000).map((id) => [id, `name ${id % 300} ü`])));
        sink.write(rowsBatch([[0, 'name 7 ü']], [OP_DELETE]));
        await sink.close();
        const dumped = await dumpInJava(topic);
        expect(dumped).toHaveLength(2001);
        expect(dumped.every(([partition, chosen]) => partition === chosen)).toBe(true);
        const values = dumped.filter((fields) => fields[5] !== 'null');
        const ids = values.map((fields) => (JSON.parse(fields[5]!) as { id: number }).id);
        expect(ids.sort((a, b) => a - b)).toEqual(range(2000));
        expect(dumped.filter((fields) => fields[5] === 'null').map((fields) => fields[3])).toEqual([
          'name 7 ü',
        ]);
      },
    );

    it.each(['columnar', 'librdkafka'])(
      'METADATA columns are time and headers: %s',
      async (produce) => {
        const topic = await emptyTopic();
        const inserted: readonly InsertedColumn[] = [
          { name: 'at', type: TIMESTAMP, metadata: 'timestamp' },
          { name: 'id', type: BIGINT, metadata: null },
          { name: 'h', type: HEADERS, metadata: 'headers' },
        ];
        const sink = await openSink({
          ...kafkaTable(brokers, topic, { produce }, [{ name: 'id', type: BIGINT }]),
          inserted,
        });
        const maps: (SqlMap | null)[] = [{ keys: ['a', 'ü'], values: ['1', 'zwei'] }, null];
        sink.write(
          columnsBatch(2, [
            {
              kind: 'f64',
              values: Float64Array.of(1_700_000_000_123, 1_600_000_000_000),
              nulls: null,
            },
            { kind: 'f64', values: Float64Array.of(1, 2), nulls: null },
            { kind: 'list', values: maps, nulls: Uint8Array.of(0, 1) },
          ]),
        );
        await sink.close();
        expect((await dumpInJava(topic)).map((fields) => fields.slice(2))).toEqual([
          ['1700000000123', 'null', 'a=1;ü=zwei;', '{"id":1}'],
          ['1600000000000', 'null', '', '{"id":2}'],
        ]);
      },
    );

    it("the time of a record is its table's WATERMARK column, or that of writing", async () => {
      const topic = await emptyTopic();
      const columns = [{ name: 'ts', type: TIMESTAMP }];
      const table = kafkaTable(brokers, topic, {}, columns);
      const sink = await openSink({ ...table, watermark: { column: 'ts', boundMs: 0 } });
      const before = Date.now();
      const values = Float64Array.of(1_650_000_000_000, -5, 0);
      sink.write(columnsBatch(3, [{ kind: 'f64', values, nulls: Uint8Array.of(0, 0, 1) }]));
      await sink.close();
      const dumped = await dumpInJava(topic);
      const [first, second, third] = dumped.map((fields) => Number(fields[2]));
      expect(first).toBe(1_650_000_000_000);
      expect(Math.min(second!, third!)).toBeGreaterThanOrEqual(before);
      expect(dumped[0]![5]).toBe('{"ts":1650000000000}');
    });

    it("'sink.partitioner' = 'fixed' writes to one partition, the others spread", async () => {
      for (const [partitioner, used] of [
        ['fixed', 1],
        ['default', 3],
        ['round-robin', 3],
      ] as const) {
        const topic = await emptyTopic(3);
        const options = { 'sink.partitioner': partitioner, 'properties.batch.size': '1000' };
        const sink = await openSink(kafkaTable(brokers, topic, options, COLUMNS));
        sink.write(rowsBatch(range(500).map((id) => [id, 'x'])));
        await sink.close();
        const dumped = await dumpInJava(topic);
        expect(new Set(dumped.map(([partition]) => partition)).size).toBe(used);
        expect(dumped).toHaveLength(500);
      }
    });

    it('what columnar producing cannot do goes to librdkafka, with a line, or is refused', async () => {
      const topic = await emptyTopic();
      const unknown = { 'properties.queue.buffering.max.messages': '1000' };
      const notices: string[] = [];
      const table = kafkaTable(brokers, topic, { ...unknown, produce: 'auto' }, COLUMNS);
      const sink = await openSink(table, { notices });
      await sink.close();
      expect(notices).toEqual([expect.stringMatching(/librdkafka produces.*queue\.buffering/)]);
      const { error } = await failureOf(() =>
        openSink(kafkaTable(brokers, topic, unknown, COLUMNS)),
      );
      expect(error).toMatchObject({ code: 'VELO_SETTING_INVALID' });
      const unsafe = { 'properties.enable.idempotence': 'false', produce: 'librdkafka' };
      const warned: string[] = [];
      await (
        await openSink(kafkaTable(brokers, topic, unsafe, COLUMNS), { notices: warned })
      ).close();
      expect(warned).toEqual([expect.stringContaining('doubled')]);
    });
  },
);

function rowsBatch(
  rows: readonly (readonly [number, string])[],
  ops: readonly number[] = rows.map(() => OP_INSERT),
): Batch {
  const dictionary = new Dictionary();
  const codes = Int32Array.from(rows, ([, name]) => dictionary.internText(name));
  const ids = Float64Array.from(rows, ([id]) => id);
  const columns: Column[] = [
    { kind: 'f64', values: ids, nulls: null },
    { kind: 'dict', codes, dictionary, nulls: null },
  ];
  return { ...columnsBatch(rows.length, columns), ops: Uint8Array.from(ops) };
}

function columnsBatch(rowCount: number, columns: Column[]): Batch {
  const batch = newBatch(columns, emptyHeader('test'));
  return { ...batch, rowCount, selectedCount: rowCount };
}
