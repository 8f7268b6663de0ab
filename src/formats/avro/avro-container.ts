/**
 * Avro object container files: a schema, then blocks of records, each packed by itself and followed
 * by the file's sync marker. Owns their layout, the codecs and what is said of damage; the records
 * are avro.ts's, and where one ends says avro-check.ts.
 *
 *   file   := "Obj" 1 · map of metadata (avro.schema, avro.codec) · sync, 16 bytes · block*
 *   block  := long records · long bytes · data · sync
 */
import { crc32, inflateRawSync } from 'node:zlib';
import { decompressSnappy, decompressZstd } from 'hyparquet-compressors';
import type { RecordFailure } from '../../runtime/operator.js';
import type { Column } from '../../columnar/column.js';
import type {
  ContainerColumn,
  ContainerReader,
  OpenBlock,
  PlacedBytes,
} from '../container/container.js';
import { damaged, unsupported } from '../container/damage.js';
import { REFUSED } from '../decoder.js';
import type { DecoderColumn, LineBlock, RecordDecoder } from '../decoder.js';
import { ShapeFault } from '../message/value-shape.js';
import { AvroCheck } from './avro-check.js';
import { avroColumns } from './avro-columns.js';
import { createAvroDecoder } from './avro.js';
import { parseAvroSchema } from './avro-schema.js';
import type { AvroRecord } from './avro-schema.js';

const AVRO_MAGIC = Buffer.from('Obj\x01', 'latin1');
const SYNC_BYTES = 16;
/** Of a header, and of a block once it is unpacked. */
const HEADER_BYTES_MAX = 64 * 1024 * 1024;
const BLOCK_BYTES_MAX = 256 * 1024 * 1024;
const FIRST_BYTES = 16 * 1024;
/** Two longs. */
const BLOCK_HEAD_BYTES = 20;
const CRC_BYTES = 4;
const VARINT_BYTES_MAX = 8;

type Unpack = (data: Buffer) => Uint8Array;

const CODECS: Readonly<Record<string, Unpack>> = {
  null: (data) => data,
  deflate: (data) => inflateRawSync(data, { maxOutputLength: BLOCK_BYTES_MAX }),
  snappy: unpackSnappy,
  zstandard: (data) => decompressZstd(data),
};

interface AvroHeader {
  readonly schemaText: string;
  readonly schema: AvroRecord;
  readonly unpack: Unpack;
  readonly sync: Buffer;
  /** Place of the first block. */
  readonly end: number;
}

/** Throws ConnectorError FILE_READ or FILE_DAMAGED. */
function readAvroHeader(bytes: PlacedBytes): AvroHeader {
  const { path } = bytes;
  const found = metadataOf(bytes);
  const schemaText = found.entries.get('avro.schema')?.toString('utf8') ?? '';
  const codec = found.entries.get('avro.codec')?.toString('utf8') ?? 'null';
  const unpack = Object.hasOwn(CODECS, codec) ? CODECS[codec] : undefined;
  if (unpack === undefined) {
    const known = Object.keys(CODECS).join(', ');
    throw unsupported(path, `its Avro codec is "${codec}"`, `write it with one of ${known}`);
  }
  try {
    const schema = parseAvroSchema(schemaText);
    return { schemaText, schema, unpack, sync: found.sync, end: found.end };
  } catch (error) {
    if (!(error instanceof ShapeFault)) throw error;
    throw unsupported(path, error.message, 'a file of records is read, one row each');
  }
}

export function avroFileColumns(bytes: PlacedBytes): readonly ContainerColumn[] {
  return avroColumns(readAvroHeader(bytes).schema);
}

/** Throws as readAvroHeader does, and ConfigError for columns that the schema does not fill. */
export function openAvroContainer(
  bytes: PlacedBytes,
  columns: readonly DecoderColumn[],
): ContainerReader {
  return new AvroContainer(bytes, columns);
}

class AvroContainer implements ContainerReader {
  private readonly bytes: PlacedBytes;
  private readonly header: AvroHeader;
  private readonly decoder: RecordDecoder;
  private readonly check: AvroCheck;
  private data: Uint8Array = new Uint8Array(0);
  private place = 0;
  /** The next record: its number in the block and where it starts in the data. */
  private record = 0;
  private at = 0;
  /** Where the rows of the batch are in the data. */
  private starts: LineBlock['starts'] = new Int32Array(0);
  private ends: LineBlock['ends'] = new Int32Array(0);

  constructor(bytes: PlacedBytes, columns: readonly DecoderColumn[]) {
    this.bytes = bytes;
    this.header = readAvroHeader(bytes);
    const { schemaText: text, schema } = this.header;
    this.decoder = createAvroDecoder(columns, { language: 'avro', text, references: [] });
    this.check = new AvroCheck(schema);
  }

  get columns(): Column[] {
    return this.decoder.columns;
  }

  begin(): void {
    this.decoder.begin();
  }

  decode(bytes: Uint8Array, start: number, end: number, row: number): number {
    return this.decoder.decode(bytes, start, end, row);
  }

  failure(): RecordFailure {
    return this.decoder.failure();
  }

  rawRecord(row: number): Uint8Array {
    return this.data.subarray(this.starts[row], this.ends[row]);
  }

  close(): void {
    this.data = new Uint8Array(0);
  }

