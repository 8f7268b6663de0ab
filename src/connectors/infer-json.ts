/**
 * Types of JSON records from samples. Owns the lattice of what values were seen; reading files and
 * topics is the connectors'. Works on bytes, because BIGINT and DOUBLE differ by spelling only.
 *
 *   nothing seen, only null       VARCHAR          text                  VARCHAR
 *   whole numbers within 64 bits  BIGINT           true, false           BOOLEAN
 *   other numbers                 DOUBLE           array                 ARRAY of its elements' type
 *   anything mixed                VARCHAR          object with fields    ROW
 */
import { decodeText } from '../columnar/column.js';
import { BIGINT, BOOLEAN, DOUBLE, VARCHAR } from '../columnar/types.js';
import type { SqlType } from '../columnar/types.js';
import { parseNumberText, partsToBigint } from '../functions/decimal.js';
import { JsonScanner, LINE_SPACE, MESSAGE_SPACE } from '../formats/json-scanner.js';
import type { PhysicalColumn } from '../plan/schema.js';

/** Below this depth everything is text. */
const DEPTH_MAX = 16;

type Shape = 'nothing' | 'boolean' | 'bigint' | 'double' | 'text' | 'array' | 'object' | 'mixed';

/** What was seen in one place of the records: a key, an array's elements. */
class Seen {
  shape: Shape = 'nothing';
  element: Seen | null = null;
  fields: Map<string, Seen> | null = null;

  add(shape: Shape): void {
    if (this.shape === 'nothing' || this.shape === shape) this.shape = shape;
    else if (isNumber(this.shape) && isNumber(shape)) this.shape = 'double';
    else this.shape = 'mixed';
  }

  type(): SqlType {
    switch (this.shape) {
      case 'boolean':
        return BOOLEAN;
      case 'bigint':
        return BIGINT;
      case 'double':
        return DOUBLE;
      case 'array':
        return { kind: 'array', element: this.element?.type() ?? VARCHAR };
      case 'object': {
        const fields = [...(this.fields ?? [])];
        if (fields.length === 0) return VARCHAR;
        return { kind: 'row', fields: fields.map(([name, seen]) => ({ name, type: seen.type() })) };
      }
      default:
        return VARCHAR;
    }
  }
}

function isNumber(shape: Shape): boolean {
  return shape === 'bigint' || shape === 'double';
}

/** Gathers records one by one. */
export class JsonInference {
  /** Records that were objects. */
  records = 0;
  private readonly root = new Map<string, Seen>();
  private readonly scanner = new JsonScanner();

  /** Adds the record in `bytes[start, end)`; one that is no JSON object counts for nothing. */
  add(bytes: Uint8Array, start: number, end: number): void {
    const record = new Uint8Array(end - start + 1);
    record.set(bytes.subarray(start, end));
    const { scanner } = this;
    scanner.space = record.includes(10) ? MESSAGE_SPACE : LINE_SPACE;
    const at = scanner.skipSpace(record, 0);
    if (record[at] !== 123) return;
    const behind = scanner.skipValue(record, at);
    if (behind < 0 || scanner.skipSpace(record, behind) !== end - start) return;
    this.records += 1;
    this.addFields(record, at, this.root, 1);
  }

  /** Columns in order of first appearance. */
  columns(): PhysicalColumn[] {
    return [...this.root].map(([name, seen]) => ({ name, type: seen.type() }));
  }

  // From here on the record is known to be well formed.

  private addFields(
    bytes: Uint8Array,
    from: number,
    fields: Map<string, Seen>,
    depth: number,
  ): number {
    const { scanner } = this;
    let at = scanner.skipSpace(bytes, from + 1);
    while (bytes[at] !== 125) {
      if (bytes[at] === 44) at = scanner.skipSpace(bytes, at + 1);
      at = scanner.key(bytes, at);
      const { textBytes, textStart, textEnd } = scanner;
      const name = decodeText(textBytes, textStart, textEnd - textStart);
      let seen = fields.get(name);
      if (seen === undefined) {
        seen = new Seen();
        fields.set(name, seen);
      }
      at = scanner.skipSpace(bytes, this.addValue(bytes, at, seen, depth));
    }
    return at + 1;
  }

  private addElements(bytes: Uint8Array, from: number, element: Seen, depth: number): number {
    const { scanner } = this;
    let at = scanner.skipSpace(bytes, from + 1);
    while (bytes[at] !== 93) {
      if (bytes[at] === 44) at = scanner.skipSpace(bytes, at + 1);
      at = scanner.skipSpace(bytes, this.addValue(bytes, at, element, depth));
    }
    return at + 1;
  }

  /** Adds the value at `at`; the position behind it. */
  private addValue(bytes: Uint8Array, at: number, seen: Seen, depth: number): number {
    const byte = bytes[at];
    const nested = byte === 123 || byte === 91;
    if (nested && depth < DEPTH_MAX) {
      if (byte === 91) {
        seen.add('array');
        seen.element ??= new Seen();
        return this.addElements(bytes, at, seen.element, depth + 1);
      }
      seen.add('object');
      seen.fields ??= new Map();
      return this.addFields(bytes, at, seen.fields, depth + 1);
    }
    const end = this.scanner.skipValue(bytes, at);
    if (byte === 34) seen.add('text');
    else if (byte === 116 || byte === 102) seen.add('boolean');
    else if (nested) seen.add('mixed');
    else if (byte !== 110) seen.add(numberShape(decodeText(bytes, at, end - at)));
    return end;
  }
}

/** A point or an exponent says DOUBLE even where the value is whole: 100.0 comes with 100.5. */
export function numberShape(text: string): 'bigint' | 'double' {
  if (/[.eE]/.test(text)) return 'double';
  const parts = parseNumberText(text);
  return parts !== undefined && partsToBigint(parts) !== undefined ? 'bigint' : 'double';
}

/** Columns of sampled records (message values, lines); empty when none is a JSON object. */
export function inferJsonSchema(samples: Iterable<Uint8Array>): PhysicalColumn[] {
  const inference = new JsonInference();
  for (const sample of samples) inference.add(sample, 0, sample.length);
  return inference.columns();
}
