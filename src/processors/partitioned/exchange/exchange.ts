/**
 * The exchange of one query: blocks of rows from the worker that took a turn to every worker that
 * owns partitions. Owns the messages, the sender's and the receiver's side; what a receiver does
 * with them in sequence is partition-host.ts, the bytes of a batch are wire.ts. @hot
 *
 *   block      16 doubles of header, then the payload
 *   header     0 seq · 1 kind · 2 edge · 3 lane · 4 1 = a piece · 5 number a (watermark, round kind) ·
 *              6 number b (flushed up to) · 7 sent at, ns · 8 read at, ns · 9/10 due first/last, ns ·
 *              11 rows read · 12 payload bytes · 14 ingest time, ms
 *   kinds      rows: one batch, routed · partials: a bundle of groups, or a piece of one that is
 *              larger than a block (4: another one follows) · turn-end, failure: last of its seq · flushed: last behind partials of its seq, without rows · lane-end,
 *              lane-idle, round: alone in their seq
 *
 * A block goes to all receivers and is counted down by them; each has one ring from each sender,
 * and takes the block whose seq is the next one. A sender in its turn never waits for a receiver
 * that waits for it: the receiver needs only turns before this one, and those are in its rings.
 * While it waits for a ring, its worker takes in what comes, and may have to wait there too, for
 * main, which needs this very block's rows of another receiver: so every wait goes on pushing.
 */
import type { BlockArena } from '../../../columnar/arena.js';
import type { Batch } from '../../../columnar/batch.js';
import type { RoutedRows } from '../routing/hash-router.js';
import type { Ring } from './ring.js';
import { BUNDLE_HEAD_BYTES } from './partial-bundle.js';
import { halves } from './stream.js';
import type { BatchWriter } from '../wire/wire.js';

export const EXCHANGE_HEADER_BYTES = 128;
export const SEQ = 0;
export const KIND = 1;
export const EDGE = 2;
export const LANE = 3;
export const PIECE = 4;
export const NUMBER_A = 5;
export const NUMBER_B = 6;
export const SENT_NS = 7;
export const READ_NS = 8;
export const DUE_FIRST_NS = 9;
export const DUE_LAST_NS = 10;
export const ROWS = 11;
export const BYTES = 12;
export const INGEST_MS = 14;

export const KIND_ROWS = 0;
export const KIND_PARTIALS = 1;
export const KIND_TURN_END = 2;
export const KIND_LANE_END = 3;
export const KIND_LANE_IDLE = 4;
export const KIND_ROUND = 5;
export const KIND_FAILURE = 6;
/** Number a: the edge; number b: up to which watermark its partial groups were shipped. */
export const KIND_FLUSHED = 7;

/** What is said of a turn when its rows are sent. */
export interface TurnFacts {
  seq: number;
  lane: number;
  /** When the block was read, monotonic ns. */
  readNs: number;
  /** When its first and last record were due under a rate; NaN without one. */
  dueFirstNs: number;
  dueLastNs: number;
  rowsRead: number;
  /** The lane's watermark after the turn; -Infinity without one. */
  watermarkMs: number;
  /** When the block was read, ms since the epoch. */
  ingestMs: number;
}

/** How an edge's batches are routed, and who hears what was sent. */
export interface RowsRoute {
  /** Valid until the next call. */
  route(batch: Batch): RoutedRows;
  /** These rows are in a block: receivers will see them at any time. */
  sent(batch: Batch, routed: RoutedRows): void;
}

export interface ExchangeSenderParts {
  readonly arena: BlockArena;
  /** One to each receiver. */
  readonly rings: readonly Ring[];
  readonly wait: () => void;
  readonly wakeReceiver: (receiver: number) => void;
  readonly nowNs: () => number;
}

export class ExchangeSender {
  private readonly parts: ExchangeSenderParts;
  /** The block on its way, and the receivers whose ring it is in. */
  private pushing = -1;
  private pushed = 0;

  constructor(parts: ExchangeSenderParts) {
    this.parts = parts;
  }

  rows(turn: TurnFacts, edge: number, writer: BatchWriter, batch: Batch, route: RowsRoute): void {
    const { arena } = this.parts;
    const routed = route.route(batch);
    const bytes = EXCHANGE_HEADER_BYTES + writer.size(batch, routed);
    if (bytes > arena.blockBytesMax) {
      for (const half of halves(batch)) this.rows(turn, edge, writer, half, route);
      return;
    }
    const at = this.begin(bytes, turn, KIND_ROWS);
    const { f64 } = arena.memory;
    f64[(at >> 3) + EDGE] = edge;
    const used = writer.write(batch, routed, arena.memory, at + EXCHANGE_HEADER_BYTES);
    route.sent(batch, routed);
    this.publish(at, EXCHANGE_HEADER_BYTES + used);
  }

  /** A bundle (partial-bundle.ts); one that holds a group of many values may go in pieces. */
  partials(turn: TurnFacts, edge: number, bytes: Uint8Array): void {
    const most = this.parts.arena.blockBytesMax - EXCHANGE_HEADER_BYTES;
    for (let from = 0; from < bytes.length; from += most) {
      const to = Math.min(bytes.length, from + most);
      this.partialsPiece(turn, edge, bytes.subarray(from, to), to < bytes.length);
    }
  }

