/**
 * The fast calls of ROWS WINDOW BUFFER: COUNT, SUM, AVG, MIN and MAX over the whole buffer of a
 * DOUBLE, time or BIGINT column. Owns the rings, the generated kernel and the making of result
 * columns; the operator finds partitions and resets buffers. @hot
 */
import { BATCH_ROWS_MAX } from '../../../columnar/batch.js';
import type { Batch } from '../../../columnar/batch.js';
import type { Column } from '../../../columnar/column.js';
import { NARROW_MAX } from '../../../columnar/column.js';
import { BIGINT_MAX, BIGINT_MIN } from '../../../columnar/types.js';
import {
  addRingLanes,
  compileRowsWindow,
  ringCapacity,
} from '../../../state/rings/rows-window-kernel.js';
import type {
  RingColumn,
  RingInput,
  RingLanes,
  RingOutputs,
  RowsWindowKernel,
} from '../../../state/rings/rows-window-kernel.js';
import type { WindowCall } from '../../../plan/pipeline/pipeline-plan.js';
import { RingStore } from '../../../state/rings/ring-store.js';
import type { StateReader, StateWriter } from '../../../state/snapshot.js';

const WORD = 4294967296;

/** Whether a call can run on rings: order, frame and filter do not matter to it. */
export function isRingCall(call: WindowCall): boolean {
  if (call.frame !== null || call.filter !== null || call.distinct) return false;
  if (call.function === 'COUNT' && call.args.length === 0) return true;
  const kind = call.argTypes[0]?.kind;
  const ringKind =
    kind === 'double' || kind === 'bigint' || kind === 'timestamp' || kind === 'date';
  return ringKind && call.args.length === 1 && RING_FUNCTIONS.has(call.function);
}

const RING_FUNCTIONS = new Set(['COUNT', 'SUM', 'AVG', 'MIN', 'MAX']);

/** Reports a result that does not fit its type: physical row and message. */
export type ResultFault = (row: number, message: string) => void;

interface Plan {
  columns: RingColumn[];
  /** Input column of each ring. */
  sources: number[];
  /** Ring of each call; -1 for COUNT(*). */
  rings: number[];
}

export class RowsWindowRings {
  private readonly bufferRows: number;
  /** Rows of room that a full buffer has. */
  private readonly most: number;
  private readonly calls: readonly WindowCall[];
  private readonly plan: Plan;
  private readonly store = new RingStore();
  private readonly lanes: RingLanes;
  private readonly inputs: RingInput[];
  private readonly outputs: RingOutputs[];
  private readonly results: Column[];
  /** Rows in the buffer after each row of the batch, by physical row. */
  readonly filled = new Float64Array(BATCH_ROWS_MAX);
  /** For slots of any room, and for slots that all have the most; made when they are needed. */
  private growing: RowsWindowKernel | null = null;
  private roomy: RowsWindowKernel | null = null;
  private masked = false;
  /** Slots, and those that have the most room. */
  private slotCount = 0;
  private roomySlots = 0;

  constructor(bufferRows: number, calls: readonly WindowCall[]) {
    this.bufferRows = bufferRows;
    this.most = ringCapacity(bufferRows);
    this.calls = calls;
    this.plan = planRings(calls);
    this.lanes = addRingLanes(this.store, this.plan.columns);
    this.inputs = this.plan.columns.map(emptyInput);
    this.outputs = this.plan.columns.map(newOutputs);
    this.results = calls.map(newResult);
  }

  ensureSlots(count: number): void {
    this.slotCount = Math.max(this.slotCount, count);
    this.store.ensureSlots(count);
  }

  /** Rows of the slot's buffer so far, without limit. */
  arrived(slot: number): number {
    return this.store.arrays[this.lanes.arrived]![slot]!;
  }

  /** Empties a buffer: expiry. */
  reset(slot: number): void {
    this.store.arrays[this.lanes.arrived]![slot] = 0;
    this.store.arrays[this.lanes.phase]![slot] = 0;
  }

  /** Takes rows from `from` to `to` of the list in; results are by physical row. */
  update(batch: Batch, rows: Int32Array | null, slots: Int32Array, count: number): void {
    this.plan.sources.forEach((source, at) => this.bind(batch, source, at));
    if (!this.masked && this.inputs.some((input) => input.nulls !== null)) this.startMasking();
    const { store, inputs, outputs, filled } = this;
    for (let at = 0; ;) {
      at = this.kernel()(store.arrays, inputs, outputs, slots, rows, at, count, filled);
      if (at === count) return;
      const slot = slots[at]!;
      store.grow(slot, this.most);
      if (store.room(slot) === this.most) this.roomySlots += 1;
    }
  }

  private kernel(): RowsWindowKernel {
    const { bufferRows, plan, lanes, masked } = this;
    const compile = (roomy: boolean): RowsWindowKernel =>
      compileRowsWindow(bufferRows, plan.columns, lanes, { masked, roomy });
    const isRoomy = plan.columns.length === 0 || this.roomySlots === this.slotCount;
    return isRoomy ? (this.roomy ??= compile(true)) : (this.growing ??= compile(false));
  }

