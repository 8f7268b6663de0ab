/**
 * The last turns of a query, so that main can say where its lanes stood behind one of them: what is
 * committed when a LIMIT, or a reader of the results, has left rows of later turns. Owns these cells,
 * which are written under the token; taking turns is turns.ts. @hot
 *
 *   cells   0 turns so far · 1 turn that the LIMIT was reached in, -1 · 2 position behind its last row
 *           then the last turns, 3 each: seq · lane, -1 without one · its position before
 */
import { LANE_POSITION } from './lanes.js';

/** Of a turn without a block. */
export const NO_LANE = -1;

const TURNS = 0;
const LIMIT_SEQ = 1;
const LIMIT_POSITION = 2;
const FIRST_TURN = 3;
/** Turns that are remembered: more than can be under way. */
const REMEMBERED_TURNS = 4096;
const CELLS_PER_TURN = 3;

export class TurnLog {
  static readonly CELLS = FIRST_TURN + CELLS_PER_TURN * REMEMBERED_TURNS;
  private readonly cells: Float64Array;
  private readonly positions: readonly Float64Array[];

  /** `positions`: cells of each lane. */
  constructor(cells: Float64Array, positions: readonly Float64Array[]) {
    this.cells = cells;
    this.positions = positions;
  }

  /** Main, before the workers start. */
  reset(): void {
    this.cells[LIMIT_SEQ] = -1;
  }

  /** Under the token: a turn of this lane, which stood at `before`. */
  note(seq: number, lane: number, before: number): void {
    const { cells } = this;
    cells[TURNS] = seq + 1;
    const at = cellOf(seq);
    cells[at] = seq;
    cells[at + 1] = lane;
    cells[at + 2] = before;
  }

  /** The turn that the LIMIT was reached in, and where its last row ends. */
  noteLimit(seq: number, position: number): void {
    this.cells[LIMIT_SEQ] = seq;
    this.cells[LIMIT_POSITION] = position;
  }

  /** Main: where the lanes stood when the LIMIT was reached; null: that is not known. */
  positionsAtLimit(): number[] | null {
    const seq = this.cells[LIMIT_SEQ]!;
    const positions = seq < 0 ? null : this.positionsBehind(seq);
    const lane = this.laneOf(seq);
    if (positions === null || lane === null || lane === NO_LANE) return null;
    positions[lane] = this.cells[LIMIT_POSITION]!;
    return positions;
  }

  /** Main, while nobody takes a turn: where the lanes stood behind it; null: not known any more. */
  positionsBehind(seq: number): number[] | null {
    const positions = this.positions.map((cells) => cells[LANE_POSITION]!);
    for (let later = this.cells[TURNS]! - 1; later > seq; later -= 1) {
      const lane = this.laneOf(later);
      if (lane === null) return null;
      if (lane !== NO_LANE) positions[lane] = this.cells[cellOf(later) + 2]!;
    }
    return positions;
  }

  /** null: so long ago that it is not known any more. */
  private laneOf(seq: number): number | null {
    const at = cellOf(seq);
    return this.cells[at] === seq ? this.cells[at + 1]! : null;
  }
}

function cellOf(seq: number): number {
  return FIRST_TURN + CELLS_PER_TURN * (seq % REMEMBERED_TURNS);
}
