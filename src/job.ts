/**
 * The whole flow on one page: SQL text → script → sources of quoted tables → plan → opened
 * sources and sinks → a processor. Owns the order of these steps and nothing of their work; it is
 * what the command line, the bench and the tests call.
 */
import { ConfigError, SqlError, SqlFaults } from './base/errors.js';
import type { SourceText } from './base/errors.js';
import { systemClock } from './base/clock.js';
import type { Clock } from './base/clock.js';
import { BATCH_ROWS_MAX } from './columnar/batch.js';
import { BlackholeSink } from './connectors/blackhole.js';
import {
  connectorOfUri,
  inferQuotedSource,
  openLineWriter,
  openSink,
  openSource,
} from './connectors/registry.js';
import type { QuotedSchema, SinkEnvironment } from './connectors/registry.js';
import type { Sink } from './connectors/sink.js';
import type { Source } from './connectors/source.js';
import { groupPolicy } from './plan/group-policy.js';
import type { JobPlan, PipelineNode, QueryPlan, ScanNode } from './plan/pipeline-plan.js';
import { pipelineInputs } from './plan/pipeline-plan.js';
import { planScript, quotedSources } from './plan/planner.js';
import { JsonDeadLetters } from './processors/dead-letters.js';
import type { JobProcessor } from './processors/job-processor.js';
import { QueryAccounts } from './processors/query-accounts.js';
import type { OnError } from './processors/query-accounts.js';
import { QueryRun } from './processors/query-run.js';
import { PartitionedJobCoordinator } from './processors/partitioned/coordinator.js';
import type { SinkPlace } from './processors/partitioned/messages.js';
import type { PartitionedSettings, ProcessingMode } from './processors/partitioned/settings.js';
import { sleepShortly } from './processors/partitioned/short-sleep.js';
import type { JobSnapshot } from './processors/partitioned/snapshots.js';
import { SimpleJobProcessor } from './processors/simple.js';
import type { Script } from './sql/ast.js';
import { parseScript } from './sql/parser.js';
import { redirectSources } from './sql/redirect.js';

export interface CompileOptions {
  readonly source: SourceText;
  readonly variables: (name: string) => string | undefined;
  /** --set key=value. */
  readonly settings: Readonly<Record<string, string>>;
  /** From the environment and velo.yaml, by SET key: SET wins over them. Default: none. */
  readonly defaults?: Readonly<Record<string, string>>;
  readonly changelog: boolean;
  /** --source table=URI. */
  readonly redirects: ReadonlyMap<string, string>;
  /** --limit N: result rows of each query; null = none. */
  readonly limit: number | null;
}

export interface CompiledJob {
  readonly script: Script;
  readonly plan: JobPlan;
}

/** Compiles a file. Throws SqlFaults with every fault of it. */
export async function compileJob(options: CompileOptions): Promise<CompiledJob> {
  const { source } = options;
  const { script: parsed, faults } = parseScript(source.text, {
    sourceName: source.name,
    variables: options.variables,
  });
  const script = redirectSources(parsed, redirectTargets(options.redirects));
  const quotedSchemas = await resolveQuotedSources(script, source, faults);
  const planned = planScript(script, source, {
    settings: options.settings,
    defaults: options.defaults ?? {},
    changelog: options.changelog,
    quotedSchemas,
  });
  const all = [...faults, ...planned.faults];
  if (all.length > 0 || planned.plan === null) throw new SqlFaults(all);
  return { script, plan: limitPlan(planned.plan, options.limit) };
}

function redirectTargets(
  redirects: ReadonlyMap<string, string>,
): ReadonlyMap<string, ReturnType<typeof connectorOfUri>> {
  return new Map([...redirects].map(([table, uri]) => [table.toLowerCase(), connectorOfUri(uri)]));
}

/** Reads at most 1,000 records of each `FROM '…'`; a source that cannot be read is a fault. */
async function resolveQuotedSources(
  script: Script,
  source: SourceText,
  faults: readonly SqlError[],
): Promise<Map<string, QuotedSchema>> {
  const schemas = new Map<string, QuotedSchema>();
  for (const { uri, span } of quotedSources(script)) {
    if (schemas.has(uri)) continue;
    try {
      schemas.set(uri, await inferQuotedSource(uri));
    } catch (error) {
      if (faults.length > 0) throw new SqlFaults(faults);
      if (error instanceof SqlError) throw new SqlFaults([error]);
      throw Object.assign(error as Error, { span, source });
    }
  }
  return schemas;
}

function limitPlan(plan: JobPlan, limit: number | null): JobPlan {
  if (limit === null) return plan;
  const queries = plan.queries.map((query) => ({ ...query, root: limitNode(query.root, limit) }));
  return { ...plan, queries };
}

function limitNode(input: PipelineNode, count: number): PipelineNode {
  const id = `${input.id}/limit`;
  return { kind: 'limit', id, input, count, schema: input.schema, mode: input.mode };
}

