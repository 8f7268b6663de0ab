/**
 * SESSION windows: a session belongs to its grouping key and grows with every record that is no
 * more than the gap away from it. Owns which session a record goes to, merging, and emission; the
 * table of sessions is session-store.ts. @hot
 *
 * With w the watermark of the record's own split before the record, a session takes it while
 * w < end + lateness, and the record is too late when w >= its time + gap + lateness. What the
 * other splits have reached when it comes depends on how blocks are read in turn, so that it says
 * nothing here: it only closes sessions, never before their end + lateness has been reached in all
 * splits, when no record can be taken any more. It needs batch.rowWatermarks on every batch
 * (needsEveryRowWatermark). Merging keeps the group of the session that appeared first, so
 * FIRST_VALUE stays first by arrival; a session that is absorbed after it was shown is taken back.
 */
import { BATCH_ROWS_MAX, OP_DELETE, OP_INSERT, OP_UPDATE_AFTER } from '../../../columnar/batch.js';
import type { Batch, BatchHeader } from '../../../columnar/batch.js';
import type { GroupedState } from '../../../state/groups/grouped-state.js';
import type { StateReader, StateWriter } from '../../../state/snapshot.js';
import type { HeldBatch, Work } from '../../flow.js';
import { sorting } from '../rows/sorting.js';
import { SessionStore } from './session-store.js';
import type { WindowInput, WindowParts, Windows } from './window-parts.js';

const NONE = -1;
const NOTHING = Number.NEGATIVE_INFINITY;

export class SessionWindows implements Windows {
  private readonly parts: WindowParts;
  private readonly gapMs: number;
  private readonly latenessMs: number;
  private readonly isFinal: boolean;
  private readonly store: SessionStore;
  /** Groups of the sessions, in slots that no look-up finds. */
  private readonly sessions: GroupedState;
  /** Finds the slot of a key; holds no values. */
  private readonly keys: GroupedState;
  private readonly emptyKeys: number[] = [];
  /** Up to where windows are to be closed before the next record is added; NOTHING: nowhere. */
  private closing = NOTHING;
  /** They were, for the next record. */
  private isClosed = false;
  private reachedMs = Number.NEGATIVE_INFINITY;
  /** The rows of the batch at work that are not too late, their watermarks and sessions. */
  private rows = new Int32Array(BATCH_ROWS_MAX);
  private watermarks = new Float64Array(BATCH_ROWS_MAX);
  private slots = new Int32Array(BATCH_ROWS_MAX);
  /** Rows before this position are in their groups. */
  private applied = 0;

  constructor(gapMs: number, parts: WindowParts) {
    this.parts = parts;
    this.gapMs = gapMs;
    this.latenessMs = parts.node.late.allowedLatenessMs;
    this.isFinal = parts.node.emission === 'final';
    this.store = new SessionStore(gapMs, this.latenessMs);
    this.sessions = parts.factory.create();
    this.keys = parts.factory.create();
  }

  takeIn(): boolean {
    return false;
  }

  *process(held: HeldBatch, input: WindowInput): Work {
    const { flow } = this.parts;
    let { batch } = held;
    const kept = this.keepInTime(batch, input);
    if (kept === 0) return;
    const keySlots = this.keys.resolve(batch, this.rows, kept);
    this.applied = 0;
    for (let at = 0; at < kept;) {
      at = this.addSome(batch, input.times, keySlots, at, kept);
      if (this.closing !== NOTHING) {
        yield* this.close(this.closing);
        this.closing = NOTHING;
        this.isClosed = true;
      } else if (at < kept && flow.suspended) yield;
      if (batch === held.batch) continue;
      ({ batch } = held);
      input.rebind(batch);
    }
    this.apply(batch, kept);
    this.sweepKeys();
  }

  /** Adds rows from a position on, until the flow is suspended or windows must be closed first. */
  private addSome(
    batch: Batch,
    times: Float64Array,
    keySlots: Int32Array,
    from: number,
    to: number,
  ): number {
    const { flow } = this.parts;
    let at = from;
    for (; at < to && !flow.suspended; at += 1) {
      const time = times[this.rows[at]!]!;
      const own = this.watermarks[at]!;
      const watermark = Math.max(Math.min(own, batch.header.watermarkOthers), this.reachedMs);
      if (this.closesBefore(batch, at, time, keySlots[at]!, watermark)) break;
      this.add(batch, at, time, keySlots[at]!, watermark);
    }
    return at;
  }

