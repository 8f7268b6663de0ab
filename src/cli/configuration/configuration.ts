/**
 * The settings of a job: flag > annotation or SET of the file > environment > velo.yaml > default.
 * Owns what follows from several settings together: architecture, partitions and workers, what
 * contradicts what; and which velo.yaml is read. The order of the layers is configuration-choice.ts,
 * processing mode and batch size are configuration-mode.ts, the layers configuration-layers.ts and
 * configuration-yaml.ts.
 */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { ConfigError } from '../../base/errors.js';
import type { SourceText } from '../../base/errors.js';
import type { CompiledJob } from '../../job.js';
import { defaultLatenessMs } from '../../plan/query-settings.js';
import { resolvePlacement } from '../../processors/partitioned/job-settings.js';
import type {
  PartitionedSettings,
  ProcessingMode,
} from '../../processors/partitioned/job-settings.js';
import { Choice, FILE_RANK, FLAG_RANK } from './configuration-choice.js';
import type { Chosen, ConfigurationLayers } from './configuration-choice.js';
import { configError, environmentLayer, fileLayers, flagLayer } from './configuration-layers.js';
import type { Layer } from './configuration-layers.js';
import { resolveMode } from './configuration-mode.js';
import type { ResolvedMode } from './configuration-mode.js';
import { SETTING_KEYS } from './configuration-schema.js';
import type { SettingKey, SettingValues } from './configuration-schema.js';
import type { SettingFlags } from './engine-flags.js';

export interface Configuration {
  /** Every setting as it counts, partitions and workers resolved. */
  readonly values: SettingValues;
  /** Where each value came from: `flag --partitions`, `velo.yaml:3`, `default` … */
  readonly origins: Readonly<Record<SettingKey, string>>;
  readonly architecture: 'v1' | 'v2';
  readonly mode: ProcessingMode;
  /** null on V1. */
  readonly partitioned: PartitionedSettings | null;
  /** Rows per batch that win over what a query says itself; null = none do. */
  readonly batchRows: number | null;
  /** What the user should know: settings without effect, more workers than cores. */
  readonly notices: readonly string[];
}

/** Everything about a job's settings. Throws ConfigError where they contradict each other. */
export function resolveConfiguration(
  layers: ConfigurationLayers,
  cores: number = availableParallelism(),
): Configuration {
  const choice = new Choice(layers);
  const notices: string[] = [];
  const architecture = resolveArchitecture(choice, notices);
  const { kind } = architecture;
  refuseContradictions(choice, kind);
  refuseThrottle(choice);
  const resolvedMode = resolveMode(choice, kind, notices);
  const { mode } = resolvedMode;
  const partitioned = kind === 'v1' ? null : partitionedSettings(choice, mode, cores);
  if (partitioned === null) noteIdleFlags(choice, notices);
  else if (partitioned.workers > cores) {
    const coresText = cores === 1 ? '1 core' : `${cores} cores`;
    const { workers } = partitioned;
    const wanted = choice.of('workers').value;
    notices.push(
      typeof wanted === 'number' && wanted > workers
        ? `of ${wanted} workers ${workers} are started: more only wait for each other on ${coresText}`
        : `${workers} workers share ${coresText}: more workers than cores`,
    );
  }
  const values = {
    ...chosenValues(choice),
    processor_architecture: kind,
    num_partitions: partitioned?.partitions ?? 1,
    workers: partitioned?.workers ?? 1,
    ...resolvedMode.values,
  };
  const origins = originsOf(choice, { architecture, mode: resolvedMode, cores });
  const { batchRows } = resolvedMode;
  return { values, origins, architecture: kind, mode, partitioned, batchRows, notices };
}

interface Architecture {
  readonly kind: 'v1' | 'v2';
  readonly origin: string;
}

