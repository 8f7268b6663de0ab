/**
 * Top-N over rows that may be taken back: keeps all rows of each partition in order, ties in order
 * of arrival, because a row behind the first n may become one of them. Owns what a change does to
 * the first n; over rows that are only added, top-n.ts keeps n rows and no more. @hot
 *
 * A −row with the +row that the same record puts in its place is one change: what leaves is what
 * the first n were before and after both, never something in between.
 *
 *   | rank shown | retract                                    | upsert                        |
 *   | yes        | −U +U of each rank that has another row, +I of a rank that is new,         |
 *   |            | −D of one that is gone                     | the same without −U           |
 *   | no         | −D of the row that falls out, +I of the one that comes in (n = 1: −U +U)   |
 */
import type { Batch } from '../../columnar/batch.js';
import { OP_DELETE, OP_INSERT, OP_UPDATE_AFTER, OP_UPDATE_BEFORE } from '../../columnar/batch.js';
import type { TopNNode } from '../../plan/pipeline/pipeline-plan.js';
import { GroupedStateFactory } from '../../state/groups/grouped-state-factory.js';
import type { GroupedState } from '../../state/groups/grouped-state.js';
import type { StateReader, StateWriter } from '../../state/snapshot.js';
import type { HeldBatch, Work } from '../flow.js';
import type { Operator, OperatorContext } from '../operator.js';
import { rowAlone } from './rows/row-key-groups.js';
import { grown, NULL_ROW, RowStore } from './rows/row-store.js';
import { TopNOutput } from './top-n-output.js';
import { Ranks } from './top-n-ranks.js';

export class TopNChangesOperator implements Operator {
  readonly id: string;
  private readonly node: TopNNode;
  private readonly context: OperatorContext;
  private readonly partitions: GroupedState;
  /** Identity of rows by all their values: group → the last of the equal rows. */
  private readonly identity: GroupedState;
  private lastOf: Int32Array = new Int32Array(64);
  private readonly store: RowStore;
  private readonly ranks: Ranks[] = [];
  /** By row: its identity, the equal row before it, its number in order of arrival. */
  private idOf: Int32Array = new Int32Array(64);
  private equalOf: Int32Array = new Int32Array(64);
  private arrivals: Float64Array = new Float64Array(64);
  private arrived = 0;
  /** The first n rows before a change. */
  private before: Int32Array;
  private beforeCount = 0;
  private readonly gone: number[] = [];
  private readonly output: TopNOutput;

  constructor(node: TopNNode, context: OperatorContext) {
    this.id = node.id;
    this.node = node;
    this.context = context;
    const types = node.input.schema.map((column) => column.type);
    this.store = new RowStore(types);
    this.output = new TopNOutput(this.store, context, node.rankColumn);
    this.before = new Int32Array(Math.min(node.limit, 64));
    const groups = (keys: readonly number[]): GroupedState =>
      new GroupedStateFactory({
        id: node.id,
        inputTypes: types,
        keys,
        aggregates: [],
        windowColumns: false,
      }).create();
    this.partitions = groups(node.partitionBy);
    this.identity = groups(types.map((_, at) => at));
  }

  process(_input: number, batch: Batch): void {
    const { selection, selectedCount } = batch;
    if (selectedCount === 0) return;
    const slots = this.partitions.resolve(batch, selection, selectedCount);
    const ids = this.identity.resolve(batch, selection, selectedCount);
    this.ensureIds(this.identity.groupCount);
    const held = { batch };
    this.context.flow.run(this.answer(held, slots, ids), held);
  }

  private *answer(held: HeldBatch, slots: Int32Array, ids: Int32Array): Work {
    const { flow } = this.context;
    const { selectedCount } = held.batch;
    for (let k = 0; k < selectedCount; k += 1) {
      const { batch } = held;
      const slot = slots[k]!;
      const ranks = (this.ranks[slot] ??= new Ranks());
      this.output.begin(batch.header);
      this.remember(ranks);
      this.change(batch, k, ranks, ids[k]!);
      if (slots[k + 1] === slot && isReplaced(batch, k)) {
        k += 1;
        this.change(batch, k, ranks, ids[k]!);
      }
      const row = rowOf(batch, k);
      this.output.answer(batch.origins === null ? row : batch.origins[row]!);
      if (this.node.rankColumn) yield* this.emitRanks(ranks);
      else this.emitRows(ranks);
      if (flow.suspended && k + 1 < selectedCount) yield;
    }
    this.output.flush();
    this.sweep(slots, ids, selectedCount);
  }

