/** Places that 32-bit offsets address: full is an error, never another text's bytes. */
import { afterEach, describe, expect, it } from 'vitest';
import { byteRoom, withRoom } from '../../src/columnar/byte-room.js';
import { ColumnBuilder } from '../../src/columnar/column-builder.js';
import { Dictionary } from '../../src/columnar/dictionary.js';
import { ByteBuffer } from '../../src/formats/columns/byte-buffer.js';

const AS_IT_IS = byteRoom.bytesMax;
afterEach(() => {
  byteRoom.bytesMax = AS_IT_IS;
});

const full = expect.objectContaining({ code: 'VELO_STATE_TOO_LARGE' }) as Error;

describe('room for bytes', () => {
  it('ends where 32-bit offsets end', () => {
    expect(AS_IT_IS).toBe(2 ** 31 - 1);
    expect(new Int32Array([AS_IT_IS])[0]).toBe(AS_IT_IS);
  });

  it('grows by doubling up to the limit and keeps what is there', () => {
    byteRoom.bytesMax = 3000;
    let bytes: Uint8Array = new Uint8Array([1, 2, 3]);
    bytes = withRoom(bytes, { used: 3, needed: 4, what: 'x' });
    expect(bytes).toHaveLength(1024);
    expect([...bytes.subarray(0, 4)]).toEqual([1, 2, 3, 0]);
    bytes = withRoom(bytes, { used: 1024, needed: 2900, what: 'x' });
    expect(bytes.length).toBeLessThanOrEqual(3000);
    expect(() => withRoom(bytes, { used: 2900, needed: 3001, what: 'x' })).toThrow(full);
  });

  it('is bounded for the texts of a dictionary, which stays whole', () => {
    byteRoom.bytesMax = 10_000;
    const dictionary = new Dictionary();
    const texts = Array.from({ length: 200 }, (_, at) => `${at}`.padStart(100, 'x'));
    expect(() => texts.map((text) => dictionary.internText(text))).toThrow(full);
    for (let code = 0; code < dictionary.size; code += 1) {
      expect(dictionary.text(code)).toBe(texts[code]);
    }
    expect(dictionary.size).toBe(100);
  });

  it('is bounded for the texts of a column and for rows that are written', () => {
    byteRoom.bytesMax = 10_000;
    const builder = new ColumnBuilder();
    builder.preferUtf8();
    builder.reserve('utf8', 1000);
    const text = new Uint8Array(100);
    expect(() => {
      for (let row = 0; row < 1000; row += 1) builder.putBytes(row, text, 0, 100);
    }).toThrow(full);
    const buffer = new ByteBuffer();
    expect(() => {
      for (let row = 0; row < 1000; row += 1) buffer.appendBytes(text, 0, 100);
    }).toThrow(full);
  });
});
