/**
 * `velo run --watch`: which files a SQL file stands on. Owns those that are looked at from the start
 * (the SQL and the settings), and that of a file with a fault the data files of before still are.
 */
import { resolve } from 'node:path';
import { ConfigError } from '../../base/errors.js';
import type { CompiledJob } from '../../job.js';
import { isSqlArgument, verbosityOf } from '../options.js';
import type { TalkFlags } from '../options.js';
import { exitCodeOf } from '../terminal/exit-code.js';
import { Terminal } from '../terminal/terminal.js';
import { FileWatch } from './file-watch.js';
import { watchLoop } from './watch-loop.js';
import type { WatchedRun } from './watch-loop.js';
import { fileTargetOf, inputTargetsOf } from './watch-target.js';
import type { WatchTarget } from './watch-target.js';

export interface WatchedScript extends Pick<WatchedRun, 'started' | 'isStale'> {
  /** Throws ConfigError for what cannot be read again. */
  readonly compiled: (job: CompiledJob) => void;
}

export interface WatchFlags extends TalkFlags {
  readonly execute?: string;
  readonly config?: string;
}

/** Settings of the working directory, as configuration.ts names them. */
const SETTINGS_FILE = 'velo.yaml';

export function settingsTarget(config: string | undefined): WatchTarget {
  return fileTargetOf(config ?? SETTINGS_FILE);
}

/** The exit code of the run that a signal ended; 2 for what cannot be watched. */
export async function runAgain(
  file: string | undefined,
  flags: WatchFlags,
  run: (watched: WatchedScript) => Promise<number>,
): Promise<number> {
  const terminal = new Terminal(verbosityOf(flags));
  if (file === '-') {
    terminal.error(fromStdin());
    return exitCodeOf(fromStdin());
  }
  const isFile = file !== undefined && flags.execute === undefined && !isSqlArgument(file);
  const own = [settingsTarget(flags.config), ...(isFile ? [fileTargetOf(resolve(file))] : [])];
  let inputs: readonly WatchTarget[] = [];
  return watchLoop(
    async ({ reads, started, isStale }) => {
      reads([...own, ...inputs]);
      return run({
        started,
        isStale,
        compiled: ({ plan }) => {
          inputs = inputTargetsOf(plan.queries);
          reads([...own, ...inputs]);
        },
      });
    },
    new FileWatch(),
    terminal,
  );
}

function fromStdin(): ConfigError {
  return new ConfigError('FLAG_INVALID', {
    message: 'SQL from stdin cannot be read again: --watch needs a file',
    hint: 'write it into a file',
  });
}
