/**
 * The tables of bench:peers on Kafka, two for each topic: velo beside Flink and kcat by work, and
 * who only reads. Owns layout only.
 */
import Table from 'cli-table3';

import { median } from '../statistics.js';
import type { KafkaCodec, KafkaFixture } from '../scenario/kafka-fixture.js';
import type { ReaderName } from './peers-kafka-readers.js';
import type { KafkaWork } from './peers-kafka-works.js';

/** One topic. */
export interface KafkaPeerRun {
  readonly codec: KafkaCodec;
  readonly fixture: KafkaFixture;
  readonly works: readonly KafkaWorkLane[];
  readonly readers: readonly KafkaReaderLane[];
  /** Seconds of Flink's jobs over nothing, which their times are less. */
  readonly flinkIdleSeconds: Readonly<Record<string, number>>;
  readonly faults: string[];
}

export interface KafkaReaderLane {
  readonly reader: ReaderName;
  readonly records: number;
  readonly rates: number[];
  rssBytes: number | null;
}

/** Rates in records per second, by round. */
export interface KafkaWorkLane {
  readonly work: KafkaWork['name'];
  readonly v1: number[];
  readonly v2: number[];
  readonly flink: number[];
  readonly flinkMiniBatch: number[];
  /** The highest of all rounds, resident. */
  v1RssBytes: number;
  v2RssBytes: number;
}

interface Column {
  readonly head: string;
  readonly cell: (lane: KafkaWorkLane, kcat: readonly number[]) => string;
}

const COLUMNS: readonly Column[] = [
  { head: 'work', cell: ({ work }) => work },
  { head: 'V1 rec/s', cell: ({ v1 }) => millions(v1) },
  { head: 'V2 8×2', cell: ({ v2 }) => millions(v2) },
  { head: 'V2 ÷ V1', cell: ({ v1, v2 }) => ratio(v2, v1) },
  { head: 'Flink', cell: ({ flink }) => millions(flink) },
  { head: 'V1 ÷ Flink', cell: ({ v1, flink }) => ratio(v1, flink) },
  { head: 'mini-batch', cell: ({ flinkMiniBatch }) => millions(flinkMiniBatch) },
  { head: 'V1 ÷ mini-batch', cell: ({ v1, flinkMiniBatch }) => ratio(v1, flinkMiniBatch) },
  { head: 'kcat reads', cell: (_, kcat) => millions(kcat) },
  { head: 'V1 ÷ kcat', cell: ({ v1 }, kcat) => ratio(v1, kcat) },
  { head: 'V1 resident', cell: ({ v1RssBytes }) => mebibytes(v1RssBytes) },
  { head: 'V2 resident', cell: ({ v2RssBytes }) => mebibytes(v2RssBytes) },
];

export function kafkaPeersTables(run: KafkaPeerRun, records: number): string {
  const { fixture, works, readers } = run;
  const { topic, brokers, partitions, codec, fetch } = fixture;
  const kcat = readers.find(({ reader }) => reader === 'kcat')?.rates ?? [];
  const table = newTable(COLUMNS.map(({ head }) => head));
  for (const lane of works) table.push(COLUMNS.map(({ cell }) => cell(lane, kcat)));
  const count = records.toLocaleString('en-US');
  return [
    `${count} trades, ${codec}, ${partitions} partitions, 'fetch' = '${fetch}', ${topic} at ${brokers}`,
    table.toString(),
    readersTable(readers),
  ].join('\n');
}

function readersTable(readers: readonly KafkaReaderLane[]): string {
  const table = newTable(['only reads', 'records', 'msg/s', 'resident']);
  for (const { reader, records, rates, rssBytes } of readers) {
    const resident = rssBytes === null ? '–' : mebibytes(rssBytes);
    table.push([reader, records.toLocaleString('en-US'), millions(rates), resident]);
  }
  return table.toString();
}

function newTable(head: string[]): Table.Table {
  const colAligns = head.map((_, at) => (at === 0 ? ('left' as const) : ('right' as const)));
  return new Table({ head, colAligns, style: { head: [], border: [] } });
}

/** Median of the ratios of each round: what drifts between rounds cancels. */
function ratio(a: readonly number[], b: readonly number[]): string {
  if (a.length === 0 || b.length === 0) return '–';
  return `${median(a.map((rate, at) => rate / (b[at] as number))).toFixed(2)} ×`;
}

function millions(rates: readonly number[]): string {
  return rates.length === 0 ? '–' : `${(median(rates) / 1e6).toFixed(2)} M`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
