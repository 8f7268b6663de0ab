/**
 * Top-N: ROW_NUMBER() OVER (PARTITION BY … ORDER BY …) <= n. Keeps the first n rows of each
 * partition, ties in order of arrival, and emits what a new row changes among them. Owns what is
 * emitted; the order of a partition's rows is top-n-ranks.ts, and rows that may be taken back are
 * top-n-changes.ts. n = 1 is deduplication: ordered by
 * time, a row that arrives later with an earlier time takes the first one's place, as in Flink. @hot
 *
 * A new row at rank r of m rows emits, with the mode that the plan gives:
 *
 *   | rank shown | retract                                         | upsert                       |
 *   | yes        | −U +U of each rank r … m, +I of a rank that is new | the row of each rank r … m |
 *   | no         | −D of the row that falls out, +I (n = 1: −U +U)    | the new row                |
 *
 * Without the rank a row whose rank changes is the same row as before. A partition whose rows have
 * stayed as they are for its TTL is forgotten without a word, and begins again.
 */
import type { Batch } from '../../columnar/batch.js';
import { OP_DELETE, OP_INSERT, OP_UPDATE_AFTER, OP_UPDATE_BEFORE } from '../../columnar/batch.js';
import type { F64Column } from '../../columnar/column.js';
import { NARROW_MAX } from '../../columnar/column.js';
import type { SortKey, TopNNode } from '../../plan/pipeline/pipeline-plan.js';
import { GroupedStateFactory } from '../../state/groups/grouped-state-factory.js';
import type { GroupedState } from '../../state/groups/grouped-state.js';
import { SlotTimes } from '../../state/groups/slot-times.js';
import type { StateReader, StateWriter } from '../../state/snapshot.js';
import type { HeldBatch, Work } from '../flow.js';
import type { Operator, OperatorContext } from '../operator.js';
import { RowClock } from '../row-clock.js';
import { RowStore } from './rows/row-store.js';
import { TopNOutput } from './top-n-output.js';
import { Ranks } from './top-n-ranks.js';

const NONE = -1;
/** Rows whose rank changes that are put out at once. */
const RANKS_AT_ONCE = 2048;