  /** One column per call, valid until the next update. */
  columns(rows: Int32Array | null, count: number, fault: ResultFault): readonly Column[] {
    this.calls.forEach((call, at) => this.finish(call, at, rows, count, fault));
    return this.results;
  }

  private bind(batch: Batch, source: number, at: number): void {
    const column = batch.columns[source]!;
    const input = this.inputs[at]!;
    const target = input as { values: Float64Array; lows: Float64Array; nulls: Uint8Array | null };
    target.nulls = column.nulls;
    if (this.plan.columns[at]!.value === 'double') {
      target.values = (column as Extract<Column, { kind: 'f64' }>).values;
    } else {
      splitWords(column, batch.rowCount, target);
    }
  }

  /** From the first NULL on, rings carry NULL flags and the number of values present. */
  private startMasking(): void {
    this.masked = true;
    const arrived = this.store.arrays[this.lanes.arrived]!;
    for (const { present } of this.lanes.columns) {
      const cells = this.store.arrays[present]!;
      for (let slot = 0; slot < cells.length; slot += 1) {
        cells[slot] = Math.min(arrived[slot]!, this.bufferRows);
      }
    }
    this.growing = null;
    this.roomy = null;
  }

  private finish(
    call: WindowCall,
    at: number,
    rows: Int32Array | null,
    count: number,
    fault: ResultFault,
  ): void {
    const ring = this.plan.rings[at]!;
    const result = this.results[at]!;
    const present = ring < 0 || !this.masked ? this.filled : this.outputs[ring]!.present;
    if (call.function === 'COUNT') {
      (result as { values: Float64Array }).values = present;
      return;
    }
    const exact = this.plan.columns[ring]!.value === 'exact';
    const out = this.outputs[ring]!;
    const nulls = this.masked ? nullsWhereEmpty(present, rows, count) : null;
    if (call.function === 'MIN' || call.function === 'MAX') {
      const high = call.function === 'MIN' ? out.min : out.max;
      const low = call.function === 'MIN' ? out.minLow : out.maxLow;
      this.results[at] = exact
        ? joinWords({ high, low, rows, count, nulls }, fault)
        : { kind: 'f64', values: high, nulls };
    } else if (call.function === 'SUM' && exact) {
      const words = { high: out.sum, low: out.sumLow, rows, count, nulls };
      this.results[at] = joinWords(words, fault);
    } else {
      const target = (result as { values: Float64Array }).values;
      const sums = { out, exact, present: call.function === 'AVG' ? present : null };
      finishDoubles(target, sums, rows, count, nulls, fault);
      this.results[at] = { kind: 'f64', values: target, nulls };
    }
  }

  byteSize(): number {
    return this.store.byteSize();
  }

  /** The slot's buffer as fields of the current snapshot entry. */
  writeSlot(writer: StateWriter, slot: number): void {
    writer.writeBoolean(this.masked);
    writer.writeF64(this.arrived(slot));
    writer.writeF64(this.cell(this.lanes.phase, slot));
    writer.writeF64(this.store.room(slot));
    for (const lane of this.slotLanes()) {
      const cells = this.store.arrays[lane]!;
      const [first, count] = this.store.cellsOf(lane, slot);
      for (let cell = first; cell < first + count; cell += 1) writer.writeF64(cells[cell]!);
    }
  }

  readSlot(reader: StateReader, slot: number): void {
    this.ensureSlots(slot + 1);
    if (reader.readBoolean() && !this.masked) this.startMasking();
    this.store.arrays[this.lanes.arrived]![slot] = reader.readF64();
    this.store.arrays[this.lanes.phase]![slot] = reader.readF64();
    const room = reader.readF64();
    if (room > 0) this.store.give(slot, room);
    if (room === this.most) this.roomySlots += 1;
    for (const lane of this.slotLanes()) {
      const cells = this.store.arrays[lane]!;
      const [first, count] = this.store.cellsOf(lane, slot);
      for (let cell = first; cell < first + count; cell += 1) cells[cell] = reader.readF64();
    }
  }

  private cell(lane: number, at: number): number {
    return this.store.arrays[lane]![at]!;
  }

  /** Lanes of everything that columns keep of a slot. */
  private slotLanes(): readonly number[] {
    return this.lanes.columns.flatMap((lanes) => {
      const { ring, ringLow, nulls, present, sums, suffixes } = lanes;
      const queues = [lanes.min, lanes.max].flatMap((queue) => [
        queue.ends,
        queue.positions,
        queue.values,
        queue.lows,
      ]);
      return [ring, ringLow, nulls, present, sums, suffixes, ...queues];
    });
  }
}

