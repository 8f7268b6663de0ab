/**
 * The Produce (version 8) and InitProducerId (version 1) requests as bytes, and their responses.
 * Owns the layout only: connections, retries and what an error means are columnar-producer.ts.
 *
 *   Produce request:   transactional id | acks i16 | timeout ms i32
 *                      | [topic | [partition i32 | bytes: one record batch]]
 *   Produce response:  [topic | [partition i32 | error i16 | base offset i64 | append time i64
 *                      | log start i64 | [record in batch i32 | message] | message]]
 *                      | throttle ms i32
 *
 * Version 8 (Kafka 2.4) is the first to say why a batch was refused, and the last that is not of
 * the flexible layout, which would gain nothing here.
 */
export const PRODUCE = { key: 0, version: 8 } as const;
export const INIT_PRODUCER_ID = { key: 22, version: 1 } as const;

const ACKS_ALL = -1;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A sealed record batch and the partition that it goes to. */
export interface ProducedBatch {
  readonly partition: number;
  readonly bytes: Uint8Array;
}

/** What became of one partition's batch. */
export interface ProduceAnswer {
  readonly partition: number;
  readonly errorCode: number;
  /** What the broker says about the error, which may be about one record. */
  readonly errorText: string | null;
}

export interface ProduceResponse {
  readonly answers: readonly ProduceAnswer[];
  readonly throttleMs: number;
}

/**
 * The bytes of a Produce request without its header; the batches are copied into them. `take` gives
 * a buffer of at least so many bytes, of which the request is the first part.
 */
export function produceRequest(
  request: { readonly topic: string; readonly timeoutMs: number },
  batches: readonly ProducedBatch[],
  take: (byteLength: number) => Buffer,
): Buffer {
  const { timeoutMs } = request;
  const name = encoder.encode(request.topic);
  let length = 2 + 2 + 4 + 4 + 2 + name.length + 4;
  for (const { bytes } of batches) length += 8 + bytes.length;
  const body = take(length);
  let at = body.writeInt16BE(-1, 0);
  at = body.writeInt16BE(ACKS_ALL, at);
  at = body.writeInt32BE(timeoutMs, at);
  at = body.writeInt32BE(1, at);
  at = body.writeInt16BE(name.length, at);
  body.set(name, at);
  at = body.writeInt32BE(batches.length, at + name.length);
  for (const { partition, bytes } of batches) {
    at = body.writeInt32BE(partition, at);
    at = body.writeInt32BE(bytes.length, at);
    body.set(bytes, at);
    at += bytes.length;
  }
  return body.subarray(0, at);
}

/** The response body `bytes[from, to)`. Throws RangeError where it ends too early. */
export function parseProduceResponse(bytes: Uint8Array, from: number, to: number): ProduceResponse {
  const reader = new ResponseReader(bytes, from, to);
  const answers: ProduceAnswer[] = [];
  for (let topics = reader.int32(); topics > 0; topics -= 1) {
    reader.text();
    for (let partitions = reader.int32(); partitions > 0; partitions -= 1) {
      answers.push(partitionAnswer(reader));
    }
  }
  return { answers, throttleMs: reader.int32() };
}

function partitionAnswer(reader: ResponseReader): ProduceAnswer {
  const partition = reader.int32();
  const errorCode = reader.int16();
  reader.skip(8 + 8 + 8);
  let recordText: string | null = null;
  for (let records = reader.int32(); records > 0; records -= 1) {
    reader.skip(4);
    recordText ??= reader.text();
  }
  const errorText = reader.text();
  return { partition, errorCode, errorText: recordText ?? errorText };
}

/** Asks for an identity of an idempotent producer without transactions. */
export function initProducerIdRequest(): Uint8Array {
  const body = Buffer.alloc(6);
  body.writeInt16BE(-1, 0);
  body.writeInt32BE(60_000, 2);
  return body;
}

export interface ProducerIdentity {
  readonly errorCode: number;
  readonly producerId: bigint;
  readonly epoch: number;
}

export function parseInitProducerId(bytes: Uint8Array, from: number, to: number): ProducerIdentity {
  const reader = new ResponseReader(bytes, from, to);
  reader.skip(4);
  const errorCode = reader.int16();
  return { errorCode, producerId: reader.int64(), epoch: reader.int16() };
}

/** Big-endian fields one after the other, of a version without tagged fields. */
export class ResponseReader {
  private readonly view: DataView;
  private readonly bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array, from: number, to: number) {
    this.bytes = bytes.subarray(from, to);
    this.view = new DataView(bytes.buffer, bytes.byteOffset + from, to - from);
  }

  int16(): number {
    this.at += 2;
    return this.view.getInt16(this.at - 2);
  }

  int32(): number {
    this.at += 4;
    return this.view.getInt32(this.at - 4);
  }

  int64(): bigint {
    this.at += 8;
    return this.view.getBigInt64(this.at - 8);
  }

  skip(count: number): void {
    this.at += count;
  }

  /** A text, or null for a length of -1. */
  text(): string | null {
    const length = this.int16();
    if (length < 0) return null;
    this.at += length;
    return decoder.decode(this.bytes.subarray(this.at - length, this.at));
  }
}