  /** Whether windows must be closed before the record is added: up to `closing`. */
  private closesBefore(
    batch: Batch,
    at: number,
    time: number,
    key: number,
    watermark: number,
  ): boolean {
    if (this.latenessMs === 0) return false;
    if (this.isClosed) {
      this.isClosed = false;
      return false;
    }
    if (!this.reachesClosed(key, time, watermark)) return false;
    this.apply(batch, at);
    this.closing = watermark;
    return true;
  }

  *advance(watermarkMs: number): Work {
    yield* this.close(watermarkMs);
    this.sweepKeys();
  }

  reached(): number {
    return this.reachedMs;
  }

  snapshot(writer: StateWriter): void {
    const { store } = this;
    store.forEach((session) => {
      writer.beginEntry(this.sessions.keyGroup(session));
      writer.writeF64(store.start[session]!);
      writer.writeF64(store.last[session]!);
      writer.writeF64(store.order[session]!);
      this.sessions.writeGroup(writer, session);
      writer.endEntry();
    });
  }

  restoreEntry(reader: StateReader): void {
    const start = reader.readF64();
    const last = reader.readF64();
    const order = reader.readF64();
    const session = this.sessions.restoreSlot(reader);
    this.store.insert(session, this.keys.slotOf(this.sessions, session), start, last, order);
  }

  settle(watermarkMs: number): void {
    const { store } = this;
    this.reachedMs = watermarkMs;
    store.clearSchedule();
    store.forEach((session) => store.schedule(session, store.endOf(session) <= watermarkMs));
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    const bytes = this.sessions.byteSize() + this.keys.byteSize() + this.store.byteSize();
    return { rows: this.store.liveCount, bytes };
  }

  /** Lists the rows that are not too late, with their watermarks; the number of them. */
  private keepInTime(batch: Batch, input: WindowInput): number {
    const { times, rows, count } = input;
    const { rowWatermarks } = batch;
    if (count > this.rows.length) this.grow(count);
    const span = this.gapMs + this.latenessMs;
    let kept = 0;
    for (let at = 0; at < count; at += 1) {
      const row = rows === null ? at : rows[at]!;
      const own = rowWatermarks === null ? this.reachedMs : rowWatermarks[row]!;
      const watermark = Math.max(own, this.reachedMs);
      if (watermark >= times[row]! + span) {
        this.parts.late.reject(batch, row, times[row]!);
        continue;
      }
      this.rows[kept] = row;
      this.watermarks[kept] = watermark;
      kept += 1;
    }
    return kept;
  }

  private add(batch: Batch, at: number, time: number, key: number, watermark: number): void {
    let session = this.absorber(batch, at, time, key);
    const isNew = session === NONE;
    if (isNew) {
      session = this.sessions.addSlot(batch, this.rows[at]!);
      this.store.add(session, key, time);
    }
    this.slots[at] = session;
    const isClosed = this.store.endOf(session) <= watermark;
    const wasHeld = !isNew && this.store.held[session] === 1;
    if (isNew || wasHeld !== isClosed) this.store.schedule(session, isClosed);
    if (this.isFinal && !isClosed) return;
    this.apply(batch, at + 1);
    this.emit(session, batch.header, isNew ? OP_INSERT : OP_UPDATE_AFTER);
  }

  /** Whether the record belongs to a window that is closed for it but held. */
  private reachesClosed(key: number, time: number, watermark: number): boolean {
    if (time + this.gapMs <= watermark) return true;
    const { store } = this;
    for (let at = store.firstOf(key); at !== NONE; at = store.next[at]!) {
      if (store.endOf(at) <= watermark && this.touches(at, time, watermark)) return true;
    }
    return false;
  }

  private touches(session: number, time: number, watermark: number): boolean {
    const { store, gapMs } = this;
    if (time > store.last[session]! + gapMs || time < store.start[session]! - gapMs) return false;
    return !store.isGone(session, watermark);
  }

