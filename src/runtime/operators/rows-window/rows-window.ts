/**
 * ROWS WINDOW BUFFER n ROWS: for each record the calls over the last n records of its partition by
 * arrival, itself included. Owns partitions, expiry, EMIT ON BUFFER FULL and the output batch,
 * which is row-aligned with the input; the calls run on rings (rows-window-rings) or over buffered
 * rows (rows-window-generic). @hot
 */
import type { Batch } from '../../../columnar/batch.js';
import { BATCH_ROWS_MAX, emptyHeader, newBatch } from '../../../columnar/batch.js';
import { columnValue } from '../../../columnar/column.js';
import type { Column } from '../../../columnar/column.js';
import type { SqlType, SqlValue } from '../../../columnar/types.js';
import { ValueColumn } from '../../../columnar/value-column.js';
import type { RowsWindowNode, WindowCall } from '../../../plan/pipeline/pipeline-plan.js';
import { GroupedStateFactory } from '../../../state/groups/grouped-state-factory.js';
import type { GroupedState } from '../../../state/groups/grouped-state.js';
import { SlotTimes } from '../../../state/groups/slot-times.js';
import type { StateReader, StateWriter } from '../../../state/snapshot.js';
import { PIECE_ROWS } from '../../flow.js';
import type { HeldBatch, Work } from '../../flow.js';
import type { Operator, OperatorContext } from '../../operator.js';
import { RowClock } from '../../row-clock.js';
import { evaluateCall, RESULT_OVERFLOW, RowBuffer } from './rows-window-generic.js';
import { isRingCall, RowsWindowRings } from './rows-window-rings.js';
import { readRow, writeRow } from '../rows/row-values.js';

const PIECES_PER_PART = 8;

/** Of the selected records of a batch: the first, and the one behind the last. */
interface Range {
  readonly from: number;
  readonly to: number;
}

export class RowsWindowOperator implements Operator {
  readonly id: string;
  private readonly node: RowsWindowNode;
  private readonly context: OperatorContext;
  private readonly types: readonly SqlType[];
  private readonly partitions: GroupedState;
  private readonly rings: RowsWindowRings;
  private readonly genericCalls: readonly WindowCall[];
  /** Input columns that generic calls or their order need. */
  private readonly needed: readonly number[];
  private readonly buffers: RowBuffer[] = [];
  private readonly results: readonly ValueColumn[];
  /** Records that are answered together: what some pieces can do, where each costs a whole buffer. */
  private readonly partRows: number;
  /** Event time of each partition's last record, for expiry. */
  private lastTimes = new Float64Array(16).fill(Number.NaN);
  private readonly ttl: { readonly times: SlotTimes; readonly clock: RowClock } | null;
  /** With a TTL, by position of the batch at work: the time at its rows. */
  private nowMs: Float64Array | null = null;
  private readonly output: Batch;
  private readonly selected = new Int32Array(BATCH_ROWS_MAX);
  private readonly faults = new Map<number, string>();

  constructor(node: RowsWindowNode, context: OperatorContext) {
    this.id = node.id;
    this.node = node;
    this.context = context;
    this.types = node.input.schema.map((column) => column.type);
    this.partitions = new GroupedStateFactory({
      id: node.id,
      inputTypes: this.types,
      keys: node.partitionBy,
      aggregates: [],
      windowColumns: false,
    }).create();
    const { ttl } = node;
    const hasKeys = node.partitionBy.length > 0;
    this.ttl =
      ttl === null
        ? null
        : { times: new SlotTimes(this.partitions, ttl, hasKeys), clock: new RowClock(ttl.time) };
    this.rings = new RowsWindowRings(node.bufferRows, node.calls.filter(isRingCall));
    this.genericCalls = node.calls.filter((call) => !isRingCall(call));
    const perRow = 1 + node.bufferRows * this.genericCalls.length;
    this.partRows = Math.max(1, Math.floor((PIECES_PER_PART * PIECE_ROWS) / perRow));
    this.needed = neededColumns(node, this.genericCalls);
    this.results = this.genericCalls.map((call) => new ValueColumn(call.type, BATCH_ROWS_MAX));
    this.output = newBatch([], emptyHeader(node.id));
  }

  process(_input: number, batch: Batch): void {
    const count = batch.selectedCount;
    if (count === 0) return;
    const slots = this.partitions.resolve(batch, batch.selection, count);
    this.ensureSlots(this.partitions.groupCount);
    if (this.ttl !== null) {
      this.nowMs = this.ttl.clock.timesOf(batch);
      this.ttl.times.arrived(this.nowMs[0]!);
    }
    const held = { batch };
    this.context.flow.run(this.answer(held, slots, count), held);
  }

