/**
 * The schema of a topic that a query names as kafka://host:port/topic, from the first 1,000 records
 * that it holds. Owns sampling, without a group and bounded by what the topic holds when asked;
 * JSON types are infer-json.ts.
 */
import { systemClock } from '../../base/clock.js';
import { ConnectorError } from '../../base/errors.js';
import type { PhysicalColumn, TableDefinition } from '../../plan/schema.js';
import { JsonInference } from '../infer-json.js';
import type { KafkaBlocks } from './blocks.js';
import type { MessageBlock } from './message-block.js';
import { readOptions } from './options.js';
import type { KafkaReadOptions } from './options.js';
import { openTopicBlocks } from './open-blocks.js';

const SAMPLE_RECORDS_MAX = 1_000;
/** How long a topic that holds records may take to give them. */
const SAMPLE_TIMEOUT_MS = 15_000;

/**
 * `table`: the URI's options. Throws ConfigError SETTING_INVALID for them, ConnectorError
 * BROKER_UNREACHABLE, TOPIC_NOT_FOUND, KAFKA, or SCHEMA_INFERENCE for a topic without records or
 * without JSON objects.
 */
export async function inferKafkaSchema(
  uri: string,
  table: TableDefinition,
): Promise<readonly PhysicalColumn[]> {
  const read = readOptions(table);
  if (read.format !== 'json') throw notInferred(uri, `format "${read.format}" names no columns`);
  const options: KafkaReadOptions = {
    ...read,
    label: `"${uri}"`,
    // A sample needs no deep prefetch.
    properties: {
      ...read.properties,
      'queued.min.messages': '1000',
      'queued.max.messages.kbytes': '4096',
    },
    groupId: null,
    start: { kind: 'earliest' },
    stop: { kind: 'latest' },
    offsetReset: 'earliest',
    outOfRange: 'earliest',
    discoveryIntervalMs: 0,
  };
  const blocks = await openTopicBlocks({
    options,
    parts: { keys: false, headers: false },
    rowsMax: SAMPLE_RECORDS_MAX,
    clock: systemClock,
    notice: () => undefined,
    partitions: null,
    ranges: null,
    grows: false,
    group: null,
  });
  try {
    const inference = new JsonInference();
    const seen = await sample(blocks, inference, uri);
    const columns = inference.columns();
    if (columns.length > 0) return columns;
    throw notInferred(
      uri,
      seen === 0
        ? 'the topic holds no records'
        : `none of its first ${seen} records is a JSON object with keys`,
    );
  } finally {
    await blocks.close();
  }
}

/** Takes up to SAMPLE_RECORDS_MAX records in, partition by partition as they come. */
async function sample(blocks: KafkaBlocks, inference: JsonInference, uri: string): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(notInferred(uri, `the broker gave no records for ${SAMPLE_TIMEOUT_MS / 1000} s`));
    }, SAMPLE_TIMEOUT_MS);
  });
  try {
    return await Promise.race([takeRecords(blocks, inference), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

async function takeRecords(blocks: KafkaBlocks, inference: JsonInference): Promise<number> {
  let seen = 0;
  let open = [...blocks.splits];
  while (seen < SAMPLE_RECORDS_MAX && open.length > 0) {
    let progressed = false;
    for (const split of open) {
      const next = split.next();
      if (next === 'wait') continue;
      progressed = true;
      if (next === 'end') open = open.filter((other) => other !== split);
      else seen += addBlock(inference, next.block, SAMPLE_RECORDS_MAX - seen);
    }
    if (!progressed) await Promise.race(open.map((split) => split.ready()));
  }
  return seen;
}

/** Takes at most `rowsMax` records in; how many they were. */
function addBlock(inference: JsonInference, block: MessageBlock, rowsMax: number): number {
  const rows = Math.min(block.rowCount, rowsMax);
  for (let row = 0; row < rows; row += 1) {
    const value = block.rawRecord(row);
    inference.add(value, 0, value.length);
  }
  return rows;
}

function notInferred(uri: string, why: string): ConnectorError {
  return new ConnectorError('SCHEMA_INFERENCE', {
    message: `schema of topic "${uri}" cannot be inferred: ${why}`,
    hint: 'declare the columns with CREATE TABLE',
  });
}
