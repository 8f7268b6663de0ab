/**
 * A cluster of one broker that answers Produce requests as a test says, where no real one can be
 * made to: behind the connection, without sockets. Where the script says nothing it does as brokers
 * do that know idempotent producers: it stores a batch that follows, answers one that it has, and
 * refuses any other.
 */
import { MessageBlock } from '../../src/connectors/kafka/blocks/message-block.js';
import { i16At, i32At } from '../../src/connectors/kafka/batch/record-batch.js';
import { RecordSetReader } from '../../src/connectors/kafka/batch/record-set.js';
import type {
  ProduceCluster,
  ProduceConnection,
} from '../../src/connectors/kafka/produce/produce-leader.js';
import type { TopicState } from '../../src/connectors/kafka/cluster/partition-offsets.js';
import type { Frame } from '../../src/connectors/kafka/cluster/wire-connection.js';

const PRODUCE_KEY = 0;
const DESCRIBE_CONFIGS_KEY = 32;
const EPOCH_AT = 51;
const SEQUENCE_AT = 53;
const ROWS_AT = 57;
const OUT_OF_ORDER = 45;
const OLD_EPOCH = 47;
/** A broker knows the last batches of a producer. */
const KNOWN_BATCHES = 5;
const PARTS = { keys: false, headers: false };

export interface AskedBatch {
  readonly partition: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly rows: number;
  readonly byteLength: number;
  /** How many batches came before, for any partition. */
  readonly before: number;
}

/** An error code, stored or not before it is answered; `lost`: the connection ends instead. */
export interface ScriptedAnswer {
  readonly code?: number;
  readonly text?: string;
  /** What the broker says of single records of the batch. */
  readonly records?: readonly string[];
  /** The answer names no topic. */
  readonly silent?: boolean;
  readonly stored?: boolean;
  readonly lost?: boolean;
  /** What the broker asks the producer to wait. */
  readonly throttleMs?: number;
}

interface Log {
  readonly values: string[];
  epoch: number;
  known: { readonly sequence: number; readonly rows: number }[];
}

export class ScriptedCluster implements ProduceCluster {
  readonly asked: AskedBatch[] = [];
  readonly logs: Log[];
  /** What a look at the topic fails with. */
  missing: Error | null = null;
  /** What a new connection fails with. */
  refused: Error | null = null;
  state: TopicState;
  closed = false;
  private readonly script: (batch: AskedBatch) => ScriptedAnswer | null;
  private readonly limit: number | null;

  constructor(
    script: (batch: AskedBatch) => ScriptedAnswer | null,
    { partitions = 1, limit = null as number | null } = {},
  ) {
    this.script = script;
    this.limit = limit;
    this.logs = Array.from({ length: partitions }, () => ({ values: [], epoch: -1, known: [] }));
    this.state = {
      topic: 't',
      topicId: 'first',
      partitions: this.logs.map((_, partition) => ({ partition, leader: 1, leaderEpoch: 0 })),
    };
  }

  topic(): TopicState {
    return this.state;
  }

  refresh(): Promise<TopicState> {
    return this.missing === null ? Promise.resolve(this.state) : Promise.reject(this.missing);
  }

  fetchConnection(): Promise<ProduceConnection> {
    if (this.refused !== null) return Promise.reject(this.refused);
    return Promise.resolve(new ScriptedConnection((key, body) => this.answer(key, body)));
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  private answer(key: number, body: Uint8Array): Uint8Array | 'lost' {
    if (key === DESCRIBE_CONFIGS_KEY) return configResponse(this.limit);
    if (key !== PRODUCE_KEY) throw new Error(`nobody asks for ${key}`);
    const answers = batchesIn(body).map(({ partition, bytes }) => {
      const batch: AskedBatch = {
        partition,
        epoch: i16At(bytes, EPOCH_AT),
        sequence: i32At(bytes, SEQUENCE_AT),
        rows: i32At(bytes, ROWS_AT),
        byteLength: bytes.length,
        before: this.asked.length,
      };
      this.asked.push(batch);
      const scripted = this.script(batch);
      if (scripted === null) return { partition, code: this.store(batch, bytes) };
      const code = scripted.stored === true ? this.store(batch, bytes) : 0;
      return { partition, ...scripted, code: scripted.code ?? code };
    });
    return answers.some(({ lost = false }) => lost) ? 'lost' : produceResponse(answers);
  }

  private store(batch: AskedBatch, bytes: Uint8Array): number {
    const { epoch, sequence, rows } = batch;
    const log = this.logs[batch.partition]!;
    if (epoch < log.epoch) return OLD_EPOCH;
    if (epoch > log.epoch) {
      if (log.epoch >= 0 && sequence !== 0) return OUT_OF_ORDER;
      log.epoch = epoch;
      log.known = [];
    }
    const last = log.known.at(-1);
    const next = last === undefined ? sequence : (last.sequence + last.rows) % 2 ** 31;
    if (log.known.some((known) => known.sequence === sequence && known.rows === rows)) return 0;
    if (sequence !== next) return OUT_OF_ORDER;
    log.known = [...log.known, { sequence, rows }].slice(-KNOWN_BATCHES);
    log.values.push(...valuesOf(bytes));
    return 0;
  }
}

class ScriptedConnection implements ProduceConnection {
  readonly address = { host: 'scripted', port: 1 };
  readonly expiring = false;
  readonly closed: Promise<Error | null>;
  private readonly answer: (key: number, body: Uint8Array) => Uint8Array | 'lost';
  private readonly waiting = new Set<(error: Error) => void>();
  private end: (error: Error | null) => void = () => undefined;
  private ended = false;