  open(place: number): OpenBlock | null {
    const { bytes, header } = this;
    const from = place === 0 ? header.end : place;
    if (from >= bytes.size) return null;
    this.place = from;
    const head = bytes.read(from, Math.min(BLOCK_HEAD_BYTES, bytes.size - from));
    const count = readLong(head, 0);
    const size = count === null ? null : readLong(head, count.end);
    if (count === null || size === null || count.value < 0 || size.value < 0) {
      throw this.damage('no block starts there');
    }
    const dataPlace = from + size.end;
    const next = dataPlace + size.value + SYNC_BYTES;
    if (next > bytes.size) {
      throw this.damage(`its block ends at byte ${next}, and the file has ${bytes.size}`);
    }
    const packed = bytes.read(dataPlace, size.value + SYNC_BYTES);
    if (packed.length < size.value + SYNC_BYTES) throw this.damage('the file ends in its block');
    if (!packed.subarray(size.value).equals(header.sync)) {
      throw this.damage("the file's sync marker does not stand behind its block");
    }
    try {
      this.data = header.unpack(packed.subarray(0, size.value));
    } catch (error) {
      throw damaged(bytes.path, `byte ${from}`, 'its block cannot be unpacked', error);
    }
    this.record = 0;
    this.at = 0;
    return { records: count.value, next };
  }

  decodeLines(_bytes: Uint8Array, from: number, to: number, lines: LineBlock): number {
    const { data, decoder } = this;
    while (this.record < from) this.at = this.endOf();
    this.starts = lines.starts;
    this.ends = lines.ends;
    while (this.record < to && lines.rowCount < lines.rowsMax) {
      const row = lines.rowCount;
      const start = this.at;
      this.at = this.endOf();
      lines.starts[row] = start;
      lines.ends[row] = this.at;
      lines.rowCount += 1;
      if (decoder.decode(data, start, this.at, row) === REFUSED) lines.refused(row);
    }
    if (this.record === to && this.at !== data.length) {
      throw this.damage(`its block has ${data.length - this.at} bytes behind its last record`);
    }
    return this.record;
  }

  /** End of the next record, which becomes the one before. */
  private endOf(): number {
    const end = this.check.endOf(this.data, this.at, this.data.length);
    if (end < 0) throw this.damage(`record ${this.record} of its block does not follow the schema`);
    this.record += 1;
    return end;
  }

  private damage(why: string): Error {
    return damaged(this.bytes.path, `byte ${this.place}`, why);
  }
}

interface Metadata {
  readonly entries: ReadonlyMap<string, Buffer>;
  readonly sync: Buffer;
  readonly end: number;
}

/** Reads twice as much until the header is whole: nothing says how long it is. */
function metadataOf(bytes: PlacedBytes): Metadata {
  for (let length = FIRST_BYTES; ; length *= 4) {
    const start = bytes.read(0, Math.min(length, bytes.size));
    if (!start.subarray(0, AVRO_MAGIC.length).equals(AVRO_MAGIC)) {
      throw unsupported(
        bytes.path,
        'it is no Avro container file: it does not begin with "Obj" and 1',
        "say what it is: 'format' = 'json', 'csv', 'raw' or 'parquet'",
      );
    }
    const found = parseMetadata(start);
    if (found !== null) return found;
    if (start.length < length || length > HEADER_BYTES_MAX) {
      throw damaged(bytes.path, 'byte 4', 'its header does not end');
    }
  }
}

/** null: the bytes end before the header does. */
function parseMetadata(bytes: Buffer): Metadata | null {
  const entries = new Map<string, Buffer>();
  let at = AVRO_MAGIC.length;
  const take = (): Buffer | null => {
    const length = readLong(bytes, at);
    if (length === null || length.value < 0) return null;
    at = length.end + length.value;
    return at <= bytes.length ? bytes.subarray(length.end, at) : null;
  };
  for (;;) {
    const count = readLong(bytes, at);
    if (count === null) return null;
    at = count.end;
    if (count.value === 0) break;
    if (count.value < 0) {
      // The size of the map's block, for who skips it.
      const size = readLong(bytes, at);
      if (size === null) return null;
      at = size.end;
    }
    for (let left = Math.abs(count.value); left > 0; left -= 1) {
      const key = take();
      const value = key === null ? null : take();
      if (key === null || value === null) return null;
      entries.set(key.toString('utf8'), value);
    }
  }
  const end = at + SYNC_BYTES;
  return end <= bytes.length ? { entries, sync: bytes.subarray(at, end), end } : null;
}

/** A zigzag number and where it ends; null where none ends, or not within a double. */
function readLong(bytes: Uint8Array, from: number): { value: number; end: number } | null {
  let value = 0;
  let place = 1;
  for (let at = from; at < bytes.length && at - from < VARINT_BYTES_MAX; at += 1) {
    const byte = bytes[at] as number;
    value += (byte & 127) * place;
    place *= 128;
    if (byte < 128) {
      return { value: value % 2 === 0 ? value / 2 : -(value + 1) / 2, end: at + 1 };
    }
  }
  return null;
}

/** Behind the data stands the CRC-32 of what it unpacks to; in front its length. */
function unpackSnappy(data: Buffer): Uint8Array {
  const packed = data.subarray(0, Math.max(0, data.length - CRC_BYTES));
  let length = 0;
  let place = 1;
  for (let at = 0; ; at += 1) {
    const byte = packed[at];
    if (byte === undefined || length > BLOCK_BYTES_MAX) throw new Error('snappy: no length');
    length += (byte & 127) * place;
    place *= 128;
    if (byte < 128) break;
  }
  if (length > BLOCK_BYTES_MAX) throw new Error(`snappy: ${length} bytes are too many`);
  const unpacked = length === 0 ? new Uint8Array(0) : decompressSnappy(packed, length);
  if (crc32(unpacked) !== data.readUInt32BE(packed.length)) throw new Error('snappy: wrong CRC-32');
  return unpacked;
}
