/**
 * Flink SQL as a peer on Kafka: one JVM with a local cluster, told what to run line by line, so
 * that it stays warm from run to run. Owns the process, Flink's table of the topic and the check of
 * what it counted; the program is test/peers/java/FlinkPeer.
 */
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { VeloError } from '../../base/errors.js';
import type { KafkaFixture } from '../scenario/kafka-fixture.js';
import type { KafkaWork } from './peers-kafka-works.js';

/** The packages that Flink reflects upon. */
const OPENED = ['util', 'lang', 'time', 'util.concurrent', 'lang.reflect', 'net', 'io', 'text'];
const RUN_LIMIT_MS = 600_000;
/** Lines of its log that a failure shows. */
const LOG_LINES = 20;

export interface FlinkOptions {
  readonly classPath: string;
  /** A log4j2 configuration. */
  readonly logging: string;
  /** For the SQL files. */
  readonly folder: string;
}

export interface FlinkRun {
  /** From submitting the job to its end, a cluster of its own included. */
  readonly seconds: number;
  readonly rows: number;
  readonly sums: readonly string[];
}

export class FlinkPeer {
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly folder: string;
  private readonly log: string[] = [];
  private answer: { resolve: (line: string) => void; reject: (error: Error) => void } | null = null;

  constructor({ classPath, logging, folder }: FlinkOptions) {
    this.folder = folder;
    const opens = OPENED.map((name) => `--add-opens=java.base/java.${name}=ALL-UNNAMED`);
    const settings = ['-Xmx2g', ...opens, `-Dlog4j2.configurationFile=${logging}`];
    this.child = spawn('java', [...settings, '-cp', classPath, 'FlinkPeer']);
    createInterface({ input: this.child.stdout }).on('line', (line) => this.heard(line));
    createInterface({ input: this.child.stderr }).on('line', (line) => this.remember(line));
    this.child.on('error', (error) => this.answer?.reject(error));
    this.child.on('exit', () => this.answer?.reject(this.failure('the JVM ended')));
  }

  /** Runs a work over the whole topic, or with `empty` over nothing: what a job costs by itself. */
  async run(
    work: KafkaWork,
    fixture: KafkaFixture,
    { miniBatch, empty }: { readonly miniBatch: boolean; readonly empty: boolean },
  ): Promise<FlinkRun> {
    const path = join(this.folder, 'job.sql');
    await writeFile(path, flinkScript(work, fixture, empty));
    const line = await this.ask(`${path}\t${miniBatch ? 'mini-batch' : 'plain'}`);
    const [, seconds, rows, ...sums] = line.split(' ');
    return { seconds: Number(seconds), rows: Number(rows), sums };
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.child.once('exit', () => resolve());
      this.child.stdin.end();
      this.child.kill('SIGTERM');
    });
  }

  private ask(request: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(this.failure('no answer')), RUN_LIMIT_MS);
      const settle = (): void => {
        clearTimeout(timer);
        this.answer = null;
      };
      this.answer = {
        resolve: (line) => {
          settle();
          resolve(line);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      this.child.stdin.write(`${request}\n`);
    });
  }

  private heard(line: string): void {
    if (line.startsWith('PEER ')) this.answer?.resolve(line);
    else if (line.startsWith('PEER-ERROR ')) this.answer?.reject(this.failure(line.slice(11)));
    else this.remember(line);
  }

  private remember(line: string): void {
    this.log.push(line);
    if (this.log.length > LOG_LINES) this.log.shift();
  }

  private failure(reason: string): VeloError {
    const message = `Flink failed: ${reason}`;
    return new VeloError('WORKER_DIED', { message, detail: this.log.join('\n') });
  }
}

/** What is wrong with what Flink counted, in words. */
export function flinkFaults({ expected, flinkSums }: KafkaWork, run: FlinkRun): string[] {
  const faults: string[] = [];
  if (run.rows !== expected.rows) faults.push(`Flink: ${run.rows} rows, not ${expected.rows}`);
  flinkSums.forEach((name, at) => {
    const want = String(expected.sums[name]);
    if (run.sums[at] !== want)
      faults.push(`Flink's sum of "${name}" is ${run.sums[at]}, not ${want}`);
  });
  return faults;
}

function flinkScript(work: KafkaWork, { topic, brokers }: KafkaFixture, empty: boolean): string {
  const time = work.windowed
    ? ', ts AS TO_TIMESTAMP_LTZ(trade_time, 3), WATERMARK FOR ts AS ts'
    : '';
  return `CREATE TABLE market_data (trader_id STRING, symbol STRING, price DOUBLE, quantity BIGINT,
  trade_time BIGINT${time}) WITH ('connector' = 'kafka', 'topic' = '${topic}',
  'properties.bootstrap.servers' = '${brokers}', 'properties.group.id' = 'flink-peer',
  'scan.startup.mode' = '${empty ? 'latest' : 'earliest'}-offset',
  'scan.bounded.mode' = 'latest-offset', 'format' = 'json');
CREATE TABLE results (${work.flinkColumns}) WITH ('connector' = 'counting');
INSERT INTO results ${work.flinkQuery}
`;
}
