/**
 * Random states of jobs, and the store over a file system in memory that they are written to. Owns
 * no expectation: what was written is what must be read.
 */
import { createHash } from 'node:crypto';
import { ownPlace } from '../../../src/base/process-place.js';
import type { ProcessPlace } from '../../../src/base/process-place.js';
import type { CheckpointFiles } from '../../../src/state/checkpoint/checkpoint-files.js';
import { CheckpointStore } from '../../../src/state/checkpoint/checkpoint-store.js';
import { operatorKey } from '../../../src/state/checkpoint/epoch-writer.js';
import type { CheckpointContent } from '../../../src/state/checkpoint/epoch-writer.js';
import type { StoreOptions } from '../../../src/state/checkpoint/checkpoint-store.js';
import type { JobState, OperatorState } from '../../../src/state/checkpoint/job-state.js';
import { GLOBAL_ENTRY, StateWriter } from '../../../src/state/snapshot.js';
import type { Random } from '../../oracle/random-data.js';

export const DIR = '/checkpoints';

const TEXTS = [
  '',
  'a',
  'orders/3',
  'ünï \u2028 "\\',
  '\ud800 alone',
  '{"file":"x","at":9007199254740993}',
];
const TIMES = [-Infinity, 0, -1, 1.5, 253402300799999, 9007199254740991, Infinity];

/** Entries with keys and values; with one seed the same, and more of them the same in front. */
export function entriesOf(random: Random, count: number, valueBytesMax = 40): Uint8Array {
  const writer = new StateWriter();
  for (let entry = 0; entry < count; entry += 1) {
    writer.beginEntry(random.chance(3) ? GLOBAL_ENTRY : random.below(1024));
    writer.writeU32(random.below(2 ** 32));
    for (let left = random.below(valueBytesMax); left > 0; left -= 8) {
      writer.writeF64(random.below(2 ** 32));
    }
    writer.endEntry();
  }
  return writer.finish();
}

export function randomState(random: Random, entriesMax = 8): JobState {
  return Array.from({ length: 1 + random.below(3) }, (_, at) => ({
    query: `query ${at}`,
    ended: random.chance(20),
    sink: random.chance(50) ? null : random.pick(TEXTS),
    splits: Array.from({ length: random.below(4) }, (__, split) => ({
      scan: `scan ${random.below(2)}`,
      split,
      sourceName: random.pick(TEXTS),
      position: random.pick(TEXTS),
      highestMs: random.pick(TIMES),
      ended: random.chance(20),
      next: split === 0,
    })),
    operators: randomOperators(random, entriesMax),
  }));
}

/** Parts of one operator stand together, as they are read. */
function randomOperators(random: Random, entriesMax: number): OperatorState[] {
  const operators: OperatorState[] = [];
  for (let at = random.below(4); at > 0; at -= 1) {
    const operator = random.pick(['', 'aggregate', 'Top-N #', '../../lock']) + at;
    for (let part = random.below(4); part >= 0; part -= 1) {
      operators.push({ operator, bytes: entriesOf(random, random.below(entriesMax)) });
    }
  }
  return operators;
}

export function contentOf(epoch: number, state: JobState): CheckpointContent {
  return {
    epoch,
    trigger: epoch % 3 === 0 ? 'stop' : 'interval',
    arch: epoch % 2 === 0 ? 'v1' : 'v2',
    partitions: 1 + (epoch % 8),
    job: { name: 'test', sql: 'SELECT 1' },
    state,
    signatures: new Map(
      state.flatMap(({ query, operators }) =>
        operators.map(({ operator }) => [operatorKey(query, operator), `of ${operator}`] as const),
      ),
    ),
    counters: new Map(state.map(({ query }) => [query, { rowsRead: epoch, rowsOut: Number.NaN }])),
  };
}

/** A process in a container of its own: the next run finds it gone. */
export function containerPlace(run: number): ProcessPlace {
  return { ...ownPlace(), pidNamespace: `test:[${run}]` };
}

export interface OpenedStore {
  readonly store: CheckpointStore;
  readonly notices: readonly string[];
}

export async function openStore(
  files: CheckpointFiles,
  options: Partial<StoreOptions> = {},
): Promise<OpenedStore> {
  const notices: string[] = [];
  const store = await CheckpointStore.open(DIR, {
    notice: (line) => notices.push(line),
    clock: { nowMs: () => 1_700_000_000_000, monotonicNs: () => 0 },
    files,
    ...options,
  });
  return { store, notices };
}

/** Everything of a state, for comparing: of operators the sums of their bytes. */
export function textOf(state: JobState): string {
  return JSON.stringify(
    state.map(({ query, ended, sink, splits, operators }) => [
      query,
      ended,
      sink,
      splits.map((split) => [
        split.scan,
        split.split,
        split.sourceName,
        split.position,
        String(split.highestMs),
        split.ended,
        split.next,
      ]),
      operators.map(({ operator, bytes }) => [
        operator,
        bytes.length,
        createHash('sha256').update(bytes).digest('hex'),
      ]),
    ]),
  );
}
