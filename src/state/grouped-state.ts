/**
 * Grouped state: groups by key, accumulators per aggregate, result rows. Owns the interface that
 * the updating GROUP BY and the window aggregates are built on. First, simple form.
 */
import type { Batch } from '../columnar/batch.js';
import { columnValue } from '../columnar/column.js';
import type { Column } from '../columnar/column.js';
import { Dictionary } from '../columnar/dictionary.js';
import {
  combineHash,
  finaliseHash,
  hashBigInt,
  hashBoolean,
  hashBytes,
  hashDouble,
  NULL_HASH,
} from '../columnar/hash.js';
import { TIMESTAMP } from '../columnar/types.js';
import type { SqlType, SqlValue } from '../columnar/types.js';
import type { AggregateCall } from '../plan/pipeline-plan.js';
import { keyGroupOf } from './key-groups.js';
import { evaluateAggregate, keyText, OVERFLOW } from './naive-aggregates.js';
import { ResultRows } from './result-rows.js';
import type { ResultRowsOptions, RowErrors, RowOutput } from './result-rows.js';
import type { StateReader, StateWriter } from './snapshot.js';

export interface GroupSpec {
  /** Id of the operator, for names and messages. */
  readonly id: string;
  readonly inputTypes: readonly SqlType[];
  /** Input column numbers. */
  readonly keys: readonly number[];
  readonly aggregates: readonly AggregateCall[];
  /** Whether result rows carry window_start and window_end between keys and aggregates. */
  readonly windowColumns: boolean;
  /** Whether input rows may be −U or −D: costs multisets for MIN, MAX, FIRST … Default false. */
  readonly inputRetracts?: boolean;
}

/** What the states of one operator share: kernels, texts, recycled memory. */
export class GroupedStateFactory {
  readonly spec: GroupSpec;
  readonly dictionary = new Dictionary();

  constructor(spec: GroupSpec) {
    this.spec = spec;
    this.dictionary.internText('');
  }

  /** An empty state: one pane, or the whole of an operator without windows. */
  create(): GroupedState {
    return new GroupedState(this);
  }

  /** Takes back a state that is no longer used; its memory serves the next create(). */
  release(state: GroupedState): void {
    state.clear();
  }

  /** A builder of result rows for states of this factory. */
  results(output: RowOutput, errors: RowErrors, options: ResultRowsOptions = {}): ResultRows {
    const { spec } = this;
    const types = spec.keys.map((key) => spec.inputTypes[key] as SqlType);
    if (spec.windowColumns) types.push(TIMESTAMP, TIMESTAMP);
    for (const aggregate of spec.aggregates) types.push(aggregate.type);
    return new ResultRows(types, output, errors, options);
  }
}

export class GroupedState {
  /** Slots ever used: 0 … groupCount - 1 in order of first appearance, freed ones included. */
  groupCount = 0;
  private readonly factory: GroupedStateFactory;
  private index = new Map<string, number>();
  private keys: (SqlValue[] | null)[] = [];
  private rows: SqlValue[][][] = [];
  private slots = new Int32Array(4096);

  constructor(factory: GroupedStateFactory) {
    this.factory = factory;
  }

  /** Group slot of each row (by position), adding groups that are new. Valid until the next call. */
  resolve(batch: Batch, rows: Int32Array | null, count: number): Int32Array {
    if (this.slots.length < count) this.slots = new Int32Array(count);
    for (let at = 0; at < count; at += 1) {
      const key = this.keyOf(batch, rows === null ? at : (rows[at] as number));
      const text = key.map(keyText).join('|');
      let slot = this.index.get(text);
      if (slot === undefined) {
        slot = this.push(key);
        this.index.set(text, slot);
      }
      this.slots[at] = slot;
    }
    return this.slots;
  }

  /** The one group of a query without keys exists even before its first row. */
  ensureGlobalGroup(): void {
    if (this.factory.spec.keys.length > 0 || this.groupCount > 0) return;
    this.push([]);
    this.index.set('', 0);
  }

  /** A group with the key of that row which no look-up finds: a session. */
  addSlot(batch: Batch, row: number): number {
    return this.push(this.keyOf(batch, row));
  }

