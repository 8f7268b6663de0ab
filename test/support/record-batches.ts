/**
 * Kafka record batches (version 2) for tests: an encoder for every form that a topic can hold, and
 * a plain parser to compare with, which allocates freely and uses none of velo's code.
 * The parser takes the unpacked bytes of a compressed batch from `inflate`.
 */
import { isUtf8 } from 'node:buffer';
import { gzipSync } from 'node:zlib';
import { crc32c, lz4Compress, snappyCompress } from '@platformatic/wasm-utils';

export interface TestRecord {
  /** Its offset minus the batch's first. */
  readonly delta: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly timeDelta?: number;
  readonly headers?: readonly (readonly [string, Uint8Array | null])[];
}

export type Codec = 'none' | 'gzip' | 'snappy' | 'snappy-framed' | 'lz4' | 'zstd';

export interface TestBatch {
  readonly baseOffset: number;
  readonly records: readonly TestRecord[];
  readonly codec?: Codec;
  /** Offset of the last record when it was written, minus the first; default: that of the last. */
  readonly lastDelta?: number;
  readonly baseTimeMs?: number;
  /** Set by the broker: it counts for all records. */
  readonly appendTimeMs?: number;
  readonly producerId?: number;
  readonly transactional?: boolean;
  readonly control?: 'abort' | 'commit';
  readonly magic?: number;
}

const exactText = new TextDecoder('utf-8', { ignoreBOM: true });

const NUMBERS = { none: 0, gzip: 1, snappy: 2, 'snappy-framed': 2, lz4: 3, zstd: 4 } as const;

export function encodeBatch(batch: TestBatch): Buffer {
  const { baseOffset, codec = 'none', control } = batch;
  const records = control === undefined ? batch.records : [markerOf(control)];
  const body = compress(codec, Buffer.concat(records.map(encodeRecord)));
  const out = Buffer.alloc(61 + body.length);
  const baseTime = BigInt(batch.baseTimeMs ?? 0);
  out.writeBigInt64BE(BigInt(baseOffset), 0);
  out.writeInt32BE(out.length - 12, 8);
  out.writeInt8(batch.magic ?? 2, 16);
  const append = batch.appendTimeMs === undefined ? 0 : 8;
  const transactional = batch.transactional === true || control !== undefined ? 16 : 0;
  out.writeInt16BE(NUMBERS[codec] | append | transactional | (control ? 32 : 0), 21);
  out.writeInt32BE(batch.lastDelta ?? records.at(-1)?.delta ?? 0, 23);
  out.writeBigInt64BE(baseTime, 27);
  out.writeBigInt64BE(BigInt(batch.appendTimeMs ?? baseTime), 35);
  out.writeBigInt64BE(BigInt(batch.producerId ?? -1), 43);
  out.writeInt16BE(0, 51);
  out.writeInt32BE(0, 53);
  out.writeInt32BE(records.length, 57);
  body.copy(out, 61);
  out.writeUInt32BE(crc32c(out.subarray(21)), 17);
  return out;
}

export function encodeBatches(...batches: readonly TestBatch[]): Buffer {
  return Buffer.concat(batches.map(encodeBatch));
}

function markerOf(control: 'abort' | 'commit'): TestRecord {
  return {
    delta: 0,
    key: Buffer.from([0, 0, 0, control === 'abort' ? 0 : 1]),
    value: Buffer.alloc(6),
  };
}

function encodeRecord(record: TestRecord): Buffer {
  const headers = record.headers ?? [];
  const body = Buffer.concat([
    Buffer.of(0),
    varint(record.timeDelta ?? 0),
    varint(record.delta),
    sized(record.key),
    sized(record.value),
    varint(headers.length),
    ...headers.flatMap(([name, value]) => [sized(Buffer.from(name)), sized(value)]),
  ]);
  return Buffer.concat([varint(body.length), body]);
}

function sized(bytes: Uint8Array | null): Buffer {
  return bytes === null ? varint(-1) : Buffer.concat([varint(bytes.length), bytes]);
}

