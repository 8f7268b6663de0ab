/**
 * The flags that `velo bench` and `velo bench compare` share, and the engines they come to: one
 * for V1, one per count of partitions and workers for V2. Owns the lists; what a single job's
 * settings mean together is configuration.ts.
 */
import type { Command } from 'commander';
import { ConfigError } from '../../base/errors.js';
import { MAX_REGRESSION } from '../../bench/compare/comparison.js';
import type { BenchEngine } from '../../bench/bench-engine.js';
import type { BenchRate } from '../../bench/trial-lanes.js';
import { readOuterLayers, resolveConfiguration } from '../configuration/configuration.js';
import type { Configuration } from '../configuration/configuration.js';
import type { OnError } from '../../processors/query-accounts.js';
import type { FileLayers } from '../configuration/configuration-layers.js';
import { flagLayer } from '../configuration/configuration-layers.js';
import { addEngineFlags, settingFlag } from '../configuration/engine-flags.js';
import type { EngineFlags, PlacementFlags } from '../configuration/engine-flags.js';
import { addTalkFlags, choiceFlag, durationFlag, pairFlag, wholeFlag } from '../options.js';
import type { TalkFlags } from '../options.js';

/** `auto`: as many as there are cores. */
export type Count = number | 'auto';

export interface LaneFlags extends EngineFlags, TalkFlags {
  readonly scenario?: string;
  readonly arch?: 'v1' | 'v2' | 'both';
  readonly partitions?: readonly Count[];
  readonly workers?: readonly Count[];
  readonly metrics?: 'on' | 'off';
  readonly records?: number;
  readonly groups: '20' | '200';
  readonly step: number;
  readonly set?: ReadonlyMap<string, string>;
  readonly seed: number;
  readonly maxRegression: number;
}

/** --scenario … --seed, and run's engine flags. */
export function addLaneFlags(command: Command): Command {
  command
    .option('--scenario <ids>', '0, 1, 2, 3a, 3b, all, or SQL files (default: all)')
    .option(
      '--arch <arch>',
      'v1 (the default), v2 (implied by --partitions and --workers), or both side by side',
      choiceFlag('--arch', ['v1', 'v2', 'both'] as const),
    )
    .option('--partitions <list>', 'v2: partitions, like 1,2,8', countsFlag('partitions'))
    .option('--workers <list>', 'v2: worker threads, like 1,2,4', countsFlag('workers'))
    .option('--records <n>', 'records per run', wholeFlag('--records', 1))
    .option(
      '--groups <n>',
      '20, or 200 for the wide variant of 2, 3a, 3b',
      choiceFlag('--groups', ['20', '200'] as const),
      '20',
    )
    .option('--step <time>', 'event time between two records: 1ms or 1s', durationFlag('--step'), 1)
    .option(
      '--metrics <on|off>',
      'v2: the metrics endpoint, on any free port',
      choiceFlag('--metrics', ['on', 'off'] as const),
    )
    .option('--set <key=value>', 'as SET in front of the scenario', pairFlag('--set'))
    .option('--seed <n>', 'seed of the bootstrap', wholeFlag('--seed', 0), 1)
    .option(
      '--max-regression <share>',
      'how much less is no regression yet',
      shareFlag,
      MAX_REGRESSION,
    );
  addEngineFlags(command);
  return addTalkFlags(command);
}

const COUNT_KEYS = { partitions: 'num_partitions', workers: 'workers' } as const;

/** `1,2,8`, each once. */
export function countsFlag(name: keyof typeof COUNT_KEYS): (text: string) => Count[] {
  const one = settingFlag(`--${name}`, COUNT_KEYS[name]);
  return (text) => [...new Set(text.split(',').map((part) => one(part.trim())))];
}

/** `7%` or `0.07`. */
function shareFlag(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text);
  const share = match === null ? Number.NaN : Number(match[1]) / (match[2] === '%' ? 100 : 1);
  if (share >= 0 && share < 1) return share;
  throw new ConfigError('FLAG_INVALID', {
    message: `bad value "${text}" for --max-regression`,
    hint: 'give a share below 1, like 7% or 0.07',
  });
}

/** `max`, `half` of what the lane sustains, or rows per second. */
export function rateFlag(text: string): BenchRate {
  return text === 'max' || text === 'half' ? text : wholeFlag('--rate', 1)(text);
}

export interface Engines {
  readonly engines: readonly BenchEngine[];
  readonly notices: readonly string[];
  /** What becomes of records that fail, as the settings say. */
  readonly onError: OnError;
}

/** What a user's file says of its engine. */
export interface FileSettings extends FileLayers {
  readonly text: string;
}

const NO_FILE: FileSettings = { text: '', annotations: new Map(), settings: new Map() };

/** V1 first, then V2 by partitions and workers. A file that is given may choose as in `velo run`. */
export async function enginesOf(flags: LaneFlags, file: FileSettings = NO_FILE): Promise<Engines> {
  const { arch: asked, partitions, workers, metrics, ...engineFlags } = flags;
  const counted = partitions !== undefined || workers !== undefined;
  const arch = asked ?? (counted ? 'v2' : file === NO_FILE ? 'v1' : null);
  if (arch === 'v1' && counted) {
    throw new ConfigError('FLAG_INVALID', {
      message: '--arch v1 has one partition and one worker',
      hint: 'take --arch both, or leave --partitions and --workers away',
    });
  }
  const outer = await readOuterLayers(engineFlags, file.text);
  const metricsFlag = metrics === undefined ? {} : { metricsPort: portOf(metrics) };
  const resolve = (placement: PlacementFlags): Configuration =>
    resolveConfiguration({
      ...outer,
      flags: flagLayer({ ...engineFlags, ...metricsFlag, ...placement }),
      annotations: file.annotations,
      settings: file.settings,
    });
  const configurations: Configuration[] = [];
  if (arch === null) configurations.push(resolve({}));
  if (arch === 'v1' || arch === 'both') configurations.push(resolve({ arch: 'v1' }));
  for (const count of arch === 'v2' || arch === 'both' ? (partitions ?? [null]) : []) {
    for (const threads of workers ?? [null]) {
      const placement = count === null ? {} : { partitions: count };
      const threadsFlag = threads === null ? {} : { workers: threads };
      configurations.push(resolve({ arch: 'v2', ...placement, ...threadsFlag }));
    }
  }
  // Side by side with V2, what V2's flags say on V1 was no slip.
  const told = arch === 'both' ? configurations.slice(1) : configurations;
  return {
    engines: configurations.map(({ partitioned, batchRows, mode }) => ({
      partitioned,
      batchRows,
      mode,
    })),
    notices: [...new Set(told.flatMap(({ notices }) => notices))],
    onError: configurations[0]?.values.on_error ?? 'fail',
  };
}

function portOf(metrics: 'on' | 'off'): number | null {
  return metrics === 'on' ? 0 : null;
}
