/**
 * The flags that say how a job is driven, shared by `run`, `bench` and `config`: their text, their
 * checking, and which setting each of them is. Owns no defaults: a flag that was not given must
 * leave the layers below it alone.
 */
import type { Command } from 'commander';
import { ConfigError } from '../../base/errors.js';
import type { ProcessingModeSetting, SettingKey, SettingValues } from './configuration-schema.js';
import { parseSetting, settingWords } from './configuration-schema.js';
import { withWords } from '../options.js';
import type { WordParser } from '../options.js';

/** What commander hands over; every value is already checked. */
export interface EngineFlags {
  readonly mode?: ProcessingModeSetting;
  readonly batchSize?: number | 'adaptive';
  readonly partitioning?: SettingValues['partitioning_strategy'];
  readonly rebalance?: SettingValues['rebalance'];
  readonly ringSize?: number;
  readonly maxMemory?: number | null;
  readonly affinity?: boolean;
  readonly targetLatency?: number;
  readonly config?: string;
}

/** The flags of one job; `velo bench` has its own, which take lists. */
export interface PlacementFlags {
  readonly arch?: 'v1' | 'v2';
  readonly partitions?: number | 'auto';
  readonly workers?: number | 'auto';
  readonly metricsPort?: number | null;
}

/** Every flag that is a setting, and where settings come from, as commander hands them over. */
export interface SettingFlags extends EngineFlags, PlacementFlags {
  readonly checkpointDir?: SettingValues['checkpoint.dir'];
  readonly checkpointInterval?: number;
  readonly onError?: SettingValues['on_error'];
  readonly deadLetter?: SettingValues['dead_letter'];
  readonly format?: SettingValues['format'];
  readonly set?: ReadonlyMap<string, string> | undefined;
}

/** The setting that each flag is, by commander's name of the flag. */
export const FLAG_SETTINGS = {
  arch: { flag: '--arch', key: 'processor_architecture' },
  partitions: { flag: '--partitions', key: 'num_partitions' },
  workers: { flag: '--workers', key: 'workers' },
  mode: { flag: '--mode', key: 'processing_mode' },
  batchSize: { flag: '--batch-size', key: 'batch_size' },
  partitioning: { flag: '--partitioning', key: 'partitioning_strategy' },
  rebalance: { flag: '--rebalance', key: 'rebalance' },
  ringSize: { flag: '--ring-size', key: 'partition_buffer_size' },
  maxMemory: { flag: '--max-memory', key: 'max_memory' },
  affinity: { flag: '--affinity', key: 'enable_core_affinity' },
  targetLatency: { flag: '--target-latency', key: 'target_latency' },
  metricsPort: { flag: '--metrics-port', key: 'metrics_port' },
  checkpointDir: { flag: '--checkpoint-dir', key: 'checkpoint.dir' },
  checkpointInterval: { flag: '--checkpoint-interval', key: 'checkpoint.interval' },
  onError: { flag: '--on-error', key: 'on_error' },
  deadLetter: { flag: '--dead-letter', key: 'dead_letter' },
  format: { flag: '--format', key: 'format' },
} as const satisfies Readonly<
  Record<Exclude<keyof SettingFlags, 'config' | 'set'>, { flag: string; key: SettingKey }>
>;

/** Checks a flag's text as the setting it is. */
export function settingFlag<K extends SettingKey>(
  flag: string,
  key: K,
): WordParser<SettingValues[K]> {
  return withWords((text) => {
    const parsed = parseSetting(key, text);
    if (parsed.ok) return parsed.value;
    throw new ConfigError('FLAG_INVALID', {
      message: `bad value "${text}" for ${flag}`,
      hint: parsed.hint,
    });
  }, settingWords(key));
}

/** --mode … --config: what `run`, `bench` and `config` share. */
export function addEngineFlags(command: Command): Command {
  return command
    .option(
      '--mode <mode>',
      'individual: hand over whatever has arrived; batch; adaptive',
      settingFlag('--mode', 'processing_mode'),
    )
    .option(
      '--batch-size <rows>',
      'rows per batch, 1 to 4096 (the default; larger is cut to it), or adaptive',
      settingFlag('--batch-size', 'batch_size'),
    )
    .option(
      '--partitioning <strategy>',
      'v2: hash, sticky, smart, round-robin, fan-in; auto for each query by default',
      settingFlag('--partitioning', 'partitioning_strategy'),
    )
    .option(
      '--rebalance <how>',
      'v2: auto moves keys off a partition that stays hot; off by default',
      settingFlag('--rebalance', 'rebalance'),
    )
    .option(
      '--ring-size <slots>',
      'v2: blocks in flight between two workers, 2 to 65536',
      settingFlag('--ring-size', 'partition_buffer_size'),
    )
    .option(
      '--max-memory <size>',
      'end the job with an error beyond so much resident memory: 512m, 4g',
      settingFlag('--max-memory', 'max_memory'),
    )
    .option('--affinity', 'v2: pin each worker to a core')
    .option('--no-affinity', 'v2: leave workers to the scheduler')
    .option(
      '--target-latency <time>',
      'v2: what adaptive batches aim at, like 5ms',
      settingFlag('--target-latency', 'target_latency'),
    )
    .option('--config <file>', 'settings file (default: velo.yaml of the working directory)');
}

/** --arch, --partitions, --workers and --metrics-port of one job. */
export function addPlacementFlags(command: Command): Command {
  return command
    .option(
      '--arch <arch>',
      'v1: one thread (the default); v2: partitions on worker threads',
      settingFlag('--arch', 'processor_architecture'),
    )
    .option(
      '--partitions <n>',
      'v2: partitions of state, 1 to 1024, or auto: one per core',
      settingFlag('--partitions', 'num_partitions'),
    )
    .option(
      '--workers <n>',
      'v2: worker threads, 1 to 256, or auto: one per core',
      settingFlag('--workers', 'workers'),
    )
    .option(
      '--metrics-port <port>',
      'Prometheus endpoint on the loopback; 0: any free port',
      settingFlag('--metrics-port', 'metrics_port'),
    );
}