  private partialsPiece(turn: TurnFacts, edge: number, bytes: Uint8Array, goesOn: boolean): void {
    const at = this.begin(EXCHANGE_HEADER_BYTES + bytes.length, turn, KIND_PARTIALS);
    const { memory } = this.parts.arena;
    memory.f64[(at >> 3) + EDGE] = edge;
    memory.f64[(at >> 3) + PIECE] = goesOn ? 1 : 0;
    memory.f64[(at >> 3) + BYTES] = bytes.length;
    memory.u8.set(bytes, at + EXCHANGE_HEADER_BYTES);
    this.publish(at, EXCHANGE_HEADER_BYTES + bytes.length);
  }

  /** The largest part of a bundle in one block. */
  get partBytesMax(): number {
    return this.parts.arena.blockBytesMax - EXCHANGE_HEADER_BYTES - BUNDLE_HEAD_BYTES;
  }

  turnEnd(turn: TurnFacts, flushedMs: number): void {
    const at = this.begin(EXCHANGE_HEADER_BYTES, turn, KIND_TURN_END);
    const head = at >> 3;
    const { f64 } = this.parts.arena.memory;
    f64[head + NUMBER_A] = turn.watermarkMs;
    f64[head + NUMBER_B] = flushedMs;
    f64[head + DUE_FIRST_NS] = turn.dueFirstNs;
    f64[head + DUE_LAST_NS] = turn.dueLastNs;
    f64[head + ROWS] = turn.rowsRead;
    f64[head + INGEST_MS] = turn.ingestMs;
    this.publish(at, EXCHANGE_HEADER_BYTES);
  }

  /** lane-end, lane-idle, round, flushed. */
  notice(turn: TurnFacts, kind: number, a: number, b: number): void {
    const at = this.begin(EXCHANGE_HEADER_BYTES, turn, kind);
    this.parts.arena.memory.f64[(at >> 3) + NUMBER_A] = a;
    this.parts.arena.memory.f64[(at >> 3) + NUMBER_B] = b;
    this.publish(at, EXCHANGE_HEADER_BYTES);
  }

  /** The turn failed; `text` says how. It takes the place of the turn's end. */
  failure(turn: TurnFacts, text: Uint8Array): void {
    const at = this.begin(EXCHANGE_HEADER_BYTES + text.length, turn, KIND_FAILURE);
    const { memory } = this.parts.arena;
    memory.f64[(at >> 3) + BYTES] = text.length;
    memory.u8.set(text, at + EXCHANGE_HEADER_BYTES);
    this.publish(at, EXCHANGE_HEADER_BYTES + text.length);
  }

  private begin(bytes: number, turn: TurnFacts, kind: number): number {
    const { arena, nowNs } = this.parts;
    let at = arena.allocate(bytes);
    while (at < 0) {
      this.parts.wait();
      at = arena.allocate(bytes);
    }
    const head = at >> 3;
    const { f64 } = arena.memory;
    f64[head + SEQ] = turn.seq;
    f64[head + KIND] = kind;
    f64[head + LANE] = turn.lane;
    f64[head + READ_NS] = turn.readNs;
    f64[head + SENT_NS] = nowNs();
    return at;
  }

  private publish(at: number, used: number): void {
    const { arena, rings } = this.parts;
    arena.commit(at, used, rings.length);
    this.pushing = at;
    this.pushed = 0;
    while (!this.push()) this.parts.wait();
  }

  /** In any wait: goes on with the block that found a ring full. True when it is in all of them. */
  push(): boolean {
    const { rings, wakeReceiver } = this.parts;
    if (this.pushing < 0) return true;
    while (this.pushed < rings.length) {
      if (!rings[this.pushed]!.tryPush(this.pushing)) return false;
      wakeReceiver(this.pushed);
      this.pushed += 1;
    }
    this.pushing = -1;
    return true;
  }
}

export class ExchangeReceiver {
  private readonly rings: readonly Ring[];
  private readonly arenas: readonly BlockArena[];
  private readonly wakeSender: (sender: number) => void;

  constructor(parts: {
    readonly rings: readonly Ring[];
    readonly arenas: readonly BlockArena[];
    readonly wakeSender: (sender: number) => void;
  }) {
    this.rings = parts.rings;
    this.arenas = parts.arenas;
    this.wakeSender = parts.wakeSender;
  }

  /** The sender whose next block belongs to turn `seq`; -1 when it has not arrived. */
  senderOf(seq: number): number {
    for (let sender = 0; sender < this.rings.length; sender += 1) {
      const at = this.rings[sender]!.peek();
      if (at >= 0 && this.arenas[sender]!.memory.f64[(at >> 3) + SEQ] === seq) return sender;
    }
    return -1;
  }

  /** The payload offset of that sender's next block. */
  blockOf(sender: number): number {
    return this.rings[sender]!.peek();
  }

  arena(sender: number): BlockArena {
    return this.arenas[sender]!;
  }

  /** Gives the sender's next block back. */
  done(sender: number): void {
    const at = this.rings[sender]!.pop();
    this.arenas[sender]!.release(at);
    this.wakeSender(sender);
  }

  /** When the block that waits longest was sent, monotonic ns; NaN when none waits. */
  oldestSentNs(): number {
    let oldest = Number.NaN;
    for (let sender = 0; sender < this.rings.length; sender += 1) {
      const at = this.rings[sender]!.peek();
      if (at < 0) continue;
      const sentNs = this.arenas[sender]!.memory.f64[(at >> 3) + SENT_NS]!;
      if (!(oldest <= sentNs)) oldest = sentNs;
    }
    return oldest;
  }

  /** Share of the fullest ring that is in use, 0 … 1. */
  utilisation(): number {
    let most = 0;
    for (const ring of this.rings) most = Math.max(most, ring.size() / ring.slots);
    return most;
  }
}