/** Partitions or workers imply v2, unless v1 is said at least as strongly. */
function resolveArchitecture(choice: Choice, notices: string[]): Architecture {
  const said = choice.of('processor_architecture');
  const { rank, place } = said;
  const counts = (['num_partitions', 'workers'] as const)
    .map((key) => ({ key, ...choice.of(key) }))
    .filter((count) => count.rank > 0);
  if (rank > 0 && said.value === 'v2') return { kind: 'v2', origin: place.origin };
  const implied = counts.find((count) => count.rank > rank);
  if (implied !== undefined) {
    return { kind: 'v2', origin: `implied by ${implied.key} (${implied.place.origin})` };
  }
  for (const { key, value, place: countPlace, rank: countRank } of counts) {
    if (value === 1) continue;
    if (countRank === rank) {
      throw configError(countPlace, {
        message: `v1 has one partition and one worker: ${place.origin} contradicts ${key} = ${value}`,
        hint: 'take v2, or leave partitions and workers away',
      });
    }
    notices.push(`${key} = ${value} (${countPlace.origin}) says nothing on v1`);
  }
  return { kind: 'v1', origin: place.origin };
}

/** What each query may say for itself; of the rest the job has one. */
const PER_QUERY: readonly SettingKey[] = [
  'emit_changes',
  'emit_flush',
  'late_strategy',
  'allowed_lateness',
  'source_idle_timeout',
  'state_ttl',
  'state_ttl_time',
  'windows_per_record_max',
];

function refuseContradictions(choice: Choice, architecture: 'v1' | 'v2'): void {
  for (const key of SETTING_KEYS) {
    const { contradicted, place, rank } = choice.of(key);
    if (contradicted === undefined || rank !== FILE_RANK || PER_QUERY.includes(key)) continue;
    // V1 gives each query its own batches.
    if (key === 'batch_size' && architecture === 'v1') continue;
    throw configError(contradicted.place, {
      message: `"${key}" of this query contradicts ${place.origin}`,
      hint: 'the queries of a file run as one job: say it once, or run two files',
    });
  }
}

function refuseThrottle(choice: Choice): void {
  const least = choice.of('throttle.min_delay');
  const most = choice.of('throttle.max_delay');
  if (least.value <= most.value) return;
  const { place } = least.rank >= most.rank ? least : most;
  throw configError(place, {
    message: `throttle.min_delay ${least.value}ms is above throttle.max_delay ${most.value}ms`,
    hint: 'raise max_delay or lower min_delay',
  });
}

function partitionedSettings(
  choice: Choice,
  mode: ProcessingMode,
  cores: number,
): PartitionedSettings {
  const partitions = choice.of('num_partitions');
  const workers = choice.of('workers');
  const placement = resolvePlacement(
    {
      partitions: partitions.rank === 0 ? null : partitions.value,
      workers: workers.rank === 0 ? null : workers.value,
    },
    cores,
  );
  const strategy = choice.of('partitioning_strategy').value;
  return {
    ...placement,
    owners: null,
    rebalance: choice.of('rebalance').value === 'auto',
    mode,
    strategy: strategy === 'auto' ? null : strategy,
    ringSlots: choice.of('partition_buffer_size').value,
    affinity: choice.of('enable_core_affinity').value,
    maxMemoryBytes: choice.of('max_memory').value,
    backpressure: {
      enabled: choice.of('backpressure.enabled').value,
      queueThreshold: choice.of('backpressure.queue_threshold').value,
      latencyThresholdMs: choice.of('backpressure.latency_threshold').value,
    },
    throttle: {
      minDelayMs: choice.of('throttle.min_delay').value,
      maxDelayMs: choice.of('throttle.max_delay').value,
      backoffMultiplier: choice.of('throttle.backoff_multiplier').value,
    },
    metricsPort: choice.of('metrics_port').value,
  };
}

/** A flag that V1 has no use for was meant to do something: the user hears of it. */
function noteIdleFlags(choice: Choice, notices: string[]): void {
  const keys = ['partitioning_strategy', 'partition_buffer_size', 'enable_core_affinity'] as const;
  for (const key of keys) {
    const { rank, place } = choice.of(key);
    if (rank === FLAG_RANK) notices.push(`${place.origin} says nothing on v1: add --arch v2`);
  }
}

function chosenValues(choice: Choice): SettingValues {
  const entries = SETTING_KEYS.map((key) => [key, choice.of(key).value]);
  // Every key of the schema with its own value.
  const values = Object.fromEntries(entries) as SettingValues;
  if (choice.of('allowed_lateness').rank > 0) return values;
  return { ...values, allowed_lateness: defaultLatenessMs(values.late_strategy) };
}

