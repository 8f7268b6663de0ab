/**
 * Which offsets main commits, and when a group that takes a partition away is told that it is
 * finished: not before the sink has the results, and in any case when the job is over.
 */
import { describe, expect, it } from 'vitest';
import type { SourceBlocks } from '../../../src/connectors/fed-source.js';
import type { Settle } from '../../../src/connectors/kafka/blocks/blocks.js';
import type { Sink } from '../../../src/connectors/sink.js';
import { COMMAND_RUN } from '../../../src/processors/partitioned/control.js';
import { LANE_POSITION } from '../../../src/processors/partitioned/turns/lanes.js';
import type { MainFeeder } from '../../../src/processors/partitioned/main/main-feeder.js';
import { OffsetCommits } from '../../../src/processors/partitioned/main/offset-commits.js';
import { TurnTable } from '../../../src/processors/partitioned/turns/turns.js';

/** The reader of the results has taken all of them. */
const ALL = (): number => Number.POSITIVE_INFINITY;

/** One lane of a joined topic whose blocks end at 10, 20, 30 …, and a sink to wait for. */
class Topic {
  readonly through: number[] = [];
  readonly withdrawn: (readonly number[])[] = [];
  commits = 0;
  flushes = 0;
  settle: Settle = () => Promise.reject(new Error('nobody told how to settle'));
  endFlush: (error?: Error) => void = () => undefined;
  private readonly turns: TurnTable;
  readonly offsets: OffsetCommits;
  private blocks = 0;

  constructor() {
    const memory = new SharedArrayBuffer(TurnTable.bytesFor(1, 1));
    this.turns = new TurnTable(memory, {
      lanes: 1,
      workers: 1,
      worker: 0,
      dealing: 'any',
      paced: [],
    });
    this.turns.reset();
    const blocks: Partial<SourceBlocks> = {
      splits: [
        { split: 4, finishedThrough: (offset: number) => this.through.push(offset) },
      ] as never,
      commit: () => {
        this.commits += 1;
        return Promise.resolve();
      },
      settleWith: (settle) => {
        this.settle = settle;
      },
    };
    const feeder: Partial<MainFeeder> = {
      withdraw: (splits) => this.withdrawn.push(splits),
    };
    this.offsets = new OffsetCommits({
      topics: [{ blocks: blocks as SourceBlocks, lanes: [0], feeder: feeder as MainFeeder }],
      turns: this.turns,
      clock: { nowMs: () => 0, monotonicNs: () => 0 },
      rowwise: true,
      wakeMain: () => undefined,
    });
  }

  /** A worker takes the next block's turn. */
  takeTurn(): void {
    const claim = (cells: Float64Array): 'block' => {
      this.blocks += 1;
      cells[LANE_POSITION] = this.blocks * 10;
      return 'block';
    };
    const lane = { claim, dueInMs: () => 0, idleTimeoutMs: 0 };
    expect(this.turns.claim([lane], { command: COMMAND_RUN, barrier: 0, ms: 0 })).toBe('block');
  }

  step(seqDone: number): void {
    const flush = (): Promise<void> =>
      new Promise((resolve, reject) => {
        this.flushes += 1;
        this.endFlush = (error) => {
          if (error === undefined) resolve();
          else reject(error);
        };
      });
    const sink = { flush } as Partial<Sink> as Sink;
    this.offsets.step({ sink, seqDone, mayCommit: true, deliveredSeq: ALL });
  }

  /** Whether it is over, after whatever is due has run. */
  async isOver(promise: Promise<void>): Promise<boolean> {
    let over = false;
    void promise.then(() => {
      over = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    return over;
  }
}

describe('settling for a group', () => {
  it('waits for the turns that were begun, and for the sink', async () => {
    const topic = new Topic();
    topic.takeTurn();
    topic.takeTurn();
    const settled = topic.settle([4]);
    topic.step(1);
    expect(topic.withdrawn).toEqual([[4]]);
    topic.takeTurn();
    expect(topic.flushes).toBe(0);
    topic.step(2);
    expect(topic.flushes).toBe(1);
    expect(await topic.isOver(settled)).toBe(false);
    expect(topic.through).toEqual([]);
    topic.endFlush();
    expect(await topic.isOver(settled)).toBe(true);
    // Not the turn that was taken afterwards.
    expect(topic.through).toEqual([20]);
    expect(topic.commits).toBe(0);
  });

  it('ends with the job, whose offsets are committed', async () => {
    const topic = new Topic();
    topic.takeTurn();
    const settled = topic.settle([4]);
    await topic.offsets.finish(ALL);
    expect(await topic.isOver(settled)).toBe(true);
    expect([topic.through, topic.commits]).toEqual([[10], 1]);
    expect(await topic.isOver(topic.settle([4]))).toBe(true);
  });

  it('ends with a job that fails, of which nothing more is finished', async () => {
    const topic = new Topic();
    topic.takeTurn();
    const settled = topic.settle([4]);
    topic.step(0);
    topic.offsets.end();
    expect(await topic.isOver(settled)).toBe(true);
    expect([topic.through, topic.commits]).toEqual([[], 0]);
  });

  it('fails the job when the sink cannot take the rows', async () => {
    const topic = new Topic();
    topic.takeTurn();
    const settled = topic.settle([]);
    topic.step(1);
    topic.endFlush(new Error('the disk is full'));
    expect(await topic.isOver(settled)).toBe(false);
    expect(() => topic.step(1)).toThrow('the disk is full');
    expect(topic.through).toEqual([]);
  });
});

describe('committing at intervals', () => {
  it('waits as long after each commit as it did before the first', async () => {
    let nowMs = 0;
    let commits = 0;
    const memory = new SharedArrayBuffer(TurnTable.bytesFor(1, 1));
    const turns = new TurnTable(memory, {
      lanes: 1,
      workers: 1,
      worker: 0,
      dealing: 'any',
      paced: [],
    });
    turns.reset();
    const blocks: Partial<SourceBlocks> = {
      splits: [],
      commit: () => {
        commits += 1;
        return Promise.resolve();
      },
    };
    const offsets = new OffsetCommits({
      topics: [{ blocks: blocks as SourceBlocks, lanes: [0], feeder: null }],
      turns,
      clock: { nowMs: () => nowMs, monotonicNs: () => nowMs * 1e6 },
      rowwise: true,
      wakeMain: () => undefined,
    });
    const sink: Partial<Sink> = { flush: () => Promise.resolve() };
    const at: number[] = [];
    for (; nowMs < 16_000; nowMs += 100) {
      const before = commits;
      const results = { sink: sink as Sink, seqDone: 0, mayCommit: true, deliveredSeq: ALL };
      // Once to begin, once to note where the lanes stand, once to be done.
      for (let step = 0; step < 3; step += 1) {
        offsets.step(results);
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (commits > before) at.push(nowMs);
    }
    const pauses = at.map((ms, index) => ms - (at[index - 1] ?? 0));
    expect(at.length).toBeGreaterThan(1);
    expect(new Set(pauses).size).toBe(1);
  });
});
