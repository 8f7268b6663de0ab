/**
 * A broker on loopback whose answers a test may change: it serves one topic from memory, in the
 * versions that velo asks for, and takes batches in. Owns the layout of its answers, each made of
 * named fields (answer-fields.ts), so that a mutant can be of one field; which ones there are is
 * broker-mutants.ts. What a member of a group is answered is loopback-group.ts.
 */
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { encodeBatch } from '../support/record-batches.js';
import type { TestBatch } from '../support/record-batches.js';
import { AnswerFields, i32 } from './answer-fields.js';
import type { AnswerField } from './answer-fields.js';
import {
  GROUP_API,
  GROUP_VERSION,
  coordinatorAnswer,
  coordinatorTagged,
  groupAnswer,
  subscriptionIn,
} from './loopback-group.js';

export const API = {
  produce: 0,
  fetch: 1,
  listOffsets: 2,
  metadata: 3,
  offsetCommit: 8,
  offsetFetch: 9,
  findCoordinator: 10,
  apiVersions: 18,
  initProducerId: 22,
  describeConfigs: 32,
  ...GROUP_API,
} as const;
export type ApiName = keyof typeof API;

/** The latest version of each that is served; librdkafka takes it, or its own latest. */
const LATEST: Readonly<Record<ApiName, number>> = {
  produce: 8,
  fetch: 12,
  listOffsets: 6,
  metadata: 12,
  offsetCommit: 8,
  offsetFetch: 8,
  findCoordinator: 4,
  apiVersions: 3,
  initProducerId: 4,
  describeConfigs: 4,
  ...GROUP_VERSION,
};

/** A request as the broker sees it. */
export interface BrokerRequest {
  readonly api: ApiName;
  /** How many of this kind came, this one counted. */
  readonly nth: number;
  /** What it asks about partitions: of a ListOffsets the offset is the time. */
  readonly asked: readonly AskedPartition[];
  readonly version: number;
  /** Of a Produce: the batch. */
  readonly batch: Buffer | null;
  /** Of a JoinGroup: strategy and subscription. */
  readonly subscription: readonly [string, Buffer] | null;
}

export interface AskedPartition {
  readonly partition: number;
  readonly offset: number;
}

export interface BrokerAnswer {
  /** null: the broker says nothing. */
  readonly body: Buffer | null;
  readonly delayMs?: number;
}

export interface LoopbackTopic {
  readonly name: string;
  /** Batches by partition. */
  readonly logs: readonly (readonly Buffer[])[];
  readonly logStart: number;
  readonly cleanupPolicy: string;
  readonly committed: number;
  /** What the broker calls its host, in place of its address. */
  readonly advertised: string;
}

export type AnswerHook = (
  request: BrokerRequest,
  fields: readonly AnswerField[],
  broker: LoopbackBroker,
) => BrokerAnswer | null;

const HEADER_TAGGED: ReadonlySet<ApiName> = new Set([
  'fetch',
  'listOffsets',
  'metadata',
  'offsetCommit',
  'offsetFetch',
]);
const NO_EPOCH = -1;
const UNKNOWN_PARTITION = 3;
const EARLIEST = -2;

/** JSON rows `{"id": n}` as batches of some records each. */
export function idBatches(count: number, each: number, first = 0): Buffer[] {
  const batches: Buffer[] = [];
  for (let at = 0; at < count; at += each) {
    const rows = Math.min(each, count - at);
    const records = Array.from({ length: rows }, (_, delta) => ({
      delta,
      key: Buffer.from(`k${first + at + delta}`),
      value: Buffer.from(JSON.stringify({ id: first + at + delta })),
    }));
    batches.push(encodeBatch({ baseOffset: first + at, records, baseTimeMs: 1_700_000_000_000 }));
  }
  return batches;
}

export function batchOf(batch: TestBatch): Buffer {
  return encodeBatch(batch);
}

export class LoopbackBroker {
  /** Batches that were written, in the order in which they came. */
  readonly written: Buffer[] = [];
  readonly seen = new Map<ApiName, number>();
  /** Offsets that were committed, by partition, and how often. */
  readonly committed = new Map<number, number>();
  /** What a Fetch may give, in place of the batches from its offset on. */
  setFrom: ((partition: number, offset: number) => Buffer) | null = null;
  hook: AnswerHook | null = null;
  readonly topic: LoopbackTopic;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  static async start(topic: Partial<LoopbackTopic> = {}): Promise<LoopbackBroker> {
    const broker = new LoopbackBroker({
      name: 't',
      logs: [idBatches(9, 3)],
      logStart: 0,
      cleanupPolicy: 'delete',
      committed: -1,
      advertised: '127.0.0.1',
      ...topic,
    });
    await new Promise<void>((resolve) => broker.server.listen(0, '127.0.0.1', resolve));
    return broker;
  }

