/** What is said of a topic's first record when no record says which columns there are. */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { valueFault, valueHint } from '../../../src/connectors/kafka/first-value.js';

const PLACE = { topic: 'orders', partition: 2, offset: 17 };
const JSON_TEXT = '{"id":1}';
const framed = (value: Uint8Array | string): Buffer =>
  Buffer.concat([Buffer.of(0, 0, 0, 1, 7), Buffer.from(value)]);

describe('the first value of a topic', () => {
  it.each<[string, Uint8Array, RegExp]>([
    ['JSON Schema of a registry', framed(JSON_TEXT), /JSON behind the id .*\(263\)/],
    ['Avro of a registry', framed(Buffer.of(2, 8)), /schema 263\).*'avro-confluent'/],
    ['Protobuf of a registry', framed(Buffer.of(0, 8, 1)), /schema 263\).*'protobuf-confluent'/],
    ['gzip', gzipSync(JSON_TEXT), /gzip.*'compression.type'/],
    ['zstd', Buffer.of(0x28, 0xb5, 0x2f, 0xfd, 4), /zstd/],
    ['lz4', Buffer.of(0x04, 0x22, 0x4d, 0x18, 4), /lz4/],
    ['UTF-16', Buffer.from(JSON_TEXT, 'utf16le'), /UTF-16/],
    ['UTF-16 with a mark', Buffer.from(`\ufeff${JSON_TEXT}`, 'utf16le'), /UTF-16/],
    ['UTF-16, big end first', Buffer.from(JSON_TEXT, 'utf16le').swap16(), /UTF-16/],
    ['a Java object', Buffer.of(0xac, 0xed, 0, 5, 1), /Java/],
    ['an Avro file', Buffer.from('Obj\x01..'), /Avro file/],
    ['XML', Buffer.from('<order/>'), /XML/],
    ['an array', Buffer.from('[{"id":1}]'), /array/],
    ['JSON twice', Buffer.from(JSON.stringify(JSON_TEXT)), /twice/],
    ['MessagePack', Buffer.of(0x81, 0xa2, 0x69, 0x64, 1), /MessagePack/],
    ['CSV', Buffer.from('1,first'), /'csv' or 'raw'/],
  ])('%s', (_, value, hint) => {
    expect(valueHint(value)).toMatch(hint);
    expect(valueFault(value, PLACE)).toMatch(
      /^its first record .* \(topic "orders", partition 2, offset 17\)$/,
    );
  });

  it('is nothing that is known, or no fault', () => {
    expect(valueHint(Buffer.of(9, 200, 201))).toBeNull();
    expect(valueHint(Buffer.of(0, 1))).toBeNull();
    expect(valueHint(Buffer.from('{"id":'))).toBeNull();
    expect(valueFault(Buffer.from('{"id":'), PLACE)).toMatch(/^its first record/);
    expect(valueFault(Buffer.from('{}'), PLACE)).toBeNull();
  });
});
