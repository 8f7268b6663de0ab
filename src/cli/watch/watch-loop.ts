/**
 * Runs something again and again, whenever a file changes: --watch of run and test. Owns the order:
 * a change stops what runs, the next run begins when that one has ended, and a signal ends all. What
 * runs and what is said are the caller's.
 */
import { relative } from 'node:path';
import type { Terminal } from '../terminal/terminal.js';
import type { FileWatch } from './file-watch.js';
import type { WatchTarget } from './watch-target.js';

interface Stoppable {
  stop(): unknown;
}

/** What a run tells the loop. */
export interface WatchedRun {
  /** These are looked at from now on: said before they are read. */
  readonly reads: (targets: readonly WatchTarget[]) => void;
  /** This runs now, and can be stopped. */
  readonly started: (job: Stoppable) => void;
  /** A change has come: what has not begun need not begin. */
  readonly isStale: () => boolean;
}

/** Exit codes from here on mean a signal: ^C ends the loop as well as the run. */
const SIGNALLED = 128;

/**
 * Until a run ends by a signal; its exit code. Between runs nobody listens to signals, so that the
 * system ends the process at once. `run` says its own errors and resolves to an exit code.
 */
export async function watchLoop(
  run: (watched: WatchedRun) => Promise<number>,
  watch: FileWatch,
  terminal: Pick<Terminal, 'note' | 'clearScreen'>,
): Promise<number> {
  try {
    for (;;) {
      const state: { stale: boolean; job: Stoppable | null } = { stale: false, job: null };
      const change = watch.changed().then((path) => {
        state.stale = true;
        void state.job?.stop();
        return path;
      });
      const exit = await run({
        reads: (targets) => watch.watch(targets),
        started: (job) => {
          state.job = job;
        },
        isStale: () => state.stale,
      });
      state.job = null;
      if (exit >= SIGNALLED) return exit;
      if (!state.stale) terminal.note('watching for changes; ^C ends');
      const path = await change;
      terminal.clearScreen();
      terminal.note(`${shortPath(path)} changed`);
    }
  } finally {
    watch.close();
  }
}

/** As one would type it, where that is shorter. */
function shortPath(path: string): string {
  const below = relative('', path);
  return below.startsWith('..') ? path : below;
}