  private remember(ranks: Ranks): void {
    const count = Math.min(ranks.count, this.node.limit);
    if (count > this.before.length) this.before = new Int32Array(ranks.rows.length);
    this.before.set(ranks.rows.subarray(0, count));
    this.beforeCount = count;
  }

  private change(batch: Batch, position: number, ranks: Ranks, id: number): void {
    if (isTakenBack(batch, position)) {
      this.takeBack(ranks, id);
      return;
    }
    const at = this.store.addRow(batch, rowOf(batch, position));
    this.ensureRows();
    this.keep(at, ranks, id);
  }

  private keep(at: number, ranks: Ranks, id: number): void {
    this.arrivals[at] = this.arrived;
    this.arrived += 1;
    this.idOf[at] = id;
    this.equalOf[at] = this.lastOf[id]!;
    this.lastOf[id] = at;
    ranks.insert(at, this.placeOf(at, ranks), Number.POSITIVE_INFINITY);
  }

  /** A row that is not there was never added: its record failed when it came. */
  private takeBack(ranks: Ranks, id: number): void {
    const at = this.lastOf[id]!;
    if (at === NULL_ROW) return;
    this.lastOf[id] = this.equalOf[at]!;
    ranks.remove(this.placeOf(at, ranks));
    this.gone.push(at);
  }

