/**
 * What one row of a join brings about: result rows with each of its partners, and padded rows that
 * go or come. Owns how far it has come: `put` gives out a bounded number of rows and goes on from
 * there with the next call, because a row may have millions of partners. @hot
 */
import { OP_DELETE, OP_INSERT } from '../../../columnar/batch.js';
import { roomForCount } from '../../../columnar/byte-room.js';
import { grown, NULL_ROW } from '../rows/row-store.js';
import type { JoinOutput } from './join-output.js';
import type { JoinSide } from './join-side.js';

export type Side = 0 | 1;

/** Rows that one call of `put` gives out at most. */
const ROWS_AT_ONCE = 4096;

const UNPAD = 0;
const PAIR_IN = 1;
const PAIR_OUT = 2;
const PAD = 3;
const UPDATE = 4;

/** What is done with all partners, one thing behind the other. */
type Steps = readonly number[];
const NOTHING: Steps = [];
const ADDED: Steps = [PAIR_IN];
const ADDED_PADDED: Steps = [UNPAD, PAIR_IN];
const REMOVED: Steps = [PAIR_OUT];
const REMOVED_PADDED: Steps = [PAIR_OUT, PAD];
const UPDATED: Steps = [UPDATE];

export class JoinAnswer {
  /** The rows of the other side that the row joins; the first `count` count. */
  partners: Int32Array = new Int32Array(64);
  count = 0;
  private readonly sides: readonly [JoinSide, JoinSide];
  private readonly isOuter: readonly [boolean, boolean];
  private readonly output: JoinOutput;
  private side: Side = 0;
  private at = NULL_ROW;
  private before = NULL_ROW;
  private steps: Steps = NOTHING;
  private step = 0;
  private index = 0;
  /** Rows that are left for the partner at `index`; -1: it has not been looked at. */
  private left = -1;

  constructor(
    sides: readonly [JoinSide, JoinSide],
    isOuter: readonly [boolean, boolean],
    output: JoinOutput,
  ) {
    this.sides = sides;
    this.isOuter = isOuter;
    this.output = output;
  }

  addPartner(row: number): void {
    if (this.count === this.partners.length) this.partners = grown(this.partners, this.count * 2);
    this.partners[this.count] = row;
    this.count += 1;
  }

  /** A row came. */
  added(side: Side, at: number): void {
    const other: Side = side === 0 ? 1 : 0;
    this.sides[side].matches[at] = roomForCount(this.rowsMet(other), 'partners of a row');
    this.begin(side, at, this.isOuter[other] ? ADDED_PADDED : ADDED);
    if (this.count === 0 && this.isOuter[side]) this.push(at, NULL_ROW, OP_INSERT);
  }

  /** A row went. */
  removed(side: Side, at: number): void {
    this.begin(side, at, this.isOuter[side === 0 ? 1 : 0] ? REMOVED_PADDED : REMOVED);
    // One whose partners have all expired was given with them, and not padded.
    const isPadded = this.isOuter[side] && this.sides[side].matches[at] === 0;
    if (isPadded) this.push(at, NULL_ROW, OP_DELETE);
  }

  /** A row took another's place. */
  updated(side: Side, before: number, after: number): void {
    this.before = before;
    this.begin(side, after, UPDATED);
  }

  /** Gives out some more rows; true: that was all. */
  put(): boolean {
    let room = ROWS_AT_ONCE;
    for (; this.step < this.steps.length; this.step += 1) {
      const step = this.steps[this.step]!;
      for (; this.index < this.count; this.index += 1) {
        const partner = this.partners[this.index]!;
        if (this.left < 0) this.left = this.rowsOf(step, partner);
        for (; this.left > 0; this.left -= 1) {
          if (room === 0) return false;
          room -= 1;
          this.row(step, partner);
        }
        this.left = -1;
      }
      this.index = 0;
    }
    return true;
  }

  private begin(side: Side, at: number, steps: Steps): void {
    this.side = side;
    this.at = at;
    this.steps = steps;
    this.step = 0;
    this.index = 0;
    this.left = -1;
  }

  /** The rows of the other side that the row at work joins, equal ones each for itself. */
  rowsMet(other: Side): number {
    const { copies } = this.sides[other];
    let matches = 0;
    for (let index = 0; index < this.count; index += 1) matches += copies[this.partners[index]!]!;
    return matches;
  }

  /** How many rows a step gives for a partner, whose matches it counts. */
  private rowsOf(step: number, partner: number): number {
    const { copies, matches } = this.sides[this.side === 0 ? 1 : 0];
    if (step === UNPAD) {
      matches[partner] = roomForCount(matches[partner]! + 1, 'partners of a row');
      return matches[partner] === 1 ? copies[partner]! : 0;
    }
    if (step === PAD) {
      matches[partner] = matches[partner]! - 1;
      return matches[partner] === 0 ? copies[partner]! : 0;
    }
    return copies[partner]!;
  }

  private row(step: number, partner: number): void {
    const { side, at, before, output } = this;
    if (step === PAIR_IN) this.push(at, partner, OP_INSERT);
    else if (step === PAIR_OUT) this.push(at, partner, OP_DELETE);
    else if (step === UNPAD) this.push(NULL_ROW, partner, OP_DELETE);
    else if (step === PAD) this.push(NULL_ROW, partner, OP_INSERT);
    else if (side === 0) output.pushUpdate(before, partner, at, partner);
    else output.pushUpdate(partner, before, partner, at);
  }

  /** A row of the side at work with one of the other side. */
  private push(own: number, other: number, op: number): void {
    if (this.side === 0) this.output.push(own, other, op);
    else this.output.push(other, own, op);
  }
}