  private *answer(held: HeldBatch, slots: Int32Array, count: number): Work {
    const { partRows } = this;
    for (let from = 0; from < count; from += partRows) {
      yield* this.answerPart(held, slots, { from, to: Math.min(count, from + partRows) });
    }
    this.sweep(count);
  }

  private sweep(rowCount: number): void {
    const { ttl } = this;
    ttl?.times.sweep(ttl.clock.nowMs, rowCount, (slot) => this.empty(slot));
  }

  private empty(slot: number): void {
    this.rings.reset(slot);
    this.buffers[slot]?.clear();
    this.lastTimes[slot] = Number.NaN;
  }

  /** The selected records `from` to `to` - 1, whose rows leave before the next ones are looked at. */
  private *answerPart(held: HeldBatch, slots: Int32Array, { from, to }: Range): Work {
    this.faults.clear();
    const part =
      from === 0 && to === held.batch.selectedCount ? null : rowsOf(held.batch, from, to);
    if (this.node.expiry === null && this.ttl === null)
      yield* this.updateRange(held, slots, { from, to });
    else yield* this.updateExpiring(held, slots, { from, to });
    const { batch } = held;
    const fault = (row: number, message: string): void => {
      this.faults.set(row, message);
    };
    const selection = part ?? batch.selection;
    const ringColumns = this.rings.columns(selection, to - from, fault);
    const generic = this.results.map((result) => result.take());
    this.output.selection = selection;
    this.output.selectedCount = to - from;
    this.emit(batch, ringColumns, generic);
  }

  /** `part`: rows of the batch; null: those that it selects. */
  private *update(
    held: HeldBatch,
    part: Int32Array | null,
    slots: Int32Array,
    count: number,
  ): Work {
    const { batch } = held;
    this.rings.update(batch, part ?? batch.selection, slots, count);
    if (this.genericCalls.length === 0) return;
    const { flow } = this.context;
    for (let k = 0; k < count; k += 1) {
      const rows = part ?? held.batch.selection;
      this.updateGeneric(held.batch, rows === null ? k : rows[k]!, slots[k]!);
      flow.spend(1 + this.buffers[slots[k]!]!.arrival.length * this.genericCalls.length);
      if (flow.suspended) yield;
    }
  }

  private updateGeneric(batch: Batch, row: number, slot: number): void {
    const { genericCalls, node, results, buffers } = this;
    const buffer = (buffers[slot] ??= new RowBuffer(node.bufferRows, node.orderBy));
    buffer.push(this.valuesOf(batch, row));
    for (let at = 0; at < genericCalls.length; at += 1) {
      const value = evaluateCall(genericCalls[at]!, buffer, node.orderBy);
      if (value === RESULT_OVERFLOW)
        this.faults.set(row, `${genericCalls[at]!.function} is out of range`);
      else results[at]!.set(row, value as SqlValue);
    }
  }

  /** Runs of rows between expiries: a buffer is emptied right before the row that expired it. */
  private *updateExpiring(held: HeldBatch, slots: Int32Array, range: Range): Work {
    let { from } = range;
    for (let k = from; k < range.to; k += 1) {
      const { batch } = held;
      const slot = slots[k]!;
      const time = this.expiryTime(batch, k);
      if (this.hasExpired(slot, k, time)) {
        yield* this.updateRange(held, slots, { from, to: k });
        from = k;
        this.empty(slot);
      }
      this.lastTimes[slot] = time;
      this.ttl?.times.touch(slot, this.nowMs![k]!);
    }
    yield* this.updateRange(held, slots, { from, to: range.to });
  }

  /** Of the column that EXPIRE names; NaN: of none. */
  private expiryTime(batch: Batch, position: number): number {
    const { expiry } = this.node;
    if (expiry === null) return Number.NaN;
    const row = batch.selection === null ? position : batch.selection[position]!;
    return Number(columnTime(batch.columns[expiry.column]!, row));
  }

  private hasExpired(slot: number, position: number, time: number): boolean {
    const { expiry } = this.node;
    if (expiry !== null && time - this.lastTimes[slot]! > expiry.inactivityMs) return true;
    return this.ttl?.times.hasExpired(slot, this.nowMs![position]!) === true;
  }

  private *updateRange(held: HeldBatch, slots: Int32Array, { from, to }: Range): Work {
    if (from === to) return;
    if (from === 0 && to === held.batch.selectedCount) yield* this.update(held, null, slots, to);
    else {
      const rows = rowsOf(held.batch, from, to);
      yield* this.update(held, rows, slots.subarray(from, to), to - from);
    }
  }

  private valuesOf(batch: Batch, row: number): SqlValue[] {
    const values: SqlValue[] = [];
    for (const column of this.needed) {
      values[column] = columnValue(batch.columns[column]!, this.types[column]!, row);
    }
    return values;
  }

