/**
 * The kernel that finds the group slot of each row. Owns its three forms: no key (slot 0, no
 * kernel), keys that are all codes of small dictionaries (one look-up in a table of code
 * combinations), and the general one: value cells, hash, open addressing (state/groups/group-table.ts
 * draws the table). New groups are added by the table, not here.
 *
 *   resolve(state, batch, rows, from, to, slots) → the next position
 */
import { Code, CodeWriter, code } from '../../base/js-code.js';
import type { CellCodec } from '../values/value-cells.js';
import type { KernelGroups } from './kernel-groups.js';
import type { Interner } from '../values/interner.js';
import type { Batch } from '../../columnar/batch.js';
import { compileFunction } from '../../codegen/compile.js';
import type { InputShapes } from './key-cell.js';
import { bindColumn, cellOf, isNullAt, named, shapeOf } from './key-cell.js';

export type ResolveKernel = (
  state: KernelGroups,
  batch: Batch,
  rows: Int32Array | null,
  from: number,
  to: number,
  slots: Int32Array,
) => number;

export interface ResolveShape {
  readonly inputs: InputShapes;
  readonly selected: boolean;
  /** Whether the table has more than one chunk. */
  readonly chunked: boolean;
  /** Keys are dict columns with few combinations. */
  readonly combined: boolean;
}

export interface ResolveKeys {
  /** Input columns. */
  readonly keys: readonly number[];
  /** Cells per group. */
  readonly stride: number;
}

/** What is bound into the kernel. */
export interface ResolveContext extends ResolveKeys {
  readonly id: string;
  readonly interner: Interner;
  /** Codec of each input column that is a key. */
  readonly codecs: ReadonlyMap<number, CellCodec>;
  /** One double and the same eight bytes as two words. */
  readonly bits: Float64Array;
  readonly words: Int32Array;
}

export function resolveSource(context: ResolveKeys, shape: ResolveShape): string {
  const writer = new CodeWriter();
  writer.open(code`return function resolve(state, batch, rows, from, to, slots)`);
  if (shape.combined) writeCombined(writer, context, shape);
  else writeGeneral(writer, context, shape);
  writer.line(code`return to;`);
  writer.close();
  return writer.toString();
}

export function compileResolve(context: ResolveContext, shape: ResolveShape): ResolveKernel {
  const codecs = [...context.codecs];
  const names = codecs.map(([column]) => named('codec', column).text);
  return compileFunction(
    `${context.id}-resolve`,
    ['interner', 'bits', 'words', ...names],
    resolveSource(context, shape),
    [context.interner, context.bits, context.words, ...codecs.map(([, codec]) => codec)],
  ) as ResolveKernel;
}

function openLoop(writer: CodeWriter, shape: ResolveShape): void {
  writer.open(code`for (let i = from; i < to; i += 1)`);
  writer.line(shape.selected ? code`const row = rows[i];` : code`const row = i;`);
}

function writeCombined(writer: CodeWriter, context: ResolveKeys, shape: ResolveShape): void {
  writer.line(code`const combinations = state.combinations;`);
  writer.line(code`const known = combinations.slots;`);
  for (const key of new Set(context.keys)) {
    const column = code`batch.columns[${key}]`;
    writer.line(code`const ${named('codes', key)} = ${column}.codes;`);
    if (!shapeOf(shape.inputs, key).nullable) continue;
    writer.line(code`const ${named('nulls', key)} = ${column}.nulls;`);
  }
  context.keys.forEach((key, at) => {
    if (at > 0) writer.line(code`const shift${at} = combinations.shifts[${at}];`);
    if (shapeOf(shape.inputs, key).nullable) {
      writer.line(code`const none${at} = combinations.nullCodes[${at}];`);
    }
  });
  openLoop(writer, shape);
  let place = code`0`;
  context.keys.forEach((key, at) => {
    const isNull = isNullAt(key, shapeOf(shape.inputs, key));
    const own = code`${named('codes', key)}[row]`;
    const each = isNull === null ? own : code`(${isNull} ? none${at} : ${own})`;
    place = at === 0 ? each : code`((${place} << shift${at}) | ${each})`;
  });
  writer.line(code`const place = ${place};`);
  writer.line(code`let slot = known[place] - 1;`);
  writer.line(code`if (slot < 0) slot = state.addCombination(batch, row, place);`);
  writer.line(code`slots[i] = slot;`);
  writer.close();
}

function writeKeyCells(writer: CodeWriter, context: ResolveKeys, shape: ResolveShape): void {
  context.keys.forEach((key, at) => {
    cellOf(writer, code`key${at}`, key, shapeOf(shape.inputs, key), true);
  });
}

function writeGeneral(writer: CodeWriter, context: ResolveKeys, shape: ResolveShape): void {
  for (const key of new Set(context.keys)) bindColumn(writer, key, shapeOf(shape.inputs, key));
  writer.line(code`const table = state.table;`);
  writer.line(code`const keys = table.keyCells;`);
  writer.line(code`let places = table.places;`);
  writer.line(code`let mask = places.length - 1;`);
  writer.line(shape.chunked ? code`const chunks = table.chunks;` : code`let cells = table.first;`);
  openLoop(writer, shape);
  writeKeyCells(writer, context, shape);
  writer.line(code`let hash = 0;`);
  context.keys.forEach((_, at) => {
    writer.line(code`bits[0] = key${at};`);
    writer.line(code`hash ^= words[0] ^ Math.imul(words[1], 0x9e3779b1);`);
    writer.line(code`hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);`);
    writer.line(code`hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);`);
    writer.line(code`hash ^= hash >>> 16;`);
  });
  writer.line(code`let place = hash & mask;`);
  writer.line(code`let slot = places[place] - 1;`);
  writer.open(code`while (slot >= 0)`);
  if (shape.chunked) writer.line(code`const cells = chunks[slot >>> 16];`);
  const index = shape.chunked ? code`(slot & 65535)` : code`slot`;
  writer.line(code`const base = ${index} * ${context.stride};`);
  const equal = context.keys.map((_, at) => `cells[base + ${at}] === key${at}`).join(' && ');
  writer.line(code`if (${new Code(equal)}) break;`);
  writer.line(code`place = (place + 1) & mask;`);
  writer.line(code`slot = places[place] - 1;`);
  writer.close();
  writer.open(code`if (slot < 0)`);
  context.keys.forEach((_, at) => writer.line(code`keys[${at}] = key${at};`));
  writer.line(code`slot = table.addAt(place);`);
  writer.line(code`places = table.places;`);
  writer.line(code`mask = places.length - 1;`);
  if (!shape.chunked) {
    writer.line(code`cells = table.first;`);
    writer.open(code`if (table.isChunked)`);
    writer.line(code`slots[i] = slot;`);
    writer.line(code`return i + 1;`);
    writer.close();
  }
  writer.close();
  writer.line(code`slots[i] = slot;`);
  writer.close();
}