export function varint(value: number): Buffer {
  let raw = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
  const bytes: number[] = [];
  for (; raw > 127n; raw >>= 7n) bytes.push(Number(raw & 127n) | 128);
  bytes.push(Number(raw));
  return Buffer.from(bytes);
}

function compress(codec: Codec, body: Buffer): Buffer {
  if (body.length === 0) return body;
  switch (codec) {
    case 'none':
      return body;
    case 'gzip':
      return gzipSync(body);
    case 'snappy':
      return snappyCompress(body);
    case 'snappy-framed':
      return framedSnappy(body);
    case 'lz4':
      return lz4Compress(body);
    case 'zstd':
      return storedZstd(body);
  }
}

/** As Java's clients write it: blocks of 32 KiB. */
function framedSnappy(body: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from('82534e4150505900' + '0000000100000001', 'hex')];
  for (let at = 0; at < body.length; at += 32_768) {
    const block = snappyCompress(body.subarray(at, at + 32_768));
    const size = Buffer.alloc(4);
    size.writeInt32BE(block.length);
    parts.push(size, block);
  }
  return Buffer.concat(parts);
}

/** A frame of stored blocks: Node 20 has no compressor. Compressed ones are in the broker's files. */
function storedZstd(body: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from('28b52ffd' + '00' + '58', 'hex')];
  for (let at = 0; at < body.length; at += 65_536) {
    const block = body.subarray(at, at + 65_536);
    const head = Buffer.alloc(3);
    head.writeUIntLE((block.length << 3) | (at + 65_536 >= body.length ? 1 : 0), 0, 3);
    parts.push(head, block);
  }
  return Buffer.concat(parts);
}

/** What a reader should give for a record. */
export interface PlainRecord {
  readonly offset: number;
  readonly timeMs: number;
  readonly key: string | null;
  readonly value: string;
  readonly headers: readonly (readonly [string, string | null])[];
}

export interface PlainRead {
  readonly records: PlainRecord[];
  tombstones: number;
  nextOffset: number;
}

export interface PlainRequest {
  readonly firstOffset?: number;
  readonly stop?: number;
  readonly aborted?: readonly { readonly producerId: number; readonly firstOffset: number }[];
  readonly committed?: boolean;
  readonly checkCrcs?: boolean;
  readonly inflate?: (codec: number, bytes: Buffer) => Buffer;
}

/** Reads a record set as its documentation says; throws for whatever does not add up. */
export function parseRecordSet(set: Buffer, request: PlainRequest = {}): PlainRead {
  const { firstOffset = 0, stop = Infinity, aborted = [] } = request;
  const read: PlainRead = { records: [], tombstones: 0, nextOffset: firstOffset };
  const started = new Set<number>();
  let open = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  let at = 0;
  while (set.length - at > 16 && read.nextOffset < stop) {
    if (set.readInt8(at + 16) !== 2) throw new Error('magic');
    const length = set.readInt32BE(at + 8);
    if (length < 49) throw new Error('length');
    if (at + 12 + length > set.length) break;
    const batch = set.subarray(at, at + 12 + length);
    at += 12 + length;
    const base = Number(batch.readBigInt64BE(0));
    const last = base + batch.readInt32BE(23);
    if (base < 0 || base > Number.MAX_SAFE_INTEGER - 2 ** 32 || last < base) {
      throw new Error('offsets');
    }
    if (request.checkCrcs && crc32c(batch.subarray(21)) !== batch.readUInt32BE(17)) {
      throw new Error('checksum');
    }
    const attributes = batch.readInt16BE(21);
    const producer = Number(batch.readBigInt64BE(43));
    const count = batch.readInt32BE(57);
    if (count < 0 || (count === 0 && batch.length !== 61)) throw new Error('count');
    for (const { producerId } of open.filter((each) => each.firstOffset <= last)) {
      if (request.committed) started.add(producerId);
    }
    open = open.filter((each) => each.firstOffset > last);
    if ((attributes & 32) !== 0) {
      if (count > 0 && isAbort(batch)) started.delete(producer);
    } else if (count > 0 && !((attributes & 16) !== 0 && started.has(producer))) {
      if (last >= read.nextOffset) readRecords(batch, request, read, stop);
    }
    read.nextOffset = Math.min(stop, Math.max(read.nextOffset, last + 1));
  }
  return read;
}

