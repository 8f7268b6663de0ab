/**
 * Pins worker threads to cores with taskset (util-linux), one after the other. Owns the command;
 * where it is missing the workers run unpinned and the user is told.
 */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

export function pinWorkers(
  threads: readonly (number | null)[],
  notice: (line: string) => void,
): void {
  for (const [worker, thread] of threads.entries()) {
    const core = String(worker % availableParallelism());
    const pinned =
      thread !== null && spawnSync('taskset', ['-cp', core, String(thread)]).status === 0;
    if (pinned) continue;
    notice('core affinity needs Linux and taskset (util-linux); the workers run unpinned');
    return;
  }
}
