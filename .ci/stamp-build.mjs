// Before packing (npm's "prepack"): an empty dist, so that no file of an older build is packed, with
// the commit that `velo --version` will name. npm then builds into it ("prepare").
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));

function git(...args) {
  try {
    const options = { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] };
    return execFileSync('git', args, options).trim();
  } catch {
    return null;
  }
}

const commit = git('rev-parse', '--short=12', 'HEAD');
const dirty = (git('status', '--porcelain') ?? '') !== '';
rmSync(`${root}dist`, { recursive: true, force: true });
mkdirSync(`${root}dist`);
writeFileSync(`${root}dist/build.json`, `${JSON.stringify({ commit, dirty })}\n`);
