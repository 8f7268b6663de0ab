/**
 * What a query commits whose job is cut short: its turns under way were given up, so that what the
 * workers' digests hold of them nobody knows. Owns a query over a topic that needs no broker; who
 * cuts a job, and when, is test/cli/stop-matrix.
 */
import { expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/base/clock.js';
import type { PreparedSource } from '../../../src/connectors/connector.js';
import type { FedSplit } from '../../../src/connectors/fed-source.js';
import {
  COMMAND_RUN,
  COMMAND_STOP,
  JobControl,
} from '../../../src/processors/partitioned/control.js';
import { PARTITIONED_DEFAULTS } from '../../../src/processors/partitioned/job-settings.js';
import { CoordinatedQuery } from '../../../src/processors/partitioned/main/coordinated-query.js';
import { LANE_POSITION } from '../../../src/processors/partitioned/turns/lanes.js';
import { TurnTable } from '../../../src/processors/partitioned/turns/turns.js';
import { planOf } from '../../plan/support.js';

/** Where the two splits start, and how many records a block of theirs has. */
const STARTS = [50, 70];
const BLOCK = 10;

const topic = vi.hoisted(() => ({ prepared: null as PreparedSource | null }));
vi.mock(import('../../../src/connectors/registry.js'), async (original) => ({
  ...(await original()),
  prepareSource: () => Promise.resolve(topic.prepared as PreparedSource),
}));

/** By split, the offset before which everything is finished. */
function newTopic(): { readonly prepared: PreparedSource; readonly finished: number[] } {
  const finished: number[] = [];
  const splits = STARTS.map((start, split): Partial<FedSplit> => ({
    split,
    position: () => String(start),
    finishedThrough: (offset) => (finished[split] = offset),
  }));
  const prepared: PreparedSource = {
    reading: 'owned',
    splits: STARTS.map((_, split) => ({ split, sourceName: 't', extent: null })),
    shared: [],
    lease: null,
    blocks: {
      splits: splits as FedSplit[],
      blockBytes: () => 0,
      writeBlock: () => undefined,
      commit: () => Promise.resolve(),
      hurry: () => undefined,
      close: () => Promise.resolve(),
    },
  };
  return { prepared, finished };
}

/** A query whose rows stay with the workers, over two blocks that were read. */
async function committedBy(end: (control: JobControl) => void): Promise<number[]> {
  const { prepared, finished } = newTopic();
  topic.prepared = prepared;
  const plan = planOf('SELECT id FROM u').queries[0]!;
  const query = await CoordinatedQuery.open(
    plan,
    {
      settings: { ...PARTITIONED_DEFAULTS, partitions: 2, workers: 1 },
      sinkPlace: () => 'digest',
      rate: null,
      nowMs: null,
      batchRows: null,
      clock: systemClock,
      notice: () => undefined,
      openSink: () => Promise.reject(new Error('rows stay with the workers')),
      checkpoints: null,
    },
    null,
  );
  const control = new JobControl(new SharedArrayBuffer(JobControl.bytesFor(1)), 1);
  control.order(COMMAND_RUN);
  query.openFeeds(control);
  const turns = new TurnTable(query.task().memory.turns, {
    lanes: STARTS.length,
    workers: 1,
    worker: 0,
    dealing: 'any',
    paced: [],
  });
  const claim = (cells: Float64Array): 'block' => {
    cells[LANE_POSITION]! += BLOCK;
    return 'block';
  };
  const lanes = STARTS.map(() => ({ claim, dueInMs: () => 0, idleTimeoutMs: 0 }));
  for (let turn = 0; turn < STARTS.length; turn += 1)
    expect(turns.claim(lanes, { command: COMMAND_RUN, barrier: 0, ms: 0 })).toBe('block');
  end(control);
  await query.close();
  return finished;
}

it('all that was read, where the job ends by itself or is stopped', async () => {
  const all = STARTS.map((start) => start + BLOCK);
  expect(await committedBy(() => undefined)).toEqual(all);
  expect(await committedBy((control) => control.order(COMMAND_STOP))).toEqual(all);
});

it('nothing, where the turns of a stop were given up', async () => {
  const committed = await committedBy((control) => {
    control.order(COMMAND_STOP);
    control.cut();
  });
  expect(committed).toEqual(STARTS);
});
