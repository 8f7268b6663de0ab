/**
 * The layout of JSON records: which keys follow each other with which bytes between, learnt from one
 * record, as slots of a generated kernel. Owns that choice; the kernel is codegen/json/json-decoder.ts.
 */
import type { JsonSlot } from '../../codegen/json/json-decoder.js';
import type { JsonValuePlan } from '../../codegen/json/json-values.js';
import { decodeText } from '../../columnar/text-bytes.js';
import { DICTIONARY_ENTRIES_MAX } from '../../columnar/dictionary.js';
import type { DecoderColumn } from '../decoder.js';
import type { JsonScanner } from './json-scanner.js';
import type { TargetColumn } from '../columns/target.js';

/** Keys that get a slot beside those of needed columns: a kernel has a size beyond which it is slow. */
const SLOTS_MAX = 64;
/** Columns whose values are read by generated code; the cell reader takes the others. */
const FAST_COLUMNS_MAX = 48;
/** Digits from which a number column is read in doubles: what an int32 no longer holds. */
const NARROW_DIGITS = 9;

const LINE_FEED = 10;
const encoder = new TextEncoder();

/** A slot with the name of its key. */
export interface LayoutSlot extends JsonSlot {
  readonly key: string;
}

interface LearntKey {
  readonly key: string;
  readonly lead: Uint8Array;
  /** First byte of the value. */
  readonly first: number;
  readonly digits: number;
}

export interface LayoutRequest {
  readonly scanner: JsonScanner;
  readonly columns: readonly DecoderColumn[];
  readonly targets: readonly TargetColumn[];
}

/** Slots after the well-formed record at `start`, then those of needed columns that it lacks. */
export function learnLayout(
  request: LayoutRequest,
  bytes: Uint8Array,
  start: number,
): readonly LayoutSlot[] {
  const { columns, targets } = request;
  const columnOf = new Map(columns.map((column, index) => [column.name, index]));
  const slots: LayoutSlot[] = [];
  const known = new Set<string>();
  const add = (learnt: LearntKey): void => {
    const column = columnOf.get(learnt.key);
    if (known.has(learnt.key) || (column === undefined && slots.length >= SLOTS_MAX)) return;
    known.add(learnt.key);
    const value =
      column === undefined
        ? skipPlan(learnt.first)
        : valuePlan(column, targets[column] as TargetColumn, learnt.digits);
    slots.push({ key: learnt.key, lead: learnt.lead, value });
  };
  for (const learnt of keysOf(request.scanner, bytes, start)) add(learnt);
  for (const { name } of columns) {
    const opens = slots.length === 0 ? '{' : ',';
    const lead = encoder.encode(`${opens}${JSON.stringify(name)}:`);
    add({ key: name, lead, first: 0, digits: 0 });
  }
  return slots;
}

function keysOf(scanner: JsonScanner, bytes: Uint8Array, start: number): LearntKey[] {
  const learnt: LearntKey[] = [];
  let leadAt = start;
  let at = scanner.skipSpace(bytes, scanner.skipSpace(bytes, start) + 1);
  while (bytes[at] !== 125) {
    if (bytes[at] === 44) at = scanner.skipSpace(bytes, at + 1);
    at = scanner.key(bytes, at);
    const { textBytes, textStart, textEnd } = scanner;
    const key = decodeText(textBytes, textStart, textEnd - textStart);
    const lead = bytes.slice(leadAt, at);
    const end = scanner.skipValue(bytes, at);
    // A line feed would let a lead match across the end of a line.
    if (!lead.includes(LINE_FEED)) {
      learnt.push({ key, lead, first: bytes[at] as number, digits: digitCount(bytes, at, end) });
    }
    leadAt = end;
    at = scanner.skipSpace(bytes, end);
  }
  return learnt;
}

function digitCount(bytes: Uint8Array, start: number, end: number): number {
  let digits = 0;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] as number;
    if (byte >= 48 && byte <= 57) digits += 1;
  }
  return digits;
}

function skipPlan(first: number): JsonValuePlan {
  if (first === 34) return { kind: 'skip', shape: 'text' };
  const isNumber = first === 45 || (first >= 48 && first <= 57);
  return { kind: 'skip', shape: isNumber ? 'number' : 'other' };
}

function valuePlan(column: number, target: TargetColumn, digits: number): JsonValuePlan {
  const { type } = target;
  const wide = digits > NARROW_DIGITS;
  if (column >= FAST_COLUMNS_MAX) return { kind: 'cell', column };
  if (target.column.kind === 'dict') {
    return target.column.dictionary.size >= DICTIONARY_ENTRIES_MAX
      ? { kind: 'cell', column }
      : { kind: 'text', column };
  }
  if (target.column.kind !== 'f64') return { kind: 'cell', column };
  switch (type.kind) {
    case 'bigint':
    case 'timestamp':
      return { kind: 'integer', column, wide };
    case 'double':
      return { kind: 'double', column, wide };
    case 'decimal':
      return { kind: 'decimal', column, wide, precision: type.precision, scale: type.scale };
    default:
      return { kind: 'cell', column };
  }
}
