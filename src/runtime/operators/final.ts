/**
 * EMIT FINAL over rows that may be taken back: keeps the rows that stand and emits them when
 * nothing changes them any more: those of a window when the watermark passes its end, all others at
 * the end of input. So nothing that leaves here is taken back. Rows go out window by window, in
 * order of arrival; equal rows are kept once, with their number. A row without a window end waits
 * for the end of input. @hot
 */
import type { Batch } from '../../columnar/batch.js';
import {
  BATCH_ROWS_MAX,
  resultHeader,
  newBatch,
  OP_DELETE,
  OP_INSERT,
  OP_UPDATE_BEFORE,
} from '../../columnar/batch.js';
import { roomForCount } from '../../columnar/byte-room.js';
import type { Column } from '../../columnar/column.js';
import type { FinalNode } from '../../plan/pipeline/pipeline-plan.js';
import { GroupedStateFactory } from '../../state/groups/grouped-state-factory.js';
import type { GroupedState } from '../../state/groups/grouped-state.js';
import type { StateReader, StateWriter } from '../../state/snapshot.js';
import type { Work } from '../flow.js';
import type { Operator, OperatorContext } from '../operator.js';
import { rowAlone, RowKeyGroups } from './rows/row-key-groups.js';
import { grown, NULL_ROW, RowStore } from './rows/row-store.js';

/** The standing rows of a window, linked in order of arrival. */
interface FinalWindow {
  readonly endMs: number;
  first: number;
  last: number;
}

export class FinalOperator implements Operator {
  readonly id: string;
  private readonly node: FinalNode;
  private readonly context: OperatorContext;
  private readonly store: RowStore;
  /** Identity of rows by all their values: group → row. */
  private readonly identity: GroupedState;
  private rowOf: Int32Array = new Int32Array(64);
  /** By row: its group, its neighbours in the window, how many equal ones there are. */
  private idOf: Int32Array = new Int32Array(64);
  private next: Int32Array = new Int32Array(64);
  private previous: Int32Array = new Int32Array(64);
  private copies: Int32Array = new Int32Array(64);
  /** By end; +Infinity: those without one. */
  private readonly windows = new Map<number, FinalWindow>();
  private firstEnd = Number.POSITIVE_INFINITY;
  private reached = Number.NEGATIVE_INFINITY;
  private passedOn = Number.NEGATIVE_INFINITY;
  private readonly batch: Batch;
  private readonly places = new Int32Array(BATCH_ROWS_MAX);
  private count = 0;

  constructor(node: FinalNode, context: OperatorContext) {
    this.id = node.id;
    this.node = node;
    this.context = context;
    this.store = new RowStore(node.schema.map((column) => column.type));
    this.identity = new GroupedStateFactory({
      id: node.id,
      inputTypes: node.schema.map((column) => column.type),
      keys: node.schema.map((_, at) => at),
      aggregates: [],
      windowColumns: false,
    }).create();
    this.batch = newBatch([], resultHeader(node.id));
  }

  process(_input: number, batch: Batch): void {
    const { selection, selectedCount, ops } = batch;
    if (selectedCount === 0) return;
    this.batch.header.ingestTimeMs = batch.header.ingestTimeMs;
    const ids = this.identity.resolve(batch, selection, selectedCount);
    this.ensureIds(this.identity.groupCount);
    const ends = this.node.windowEnd === null ? null : batch.columns[this.node.windowEnd]!;
    for (let k = 0; k < selectedCount; k += 1) {
      const row = selection === null ? k : selection[k]!;
      const op = ops === null ? OP_INSERT : ops[row]!;
      if (op === OP_UPDATE_BEFORE || op === OP_DELETE) this.takeBack(ids[k]!);
      else this.add(batch, row, ids[k]!, endOf(ends, row));
    }
    this.sweep(ids, selectedCount);
  }

  private add(batch: Batch, row: number, id: number, endMs: number): void {
    const known = this.rowOf[id]!;
    if (known !== NULL_ROW) {
      this.copies[known] = roomForCount(this.copies[known]! + 1, 'equal rows');
      return;
    }
    // Its window is out: only a split that had been left out as idle comes so late.
    if (endMs + this.node.latenessMs <= this.reached) return;
    const at = this.store.addRow(batch, row);
    this.ensureRows();
    this.rowOf[id] = at;
    this.idOf[at] = id;
    this.copies[at] = 1;
    this.append(at, this.windowAt(endMs));
  }

  private windowAt(endMs: number): FinalWindow {
    const known = this.windows.get(endMs);
    if (known !== undefined) return known;
    const window: FinalWindow = { endMs, first: NULL_ROW, last: NULL_ROW };
    this.windows.set(endMs, window);
    if (endMs < this.firstEnd) this.firstEnd = endMs;
    return window;
  }

  private append(at: number, window: FinalWindow): void {
    this.next[at] = NULL_ROW;
    this.previous[at] = window.last;
    if (window.last === NULL_ROW) window.first = at;
    else this.next[window.last] = at;
    window.last = at;
  }

  /** A row that is not there was never added: its record failed when it came. */
  private takeBack(id: number): void {
    const at = this.rowOf[id]!;
    if (at === NULL_ROW) return;
    this.copies[at] = this.copies[at]! - 1;
    if (this.copies[at] === 0) this.unlink(at);
  }

