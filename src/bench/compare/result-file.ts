/**
 * Result documents: writing, reading and comparing them lane by lane, and whether two of them come
 * from the same kind of machine. A baseline is nothing else than such a document. Owns the checks
 * of what is read; when a lane counts as slower is comparison.ts.
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { ConfigError } from '../../base/errors.js';
import { redactData } from '../../base/redact.js';
import { compareRates } from './comparison.js';
import type { Comparison, ComparisonOptions } from './comparison.js';
import type { BenchEnvironment } from '../environment.js';
import type { BenchResult } from '../results.js';
import { median } from '../statistics.js';
import type { Round } from '../statistics.js';

const rateSchema = z.object({ samples: z.array(z.number().positive()).min(1) });

const resultSchema = z.object({
  scenario: z.string(),
  arch: z.enum(['v1', 'v2']),
  partitions: z.number(),
  workers: z.number(),
  source: z.string(),
  groups: z.number(),
  rowsIn: z.number(),
  rate: z.number().nullable().optional(),
  conditions: z.unknown(),
  verified: z.boolean(),
  recordsPerSecond: rateSchema,
  recordsPerCpuSecond: rateSchema.optional(),
});

const documentSchema = z.object({
  schema: z.literal(1),
  environment: z.object({
    cpu: z.string(),
    cores: z.number(),
    memoryBytes: z.number(),
    node: z.string(),
    commit: z.string().nullable(),
    dirty: z.boolean(),
  }),
  results: z.array(resultSchema),
});

export type ResultDocument = z.output<typeof documentSchema>;
type LaneResult = ResultDocument['results'][number];

/** Who was compared where, and every line of the table. */
export interface ComparisonDocument {
  readonly schema: 1;
  readonly environment: BenchEnvironment;
  /** Result files or folders of builds, as they were given. */
  readonly before: string;
  readonly after: string;
  readonly lanes: readonly LaneComparison[];
  readonly notes: readonly string[];
}

export interface FullDocument {
  readonly schema: 1;
  readonly environment: BenchEnvironment;
  readonly results: readonly BenchResult[];
  /** It was stopped: there may be fewer runs than were asked for, and lanes missing. */
  readonly interrupted?: true;
}

/** `flag` is named when the file cannot be written. */
export async function writeDocument(
  file: string,
  document: FullDocument | ComparisonDocument,
  flag: string,
): Promise<void> {
  try {
    await writeFile(file, `${JSON.stringify(redactData(document), null, 2)}\n`);
  } catch (error) {
    throw new ConfigError('FLAG_INVALID', {
      message: `${flag} cannot write "${file}": ${(error as Error).message}`,
      cause: error,
    });
  }
}

export function readDocument(file: string): ResultDocument {
  const parsed = documentSchema.safeParse(readJson(file));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ConfigError('FLAG_INVALID', {
    message: `"${file}" is no benchmark result: ${issue?.path.join('.')}: ${issue?.message}`,
    hint: 'velo bench --save-baseline FILE or --json FILE writes one',
  });
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ConfigError('FLAG_INVALID', {
      message: `benchmark result "${file}" cannot be read: ${(error as Error).message}`,
      cause: error,
    });
  }
}

/** Memory is what the kernel left over at boot; less than this share apart is the same. */
const MEMORY_SLACK = 0.05;

type Machine = ResultDocument['environment'];

/** Why figures of the two machines are not comparable; empty when they are. */
export function machineDifferences(before: Machine, after: Machine): string[] {
  const differences: string[] = [];
  const note = (what: string, a: string | number, b: string | number): void => {
    if (a !== b) differences.push(`${what} ${a} then, ${b} now`);
  };
  note('processor', before.cpu, after.cpu);
  note('cores', before.cores, after.cores);
  note('Node', majorOf(before.node), majorOf(after.node));
  const apart = Math.abs(before.memoryBytes - after.memoryBytes) / before.memoryBytes;
  if (apart > MEMORY_SLACK) note('memory', gib(before.memoryBytes), gib(after.memoryBytes));
  return differences;
}

