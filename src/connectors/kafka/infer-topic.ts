/**
 * The schema of a topic that a query names as kafka://host:port/topic, from the first 1,000 records
 * that it holds. Owns sampling, without a group and bounded by what the topic holds when asked;
 * JSON types are infer-json.ts, what is said of values that are none first-value.ts.
 */
import { systemClock } from '../../base/clock.js';
import { ConnectorError } from '../../base/errors.js';
import { partitionOfSplit } from '../../columnar/record-place.js';
import { VARCHAR } from '../../columnar/types.js';
import type { PhysicalColumn, TableDefinition } from '../../plan/schema.js';
import { JsonInference } from '../infer-json.js';
import { RAW_COLUMN } from '../raw-column.js';
import type { KafkaBlocks, KafkaSplitBlocks } from './blocks/blocks.js';
import type { MessageBlock } from './blocks/message-block.js';
import { valueFault, valueHint } from './first-value.js';
import type { ValuePlace } from './first-value.js';
import { readOptions } from './settings/table-options.js';
import type { KafkaReadOptions } from './settings/table-options.js';
import { openTopicBlocks } from './open-blocks.js';

const SAMPLE_RECORDS_MAX = 1_000;

/** What was taken of the records so far. */
interface Sample {
  readonly inference: JsonInference;
  first: { readonly value: Uint8Array; readonly place: ValuePlace } | null;
  /** Records by topic. */
  readonly seen: Map<string, number>;
}

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
  if (read.format === 'raw') return [{ name: RAW_COLUMN, type: VARCHAR }];
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
    found: null,
    share: 1,
  });
  try {
    const taken: Sample = { inference: new JsonInference(), first: null, seen: new Map() };
    const seen = await sample(blocks, taken, uri);
    const columns = taken.inference.columns();
    if (columns.length > 0) return columns;
    const { first } = taken;
    if (seen === 0) throw notInferred(uri, 'the topic holds no records');
    const fault = first === null ? null : valueFault(first.value, first.place);
    const why = fault ?? `none of its first ${seen} records is a JSON object with keys`;
    throw notInferred(uri, why, first === null ? null : valueHint(first.value));
  } finally {
    await blocks.close();
  }
}

/**
 * Takes up to SAMPLE_RECORDS_MAX records in, partition by partition as they come; of several topics
 * as many of each, because a key may be in some of them only.
 */
async function sample(blocks: KafkaBlocks, taken: Sample, uri: string): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(notInferred(uri, `the broker gave no records for ${SAMPLE_TIMEOUT_MS / 1000} s`));
    }, SAMPLE_TIMEOUT_MS);
  });
  try {
    return await Promise.race([takeRecords(blocks, taken), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

async function takeRecords(blocks: KafkaBlocks, taken: Sample): Promise<number> {
  let seen = 0;
  let open = [...blocks.splits];
  const topics = new Set(open.map(({ topic }) => topic));
  const mostOfOne = Math.ceil(SAMPLE_RECORDS_MAX / Math.max(1, topics.size));
  while (seen < SAMPLE_RECORDS_MAX && open.length > 0) {
    let progressed = false;
    for (const split of open) {
      const next = split.next();
      if (next === 'wait') continue;
      progressed = true;
      if (next === 'end') {
        open = open.filter((other) => other !== split);
        continue;
      }
      const before = taken.seen.get(split.topic) ?? 0;
      const added = addBlock(taken, split, next.block, mostOfOne - before);
      taken.seen.set(split.topic, before + added);
      seen += added;
      if (before + added >= mostOfOne) open = open.filter(({ topic }) => topic !== split.topic);
    }
    if (!progressed) await Promise.race(open.map((split) => split.ready()));
  }
  return seen;
}

/** Takes at most `rowsMax` records in; how many they were. */
function addBlock(
  taken: Sample,
  { topic, split }: KafkaSplitBlocks,
  block: MessageBlock,
  rowsMax: number,
): number {
  const rows = Math.max(0, Math.min(block.rowCount, rowsMax));
  for (let row = 0; row < rows; row += 1) {
    const value = block.rawRecord(row);
    taken.inference.add(value, 0, value.length);
    const partition = partitionOfSplit(split);
    taken.first ??= {
      value: value.slice(),
      place: { topic, partition, offset: block.offsets[row] ?? 0 },
    };
  }
  return rows;
}

function notInferred(uri: string, why: string, hint: string | null = null): ConnectorError {
  return new ConnectorError('SCHEMA_INFERENCE', {
    message: `schema of topic "${uri}" cannot be inferred: ${why}`,
    hint: hint ?? 'declare the columns with CREATE TABLE',
  });
}