export interface RunOptions {
  readonly sinks: SinkEnvironment;
  readonly onError: OnError;
  /** --dead-letter URI; needed for --on-error dead-letter. */
  readonly deadLetter: string | null;
  readonly durationMs: number | null;
  /** Physical rows per batch; null = the query's own or the default. */
  readonly batchRows: number | null;
  /** How long a source collects; V2's is in `partitioned`. Default: batches. */
  readonly mode?: ProcessingMode;
  readonly clock?: Clock;
  readonly notice: (line: string) => void;
  /** As notice, for those who asked for more (-v). */
  readonly detail?: (line: string) => void;
  /** 'blackhole': every query writes to a digest instead of its own sink. */
  readonly sink?: 'declared' | 'blackhole';
  /** Replaces the sink of every query, on V1 (tests that look at rows, fixtures). */
  readonly sinkFor?: (query: QueryPlan) => Sink | Promise<Sink>;
  /** How V2 runs the job; null or absent: V1. */
  readonly partitioned?: PartitionedSettings | null;
  /** Rows per second of generator tables, whatever they declare (open loop); null: as declared. */
  readonly rate?: number | null;
}

/** A processor for a compiled job; nothing is opened before its start(). */
export function createJob(job: CompiledJob, options: RunOptions): JobProcessor {
  if (options.onError === 'dead-letter' && options.deadLetter === null) {
    throw new ConfigError('FLAG_INVALID', {
      message: '--on-error dead-letter needs to know where dead letters go',
      hint: 'add --dead-letter dead.jsonl or --dead-letter kafka://host:port/topic',
    });
  }
  const clock = options.clock ?? systemClock;
  if (options.partitioned != null) {
    return createPartitionedJob(job, options.partitioned, options, clock);
  }
  return new SimpleJobProcessor({
    clock,
    durationMs: options.durationMs,
    sleep: options.mode?.kind === 'individual' ? sleepShortly : null,
    open: () => openQueries(job, options, clock),
  });
}

/** As createJob, on V2: the coordinator also drains and takes snapshots. */
export function createPartitionedJob(
  job: CompiledJob,
  settings: PartitionedSettings,
  options: RunOptions & { readonly restore?: JobSnapshot },
  clock: Clock = systemClock,
): PartitionedJobCoordinator {
  return new PartitionedJobCoordinator({
    clock,
    settings,
    queries: job.plan.queries,
    onError: options.onError,
    durationMs: options.durationMs,
    batchRows: options.batchRows,
    rate: options.rate ?? null,
    sinkPlace: (plan) => sinkPlaceOf(plan, options),
    notice: options.notice,
    detail: options.detail ?? (() => undefined),
    openSink: (plan) => openQuerySink(plan, options),
    openDeadLetters: async () =>
      options.deadLetter === null ? null : openDeadLetters(options.deadLetter),
    restore: options.restore ?? null,
  });
}

/** A blackhole's digest is taken where the rows are made; every other sink lives on main. */
function sinkPlaceOf(plan: QueryPlan, options: RunOptions): SinkPlace {
  if (options.sinkFor !== undefined) return 'main';
  const blackhole = options.sink === 'blackhole' || plan.sink.table?.connector === 'blackhole';
  return blackhole ? 'digest' : 'main';
}

async function openQueries(
  job: CompiledJob,
  options: RunOptions,
  clock: Clock,
): Promise<QueryRun[]> {
  const letters = options.deadLetter === null ? null : await openDeadLetters(options.deadLetter);
  let open = job.plan.queries.length;
  const closeLast = async (): Promise<void> => {
    open -= 1;
    if (open === 0) await letters?.close();
  };
  const runs: QueryRun[] = [];
  try {
    for (const plan of job.plan.queries) {
      const accounts = new QueryAccounts(options.onError, letters);
      const sources = new Map<string, Source>();
      try {
        await openSources(sources, plan, { accounts, options, clock });
        const sink = await openQuerySink(plan, options);
        for (const source of sources.values()) source.settleWith?.(() => sink.flush());
        runs.push(new QueryRun({ plan, accounts, sink, sources, closeLast }));
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

async function openDeadLetters(uri: string): Promise<JsonDeadLetters> {
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
      group: groupPolicy(plan),
      ...(options.rate == null ? {} : { rate: options.rate }),
    });
    sources.set(scan.id, source);
  }
}

function openQuerySink(plan: QueryPlan, options: RunOptions): Promise<Sink> {
  if (options.sinkFor !== undefined) return Promise.resolve(options.sinkFor(plan));
  const { table, schema, keyColumns } = plan.sink;
  const { changelog } = plan;
  const request = { table, schema, keyColumns, changelog, notice: options.notice };
  return options.sink === 'blackhole'
    ? Promise.resolve(new BlackholeSink(request))
    : openSink(request, options.sinks);
}

export function scansOf(node: PipelineNode): readonly ScanNode[] {
  return node.kind === 'scan' ? [node] : pipelineInputs(node).flatMap(scansOf);
}
