/**
 * A job that goes on from a checkpoint, perhaps with other queries than the one that wrote it. Owns
 * which query has which state, the lines of what is not kept, and the error for what is refused;
 * one query is restored-query.ts.
 */
import { ConfigError, StateError } from '../../base/errors.js';
import { pipelineInputs } from '../../plan/pipeline/pipeline-plan.js';
import type { PipelineNode, QueryPlan } from '../../plan/pipeline/pipeline-plan.js';
import type { FoundCheckpoint } from '../../state/checkpoint/checkpoint-reader.js';
import type { JobState } from '../../state/checkpoint/job-state.js';
import { queryPairs } from './query-pairs.js';
import { restoredQuery } from './restored-query.js';
import type { Refusal } from './restored-query.js';
import { meaningOf, readMeaning } from './saved-meaning.js';

export interface RestoredJob {
  readonly queries: readonly QueryPlan[];
  readonly state: JobState;
  /** One for each thing that is not simply kept. */
  readonly lines: readonly string[];
}

/** Throws StateError STATE_INVALID where numbers would be wrong without a word. */
export function restoredJob(
  queries: readonly QueryPlan[],
  { epoch, manifest, state }: FoundCheckpoint,
  allowed: ReadonlySet<string>,
): RestoredJob {
  const { pairs, added, gone } = queryPairs(queries.map(meaningOf), readMeaning(manifest));
  const lines: string[] = [];
  const refusals: Refusal[] = [];
  const states: JobState[number][] = [];
  const plans = queries.map((plan) => {
    const pair = pairs.find(({ now }) => now.query === plan.id);
    const found = state.find(({ query }) => query === pair?.before.query);
    if (pair === undefined || found === undefined) return plan;
    const restored = restoredQuery(plan, pair, found, { allowed, restore: epoch + 1 });
    lines.push(...restored.lines);
    refusals.push(...restored.refusals);
    states.push(restored.state);
    return restored.plan;
  });
  if (refusals.length > 0) throw misfit(epoch, refusals);
  for (const { query } of added) lines.push(`${query}: is new, and begins`);
  for (const { query } of gone) lines.push(`${query} of before: dropped, the file has it no more`);
  return { queries: plans, state: states, lines };
}

function misfit(epoch: number, refusals: readonly Refusal[]): StateError {
  const texts = refusals.map(({ operator, why }) => `"${operator}": ${why}`);
  const flags = refusals.map(({ operator }) => `--allow-state-loss ${operator}`);
  const [first, ...rest] = texts;
  return new StateError('STATE_INVALID', {
    message: `checkpoint epoch ${epoch} does not fit this job: ${first ?? ''}`,
    ...(rest.length === 0 ? {} : { detail: rest.join('; ') }),
    hint: `run the query that it was taken of, begin these empty: ${flags.join(' ')}, or begin without state: --restore none`,
  });
}

/** Throws ConfigError for names that no operator has. */
export function checkAllowed(queries: readonly QueryPlan[], allowed: readonly string[]): void {
  const known = new Set(queries.flatMap(({ root }) => idsOf(root)));
  const strange = allowed.find((id) => !known.has(id));
  if (strange === undefined) return;
  throw new ConfigError('FLAG_INVALID', {
    message: `--allow-state-loss names "${strange}", which no query has`,
    hint: 'velo explain shows the names of operators, like query-1/aggregate-1',
  });
}

function idsOf(node: PipelineNode): string[] {
  return [node.id, ...pipelineInputs(node).flatMap(idsOf)];
}
