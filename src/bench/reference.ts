/**
 * What a user's query must put out when nobody wrote it down: what V1 puts out and V2 as well, each
 * run once in a process of its own before anything is measured. Owns which runs these are and the
 * comparison of digests, which depend on no order of the rows.
 *
 * A snapshot of EMIT CHANGES holds the groups of one partition on V2. There V1 is compared with one
 * partition, and a lane of several with as many on one worker.
 */
import type { ColumnDigest, DigestSummary } from '../connectors/blackhole/row-digest.js';
import { PARTITIONED_DEFAULTS } from '../processors/partitioned/job-settings.js';
import { sumHolds } from './scenario/expectation.js';
import type { TrialOutcome, TrialTask } from './trial.js';

/** Output that was found right, or what is wrong with it. */
export interface Reference {
  readonly outcome: TrialOutcome;
  /** How V1 and V2 differ, in words. */
  readonly faults: readonly string[];
}

export type RunTrial = (task: TrialTask) => Promise<TrialOutcome>;

/** V2 where the user asked for V1 only. */
const BESIDE_V1 = { ...PARTITIONED_DEFAULTS, partitions: 4, workers: 2 };

/** Runs that several lanes need are run once. */
export class References {
  private readonly run: RunTrial;
  private readonly isSnapshot: boolean;
  private readonly known = new Map<string, Promise<TrialOutcome>>();

  constructor(run: RunTrial, isSnapshot: boolean) {
    this.run = run;
    this.isSnapshot = isSnapshot;
  }

  async of(task: TrialTask): Promise<Reference> {
    const { partitioned } = task;
    const beside = { ...(partitioned ?? { ...BESIDE_V1, mode: task.mode }), metricsPort: null };
    const v1 = await this.outcome(task, null);
    const v2 = await this.outcome(
      task,
      this.isSnapshot ? { ...beside, partitions: 1, workers: 1 } : beside,
    );
    const faults = outcomeDifferences(v1, v2).map((difference) => `V2 beside V1: ${difference}`);
    if (!this.isSnapshot || partitioned === null) return { outcome: v1, faults };
    return { outcome: await this.outcome(task, { ...beside, workers: 1 }), faults };
  }

  private outcome(task: TrialTask, partitioned: TrialTask['partitioned']): Promise<TrialOutcome> {
    const alone = {
      ...task,
      partitioned,
      ...{ warmups: 0, warmupMs: 0, repeats: 1, rate: null, observed: false },
      ...{ batchRows: null, mode: PARTITIONED_DEFAULTS.mode },
    };
    const key = JSON.stringify(alone);
    const running = this.known.get(key) ?? this.run(alone);
    this.known.set(key, running);
    return running;
  }
}

/** How `got` differs from what is wanted, in words; empty when it does not. */
export function outcomeDifferences(want: TrialOutcome, got: TrialOutcome): string[] {
  const differences: string[] = [];
  const note = (wanted: number, found: number, what: string): void => {
    if (found !== wanted) differences.push(`${found} ${what} instead of ${wanted}`);
  };
  note(want.rowsIn, got.rowsIn, 'records read');
  note(want.rowsFailed, got.rowsFailed, 'records failed');
  const digests = digestsOf(want);
  digests.forEach((digest, at) => {
    const found = digestsOf(got)[at];
    const query = digests.length === 1 ? '' : `query ${at + 1}: `;
    const own = found === undefined ? ['no output'] : digestDifferences(digest, found);
    differences.push(...own.map((difference) => `${query}${difference}`));
  });
  return differences;
}

/** Of every query, in the order of the file; builds before this had only the last one's. */
export function digestsOf({
  digest,
  digests = [digest],
}: Pick<TrialOutcome, 'digest' | 'digests'>): readonly DigestSummary[] {
  return digests;
}

function digestDifferences(want: DigestSummary, got: DigestSummary): string[] {
  const rows = got.rows === want.rows ? [] : [`${got.rows} rows instead of ${want.rows}`];
  return [...rows, ...want.columns.flatMap((column, at) => columnDifferences(column, got, at))];
}

function columnDifferences(want: ColumnDigest, got: DigestSummary, at: number): string[] {
  const { name, nulls, sum } = want;
  const column = got.columns[at];
  if (column === undefined) return [`no column "${name}"`];
  const differences: string[] = [];
  if (column.nulls !== nulls) {
    differences.push(`${column.nulls} NULLs in "${name}" instead of ${nulls}`);
  }
  // Sums that are no numbers are null on their way between processes.
  const isSame =
    column.sum === sum || sumHolds(typeof sum === 'string' ? BigInt(sum) : sum, column.sum);
  if (!isSame) differences.push(`sum of "${name}" is ${column.sum} instead of ${sum}`);
  return differences;
}
