/**
 * Why no record of a JSON file says which columns there are: what is wrong with its first record,
 * and what such a file usually is. Owns these texts; nothing is decided by them.
 */
import { DECODED } from '../../../formats/decoder.js';
import { createJsonDecoder } from '../../../formats/json/json.js';

/** How files start that are no JSON, with what to do with one. */
const STARTS: readonly (readonly [bytes: readonly number[], hint: string])[] = [
  [[0xff, 0xfe], "it looks like UTF-16: leave 'encoding' away"],
  [[0xfe, 0xff], "it looks like UTF-16: leave 'encoding' away"],
  [[0x7b, 0x00], "it looks like UTF-16: leave 'encoding' away"],
  [[0x00, 0x7b], "it looks like UTF-16: leave 'encoding' away"],
  [[0x50, 0x4b, 0x03, 0x04], 'it is a ZIP archive: unzip it'],
  [[0x50, 0x41, 0x52, 0x31], "it is a Parquet file: 'format' = 'parquet', of a file and no pipe"],
  [[0x4f, 0x62, 0x6a, 0x01], "it is an Avro file: 'format' = 'avro', of a file and no pipe"],
];
/** What a file that starts so is usually, as a hint; null: nobody knows. */
export function startHint(bytes: Uint8Array): string | null {
  return STARTS.find(([start]) => start.every((byte, at) => bytes[at] === byte))?.[1] ?? null;
}

const READ_AS =
  "say how to read it: '…?format=csv', or '…?format=raw' for a column line of whole lines";

const ARRAY = 91;
const BRACE = 123;

export class FirstFault {
  text = 'none of its first records has a key';
  hint = 'declare the columns with CREATE TABLE';
  private looked = false;

  /** Looks at a record; only the first one counts. */
  look(bytes: Uint8Array, from: number, to: number): void {
    if (this.looked) return;
    this.looked = true;
    const record = bytes.slice(from, to);
    const decoder = createJsonDecoder([]);
    decoder.begin();
    if (decoder.decode(record, 0, record.length, 0) === DECODED) return;
    this.text = `its first ${decoder.failure().message}`;
    const known = startHint(record);
    if (known !== null) this.hint = known;
    else if (record[0] === ARRAY)
      this.hint = 'records are objects: an array of values has no columns';
    else if (record[0] !== BRACE) this.hint = READ_AS;
  }
}