  private emit(batch: Batch, rings: readonly Column[], generic: readonly Column[]): void {
    const { output } = this;
    let ring = 0;
    let other = 0;
    output.columns.length = 0;
    output.columns.push(...batch.columns);
    for (const call of this.node.calls) {
      output.columns.push(isRingCall(call) ? rings[ring++]! : generic[other++]!);
    }
    output.header = batch.header;
    output.rowCount = batch.rowCount;
    output.failed = batch.failed;
    output.rowWatermarks = batch.rowWatermarks;
    output.origins = batch.origins;
    if (this.faults.size > 0 || this.node.emit === 'buffer-full') this.narrow(batch);
    if (output.selectedCount > 0) this.context.output.emit(output);
  }

  /** Leaves out rows whose result failed and, under EMIT ON BUFFER FULL, rows of unfilled buffers. */
  private narrow(batch: Batch): void {
    const { filled } = this.rings;
    const needsFull = this.node.emit === 'buffer-full';
    let count = 0;
    const { selection, selectedCount } = this.output;
    for (let k = 0; k < selectedCount; k += 1) {
      const row = selection === null ? k : selection[k]!;
      const message = this.faults.get(row);
      if (message !== undefined) {
        const origin = batch.origins === null ? row : batch.origins[row]!;
        this.context.errors.recordFailed(batch.header, origin, {
          key: 'NUMERIC_OVERFLOW',
          message,
        });
      } else if (!needsFull || filled[row] === this.node.bufferRows) {
        this.selected[count] = row;
        count += 1;
      }
    }
    this.output.selection = this.selected;
    this.output.selectedCount = count;
  }

  private ensureSlots(count: number): void {
    this.rings.ensureSlots(count);
    if (count <= this.lastTimes.length) return;
    const grown = new Float64Array(Math.max(count, this.lastTimes.length * 2)).fill(Number.NaN);
    grown.set(this.lastTimes);
    this.lastTimes = grown;
  }

  watermark(_input: number, watermarkMs: number): void {
    if (this.ttl?.clock.watermark(watermarkMs) === true) {
      this.ttl.times.begin(watermarkMs);
      this.sweep(0);
    }
    this.context.output.watermark(watermarkMs);
  }

  end(): void {
    // Every record had its row when it came.
  }

  snapshot(writer: StateWriter): void {
    const times = this.ttl?.times;
    this.partitions.snapshot(
      writer,
      (entry, slot) => {
        entry.writeF64(this.lastTimes[slot]!);
        this.rings.writeSlot(entry, slot);
        const rows = this.buffers[slot]?.arrival ?? [];
        entry.writeU32(rows.length);
        for (const row of rows) writeRow(entry, row, this.needed, this.types);
      },
      times?.fields(),
    );
  }

  restore(reader: StateReader): void {
    const { node } = this;
    while (reader.nextEntry() >= 0) {
      const lastTime = reader.readF64();
      const ringSlot = this.partitions.groupCount;
      this.ensureSlots(ringSlot + 1);
      this.rings.readSlot(reader, ringSlot);
      const buffer = new RowBuffer(node.bufferRows, node.orderBy);
      for (let left = reader.readU32(); left > 0; left -= 1) {
        buffer.push(readRow(reader, this.needed, this.types));
      }
      const slot = this.partitions.restoreGroup(reader);
      this.ttl?.times.read(reader, slot);
      this.lastTimes[slot] = lastTime;
      this.buffers[slot] = buffer;
    }
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    const buffered = this.buffers.reduce((rows, buffer) => rows + buffer.arrival.length, 0);
    const times = this.ttl?.times.byteSize() ?? 0;
    const bytes = this.rings.byteSize() + this.partitions.byteSize() + buffered * 64 + times;
    return { rows: this.partitions.liveCount, bytes };
  }
}

function neededColumns(node: RowsWindowNode, calls: readonly WindowCall[]): readonly number[] {
  if (calls.length === 0) return [];
  const columns = new Set(node.orderBy.map((key) => key.column));
  for (const call of calls) {
    for (const arg of call.args) columns.add(arg);
    for (const key of call.orderBy) columns.add(key.column);
    if (call.filter !== null) columns.add(call.filter);
  }
  return [...columns].sort((a, b) => a - b);
}

/** Row numbers of the selected records `from` to `to` - 1. */
function rowsOf({ selection }: Batch, from: number, to: number): Int32Array {
  if (selection !== null) return selection.slice(from, to);
  return Int32Array.from({ length: to - from }, (_, k) => from + k);
}

function columnTime(column: Column, row: number): number | bigint {
  if (column.kind === 'f64' || column.kind === 'i64') return column.values[row]!;
  return Number.NaN;
}
