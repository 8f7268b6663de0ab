/**
 * Turns: which worker reads which block next. Owns the turn token of one query, the sequence of
 * turns, the lanes (source splits) with their shared cells, the chain that carries the highest event
 * time from a lane's block to its next, and rounds (end, stop, barrier), in which every worker
 * takes exactly one pseudo-turn. Reading blocks is the sources' business. @hot
 *
 * The token is one word, taken by compare-and-swap and held for some instructions: the holder asks
 * the lanes in turn (as V1 does) whether they have a block, moves the lane's cells and takes the
 * next sequence number. Nobody waits for the token: who does not get it does other work.
 *
 *   words   0 token · 1 limited · 2 the lanes of a barrier were noted · 3 turns whose rows the
 *           LIMIT has seen, modulo 2^32 · 16 + 16 × lane: blocks whose event times are published · 17 + 16 × lane: cut
 *   cells   0 next seq · 1 round kind · 2 round number · 3 workers that took their pseudo-turn ·
 *           4 cursor · 5 finished · 6 barriers begun · 7 processing time, ms ·
 *           8 … taken round per worker ·
 *           then 32 per lane: 0–7 the source's position · 16 highest event time · 17 blocks claimed ·
 *           18 state · 19 last claim, ms · 20 idle · 21 seq of the last block
 *           then those of turn-log.ts
 *
 * Everything in `cells` but a lane's highest event time is read and written under the token only.
 * That time belongs to the worker whose block is next to publish: it waits until the number of
 * published blocks is its block's number, reads, writes its own and publishes. So each record's
 * lateness is decided exactly as if one thread had read everything.
 */
import { LANE_POSITION } from './lanes.js';
import { NO_LANE, TurnLog } from './turn-log.js';
import {
  COMMAND_ABORT,
  COMMAND_DRAIN,
  COMMAND_HOLD,
  COMMAND_PAUSE,
  COMMAND_RUN,
  COMMAND_STOP,
} from '../control.js';

export const ROUND_NONE = 0;
/** All lanes ended, or a drain: what is open is flushed. */
export const ROUND_END = 1;
/** A stop: what is open stays. */
export const ROUND_STOP = 2;
/** A snapshot of everything before it. */
export const ROUND_BARRIER = 3;
/** All workers took their turn of a barrier: nobody reads until worker 0 has noted the lanes. */
const ROUND_HELD = 4;

const TOKEN = 0;
const LIMITED = 1;
const NOTED = 2;
const TURNS_DONE = 3;
/** Value of the word `limited` after a failure. */
const HALTED = 2;
const WORDS_PER_LANE = 16;
/** In the words of a lane. */
const CUT = 1;

const NEXT_SEQ = 0;
const ROUND = 1;
const ROUND_NUMBER = 2;
const ROUND_TAKEN = 3;
const CURSOR = 4;
const FINISHED = 5;
const BARRIERS_BEGUN = 6;
const PROCESSING_TIME = 7;
const TAKEN = 8;
const CELLS_PER_LANE = 32;
const HIGHEST = 16;
const BLOCKS = 17;
const STATE = 18;
const LAST_CLAIM = 19;
const IDLE = 20;
/** The last turn with a block of the lane. */
const LATEST = 21;

/** A lane's state; 0 while it may have blocks. */
const LANE_ENDED = 1;

/** Block numbers of a lane wrap: only their equality is asked. */
const BLOCKS_MODULO = 2 ** 32;

/** Cells of a lane in which its source keeps where it stands. */
export const POSITION_CELLS = 8;

/** What a worker's copy of a lane says under the token. */
export interface LaneClaims {
  claim(cells: Float64Array): 'block' | 'wait' | 'end';
  dueInMs(): number;
  /** 'source.idle-timeout' in ms, 0 = off. */
  readonly idleTimeoutMs: number;
}

/**
 * Who may take a turn: any worker that is free, or that owns the lane; the workers one after the
 * other, where the order of partial results must not depend on timing; or worker 0 alone, where a
 * source needs one reader.
 */
export type Dealing = 'any' | 'in-turn' | 'first';

export type ClaimKind =
  'busy' | 'wait' | 'block' | 'lane-end' | 'lane-idle' | 'round' | 'held' | 'done';

export class TurnTable {
  /** Of the last claim. */
  seq = 0;
  lane = 0;
  /** Number of the block within its lane, modulo 2^32. */
  block = 0;
  round = ROUND_NONE;
  dueInMs = Number.POSITIVE_INFINITY;
  /** Processing time of the turn: never less than that of the turns before it, of all workers. */
  claimedMs = 0;
  private readonly words: Int32Array;
  private readonly cells: Float64Array;
  private readonly lanes: number;
  private readonly workers: number;
  private readonly worker: number;
  private readonly dealing: Dealing;
  private readonly paced: readonly number[];
  private readonly laneBase: number;
  private readonly positions: Float64Array[] = [];
  /** The turns so far, and where the LIMIT was reached. */
  readonly log: TurnLog;