/** The rows of a partition from a place on have a new rank each. */
interface ShiftingRanks {
  ranks: Ranks;
  place: number;
  /** The row that fell out; NONE: none did. */
  dropped: number;
}

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
  private readonly output: TopNOutput;
  /** What is left of the answer to the row that was added last. */
  private readonly shifting: ShiftingRanks = { ranks: new Ranks(), place: 0, dropped: NONE };
  private isShifting = false;
  private readonly expiry: { readonly times: SlotTimes; readonly clock: RowClock } | null;
  /** With a TTL, by position of the batch at work: the time at its rows. */
  private nowMs: Float64Array | null = null;

  constructor(node: TopNNode, context: OperatorContext) {
    this.id = node.id;
    this.node = node;
    this.context = context;
    this.key = node.orderBy[0]!;
    const types = node.input.schema.map((column) => column.type);
    this.store = new RowStore(types);
    this.output = new TopNOutput(this.store, context, node.rankColumn);
    this.partitions = new GroupedStateFactory({
      id: node.id,
      inputTypes: types,
      keys: node.partitionBy,
      aggregates: [],
      windowColumns: false,
    }).create();
    const { ttl } = node;
    const hasKeys = node.partitionBy.length > 0;
    this.expiry =
      ttl === null
        ? null
        : { times: new SlotTimes(this.partitions, ttl, hasKeys), clock: new RowClock(ttl.time) };
  }

  process(_input: number, batch: Batch): void {
    const { selection, selectedCount } = batch;
    if (selectedCount === 0) return;
    const slots = this.partitions.resolve(batch, selection, selectedCount);
    this.ensureSlots(this.partitions.groupCount);
    if (this.expiry !== null) {
      this.nowMs = this.expiry.clock.timesOf(batch);
      this.expiry.times.arrived(this.nowMs[0]!);
    }
    const held = { batch };
    this.context.flow.run(this.answer(held, slots), held);
  }

  private *answer(held: HeldBatch, slots: Int32Array): Work {
    const { flow } = this.context;
    const { selectedCount } = held.batch;
    for (let k = 0; k < selectedCount;) {
      this.output.begin(held.batch.header);
      k = this.addSome(held.batch, slots, k);
      while (this.isShifting) {
        this.isShifting = !this.emitRanks();
        if (flow.suspended && this.isShifting) yield;
      }
      if (flow.suspended && k < selectedCount) yield;
    }
    this.output.flush();
    this.sweep(selectedCount);
    for (const at of this.dropped) this.store.release(at);
    this.dropped.length = 0;
  }

  private sweep(rowCount: number): void {
    const { expiry } = this;
    expiry?.times.sweep(expiry.clock.nowMs, rowCount, (slot) => this.dropRows(slot));
  }

  /** The rows of a partition go when what was put out of them has left. */
  private dropRows(slot: number): void {
    const ranks = this.ranks[slot];
    if (ranks === undefined) return;
    for (let at = 0; at < ranks.count; at += 1) this.dropped.push(ranks.rows[at]!);
    ranks.count = 0;
    this.bounds[slot] = Number.NaN;
  }

  /** Adds rows from a position on, up to one whose answer is long, or until the flow is suspended. */
  private addSome(batch: Batch, slots: Int32Array, from: number): number {
    const { selection, selectedCount, origins } = batch;
    const { flow } = this.context;
    const key = batch.columns[this.key.column]!;
    const bounded = key.kind === 'f64' ? key : null;
    let k = from;
    while (k < selectedCount && !this.isShifting && !flow.suspended) {
      const row = selection === null ? k : selection[k]!;
      const slot = slots[k]!;
      const now = this.nowMs === null ? 0 : this.nowMs[k]!;
      if (this.expiry?.times.hasExpired(slot, now) === true) this.dropRows(slot);
      k += 1;
      if (bounded !== null && this.isBeyond(bounded, row, slot)) continue;
      this.output.answer(origins === null ? row : origins[row]!);
      const isRanked = this.add(batch, row, slot);
      if (isRanked) this.expiry?.times.touch(slot, now);
    }
    return k;
  }

  /** Whether the first key alone puts a row behind the n rows of its partition. */
  private isBeyond(key: F64Column, row: number, slot: number): boolean {
    if (key.nulls !== null && key.nulls[row] === 1) return false;
    const value = this.key.descending ? -key.values[row]! : key.values[row]!;
    const bound = this.bounds[slot]!;
    // A row that arrives later comes behind its peers.
    return value > bound || (value === bound && this.node.orderBy.length === 1);
  }

  /** Whether it is one of the first n. */
  private add(batch: Batch, row: number, slot: number): boolean {
    const { store, node } = this;
    const ranks = (this.ranks[slot] ??= new Ranks());
    const at = store.addRow(batch, row);
    const place = this.placeOf(at, ranks);
    if (place === node.limit) {
      store.release(at);
      return false;
    }
    const before = ranks.count;
    const dropped = ranks.insert(at, place, node.limit);
    if (ranks.count === node.limit) this.bounds[slot] = this.boundOf(ranks);
    if (node.rankColumn) {
      const { shifting } = this;
      shifting.ranks = ranks;
      shifting.place = place;
      shifting.dropped = dropped;
      this.isShifting = !this.emitRanks();
    } else this.emitRow(at, dropped, before === 0);
    if (dropped !== NONE) this.dropped.push(dropped);
    return true;
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

  /** Some more of the rows from a place on, each at its new rank; true: that was all. */
  private emitRanks(): boolean {
    const { shifting } = this;
    const { rows, count } = shifting.ranks;
    const retracts = this.node.mode === 'retract';
    const end = Math.min(count, shifting.place + RANKS_AT_ONCE);
    for (let at = shifting.place; at < end; at += 1) {
      const before = at + 1 < count ? rows[at + 1]! : shifting.dropped;
      if (before === NONE) {
        this.output.push(rows[at]!, at + 1, OP_INSERT);
        continue;
      }
      this.output.keepTwo();
      if (retracts) this.output.push(before, at + 1, OP_UPDATE_BEFORE);
      this.output.push(rows[at]!, at + 1, OP_UPDATE_AFTER);
    }
    shifting.place = end;
    return end === count;
  }

  private emitRow(at: number, dropped: number, isFirst: boolean): void {
    const { limit, mode } = this.node;
    this.output.keepTwo();
    if (dropped !== NONE && mode === 'retract') {
      this.output.push(dropped, 0, limit === 1 ? OP_UPDATE_BEFORE : OP_DELETE);
    }
    this.output.push(at, 0, limit === 1 && !isFirst ? OP_UPDATE_AFTER : OP_INSERT);
  }

  private ensureSlots(count: number): void {
    if (count <= this.bounds.length) return;
    const longer = new Float64Array(Math.max(count, this.bounds.length * 2)).fill(Number.NaN);
    longer.set(this.bounds);
    this.bounds = longer;
  }

  watermark(_input: number, watermarkMs: number): void {
    if (this.expiry?.clock.watermark(watermarkMs) === true) {
      this.expiry.times.begin(watermarkMs);
      this.sweep(0);
      for (const at of this.dropped) this.store.release(at);
      this.dropped.length = 0;
    }
    this.context.output.watermark(watermarkMs);
  }

  end(): void {
    // Every record has had its rows when it came.
  }

  snapshot(writer: StateWriter): void {
    const times = this.expiry?.times;
    this.partitions.snapshot(
      writer,
      (entry, slot) => {
        const ranks = this.ranks[slot];
        const count = ranks?.count ?? 0;
        entry.writeU32(count);
        for (let at = 0; at < count; at += 1) this.store.writeRow(entry, ranks!.rows[at]!);
      },
      times?.fields(),
    );
  }

  restore(reader: StateReader): void {
    while (reader.nextEntry() >= 0) {
      const ranks = new Ranks();
      for (let left = reader.readU32(); left > 0; left -= 1) {
        ranks.insert(this.store.readRow(reader), ranks.count, this.node.limit);
      }
      const slot = this.partitions.restoreGroup(reader);
      this.expiry?.times.read(reader, slot);
      this.ensureSlots(slot + 1);
      this.ranks[slot] = ranks;
      if (ranks.count === this.node.limit) this.bounds[slot] = this.boundOf(ranks);
    }
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    const ranked = this.ranks.reduce((bytes, { rows }) => bytes + rows.byteLength, 0);
    const times = this.expiry?.times.byteSize() ?? 0;
    const bytes = this.store.byteSize() + this.partitions.byteSize() + ranked + times;
    return { rows: this.store.size, bytes };
  }
}
