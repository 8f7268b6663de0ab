/**
 * The sources of a user's job as a benchmark reads them: each run from the same first record to the
 * same last one. Owns which sources can be read so, where those without end are cut (--records), and
 * what is said about it; topics are asked once, so that one that grows changes nothing between runs.
 */
import { ConfigError } from '../../base/errors.js';
import { pathOfUri } from '../../connectors/file/set/file-set.js';
import { descriptorOf, pipeStats } from '../../connectors/file/pipe-pump.js';
import type { HeldOffsets } from '../../connectors/kafka/librdkafka/topic-admin.js';
import { sourceOf } from '../../connectors/registry.js';
import type { CompiledJob } from '../../job.js';
import { scansOf } from '../../plan/pipeline/pipeline-plan.js';
import type { TableDefinition } from '../../plan/schema.js';
import type { SourceChanges, TableChange } from './source-changes.js';

export interface OwnSources {
  /** What the source column says: generated, file, kafka; several joined. */
  readonly name: string;
  /** Of what is read and not made. */
  readonly changes: SourceChanges;
  /** Tables whose rows are made, with the option that says how many. */
  readonly generators: readonly { readonly table: string; readonly rowsOption: string }[];
  /** What the user should know. */
  readonly notes: readonly string[];
}

/**
 * Throws ConfigError FLAG_INVALID for what cannot be read again, and for a source without end when
 * `records` does not say how much of it is read.
 */
export async function ownSources(
  { plan }: Pick<CompiledJob, 'plan'>,
  records: number | null,
): Promise<OwnSources> {
  const tables = new Map<string, TableDefinition>();
  for (const { table } of plan.queries.flatMap(({ root }) => scansOf(root))) {
    tables.set(table.name, table);
  }
  const names = new Set<string>();
  const changes: Record<string, TableChange> = {};
  const generators: { table: string; rowsOption: string }[] = [];
  const notes: string[] = [];
  for (const table of tables.values()) {
    const generates = sourceOf(table).generates;
    names.add(generates === null ? table.connector : 'generated');
    if (generates !== null) {
      if (!table.bounded && records === null) throw endless(table);
      generators.push({ table: table.name, rowsOption: generates.rowsOption });
    } else if (table.connector === 'kafka') {
      const { change, note } = await topicChange(table, records);
      changes[table.name] = change;
      notes.push(note);
    } else {
      const change = fileChange(table, records, notes);
      if (change !== null) changes[table.name] = change;
    }
  }
  return { name: [...names].sort().join(' + '), changes, generators, notes };
}

/** The changes of a run in which each generator makes `rows` rows; null: as many as declared. */
export function changesFor(
  { changes, generators }: Pick<OwnSources, 'changes' | 'generators'>,
  rows: number | null,
): SourceChanges {
  if (rows === null) return changes;
  const made = generators.map(({ table, rowsOption }) => [
    table,
    { options: { [rowsOption]: String(rows) }, without: [] },
  ]);
  return { ...changes, ...Object.fromEntries(made) } as SourceChanges;
}

function endless({ name }: TableDefinition): ConfigError {
  return new ConfigError('FLAG_INVALID', {
    message: `table "${name}" has no end, and a benchmark needs one`,
    hint: 'say how many records a run reads: --records 1m',
  });
}

function fileChange(
  table: TableDefinition,
  records: number | null,
  notes: string[],
): TableChange | null {
  const path = pathOfUri(table.options['path'] ?? '');
  if (descriptorOf(path) !== null || pipeStats(path) !== null) {
    throw new ConfigError('FLAG_INVALID', {
      message: `table "${table.name}" reads a pipe, whose records come only once`,
      hint: 'write them to a file: every run reads them anew',
    });
  }
  if (records !== null) notes.push(`"${path}" is read whole: --records cuts no files`);
  if (table.bounded) return null;
  notes.push(`"${path}" is read up to its present end, not followed`);
  return { options: {}, without: ['follow'] };
}

/** Options that say where reading starts and ends, or in whose name. */
const TOPIC_PLACES = [
  'properties.group.id',
  'scan.startup.mode',
  'scan.bounded.mode',
  'scan.bounded.specific-offsets',
];
/** Ends that stay where they are; others are fixed before the first run. */
const FIXED_ENDS = ['timestamp', 'specific-offsets'];
/** Starts that are no matter of time or group. */
const FIXED_STARTS = ['earliest-offset', 'timestamp', 'specific-offsets'];

async function topicChange(
  table: TableDefinition,
  records: number | null,
): Promise<{ readonly change: TableChange; readonly note: string }> {
  const { options, name } = table;
  const end = options['scan.bounded.mode'] ?? 'unbounded';
  const isEndless = !table.bounded;
  if (isEndless && records === null) throw endless(table);
  const start = options['scan.startup.mode'] ?? 'earliest-offset';
  // How many records lie behind a time or an offset of the user's is not known: a cut starts anew.
  const startsAnew = records !== null || !FIXED_STARTS.includes(start);
  const from: Record<string, string> = {
    'scan.startup.mode': startsAnew ? 'earliest-offset' : start,
  };
  if (records === null && FIXED_ENDS.includes(end)) {
    const kept = Object.fromEntries(
      TOPIC_PLACES.slice(2).flatMap((key) => (key in options ? [[key, options[key] ?? '']] : [])),
    );
    return {
      change: { options: { ...from, ...kept }, without: TOPIC_PLACES },
      note: `table "${name}" is read without its group`,
    };
  }
  const held = await heldBy(table);
  const ends = cutOffsets(held, records);
  const count = ends.reduce((sum, { start: first, end: last }) => sum + last - first, 0);
  const to = {
    'scan.bounded.mode': 'specific-offsets',
    'scan.bounded.specific-offsets': ends
      .map(({ partition, end: last }) => `partition:${partition},offset:${last}`)
      .join(';'),
  };
  const origin = startsAnew ? 'its earliest offset' : 'where it says';
  return {
    change: { options: { ...from, ...to }, without: TOPIC_PLACES },
    note:
      `table "${name}" is read from ${origin}, ${count} offsets of ` +
      `${ends.length} ${ends.length === 1 ? 'partition' : 'partitions'}, without a group`,
  };
}

async function heldBy(table: TableDefinition): Promise<readonly HeldOffsets[]> {
  const admin = await import('../../connectors/kafka/librdkafka/topic-admin.js');
  const { readOptions } = await import('../../connectors/kafka/settings/table-options.js');
  const endpoint = readOptions(table);
  const held = (await admin.heldOffsets(endpoint)) ?? [];
  if (held.some(({ start, end }) => end > start)) return held;
  throw new ConfigError('FLAG_INVALID', {
    message: `topic "${endpoint.topic}" of ${endpoint.label} holds no records`,
    hint: 'a benchmark reads what is there: fill the topic first',
  });
}

/** The first `records` offsets, shared among the partitions by what each holds; null: all. */
export function cutOffsets(
  held: readonly HeldOffsets[],
  records: number | null,
): readonly HeldOffsets[] {
  const total = held.reduce((sum, { start, end }) => sum + end - start, 0);
  if (records === null || records >= total) return held;
  let before = 0;
  return held.map(({ partition, start, end }) => {
    // Rounded sums: the shares of all partitions come to `records` exactly.
    const from = Math.floor((before * records) / total);
    before += end - start;
    return { partition, start, end: start + Math.floor((before * records) / total) - from };
  });
}
