/**
 * Why no record of a topic says which columns there are: where its first record stands, what is wrong
 * with it, and what values that begin like that usually are. Owns these texts; nothing is decided by
 * them.
 */
import { isUtf8 } from 'node:buffer';
import { DECODED } from '../../formats/decoder.js';
import { createJsonDecoder } from '../../formats/json/json.js';

const FRAME_BYTES = 5;
const [BRACE, ARRAY, QUOTE, LESS] = [123, 91, 34, 60];

const UTF_16 = 'it looks like UTF-16: have its producer write UTF-8';
/** Kafka packs batches, and its clients unpack them: what is packed in a value is the producer's own. */
const PACKED = "which velo does not unpack within values: use the producer's 'compression.type'";

/** How values start that are no JSON, with what they usually are. */
const STARTS: readonly (readonly [bytes: readonly number[], hint: string])[] = [
  [[0xff, 0xfe], UTF_16],
  [[0xfe, 0xff], UTF_16],
  [[0x7b, 0x00], UTF_16],
  [[0x00, 0x7b, 0x00], UTF_16],
  [[0x1f, 0x8b], `it is compressed with gzip, ${PACKED}`],
  [[0x28, 0xb5, 0x2f, 0xfd], `it is compressed with zstd, ${PACKED}`],
  [[0x04, 0x22, 0x4d, 0x18], `it is compressed with lz4, ${PACKED}`],
  [[0xff, 0x06, 0x00, 0x00, 0x73, 0x4e], `it is compressed with snappy, ${PACKED}`],
  [[0xac, 0xed, 0x00, 0x05], 'it is a serialized Java object: have its producer write JSON'],
  [[0x4f, 0x62, 0x6a, 0x01], 'it is a whole Avro file: write one record in each value'],
  [[LESS], "it looks like XML: read it whole with CREATE TABLE … 'format' = 'raw'"],
  [[ARRAY], 'a record is one object: an array of them is none'],
  [[QUOTE], 'it is a JSON text, perhaps JSON that was encoded twice: write the object itself'],
];

/** Where a record stands. */
export interface ValuePlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** What to say of the first record; null: it can be read, and has no key. */
export function valueFault(value: Uint8Array, place: ValuePlace): string | null {
  const { topic, partition, offset } = place;
  const decoder = createJsonDecoder([]);
  decoder.begin();
  if (decoder.decode(value, 0, value.length, 0) === DECODED) return null;
  const { message } = decoder.failure();
  return `its first ${message} (topic "${topic}", partition ${partition}, offset ${offset})`;
}

/** What such a value usually is, as a hint; null: nobody knows. */
export function valueHint(value: Uint8Array): string | null {
  const known = STARTS.find(([start]) => start.every((byte, at) => value[at] === byte));
  if (known !== undefined) return known[1];
  if (value[0] === 0 && value.length > FRAME_BYTES) return registryHint(value);
  if (isMessagePack(value)) return 'it looks like MessagePack, which velo does not read';
  if (value.length > 0 && value[0] !== BRACE && isText(value)) {
    return "say how to read it: CREATE TABLE … 'format' = 'csv' or 'raw'";
  }
  return null;
}

/** 0, the schema's id in 4 bytes, then the record. */
function registryHint(value: Uint8Array): string {
  const id = new DataView(value.buffer, value.byteOffset).getUint32(1);
  if (value[FRAME_BYTES] === BRACE) {
    return `it is JSON behind the id of a registry's schema (${id}), which velo does not read: write it without that`;
  }
  return `it begins as records of a schema registry do (schema ${id}): CREATE TABLE … 'format' = 'avro-confluent' or 'protobuf-confluent'`;
}

/** A map of up to 15 keys, the first one a short text. */
function isMessagePack([map = 0, key = 0]: Uint8Array): boolean {
  return map > 0x80 && map <= 0x8f && key >= 0xa1 && key <= 0xbf;
}

function isText(value: Uint8Array): boolean {
  return (
    isUtf8(value) && value.every((byte) => byte >= 32 || byte === 9 || byte === 10 || byte === 13)
  );
}
