/**
 * One JSON value into one cell: which token a column type takes. Owns the dispatch by the value's
 * first byte and the values of nested types; syntax is json-scanner.ts, conversion the targets'.
 *
 * ARRAY takes an array, ROW an object by field names (missing ones are NULL), MAP an object whose
 * keys convert to the key type (the last of equal keys counts). VARCHAR takes any value's text as it
 * is written, objects and arrays included. Recursion goes as deep as the type, not the data. @hot
 */
import { columnValue } from '../../columnar/column.js';
import { decodeText } from '../../columnar/text-bytes.js';
import { Dictionary } from '../../columnar/dictionary.js';
import type { SqlType, SqlValue } from '../../columnar/types.js';
import { createTarget } from '../columns/create-target.js';
import { FAULT_CONVERT, FAULT_SYNTAX } from './json-scanner.js';
import type { JsonScanner } from './json-scanner.js';
import type { TargetColumn } from '../columns/target.js';
import { NestedTarget } from '../columns/target-plain.js';
import { TextTarget } from '../columns/target-text.js';

/**
 * Reads the value at `at` into `row` of the target. Returns the position behind it; for `null`,
 * which touches no cell, -2 minus that position; -1 with the scanner's fault otherwise.
 */
export type CellReader = (bytes: Uint8Array, at: number, row: number) => number;

/** Undoes the marking of a position behind `null`. */
export function behindNull(result: number): number {
  return -2 - result;
}

export function createCellReader(scanner: JsonScanner, target: TargetColumn): CellReader {
  if (target instanceof NestedTarget) return nestedCellReader(scanner, target);
  const takesAnyText = target instanceof TextTarget;
  return function readCell(bytes, at, row) {
    const byte = bytes[at]!;
    let end: number;
    let fits: boolean;
    if (byte === 34) {
      end = scanner.text(bytes, at + 1);
      if (end < 0) return end;
      fits = target.text(scanner.textBytes, scanner.textStart, scanner.textEnd, row);
    } else if (byte === 110) {
      end = scanner.skipWord(bytes, at);
      return end < 0 ? end : -2 - end;
    } else if (byte === 116 || byte === 102) {
      end = scanner.skipWord(bytes, at);
      if (end < 0) return end;
      fits = target.boolean(byte === 116, row);
    } else if (byte === 123 || byte === 91) {
      end = scanner.skipValue(bytes, at);
      if (end < 0) return end;
      fits = takesAnyText && target.text(bytes, at, end, row);
    } else {
      end = scanner.skipNumber(bytes, at);
      if (end < 0) return end;
      fits = target.number(bytes, at, end, row);
    }
    return fits ? end : scanner.fail(FAULT_CONVERT, at);
  };
}

function nestedCellReader(scanner: JsonScanner, target: NestedTarget): CellReader {
  const reader = createValueReader(scanner, target.type);
  return function readNestedCell(bytes, at, row) {
    const end = reader.read(bytes, at);
    if (end < 0) return end;
    if (reader.value === null) return -2 - end;
    target.put(reader.value, row);
    return end;
  };
}

/** Reads a value as a SqlValue: for elements of nested types. */
interface ValueReader {
  value: SqlValue;
  /** The position behind the value, or -1. */
  read(bytes: Uint8Array, at: number): number;
}

function createValueReader(scanner: JsonScanner, type: SqlType): ValueReader {
  switch (type.kind) {
    case 'array':
      return new ArrayReader(scanner, createValueReader(scanner, type.element));
    case 'map':
      return new MapReader(scanner, type.key, createValueReader(scanner, type.value));
    case 'row': {
      const readers = type.fields.map((field) => createValueReader(scanner, field.type));
      const names = type.fields.map((field) => field.name);
      return new RowReader(scanner, names, readers);
    }
    default:
      return new ScalarReader(scanner, type);
  }
}

/** A scalar by way of a column of one row, so that it converts as a column's value does. */
class ScalarReader implements ValueReader {
  value: SqlValue = null;
  private readonly type: SqlType;
  private target: TargetColumn;
  private readonly readCell: CellReader;
  private readonly scanner: JsonScanner;

  constructor(scanner: JsonScanner, type: SqlType) {
    this.scanner = scanner;
    this.type = type;
    this.target = createTarget(type, 1);
    this.readCell = createCellReader(scanner, this.target);
  }

  read(bytes: Uint8Array, at: number): number {
    // Plain texts need no dictionary: most differ from each other.
    if (this.type.kind === 'varchar' && bytes[at] === 34) {
      const { scanner } = this;
      const end = scanner.text(bytes, at + 1);
      if (end < 0) return end;
      const { textBytes, textStart, textEnd } = scanner;
      this.value = decodeText(textBytes, textStart, textEnd - textStart);
      return end;
    }
    const end = this.readCell(bytes, at, 0);
    if (end < -1) {
      this.value = null;
      return behindNull(end);
    }
    if (end >= 0) this.value = columnValue(this.target.column, this.type, 0);
    return end;
  }
}

class ArrayReader implements ValueReader {
  value: SqlValue = null;
  private readonly scanner: JsonScanner;
  private readonly element: ValueReader;

