/**
 * The manifest of a checkpoint: what was taken, when, of which job, and the files that hold its
 * state, each with its sum. Owns what it says and that it is whole in itself; its text is
 * manifest-text.ts, the files are state-file.ts, where they lie is checkpoint-reader.ts.
 */
import { z } from 'zod';
import { assert } from '../../base/assert.js';
import { damaged, newerForm } from './checkpoint-failures.js';
import { exactNumber, readSummed, summedText } from './manifest-text.js';
import type { SplitState } from './job-state.js';

/** Raised when a velo of today could not read what a later one writes. */
const FORMAT = 2;
/** Of a state without files of parts: an older velo reads it. */
const FORMAT_WITHOUT_RUNS = 1;
const KEY_GROUP_MAX = 0xffffffff;

const count = z.int().nonnegative();
const exact = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]).transform(Number);
/** null stands for -Infinity, as people read "none yet". */
const highest = z.union([exact, z.null()]).transform((ms) => ms ?? -Infinity);

const splitSchema = z.strictObject({
  scan: z.string(),
  split: z.int(),
  sourceName: z.string(),
  position: z.string(),
  highestMs: highest,
  ended: z.boolean(),
  next: z.boolean(),
});

const keyGroup = z.int().min(0).max(KEY_GROUP_MAX);

const fileSchema = z.strictObject({
  /** Below the checkpoint's folder. */
  name: z.string().regex(/^\d{4,10}-[A-Za-z0-9_-]{0,60}\.state$/),
  /** Of entries; on disk it has more. */
  bytes: z.int().positive(),
  crc32c: z.int().min(0).max(0xffffffff),
  /** Of the entries: what is the same needs not be written again. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  entries: z.int().positive(),
  keyGroups: z.union([z.tuple([keyGroup, keyGroup]), z.null()]),
  /** Epoch that wrote it; later ones have it by a link. */
  since: count,
  /** A part by itself, of groups that may be in other parts as well, to be added up (form 2). */
  run: z.literal(true).optional(),
});

const operatorSchema = z.strictObject({
  id: z.string(),
  signature: z.string(),
  /** Bytes of each part; the files hold them one behind the other. */
  parts: z.array(count),
  files: z.array(fileSchema),
});

const querySchema = z.strictObject({
  query: z.string(),
  ended: z.boolean(),
  sink: z.string().nullable(),
  counters: z.record(z.string(), exact),
  splits: z.array(splitSchema),
  operators: z.array(operatorSchema),
});

const manifestSchema = z.strictObject({
  format: z.union([z.literal(FORMAT_WITHOUT_RUNS), z.literal(FORMAT)]),
  velo: z.string(),
  epoch: count,
  takenAtMs: z.number(),
  trigger: z.enum(['interval', 'stop', 'end', 'asked', 'savepoint']),
  arch: z.enum(['v1', 'v2']),
  partitions: z.int().positive(),
  job: z.looseObject({ name: z.string() }),
  queries: z.array(querySchema),
});

/** What every form has. */
const headSchema = z.looseObject({ format: z.int(), velo: z.string() });

export type CheckpointManifest = Readonly<z.output<typeof manifestSchema>>;
export type QueryManifest = Readonly<z.output<typeof querySchema>>;
export type OperatorManifest = Readonly<z.output<typeof operatorSchema>>;
export type StateFileEntry = Readonly<z.output<typeof fileSchema>>;
export type CheckpointTrigger = CheckpointManifest['trigger'];
/** `name` and whatever else a job wants to find again; JSON. */
export type JobLabel = CheckpointManifest['job'];

/** A checkpoint that is there as a whole. */
export interface PublishedCheckpoint {
  readonly epoch: number;
  readonly folder: string;
  readonly manifest: CheckpointManifest;
  /** On disk, the manifest included. */
  readonly bytesWritten: number;
  /** Of files that the checkpoint before has as well. */
  readonly bytesLinked: number;
}

/** The oldest form that says what the manifest does. */
export function formatOf(queries: readonly QueryManifest[]): CheckpointManifest['format'] {
  const hasRuns = queries.some(({ operators }) =>
    operators.some(({ files }) => files.some(({ run }) => run === true)),
  );
  return hasRuns ? FORMAT : FORMAT_WITHOUT_RUNS;
}

/** Throws AssertionFailure where it could not be read back. */
export function manifestText(manifest: CheckpointManifest): Uint8Array {
  const bytes = summedText({ ...manifest, queries: manifest.queries.map(writtenQuery) });
  const parsed = manifestSchema.safeParse(readSummed(bytes, 'manifest'));
  const problem = parsed.success ? contradictionOf(parsed.data) : problemOf(parsed);
  assert(problem === null, `a manifest can be read back (${problem ?? ''})`);
  return bytes;
}

function writtenQuery(query: QueryManifest): unknown {
  const { counters, splits } = query;
  const written = Object.entries(counters).map(([name, value]) => [name, exactNumber(value)]);
  return { ...query, counters: Object.fromEntries(written), splits: splits.map(writtenSplit) };
}

function writtenSplit(split: SplitState): unknown {
  const { highestMs } = split;
  return { ...split, highestMs: highestMs === -Infinity ? null : exactNumber(highestMs) };
}

/**
 * What a manifest's text says. Throws StateError: CHECKPOINT_VERSION when a newer velo wrote it,
 * CHECKPOINT_DAMAGED when it does not hold together. `path` and `epoch` are those it was found at.
 */
export function readManifest(
  bytes: Uint8Array,
  { path, epoch }: { readonly path: string; readonly epoch: number },
): CheckpointManifest {
  const value = readSummed(bytes, path);
  const head = headSchema.safeParse(value);
  if (head.success && head.data.format > FORMAT) {
    const { format, velo } = head.data;
    throw newerForm({ path, form: format, known: FORMAT, writer: velo });
  }
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) throw damaged(path, `is no manifest: ${problemOf(parsed)}`);
  if (parsed.data.epoch !== epoch) {
    throw damaged(path, `is of epoch ${parsed.data.epoch}, in the folder of epoch ${epoch}`);
  }
  const problem = contradictionOf(parsed.data);
  if (problem !== null) throw damaged(path, `contradicts itself: ${problem}`);
  return parsed.data;
}

function problemOf({ error }: z.ZodSafeParseError<unknown>): string {
  const [issue] = error.issues;
  return issue === undefined ? 'unknown' : `${issue.path.join('.')}: ${issue.message}`;
}

function contradictionOf({ queries, epoch }: CheckpointManifest): string | null {
  const names = new Set<string>();
  for (const { operators } of queries) {
    for (const { id, parts, files } of operators) {
      if (sumOf(parts) !== sumOf(files.map(({ bytes }) => bytes))) {
        return `the files of operator "${id}" have not the bytes of its parts`;
      }
      for (const { name, keyGroups, since } of files) {
        if (names.has(name)) return `file "${name}" is named twice`;
        if (keyGroups !== null && keyGroups[0] > keyGroups[1]) return `key groups of "${name}"`;
        if (since > epoch) return `file "${name}" is of a later epoch`;
        names.add(name);
      }
    }
  }
  return null;
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
