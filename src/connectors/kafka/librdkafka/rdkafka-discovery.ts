/**
 * Looks for partitions that a topic gets while it is read through librdkafka, at the table's
 * interval. Owns the timer, the questions, where a new partition starts and what is said of it;
 * reading it is rdkafka-reader.ts. Columnar fetch finds them in the metadata that it looks at anyway.
 */
import type { PartitionRange } from '../../source.js';
import type { BlocksRequest } from '../blocks/blocks.js';
import { topicPartitions } from './rdkafka-client.js';
import { addedLine } from '../blocks/growing-splits.js';
import { RdkafkaOffsets } from './rdkafka-offsets.js';
import type { RdConsumer } from './rdkafka.js';

export class PartitionDiscovery {
  private readonly request: BlocksRequest;
  private readonly consumer: RdConsumer;
  /** Partitions that are read, or of which it was said that they are not. */
  private readonly known: Set<number>;
  private readonly join: (ranges: readonly PartitionRange[]) => void;
  private timer: NodeJS.Timeout | undefined;
  private looking = false;
  private failing = false;
  private closed = false;

  /** `join`: reads these as well; called only where the request says that it grows. */
  constructor(
    request: BlocksRequest,
    consumer: RdConsumer,
    known: readonly number[],
    join: (ranges: readonly PartitionRange[]) => void,
  ) {
    this.request = request;
    this.consumer = consumer;
    this.known = new Set(known);
    this.join = join;
  }

  /** What a bounded read reads is settled; in a group, rdkafka-membership.ts learns of partitions. */
  start(): void {
    const { stop, discoveryIntervalMs } = this.request.options;
    if (stop.kind !== 'unbounded' || discoveryIntervalMs === 0) return;
    this.timer = setInterval(() => {
      if (this.looking) return;
      this.looking = true;
      void this.look().finally(() => {
        this.looking = false;
      });
    }, discoveryIntervalMs);
  }

  close(): void {
    this.closed = true;
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    const { options, notice } = this.request;
    try {
      const found = await topicPartitions(options, this.consumer);
      const added = found.filter((partition) => !this.known.has(partition));
      if (added.length > 0) await this.take(added);
      this.failing = false;
    } catch (error) {
      // Whether it ends the read is found out by reading.
      if (this.failing || this.closed) return;
      this.failing = true;
      const why = error instanceof Error ? error.message : String(error);
      notice(`new partitions of topic "${options.topic}" cannot be looked for now: ${why}`);
    }
  }

  private async take(added: readonly number[]): Promise<void> {
    const { options, grows, notice } = this.request;
    let taken = added;
    if (grows) {
      const held = await new RdkafkaOffsets(options, this.consumer).held(added);
      if (this.closed) return;
      const stop = Number.POSITIVE_INFINITY;
      // From their beginning: nothing of them was read before.
      this.join([...held].map(([partition, { lowOffset: start }]) => ({ partition, start, stop })));
      taken = [...held.keys()];
    }
    for (const partition of taken) this.known.add(partition);
    notice(addedLine(options.topic, taken, grows));
  }
}
