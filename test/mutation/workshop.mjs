/**
 * The copy of the repository that the mutants are in: sources and dist with every mutant switched
 * in, the tests as they stand. Owns that folder; what is run in it is trial.mjs.
 */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { SWITCH_MODULE, switched } from './switches.mjs';

/** Copies what git knows or would take, and builds it with the mutants in it. */
export function buildCopy(root, copy, mutants) {
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy, { recursive: true });
  for (const file of filesOf(root)) copyFile(root, copy, file);
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  const files = new Map(mutants.map(({ file }) => [file, []]));
  for (const mutant of mutants) files.get(mutant.file).push(mutant);
  for (const [file, own] of files) {
    const path = join(copy, file);
    const module = relative(dirname(file), 'src/mutant-switch.js');
    writeFileSync(path, switched(readFileSync(path, 'utf8'), own, module));
  }
  writeFileSync(join(copy, 'src/mutant-switch.ts'), SWITCH_MODULE);
  for (const file of [...filesOf(root), 'src/mutant-switch.ts'])
    if (/^src\/.*\.ts$/.test(file)) transpile(copy, file);
}

/** The tests as they stand now: they may have grown since the copy was made. */
export function renewTests(root, copy) {
  rmSync(join(copy, 'test'), { recursive: true, force: true });
  for (const file of filesOf(root)) if (file.startsWith('test/')) copyFile(root, copy, file);
}

function filesOf(root) {
  return execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
    .split('\n')
    .filter((file) => file !== '' && file !== '.cache' && file !== 'node_modules')
    .filter((file) => existsSync(join(root, file)));
}

function copyFile(root, copy, file) {
  mkdirSync(dirname(join(copy, file)), { recursive: true });
  cpSync(join(root, file), join(copy, file));
}

/** Types are the build's concern; a mutant may break them and still run. */
function transpile(copy, file) {
  const { outputText } = ts.transpileModule(readFileSync(join(copy, file), 'utf8'), {
    fileName: file,
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
    },
  });
  const out = join(copy, file.replace(/^src/, 'dist').replace(/\.ts$/, '.js'));
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, outputText);
}
