/**
 * The whole flow on one page: SQL text → script → sources of quoted tables → plan → opened
 * sources and sinks → a processor. Owns the order of these steps and nothing of their work; it is
 * what the command line, the bench and the tests call.
 */
import { ConfigError, SqlError, SqlFaults } from './base/errors.js';
import type { SourceText } from './base/errors.js';
import { learnSecretsOf, learnSetting } from './base/redact.js';
import { clockAt, forwardClock, systemClock } from './base/clock.js';
import type { Clock } from './base/clock.js';
import { addressed, CONNECTOR_FACTS, findConnector, sinkOf } from './connectors/registry.js';
import { flagAddressFaults, resolveQuotedSources } from './job/quoted-sources.js';
import { checkLetterTarget, checkTargets } from './job/job-targets.js';
import { verifyTables } from './job/verify-tables.js';
import { clearRuns, memoryShare } from './job/state-memory.js';
import { openDeadLetters, openQueries, querySinks } from './job/open-queries.js';
import { RestartingJob } from './job/restarting-job.js';
import type { JobLife, RestartingJobParts } from './job/restarting-job.js';
import { placementOf } from './job/placement.js';
import type { CompileOptions, RunOptions } from './job/job-options.js';
import { didYouMean } from './plan/faults.js';
import { limitOf, withEndingLimits } from './plan/pipeline/pipeline-limit.js';
import { lateStrategiesOf } from './plan/pipeline/pipeline-plan.js';
import type { JobPlan, QueryPlan } from './plan/pipeline/pipeline-plan.js';
import { planScript } from './plan/planner.js';
import type { OnError } from './processors/query-accounts.js';
import type { JobProcessor } from './processors/job-processor.js';
import { PartitionedJobCoordinator } from './processors/partitioned/main/coordinator.js';
import type { SinkPlace } from './processors/partitioned/messages.js';
import type { PartitionedSettings } from './processors/partitioned/job-settings.js';
import { sleepShortly } from './processors/partitioned/exchange/short-sleep.js';
import { SimpleJobProcessor } from './processors/simple.js';
import type { JobState } from './state/checkpoint/job-state.js';
import type { Script } from './sql/ast.js';
import { parseScript } from './sql/parser.js';
import { walkScript } from './sql/walk.js';
import { redirectSinks, redirectSources } from './sql/redirect.js';
import type { RedirectTarget } from './sql/redirect.js';

export type { CompileOptions, RunOptions } from './job/job-options.js';

export interface CompiledJob {
  readonly source: SourceText;
  readonly script: Script;
  readonly plan: JobPlan;
}

/** Compiles a file. Throws SqlFaults with every fault of it. */
export async function compileJob(options: CompileOptions): Promise<CompiledJob> {
  const { source, resolve = true } = options;
  const parsed = parseScript(source.text, {
    sourceName: source.name,
    variables: options.variables,
    keepsAddresses: !resolve,
  });
  const { faults } = parsed;
  const script = redirectSinks(
    redirected(parsed.script, options, faults),
    addressed,
    writtenTo(parsed.script, options, faults),
  );
  learnSecrets(script, options);
  const quotedSchemas = await resolveQuotedSources(script, {
    source,
    faults,
    resolve,
    remark: options.remark ?? (() => undefined),
  });
  const planned = planScript(script, source, {
    settings: options.settings,
    defaults: options.defaults ?? {},
    changelog: options.changelog,
    quotedSchemas,
    connectors: CONNECTOR_FACTS,
    warnings: parsed.warnings,
  });
  const all = [...faults, ...planned.faults];
  const isLeftOut = [...quotedSchemas.values()].includes('unresolved');
  const isEmpty = planned.plan?.queries.length === 0 && all.length === 0;
  if (options.needsQuery === true && isEmpty && !isLeftOut) {
    all.push(nothingToRun(source));
  }
  if (planned.plan !== null && all.length === 0) {
    all.push(...(await verifyTables(planned.plan, script, source)));
  }
  if (all.length > 0 || planned.plan === null) throw new SqlFaults(all);
  checkTargets(planned.plan.queries);
  return { source, script, plan: limitPlan(planned.plan, options.limit) };
}

function nothingToRun(source: SourceText): SqlError {
  return new SqlError('STATEMENT_INVALID', {
    message: 'the file declares tables but has no query',
    span: { start: 0, end: 1 },
    source,
    hint: 'add a SELECT or an INSERT INTO',
  });
}