  constructor(answer: (key: number, body: Uint8Array) => Uint8Array | 'lost') {
    this.answer = answer;
    this.closed = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  request(key: number, _version: number, body: Uint8Array): Promise<Frame> {
    // The sender may use the buffer again once it has an answer.
    const copy = body.slice();
    return new Promise((resolve, reject) => {
      this.waiting.add(reject);
      setImmediate(() => {
        if (this.ended) return;
        const bytes = this.answer(key, copy);
        if (bytes === 'lost') {
          this.finish(new Error('the connection was lost'));
          return;
        }
        this.waiting.delete(reject);
        resolve({ bytes, from: 0, to: bytes.length, release: () => undefined });
      });
    });
  }

  close(): void {
    this.finish(null);
  }

  private finish(error: Error | null): void {
    if (this.ended) return;
    this.ended = true;
    for (const reject of this.waiting) reject(error ?? new Error('it was closed'));
    this.end(error);
  }
}

function batchesIn(body: Uint8Array): { readonly partition: number; readonly bytes: Uint8Array }[] {
  // Behind transactional id, acks, timeout and the number of topics.
  let at = 2 + 2 + 4 + 4;
  at += 2 + i16At(body, at);
  const count = i32At(body, at);
  at += 4;
  return Array.from({ length: count }, () => {
    const from = at + 8;
    const bytes = body.subarray(from, from + i32At(body, at + 4));
    const partition = i32At(body, at);
    at = from + bytes.length;
    return { partition, bytes };
  });
}

function valuesOf(batch: Uint8Array): string[] {
  const reader = new RecordSetReader({
    parts: PARTS,
    checkCrcs: true,
    isolation: 'read_uncommitted',
    label: 'scripted',
  });
  const bytes = new Uint8Array(batch.length + 1);
  bytes.set(batch);
  const all = { firstOffset: 0, stop: Number.POSITIVE_INFINITY, aborted: [] };
  reader.begin(bytes, 0, batch.length, all);
  const block = new MessageBlock(64, PARTS);
  const values: string[] = [];
  for (let more = true; more;) {
    block.clear();
    more = reader.fill(block);
    for (let row = 0; row < block.rowCount; row += 1) {
      values.push(new TextDecoder().decode(block.rawRecord(row)));
    }
  }
  return values;
}

function produceResponse(
  answers: readonly (ScriptedAnswer & { readonly partition: number; readonly code: number })[],
): Uint8Array {
  const silent = answers.some((answer) => answer.silent);
  const parts = silent ? [i32(0)] : [i32(1), text('t'), i32(answers.length)];
  for (const answer of silent ? [] : answers) {
    const { records = [] } = answer;
    parts.push(i32(answer.partition), i16(answer.code), Buffer.alloc(24), i32(records.length));
    records.forEach((why, at) => parts.push(i32(at), text(why)));
    parts.push(text(answer.text ?? null));
  }
  parts.push(i32(Math.max(0, ...answers.map(({ throttleMs = 0 }) => throttleMs))));
  return Buffer.concat(parts);
}

/** DescribeConfigs, version 1, of one entry; without a limit nobody may ask. */
function configResponse(limit: number | null): Uint8Array {
  const head = [i32(0), i32(1), i16(limit === null ? 29 : 0), text(null), i8(2), text('t')];
  if (limit === null) return Buffer.concat([...head, i32(0)]);
  const entry = [text('max.message.bytes'), text(String(limit)), i8(0), i8(1), i8(0), i32(0)];
  return Buffer.concat([...head, i32(1), ...entry]);
}

function i8(value: number): Buffer {
  return Buffer.of(value);
}

function i16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function i32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function text(value: string | null): Buffer {
  if (value === null) return i16(-1);
  const bytes = Buffer.from(value);
  return Buffer.concat([i16(bytes.length), bytes]);
}
