/**
 * Where the lanes stood behind a turn: what is committed when the rows of later turns never arrive.
 * Turns without a lane among them, and turns of so long ago that nobody remembers them.
 */
import { expect, it } from 'vitest';
import { COMMAND_RUN } from '../../../src/processors/partitioned/control.js';
import { LANE_POSITION } from '../../../src/processors/partitioned/turns/lanes.js';
import { TurnTable } from '../../../src/processors/partitioned/turns/turns.js';

/** Two lanes whose blocks are of 10 and of 7 records; what each turn left behind. */
class History {
  readonly turns: TurnTable;
  /** By turn: the positions behind it. */
  readonly behind: number[][] = [];

  constructor() {
    const memory = new SharedArrayBuffer(TurnTable.bytesFor(2, 1));
    this.turns = new TurnTable(memory, {
      lanes: 2,
      workers: 1,
      worker: 0,
      dealing: 'any',
      paced: [],
    });
    this.turns.reset();
  }

  block(): void {
    const lanes = [10, 7].map((records) => ({
      claim: (cells: Float64Array): 'block' => {
        cells[LANE_POSITION] = cells[LANE_POSITION]! + records;
        return 'block';
      },
      dueInMs: () => 0,
      idleTimeoutMs: 0,
    }));
    expect(this.turns.claim(lanes, { command: COMMAND_RUN, barrier: 0, ms: 0 })).toBe('block');
    this.behind.push(this.now());
  }

  notice(): void {
    expect(this.turns.claimNotice(COMMAND_RUN)).toBe(true);
    this.behind.push(this.now());
  }

  private now(): number[] {
    return [0, 1].map((lane) => this.turns.positionCells(lane)[LANE_POSITION]!);
  }
}

it('are known for each of the last turns', () => {
  const history = new History();
  for (let turn = 0; turn < 40; turn += 1) {
    if (turn % 3 === 2) history.notice();
    else history.block();
    history.behind.forEach((positions, seq) => {
      expect(history.turns.log.positionsBehind(seq), `behind ${seq} after ${turn}`).toEqual(
        positions,
      );
    });
  }
  expect(history.turns.log.positionsBehind(-1)).toEqual([0, 0]);
});

it('are not known for turns of long ago', () => {
  const history = new History();
  for (let turn = 0; turn < 5000; turn += 1) history.block();
  expect(history.turns.log.positionsBehind(4999)).toEqual(history.behind[4999]);
  expect(history.turns.log.positionsBehind(1000)).toEqual(history.behind[1000]);
  expect(history.turns.log.positionsBehind(10)).toBeNull();
});

it('behind a LIMIT end with its last row', () => {
  const history = new History();
  for (let turn = 0; turn < 6; turn += 1) history.block();
  expect(history.turns.log.positionsAtLimit()).toBeNull();
  history.turns.log.noteLimit(3, 9);
  // Turn 3 is the second block of lane 1: of it, two records count.
  expect(history.behind[3]).toEqual([20, 14]);
  expect(history.turns.log.positionsAtLimit()).toEqual([20, 9]);
});