/** What the file and the command line keep secret, variables of the environment among it. */
function learnSecrets(script: Script, { redirects, to = null }: CompileOptions): void {
  for (const address of redirects.values()) learnSecretsOf(address);
  if (to !== null) learnSecretsOf(to);
  walkScript(script, {
    statement: (statement) => {
      const options = 'options' in statement ? statement.options : [];
      const hints = 'hints' in statement ? statement.hints : [];
      if (statement.kind === 'create-as') learnSecretsOf(statement.name.name);
      for (const { key, value } of [...options, ...hints]) learnSetting(key, value);
      return undefined;
    },
    query: ({ options }) => {
      for (const { key, value } of options) learnSetting(key, value);
      return undefined;
    },
    relation: (relation) => {
      if (relation.kind === 'quoted-source') learnSecretsOf(relation.uri);
      const hints = relation.kind === 'table' ? relation.hints : [];
      for (const { key, value } of hints) learnSetting(key, value);
      return undefined;
    },
  });
}

/** Tables that --source reads from elsewhere; one that the file does not declare is a fault. */
function redirected(script: Script, { redirects }: CompileOptions, faults: SqlError[]): Script {
  const tables = script.statements.flatMap((statement) =>
    statement.kind === 'create-table' ? [statement.name.name] : [],
  );
  const targets = new Map<string, RedirectTarget>();
  for (const [table, address] of redirects) {
    const isDeclared = tables.some((name) => name.toLowerCase() === table.toLowerCase());
    if (!isDeclared) {
      const known = tables.length === 0 ? 'it declares none' : `it declares ${tables.join(', ')}`;
      const hint = didYouMean(table, tables) ?? known;
      const message = `--source names the table "${table}", which the file does not declare`;
      faults.push(new SqlError('FLAG_INVALID', { message, hint }));
    }
    faults.push(...flagAddressFaults(`--source ${table}`, address, 'read'));
    targets.set(table.toLowerCase(), addressed(address));
  }
  return redirectSources(script, targets, (name) => findConnector(name)?.source?.generates != null);
}

/** --to: the place of every SELECT that names none. */
function writtenTo(
  script: Script,
  { to = null }: CompileOptions,
  faults: SqlError[],
): string | null {
  if (to === null) return null;
  faults.push(...flagAddressFaults('--to', to, 'written'));
  const writes = ({ kind, ...rest }: Script['statements'][number]): boolean =>
    kind === 'select-statement' && 'query' in rest && rest.query.into === null;
  if (!script.statements.some(writes)) {
    const message = '--to has nothing to write: every query names its sink';
    faults.push(new SqlError('FLAG_INVALID', { message, hint: 'leave it away' }));
  }
  return to;
}

function limitPlan(plan: JobPlan, limit: number | null): JobPlan {
  if (limit === null) return plan;
  const queries = plan.queries.map((query, at) => {
    const { root } = query;
    const asChanges = plan.logical[at]?.emit?.mode === 'changes';
    const limited = limitOf(root, { id: `${root.id}/limit`, count: limit, asChanges });
    return { ...query, root: withEndingLimits(limited) };
  });
  return { ...plan, queries };
}

/** Where dead letters go, as flags and settings say it. */
export interface DeadLetterChoice {
  readonly onError: OnError;
  readonly deadLetter: string | null;
}

/** Throws where something asks for dead letters and nothing says where they go. */
export function checkDeadLetters(job: CompiledJob, choice: DeadLetterChoice): void {
  const { plan, script, source } = job;
  const { onError, deadLetter } = choice;
  if (deadLetter !== null) {
    const [fault] = flagAddressFaults('--dead-letter', deadLetter, 'written');
    if (fault !== undefined) throw new SqlFaults([fault]);
    checkLetterTarget(plan.queries, deadLetter);
    return;
  }
  const hint = 'add --dead-letter dead.jsonl or --dead-letter kafka://host:port/topic';
  if (onError === 'dead-letter') {
    const message = '--on-error dead-letter needs to know where dead letters go';
    throw new ConfigError('FLAG_INVALID', { message, hint });
  }
  if (!plan.queries.some(({ root }) => lateStrategiesOf(root).includes('dead-letter'))) return;
  const message = "'late.strategy' = 'dead-letter' needs to know where dead letters go";
  const set = script.statements.findLast(
    (statement) => statement.kind === 'set' && statement.key === 'late.strategy',
  );
  const place = set === undefined ? {} : { span: set.span, source };
  throw new ConfigError('SETTING_INVALID', { message, hint, ...place });
}