function majorOf(version: string): string {
  return version.replace(/^v/, '').split('.')[0] ?? version;
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

/** Refuses another machine's figures: BASELINE_MISMATCH, exit 4. */
export function requireSameMachine(before: Machine, after: Machine): void {
  const differences = machineDifferences(before, after);
  if (differences.length === 0) return;
  throw new ConfigError('BASELINE_MISMATCH', {
    message: `the baseline was taken on another machine: ${differences.join('; ')}`,
    hint: 'take a baseline here with --save-baseline, or compare all the same with --force',
  });
}

/**
 * Refuses a verdict where there is none: nothing was compared, or the second result has output that
 * does not verify (BASELINE_MISMATCH, exit 4). Called when what there is has been shown.
 */
export function requireVerdict(after: ResultDocument | null, { lanes }: DocumentComparison): void {
  const unverified = after?.results.find((result) => !result.verified);
  if (unverified !== undefined) {
    throw new ConfigError('BASELINE_MISMATCH', {
      message: `the output of ${laneName(unverified)} does not verify: its figures say nothing`,
      hint: 'run it by itself and see what is wrong: velo bench --scenario …',
    });
  }
  if (lanes.length > 0) return;
  throw new ConfigError('BASELINE_MISMATCH', {
    message: 'nothing in the two results is comparable',
    hint: 'both must hold the same scenarios, engines and numbers of records, verified',
  });
}

export type Measure = 'rec/s' | 'rec/cpu s';

/** One line of a comparison: a lane by one measure. */
export interface LaneComparison {
  readonly lane: string;
  readonly measure: Measure;
  readonly before: number;
  readonly after: number;
  readonly comparison: Comparison;
}

export interface DocumentComparison {
  readonly lanes: readonly LaneComparison[];
  /** Lanes that could not be compared, and why. */
  readonly notes: readonly string[];
}

export function compareDocuments(
  before: ResultDocument,
  after: ResultDocument,
  options: ComparisonOptions,
): DocumentComparison {
  const lanes: LaneComparison[] = [];
  const notes: string[] = [];
  const missing = new Map(before.results.map((result) => [laneName(result), result]));
  for (const result of after.results) {
    const name = laneName(result);
    const other = missing.get(name);
    missing.delete(name);
    const obstacle = other === undefined ? 'only in the second' : laneObstacle(other, result);
    if (other === undefined || obstacle !== null) notes.push(`${name}: ${obstacle}`);
    else lanes.push(...compareLane(name, other, result, options));
  }
  for (const name of missing.keys()) notes.push(`${name}: only in the first`);
  return { lanes, notes };
}

export function laneName(result: LaneResult): string {
  const { scenario, arch, partitions, workers, source, groups } = result;
  const engine = arch === 'v1' ? 'v1' : `v2 ${partitions}×${workers}`;
  const wide = groups === 20 ? '' : `, ${groups} groups`;
  const paced = result.rate == null ? '' : ', paced';
  return `${scenario} ${engine} ${source}${wide}${paced}`;
}

/** Why two results of one lane say nothing about each other; null when they do. */
function laneObstacle(before: LaneResult, after: LaneResult): string | null {
  if (!before.verified || !after.verified) return 'its output does not verify';
  if (before.rate == null && before.rowsIn !== after.rowsIn) {
    return `${before.rowsIn} records then, ${after.rowsIn} now`;
  }
  const then = JSON.stringify(before.conditions);
  const now = JSON.stringify(after.conditions);
  return then === now ? null : `run differently: ${then} then, ${now} now`;
}

function compareLane(
  lane: string,
  before: LaneResult,
  after: LaneResult,
  options: ComparisonOptions,
): LaneComparison[] {
  const rows: LaneComparison[] = [];
  const add = (measure: Measure, then: readonly number[], now: readonly number[]): void => {
    rows.push(compareMeasure({ lane, measure }, [{ before: then, after: now }], options));
  };
  const { recordsPerCpuSecond: cpuBefore } = before;
  const { recordsPerCpuSecond: cpuAfter } = after;
  // A generator that paces the records fixes their rate: only their cost can change.
  if (after.rate == null) {
    add('rec/s', before.recordsPerSecond.samples, after.recordsPerSecond.samples);
  }
  if (cpuBefore !== undefined && cpuAfter !== undefined) {
    add('rec/cpu s', cpuBefore.samples, cpuAfter.samples);
  }
  return rows;
}

export function compareMeasure(
  { lane, measure }: Pick<LaneComparison, 'lane' | 'measure'>,
  rounds: readonly Round[],
  options: ComparisonOptions,
): LaneComparison {
  return {
    lane,
    measure,
    before: median(rounds.flatMap((round) => round.before)),
    after: median(rounds.flatMap((round) => round.after)),
    comparison: compareRates(rounds, options),
  };
}
