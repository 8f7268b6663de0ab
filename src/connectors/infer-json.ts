/**
 * Types of JSON records from samples. Owns the lattice of what values were seen; reading files and
 * topics is the connectors'. Works on bytes, because BIGINT and DOUBLE differ by spelling only.
 *
 *   nothing seen, only null       VARCHAR          text                  VARCHAR
 *   whole numbers within 64 bits  BIGINT           true, false           BOOLEAN
 *   of up to 38 digits            DECIMAL(38, 0)   array                 ARRAY of its elements' type
 *   other numbers                 DOUBLE           object with fields    ROW
 *   anything mixed                VARCHAR
 *
 * Whole numbers of more digits are texts: what is exact in the records is exact in the column.
 */
import { decodeText } from '../columnar/text-bytes.js';
import {
  BIGINT,
  BOOLEAN,
  DECIMAL_PRECISION_MAX,
  decimalType,
  DOUBLE,
  VARCHAR,
} from '../columnar/types.js';
import type { SqlType } from '../columnar/types.js';
import { parseNumberText, partsToBigint, partsToDecimal } from '../functions/decimal.js';
import { JsonScanner, LINE_SPACE, MESSAGE_SPACE } from '../formats/json/json-scanner.js';
import { TimesSeen } from './infer-times.js';
import type { PhysicalColumn } from '../plan/schema.js';

/** Below this depth everything is text. */
const DEPTH_MAX = 16;

type Shape = 'nothing' | 'boolean' | NumberShape | 'text' | 'array' | 'object' | 'mixed';

/** What was seen in one place of the records: a key, an array's elements. */
class Seen {
  shape: Shape = 'nothing';
  element: Seen | null = null;
  fields: Map<string, Seen> | null = null;
  /** null: times are not asked for. */
  readonly times: TimesSeen | null;

  constructor(times: TimesSeen | null) {
    this.times = times;
  }

  add(shape: Shape): void {
    if (this.shape === 'nothing' || this.shape === shape) this.shape = shape;
    else if (isNumber(this.shape) && isNumber(shape)) this.shape = wider(this.shape, shape);
    else this.shape = 'mixed';
  }

  type(): SqlType {
    switch (this.shape) {
      case 'boolean':
        return BOOLEAN;
      case 'bigint':
        return BIGINT;
      case 'decimal':
        return WHOLE_DECIMAL;
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

const NUMBER_SHAPES = ['bigint', 'decimal', 'double'] as const;
type NumberShape = (typeof NUMBER_SHAPES)[number];

function isNumber(shape: Shape): shape is NumberShape {
  return (NUMBER_SHAPES as readonly Shape[]).includes(shape);
}

function wider(a: NumberShape, b: NumberShape): NumberShape {
  return NUMBER_SHAPES.indexOf(a) > NUMBER_SHAPES.indexOf(b) ? a : b;
}

/** Gathers records one by one. */
export class JsonInference {
  /** Records that were objects. */
  records = 0;
  private readonly root = new Map<string, Seen>();
  private readonly scanner = new JsonScanner();
  private readonly wantsTimes: boolean;

  /** `times`: columns may be times; see infer-times.ts. */
  constructor({ times = false }: { readonly times?: boolean } = {}) {
    this.wantsTimes = times;
  }

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
    return [...this.root].map(([name, seen]) => {
      const type = seen.type();
      // Values of several types are texts, whatever they look like.
      const isMixed = seen.shape === 'mixed';
      return { name, type: isMixed ? type : (seen.times?.typeOf(name, type) ?? type) };
    });
  }

  /** What to say of the columns' times. */
  remarks(): string[] {
    return [...this.root].flatMap(([name, seen]) => seen.times?.remarkOf(name, seen.type()) ?? []);
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
        seen = new Seen(this.wantsTimes && depth === 1 ? new TimesSeen() : null);
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
        seen.element ??= new Seen(null);
        return this.addElements(bytes, at, seen.element, depth + 1);
      }
      seen.add('object');
      seen.fields ??= new Map();
      return this.addFields(bytes, at, seen.fields, depth + 1);
    }
    const end = this.scanner.skipValue(bytes, at);
    if (byte === 34) {
      seen.add('text');
      seen.times?.addText(decodeText(bytes, at + 1, end - at - 2));
    } else if (byte === 116 || byte === 102) seen.add('boolean');
    else if (nested) seen.add('mixed');
    else if (byte !== 110) {
      const text = decodeText(bytes, at, end - at);
      seen.add(numberShape(text));
      seen.times?.addNumber(text);
    }
    return end;
  }
}

/** A point or an exponent says DOUBLE even where the value is whole: 100.0 comes with 100.5. */
export function numberShape(text: string): NumberShape | 'mixed' {
  if (/[.eE]/.test(text)) return 'double';
  const parts = parseNumberText(text);
  if (parts === undefined) return 'double';
  if (partsToBigint(parts) !== undefined) return 'bigint';
  return partsToDecimal(parts, DECIMAL_PRECISION_MAX, 0) === undefined ? 'mixed' : 'decimal';
}

/** The type of whole numbers beyond 64 bits. */
export const WHOLE_DECIMAL: SqlType = decimalType(DECIMAL_PRECISION_MAX, 0);

/** Columns of sampled records (message values, lines); empty when none is a JSON object. */
export function inferJsonSchema(samples: Iterable<Uint8Array>): PhysicalColumn[] {
  const inference = new JsonInference();
  for (const sample of samples) inference.add(sample, 0, sample.length);
  return inference.columns();
}
