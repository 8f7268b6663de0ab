/**
 * The machine and the build a figure belongs to: processor, cores, Node, commit, load. Plain data
 * for reports and baselines.
 */
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { buildCommit } from '../base/build-commit.js';

export interface BenchEnvironment {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly node: string;
  readonly v8: string;
  /** null where nobody knows (base/build-commit). */
  readonly commit: string | null;
  readonly dirty: boolean;
  readonly load: number;
  readonly seed: number;
}

export function benchEnvironment(seed: number): BenchEnvironment {
  const { commit, dirty } = buildCommit();
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    node: process.version,
    v8: process.versions.v8,
    commit,
    dirty,
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
    seed,
  };
}