  static bytesFor(lanes: number, workers: number): number {
    return wordBytes(lanes) + 8 * (TAKEN + workers + CELLS_PER_LANE * lanes + TurnLog.CELLS);
  }

  constructor(
    buffer: SharedArrayBuffer,
    shape: {
      readonly lanes: number;
      readonly workers: number;
      readonly worker: number;
      readonly dealing: Dealing;
      /** Lanes that a LIMIT reads. */
      readonly paced: readonly number[];
    },
  ) {
    this.lanes = shape.lanes;
    this.workers = shape.workers;
    this.worker = shape.worker;
    this.dealing = shape.dealing;
    this.paced = shape.paced;
    this.words = new Int32Array(buffer, 0, wordBytes(shape.lanes) / 4);
    this.cells = new Float64Array(buffer, wordBytes(shape.lanes));
    this.laneBase = TAKEN + shape.workers;
    for (let lane = 0; lane < shape.lanes; lane += 1) {
      const base = this.laneBase + lane * CELLS_PER_LANE;
      this.positions.push(this.cells.subarray(base, base + POSITION_CELLS));
    }
    const logged = this.cells.subarray(this.laneBase + CELLS_PER_LANE * shape.lanes);
    this.log = new TurnLog(logged, this.positions);
  }

  /** Main, before the workers start. */
  reset(): void {
    this.log.reset();
    for (let lane = 0; lane < this.lanes; lane += 1) {
      this.cells[this.cellOf(lane, HIGHEST)] = Number.NEGATIVE_INFINITY;
      this.cells[this.cellOf(lane, LAST_CLAIM)] = Number.NaN;
    }
  }

  positionCells(lane: number): Float64Array {
    return this.positions[lane]!;
  }

  /** Before the start or at a barrier: where the lane stands. */
  highestOf(lane: number): number {
    return this.cells[this.cellOf(lane, HIGHEST)]!;
  }

  /** Of a query that is over: behind its last turn. */
  seqEnd(): number {
    return this.cells[NEXT_SEQ]!;
  }

  /** At a barrier: the lane that is asked first after it. */
  nextLane(): number {
    return this.cells[CURSOR]!;
  }

  /** Main, before the start: the first turn is this lane's. */
  startAt(lane: number): void {
    this.cells[CURSOR] = lane;
  }

  /** Main, before the start: a lane goes on where a snapshot left it. */
  restoreLane(lane: number, highestMs: number, ended: boolean): void {
    this.cells[this.cellOf(lane, HIGHEST)] = highestMs;
    if (ended) this.cells[this.cellOf(lane, STATE)] = LANE_ENDED;
  }

  laneEnded(lane: number): boolean {
    return this.cells[this.cellOf(lane, STATE)] === LANE_ENDED;
  }

  /** The lane has given nothing so far, and the watermark waits for it. */
  laneIsSilent(lane: number): boolean {
    const { cells } = this;
    const hasNothing = cells[this.cellOf(lane, BLOCKS)] === 0 && this.highestOf(lane) === -Infinity;
    return hasNothing && !this.laneEnded(lane) && cells[this.cellOf(lane, IDLE)] !== 1;
  }

  /** LIMIT reached: no more turns but the round that stops the query. */
  limit(): void {
    Atomics.store(this.words, LIMITED, 1);
  }

  /** A LIMIT of a branch is reached: the lane, which only that branch reads, ends where it stands. */
  cut(lane: number): void {
    Atomics.store(this.words, WORDS_PER_LANE * (lane + 1) + CUT, 1);
  }

  isCut(lane: number): boolean {
    return Atomics.load(this.words, WORDS_PER_LANE * (lane + 1) + CUT) === 1;
  }

  /** Whether LIMITs, not the input, have ended the reading. */
  endedByLimits(): boolean {
    if (this.limited()) return true;
    for (let lane = 0; lane < this.lanes; lane += 1) if (!this.isCut(lane)) return false;
    return this.lanes > 0;
  }

  /** A turn failed: no more turns at all, unless a LIMIT turns out to have come before it. */
  halt(): void {
    Atomics.compareExchange(this.words, LIMITED, 0, HALTED);
  }

  /** The failed turn was of rows that nobody needs. */
  goOn(): void {
    Atomics.compareExchange(this.words, LIMITED, HALTED, 0);
  }

  limited(): boolean {
    return Atomics.load(this.words, LIMITED) === 1;
  }

