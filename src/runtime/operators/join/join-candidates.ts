/**
 * Which rows of the other side a batch's rows join when there is a condition beside the keys. Owns
 * the candidates: pairs of a row of the batch and a kept row with its key, listed in order over the
 * rows to come and judged by the compiled condition a run at a time. What a join makes of partners
 * is join-answer.ts. Looking ahead is safe: while a side's batch is answered, the other side's rows
 * stay as they are. @hot
 *
 *   positions  0 0 0 1 1 3 …   rows of the batch, by position      cursor ─▶ what is asked next
 *   others     a b c d e f …   kept rows of the other side
 *   outcomes   1 0 1 2 0 1 …   HOLDS, not, or FAILS: the record of that position fails
 */
import type { Batch } from '../../../columnar/batch.js';
import { emptyHeader, newBatch } from '../../../columnar/batch.js';
import type { SqlType } from '../../../columnar/types.js';
import { CalcProgram } from '../../../codegen/calc/calc-program.js';
import type { BoundExpression } from '../../../plan/expression/expression.js';
import { columnIndexes, mapColumns } from '../../../plan/expression/expression-walk.js';
import { NULL_ROW } from '../rows/row-store.js';
import type { RowStore } from '../rows/row-store.js';
import type { RecordFailure } from '../../operator.js';
import type { JoinAnswer, Side } from './join-answer.js';
import type { JoinExpiry } from './join-expiry.js';
import { NO_KEY } from './join-keys.js';

/** What has become of the look for partners. */
export const LOOKING = 0;
export const FOUND = 1;
export const FAILED = 2;
export type Look = typeof LOOKING | typeof FOUND | typeof FAILED;

const HOLDS = 1;
const FAILS = 2;

/** A condition over the columns of both sides, the left one's first. */
export interface PairCondition {
  readonly name: string;
  readonly expression: BoundExpression;
  /** Columns of the left side. */
  readonly leftWidth: number;
}

/** A batch of one side that is being answered. */
export interface AnsweredBatch {
  readonly side: Side;
  readonly header: Batch['header'];
  readonly count: number;
  /** By position: the key's slot, and where the row stands in its side's store. */
  readonly slots: Int32Array;
  readonly places: Int32Array;
  /** The other side: the first row of a slot, and the row after a row. */
  readonly first: Int32Array;
  readonly next: Int32Array;
  /** Says which of them a row still meets; null: all. */
  readonly expiry: JoinExpiry | null;
}

export class JoinCandidates {
  /** Pairs that the last `look` listed and judged. */
  listed = 0;
  private readonly program: CalcProgram;
  private readonly stores: readonly [RowStore, RowStore];
  /** What the condition reads: the side's column of each column of `pairs`. */
  private readonly columns: readonly { readonly side: Side; readonly column: number }[];
  private readonly pairs: Batch = newBatch([], emptyHeader(''));
  private readonly positions: Int32Array;
  /** Kept rows of the pairs, by side. */
  private readonly rows: readonly [Int32Array, Int32Array];
  private readonly outcomes: Uint8Array;
  private count = 0;
  private cursor = 0;
  private answered: AnsweredBatch | null = null;
  /** Where the list goes on: the position, and its candidate; NULL_ROW: the first one. */
  private position = 0;
  private row = NULL_ROW;

  /** `pairsMax`: so many pairs are judged at once. */
  constructor(
    { name, expression, leftWidth }: PairCondition,
    stores: readonly [RowStore, RowStore],
    pairsMax: number,
  ) {
    const read = [...columnIndexes(expression)];
    const types = new Map<number, SqlType>();
    const filter = mapColumns(expression, (column) => {
      types.set(column.index, column.type);
      return { ...column, index: read.indexOf(column.index) };
    });
    this.stores = stores;
    this.columns = read.map((index) =>
      index < leftWidth
        ? { side: 0 as const, column: index }
        : { side: 1 as const, column: index - leftWidth },
    );
    this.program = new CalcProgram({
      name,
      inputTypes: read.map((index) => types.get(index)!),
      filter,
      projections: [],
      evaluateRejected: [],
    });
    this.positions = new Int32Array(pairsMax);
    this.rows = [new Int32Array(pairsMax), new Int32Array(pairsMax)];
    this.outcomes = new Uint8Array(pairsMax);
  }

  /** Positions are asked for in rising order from here on; some may be left out. */
  begin(batch: AnsweredBatch): void {
    this.answered = batch;
    this.position = 0;
    this.row = NULL_ROW;
    this.count = 0;
    this.cursor = 0;
  }

  /** Adds partners of the row at a position to the answer; LOOKING: not all of them yet. */
  look(position: number, answer: JoinAnswer): Look {
    const { positions, outcomes } = this;
    this.listed = 0;
    this.pass(position);
    if (this.cursor === this.count && this.position <= position) this.judge();
    const others = this.rows[this.answered!.side === 0 ? 1 : 0];
    while (this.cursor < this.count && positions[this.cursor] === position) {
      const outcome = outcomes[this.cursor]!;
      if (outcome === FAILS) return FAILED;
      if (outcome === HOLDS) answer.addPartner(others[this.cursor]!);
      this.cursor += 1;
    }
    return this.cursor === this.count && this.position <= position ? LOOKING : FOUND;
  }

  /** Why the last look failed. */
  failure(): RecordFailure {
    const { key, message } = this.program.failureOf(this.cursor);
    return { key, message };
  }

  /** Nobody asks for the pairs of earlier positions any more. */
  private pass(position: number): void {
    const { positions, count } = this;
    while (this.cursor < count && positions[this.cursor]! < position) this.cursor += 1;
    if (this.position >= position) return;
    this.position = position;
    this.row = NULL_ROW;
  }

  /** Lists the next pairs and judges them. */
  private judge(): void {
    this.cursor = 0;
    this.count = this.list();
    this.listed = this.count;
    if (this.count === 0) return;
    const { pairs, program, outcomes, count } = this;
    this.columns.forEach(({ side, column }, at) => {
      pairs.columns[at] = this.stores[side].gatherColumn(column, this.rows[side], count);
    });
    pairs.header = this.answered!.header;
    pairs.rowCount = count;
    pairs.selectedCount = count;
    if (program.failureCount > 0) program.clearFailures();
    program.run(pairs);
    outcomes.fill(0, 0, count);
    for (let at = 0; at < program.passedCount; at += 1) outcomes[program.passing[at]!] = HOLDS;
    if (program.failureCount === 0) return;
    for (let at = 0; at < count; at += 1) if (program.failAt[at] !== 0) outcomes[at] = FAILS;
  }

  /** The number of pairs, as many as there is room for. */
  private list(): number {
    const { side, count, slots, places, first, next, expiry } = this.answered!;
    const { positions } = this;
    const owns = this.rows[side];
    const others = this.rows[side === 0 ? 1 : 0];
    const room = positions.length;
    let pair = 0;
    let { position, row } = this;
    for (; position < count; position += 1) {
      const slot = slots[position]!;
      if (slot === NO_KEY) continue;
      if (row === NULL_ROW) row = first[slot]!;
      const place = places[position]!;
      for (; row !== NULL_ROW && pair < room; row = next[row]!) {
        if (expiry !== null && !expiry.meets(side, expiry.times[position]!, row)) continue;
        positions[pair] = position;
        owns[pair] = place;
        others[pair] = row;
        pair += 1;
      }
      if (row !== NULL_ROW) break;
    }
    this.position = position;
    this.row = row;
    return pair;
  }
}