/** A processor for a compiled job; nothing is opened before its start(). */
export function createJob(job: CompiledJob, options: RunOptions): JobProcessor {
  checkDeadLetters(job, options);
  const { nowMs = null } = options;
  const clock = options.clock === undefined ? clockAt(nowMs) : forwardClock(options.clock);
  return createLife(job, options, clock);
}

/** As createJob, of a job that goes on after a crash at its last checkpoint. */
export function createRestartingJob(
  job: CompiledJob,
  options: RunOptions,
  own: Pick<RestartingJobParts, 'checkpoints' | 'policy' | 'rescaled' | 'rebalanced'>,
): RestartingJob {
  checkDeadLetters(job, options);
  const { durationMs, notice, partitioned = null } = options;
  const clock = options.clock === undefined ? systemClock : forwardClock(options.clock);
  const create = ({ isFirst, placement, ...life }: JobLife): JobProcessor => {
    const sinks = { ...options.sinks, stdoutBegun: !isFirst };
    const placed = partitioned === null ? null : { ...partitioned, ...placement };
    return createLife(job, { ...options, ...life, sinks, partitioned: placed }, clock);
  };
  const placement = partitioned === null ? null : placementOf(partitioned);
  const rebalance = partitioned?.rebalance === true;
  return new RestartingJob({ ...own, create, placement, rebalance, durationMs, clock, notice });
}

function createLife(job: CompiledJob, options: RunOptions, clock: Clock): JobProcessor {
  if (options.stateMemory != null) clearRuns(options.stateMemory);
  if (options.partitioned != null) {
    return createPartitionedJob(job, options.partitioned, options, clock);
  }
  return new SimpleJobProcessor({
    clock,
    durationMs: options.durationMs,
    maxMemoryBytes: options.maxMemoryBytes ?? null,
    sleep: options.mode?.kind === 'individual' ? sleepShortly : null,
    stateLimits: options.stateLimits ?? null,
    notice: options.notice,
    checkpoints: options.checkpoints?.target ?? null,
    open: () => openQueries(goingOn(job, options), options, clock),
  });
}

/** As createJob, on V2: the coordinator also drains and takes snapshots. */
export function createPartitionedJob(
  job: CompiledJob,
  settings: PartitionedSettings,
  options: RunOptions & { readonly restore?: JobState },
  clock: Clock = systemClock,
): PartitionedJobCoordinator {
  const queries = goingOn(job, options);
  const { outputs = null, begun = () => undefined } = options;
  const openOwn = querySinks(queries, options);
  return new PartitionedJobCoordinator({
    clock,
    settings,
    queries,
    onError: options.onError,
    durationMs: options.durationMs,
    batchRows: options.batchRows,
    rate: options.rate ?? null,
    nowMs: options.nowMs ?? null,
    sinkPlace: (plan) => sinkPlaceOf(plan, options),
    notice: options.notice,
    detail: options.detail ?? (() => undefined),
    openSink: async (plan) => outputs?.sinks.get(plan.id) ?? openOwn(plan),
    openDeadLetters: async () =>
      outputs?.letters ??
      (options.deadLetter === null ? null : openDeadLetters(options.deadLetter)),
    begun,
    stateLimits: options.stateLimits ?? null,
    stateMemory: memoryShare(queries, options.stateMemory, settings.partitions),
    restore: options.restore ?? options.checkpoints?.restore ?? null,
    checkpoints: options.checkpoints?.target ?? null,
  });
}

/** Queries that had not ended at the checkpoint that the job goes on from. */
function goingOn({ plan }: CompiledJob, { checkpoints }: RunOptions): readonly QueryPlan[] {
  const queries = checkpoints?.queries ?? plan.queries;
  const ended = checkpoints?.restore?.filter((query) => query.ended) ?? [];
  return queries.filter(({ id }) => !ended.some(({ query }) => query === id));
}

/** A blackhole's digest is taken where the rows are made; every other sink lives on main. */
function sinkPlaceOf(plan: QueryPlan, options: RunOptions): SinkPlace {
  if (options.sinkFor !== undefined) return 'main';
  return options.sink === 'blackhole' ? 'digest' : sinkOf(plan.sink.table).place;
}
