/**
 * Writes bytes that are no rows to a topic: dead letters. Owns nothing but the URI's defaults;
 * delivery is delivery-queue.ts.
 */
import { openDeliveryQueue } from './delivery-queue.js';
import { CONNECT_TIMEOUT_MS } from './options.js';

export interface KafkaLineTarget {
  /** Host and port pairs, separated by commas. */
  readonly brokers: string;
  readonly topic: string;
  /** Lines about brokers that go away and come back; dropped without it. */
  readonly notice?: (line: string) => void;
}

export interface KafkaLineWriter {
  /** One record; the bytes may be reused afterwards. A line feed at the end is left out. */
  write(line: Uint8Array): void;
  /** null: write on. A promise: wait for it first. */
  pressure(): Promise<void> | null;
  /** Every record is acknowledged. Throws ConnectorError SINK_WRITE. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Connects and finds (or, where the cluster does so, creates) the topic. */
export async function openKafkaLineWriter(target: KafkaLineTarget): Promise<KafkaLineWriter> {
  const { brokers, topic, notice = (): void => undefined } = target;
  const label = `"kafka://${brokers}/${topic}"`;
  const endpoint = { label, topic, brokers, properties: {}, connectTimeoutMs: CONNECT_TIMEOUT_MS };
  const queue = await openDeliveryQueue(endpoint, notice);
  return {
    write: (line) => {
      queue.send(withoutLineFeed(line), null);
    },
    pressure: () => queue.pressure(),
    flush: () => queue.flush(),
    close: () => queue.close(),
  };
}

function withoutLineFeed(line: Uint8Array): Uint8Array {
  return line[line.length - 1] === 0x0a ? line.subarray(0, -1) : line;
}
