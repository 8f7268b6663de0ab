/**
 * The value of each setting, on its own: the first of flag, annotation, SET, environment, velo.yaml
 * that says something, else the default. What several settings mean together is configuration.ts.
 */
import { WINDOWS_PER_RECORD_MAX } from '../../plan/query-settings.js';
import { BATCH_ROWS_MAX } from '../../columnar/batch.js';
import {
  PARTITIONED_DEFAULTS,
  TARGET_LATENCY_MS,
} from '../../processors/partitioned/job-settings.js';
import type { Entry, Layer, Place } from './configuration-layers.js';
import type { SettingKey, SettingValues } from './configuration-schema.js';

export interface ConfigurationLayers {
  readonly flags: Layer;
  readonly annotations: Layer;
  /** SET. */
  readonly settings: Layer;
  readonly environment: Layer;
  readonly yaml: Layer;
}

const DEFAULTS: SettingValues = {
  processor_architecture: 'v1',
  num_partitions: 'auto',
  workers: 'auto',
  processing_mode: { kind: 'batch', rows: null },
  batch_size: BATCH_ROWS_MAX,
  target_latency: TARGET_LATENCY_MS,
  partitioning_strategy: 'auto',
  rebalance: 'off',
  partition_buffer_size: PARTITIONED_DEFAULTS.ringSlots,
  max_memory: null,
  enable_core_affinity: PARTITIONED_DEFAULTS.affinity,
  'backpressure.enabled': PARTITIONED_DEFAULTS.backpressure.enabled,
  'backpressure.queue_threshold': PARTITIONED_DEFAULTS.backpressure.queueThreshold,
  'backpressure.latency_threshold': PARTITIONED_DEFAULTS.backpressure.latencyThresholdMs,
  'throttle.min_delay': PARTITIONED_DEFAULTS.throttle.minDelayMs,
  'throttle.max_delay': PARTITIONED_DEFAULTS.throttle.maxDelayMs,
  'throttle.backoff_multiplier': PARTITIONED_DEFAULTS.throttle.backoffMultiplier,
  metrics_port: PARTITIONED_DEFAULTS.metricsPort,
  'state.max_rows': null,
  'state.max_bytes': null,
  'state.memory': null,
  'state.memory_dir': null,
  'checkpoint.dir': null,
  'checkpoint.interval': 10_000,
  'checkpoint.keep': 3,
  'restart.attempts': 3,
  'restart.delay': 1000,
  on_error: 'fail',
  dead_letter: null,
  format: 'auto',
  emit_changes: 'snapshot',
  emit_flush: true,
  late_strategy: 'drop',
  allowed_lateness: 0,
  source_idle_timeout: 0,
  state_ttl: 0,
  state_ttl_time: 'processing',
  windows_per_record_max: WINDOWS_PER_RECORD_MAX,
};

/** How strong a layer is; annotations win over SET, but both are the file's word. */
export type Rank = 0 | 1 | 2 | 3 | 4;
export const FLAG_RANK = 4;
export const FILE_RANK = 3;

export interface Chosen<K extends SettingKey> {
  readonly value: SettingValues[K];
  readonly place: Place;
  /** 0: nothing was said, the value is the default. */
  readonly rank: Rank;
  readonly contradicted: Entry | undefined;
}

/** The value of each setting by the order of the layers, each on its own. */
export class Choice {
  private readonly layers: readonly (readonly [Rank, Layer])[];

  constructor({ flags, annotations, settings, environment, yaml }: ConfigurationLayers) {
    this.layers = [
      [FLAG_RANK, flags],
      [FILE_RANK, annotations],
      [FILE_RANK, settings],
      [2, environment],
      [1, yaml],
    ];
  }

  of<K extends SettingKey>(key: K): Chosen<K> {
    for (const [rank, layer] of this.layers) {
      const entry = layer.get(key);
      if (entry === undefined) continue;
      // Layers hold checked values of their keys: see entryOf.
      const value = entry.value as SettingValues[K];
      return { value, place: entry.place, rank, contradicted: entry.contradicted };
    }
    const place: Place = { origin: 'default', code: 'CONFIG_INVALID' };
    return { value: DEFAULTS[key], place, rank: 0, contradicted: undefined };
  }
}
