/**
 * What a cluster tells about a topic's offsets where no librdkafka is asked, for offset-choice.ts. Owns
 * which questions that takes; the requests are cluster.ts.
 */
import type { IsolationLevel } from '../settings/client-settings.js';
import type { Cluster } from './cluster.js';
import type { HeldOffsets, OffsetQueries, Offsets } from '../settings/offset-choice.js';

export class ClusterOffsets implements OffsetQueries {
  private readonly cluster: Cluster;
  private readonly isolation: IsolationLevel;
  private readonly groupId: string | null;

  constructor(cluster: Cluster, isolation: IsolationLevel, groupId: string | null) {
    this.cluster = cluster;
    this.isolation = isolation;
    this.groupId = groupId;
  }

  async held(partitions: readonly number[]): Promise<ReadonlyMap<number, HeldOffsets>> {
    const [low, high] = await Promise.all([
      this.ask(partitions, 'earliest'),
      this.ask(partitions, 'latest'),
    ]);
    return new Map(
      partitions.map((partition) => {
        const lowOffset = low.get(partition) ?? 0;
        return [partition, { lowOffset, highOffset: high.get(partition) ?? lowOffset }];
      }),
    );
  }

  atTime(partitions: readonly number[], timestampMs: number): Promise<Offsets> {
    return this.ask(partitions, timestampMs);
  }

  committed(partitions: readonly number[]): Promise<Offsets> {
    const { groupId } = this;
    if (groupId === null) return Promise.resolve(new Map());
    return this.cluster.committed(groupId, partitions);
  }

  private ask(
    partitions: readonly number[],
    at: 'earliest' | 'latest' | number,
  ): Promise<ReadonlyMap<number, number>> {
    const questions = partitions.map((partition) => ({ partition, at }));
    return this.cluster.listOffsets(questions, this.isolation);
  }
}
