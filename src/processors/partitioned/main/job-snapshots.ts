/**
 * Snapshots in memory: what a job's state is made of, and its collection from the workers' parts.
 * Owns when a snapshot is complete. Parts are per key group inside (state/snapshot.ts), so any
 * number of partitions can take them in.
 */
import { VeloError } from '../../../base/errors.js';
import type { FromWorker, LaneSnapshot, PartitionSnapshot, QuerySnapshot } from '../messages.js';

/** By query, in the order of the job; null: it has ended, and nothing of it goes on. */
export type JobSnapshot = readonly (QuerySnapshot | null)[];

interface Pending {
  readonly barrier: number;
  readonly missing: number[];
  readonly lanes: (readonly LaneSnapshot[])[];
  readonly partitions: PartitionSnapshot[][];
  readonly ended: boolean[];
  readonly resolve: (snapshot: JobSnapshot) => void;
  readonly reject: (error: Error) => void;
}

export class SnapshotCollector {
  private pending: Pending[] = [];

  /** `parts`: messages to come, by query. */
  expect(barrier: number, parts: readonly number[]): Promise<JobSnapshot> {
    return new Promise((resolve, reject) => {
      this.pending.push({
        barrier,
        missing: [...parts],
        lanes: parts.map(() => []),
        partitions: parts.map(() => []),
        ended: parts.map(() => false),
        resolve,
        reject,
      });
    });
  }

  received(message: Extract<FromWorker, { kind: 'snapshot' }>): void {
    const found = this.pending.find(({ barrier }) => barrier === message.barrier);
    if (found === undefined) return;
    const { query } = message;
    found.missing[query] = (found.missing[query] ?? 0) - 1;
    if (message.lanes !== null) found.lanes[query] = message.lanes;
    found.partitions[query]?.push(...message.partitions);
    this.concludeIfWhole(found);
  }

  /** Does without the parts of queries which are over: they will never come. */
  passOver(endedBefore: (query: number, barrier: number) => boolean): void {
    for (const pending of this.pending) {
      pending.missing.forEach((count, query) => {
        if (count === 0 || !endedBefore(query, pending.barrier)) return;
        pending.missing[query] = 0;
        pending.ended[query] = true;
      });
      this.concludeIfWhole(pending);
    }
  }

  private concludeIfWhole(pending: Pending): void {
    const { missing, lanes, partitions, ended, resolve } = pending;
    if (missing.some((count) => count > 0)) return;
    this.pending = this.pending.filter((other) => other !== pending);
    resolve(
      lanes.map((ofQuery, at) =>
        ended[at] === true ? null : { lanes: ofQuery, partitions: partitions[at] ?? [] },
      ),
    );
  }

  /** Whoever still waits will get none. */
  jobEnded(): void {
    for (const { reject } of this.pending) {
      reject(
        new VeloError('JOB_ENDED', { message: 'the job ended before its snapshot was taken' }),
      );
    }
    this.pending = [];
  }
}
