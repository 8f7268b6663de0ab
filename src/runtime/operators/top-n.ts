/**
 * Top-N: ROW_NUMBER() OVER (PARTITION BY … ORDER BY …) <= n. Keeps the first n rows of each
 * partition, ties in order of arrival, and emits what a new row changes among them. Owns what is
 * emitted; the order of a partition's rows is top-n-ranks.ts. n = 1 is deduplication: ordered by
 * time, a row that arrives later with an earlier time takes the first one's place, as in Flink. @hot
 *
 * A new row at rank r of m rows emits, with the mode that the plan gives:
 *
 *   | rank shown | retract                                         | upsert                       |
 *   | yes        | −U +U of each rank r … m, +I of a rank that is new | the row of each rank r … m |
 *   | no         | −D of the row that falls out, +I (n = 1: −U +U)    | the new row                |
 *
 * Without the rank a row whose rank changes is the same row as before.
 */
import type { Batch } from '../../columnar/batch.js';
import {
  BATCH_ROWS_MAX,
  emptyHeader,
  newBatch,
  OP_DELETE,
  OP_INSERT,
  OP_UPDATE_AFTER,
  OP_UPDATE_BEFORE,
} from '../../columnar/batch.js';
import type { Column, F64Column } from '../../columnar/column.js';
import { NARROW_MAX } from '../../columnar/column.js';
import type { SortKey, TopNNode } from '../../plan/pipeline-plan.js';
import { GroupedStateFactory } from '../../state/grouped-state-factory.js';
import type { GroupedState } from '../../state/grouped-state.js';
import type { StateReader, StateWriter } from '../../state/snapshot.js';
import type { Operator, OperatorContext } from '../operator.js';
import { RowStore } from './row-store.js';
import { Ranks } from './top-n-ranks.js';

const NONE = -1;

export class TopNOperator implements Operator {
  readonly id: string;
  private readonly node: TopNNode;
  private readonly context: OperatorContext;
  private readonly partitions: GroupedState;
  private readonly store: RowStore;
  private readonly ranks: Ranks[] = [];
  private readonly key: SortKey;
  /**
   * By partition that is full: the first key of its last row, negated for DESC. What is above it
   * needs no look at the rows. NaN: look.
   */
  private bounds: Float64Array = new Float64Array(64).fill(Number.NaN);
  private readonly dropped: number[] = [];
  private readonly batch: Batch = newBatch([], emptyHeader(''));
  private readonly places = new Int32Array(BATCH_ROWS_MAX);
  private readonly ops = new Uint8Array(BATCH_ROWS_MAX);
  private readonly origins = new Int32Array(BATCH_ROWS_MAX);
  private readonly rankValues: F64Column = {
    kind: 'f64',
    values: new Float64Array(BATCH_ROWS_MAX),
    nulls: null,
  };
  private count = 0;
  private origin = 0;

  constructor(node: TopNNode, context: OperatorContext) {
    this.id = node.id;
    this.node = node;
    this.context = context;
    this.key = node.orderBy[0]!;
    const types = node.input.schema.map((column) => column.type);
    this.store = new RowStore(types);
    this.partitions = new GroupedStateFactory({
      id: node.id,
      inputTypes: types,
      keys: node.partitionBy,
      aggregates: [],
      windowColumns: false,
    }).create();
  }

  process(_input: number, batch: Batch): void {
    const { selection, selectedCount, origins } = batch;
    if (selectedCount === 0) return;
    const slots = this.partitions.resolve(batch, selection, selectedCount);
    this.ensureSlots(this.partitions.groupCount);
    this.batch.header = batch.header;
    const key = batch.columns[this.key.column]!;
    const bounded = key.kind === 'f64' ? key : null;
    for (let k = 0; k < selectedCount; k += 1) {
      const row = selection === null ? k : selection[k]!;
      const slot = slots[k]!;
      if (bounded !== null && this.isBeyond(bounded, row, slot)) continue;
      this.origin = origins === null ? row : origins[row]!;
      this.add(batch, row, slot);
    }
    this.flush();
    for (const at of this.dropped) this.store.release(at);
    this.dropped.length = 0;
  }

  /** Whether the first key alone puts a row behind the n rows of its partition. */
  private isBeyond(key: F64Column, row: number, slot: number): boolean {
    if (key.nulls !== null && key.nulls[row] === 1) return false;
    const value = this.key.descending ? -key.values[row]! : key.values[row]!;
    const bound = this.bounds[slot]!;
    // A row that arrives later comes behind its peers.
    return value > bound || (value === bound && this.node.orderBy.length === 1);
  }

