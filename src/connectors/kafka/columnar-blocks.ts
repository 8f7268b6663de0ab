/**
 * A topic as numbered blocks, fetched with requests of our own. Owns opening: the cluster, the
 * partitions of this reader, where they start and stop. Fetching is fetch-reader.ts, what a split
 * does block-source.ts.
 */
import type { PartitionRange } from '../source.js';
import { KafkaBlockReader } from './block-source.js';
import type { BlocksRequest } from './blocks/blocks.js';
import type { ClientSettings } from './settings/client-settings.js';
import { ClusterOffsets } from './cluster/cluster-offsets.js';
import { Cluster } from './cluster/cluster.js';
import { FetchReader } from './fetch/fetch-reader.js';
import { resolveRanges } from './settings/offset-choice.js';

/**
 * Throws ConnectorError BROKER_UNREACHABLE, KAFKA_AUTHENTICATION, KAFKA_TLS, KAFKA_AUTHORIZATION,
 * TOPIC_NOT_FOUND, OFFSET_OUT_OF_RANGE or KAFKA, each within the table's 'connect.timeout' or so.
 */
export async function openColumnarBlocks(
  request: BlocksRequest,
  settings: ClientSettings,
): Promise<KafkaBlockReader> {
  const { options, notice, clock } = request;
  const cluster = await Cluster.connect(options, settings, notice, clock);
  try {
    const ranges = await rangesOf(request, settings, cluster);
    cluster.opened();
    const reader = new FetchReader(request, settings, cluster, ranges);
    return new KafkaBlockReader(reader, {
      path: 'columnar',
      bounded: options.stop.kind !== 'unbounded',
      topic: options.topic,
      notice,
    });
  } catch (error) {
    await cluster.close();
    throw error;
  }
}

function rangesOf(
  { options, partitions, ranges, notice }: BlocksRequest,
  { isolation }: ClientSettings,
  cluster: Cluster,
): Promise<readonly PartitionRange[]> {
  const found = cluster.topic().partitions.map(({ partition }) => partition);
  const shared = found.filter((partition) => partitions?.includes(partition) ?? true);
  if (ranges !== null) {
    return Promise.resolve(ranges.filter(({ partition }) => shared.includes(partition)));
  }
  const queries = new ClusterOffsets(cluster, isolation, options.groupId);
  return resolveRanges(options, queries, shared, notice);
}
