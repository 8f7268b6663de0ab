/**
 * Lint rules: strict TypeScript, and the lines that docs/architecture.md draws. Imports point down
 * the list of layers; only the named files may compile code, read clocks or share memory.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import tseslint from 'typescript-eslint';

/** Top to bottom. A folder may import what stands below it and itself. */
const LAYERS = [
  ['cli'],
  ['bench', 'flink'],
  ['job'],
  ['processors'],
  ['connectors'],
  ['formats'],
  ['runtime'],
  ['state', 'codegen'],
  ['plan'],
  ['functions', 'sql'],
  ['columnar', 'metrics'],
  ['base'],
];

/** Files that say `@hot` in their header: the only ones where `!` is allowed. */
const hotFiles = readdirSync('src', { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => join(entry.parentPath, entry.name))
  .filter((path) => readFileSync(path, 'utf8').slice(0, 2000).split('*/')[0].includes('@hot'));

const layerRules = LAYERS.flatMap((folders, at) => {
  const above = LAYERS.slice(0, at).flat();
  if (above.length === 0) return [];
  const regex = `^(\\.\\./)+(${above.join('|')})(/|\\.js$)`;
  const message = 'Imports point down: see the layers in docs/architecture.md.';
  return folders.map((folder) => ({
    files: [`src/${folder}/**/*.ts`, `src/${folder}.ts`],
    rules: { 'no-restricted-imports': ['error', { patterns: [{ regex, message }] }] },
  }));
});

const THREADS = ['SharedArrayBuffer', 'Atomics'].map((name) => ({
  name,
  message: 'Only processors/partitioned and columnar/arena share memory.',
}));

const CLOCKS = [
  { object: 'Date', property: 'now', message: 'Take a Clock (base/clock).' },
  { object: 'performance', property: 'now', message: 'Take a Clock (base/clock).' },
];

export default tseslint.config(
  { ignores: ['dist', 'node_modules', '.cache', 'coverage', 'test/golden'] },
  ...tseslint.configs.strict,
  {
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/unified-signatures': 'off',
      'no-new-func': 'error',
      'no-restricted-globals': ['error', ...THREADS],
    },
  },
  { files: ['src/**/*.ts'], rules: { 'no-restricted-properties': ['error', ...CLOCKS] } },
  { files: ['src/base/clock.ts'], rules: { 'no-restricted-properties': 'off' } },
  {
    files: ['src/processors/partitioned/**/*.ts', 'src/columnar/arena.ts', 'test/**/*.ts'],
    rules: { 'no-restricted-globals': 'off' },
  },
  {
    files: ['src/codegen/compile.ts'],
    rules: { 'no-new-func': 'off', '@typescript-eslint/no-implied-eval': 'off' },
  },
  {
    files: [...hotFiles, 'test/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  ...layerRules,
);