  private add(batch: Batch, row: number, slot: number): void {
    const { store, node } = this;
    const ranks = (this.ranks[slot] ??= new Ranks());
    const at = store.addRow(batch, row);
    const place = this.placeOf(at, ranks);
    if (place === node.limit) {
      store.release(at);
      return;
    }
    const before = ranks.count;
    const dropped = ranks.insert(at, place, node.limit);
    if (ranks.count === node.limit) this.bounds[slot] = this.boundOf(ranks);
    if (node.rankColumn) this.emitRanks(ranks, place, dropped);
    else this.emitRow(at, dropped, before === 0);
    if (dropped !== NONE) this.dropped.push(dropped);
  }

  /** How many of the ranked rows stay before a new row. */
  private placeOf(at: number, ranks: Ranks): number {
    const { rows } = ranks;
    let low = 0;
    let high = ranks.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.store.compare(rows[middle]!, at, this.node.orderBy) > 0) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  private boundOf(ranks: Ranks): number {
    const value = this.store.value(this.key.column, ranks.rows[ranks.count - 1]!);
    if (typeof value !== 'number' && typeof value !== 'bigint') return Number.NaN;
    const bound = Number(value);
    if (typeof value === 'bigint' && Math.abs(bound) > NARROW_MAX) return Number.NaN;
    return this.key.descending ? -bound : bound;
  }

  /** The rows from a place on, each at its new rank. */
  private emitRanks({ rows, count }: Ranks, place: number, dropped: number): void {
    const retracts = this.node.mode === 'retract';
    for (let at = place; at < count; at += 1) {
      const before = at + 1 < count ? rows[at + 1]! : dropped;
      if (before === NONE) {
        this.push(rows[at]!, at + 1, OP_INSERT);
        continue;
      }
      if (this.count + 2 > BATCH_ROWS_MAX) this.flush();
      if (retracts) this.push(before, at + 1, OP_UPDATE_BEFORE);
      this.push(rows[at]!, at + 1, OP_UPDATE_AFTER);
    }
  }

  private emitRow(at: number, dropped: number, isFirst: boolean): void {
    const { limit, mode } = this.node;
    if (this.count + 2 > BATCH_ROWS_MAX) this.flush();
    if (dropped !== NONE && mode === 'retract') {
      this.push(dropped, 0, limit === 1 ? OP_UPDATE_BEFORE : OP_DELETE);
    }
    this.push(at, 0, limit === 1 && !isFirst ? OP_UPDATE_AFTER : OP_INSERT);
  }

  private push(at: number, rank: number, op: number): void {
    if (this.count === BATCH_ROWS_MAX) this.flush();
    this.places[this.count] = at;
    this.rankValues.values[this.count] = rank;
    this.ops[this.count] = op;
    this.origins[this.count] = this.origin;
    this.count += 1;
  }

  private flush(): void {
    const { batch, count } = this;
    if (count === 0) return;
    this.count = 0;
    const columns: Column[] = batch.columns;
    columns.length = 0;
    this.store.gather(this.places, count, columns);
    if (this.node.rankColumn) columns.push(this.rankValues);
    batch.rowCount = count;
    batch.selectedCount = count;
    batch.ops = this.ops;
    batch.origins = this.origins;
    this.context.output.emit(batch);
  }

  private ensureSlots(count: number): void {
    if (count <= this.bounds.length) return;
    const longer = new Float64Array(Math.max(count, this.bounds.length * 2)).fill(Number.NaN);
    longer.set(this.bounds);
    this.bounds = longer;
  }

  watermark(_input: number, watermarkMs: number): void {
    this.context.output.watermark(watermarkMs);
  }

  end(): void {
    // Every record has had its rows when it came.
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
      const ranks = new Ranks();
      for (let left = reader.readU32(); left > 0; left -= 1) {
        ranks.insert(this.store.readRow(reader), ranks.count, this.node.limit);
      }
      const slot = this.partitions.restoreGroup(reader);
      this.ensureSlots(slot + 1);
      this.ranks[slot] = ranks;
      if (ranks.count === this.node.limit) this.bounds[slot] = this.boundOf(ranks);
    }
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    const ranked = this.ranks.reduce((bytes, { rows }) => bytes + rows.byteLength, 0);
    const bytes = this.store.byteSize() + this.partitions.byteSize() + ranked;
    return { rows: this.store.size, bytes };
  }
}
