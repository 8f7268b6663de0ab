/**
 * The sessions of one operator as a table over group slots: bounds, the key they belong to, and
 * what falls due next. Owns the lists per key and the heap; rows and emission are
 * window-sessions.ts. A session is the slot of its group in the sessions' state. @hot
 *
 *   key slot --first--> session --next--> session …      (a key has few: mostly one)
 *
 *   open --(watermark >= end)--> held --(watermark >= end + lateness)--> removed
 *     ^------- a record moves the end beyond the watermark -------'
 *
 * A session has one valid heap entry, at `dueMs`. Growing does not touch the heap: an entry that
 * comes up before the session is due is pushed again, one of another time than dueMs is stale.
 */
import { TimeHeap } from './window-heap.js';

const NONE = -1;
/** In place of a key's first session: its key slot has been given back. */
const GIVEN_BACK = -2;

export class SessionStore {
  /** By session slot. The end of a session is last + gap. */
  start = new Float64Array(64);
  last = new Float64Array(64);
  /** Order of first appearance: the number of its first record's session, least after a merge. */
  order = new Float64Array(64);
  key = new Int32Array(64);
  next = new Int32Array(64);
  /** 1: emitted at its close and held for corrections. */
  held = new Uint8Array(64);
  liveCount = 0;
  private alive = new Uint8Array(64);
  private dueMs = new Float64Array(64);
  private first = new Int32Array(64).fill(NONE);
  private readonly heap = new TimeHeap();
  private readonly gapMs: number;
  private readonly latenessMs: number;
  private created = 0;

  constructor(gapMs: number, latenessMs: number) {
    this.gapMs = gapMs;
    this.latenessMs = latenessMs;
  }

  /** The first session of a key; -1 when it has none. */
  firstOf(keySlot: number): number {
    return keySlot < this.first.length ? Math.max(this.first[keySlot]!, NONE) : NONE;
  }

  /** Whether a key has lost its last session: true once, its slot is then given back. */
  givesBack(keySlot: number): boolean {
    if (this.first[keySlot] !== NONE) return false;
    this.first[keySlot] = GIVEN_BACK;
    return true;
  }

  endOf(session: number): number {
    return this.last[session]! + this.gapMs;
  }

  /** Whether no record can reach the session any more at this watermark. */
  isGone(session: number, watermarkMs: number): boolean {
    return this.endOf(session) + this.latenessMs <= watermarkMs;
  }

  /** Lists a new session of one record; `schedule` must follow. */
  add(session: number, keySlot: number, timeMs: number): void {
    this.insert(session, keySlot, timeMs, timeMs, this.created);
  }

  insert(session: number, keySlot: number, start: number, last: number, order: number): void {
    while (session >= this.start.length) this.growSessions();
    while (keySlot >= this.first.length) this.growKeys();
    this.start[session] = start;
    this.last[session] = last;
    this.order[session] = order;
    this.key[session] = keySlot;
    this.held[session] = 0;
    this.alive[session] = 1;
    this.next[session] = Math.max(this.first[keySlot]!, NONE);
    this.first[keySlot] = session;
    this.liveCount += 1;
    if (order >= this.created) this.created = order + 1;
  }

  /** Puts the session on the heap as open (due at its end) or held (due at end + lateness). */
  schedule(session: number, held: boolean): void {
    const due = this.endOf(session) + (held ? this.latenessMs : 0);
    this.held[session] = held ? 1 : 0;
    this.dueMs[session] = due;
    this.heap.push(due, session);
  }

  remove(session: number): void {
    const key = this.key[session]!;
    let at = this.first[key]!;
    if (at === session) this.first[key] = this.next[session]!;
    else {
      while (this.next[at]! !== session) at = this.next[at]!;
      this.next[at] = this.next[session]!;
    }
    this.alive[session] = 0;
    this.liveCount -= 1;
  }

  /** The next session that is due at the watermark, off the heap; -1 when there is none. */
  nextDue(watermarkMs: number): number {
    const { heap } = this;
    while (heap.hasDue(watermarkMs)) {
      const due = heap.topTime();
      const session = heap.pop();
      if (this.alive[session] !== 1 || this.dueMs[session] !== due) continue;
      const held = this.held[session] === 1;
      if (this.endOf(session) + (held ? this.latenessMs : 0) <= watermarkMs) {
        // A second entry of this time may be left from a merged session that had this slot.
        this.dueMs[session] = Number.NaN;
        return session;
      }
      this.schedule(session, held);
    }
    return NONE;
  }

  /** Visits every live session. */
  forEach(visit: (session: number) => void): void {
    for (let session = 0; session < this.alive.length; session += 1) {
      if (this.alive[session] === 1) visit(session);
    }
  }

  clearSchedule(): void {
    this.heap.clear();
  }

  byteSize(): number {
    return this.start.length * 42 + this.first.length * 4;
  }

  private growSessions(): void {
    this.start = doubled(this.start, new Float64Array(this.start.length * 2));
    this.last = doubled(this.last, new Float64Array(this.last.length * 2));
    this.order = doubled(this.order, new Float64Array(this.order.length * 2));
    this.dueMs = doubled(this.dueMs, new Float64Array(this.dueMs.length * 2));
    this.key = doubled(this.key, new Int32Array(this.key.length * 2));
    this.next = doubled(this.next, new Int32Array(this.next.length * 2));
    this.held = doubled(this.held, new Uint8Array(this.held.length * 2));
    this.alive = doubled(this.alive, new Uint8Array(this.alive.length * 2));
  }

  private growKeys(): void {
    this.first = doubled(this.first, new Int32Array(this.first.length * 2).fill(NONE));
  }
}

function doubled<T extends { set(source: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}
