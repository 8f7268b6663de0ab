/**
 * The target of VARCHAR columns: codes of a dictionary until it has 65,536 entries, from then on
 * views into a buffer that holds the batch's texts. The kind never goes back in a job. @hot
 *
 * Code 0 is the empty text, so that rows nobody wrote to (NULL, refused) hold a valid code.
 */
import { withRoom } from '../../columnar/byte-room.js';
import type { DictColumn, Utf8Column } from '../../columnar/column.js';
import { Dictionary, DICTIONARY_ENTRIES_MAX } from '../../columnar/dictionary.js';
import type { SqlType } from '../../columnar/types.js';
import { NullMask } from './target.js';
import type { TargetColumn } from './target.js';

const TRUE_TEXT = new TextEncoder().encode('true');
const FALSE_TEXT = new TextEncoder().encode('false');

const BYTES_INITIAL = 64 * 1024;

export class TextTarget implements TargetColumn {
  readonly type: SqlType;
  column: DictColumn | Utf8Column;
  private readonly mask: NullMask;
  /** Used bytes of a utf8 column's buffer. */
  private used = 0;

  constructor(type: SqlType, rows: number) {
    this.type = type;
    this.mask = new NullMask(rows);
    const dictionary = new Dictionary();
    dictionary.internText('');
    this.column = { kind: 'dict', codes: new Int32Array(rows), dictionary, nulls: null };
  }

  begin(): void {
    this.mask.clear(this.column);
    this.used = 0;
  }

  setNull(row: number): void {
    this.mask.set(this.column, row);
    if (this.column.kind === 'dict') this.column.codes[row] = 0;
    else this.column.lengths[row] = 0;
  }

  number(bytes: Uint8Array, start: number, end: number, row: number): boolean {
    return this.text(bytes, start, end, row);
  }

  text(bytes: Uint8Array, start: number, end: number, row: number): boolean {
    const { column } = this;
    if (column.kind === 'utf8') {
      this.putBytes(column, bytes, start, end, row);
      return true;
    }
    const code = column.dictionary.intern(bytes, start, end - start);
    if (code >= DICTIONARY_ENTRIES_MAX) {
      this.putBytes(this.widen(column), bytes, start, end, row);
    } else {
      column.codes[row] = code;
    }
    return true;
  }

  boolean(value: boolean, row: number): boolean {
    const text = value ? TRUE_TEXT : FALSE_TEXT;
    return this.text(text, 0, text.length, row);
  }

  private putBytes(
    column: Utf8Column,
    source: Uint8Array,
    start: number,
    end: number,
    row: number,
  ): void {
    const length = end - start;
    if (this.used + length > column.bytes.length) this.grow(column, length);
    const { bytes } = column;
    const to = this.used;
    if (length <= 48) {
      for (let at = 0; at < length; at += 1) bytes[to + at] = source[start + at]!;
    } else {
      bytes.set(source.subarray(start, end), to);
    }
    column.offsets[row] = to;
    column.lengths[row] = length;
    this.used = to + length;
  }

  private grow(column: Utf8Column, length: number): void {
    const { used } = this;
    column.bytes = withRoom(column.bytes, {
      used,
      needed: used + length,
      what: 'texts of a batch',
    });
  }

  /** The batch's earlier rows move from codes to bytes; the dictionary is let go. */
  private widen(column: DictColumn): Utf8Column {
    const { codes, dictionary } = column;
    const wide: Utf8Column = {
      kind: 'utf8',
      bytes: new Uint8Array(BYTES_INITIAL),
      offsets: new Int32Array(codes.length),
      lengths: new Int32Array(codes.length),
      nulls: column.nulls,
    };
    for (let row = 0; row < codes.length; row += 1) {
      const code = codes[row]!;
      const start = dictionary.offsets[code]!;
      this.putBytes(wide, dictionary.bytes, start, start + dictionary.lengths[code]!, row);
    }
    this.column = wide;
    return wide;
  }
}
