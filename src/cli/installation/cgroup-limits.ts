/**
 * How many processors a cgroup lets this process use: Linux tells everybody of all the machine's,
 * and Node 20 believes it. Owns the two generations of files; memory is known to Node itself.
 *
 *   /proc/self/cgroup      0::/path        v2, limits in /sys/fs/cgroup/path and every folder above
 *                          4:cpu:/path     v1, limits in /sys/fs/cgroup/cpu/path
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Processors, a fraction of one too; null: no limit. `root` stands in for the file system in tests. */
export function cgroupCpus(root = '/'): number | null {
  const paths = textOf(join(root, 'proc/self/cgroup')).split('\n');
  const unified = paths.find((line) => line.startsWith('0::'))?.slice(3) ?? '/';
  const older = /^\d+:[^:]*\bcpu\b[^:]*:(.*)$/m.exec(paths.join('\n'))?.[1] ?? '/';
  const limits = [
    ...upwards(unified).map((path) =>
      limitOf(textOf(join(root, 'sys/fs/cgroup', path, 'cpu.max'))),
    ),
    ...upwards(older).map((path) => {
      const folder = join(root, 'sys/fs/cgroup/cpu', path);
      const quota = textOf(join(folder, 'cpu.cfs_quota_us')).trim();
      return limitOf(`${quota} ${textOf(join(folder, 'cpu.cfs_period_us'))}`);
    }),
  ].filter((limit) => limit !== null);
  return limits.length === 0 ? null : Math.min(...limits);
}

/** A limit of a folder holds for all below it. */
function upwards(path: string): string[] {
  return path === '/' || path === '.' ? ['/'] : [path, ...upwards(dirname(path))];
}

/** `150000 100000` is a processor and a half; `max 100000` and `-1 100000` are none. */
function limitOf(text: string): number | null {
  const [quota, period] = text.trim().split(/\s+/).map(Number);
  if (quota === undefined || period === undefined) return null;
  return quota > 0 && period > 0 ? quota / period : null;
}

/** Empty where there is no such file: another system, or another generation. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
