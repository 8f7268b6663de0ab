/**
 * Writes bytes that are no rows to a topic: dead letters. Owns nothing but that; delivery is
 * open-delivery.ts.
 */
import { systemClock } from '../../base/clock.js';
import type { TableDefinition } from '../../plan/schema.js';
import { openRecordDelivery } from './open-delivery.js';
import { writeOptions } from './settings/table-options.js';
import { RecordTooLarge } from './record/record-delivery.js';
import type { KafkaWriteTarget } from './settings/table-options.js';

export interface KafkaLineTarget {
  readonly uri: string;
  /** The URI's options. */
  readonly table: TableDefinition;
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

/**
 * Connects and finds (or, where the cluster does so, creates) the topic. Throws ConfigError
 * SETTING_INVALID for options, else as openRecordDelivery does.
 */
export async function openKafkaLineWriter(line: KafkaLineTarget): Promise<KafkaLineWriter> {
  const { uri, table, notice = (): void => undefined } = line;
  const target: KafkaWriteTarget = { ...writeOptions(table), label: `"${uri}"` };
  const delivery = await openRecordDelivery(target, notice);
  return {
    write: (bytes) => {
      const out = delivery.begin(null, systemClock.nowMs());
      out.appendBytes(bytes, 0, bytes.length - (bytes[bytes.length - 1] === LINE_FEED ? 1 : 0));
      try {
        delivery.end(null);
      } catch (error) {
        throw error instanceof RecordTooLarge ? error.failure : error;
      }
    },
    pressure: () => delivery.pressure(),
    flush: () => delivery.flush(),
    close: () => delivery.close(),
  };
}

const LINE_FEED = 0x0a;