function originsOf(
  choice: Choice,
  resolved: {
    readonly architecture: Architecture;
    readonly mode: ResolvedMode;
    readonly cores: number;
  },
): Record<SettingKey, string> {
  const { architecture, mode, cores } = resolved;
  const entries = SETTING_KEYS.map((key) => [key, originOf(choice.of(key))]);
  const origins = Object.fromEntries(entries) as Record<SettingKey, string>;
  for (const key of ['num_partitions', 'workers'] as const) {
    const { rank, value } = choice.of(key);
    if (architecture.kind === 'v1') origins[key] = 'architecture v1';
    else if (value === 'auto') origins[key] += ` (auto, ${cores} cores)`;
    if (architecture.kind === 'v2' && rank === 0 && key === 'num_partitions') {
      const { place, rank: workersRank } = choice.of('workers');
      if (workersRank > 0) origins[key] = `as many as workers (${place.origin})`;
    }
  }
  return { ...origins, processor_architecture: architecture.origin, ...mode.origins };
}

function originOf({ place, contradicted }: Chosen<SettingKey>): string {
  if (contradicted === undefined) return place.origin;
  const { value, place: other } = contradicted;
  return `${place.origin}, then ${String(value)} from ${other.origin}`;
}

const DEFAULT_FILE = 'velo.yaml';

/** What is known before a file is compiled, and what the planner needs of it. */
export interface OuterLayers {
  readonly flags: Layer;
  readonly environment: Layer;
  readonly yaml: Layer;
  /** CompileOptions.defaults: by SET key. */
  readonly defaults: Readonly<Record<string, string>>;
}

/** Flags, environment and velo.yaml (or --config FILE) for a SQL text. */
export async function readOuterLayers(flags: SettingFlags, sqlText: string): Promise<OuterLayers> {
  const environment = environmentLayer(process.env, sqlText);
  const yaml = await readYamlLayer(flags.config);
  return {
    flags: flagLayer(flags),
    environment,
    yaml,
    defaults: planDefaults(environment, yaml),
  };
}

/** Reads --config FILE, or velo.yaml of the working directory where there is one. */
async function readYamlLayer(file: string | undefined): Promise<Layer> {
  const name = file ?? DEFAULT_FILE;
  try {
    const text = await readFile(name, 'utf8');
    const { yamlLayer } = await import('./configuration-yaml.js');
    return yamlLayer({ name, text });
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (file === undefined && code === 'ENOENT') return new Map();
    throw new ConfigError('CONFIG_INVALID', {
      message: `configuration file "${name}" cannot be read (${code ?? 'unknown reason'})`,
      hint: code === 'ENOENT' ? 'check the path given to --config' : undefined,
      cause: error,
    });
  }
}

/** The configuration of a compiled job. */
export function jobConfiguration(
  outer: OuterLayers,
  job: CompiledJob,
  source: SourceText,
): Configuration {
  return resolveConfiguration({ ...outer, ...fileLayers(job.script, source) });
}

const NOTHING: Layer = new Map();

/** What environment and velo.yaml say about plans, as SET would say it. */
function planDefaults(environment: Layer, yaml: Layer): Record<string, string> {
  const outer = { flags: NOTHING, annotations: NOTHING, settings: NOTHING, environment, yaml };
  const choice = new Choice(outer);
  const defaults: Record<string, string> = {};
  const put = (name: string, key: SettingKey, text: (value: unknown) => string = String): void => {
    const { rank, value } = choice.of(key);
    if (rank > 0) defaults[name] = text(value);
  };
  const milliseconds = (value: unknown): string => `${String(value)}ms`;
  put('emit.changes', 'emit_changes');
  put('emit.flush', 'emit_flush');
  put('late.strategy', 'late_strategy');
  put('allowed.lateness', 'allowed_lateness', milliseconds);
  put('source.idle-timeout', 'source_idle_timeout', milliseconds);
  put('state.ttl', 'state_ttl', milliseconds);
  put('state.ttl.time', 'state_ttl_time');
  put('windows.per-record-max', 'windows_per_record_max');
  const { rows } = resolveMode(choice, 'v1', []);
  if (rows !== null) defaults['batch_size'] = String(rows);
  return defaults;
}