function planRings(calls: readonly WindowCall[]): Plan {
  const plan: Plan = { columns: [], sources: [], rings: [] };
  for (const call of calls) {
    const source = call.args[0];
    if (source === undefined) {
      plan.rings.push(-1);
      continue;
    }
    let ring = plan.sources.indexOf(source);
    if (ring < 0) {
      ring = plan.sources.push(source) - 1;
      const value = call.argTypes[0]?.kind === 'bigint' ? 'exact' : 'double';
      plan.columns.push({ at: ring, value, sum: false, min: false, max: false });
    }
    const column = plan.columns[ring]!;
    plan.columns[ring] = {
      ...column,
      sum: column.sum || call.function === 'SUM' || call.function === 'AVG',
      min: column.min || call.function === 'MIN',
      max: column.max || call.function === 'MAX',
    };
    plan.rings.push(ring);
  }
  return plan;
}

function emptyInput({ value }: RingColumn): RingInput {
  const cells = value === 'exact' ? BATCH_ROWS_MAX : 0;
  return { values: new Float64Array(cells), lows: new Float64Array(cells), nulls: null };
}

function newOutputs({ value, sum, min, max }: RingColumn): RingOutputs {
  const exact = value === 'exact';
  const cells = (used: boolean): Float64Array => new Float64Array(used ? BATCH_ROWS_MAX : 0);
  return {
    sum: cells(sum),
    sumLow: cells(sum && exact),
    min: cells(min),
    minLow: cells(min && exact),
    max: cells(max),
    maxLow: cells(max && exact),
    present: cells(true),
  };
}

function newResult(call: WindowCall): Column {
  const own = call.function === 'SUM' || call.function === 'AVG';
  return { kind: 'f64', values: new Float64Array(own ? BATCH_ROWS_MAX : 0), nulls: null };
}

/** High and low 32-bit words of a BIGINT column, low in [0, 2^32). */
function splitWords(
  column: Column,
  rowCount: number,
  target: { values: Float64Array; lows: Float64Array },
): void {
  const { values, lows } = target;
  if (column.kind === 'f64') {
    for (let row = 0; row < rowCount; row += 1) {
      const value = column.values[row]!;
      const high = Math.floor(value / WORD);
      values[row] = high;
      lows[row] = value - high * WORD;
    }
  } else if (column.kind === 'i64') {
    for (let row = 0; row < rowCount; row += 1) {
      const value = column.values[row]!;
      values[row] = Number(value >> 32n);
      lows[row] = Number(value & 0xffffffffn);
    }
  }
}

interface Words {
  readonly high: Float64Array;
  readonly low: Float64Array;
  readonly rows: Int32Array | null;
  readonly count: number;
  readonly nulls: Uint8Array | null;
}

/** f64 while every value is a safe integer, else i64; a value beyond 64 bits is a fault. */
function joinWords({ high, low, rows, count, nulls }: Words, fault: ResultFault): Column {
  const values = new Float64Array(BATCH_ROWS_MAX);
  let safe = true;
  for (let k = 0; k < count; k += 1) {
    const row = rows === null ? k : rows[k]!;
    const value = high[row]! * WORD + low[row]!;
    values[row] = value;
    if (value > NARROW_MAX || value < -NARROW_MAX) safe = false;
  }
  if (safe) return { kind: 'f64', values, nulls };
  const wide = new BigInt64Array(BATCH_ROWS_MAX);
  for (let k = 0; k < count; k += 1) {
    const row = rows === null ? k : rows[k]!;
    if (nulls !== null && nulls[row] === 1) continue;
    const value = BigInt(high[row]!) * 4294967296n + BigInt(low[row]!);
    if (value > BIGINT_MAX || value < BIGINT_MIN) fault(row, 'SUM is out of range of BIGINT');
    wide[row] = value;
  }
  return { kind: 'i64', values: wide, nulls };
}

function nullsWhereEmpty(
  present: Float64Array,
  rows: Int32Array | null,
  count: number,
): Uint8Array {
  const nulls = new Uint8Array(BATCH_ROWS_MAX);
  for (let k = 0; k < count; k += 1) {
    const row = rows === null ? k : rows[k]!;
    if (present[row] === 0) nulls[row] = 1;
  }
  return nulls;
}

function finishDoubles(
  target: Float64Array,
  sums: { out: RingOutputs; exact: boolean; present: Float64Array | null },
  rows: Int32Array | null,
  count: number,
  nulls: Uint8Array | null,
  fault: ResultFault,
): void {
  const { sum, sumLow } = sums.out;
  const { present, exact } = sums;
  for (let k = 0; k < count; k += 1) {
    const row = rows === null ? k : rows[k]!;
    const total = exact ? sum[row]! * WORD + sumLow[row]! : sum[row]!;
    const value = present === null ? total : total / present[row]!;
    target[row] = value;
    if (!Number.isFinite(value) && (nulls === null || nulls[row] === 0)) {
      fault(row, 'a DOUBLE aggregate is out of range');
    }
  }
}
