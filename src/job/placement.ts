/**
 * How many partitions and workers a life of a job on V2 has, and what of its state is another
 * partition's after they have changed. Owns the limits of what may be asked of a running job; how
 * rows find their partition is processors/partitioned/routing.
 */
import { availableParallelism } from 'node:os';
import { VeloError } from '../base/errors.js';
import { workersOf } from '../processors/partitioned/job-settings.js';
import type { PartitionedSettings } from '../processors/partitioned/job-settings.js';
import { ownersOf } from '../processors/partitioned/routing/key-group-owners.js';
import type { KeyGroupOwners } from '../processors/partitioned/routing/key-group-owners.js';
import type { JobState } from '../state/checkpoint/job-state.js';
import { GLOBAL_ENTRY } from '../state/snapshot.js';

/** `owners`: by key group, its partition; null: equal ranges. */
export type Placement = Pick<PartitionedSettings, 'partitions' | 'workers' | 'owners'>;

/** Of a job that runs; one that begins may have more. */
export const RESCALE_MAX = 64;

export function placementOf({ partitions, workers, owners }: PartitionedSettings): Placement {
  return { partitions, workers, owners };
}

export function ownersIn({ owners, partitions }: Placement): KeyGroupOwners {
  return ownersOf(owners, partitions);
}

/** What was asked of a running job; `workers` null: as many as it has. */
export interface RescaleRequest {
  readonly partitions: number;
  readonly workers: number | null;
}

/** Throws JOB_RESCALE where it cannot be, or is already. `now` null: V1. */
export function placementFor(now: Placement | null, request: RescaleRequest): Placement {
  if (now === null) {
    throw new VeloError('JOB_RESCALE', {
      message: 'the job runs on V1, which has one thread and no partitions',
      hint: `stop it and start it with --partitions ${request.partitions}: it goes on with its state`,
    });
  }
  requireCount('partitions', request.partitions);
  const { partitions } = request;
  const workers = workersOf(requireCount('workers', request.workers ?? now.workers), cores());
  if (partitions === now.partitions && workers === now.workers) {
    throw new VeloError('JOB_RESCALE', {
      message: `the job has ${placementText(now)} already`,
      hint: 'ask for another number: velo job status shows what it has',
    });
  }
  const { owners } = now;
  return { partitions, workers, owners: partitions === now.partitions ? owners : null };
}

function cores(): number {
  return availableParallelism();
}

function requireCount(what: string, count: number): number {
  if (Number.isInteger(count) && count >= 1 && count <= RESCALE_MAX) return count;
  throw new VeloError('JOB_RESCALE', {
    message: `a running job cannot have ${count} ${what}`,
    hint: `give 1 to ${RESCALE_MAX}`,
  });
}

export function placementText({ partitions, workers }: Placement): string {
  const counted = (count: number, noun: string): string =>
    `${count} ${noun}${count === 1 ? '' : 's'}`;
  return `${counted(partitions, 'partition')} on ${counted(workers, 'worker')}`;
}

/** Entries of state, and their bytes. */
export interface MovedState {
  readonly rows: number;
  readonly bytes: number;
}

/** Of a state whose key groups belonged to `from.partitions`: what another partition has now. */
export function movedState(state: JobState, from: Placement, to: Placement): MovedState {
  const [before, after] = [ownersIn(from), ownersIn(to)];
  let rows = 0;
  let total = 0;
  for (const { operators } of state) {
    for (const { bytes } of operators) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let at = 0; at < bytes.length;) {
        const keyGroup = view.getUint32(at, true);
        const length = HEAD_BYTES + view.getUint32(at + 4, true);
        at += length;
        if (keyGroup === GLOBAL_ENTRY || before[keyGroup] === after[keyGroup]) continue;
        rows += 1;
        total += length;
      }
    }
  }
  return { rows, bytes: total };
}

/** Key group and length in front of an entry (state/snapshot.ts). */
const HEAD_BYTES = 8;