  /** Adds rows to their groups. `rows` are physical row numbers; null means 0 … count - 1. */
  update(batch: Batch, rows: Int32Array | null, count: number): void {
    this.updateSlots(batch, rows, this.resolve(batch, rows, count), count);
  }

  /** Adds rows to given slots, by position. */
  updateSlots(batch: Batch, rows: Int32Array | null, slots: Int32Array, count: number): void {
    for (let at = 0; at < count; at += 1) {
      this.add(batch, rows === null ? at : (rows[at] as number), slots[at] as number);
    }
  }

  /** As update; appends after each row the new state of its group (ops: +I, +U, −D). */
  updateEmitChanged(
    batch: Batch,
    rows: Int32Array | null,
    count: number,
    results: ResultRows,
  ): void {
    const slots = this.resolve(batch, rows, count);
    results.begin(batch.header, true);
    for (let at = 0; at < count; at += 1) {
      const row = rows === null ? at : (rows[at] as number);
      const slot = slots[at] as number;
      const before = (this.rows[slot] as SqlValue[][]).length;
      this.add(batch, row, slot);
      this.emit(slot, results, row, before === 0 ? 0 : 2);
    }
  }

  /** As update; appends after each row every group of this state, in order of first appearance. */
  updateEmitAll(batch: Batch, rows: Int32Array | null, count: number, results: ResultRows): void {
    results.begin(batch.header, true);
    const one = new Int32Array(1);
    for (let at = 0; at < count; at += 1) {
      const row = rows === null ? at : (rows[at] as number);
      one[0] = row;
      this.add(batch, row, this.resolve(batch, one, 1)[0] as number);
      for (let slot = 0; slot < this.groupCount; slot += 1) this.emit(slot, results, row, 2);
    }
  }

  /** As update; −U old, +U new after each row; +I for a group that is new, −D for one that ends. */
  updateEmitRetract(
    batch: Batch,
    rows: Int32Array | null,
    count: number,
    results: ResultRows,
  ): void {
    const slots = this.resolve(batch, rows, count);
    results.begin(batch.header, true);
    for (let at = 0; at < count; at += 1) {
      const row = rows === null ? at : (rows[at] as number);
      const slot = slots[at] as number;
      const before = (this.rows[slot] as SqlValue[][]).length;
      if (before > 0) this.emit(slot, results, row, 1);
      this.add(batch, row, slot);
      this.emit(slot, results, row, before === 0 ? 0 : 2);
    }
  }

  /** Appends one row per group, in order of first appearance (ops: +I). */
  emitAll(results: ResultRows): void {
    for (let slot = 0; slot < this.groupCount; slot += 1) this.emitGroup(slot, results);
  }

  /** Appends the row of one group. */
  emitGroup(slot: number, results: ResultRows): void {
    if (this.keys[slot] === null) return;
    results.begin(results.header, false);
    this.emit(slot, results, -1, 0);
  }

  /** Adds the group `otherSlot` of `other` (same factory) to the group `slot` of this state. */
  merge(other: GroupedState, otherSlot: number, slot: number): void {
    (this.rows[slot] as SqlValue[][]).push(...(other.rows[otherSlot] as SqlValue[][]));
  }

  /** Slot in this state of the group with the key of `otherSlot` in `other`; added when new. */
  slotOf(other: GroupedState, otherSlot: number): number {
    const key = other.keys[otherSlot] as SqlValue[];
    const text = key.map(keyText).join('|');
    let slot = this.index.get(text);
    if (slot === undefined) {
      slot = this.push(key);
      this.index.set(text, slot);
    }
    return slot;
  }

  /** Forgets a group; its slot is used again by a later one. */
  freeSlot(slot: number): void {
    this.keys[slot] = null;
    this.rows[slot] = [];
  }

  /** Forgets all groups. */
  clear(): void {
    this.groupCount = 0;
    this.index = new Map();
    this.keys = [];
    this.rows = [];
  }

  /** One entry per group; `extra` may write fields in front (a pane's start). */
  snapshot(writer: StateWriter, extra?: (writer: StateWriter, slot: number) => void): void {
    for (let slot = 0; slot < this.groupCount; slot += 1) {
      if (this.keys[slot] === null) continue;
      writer.beginEntry(this.keyGroup(slot));
      extra?.(writer, slot);
      this.writeGroup(writer, slot);
      writer.endEntry();
    }
  }

