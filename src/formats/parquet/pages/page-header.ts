/**
 * The header in front of each page of a Parquet column. Owns its grammar, as far as flat columns
 * need it: what else it says (statistics) is stepped over, and takes no memory whatever sizes it
 * claims. Whether sizes and counts are possible judges who reads the page.
 *
 *   struct   := field* · 0           Thrift's compact protocol
 *   field    := id before it << 4 | type, or type alone and the id · value
 *   header   1 kind of page · 2 bytes unpacked · 3 bytes packed · 5 data · 7 dictionary · 8 data v2
 *   data     1 values · 2 encoding · 3 encoding of definition levels
 *   data v2  1 values · 4 encoding · 5 and 6 bytes of definition and repetition levels · 7 packed
 */
import { PageFault } from './page-fault.js';

export const DATA_PAGE = 0;
export const DICTIONARY_PAGE = 2;
export const DATA_PAGE_V2 = 3;

/** Types of fields. */
const TRUE = 1;
const FALSE = 2;
const BYTE = 3;
const I16 = 4;
const I32 = 5;
const I64 = 6;
const DOUBLE = 7;
const BINARY = 8;
const LIST = 9;
const SET = 10;
const STRUCT = 12;

const DEPTH_MAX = 16;

export class PageHeader {
  kind = -1;
  /** Sizes of the page behind the header. */
  unpackedBytes = -1;
  packedBytes = -1;
  /** Values of the page, NULLs included. */
  values = -1;
  encoding = -1;
  levelEncoding = -1;
  /** Of the second version: bytes of levels in front of the values, and whether values are packed. */
  definitionBytes = 0;
  repetitionBytes = 0;
  isPacked = true;

  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;

  /** Reads the header at a place; returns where the page begins. Throws PageFault. */
  read(bytes: Uint8Array, at: number): number {
    this.bytes = bytes;
    this.at = at;
    this.kind = -1;
    this.unpackedBytes = -1;
    this.packedBytes = -1;
    this.values = -1;
    this.encoding = -1;
    this.levelEncoding = -1;
    this.definitionBytes = 0;
    this.repetitionBytes = 0;
    this.isPacked = true;
    this.struct((id, type) => this.headerField(id, type), 0);
    return this.at;
  }

  private headerField(id: number, type: number): void {
    if (id === 1 && type === I32) this.kind = this.whole();
    else if (id === 2 && type === I32) this.unpackedBytes = this.whole();
    else if (id === 3 && type === I32) this.packedBytes = this.whole();
    else if ((id === 5 || id === 7) && type === STRUCT) {
      this.struct((inner, innerType) => this.dataField(inner, innerType), 1);
    } else if (id === 8 && type === STRUCT) {
      this.struct((inner, innerType) => this.secondField(inner, innerType), 1);
    } else this.skip(type, 1);
  }

  /** Of data and dictionary pages; the latter end behind their encoding. */
  private dataField(id: number, type: number): void {
    if (id === 1 && type === I32) this.values = this.whole();
    else if (id === 2 && type === I32) this.encoding = this.whole();
    else if (id === 3 && type === I32) this.levelEncoding = this.whole();
    else this.skip(type, 2);
  }

  private secondField(id: number, type: number): void {
    if (id === 1 && type === I32) this.values = this.whole();
    else if (id === 4 && type === I32) this.encoding = this.whole();
    else if (id === 5 && type === I32) this.definitionBytes = this.whole();
    else if (id === 6 && type === I32) this.repetitionBytes = this.whole();
    else if (id === 7 && type <= FALSE) this.isPacked = type === TRUE;
    else this.skip(type, 2);
  }

  private struct(field: (id: number, type: number) => void, depth: number): void {
    if (depth > DEPTH_MAX) throw new PageFault('the header of a page is nested too deeply');
    let id = 0;
    for (;;) {
      const byte = this.byte();
      const type = byte & 15;
      if (type === 0) return;
      id = byte >> 4 === 0 ? this.whole() : id + (byte >> 4);
      field(id, type);
    }
  }

  private skip(type: number, depth: number): void {
    switch (type) {
      case TRUE:
      case FALSE:
        return;
      case BYTE:
        this.step(1);
        return;
      case I16:
      case I32:
      case I64:
        while (this.byte() >= 128);
        return;
      case DOUBLE:
        this.step(8);
        return;
      case BINARY:
        this.step(this.count());
        return;
      case LIST:
      case SET: {
        const head = this.byte();
        const count = head >> 4 === 15 ? this.count() : head >> 4;
        // Each takes a byte at least.
        const each = (head & 15) <= FALSE ? BYTE : head & 15;
        for (let n = 0; n < count; n += 1) this.skip(each, depth);
        return;
      }
      case STRUCT:
        this.struct((_, inner) => this.skip(inner, depth + 1), depth + 1);
        return;
      default:
        throw new PageFault('the header of a page is none');
    }
  }

  private byte(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw new PageFault('its bytes end within the header of a page');
    this.at += 1;
    return byte;
  }

  private step(bytes: number): void {
    if (bytes > this.bytes.length - this.at) {
      throw new PageFault('its bytes end within the header of a page');
    }
    this.at += bytes;
  }

  /** An unsigned number of 32 bits. */
  private count(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
    throw new PageFault('the header of a page is none');
  }

  private whole(): number {
    const folded = this.count();
    return (folded >>> 1) ^ -(folded & 1);
  }
}
