/**
 * The connections of one client to the brokers of a cluster, and single requests over them. Owns
 * which broker has which address, one connection per broker for questions (metadata, offsets), the
 * connections it opens for others, and the bounds in time. What is asked and what the answers mean
 * are cluster.ts, partition-offsets.ts and group-offsets.ts.
 */
import type { Reader, Writer } from '@platformatic/kafka';
import type { Clock } from '../../../base/clock.js';
import { ConnectorError } from '../../../base/errors.js';
import { connectBroker } from './broker-connection.js';
import type { BrokerAddress, ClientSettings } from '../settings/client-settings.js';
import { WireReader } from './client-parts.js';
import { BROKER_ERROR } from './broker-errors.js';
import { brokerTooOld, brokerUnreachable } from './cluster-errors.js';
import { connectionFailure } from './connection-failure.js';
import type { ConnectionFailure } from './connection-failure.js';
import { FramePool } from './frame-pool.js';
import type { KafkaEndpoint } from '../settings/table-options.js';
import { noKafka } from './wire-connection.js';
import type { WireConnection } from './wire-connection.js';

/** One version of one of Kafka's requests, as @platformatic/kafka describes it. */
export interface WireApi<Question extends unknown[], Answer> {
  readonly createRequest: (...question: Question) => Writer;
  readonly parseResponse: (
    correlationId: number,
    apiKey: number,
    version: number,
    reader: Reader,
  ) => Answer;
  readonly api: { readonly key: number; readonly version: number };
}

/** How long a question may take once connected. */
export const QUERY_TIMEOUT_MS = 10_000;
/** Buffers of responses that are kept for the next ones. */
const IDLE_FRAME_BYTES_MAX = 32 << 20;
/** The metadata of a hundred thousand partitions has a tenth of it. */
const ANSWER_BYTES_MAX = 64 << 20;
/** With several addresses, one that is mute may not take the time of the others. */
const SHARE_MS_MIN = 1_000;
/** What a stopped job has for its last questions, all together. */
const HURRIED_MS = 1_000;
/** Answers with fields behind their end: ApiVersions. */
const TAGGED_ANSWERS: ReadonlySet<number> = new Set([18]);

/** One broker could not be talked to. */
export class LinkFailure extends Error {
  override readonly name = 'LinkFailure';
  readonly failure: ConnectionFailure;
  /** The broker took a request, and closed the connection instead of answering. */
  readonly hungUp: boolean;

  constructor(failure: ConnectionFailure, hungUp = false) {
    super(failure.reason, { cause: failure.error });
    this.failure = failure;
    this.hungUp = hungUp;
  }
}

export class ClusterLink {
  readonly endpoint: KafkaEndpoint;
  readonly settings: ClientSettings;
  readonly clock: Clock;
  private readonly pool = new FramePool(IDLE_FRAME_BYTES_MAX);
  private brokers: ReadonlyMap<number, BrokerAddress> = new Map();
  /** For questions, by `host:port`. */
  private readonly asked = new Map<string, WireConnection>();
  private readonly opened = new Set<WireConnection>();
  private readonly closing = new AbortController();
  /** While a table is opened, or a stopped job ends: when that has to be done. */
  private openUntilNs: number | null;

  /** Opening begins with it: all questions together have 'connect.timeout', until isOpen(). */
  constructor(endpoint: KafkaEndpoint, settings: ClientSettings, clock: Clock) {
    this.endpoint = endpoint;
    this.settings = settings;
    this.clock = clock;
    this.openUntilNs = clock.monotonicNs() + endpoint.connectTimeoutMs * 1e6;
  }

  /** From now on each question has a time of its own. */
  isOpen(): void {
    this.openUntilNs = null;
  }

  /** The job is stopped: whoever does not answer now is not waited for. */
  hurry(): void {
    this.openUntilNs = this.clock.monotonicNs() + HURRIED_MS * 1e6;
    // What was asked before was to have longer.
    setTimeout(() => {
      for (const connection of [...this.asked.values()]) connection.close();
    }, HURRIED_MS).unref();
  }

  /** Of a question that is asked again and again until then. */
  leftMs(deadlineNs: number): number {
    const untilNs = Math.min(deadlineNs, this.openUntilNs ?? deadlineNs);
    return Math.max(1, (untilNs - this.clock.monotonicNs()) / 1e6);
  }

