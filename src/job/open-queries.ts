/**
 * Opens what the queries of a job read and write, on V1 here, and closes it all when one part does
 * not open. Owns the order and the clean-up; which connector opens what is connectors/registry.
 */
import type { Clock } from '../base/clock.js';
import { ConfigError } from '../base/errors.js';
import { BATCH_ROWS_MAX } from '../columnar/batch.js';
import {
  openDigest,
  openLineWriter,
  openSink,
  openSource,
  sinkOf,
} from '../connectors/registry.js';
import { SharedOutputs } from '../connectors/shared-outputs.js';
import type { Sink } from '../connectors/sink.js';
import type { Source } from '../connectors/source.js';
import { groupPolicy } from '../plan/fragments/group-policy.js';
import type { QueryPlan } from '../plan/pipeline/pipeline-plan.js';
import { resultUpdates } from '../plan/pipeline/result-updates.js';
import { scansOf } from '../plan/pipeline/pipeline-plan.js';
import { JsonDeadLetters } from '../processors/dead-letters.js';
import { QueryAccounts } from '../processors/query-accounts.js';
import { QueryRun } from '../processors/query-run.js';
import type { QueryState } from '../state/checkpoint/job-state.js';
import type { RunOptions } from './job-options.js';
import { isEndless } from './job-targets.js';
import { memoryShare } from './state-memory.js';

export async function openQueries(
  queries: readonly QueryPlan[],
  options: RunOptions,
  clock: Clock,
): Promise<QueryRun[]> {
  const letters = options.deadLetter === null ? null : await openDeadLetters(options.deadLetter);
  let open = queries.length;
  const closeLast = async (): Promise<void> => {
    open -= 1;
    if (open === 0) await letters?.close();
  };
  const runs: QueryRun[] = [];
  const openQuerySink = querySinks(queries, options);
  const memory = memoryShare(queries, options.stateMemory, 1);
  try {
    for (const plan of queries) {
      const accounts = new QueryAccounts(options.onError, letters);
      const sources = new Map<string, Source>();
      try {
        await openSources(sources, plan, { accounts, options, clock });
        const sink = await openQuerySink(plan);
        const restore = stateOf(plan, options);
        runs.push(new QueryRun({ plan, accounts, sink, sources, closeLast, memory, restore }));
      } catch (error) {
        // Their connections would keep the process alive.
        await Promise.allSettled([...sources.values()].map((source) => source.close()));
        throw error;
      }
    }
    return runs;
  } catch (error) {
    await Promise.allSettled(runs.map((run) => run.abandon()));
    await letters?.close();
    throw error;
  }
}

export async function openDeadLetters(uri: string): Promise<JsonDeadLetters> {
  return new JsonDeadLetters(await openLineWriter(uri));
}

interface QuerySetting {
  readonly accounts: QueryAccounts;
  readonly options: RunOptions;
  readonly clock: Clock;
}

/** Adds the source of each scan, as it is open. */
async function openSources(
  sources: Map<string, Source>,
  plan: QueryPlan,
  { accounts, options, clock }: QuerySetting,
): Promise<void> {
  const batchRows = options.batchRows ?? plan.settings.batchSize ?? BATCH_ROWS_MAX;
  for (const scan of scansOf(plan.root)) {
    const { table, physical, system } = scan;
    const source = await openSource({
      table,
      physical,
      system,
      batchRowsMax: Math.min(batchRows, BATCH_ROWS_MAX),
      errors: accounts,
      clock,
      notice: options.notice,
      // What a job with checkpoints reads of a topic is its own to say.
      ...(options.checkpoints == null
        ? { group: groupPolicy(plan, sinkOf(plan.sink.table).publishesAtEnd) }
        : {}),
      ...(options.rate == null ? {} : { rate: options.rate }),
    });
    sources.set(scan.id, source);
  }
}

/** What the query goes on with; null: it begins. */
function stateOf({ id }: QueryPlan, { checkpoints }: RunOptions): QueryState | null {
  return checkpoints?.restore?.find(({ query }) => query === id) ?? null;
}

/** Opens the sinks of one job's queries, which may share what they write to. */
export function querySinks(
  queries: readonly QueryPlan[],
  options: RunOptions,
): (plan: QueryPlan) => Promise<Sink> {
  const environment = { ...options.sinks, shared: new SharedOutputs() };
  const endless = isEndless(queries);
  return async (plan) => {
    if (options.sinkFor !== undefined) return options.sinkFor(plan);
    const { table, schema, keyColumns } = plan.sink;
    const { changelog } = plan;
    const updates = resultUpdates(plan);
    const { notice } = options;
    const resume = stateOf(plan, options)?.sink ?? null;
    const commits = options.checkpoints?.commits ?? null;
    const checkpoints = options.checkpoints == null ? null : { resume, commits };
    const request = { table, schema, keyColumns, changelog, updates, endless, checkpoints, notice };
    const open = options.sink === 'blackhole' ? openDigest : openSink;
    const sink = await open(request, environment);
    if (checkpoints === null || sink.publishesAtEnd !== true || sink.position !== undefined) {
      return sink;
    }
    await (sink.abandon ?? sink.close).call(sink);
    throw new ConfigError('FLAG_INVALID', {
      message: `table "${table?.name ?? 'stdout'}" shows its rows when the job is complete: it cannot go on from a checkpoint`,
      hint: 'write lines (.jsonl, .csv), or leave --checkpoint-dir away',
    });
  };
}
