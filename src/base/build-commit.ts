/**
 * Which commit this build of velo is of. Owns the two places that know: git, where velo runs from a
 * checkout of its own, and dist/build.json, which packing writes (.ci/stamp-build.mjs). A package
 * below somebody's node_modules stands in their repository, whose commit says nothing about it.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PACKAGE_ROOT } from './program-files.js';

export interface BuildCommit {
  /** The first twelve digits; null: nobody knows. */
  readonly commit: string | null;
  /** Files differ from the commit. */
  readonly dirty: boolean;
}

const ROOT = fileURLToPath(PACKAGE_ROOT);

export function buildCommit(root = ROOT): BuildCommit {
  if (existsSync(`${root}.git`)) {
    const commit = git(root, ['rev-parse', '--short=12', 'HEAD']);
    const status = git(root, ['status', '--porcelain']);
    if (commit !== null) return { commit, dirty: status !== null && status !== '' };
  }
  return stamped(`${root}dist/build.json`);
}

function stamped(file: string): BuildCommit {
  try {
    const { commit, dirty } = JSON.parse(readFileSync(file, 'utf8')) as Partial<BuildCommit>;
    return { commit: typeof commit === 'string' ? commit : null, dirty: dirty === true };
  } catch {
    // Built by other means than packing: then nobody knows.
    return { commit: null, dirty: false };
  }
}

function git(cwd: string, args: readonly string[]): string | null {
  try {
    const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore'];
    return execFileSync('git', args, { cwd, encoding: 'utf8', stdio }).trim();
  } catch {
    // No git, or a repository that it does not take: the caller does without.
    return null;
  }
}