  /** Main: looks at positions between two turns; false while somebody takes one. */
  look(look: (nextSeq: number) => void): boolean {
    if (Atomics.compareExchange(this.words, TOKEN, 0, 1) !== 0) return false;
    try {
      look(this.cells[NEXT_SEQ]!);
      return true;
    } finally {
      Atomics.store(this.words, TOKEN, 0);
    }
  }

  /** Main: the query is over and had no round of that barrier; false while somebody takes a turn. */
  endedBefore(barrier: number): boolean {
    const { cells } = this;
    let ended = false;
    this.look(() => {
      ended = cells[FINISHED] === 1 && cells[BARRIERS_BEGUN]! < barrier;
    });
    return ended;
  }

  /** Takes the next turn if there is one; its facts are in the fields. */
  claim(
    lanes: readonly LaneClaims[],
    now: { readonly command: number; readonly barrier: number; readonly ms: number },
  ): ClaimKind {
    if (Atomics.compareExchange(this.words, TOKEN, 0, 1) !== 0) return 'busy';
    try {
      return this.claimHeld(lanes, now);
    } finally {
      Atomics.store(this.words, TOKEN, 0);
    }
  }

  private claimHeld(
    lanes: readonly LaneClaims[],
    now: { readonly command: number; readonly barrier: number; readonly ms: number },
  ): ClaimKind {
    const { cells } = this;
    this.dueInMs = Number.POSITIVE_INFINITY;
    if (cells[FINISHED] === 1) return this.tookRound() ? 'done' : 'wait';
    if (now.command === COMMAND_HOLD || now.command === COMMAND_ABORT) return 'wait';
    if (Atomics.load(this.words, LIMITED) === HALTED) return 'wait';
    if (cells[ROUND] === ROUND_HELD && !this.barrierOver()) {
      return this.worker === 0 ? 'held' : 'wait';
    }
    if (cells[ROUND] === ROUND_NONE) this.maybeStartRound(now);
    if (cells[ROUND] !== ROUND_NONE) return this.claimRound();
    if (now.command === COMMAND_PAUSE) return 'wait';
    if (!this.mayTake()) return 'wait';
    return this.claimLane(lanes, now.ms);
  }

  /**
   * Takes a turn without a block, to say something in sequence. False: not now, because somebody
   * else has the token, or nothing is read at the moment.
   */
  claimNotice(command: number): boolean {
    if (Atomics.compareExchange(this.words, TOKEN, 0, 1) !== 0) return false;
    try {
      const reads =
        command === COMMAND_RUN &&
        this.cells[FINISHED] !== 1 &&
        this.cells[ROUND] === ROUND_NONE &&
        Atomics.load(this.words, LIMITED) === 0;
      if (reads) this.takeSeq(NO_LANE, 0);
      return reads;
    } finally {
      Atomics.store(this.words, TOKEN, 0);
    }
  }

  private mayTake(): boolean {
    switch (this.dealing) {
      case 'any':
        return true;
      case 'in-turn':
        return this.cells[NEXT_SEQ]! % this.workers === this.worker;
      case 'first':
        return this.worker === 0;
    }
  }

  private tookRound(): boolean {
    return this.cells[TAKEN + this.worker] === this.cells[ROUND_NUMBER];
  }

  private maybeStartRound(now: { readonly command: number; readonly barrier: number }): void {
    const { cells } = this;
    let kind = ROUND_NONE;
    if (now.command === COMMAND_STOP || this.limited()) kind = ROUND_STOP;
    else if (now.command === COMMAND_DRAIN || this.allEnded()) kind = ROUND_END;
    else if (now.barrier > cells[BARRIERS_BEGUN]!) kind = ROUND_BARRIER;
    if (kind === ROUND_NONE) return;
    // By who begins it: who ends it may have looked before the barrier was asked for.
    if (kind === ROUND_BARRIER) cells[BARRIERS_BEGUN] = now.barrier;
    cells[ROUND] = kind;
    cells[ROUND_NUMBER] = cells[ROUND_NUMBER]! + 1;
    cells[ROUND_TAKEN] = 0;
  }

  private claimRound(): ClaimKind {
    const { cells } = this;
    if (this.tookRound()) return 'wait';
    // Partial groups are shipped in rounds too: first come must not be first served.
    if (this.dealing === 'in-turn' && cells[ROUND_TAKEN] !== this.worker) return 'wait';
    cells[TAKEN + this.worker] = cells[ROUND_NUMBER]!;
    cells[ROUND_TAKEN] = cells[ROUND_TAKEN]! + 1;
    this.round = cells[ROUND]!;
    this.takeSeq(NO_LANE, 0);
    if (cells[ROUND_TAKEN] === this.workers) {
      if (this.round === ROUND_BARRIER) cells[ROUND] = ROUND_HELD;
      else cells[FINISHED] = 1;
    }
    return 'round';
  }

  /** Worker 0, after 'held': the lanes may move on. */
  releaseBarrier(): void {
    Atomics.store(this.words, NOTED, 1);
  }

