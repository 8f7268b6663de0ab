/**
 * Bare consumption as a peer on Kafka: kcat, node-rdkafka and @platformatic/kafka read a topic and
 * do nothing with its records but count them. Owns the processes; the loops of the two libraries
 * are peers-kafka-reader.ts, each run in a process of its own.
 */
import { fork, spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../base/clock.js';
import { VeloError } from '../../base/errors.js';
import type { KafkaFixture } from '../scenario/kafka-fixture.js';

export type ReaderName = 'kcat' | 'node-rdkafka' | '@platformatic/kafka';

export const READERS: readonly ReaderName[] = ['kcat', 'node-rdkafka', '@platformatic/kafka'];

/** What a reader is told, as one JSON argument. */
export interface ReaderTask {
  readonly library: Exclude<ReaderName, 'kcat'>;
  readonly brokers: string;
  readonly topic: string;
  readonly partitions: number;
  readonly records: number;
}

export interface ReaderOutcome {
  readonly records: number;
  /** From the first record to the last. */
  readonly seconds: number;
  /** null where it is not known. */
  readonly rssPeakBytes: number | null;
}

export type ReaderMessage =
  | { readonly kind: 'done'; readonly outcome: ReaderOutcome }
  | { readonly kind: 'failed'; readonly message: string };

const ENTRY = fileURLToPath(new URL('./peers-kafka-reader.js', import.meta.url));
const READ_LIMIT_MS = 600_000;

export function hasKcat(): boolean {
  return spawnSync('kcat', ['-V'], { stdio: 'ignore' }).status === 0;
}

/** Reads the first `records` of the topic; kcat always reads all of it. */
export function readBare(
  reader: ReaderName,
  { brokers, topic, partitions }: KafkaFixture,
  records: number,
): Promise<ReaderOutcome> {
  if (reader === 'kcat') return readWithKcat(brokers, topic);
  return readInProcess({ library: reader, brokers, topic, partitions, records });
}

/** One byte out per record, so that they can be counted: the least that kcat writes. */
function readWithKcat(brokers: string, topic: string): Promise<ReaderOutcome> {
  const args = ['-C', '-b', brokers, '-t', topic, '-o', 'beginning', '-e', '-q', '-f', 'x'];
  return new Promise((resolve, reject) => {
    const child = spawn('kcat', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), READ_LIMIT_MS);
    let records = 0;
    let firstNs = Number.NaN;
    child.stdout.on('data', (bytes: Buffer) => {
      if (records === 0) firstNs = systemClock.monotonicNs();
      records += bytes.length;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      const seconds = (systemClock.monotonicNs() - firstNs) / 1e9;
      if (code === 0) resolve({ records, seconds, rssPeakBytes: null });
      else reject(readerError('kcat', `exit ${String(code)}`));
    });
  });
}

function readInProcess(task: ReaderTask): Promise<ReaderOutcome> {
  return new Promise((resolve, reject) => {
    const child = fork(ENTRY, [JSON.stringify(task)]);
    const timer = setTimeout(() => child.kill('SIGKILL'), READ_LIMIT_MS);
    let message: ReaderMessage | null = null;
    child.on('message', (received) => {
      message = received as ReaderMessage;
      // Disconnecting takes these clients seconds, and nobody waits for it.
      child.kill('SIGKILL');
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (message?.kind === 'done') resolve(message.outcome);
      else {
        const reason = message?.kind === 'failed' ? message.message : `exit ${code ?? signal}`;
        reject(readerError(task.library, reason));
      }
    });
  });
}

function readerError(reader: ReaderName, reason: string): VeloError {
  return new VeloError('WORKER_DIED', { message: `${reader} does not read the topic: ${reason}` });
}