  /** How long a question may take now, with all that it takes to ask it again. */
  get patienceMs(): number {
    const { openUntilNs } = this;
    if (openUntilNs === null) return Math.min(this.endpoint.connectTimeoutMs, QUERY_TIMEOUT_MS);
    return Math.max(1, (openUntilNs - this.clock.monotonicNs()) / 1e6);
  }

  /** The brokers that the cluster has now. */
  know(brokers: ReadonlyMap<number, BrokerAddress>): void {
    if (brokers.size > 0) this.brokers = brokers;
  }

  addressOf(nodeId: number): BrokerAddress {
    const address = this.brokers.get(nodeId);
    if (address !== undefined) return address;
    throw new ConnectorError('BROKER_UNREACHABLE', {
      message: `the Kafka broker ${nodeId} of ${this.endpoint.label} is not known`,
      detail: `the cluster at ${this.endpoint.brokers} has the brokers ${[
        ...this.brokers.keys(),
      ].join(', ')}`,
    });
  }

  /** Where the cluster may answer: its brokers, then the bootstrap servers. */
  addresses(): readonly BrokerAddress[] {
    const all = [...this.brokers.values(), ...this.settings.bootstrap];
    const first = new Map(all.map((address) => [keyOf(address), address]));
    return [...first.values()];
  }

  /** A new connection; the caller closes it. Rejects with a LinkFailure. */
  async open(
    address: BrokerAddress,
    timeoutMs: number,
    settings = this.settings,
  ): Promise<WireConnection> {
    let connection: WireConnection;
    try {
      const { pool, closing } = this;
      connection = await connectBroker(address, { settings, timeoutMs, pool, end: closing.signal });
    } catch (error) {
      throw new LinkFailure(this.failure(address, error, settings));
    }
    if (this.closing.signal.aborted) {
      connection.close();
      throw new LinkFailure(this.failure(address, CLOSED, settings));
    }
    this.opened.add(connection);
    void connection.closed.then(() => this.opened.delete(connection));
    return connection;
  }

  /** The connection for questions to this broker. Rejects with a LinkFailure. */
  async to(address: BrokerAddress, timeoutMs: number): Promise<WireConnection> {
    const key = keyOf(address);
    const open = this.asked.get(key);
    if (open !== undefined && !open.expiring) return open;
    open?.close();
    const settings = { ...this.settings, frameBytesMax: ANSWER_BYTES_MAX };
    const connection = await this.open(address, timeoutMs, settings);
    this.asked.set(key, connection);
    void connection.closed.then(() => {
      if (this.asked.get(key) === connection) this.asked.delete(key);
    });
    return connection;
  }

  /**
   * Asks brokers one after the other until one answers, those with a connection first. Rejects with
   * the LinkFailures of all of them.
   */
  async anywhere<T>(
    ask: (connection: WireConnection, timeoutMs: number) => Promise<T>,
    timeoutMs: number,
    failed: (failure: ConnectionFailure) => void = () => undefined,
  ): Promise<T> {
    const deadlineNs = this.clock.monotonicNs() + timeoutMs * 1e6;
    const addresses = [...this.addresses()].sort(
      (a, b) => Number(this.asked.has(keyOf(b))) - Number(this.asked.has(keyOf(a))),
    );
    const failures: ConnectionFailure[] = [];
    for (const [at, address] of addresses.entries()) {
      const leftMs = Math.max(1, (deadlineNs - this.clock.monotonicNs()) / 1e6);
      const shareMs = Math.min(leftMs, Math.max(SHARE_MS_MIN, leftMs / (addresses.length - at)));
      try {
        return await ask(await this.to(address, shareMs), shareMs);
      } catch (error) {
        if (!(error instanceof LinkFailure)) throw error;
        failures.push(error.failure);
        failed(error.failure);
      }
    }
    throw new LinkFailures(failures);
  }

