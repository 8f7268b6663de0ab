// What the command runs: dist/bundle, one file for each entry and each part that is loaded when it is
// wanted, of tsc's dist and the packages that are JavaScript. Modules of their own cost a start 0.4 s
// of processor time. CommonJS, because V8 keeps what it compiled of scripts only (src/start).
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('../', import.meta.url));
const { resolve } = createRequire(import.meta.url);
const entries = {
  main: 'cli/main.js',
  worker: 'processors/partitioned/worker/worker-entry.js',
  trial: 'bench/trial.js',
};

// Two modules load parts of a package by their files, which takes a wait where modules are loaded one
// by one. In the bundle those parts are there already.
const chevrotain = join(dirname(resolve('chevrotain')), '../chevrotain.min.mjs');
const client = dirname(resolve('@platformatic/kafka'));
const parts = {
  'sql/grammar/chevrotain.js': () =>
    `export { createToken, EmbeddedActionsParser, EOF, Lexer } from ${JSON.stringify(chevrotain)};`,
  'connectors/kafka/cluster/client-parts.js': (code) => {
    const imports = [];
    const names = code
      .replaceAll(/load\('([^']+)'\)/g, (_call, file) => {
        const name = `part${imports.length}`;
        imports.push(`import * as ${name} from ${JSON.stringify(join(client, file))};`);
        return name;
      })
      .replace('await Promise.all(', '(')
      .replace(/\nconst folder = [^\n]*/, '')
      .replace(/\nasync function load[^]*/, '\n');
    return `${imports.join('\n')}\n${names}`;
  },
};

function withParts(code, id) {
  const file = Object.keys(parts).find((name) => id.endsWith(`/dist/${name}`));
  return file === undefined ? null : parts[file](code);
}

const bundle = await rolldown({
  cwd: root,
  input: Object.fromEntries(
    Object.entries(entries).map(([name, file]) => [name, join(root, 'dist', file)]),
  ),
  platform: 'node',
  // The one is native, the other reads a file that stands beside it.
  external: ['node-rdkafka', '@platformatic/wasm-utils'],
  plugins: [{ name: 'parts of packages', transform: withParts }],
  onLog(level, log, handle) {
    // Of hdr-histogram-js, which finds out with it whether it runs in a browser.
    if (log.code === 'EVAL' && log.id?.includes('hdr-histogram-js')) return;
    if (level === 'warn') throw new Error(log.message);
    handle(level, log);
  },
});
const dir = join(root, 'dist/bundle');
rmSync(dir, { recursive: true, force: true });
await bundle.write({
  dir,
  format: 'cjs',
  // Kept code has forgotten who made it by the time that it imports: a package is required.
  dynamicImportInCjs: false,
  entryFileNames: '[name].cjs',
  chunkFileNames: '[name].cjs',
  comments: { legal: true, annotation: false, jsdoc: false },
});
await bundle.close();