  constructor(scanner: JsonScanner, element: ValueReader) {
    this.scanner = scanner;
    this.element = element;
  }

  read(bytes: Uint8Array, from: number): number {
    const { scanner, element } = this;
    this.value = null;
    if (bytes[from] === 110) return scanner.skipWord(bytes, from);
    if (bytes[from] !== 91) return refuse(scanner, bytes, from);
    const values: SqlValue[] = [];
    let at = scanner.skipSpace(bytes, from + 1);
    if (bytes[at] === 93) {
      at += 1;
    } else {
      for (;;) {
        at = element.read(bytes, at);
        if (at < 0) return at;
        values.push(element.value);
        at = scanner.skipSpace(bytes, at);
        if (bytes[at] === 93) break;
        if (bytes[at] !== 44) return scanner.fail(FAULT_SYNTAX, at);
        at = scanner.skipSpace(bytes, at + 1);
      }
      at += 1;
    }
    this.value = values;
    return at;
  }
}

/** What MAP and ROW share: walking the members of an object. */
abstract class ObjectReader implements ValueReader {
  value: SqlValue = null;
  protected readonly scanner: JsonScanner;

  constructor(scanner: JsonScanner) {
    this.scanner = scanner;
  }

  protected abstract start(): void;
  /** Reads the member whose key is the scanner's text and whose value starts at `at`. */
  protected abstract member(bytes: Uint8Array, keyAt: number, at: number): number;
  protected abstract finished(): SqlValue;

  read(bytes: Uint8Array, from: number): number {
    const { scanner } = this;
    this.value = null;
    if (bytes[from] === 110) return scanner.skipWord(bytes, from);
    if (bytes[from] !== 123) return refuse(scanner, bytes, from);
    this.start();
    let at = scanner.skipSpace(bytes, from + 1);
    while (bytes[at] !== 125) {
      const valueAt = scanner.key(bytes, at);
      if (valueAt < 0) return valueAt;
      at = this.member(bytes, at, valueAt);
      if (at < 0) return at;
      at = scanner.skipSpace(bytes, at);
      if (bytes[at] === 125) break;
      if (bytes[at] !== 44) return scanner.fail(FAULT_SYNTAX, at);
      at = scanner.skipSpace(bytes, at + 1);
      if (bytes[at] === 125) return scanner.fail(FAULT_SYNTAX, at);
    }
    this.value = this.finished();
    return at + 1;
  }
}

class MapReader extends ObjectReader {
  private readonly keyType: SqlType;
  private readonly keyTarget: TargetColumn;
  private readonly valueReader: ValueReader;
  private keys: SqlValue[] = [];
  private values: SqlValue[] = [];
  private places = new Map<SqlValue, number>();

  constructor(scanner: JsonScanner, keyType: SqlType, valueReader: ValueReader) {
    super(scanner);
    this.keyType = keyType;
    this.keyTarget = createTarget(keyType, 1);
    this.valueReader = valueReader;
  }

  protected start(): void {
    this.keys = [];
    this.values = [];
    this.places = new Map();
  }

  protected member(bytes: Uint8Array, keyAt: number, at: number): number {
    const key = this.key();
    if (key === null) return this.scanner.fail(FAULT_CONVERT, keyAt);
    // A MAP inside this one's values has a reader, and with it a key, of its own.
    const end = this.valueReader.read(bytes, at);
    if (end < 0) return end;
    const place = this.places.get(key) ?? this.keys.length;
    this.places.set(key, place);
    this.keys[place] = key;
    this.values[place] = this.valueReader.value;
    return end;
  }

  protected finished(): SqlValue {
    return { keys: this.keys, values: this.values };
  }

  private key(): SqlValue {
    const { textBytes, textStart, textEnd } = this.scanner;
    if (this.keyType.kind === 'varchar') {
      return decodeText(textBytes, textStart, textEnd - textStart);
    }
    if (!this.keyTarget.text(textBytes, textStart, textEnd, 0)) return null;
    return columnValue(this.keyTarget.column, this.keyType, 0);
  }
}

class RowReader extends ObjectReader {
  private readonly names = new Dictionary();
  private readonly readers: readonly ValueReader[];
  private values: SqlValue[] = [];

  constructor(scanner: JsonScanner, names: readonly string[], readers: readonly ValueReader[]) {
    super(scanner);
    for (const name of names) this.names.internText(name);
    this.readers = readers;
  }

  protected start(): void {
    this.values = new Array<SqlValue>(this.readers.length).fill(null);
  }

  protected member(bytes: Uint8Array, _keyAt: number, at: number): number {
    const { textBytes, textStart, textEnd } = this.scanner;
    const field = this.names.find(textBytes, textStart, textEnd - textStart);
    if (field < 0) return this.scanner.skipValue(bytes, at);
    const reader = this.readers[field]!;
    const end = reader.read(bytes, at);
    if (end >= 0) this.values[field] = reader.value;
    return end;
  }

  protected finished(): SqlValue {
    return this.values;
  }
}

/** A value of another shape: malformed, or one that does not convert. */
function refuse(scanner: JsonScanner, bytes: Uint8Array, at: number): number {
  const end = scanner.skipValue(bytes, at);
  return end < 0 ? end : scanner.fail(FAULT_CONVERT, at);
}
