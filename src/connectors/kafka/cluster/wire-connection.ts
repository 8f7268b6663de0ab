/**
 * A broker connection whose responses we read ourselves: broker-connection.ts connects it, with TLS
 * and SASL, and from then on its socket is ours. Owns request headers and correlation ids, the
 * assembly of responses into pooled buffers with one copy from the socket's chunks, and the end: a
 * closed socket, a silent broker or bytes that are no response end it, and whoever waits is told.
 * What is in a request and its response is up to the callers. @hot
 *
 *   request    size i32 · key i16 · version i16 · correlation i32 · client id · [tags] · body
 *   response   size i32 · correlation i32 · [tags] · body
 *
 * A broker answers the requests of a connection one after the other, in their order: what waits is
 * a queue, and a response that is not its head's is an error. So is a broker's silence of
 * requestTimeoutMs while it is asked; a response that comes slowly is none.
 */
import type { Socket } from 'node:net';
import { ConnectorError } from '../../../base/errors.js';
import type { BrokerAddress } from '../settings/client-settings.js';
import type { FramePool } from './frame-pool.js';

/** A response. */
export interface Frame {
  readonly bytes: Uint8Array;
  /** The body is bytes[from, to); the byte at `to` exists, and may be overwritten. */
  readonly from: number;
  readonly to: number;
  /** Gives the buffer back: nothing of it may be read any more. A second call does nothing. */
  release(): void;
}

/** Where the bytes of a socket go that reads into one buffer, again and again. */
export interface SocketInlet {
  /** bytes[0, length) came; they are read before it returns. */
  take: (bytes: Buffer, length: number) => void;
}

export interface WireParts {
  /** Connected, its 'data' unheard. */
  readonly socket: Socket;
  /** What the socket reads into, when it was made with one; else its 'data' is listened to. */
  readonly inlet: SocketInlet | null;
  readonly address: BrokerAddress;
  readonly clientId: string;
  readonly requestTimeoutMs: number;
  /** Responses above it are refused. */
  readonly frameBytesMax: number;
  readonly pool: FramePool;
  /** Called once when the connection ends. */
  readonly ended: () => void;
}

interface Asked {
  readonly correlationId: number;
  /** The response's header has tags. */
  readonly tagged: boolean;
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: Error) => void;
}

const SIZE_BYTES = 4;
const CORRELATION_BYTES = 4;
/** Its response has the first form of header in every version: an old broker must be understood. */
const API_VERSIONS_KEY = 18;
/** TLS records begin with their type (alert, handshake), then the major version, 3. */
const TLS_ALERT = 0x1503;
const TLS_HANDSHAKE = 0x1603;

export class WireConnection {
  readonly address: BrokerAddress;
  /** Resolves when the connection has ended: with the reason, or null after close(). */
  readonly closed: Promise<Error | null>;
  /** The broker ends the SASL session soon: the next request belongs on a new connection. */
  expiring = false;
  private readonly parts: WireParts;
  private readonly socket: Socket;
  private readonly clientId: Buffer;
  private readonly asked: Asked[] = [];
  private ended = false;
  /** Why it ended. */
  private reason: Error = new Error('it was closed');
  private end: (reason: Error | null) => void = () => undefined;
  private silence: NodeJS.Timeout | null = null;
  private chunks = 0;
  private correlationId = 0;
  /** The response that is being assembled: `filled` of `size` bytes. */
  private frame: Uint8Array | null = null;
  private size = 0;
  private filled = 0;
  /** Bytes of a size that came in parts. */
  private readonly sizeBytes = new Uint8Array(SIZE_BYTES);
  private sizeFilled = 0;

  constructor(parts: WireParts) {
    const { socket } = parts;
    this.parts = parts;
    this.address = parts.address;
    this.socket = socket;
    this.clientId = Buffer.from(parts.clientId);
    this.closed = new Promise((resolve) => {
      this.end = resolve;
    });
    if (parts.inlet === null) {
      socket.on('data', (chunk: Buffer) => {
        this.take(chunk, chunk.length);
      });
    } else {
      parts.inlet.take = (bytes, length) => {
        this.take(bytes, length);
      };
    }
    socket.on('error', (error) => {
      this.finish(this.lost(error));
    });
    socket.on('close', () => {
      this.finish(this.lost(null));
    });
    if (socket.destroyed) this.finish(this.lost(null));
  }

  /** Bytes that wait to be sent. */
  get unsentBytes(): number {
    return this.socket.writableLength;
  }

  /**
   * Sends a request, with others under way or not; `flexible`: its version has tagged fields. The
   * body is not copied: it stays unchanged until the response is there. Rejects with the reason
   * (ConnectorError) when the connection ends before.
   */
  request(apiKey: number, version: number, body: Uint8Array, flexible: boolean): Promise<Frame> {
    if (this.ended) return Promise.reject(this.reason);
    const { socket } = this;
    const correlationId = this.correlationId;
    this.correlationId = (correlationId + 1) & 0x7fffffff;
    const header = this.header(apiKey, version, correlationId, flexible, body.length);
    const tagged = flexible && apiKey !== API_VERSIONS_KEY;
    return new Promise((resolve, reject) => {
      this.asked.push({ correlationId, tagged, resolve, reject });
      socket.cork();
      socket.write(header);
      socket.write(body);
      socket.uncork();
      this.silence ??= setTimeout(this.silent, this.parts.requestTimeoutMs);
    });
  }

  /** Ends the connection; requests without a response reject. */
  close(): void {
    this.finish(null);
  }