  private constructor(topic: LoopbackTopic) {
    this.topic = topic;
    this.server = createServer((socket) => {
      this.serve(socket);
    });
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  endOf(partition: number): number {
    const last = this.topic.logs[partition]?.at(-1);
    return last === undefined ? 0 : endOfBatch(last);
  }

  private errorOf(partition: number): number {
    return this.topic.logs[partition] === undefined ? UNKNOWN_PARTITION : 0;
  }

  count(api: ApiName): number {
    return this.seen.get(api) ?? 0;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private serve(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => undefined);
    let waiting = Buffer.alloc(0);
    let sending = Promise.resolve();
    socket.on('data', (chunk: Buffer) => {
      waiting = Buffer.concat([waiting, chunk]);
      while (waiting.length >= 4 && waiting.length >= 4 + waiting.readInt32BE(0)) {
        const size = waiting.readInt32BE(0);
        const request = waiting.subarray(4, 4 + size);
        waiting = waiting.subarray(4 + size);
        // Answers of a connection come in the order of its requests.
        sending = sending.then(() => this.answer(socket, request));
      }
    });
  }

  private async answer(socket: Socket, bytes: Buffer): Promise<void> {
    // The broker was closed while this one waited for its turn.
    if (socket.destroyed) return;
    const api = apiOf(bytes.readInt16BE(0));
    if (api === null) {
      socket.destroy();
      return;
    }
    const request = this.understand(api, bytes);
    const fields = this.fieldsOf(request);
    const plain = { body: Buffer.concat(fields.map((field) => field.bytes)), delayMs: 0 };
    const { body, delayMs = 0 } = this.hook?.(request, fields, this) ?? plain;
    if (body === null) return;
    const nothing = request.asked.every(({ partition, offset }) => offset >= this.endOf(partition));
    const idleMs = api === 'fetch' && nothing ? 50 : 0;
    if (delayMs + idleMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs + idleMs));
    const tagged =
      api === 'findCoordinator' ? coordinatorTagged(request.version) : HEADER_TAGGED.has(api);
    const tags = Buffer.alloc(tagged ? 1 : 0);
    const head = Buffer.concat([i32(4 + tags.length + body.length), bytes.subarray(4, 8), tags]);
    if (!socket.destroyed) socket.write(Buffer.concat([head, body]));
  }

  private understand(api: ApiName, bytes: Buffer): BrokerRequest {
    const nth = this.count(api) + 1;
    this.seen.set(api, nth);
    const version = bytes.readInt16BE(2);
    const plain = { api, nth, version, asked: [], batch: null, subscription: null };
    const at = 10 + Math.max(0, bytes.readInt16BE(8));
    const name = Buffer.byteLength(this.topic.name);
    switch (api) {
      case 'fetch':
        // Behind the tags: 25 bytes, one topic with its name.
        return { ...plain, asked: askedIn(bytes, at + 1 + 25 + 1 + 1 + name, 33) };
      case 'listOffsets':
        return { ...plain, asked: askedIn(bytes, at + 1 + 5 + 1 + 1 + name, 17) };
      case 'offsetCommit': {
        const from = bytes.lastIndexOf(Buffer.from(this.topic.name)) + name;
        const asked = askedIn(bytes, from, 18, 4);
        for (const { partition, offset } of asked) this.committed.set(partition, offset);
        return { ...plain, asked };
      }
      case 'produce': {
        const from = at + 2 + 2 + 4 + 4 + 2 + name + 4;
        const partition = bytes.readInt32BE(from);
        const batch = bytes.subarray(from + 8, from + 8 + bytes.readInt32BE(from + 4));
        return { ...plain, asked: [{ partition, offset: -1 }], batch };
      }
      case 'joinGroup':
        return { ...plain, subscription: subscriptionIn(bytes, at) };
      default:
        return plain;
    }
  }

