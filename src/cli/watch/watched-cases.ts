/**
 * `velo test --watch`: which files cases stand on. Owns the list: every case below the folders, those
 * that come included, the SQL files that they name, and the settings.
 */
import { dirname, join } from 'node:path';
import { ConfigError, VeloError } from '../../base/errors.js';
import { CaseFaults } from '../cases/case-file.js';
import { findCases, readCase } from '../cases/case-folder.js';
import { verbosityOf } from '../options.js';
import { exitCodeOf } from '../terminal/exit-code.js';
import { Terminal } from '../terminal/terminal.js';
import { FileWatch } from './file-watch.js';
import { watchLoop } from './watch-loop.js';
import type { WatchedRun } from './watch-loop.js';
import { fileTargetOf, folderTargetOf } from './watch-target.js';
import type { WatchTarget } from './watch-target.js';
import { settingsTarget } from './watched-script.js';
import type { WatchFlags } from './watched-script.js';

interface TestWatchFlags extends WatchFlags {
  readonly update?: boolean;
}

/** The exit code of the run that a signal ended; 2 for what cannot be watched. */
export async function testAgain(
  paths: readonly string[],
  flags: TestWatchFlags,
  run: (watched: WatchedRun) => Promise<number>,
): Promise<number> {
  const terminal = new Terminal(verbosityOf(flags));
  if (flags.update === true) {
    const error = new ConfigError('FLAG_INVALID', {
      message: '--update writes the cases that --watch looks at',
      hint: 'leave one of them away',
    });
    terminal.error(error);
    return exitCodeOf(error);
  }
  return watchLoop(
    async (watched) => {
      watched.reads([settingsTarget(flags.config), ...(await caseTargets(paths))]);
      return run(watched);
    },
    new FileWatch(),
    terminal,
  );
}

async function caseTargets(paths: readonly string[]): Promise<WatchTarget[]> {
  const own = paths.map((path) =>
    path.endsWith('.case')
      ? fileTargetOf(path)
      : folderTargetOf(path, (changed) => changed.endsWith('.case')),
  );
  return [...own, ...(await sqlTargets(paths))];
}

/** Of cases that can be read: what is wrong with the others is said by who runs them. */
async function sqlTargets(paths: readonly string[]): Promise<WatchTarget[]> {
  const targets: WatchTarget[] = [];
  try {
    for (const file of await findCases(paths)) {
      try {
        const { sql } = await readCase(file);
        if ('file' in sql) targets.push(fileTargetOf(join(dirname(file), sql.file)));
      } catch (error) {
        if (!(error instanceof CaseFaults)) throw error;
      }
    }
  } catch (error) {
    if (!(error instanceof VeloError)) throw error;
  }
  return targets;
}
