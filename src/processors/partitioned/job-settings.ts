/**
 * What a V2 job is told: partitions, workers, processing mode, strategy, rings, backpressure and
 * throttle, with their defaults and limits. Owns how partitions and workers follow from what was
 * given and from the cores. Reads no flag, file or variable: cli/configuration/configuration does.
 */
import { BATCH_ROWS_MAX } from '../../columnar/batch.js';
import type { PartitioningStrategy } from '../../plan/fragments/fragments.js';

/** How long a source collects before it hands rows over. */
export type ProcessingMode =
  | { readonly kind: 'individual' }
  | { readonly kind: 'batch'; readonly rows: number }
  | { readonly kind: 'adaptive'; readonly targetLatencyMs: number };

export interface PartitionedSettings {
  readonly partitions: number;
  readonly workers: number;
  /** By key group, its partition; null: equal ranges. */
  readonly owners: readonly number[] | null;
  /** Whether key groups are to be moved off a partition that stays hot: their rows are counted. */
  readonly rebalance: boolean;
  readonly mode: ProcessingMode;
  /** null: chosen for each query. */
  readonly strategy: PartitioningStrategy | null;
  /** Blocks that one ring between two workers holds. */
  readonly ringSlots: number;
  /** Pin each worker to a core. */
  readonly affinity: boolean;
  readonly backpressure: {
    readonly enabled: boolean;
    /** Share of a partition's rings in use, 0 … 1, from which it counts as Warning. */
    readonly queueThreshold: number;
    readonly latencyThresholdMs: number;
  };
  readonly throttle: {
    readonly minDelayMs: number;
    readonly maxDelayMs: number;
    readonly backoffMultiplier: number;
  };
  /** Resident bytes that the job may take; null: most of what the machine has. */
  readonly maxMemoryBytes: number | null;
  /** null: no endpoint; 0: any free port. */
  readonly metricsPort: number | null;
}

/** Key groups bound the partitions; more threads than this are never a help. */
export const PARTITIONS_MAX = 1024;
export const WORKERS_MAX = 256;
/** On any machine so many are started if they are wanted, and so many for each core. */
const WORKERS_MIN_MAX = 4;
const WORKERS_PER_CORE = 2;
export const RING_SLOTS_MIN = 2;
export const RING_SLOTS_MAX = 65_536;
/** What adaptive batches aim at when nothing else is said. */
export const TARGET_LATENCY_MS = 5;

export const PARTITIONED_DEFAULTS = {
  owners: null,
  rebalance: false,
  mode: { kind: 'batch', rows: BATCH_ROWS_MAX },
  strategy: null,
  ringSlots: 16,
  affinity: false,
  backpressure: { enabled: true, queueThreshold: 0.7, latencyThresholdMs: 100 },
  throttle: { minDelayMs: 0.1, maxDelayMs: 10, backoffMultiplier: 2 },
  maxMemoryBytes: null,
  metricsPort: null,
} as const satisfies Omit<PartitionedSettings, 'partitions' | 'workers'>;

/** A count as it was asked for: 'auto' = one per core; null = not asked for at all. */
export type CountRequest = number | 'auto' | null;

/**
 * Partitions and workers. Partitions alone: a worker per core, because workers without a partition
 * still read and pre-aggregate. Workers alone: as many partitions. Neither: one of each per core.
 */
export function resolvePlacement(
  asked: { readonly partitions: CountRequest; readonly workers: CountRequest },
  cores: number,
): { readonly partitions: number; readonly workers: number } {
  const wanted = typeof asked.workers === 'number' ? asked.workers : atMost(cores, WORKERS_MAX);
  const workers = workersOf(wanted, cores);
  if (typeof asked.partitions === 'number') return { partitions: asked.partitions, workers };
  const partitions = asked.partitions === 'auto' ? atMost(cores, PARTITIONS_MAX) : wanted;
  return { partitions, workers };
}

/**
 * How many workers are started where so many are wanted. Each costs a thread of 0.1 s of processor
 * time and 10 MB before it does anything, and more of them than the cores can run only make each
 * other wait.
 */
export function workersOf(wanted: number, cores: number): number {
  return Math.min(wanted, Math.max(WORKERS_MIN_MAX, WORKERS_PER_CORE * cores));
}

function atMost(cores: number, most: number): number {
  return Math.max(1, Math.min(cores, most));
}
