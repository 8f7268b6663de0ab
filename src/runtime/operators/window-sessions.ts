/**
 * SESSION windows: a session belongs to its grouping key and grows with every record that is no
 * more than the gap away from it. Owns which session a record goes to, merging, and emission; the
 * table of sessions is session-store.ts. @hot
 *
 * With w the watermark before the record (the operator's: the minimum of the record's own split
 * and the others), a session takes records while w < end + lateness. So where a session ends does
 * not depend on batches: it needs batch.rowWatermarks on every batch (needsEveryRowWatermark).
 * A record is too late when its own watermark >= its time + gap + lateness. Merging keeps the
 * group of the session that appeared first, so FIRST_VALUE stays first by arrival.
 */
import { BATCH_ROWS_MAX, OP_UPDATE_AFTER } from '../../columnar/batch.js';
import type { Batch, BatchHeader } from '../../columnar/batch.js';
import type { GroupedState } from '../../state/grouped-state.js';
import type { StateReader, StateWriter } from '../../state/snapshot.js';
import { SessionStore } from './session-store.js';
import type { WindowInput, WindowParts, Windows } from './window-parts.js';

const NONE = -1;

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
  private readonly due: number[] = [];
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

  process(batch: Batch, input: WindowInput): void {
    const kept = this.keepInTime(batch, input);
    if (kept === 0) return;
    const keySlots = this.keys.resolve(batch, this.rows, kept);
    const { times } = input;
    const { watermarkOthers } = batch.header;
    this.applied = 0;
    for (let at = 0; at < kept; at += 1) {
      const own = Math.min(this.watermarks[at]!, watermarkOthers);
      const watermark = Math.max(own, this.reachedMs);
      this.add(batch, at, times[this.rows[at]!]!, keySlots[at]!, watermark);
    }
    this.apply(batch, kept);
    this.sweepKeys();
  }

  advance(watermarkMs: number): void {
    this.close(watermarkMs);
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
    if (this.latenessMs > 0 && this.reachesClosed(key, time, watermark)) {
      this.apply(batch, at);
      this.close(watermark);
    }
    let session = this.absorber(batch, at, time, key, watermark);
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
    this.emit(session, batch.header, !isNew);
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
  private absorber(batch: Batch, at: number, time: number, key: number, watermark: number): number {
    const { store } = this;
    let taken = NONE;
    let next = NONE;
    for (let each = store.firstOf(key); each !== NONE; each = next) {
      next = store.next[each]!;
      if (!this.touches(each, time, watermark)) continue;
      if (taken === NONE) taken = each;
      else {
        this.apply(batch, at);
        taken = this.merge(taken, each);
      }
    }
    if (taken === NONE) return NONE;
    if (time < store.start[taken]!) store.start[taken] = time;
    if (time > store.last[taken]!) store.last[taken] = time;
    return taken;
  }

  /** Merges two sessions of a key into the one that appeared first, and gives that. */
  private merge(one: number, other: number): number {
    const { store, sessions } = this;
    const [kept, gone] = store.order[one]! < store.order[other]! ? [one, other] : [other, one];
    sessions.merge(sessions, gone, kept);
    store.start[kept] = Math.min(store.start[kept]!, store.start[gone]!);
    store.last[kept] = Math.max(store.last[kept]!, store.last[gone]!);
    this.remove(gone);
    return kept;
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
  private close(watermarkMs: number): void {
    const { store, due } = this;
    for (
      let session = store.nextDue(watermarkMs);
      session !== NONE;
      session = store.nextDue(watermarkMs)
    ) {
      if (store.held[session] === 1) this.remove(session);
      else due.push(session);
    }
    if (due.length > 1) {
      const { last, start, order } = store;
      due.sort((a, b) => last[a]! - last[b]! || start[a]! - start[b]! || order[a]! - order[b]!);
    }
    for (const session of due) {
      if (this.isFinal) this.emit(session, this.parts.closingHeader, false);
      if (store.isGone(session, watermarkMs)) this.remove(session);
      else store.schedule(session, true);
    }
    due.length = 0;
    if (watermarkMs > this.reachedMs) this.reachedMs = watermarkMs;
  }

  private emit(session: number, header: BatchHeader, isUpdate: boolean): void {
    const { results } = this.parts;
    results.begin(header, false);
    results.setWindow(this.store.start[session]!, this.store.endOf(session));
    this.sessions.emitGroup(session, results);
    if (isUpdate && results.ops !== null && results.rowCount > 0) {
      results.ops[results.rowCount - 1] = OP_UPDATE_AFTER;
    }
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
