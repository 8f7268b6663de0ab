/**
 * A user's SQL file as a benchmark runs it: with the settings, variables and working directory that
 * `velo run` would give it, its sources bounded, its sinks replaced by digests. Owns what a trial is
 * told beside the text, and what the user is told; compiling it is the command line's.
 */
import { devNull } from 'node:os';
import { environmentVariable } from '../../base/environment-variable.js';
import type { CompiledJob } from '../../job.js';
import { describeEmission } from '../../plan/explain/plan-notes.js';
import { lateStrategiesOf } from '../../plan/pipeline/pipeline-plan.js';
import type { OnError } from '../../processors/query-accounts.js';
import { ownSources } from './own-sources.js';
import type { OwnSources } from './own-sources.js';

/** What `velo run` would read from the environment and velo.yaml. */
export interface OwnSurroundings {
  /** CompileOptions.defaults. */
  readonly defaults: Readonly<Record<string, string>>;
  readonly onError: OnError;
}

export interface OwnQuery extends OwnSurroundings {
  readonly sources: OwnSources;
  /** Where dead letters go, if the job makes any: they are thrown away. */
  readonly deadLetter: string | null;
  /** EMIT CHANGES of windows: on V2 a snapshot holds the groups of one partition. */
  readonly isSnapshot: boolean;
  /** --records; null: not given. */
  readonly records: number | null;
  readonly notes: readonly string[];
}

/** Throws ConfigError where the job cannot be run again and again. */
export async function ownQuery(
  job: CompiledJob,
  surroundings: OwnSurroundings,
  records: number | null,
): Promise<OwnQuery> {
  const { queries } = job.plan;
  const sources = await ownSources(job, records);
  const letters =
    surroundings.onError === 'dead-letter' ||
    queries.some(({ root }) => lateStrategiesOf(root).includes('dead-letter'));
  const written = queries.flatMap(({ sink: { table } }) =>
    table === null ? [] : [`"${table.name}" (${table.connector})`],
  );
  return {
    ...surroundings,
    sources,
    deadLetter: letters ? devNull : null,
    isSnapshot: queries.some(({ root }) => describeEmission(root) === 'EMIT CHANGES (snapshot)'),
    records,
    notes: [
      ...sources.notes,
      ...(written.length === 0
        ? []
        : [`nothing is written to ${written.join(', ')}: rows are counted and digested`]),
      ...(letters ? ['dead letters are made and thrown away'] : []),
    ],
  };
}

/**
 * The variables that size a fixture, where the environment does not say them; --records wins over it.
 */
export function ownVariables(
  fixture: Readonly<Record<string, string>>,
  records: number | null,
): Readonly<Record<string, string>> {
  const given = Object.entries(fixture).filter(
    ([name]) =>
      environmentVariable(name) === undefined || (name === 'VELO_RECORDS' && records !== null),
  );
  return Object.fromEntries(given);
}