  private barrierOver(): boolean {
    if (Atomics.compareExchange(this.words, NOTED, 1, 0) !== 1) return false;
    this.cells[ROUND] = ROUND_NONE;
    return true;
  }

  private claimLane(lanes: readonly LaneClaims[], clockMs: number): ClaimKind {
    const { cells } = this;
    const nowMs = Math.max(clockMs, cells[PROCESSING_TIME]!);
    cells[PROCESSING_TIME] = nowMs;
    this.claimedMs = nowMs;
    const first = cells[CURSOR]!;
    for (let step = 0; step < this.lanes; step += 1) {
      const lane = (first + step) % this.lanes;
      if (cells[this.cellOf(lane, STATE)] === LANE_ENDED) continue;
      const source = lanes[lane]!;
      const before = this.positions[lane]![LANE_POSITION]!;
      const isCut = this.isCut(lane);
      if (!isCut && this.outpaces(lane)) continue;
      const found = isCut ? 'end' : source.claim(this.positions[lane]!);
      if (found === 'wait') {
        if (this.goesIdle(lane, source, nowMs)) return this.takeLane(lane, 'lane-idle', before);
        this.dueInMs = Math.min(this.dueInMs, source.dueInMs());
        continue;
      }
      cells[CURSOR] = (lane + 1) % this.lanes;
      if (found === 'end') {
        cells[this.cellOf(lane, STATE)] = LANE_ENDED;
        return this.takeLane(lane, 'lane-end', before);
      }
      cells[this.cellOf(lane, LAST_CLAIM)] = nowMs;
      cells[this.cellOf(lane, IDLE)] = 0;
      this.block = cells[this.cellOf(lane, BLOCKS)]!;
      cells[this.cellOf(lane, BLOCKS)] = (this.block + 1) % BLOCKS_MODULO;
      cells[this.cellOf(lane, LATEST)] = cells[NEXT_SEQ]!;
      return this.takeLane(lane, 'block', before);
    }
    return 'wait';
  }

  /** A lane that was silent for its idle timeout leaves the watermark until it speaks again. */
  private goesIdle(lane: number, source: LaneClaims, nowMs: number): boolean {
    if (source.idleTimeoutMs === 0 || this.cells[this.cellOf(lane, IDLE)] === 1) return false;
    const last = this.cellOf(lane, LAST_CLAIM);
    if (Number.isNaN(this.cells[last]!)) this.cells[last] = nowMs;
    const restMs = this.cells[last]! + source.idleTimeoutMs - nowMs;
    if (restMs > 0) {
      this.dueInMs = Math.min(this.dueInMs, restMs);
      return false;
    }
    this.cells[this.cellOf(lane, IDLE)] = 1;
    return true;
  }

  private takeLane(lane: number, kind: ClaimKind, before: number): ClaimKind {
    this.lane = lane;
    this.takeSeq(lane, before);
    return kind;
  }

  private takeSeq(lane: number, before: number): void {
    this.seq = this.cells[NEXT_SEQ]!;
    this.cells[NEXT_SEQ] = this.seq + 1;
    this.log.note(this.seq, lane, before);
  }

  /**
   * The LIMIT may have been reached before the lane's last block, and does not know it yet: one more
   * would be the second beyond its last row.
   */
  private outpaces(lane: number): boolean {
    if (!this.paced.includes(lane)) return false;
    const latest = this.cells[this.cellOf(lane, LATEST)]!;
    return ((Atomics.load(this.words, TURNS_DONE) - latest) | 0) < 0;
  }

  /** The worker with the LIMIT: it has seen the rows of this turn. True: others may wait for that. */
  sawTurn(seq: number): boolean {
    if (this.paced.length === 0) return false;
    Atomics.store(this.words, TURNS_DONE, (seq + 1) | 0);
    return true;
  }

  private allEnded(): boolean {
    for (let lane = 0; lane < this.lanes; lane += 1) {
      if (!this.laneEnded(lane)) return false;
    }
    return true;
  }

  /** Whether the highest event time before `block` is known. */
  highestReady(lane: number, block: number): boolean {
    return Atomics.load(this.words, WORDS_PER_LANE * (lane + 1)) >>> 0 === block;
  }

  publishHighest(lane: number, block: number, highestMs: number): void {
    this.cells[this.cellOf(lane, HIGHEST)] = highestMs;
    Atomics.store(this.words, WORDS_PER_LANE * (lane + 1), (block + 1) | 0);
  }

  private cellOf(lane: number, cell: number): number {
    return this.laneBase + lane * CELLS_PER_LANE + cell;
  }
}

function wordBytes(lanes: number): number {
  return WORDS_PER_LANE * (lanes + 1) * Int32Array.BYTES_PER_ELEMENT;
}