  /** Key group of a group: from the value hash of its key. */
  keyGroup(slot: number): number {
    const { spec } = this.factory;
    let hash = 0;
    for (const [at, value] of (this.keys[slot] as SqlValue[]).entries()) {
      hash = combineHash(
        hash,
        hashValue(value, spec.inputTypes[spec.keys[at] as number] as SqlType),
      );
    }
    return keyGroupOf(finaliseHash(hash));
  }

  /** Key and accumulators of a group as fields of the current entry. */
  writeGroup(writer: StateWriter, slot: number): void {
    writer.writeText(JSON.stringify([this.keys[slot], this.rows[slot]], replacer));
  }

  /** Reads what writeGroup wrote into the group of that key; gives its slot. */
  restoreGroup(reader: StateReader): number {
    return this.restoreInto(reader, true);
  }

  /** As restoreGroup, into a slot that no look-up finds (see addSlot). */
  restoreSlot(reader: StateReader): number {
    return this.restoreInto(reader, false);
  }

  /** All entries of a snapshot written without extra fields. */
  restore(reader: StateReader): void {
    while (reader.nextEntry() >= 0) this.restoreGroup(reader);
  }

  /** Approximate bytes held. */
  byteSize(): number {
    return this.groupCount * 100;
  }

  private restoreInto(reader: StateReader, indexed: boolean): number {
    const [key, rows] = JSON.parse(reader.readText(), reviver) as [SqlValue[], SqlValue[][]];
    const slot = this.push(key);
    this.rows[slot] = rows;
    if (indexed) this.index.set(key.map(keyText).join('|'), slot);
    return slot;
  }

  private keyOf(batch: Batch, row: number): SqlValue[] {
    const { spec } = this.factory;
    return spec.keys.map((key) =>
      columnValue(batch.columns[key] as Column, spec.inputTypes[key] as SqlType, row),
    );
  }

  private push(key: SqlValue[]): number {
    const slot = this.groupCount;
    this.keys[slot] = key;
    this.rows[slot] = [];
    this.groupCount += 1;
    return slot;
  }

  private add(batch: Batch, row: number, slot: number): void {
    const values = batch.columns.map((column, at) =>
      columnValue(column, this.factory.spec.inputTypes[at] as SqlType, row),
    );
    (this.rows[slot] as SqlValue[][]).push(values);
  }

  private emit(slot: number, results: ResultRows, origin: number, op: number): void {
    const { spec, dictionary } = this.factory;
    results.useDictionary(dictionary);
    const at = results.reserve();
    results.rowCount += 1;
    if (results.ops !== null) results.ops[at] = op;
    results.origins[at] = origin;
    let column = 0;
    for (const value of this.keys[slot] as SqlValue[]) {
      results.setValue(column, at, value, dictionary);
      column += 1;
    }
    if (spec.windowColumns) {
      results.setValue(column, at, results.windowStart, dictionary);
      results.setValue(column + 1, at, results.windowEnd, dictionary);
      column += 2;
    }
    for (const call of spec.aggregates) {
      const value = evaluateAggregate(call, this.rows[slot] as SqlValue[][]);
      if (value === OVERFLOW) {
        results.fail(at, origin, `${call.function} is out of range`);
        return;
      }
      results.setValue(column, at, value, dictionary);
      column += 1;
    }
  }
}

function hashValue(value: SqlValue, type: SqlType): number {
  if (value === null) return NULL_HASH;
  if (typeof value === 'bigint') return hashBigInt(value);
  if (typeof value === 'boolean') return hashBoolean(value);
  if (typeof value === 'number') return type.kind === 'bigint' ? 0 : hashDouble(value);
  const bytes = new TextEncoder().encode(typeof value === 'string' ? value : keyText(value));
  return hashBytes(bytes, 0, bytes.length);
}

function replacer(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? { bigint: value.toString() } : value;
}
function reviver(_: string, value: unknown): unknown {
  if (value !== null && typeof value === 'object' && 'bigint' in value) {
    return BigInt(value.bigint as string);
  }
  return value;
}