  /**
   * One request and its answer, with the error codes in it. A connection that is lost, or silent
   * for `timeoutMs`, rejects with a LinkFailure, and is closed.
   */
  async ask<Question extends unknown[], Answer>(
    connection: WireConnection,
    timeoutMs: number,
    { createRequest, parseResponse, api }: WireApi<Question, Answer>,
    ...question: Question
  ): Promise<Answer> {
    const body = createRequest(...question).buffer;
    const asked = connection.request(api.key, api.version, body, true);
    return this.within(connection, timeoutMs, async () => {
      const frame = await asked;
      const { bytes, from, to } = frame;
      const reader = WireReader.from(
        Buffer.from(bytes.buffer, bytes.byteOffset + from, Math.max(0, to - from)),
      );
      try {
        const answer = answerOf(() => parseResponse(0, api.key, api.version, reader));
        this.requireEnd(reader, api.key, connection.address);
        return answer;
      } catch (error) {
        throw this.unreadable(error, connection.address, bytes.subarray(from, to));
      } finally {
        frame.release();
      }
    });
  }

  /**
   * Waits for what was asked over a connection. One that is lost, or silent for `timeoutMs`, rejects
   * with a LinkFailure, and is closed.
   */
  async within<T>(
    connection: WireConnection,
    timeoutMs: number,
    answer: () => Promise<T>,
  ): Promise<T> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      connection.close();
    }, timeoutMs);
    try {
      return await answer();
    } catch (error) {
      if (!(error instanceof ConnectorError) || error.key === 'KAFKA_BROKER_OLD') throw error;
      const cause = late ? new Error('no answer in time', { cause: error }) : error;
      throw new LinkFailure(this.failure(connection.address, cause), !late);
    } finally {
      clearTimeout(timer);
    }
  }

  /** `advertised`: the address is a broker's own word, not the table's. */
  private failure(
    address: BrokerAddress,
    cause: unknown,
    settings = this.settings,
  ): ConnectionFailure {
    const { endpoint } = this;
    const given = settings.bootstrap.some((each) => keyOf(each) === keyOf(address));
    return connectionFailure({ endpoint, settings, address, advertised: !given }, cause);
  }

  /** Behind the fields that were read comes an answer's number of further ones, of which none is known. */
  private requireEnd({ position, length, buffer }: Reader, key: number, at: BrokerAddress): void {
    if (TAGGED_ANSWERS.has(key)) return;
    if (position < length && (position === length - 1 || buffer.readUInt8(position) !== 0)) return;
    throw noKafka(at, 'one of its answers cannot be read');
  }

  /** Brokers that do not know a version answer in the first one, which begins with that code. */
  private unreadable(error: unknown, address: BrokerAddress, body: Uint8Array): ConnectorError {
    if (body[0] === 0 && body[1] === BROKER_ERROR.UNSUPPORTED_VERSION && body.length < 100) {
      return brokerTooOld(this.endpoint, address, 'it answers UNSUPPORTED_VERSION');
    }
    if (error instanceof ConnectorError) return error;
    return noKafka(address, 'one of its answers cannot be read', error);
  }

  close(): void {
    this.closing.abort();
    for (const connection of [...this.opened]) connection.close();
  }
}

/** No broker answered. */
export class LinkFailures extends Error {
  override readonly name = 'LinkFailures';
  readonly failures: readonly ConnectionFailure[];

  constructor(failures: readonly ConnectionFailure[]) {
    super(failures.map(({ reason }) => reason).join('; '));
    this.failures = failures;
  }
}

/**
 * The ConnectorError of a failed question, after opening. A connection worked before: what only
 * looks like a wrong setting is a broker's trouble, and passes.
 */
export function unreachable(endpoint: KafkaEndpoint, error: unknown): unknown {
  const failures =
    error instanceof LinkFailures
      ? error.failures
      : error instanceof LinkFailure
        ? [error.failure]
        : null;
  if (failures === null) return error;
  const final = failures.find(({ kind }) => kind === 'final');
  if (final !== undefined) return final.error;
  const [first] = failures;
  if (first !== undefined && failures.every(({ advertised }) => advertised)) return first.error;
  const reasons = failures.map(({ reason }) => reason).join('; ');
  return brokerUnreachable(endpoint, reasons, failures[0]?.error);
}

/** @platformatic/kafka throws an answer that has error codes; here they are looked at one by one. */
function answerOf<Answer>(parse: () => Answer): Answer {
  try {
    return parse();
  } catch (error) {
    const { response } = error as { readonly response?: Answer };
    if (response !== undefined) return response;
    throw error;
  }
}

const CLOSED = new Error('it was closed');

function keyOf({ host, port }: BrokerAddress): string {
  return `${host}:${port}`;
}