  private fieldsOf(request: BrokerRequest): readonly AnswerField[] {
    const fields = new AnswerFields();
    const { name, logs, logStart, committed } = this.topic;
    const { asked } = request;
    switch (request.api) {
      case 'apiVersions':
        fields.i16('error', 0).count('apis', Object.keys(API).length);
        for (const api of apiNames()) {
          fields.i16('key', API[api]).i16('min', 0).i16('max', LATEST[api]).end();
        }
        return fields.i32('throttle', 0).end().all;
      case 'metadata':
        fields.i32('throttle', 0).count('brokers', 1).i32('node', 1);
        fields
          .text('host', this.topic.advertised)
          .i32('port', this.port)
          .text('rack', null)
          .end()
          .text('cluster', 'c');
        fields.i32('controller', 1).count('topics', 1).i16('error', 0).text('topic', name);
        fields.raw('topic id', Buffer.alloc(16, 7)).raw('internal', Buffer.of(0));
        fields.count('partitions', logs.length);
        logs.forEach((_, index) => {
          fields.i16('partition error', 0).i32('partition', index).i32('leader', 1);
          fields.i32('leader epoch', 0).count('replicas', 1).i32('replica', 1);
          fields.count('isr', 1).i32('in sync', 1).count('offline', 0).end();
        });
        return fields.i32('operations', -2147483648).end().end().all;
      case 'listOffsets':
        fields.i32('throttle', 0).count('topics', 1).text('topic', name);
        fields.count('partitions', asked.length);
        for (const { partition, offset } of asked) {
          fields.i32('partition', partition).i16('error', this.errorOf(partition));
          fields.i64('time', -1);
          fields.i64('offset', offset === EARLIEST ? logStart : this.endOf(partition));
          fields.i32('epoch', 0).end();
        }
        return fields.end().end().all;
      case 'fetch':
        fields.i32('throttle', 0).i16('error', 0).i32('session', 0).count('topics', 1);
        fields.text('topic', name).count('partitions', asked.length);
        for (const { partition, offset } of asked) {
          const end = this.endOf(partition);
          const set = this.setFrom?.(partition, offset) ?? this.batchesFrom(partition, offset);
          fields.i32('partition', partition).i16('partition error', this.errorOf(partition));
          fields.i64('high watermark', end);
          fields.i64('last stable', end).i64('log start', logStart).count('aborted', 0);
          fields.i32('preferred', -1).count('records', set.length).raw('set', set).end();
        }
        return fields.end().end().all;
      case 'findCoordinator':
        return coordinatorAnswer(request.version, this.port);
      case 'joinGroup':
      case 'syncGroup':
      case 'heartbeat':
      case 'leaveGroup':
        return groupAnswer(request.api, { name, partitions: logs.length }, request.subscription);
      case 'offsetFetch':
        fields.i32('throttle', 0).count('groups', 1).text('group', 'g').count('topics', 1);
        fields.text('topic', name).count('partitions', logs.length);
        logs.forEach((_, index) => {
          const offset = this.committed.get(index) ?? committed;
          fields.i32('partition', index).i64('offset', offset).i32('epoch', NO_EPOCH);
          fields.text('metadata', '').i16('error', 0).end();
        });
        return fields.end().i16('group error', 0).end().end().all;
      case 'offsetCommit':
        fields.i32('throttle', 0).count('topics', 1).text('topic', name);
        fields.count('partitions', asked.length);
        for (const { partition } of asked) fields.i32('partition', partition).i16('error', 0).end();
        return fields.end().end().all;
      case 'initProducerId':
        return fields.i32('throttle', 0).i16('error', 0).i64('id', 1000).i16('epoch', 0).all;
      case 'produce':
        if (request.batch !== null) this.written.push(request.batch);
        fields.i32('topics', 1).plainText('topic', name).i32('partitions', 1);
        fields
          .i32('partition', asked[0]?.partition ?? 0)
          .i16('error', 0)
          .i64('base offset', 0);
        fields.i64('time', -1).i64('log start', 0).i32('record errors', 0);
        return fields.plainText('message', null).i32('throttle', 0).all;
      case 'describeConfigs':
        fields.i32('throttle', 0).i32('results', 1).i16('error', 0).plainText('message', null);
        fields.raw('type', Buffer.of(2)).plainText('topic', name).i32('entries', 1);
        fields.plainText('name', 'cleanup.policy').plainText('value', this.topic.cleanupPolicy);
        return fields.raw('flags', Buffer.of(0, 5, 0)).i32('synonyms', 0).all;
    }
  }

  private batchesFrom(partition: number, offset: number): Buffer {
    const log = this.topic.logs[partition] ?? [];
    return Buffer.concat(log.filter((batch) => endOfBatch(batch) > offset));
  }
}

/** A compact array of entries of `size` bytes: the partition, and behind `gap` bytes an offset. */
function askedIn(bytes: Buffer, at: number, size: number, gap = 8): readonly AskedPartition[] {
  return Array.from({ length: bytes.readUInt8(at) - 1 }, (_, index) => {
    const from = at + 1 + index * size;
    return {
      partition: bytes.readInt32BE(from),
      offset: Number(bytes.readBigInt64BE(from + gap)),
    };
  });
}

function endOfBatch(batch: Buffer): number {
  return Number(batch.readBigInt64BE(0)) + batch.readInt32BE(23) + 1;
}

function apiOf(key: number): ApiName | null {
  return apiNames().find((name) => API[name] === key) ?? null;
}

function apiNames(): ApiName[] {
  // Checked boundary: the keys of API.
  return Object.keys(API) as ApiName[];
}