  /** How many rows of the partition are before a row: by the keys, then by arrival. */
  private placeOf(at: number, { rows, count }: Ranks): number {
    const { store, arrivals, node } = this;
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = rows[middle]!;
      const order = store.compare(other, at, node.orderBy) || arrivals[other]! - arrivals[at]!;
      if (order >= 0) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  private *emitRanks(ranks: Ranks): Work {
    const { before, beforeCount, output } = this;
    const { flow } = this.context;
    const count = Math.min(ranks.count, this.node.limit);
    for (let at = 0; at < count || at < beforeCount; at += 1) {
      const old = at < beforeCount ? before[at]! : NULL_ROW;
      const now = at < count ? ranks.rows[at]! : NULL_ROW;
      if (flow.suspended) yield;
      if (old === NULL_ROW) output.push(now, at + 1, OP_INSERT);
      else if (now === NULL_ROW) output.push(old, at + 1, OP_DELETE);
      else if (old !== now && this.idOf[old] !== this.idOf[now]) {
        output.keepTwo();
        if (this.node.mode === 'retract') output.push(old, at + 1, OP_UPDATE_BEFORE);
        output.push(now, at + 1, OP_UPDATE_AFTER);
      }
    }
  }

  /** Without the rank a row that only moved is the same row. At most one comes in and one goes. */
  private emitRows(ranks: Ranks): void {
    const { before, beforeCount, output, node } = this;
    const count = Math.min(ranks.count, node.limit);
    const first = firstDifference(before, beforeCount, ranks.rows, count);
    let old = NULL_ROW;
    let now = NULL_ROW;
    for (let at = first; at < beforeCount && old === NULL_ROW; at += 1) {
      if (!contains(ranks.rows, first, count, before[at]!)) old = before[at]!;
    }
    for (let at = first; at < count && now === NULL_ROW; at += 1) {
      if (!contains(before, first, beforeCount, ranks.rows[at]!)) now = ranks.rows[at]!;
    }
    if (old !== NULL_ROW && now !== NULL_ROW) {
      if (this.idOf[old] === this.idOf[now]) return;
      output.keepTwo();
      const isReplaced = node.limit === 1;
      if (node.mode === 'retract') output.push(old, 0, isReplaced ? OP_UPDATE_BEFORE : OP_DELETE);
      output.push(now, 0, isReplaced ? OP_UPDATE_AFTER : OP_INSERT);
    } else if (old !== NULL_ROW) output.push(old, 0, OP_DELETE);
    else if (now !== NULL_ROW) output.push(now, 0, OP_INSERT);
  }

  /** At the end of a batch, when nobody reads removed rows any more. */
  private sweep(slots: Int32Array, ids: Int32Array, count: number): void {
    const { store, identity, partitions, ranks, lastOf } = this;
    for (const at of this.gone) store.release(at);
    this.gone.length = 0;
    for (let k = 0; k < count; k += 1) {
      const id = ids[k]!;
      const slot = slots[k]!;
      if (lastOf[id] === NULL_ROW && !identity.table.isFreed(id)) identity.freeSlot(id);
      const isEmpty = ranks[slot]!.count === 0 && this.node.partitionBy.length > 0;
      if (isEmpty && !partitions.table.isFreed(slot)) partitions.freeSlot(slot);
    }
  }

  watermark(_input: number, watermarkMs: number): void {
    this.context.output.watermark(watermarkMs);
  }

  end(): void {
    // Every change has had its rows when it came.
  }

  snapshot(writer: StateWriter): void {
    this.partitions.snapshot(writer, (entry, slot) => {
      const ranks = this.ranks[slot];
      const count = ranks?.count ?? 0;
      entry.writeU32(count);
      for (let at = 0; at < count; at += 1) this.store.writeRow(entry, ranks!.rows[at]!);
    });
  }

  restore(reader: StateReader): void {
    while (reader.nextEntry() >= 0) {
      const rows = Array.from({ length: reader.readU32() }, () => this.store.readRow(reader));
      this.ensureRows();
      const ranks = new Ranks();
      this.ranks[this.partitions.restoreGroup(reader)] = ranks;
      for (const at of rows) this.keep(at, ranks, this.identityOf(at));
    }
  }

  private identityOf(at: number): number {
    const id = this.identity.resolve(rowAlone(this.store, at), null, 1)[0]!;
    this.ensureIds(this.identity.groupCount);
    return id;
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    const ranked = this.ranks.reduce((bytes, { rows }) => bytes + rows.byteLength, 0);
    const { store, partitions, identity } = this;
    const bytes = store.byteSize() + partitions.byteSize() + identity.byteSize() + ranked;
    return { rows: store.size, bytes };
  }

  private ensureIds(count: number): void {
    if (count <= this.lastOf.length) return;
    this.lastOf = grown(this.lastOf, Math.max(count, this.lastOf.length * 2));
  }

  private ensureRows(): void {
    const { capacity } = this.store;
    if (capacity <= this.idOf.length) return;
    this.idOf = grown(this.idOf, capacity);
    this.equalOf = grown(this.equalOf, capacity);
    const longer = new Float64Array(capacity);
    longer.set(this.arrivals);
    this.arrivals = longer;
  }
}

function rowOf(batch: Batch, position: number): number {
  return batch.selection === null ? position : batch.selection[position]!;
}

function isTakenBack(batch: Batch, position: number): boolean {
  if (batch.ops === null) return false;
  const op = batch.ops[rowOf(batch, position)]!;
  return op === OP_UPDATE_BEFORE || op === OP_DELETE;
}

/** Whether the next row is what comes in the place of this one: one record has changed both. */
function isReplaced(batch: Batch, position: number): boolean {
  if (position + 1 >= batch.selectedCount || !isTakenBack(batch, position)) return false;
  if (isTakenBack(batch, position + 1)) return false;
  const row = rowOf(batch, position);
  const next = rowOf(batch, position + 1);
  const { ops, origins } = batch;
  if (origins !== null) return origins[row] === origins[next];
  return ops![row] === OP_UPDATE_BEFORE && ops![next] === OP_UPDATE_AFTER;
}

/** Where two lists part. */
function firstDifference(a: Int32Array, aCount: number, b: Int32Array, bCount: number): number {
  let at = 0;
  while (at < aCount && at < bCount && a[at] === b[at]) at += 1;
  return at;
}

function contains(rows: Int32Array, from: number, to: number, row: number): boolean {
  for (let at = from; at < to; at += 1) if (rows[at] === row) return true;
  return false;
}