  private header(
    apiKey: number,
    version: number,
    correlationId: number,
    flexible: boolean,
    bodyBytes: number,
  ): Buffer {
    const { clientId } = this;
    const length = SIZE_BYTES + 10 + clientId.length + (flexible ? 1 : 0);
    const header = Buffer.allocUnsafe(length);
    header.writeInt32BE(length - SIZE_BYTES + bodyBytes, 0);
    header.writeInt16BE(apiKey, 4);
    header.writeInt16BE(version, 6);
    header.writeInt32BE(correlationId, 8);
    header.writeInt16BE(clientId.length, 12);
    header.set(clientId, 14);
    // No tagged fields.
    if (flexible) header[length - 1] = 0;
    return header;
  }

  /** Copies a chunk to where it belongs; it may hold parts of several responses. */
  private take(chunk: Buffer, end: number): void {
    this.chunks += 1;
    this.silence?.refresh();
    let at = 0;
    while (at < end && !this.ended) {
      if (this.frame === null) {
        at = this.takeSize(chunk, at, end);
        continue;
      }
      const stop = Math.min(end, at + this.size - this.filled);
      chunk.copy(this.frame, this.filled, at, stop);
      this.filled += stop - at;
      at = stop;
      if (this.filled === this.size) this.complete(this.frame);
    }
  }

  private takeSize(chunk: Buffer, from: number, end: number): number {
    let at = from;
    while (at < end && this.sizeFilled < SIZE_BYTES) {
      this.sizeBytes[this.sizeFilled] = chunk[at]!;
      this.sizeFilled += 1;
      at += 1;
    }
    if (this.sizeFilled < SIZE_BYTES) return at;
    this.sizeFilled = 0;
    const [a, b, c, d] = this.sizeBytes;
    const size = (a! << 24) | (b! << 16) | (c! << 8) | d!;
    if (size < CORRELATION_BYTES || size > this.parts.frameBytesMax) {
      this.finish(this.notKafka(size));
      return at;
    }
    this.size = size;
    this.filled = 0;
    // One byte more than the response has: a decoder may mark the end of a value there.
    this.frame = this.parts.pool.take(size + 1);
    return at;
  }

  private complete(bytes: Uint8Array): void {
    this.frame = null;
    const asked = this.asked.shift();
    const correlationId = (bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!;
    if (asked?.correlationId !== correlationId) {
      if (asked !== undefined) this.asked.unshift(asked);
      this.finish(this.broken(`a response came that was not asked for (${correlationId})`));
      return;
    }
    if (this.asked.length === 0) this.quiet();
    const from = asked.tagged ? behindTags(bytes, CORRELATION_BYTES) : CORRELATION_BYTES;
    asked.resolve(new PooledFrame(bytes, from, this.size, this.parts.pool));
  }

  private quiet(): void {
    if (this.silence !== null) clearTimeout(this.silence);
    this.silence = null;
  }

  /**
   * Timers run before the socket is read: a thread that was busy for long finds the answer there a
   * moment later.
   */
  private readonly silent = (): void => {
    const { chunks } = this;
    setImmediate(() => {
      if (this.chunks !== chunks || this.asked.length === 0) return;
      const seconds = this.parts.requestTimeoutMs / 1000;
      this.finish(this.lost(new Error(`no answer for ${seconds} s`)));
    });
  };

  private finish(reason: Error | null): void {
    if (this.ended) return;
    this.ended = true;
    this.quiet();
    this.socket.destroy();
    if (this.frame !== null) this.parts.pool.give(this.frame);
    this.frame = null;
    this.reason = reason ?? this.lost(this.reason);
    for (const { reject } of this.asked.splice(0)) reject(this.reason);
    this.parts.ended();
    this.end(reason);
  }

  private lost(cause: Error | null): ConnectorError {
    return new ConnectorError('BROKER_UNREACHABLE', {
      message: `the connection to the Kafka broker at ${this.where} was lost`,
      detail: cause === null ? 'the broker closed it' : cause.message,
      cause: cause ?? undefined,
    });
  }

  private notKafka(size: number): ConnectorError {
    const begins = size >>> 16;
    if (begins === TLS_ALERT || begins === TLS_HANDSHAKE) return spokeTls(this.address);
    return this.broken(`a response of ${size} bytes is announced`);
  }

  private broken(detail: string): ConnectorError {
    return noKafka(this.address, detail);
  }

  private get where(): string {
    return `${this.address.host}:${this.address.port}`;
  }
}

/** What a server sends that is no broker, or one behind something that changes bytes. */
export function noKafka(
  { host, port }: BrokerAddress,
  detail: string,
  cause?: unknown,
): ConnectorError {
  return new ConnectorError('KAFKA', {
    message: `what the broker at ${host}:${port} sends is not Kafka's protocol`,
    detail,
    hint: "check host and port in 'properties.bootstrap.servers'",
    cause,
  });
}

/** A broker's answer was TLS, to a request that was plain text. */
export function spokeTls({ host, port }: BrokerAddress): ConnectorError {
  return new ConnectorError('KAFKA_TLS', {
    message: `the Kafka broker at ${host}:${port} speaks TLS, and was asked in plain text`,
    hint: "set 'properties.security.protocol' to 'SSL' or 'SASL_SSL', or name its plain port",
  });
}

class PooledFrame implements Frame {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
  private readonly pool: FramePool;
  private released = false;

  constructor(bytes: Uint8Array, from: number, to: number, pool: FramePool) {
    this.bytes = bytes;
    this.from = from;
    this.to = to;
    this.pool = pool;
  }

  release(): void {
    if (this.released) return;
    this.released = true;
    this.pool.give(this.bytes);
  }
}

/** Behind a response header's tagged fields, of which there are none today. */
function behindTags(bytes: Uint8Array, from: number): number {
  let at = from + 1;
  for (let tags = bytes[from]!; tags > 0; tags -= 1) {
    // Tag and size are below 128 in every header that is defined.
    at += 2 + bytes[at + 1]!;
  }
  return at;
}