function isAbort(batch: Buffer): boolean {
  if ((batch.readInt16BE(21) & 7) !== 0) throw new Error('compressed control batch');
  const fields = new Fields(batch.subarray(61));
  const length = fields.varint();
  if (length < 0 || length > fields.bytes.length - fields.at) throw new Error('control record');
  fields.take(1);
  fields.varlong();
  fields.varint();
  const key = fields.take(fields.varint());
  if (key.length < 4) throw new Error('control key');
  return key.readInt16BE(2) === 0;
}

function readRecords(batch: Buffer, request: PlainRequest, read: PlainRead, stop: number): void {
  const attributes = batch.readInt16BE(21);
  const base = Number(batch.readBigInt64BE(0));
  const last = base + batch.readInt32BE(23);
  const count = batch.readInt32BE(57);
  const appendTime = (attributes & 8) !== 0;
  const baseTime = Number(batch.readBigInt64BE(appendTime ? 35 : 27));
  const codec = attributes & 7;
  const body = batch.subarray(61);
  if (codec !== 0 && request.inflate === undefined) throw new Error('codec');
  const fields = new Fields(codec === 0 ? body : (request.inflate?.(codec, body) ?? body));
  let previous = base - 1;
  for (let record = 0; record < count; record += 1) {
    const one = new Fields(fields.take(fields.varint()));
    one.take(1);
    const timeDelta = one.varlong();
    const offset = base + one.varint();
    if (offset <= previous || offset > last) throw new Error('offset order');
    previous = offset;
    const key = one.optional();
    const value = one.optional();
    const headers = readHeaders(one);
    if (one.at !== one.bytes.length) throw new Error('record longer than its fields');
    if (offset < read.nextOffset) continue;
    if (offset >= stop) {
      read.nextOffset = stop;
      return;
    }
    read.nextOffset = offset + 1;
    if (value === null) {
      read.tombstones += 1;
      continue;
    }
    read.records.push({
      offset,
      timeMs: appendTime ? baseTime : baseTime + timeDelta,
      key: key === null ? null : key.toString('latin1'),
      value: value.toString('latin1'),
      headers,
    });
  }
  if (fields.at !== fields.bytes.length) throw new Error('bytes behind the last record');
}

function readHeaders(fields: Fields): [string, string | null][] {
  const count = fields.varint();
  if (count < 0) throw new Error('headers');
  const headers = new Map<string, string | null>();
  for (let header = 0; header < count; header += 1) {
    const name = exactText.decode(fields.take(fields.varint()));
    const value = fields.optional();
    const hex = `\\x${value?.toString('hex') ?? ''}`;
    headers.set(name, value === null ? null : isUtf8(value) ? exactText.decode(value) : hex);
  }
  return [...headers];
}

class Fields {
  at = 0;
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  take(length: number): Buffer {
    if (length < 0 || length > this.bytes.length - this.at) throw new Error('a length');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  optional(): Buffer | null {
    const length = this.varint();
    return length === -1 ? null : this.take(length);
  }

  varint(): number {
    return this.short() ?? Number(this.zigzag(32));
  }

  varlong(): number {
    return this.short() ?? Number(this.zigzag(64));
  }

  /** Most numbers have one byte or two. */
  private short(): number | null {
    const { bytes, at } = this;
    const first = bytes[at] ?? 255;
    const second = first < 128 ? 0 : (bytes[at + 1] ?? 255);
    if (second > 127) return null;
    this.at += first < 128 ? 1 : 2;
    const raw = (first & 127) | (second << 7);
    return (raw >>> 1) ^ -(raw & 1);
  }

  private zigzag(bits: number): bigint {
    let raw = 0n;
    for (let shift = 0; shift < bits; shift += 7) {
      const byte = this.take(1).readUInt8(0);
      raw |= BigInt(byte & 127) << BigInt(shift);
      if (raw >> BigInt(bits) !== 0n) throw new Error('a number is too long');
      if (byte < 128) return (raw >> 1n) ^ -(raw & 1n);
    }
    throw new Error('a number is too long');
  }
}
