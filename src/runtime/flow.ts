/**
 * Law 15: no operator puts out more than a bounded piece between two chances to stop. Owns what a
 * pipeline has put off: whoever drives it pushes a batch, a watermark or an end, and if the flow is
 * suspended afterwards, resumes it piece by piece before it pushes anything else. In between it may
 * wait for the sink, look at signals, or give up.
 *
 * An operator whose answer may be long writes it as work: a generator that yields where the flow is
 * suspended. While an operator has work left, what comes to it waits at its gate, batches as copies,
 * so that nothing overtakes. Whoever puts out many batches looks at `suspended` between them: that
 * keeps what waits at the gates short, and is all that operators must do. @hot
 */
import { assert } from '../base/assert.js';
import { copyBatch } from '../columnar/batch-copy.js';
import type { Batch } from '../columnar/batch.js';
import type { Output } from './operator-output.js';

/** Rows put out, or looked at for nothing, after which a flow suspends itself. */
export const PIECE_ROWS = 16_384;

/** The rest of an answer: goes on with each next(), and yields where the flow is suspended. */
export type Work = Generator<void, void, void>;

/** The batch that a work reads. Where the work is interrupted, a copy takes its place. */
export interface HeldBatch {
  batch: Batch;
}

/** The flow as an operator sees it. */
export interface OperatorFlow {
  /** Nothing more is to be put out now: the work yields. */
  readonly suspended: boolean;
  /** So many rows were put out, or looked at. */
  spend(rows: number): void;
  /** Begins a work of this operator and does it as far as it goes now. `held`: what it reads. */
  run(work: Work, held: HeldBatch | null): void;
}

/** For who drives an operator without a pipeline: every work is done at once. */
export const AT_ONCE: OperatorFlow = {
  suspended: false,
  spend: () => undefined,
  run: (work) => {
    while (work.next().done !== true);
  },
};

/** `work` until it ends, with a chance to stop behind each of its pieces. */
export function* interruptible(work: Work, flow: OperatorFlow): Work {
  while (work.next().done !== true) if (flow.suspended) yield;
}

/** An output for rows that come by the batch: each counts as so much put out. */
export function spending(context: {
  readonly output: Output;
  readonly flow: OperatorFlow;
}): Output {
  const { output, flow } = context;
  return {
    emit: (batch) => {
      flow.spend(batch.selectedCount);
      output.emit(batch);
    },
    watermark: (watermarkMs) => output.watermark(watermarkMs),
  };
}

export class Flow {
  suspended = false;
  private readonly pieceRows: number;
  private left: number;
  private readonly gates: Gate[] = [];
  /** By gate: behind the last gate of the operators before it. */
  private readonly ends = new Map<Gate, number>();
  private readonly closing = new Set<Gate>();

  constructor(pieceRows: number) {
    this.pieceRows = pieceRows;
    this.left = pieceRows;
  }

  /** Gates are made from the sink to the sources. */
  newGate(): Gate {
    const gate = new Gate(this);
    this.gates.push(gate);
    return gate;
  }

  spend(rows: number): void {
    this.left -= rows;
    if (this.left <= 0) this.suspended = true;
  }

  /** Whoever puts out rows is to stop soon. */
  suspend(): void {
    this.suspended = true;
  }

  /** Goes on with what was put off for one piece, last operators first. */
  resume(): void {
    this.suspended = false;
    this.left = this.pieceRows;
    try {
      for (const gate of this.gates) {
        while (gate.busy && !this.suspended) gate.step();
        if (gate.busy) break;
      }
    } catch (error) {
      this.drop();
      throw error;
    }
    this.suspended = this.gates.some((gate) => gate.busy);
  }

  /** All operators before the one of this gate are done with: nobody needs their rows. */
  closeBehind(gate: Gate): void {
    this.closing.add(gate);
    this.closeTo(gate, this.gates.length);
  }

  /** The gates since this one are of the operators before it, and all of those. */
  built(gate: Gate): void {
    const end = this.gates.length;
    if (this.closing.has(gate)) this.closeTo(gate, end);
    this.ends.set(gate, end);
  }

  private closeTo(gate: Gate, all: number): void {
    const end = this.ends.get(gate) ?? all;
    for (let at = this.gates.indexOf(gate) + 1; at < end; at += 1) this.gates[at]!.close();
  }

  /** Runs everything that was put off to its end; `between` is called before each piece. */
  drain(between: () => void): void {
    while (this.suspended) {
      between();
      if (this.suspended) this.resume();
    }
  }

  /** Nobody needs what any of the operators puts out. */
  close(): void {
    for (const gate of this.gates) gate.close();
    this.suspended = false;
  }

  /** Forgets what was put off. */
  drop(): void {
    for (const gate of this.gates) gate.drop();
    this.suspended = false;
  }
}

interface Waiting {
  readonly call: () => void;
  /** An end comes through a gate that is closed, too. */
  readonly isEnd: boolean;
}

/** The way into one operator: who comes while it has work left, waits here. */
export class Gate implements OperatorFlow {
  /** Nobody needs what the operator puts out: it does no work any more. */
  closed = false;
  /** What comes in stays as it is until the flow goes on: only its frame may be used again. */
  isFedBySources = false;
  private readonly flow: Flow;
  private work: Work | null = null;
  private waiting: Waiting[] = [];

  constructor(flow: Flow) {
    this.flow = flow;
  }

  get suspended(): boolean {
    return this.flow.suspended || this.closed;
  }

  /** The operator was interrupted. */
  get working(): boolean {
    return this.work !== null;
  }

  get busy(): boolean {
    return this.work !== null || this.waiting.length > 0;
  }

  spend(rows: number): void {
    this.flow.spend(rows);
  }

  run(work: Work, held: HeldBatch | null): void {
    assert(this.work === null, 'an operator does one work at a time');
    if (this.closed || work.next().done === true || this.isClosed()) return;
    this.work = work;
    this.flow.suspend();
    if (held === null) return;
    held.batch = this.isFedBySources ? { ...held.batch } : copyBatch(held.batch);
  }

  /** Only while the operator is busy. */
  wait(call: () => void, isEnd: boolean): void {
    if (isEnd || !this.closed) this.waiting.push({ call, isEnd });
  }

  step(): void {
    const { work } = this;
    if (work === null) this.waiting.shift()!.call();
    else if (work.next().done === true) this.work = null;
    else if (this.isClosed()) this.work = null;
    else this.flow.suspend();
  }

  close(): void {
    this.closed = true;
    this.work = null;
    this.waiting = this.waiting.filter(({ isEnd }) => isEnd);
  }

  drop(): void {
    this.work = null;
    this.waiting = [];
  }

  /** A work may have closed its own gate, far down the way of its rows. */
  private isClosed(): boolean {
    return this.closed;
  }
}
