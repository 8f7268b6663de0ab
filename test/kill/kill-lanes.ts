/**
 * Where the rows of the kill matrix come from and go to: file to file, generator to topic and topic
 * to topic, both exactly once. Owns the inputs, which are made once, the SQL of a run, and reading
 * what files and read_committed readers hold. What is compared is kill-rows.ts.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VARCHAR } from '../../src/columnar/types.js';
import { createTopics } from '../support/kafka-broker.mjs';
import type { ProxiedBroker } from '../support/kafka-proxy.js';
import { velo } from '../support/velo-process.js';
import { ALL, kafkaTable, newTopic, openSource, produce, readRows } from '../kafka/harness.js';
import type { InputTable, KillCase } from './kill-cases.js';

export const LANES = ['file to file', 'generator to topic', 'topic to topic'] as const;
export type Lane = (typeof LANES)[number];

const ROWS_PER_SECOND = 1200;
const OUT_PARTITIONS = 3;
/** Of a batch that is produced to a topic which is read: an answer has one. */
const RECORDS_A_BATCH = 6;

/** What a run of a job reads and writes. */
export interface Run {
  readonly script: string;
  readonly dir: string;
  /** The file that it writes; null: a topic. */
  readonly out: string | null;
  readonly topic: string | null;
  /** The file that it reads slowly. */
  readonly paced: string | null;
}

/** By partition of a topic, or one list of a file's lines. */
export type Written = readonly (readonly string[])[];

export class Lanes {
  private readonly folder: string;
  private readonly kafka: ProxiedBroker;
  /** By table: the file that holds its rows, and the topic once it is there. */
  private readonly files = new Map<string, string>();
  private readonly topics = new Map<string, string>();
  private runs = 0;

  constructor(folder: string, kafka: ProxiedBroker) {
    this.folder = folder;
    this.kafka = kafka;
  }

  /** A job of its own: `pace` false: as fast as it can. */
  async run(killCase: KillCase, lane: Lane, paced: boolean): Promise<Run> {
    this.runs += 1;
    const name = `job-${this.runs}`;
    const own = join(this.folder, name);
    mkdirSync(own);
    const [script, dir] = [join(own, `${name}.sql`), join(own, 'state')];
    const tables = await Promise.all(
      (killCase.two ? ['t', 'u'] : ['t']).map((table) =>
        this.tableOf(table, killCase.input, lane, paced),
      ),
    );
    const out = lane === 'file to file' ? join(own, 'out.jsonl') : null;
    const topic = out === null ? newTopic('killed') : null;
    const into = topic === null ? `INSERT INTO '${out ?? ''}'` : await this.sinkOf(topic, killCase);
    const { settings, query, input } = killCase;
    writeFileSync(script, `${tables.join('')}${settings}${into} ${query};\n`);
    const slow = paced && lane === 'file to file' ? await this.fileOf(input) : null;
    return { script, dir, out, topic, paced: slow };
  }

  async written({ out, topic }: Run): Promise<Written> {
    if (topic === null) return [linesOf(out ?? '')];
    const columns = [{ name: 'line', type: VARCHAR }];
    const options = { ...ALL, fetch: 'librdkafka', format: 'raw' };
    const table = kafkaTable(this.kafka.broker.brokers, topic, options, columns);
    const rows = await readRows(await openSource(table, { system: ['_partition'] }));
    const partitions = Array.from({ length: OUT_PARTITIONS }, (): string[] => []);
    for (const [line, partition] of rows) partitions[Number(partition)]?.push(String(line));
    return partitions;
  }

  /** Without a key all rows have one order. */
  private async sinkOf(topic: string, { key }: KillCase): Promise<string> {
    const partitions = key.length === 0 ? 1 : OUT_PARTITIONS;
    await createTopics(this.kafka.broker.brokers, [{ topic, partitions }]);
    const fields = key.length === 0 ? {} : { 'key.fields': key.join(';') };
    return `CREATE TABLE o WITH (${optionsOf({
      connector: 'kafka',
      topic,
      format: 'json',
      'properties.bootstrap.servers': this.kafka.proxied,
      'connect.timeout': '60s',
      'sink.delivery-guarantee': 'exactly-once',
      ...fields,
    })}) AS`;
  }

  private async tableOf(
    name: string,
    input: InputTable,
    lane: Lane,
    paced: boolean,
  ): Promise<string> {
    const { columns, watermark, rows } = input;
    const isMade = lane === 'generator to topic';
    const shown = columns.map(
      (each) => `${each.name} ${each.type}${isMade ? ` AS ${each.of}` : ''}`,
    );
    const list = watermark === '' ? shown : [...shown, watermark];
    const options: Readonly<Record<string, string>> = isMade
      ? {
          connector: 'generator',
          rows: String(rows),
          ...(paced ? { 'rows-per-second': String(ROWS_PER_SECOND) } : {}),
        }
      : lane === 'file to file'
        ? { connector: 'file', path: await this.fileOf(input), format: 'json' }
        : {
            connector: 'kafka',
            topic: await this.topicOf(input),
            format: 'json',
            'properties.bootstrap.servers': this.kafka.proxied,
            'connect.timeout': '60s',
            'scan.startup.mode': 'earliest-offset',
            'scan.bounded.mode': 'latest-offset',
            'properties.max.partition.fetch.bytes': '1',
            'properties.fetch.max.bytes': '1',
          };
    return `CREATE TABLE ${name} (${list.join(', ')}) WITH (${optionsOf(options)});\n`;
  }

  /** Rows of a table as its generator makes them. */
  private async fileOf(input: InputTable): Promise<string> {
    const known = this.files.get(input.name);
    if (known !== undefined) return known;
    const path = join(this.folder, `${input.name}.jsonl`);
    const table = await this.tableOf('t', input, 'generator to topic', false);
    const names = input.columns.map((each) => each.name).join(', ');
    const sql = `${table}INSERT INTO '${path}' SELECT ${names} FROM t;`;
    const { exit, stderr } = await velo(['run', '-q', '--arch', 'v1', '-e', sql]);
    if (exit !== 0) throw new Error(stderr);
    this.files.set(input.name, path);
    return path;
  }

  /** One partition: what its rows give depends on their order. */
  private async topicOf(input: InputTable): Promise<string> {
    const known = this.topics.get(input.name);
    if (known !== undefined) return known;
    const lines = linesOf(await this.fileOf(input));
    const topic = newTopic(input.name);
    await createTopics(this.kafka.broker.brokers, [{ topic, partitions: 1 }]);
    const messages = lines.map((value) => ({ value, partition: 0 }));
    await produce(this.kafka.broker.brokers, topic, messages, {
      'batch.num.messages': RECORDS_A_BATCH,
    });
    this.topics.set(input.name, topic);
    return topic;
  }
}

function linesOf(path: string): string[] {
  return readFileSync(path, 'utf8').split('\n').slice(0, -1);
}

function optionsOf(options: Readonly<Record<string, string>>): string {
  return Object.entries(options)
    .map(([key, value]) => `'${key}' = '${value}'`)
    .join(', ');
}
