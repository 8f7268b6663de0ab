/**
 * Snapshots in memory: what a job's state is made of, and its collection from the workers' parts.
 * Owns when a snapshot is complete. Parts are per key group inside (state/snapshot.ts), so any
 * number of partitions can take them in.
 */
import { VeloError } from '../../../base/errors.js';
import type { FromWorker, LaneSnapshot, PartitionSnapshot, QuerySnapshot } from '../messages.js';

/** By query, in the order of the job. */
export type JobSnapshot = readonly QuerySnapshot[];

interface Pending {
  readonly barrier: number;
  readonly missing: number[];
  readonly lanes: (readonly LaneSnapshot[])[];
  readonly partitions: PartitionSnapshot[][];
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
    if (found.missing.some((count) => count > 0)) return;
    this.pending = this.pending.filter((other) => other !== found);
    found.resolve(
      found.lanes.map((lanes, at) => ({ lanes, partitions: found.partitions[at] ?? [] })),
    );
  }

  /** Refuses a snapshot that lacks parts of a query which is over: they will never come. */
  refuseEnded(endedBefore: (barrier: number) => string | null): void {
    for (const { barrier, reject } of this.pending) {
      const query = endedBefore(barrier);
      if (query === null) continue;
      this.pending = this.pending.filter((other) => other.barrier !== barrier);
      reject(
        new VeloError('STATE_INVALID', {
          message: `"${query}" has ended: there is no snapshot of all queries of the job any more`,
          hint: 'take it while all of them run, or run them as jobs of their own',
        }),
      );
    }
  }

  /** Whoever still waits will get none. */
  jobEnded(): void {
    for (const { reject } of this.pending) {
      reject(
        new VeloError('STATE_INVALID', { message: 'the job ended before its snapshot was taken' }),
      );
    }
    this.pending = [];
  }
}