  /** The session that takes the record, grown to hold it and merged with others; -1: none yet. */
  private absorber(batch: Batch, at: number, time: number, key: number): number {
    const { store } = this;
    const watermark = this.watermarks[at]!;
    let taken = NONE;
    let touched = 0;
    for (let each = store.firstOf(key); each !== NONE; each = store.next[each]!) {
      if (!this.touches(each, time, watermark)) continue;
      touched += 1;
      if (taken === NONE || store.order[each]! < store.order[taken]!) taken = each;
    }
    if (taken === NONE) return NONE;
    if (touched > 1) {
      this.apply(batch, at);
      let next = NONE;
      for (let each = store.firstOf(key); each !== NONE; each = next) {
        next = store.next[each]!;
        if (each !== taken && this.touches(each, time, watermark)) {
          this.absorb(taken, each, batch.header);
        }
      }
    }
    if (time < store.start[taken]!) store.start[taken] = time;
    if (time > store.last[taken]!) store.last[taken] = time;
    return taken;
  }

  /** Merges a session into the one that appeared first; takes it back if it was shown. */
  private absorb(kept: number, gone: number, header: BatchHeader): void {
    const { store, sessions } = this;
    const wasShown = !this.isFinal || store.held[gone] === 1;
    if (wasShown) this.emit(gone, header, OP_DELETE);
    sessions.merge(sessions, gone, kept);
    store.start[kept] = Math.min(store.start[kept]!, store.start[gone]!);
    store.last[kept] = Math.max(store.last[kept]!, store.last[gone]!);
    this.remove(gone);
  }

  private remove(session: number): void {
    const key = this.store.key[session]!;
    this.store.remove(session);
    this.sessions.freeSlot(session);
    if (this.store.firstOf(key) === NONE) this.emptyKeys.push(key);
  }

  /** Adds the rows before position `to` to their groups. */
  private apply(batch: Batch, to: number): void {
    const from = this.applied;
    if (from === to) return;
    const rows = this.rows.subarray(from, to);
    this.sessions.updateSlots(batch, rows, this.slots.subarray(from, to), to - from);
    this.applied = to;
  }

  /** Closes what the watermark has passed, in order of end, start and first appearance. */
  private *close(watermarkMs: number): Work {
    const { store } = this;
    const { flow } = this.parts;
    const due: number[] = [];
    let session = store.nextDue(watermarkMs);
    for (; session !== NONE; session = store.nextDue(watermarkMs)) {
      if (store.held[session] === 1) this.remove(session);
      else due.push(session);
      flow.spend(1);
      if (flow.suspended) yield;
    }
    const { last, start, order } = store;
    const sorted = yield* sorting(
      due,
      (a, b) => last[a]! - last[b]! || start[a]! - start[b]! || order[a]! - order[b]!,
      flow,
    );
    for (let at = 0; at < sorted.length; at += 1) {
      const each = sorted[at]!;
      if (this.isFinal) this.emit(each, this.parts.closingHeader, OP_INSERT);
      if (store.isGone(each, watermarkMs)) this.remove(each);
      else store.schedule(each, true);
      flow.spend(1);
      if (flow.suspended) yield;
    }
    if (watermarkMs > this.reachedMs) this.reachedMs = watermarkMs;
  }

  private emit(session: number, header: BatchHeader, op: number): void {
    const { results } = this.parts;
    results.begin(header, false);
    results.setWindow(this.store.start[session]!, this.store.endOf(session));
    const before = results.rowCount;
    this.sessions.emitGroup(session, results);
    const { ops, rowCount } = results;
    // A row that fails (SUM out of range) is not there.
    if (ops !== null && rowCount > 0 && rowCount !== before) ops[rowCount - 1] = op;
  }

  /** Forgets the keys without sessions; only between batches, because slots are used again. */
  private sweepKeys(): void {
    const { emptyKeys, store } = this;
    if (emptyKeys.length === 0) return;
    const hasKeys = this.parts.node.keys.length > 0;
    for (const key of emptyKeys) {
      if (hasKeys && store.givesBack(key)) this.keys.freeSlot(key);
    }
    emptyKeys.length = 0;
  }

  private grow(count: number): void {
    this.rows = new Int32Array(count);
    this.watermarks = new Float64Array(count);
    this.slots = new Int32Array(count);
  }
}
