/**
 * The machine and the build a figure belongs to: processor, cores, Node, commit, load. Plain data
 * for reports and baselines.
 */
import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

export interface BenchEnvironment {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly node: string;
  readonly v8: string;
  /** null outside a git checkout. */
  readonly commit: string | null;
  readonly dirty: boolean;
  readonly load: number;
  readonly seed: number;
}

export function benchEnvironment(seed: number): BenchEnvironment {
  const status = git(['status', '--porcelain']);
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    node: process.version,
    v8: process.versions.v8,
    commit: git(['rev-parse', '--short=12', 'HEAD']),
    dirty: status !== null && status !== '',
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
    seed,
  };
}

function git(args: readonly string[]): string | null {
  try {
    const cwd = fileURLToPath(new URL('../..', import.meta.url));
    return execFileSync('git', args, {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return null;
  }
}
