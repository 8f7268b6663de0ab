/**
 * Lint rules: strict TypeScript, and the lines that docs/architecture.md draws. Imports point down
 * the list of layers; only the named files may compile code, read clocks or share memory.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import tseslint from 'typescript-eslint';

/** Top to bottom. A folder may import what stands below it and itself. */
const LAYERS = [
  ['start'],
  ['cli'],
  ['bench', 'flink'],
  ['job'],
  ['processors'],
  ['connectors'],
  ['formats'],
  ['runtime'],
  ['state'],
  ['codegen'],
  ['plan'],
  ['functions', 'sql'],
  ['columnar', 'metrics'],
  ['base'],
];

/** The same for the rooms of one folder. Files that stand in no room are its doors and contracts. */
const ROOMS = {
  cli: [
    ['watch'],
    ['flags', 'cases', 'shells', 'project'],
    ['installation'],
    ['configuration'],
    ['terminal'],
  ],
  bench: [['compare', 'peers', 'micro'], ['scenario']],
  'processors/partitioned': [
    ['main'],
    ['worker'],
    ['pressure'],
    ['exchange'],
    ['turns', 'wire'],
    ['routing'],
  ],
  connectors: [
    ['kafka', 'datagen', 'faker'],
    ['file', 'generator', 'stdout', 'blackhole'],
  ],
  'connectors/kafka': [
    ['librdkafka', 'fetch', 'transactions'],
    ['produce'],
    ['record'],
    ['registry'],
    ['cluster', 'batch'],
    ['blocks'],
    ['settings'],
  ],
  formats: [['text'], ['avro', 'protobuf'], ['json', 'message'], ['columns', 'codecs']],
  'runtime/operators': [['over'], ['window', 'rows-window', 'join'], ['rows']],
  state: [['groups', 'rings'], ['values'], ['sums']],
  codegen: [['calc', 'json'], ['emit'], ['memo']],
  plan: [['explain'], ['fragments'], ['pipeline', 'bind'], ['logical'], ['expression']],
};

/** Files that say `@hot` in their header: the only ones where `!` is allowed. */
const hotFiles = readdirSync('src', { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => join(entry.parentPath, entry.name))
  .filter((path) => readFileSync(path, 'utf8').slice(0, 2000).split('*/')[0].includes('@hot'));

/** Imports that folder `name` of `layers` must not have: of what stands above it, or beside it. */
function forbidden(layers, name) {
  const at = layers.findIndex((folders) => folders.includes(name));
  return [...layers.slice(0, at).flat(), ...layers[at].filter((folder) => folder !== name)];
}

const layerMessage = 'Imports point down: see the layers in docs/architecture.md.';

function patternOf(folders) {
  return { regex: `^(\\.\\./)+(${folders.join('|')})(/|\\.js$)`, message: layerMessage };
}

/** Rows are computed by kernels: the interpreter folds constants in codegen, and is the oracle of tests. */
const INTERPRETER = {
  regex: '/codegen/interpreter\\.js$',
  message:
    'Compile the expression (codegen/calc): the interpreter is what kernels are tested against.',
};

/** A later rule replaces an earlier one for its files, so each room repeats what holds around it. */
const layerRules = LAYERS.flat().flatMap((folder) => {
  const outer = forbidden(LAYERS, folder);
  const rule = (files, patterns) =>
    patterns.length === 0
      ? []
      : [{ files, rules: { 'no-restricted-imports': ['error', { patterns }] } }];
  const whole = [...(outer.length === 0 ? [] : [patternOf(outer)]), INTERPRETER];
  const rooms = Object.entries(ROOMS)
    .filter(([parent]) => parent === folder || parent.startsWith(`${folder}/`))
    .sort(([a], [b]) => a.length - b.length)
    .flatMap(([parent, layers]) =>
      layers.flat().flatMap((room) => {
        const outside = outerRooms(parent);
        const inside = forbidden(layers, room);
        const own = inside.length === 0 ? [] : [patternOf(inside)];
        return rule([`src/${parent}/${room}/**/*.ts`], [...whole, ...outside, ...own]);
      }),
    );
  return [...rule([`src/${folder}/**/*.ts`, `src/${folder}.ts`], whole), ...rooms];
});

/** What holds for the room that `parent` itself is. */
function outerRooms(parent) {
  const at = parent.lastIndexOf('/');
  const layers = at < 0 ? undefined : ROOMS[parent.slice(0, at)];
  if (layers === undefined || !layers.flat().includes(parent.slice(at + 1))) return [];
  const names = forbidden(layers, parent.slice(at + 1));
  return names.length === 0 ? [] : [patternOf(names)];
}

const THREADS = ['SharedArrayBuffer', 'Atomics'].map((name) => ({
  name,
  message: 'Only processors/partitioned, columnar/arena and base/byte-ring share memory.',
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
    files: [
      'src/processors/partitioned/**/*.ts',
      'src/columnar/arena.ts',
      'src/base/byte-ring.ts',
      'test/**/*.{ts,mjs}',
    ],
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
