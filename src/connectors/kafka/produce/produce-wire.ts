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
import { ResponseReader } from '../cluster/answer-reader.js';

export const PRODUCE = { key: 0, version: 8 } as const;
export const INIT_PRODUCER_ID = { key: 22, version: 1 } as const;

const ACKS_ALL = -1;
const encoder = new TextEncoder();

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

/** What a Produce request says beside its batches. */
export interface ProduceHead {
  readonly topic: string;
  readonly timeoutMs: number;
  /** null: the batches are of no transaction. */
  readonly transactionalId: string | null;
}

/**
 * The bytes of a Produce request without its header; the batches are copied into them. `take` gives
 * a buffer of at least so many bytes, of which the request is the first part.
 */
export function produceRequest(
  request: ProduceHead,
  batches: readonly ProducedBatch[],
  take: (byteLength: number) => Buffer,
): Buffer {
  const { timeoutMs, transactionalId } = request;
  const name = encoder.encode(request.topic);
  const id = transactionalId === null ? null : encoder.encode(transactionalId);
  let length = 2 + (id?.length ?? 0) + 2 + 4 + 4 + 2 + name.length + 4;
  for (const { bytes } of batches) length += 8 + bytes.length;
  const body = take(length);
  let at = body.writeInt16BE(id === null ? -1 : id.length, 0);
  if (id !== null) {
    body.set(id, at);
    at += id.length;
  }
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

/**
 * The response body `bytes[from, to)`, what it says of one topic, or of all. Throws AnswerFault where
 * it is no such response.
 */
export function parseProduceResponse(
  bytes: Uint8Array,
  from: number,
  to: number,
  topic: string | null = null,
): ProduceResponse {
  const reader = new ResponseReader(bytes, from, to);
  const answers: ProduceAnswer[] = [];
  for (let topics = reader.count(); topics > 0; topics -= 1) {
    const name = reader.text();
    const asked = topic === null || name === topic;
    for (let partitions = reader.count(); partitions > 0; partitions -= 1) {
      const answer = partitionAnswer(reader);
      if (asked) answers.push(answer);
    }
  }
  const throttleMs = Math.max(0, reader.int32());
  reader.end();
  return { answers, throttleMs };
}

function partitionAnswer(reader: ResponseReader): ProduceAnswer {
  const partition = reader.int32();
  const errorCode = reader.int16();
  reader.skip(8 + 8 + 8);
  let recordText: string | null = null;
  for (let records = reader.count(); records > 0; records -= 1) {
    reader.skip(4);
    // The first text is told; all of them are read.
    const text = reader.text();
    recordText ??= text;
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
  const identity = { errorCode, producerId: reader.int64(), epoch: reader.int16() };
  reader.end();
  return identity;
}