  private unlink(at: number): void {
    const { node, store } = this;
    const before = this.previous[at]!;
    const after = this.next[at]!;
    if (before === NULL_ROW || after === NULL_ROW) {
      const end = node.windowEnd === null ? null : store.value(node.windowEnd, at);
      const window = this.windows.get(end === null ? Number.POSITIVE_INFINITY : Number(end))!;
      if (before === NULL_ROW) window.first = after;
      if (after === NULL_ROW) window.last = before;
    }
    if (before !== NULL_ROW) this.next[before] = after;
    if (after !== NULL_ROW) this.previous[after] = before;
    this.rowOf[this.idOf[at]!] = NULL_ROW;
    store.release(at);
  }

  /** Forgets the identities of rows that went; at the end of a batch, when nobody asks for them. */
  private sweep(ids: Int32Array, count: number): void {
    const { identity, rowOf } = this;
    for (let k = 0; k < count; k += 1) {
      const id = ids[k]!;
      if (rowOf[id] === NULL_ROW && !identity.table.isFreed(id)) identity.freeSlot(id);
    }
  }

  watermark(_input: number, watermarkMs: number): void {
    this.context.flow.run(this.reach(watermarkMs), null);
  }

  end(_input: number, flush: boolean): void {
    if (flush) this.context.flow.run(this.emitWindows([...this.windows.values()]), null);
  }

  private *reach(watermarkMs: number): Work {
    if (watermarkMs > this.reached) yield* this.advance(watermarkMs);
    if (watermarkMs <= this.passedOn) return;
    this.passedOn = watermarkMs;
    this.context.output.watermark(watermarkMs);
  }

  /** Emits the windows whose end the watermark has passed, with the lateness that they have. */
  private *advance(watermarkMs: number): Work {
    // The end of input comes as an end: a query that does not flush has it, too.
    if (watermarkMs === Number.POSITIVE_INFINITY) return;
    this.reached = watermarkMs;
    const closedMs = watermarkMs - this.node.latenessMs;
    if (this.firstEnd > closedMs) return;
    yield* this.emitWindows([...this.windows.values()].filter(({ endMs }) => endMs <= closedMs));
    this.firstEnd = Number.POSITIVE_INFINITY;
    for (const endMs of this.windows.keys()) this.firstEnd = Math.min(this.firstEnd, endMs);
  }

  private *emitWindows(windows: FinalWindow[]): Work {
    windows.sort((a, b) => a.endMs - b.endMs);
    for (const window of windows) yield* this.emitWindow(window);
  }

  private *emitWindow(window: FinalWindow): Work {
    const { flow } = this.context;
    this.windows.delete(window.endMs);
    for (let at = window.first; at !== NULL_ROW; at = this.next[at]!) {
      for (let copy = this.copies[at]!; copy > 0; copy -= 1) {
        if (this.count === BATCH_ROWS_MAX) this.flush();
        if (flow.suspended) yield;
        this.places[this.count] = at;
        this.count += 1;
      }
    }
    this.flush();
    for (let at = window.first; at !== NULL_ROW; at = this.next[at]!) {
      this.forget(at);
      flow.spend(1);
      if (flow.suspended) yield;
    }
  }

  private forget(at: number): void {
    const id = this.idOf[at]!;
    this.rowOf[id] = NULL_ROW;
    this.identity.freeSlot(id);
    this.store.release(at);
  }

  private flush(): void {
    const { batch, count } = this;
    if (count === 0) return;
    this.count = 0;
    const columns: Column[] = batch.columns;
    columns.length = 0;
    this.store.gather(this.places, count, columns);
    batch.rowCount = count;
    batch.selectedCount = count;
    this.context.flow.spend(count);
    this.context.output.emit(batch);
  }

  /** A row is written under the key of the operator below, so that it moves with that one's state. */
  snapshot(writer: StateWriter): void {
    const { id, schema, keys } = this.node;
    const types = schema.map((column) => column.type);
    const keyGroups = new RowKeyGroups(this.store, { id, types }, keys);
    for (const window of this.windows.values()) {
      for (let at = window.first; at !== NULL_ROW; at = this.next[at]!) {
        writer.beginEntry(keyGroups.of(at));
        writer.writeF64(window.endMs);
        writer.writeU32(this.copies[at]!);
        this.store.writeRow(writer, at);
        writer.endEntry();
      }
    }
  }

  restore(reader: StateReader): void {
    while (reader.nextEntry() >= 0) {
      const endMs = reader.readF64();
      const copies = reader.readU32();
      const at = this.store.readRow(reader);
      this.ensureRows();
      const id = this.identity.resolve(rowAlone(this.store, at), null, 1)[0]!;
      this.ensureIds(this.identity.groupCount);
      this.rowOf[id] = at;
      this.idOf[at] = id;
      this.copies[at] = copies;
      this.append(at, this.windowAt(endMs));
    }
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    const lists = (this.next.length * 4 + this.rowOf.length) * 4;
    const bytes = this.store.byteSize() + this.identity.byteSize() + lists;
    return { rows: this.store.size, bytes };
  }

  private ensureIds(count: number): void {
    if (count <= this.rowOf.length) return;
    this.rowOf = grown(this.rowOf, Math.max(count, this.rowOf.length * 2));
  }

  private ensureRows(): void {
    const { capacity } = this.store;
    if (capacity <= this.next.length) return;
    this.idOf = grown(this.idOf, capacity);
    this.next = grown(this.next, capacity);
    this.previous = grown(this.previous, capacity);
    this.copies = grown(this.copies, capacity);
  }
}

/** The end of a row's window in ms; +Infinity without one. */
function endOf(column: Column | null, row: number): number {
  if (column?.kind !== 'f64') return Number.POSITIVE_INFINITY;
  if (column.nulls !== null && column.nulls[row] === 1) return Number.POSITIVE_INFINITY;
  return column.values[row]!;
}
