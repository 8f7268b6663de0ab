/**
 * Runs the bundle, and keeps the machine code-like form (V8's code cache) that its modules were
 * compiled to, so that the next process does not compile them again. Owns loading the files of
 * dist/bundle, the folder of what is kept and when that is believed; what is in the bundle is
 * .ci/bundle.mjs. Nothing here may fail a start: what cannot be read or written is done without.
 *
 *   NODE_COMPILE_CACHE=DIR          keeps it there, as Node's own cache does
 *   NODE_DISABLE_COMPILE_CACHE=1    keeps nothing
 *
 * Node ≥ 22.8 has `module.enableCompileCache` for that; this is for all lines of Node alike, and
 * does not look at each module of node_modules besides.
 */
import { isAscii } from 'node:buffer';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachedDataVersionTag } from 'node:v8';
import { Script } from 'node:vm';

const FOLDER = fileURLToPath(new URL('../bundle/', import.meta.url));
/** A sum of the module and of what is kept of it stands before it: V8 looks at lengths only. */
const SUM_BYTES = 32;
/** A command has some 40 modules. */
const FILES_MAX = 400;

interface BundleModule {
  exports: unknown;
}

/** How a bundle's module is wrapped, as Node wraps those that it loads itself. */
type ModuleFunction = (
  exports: unknown,
  require: (id: string) => unknown,
  module: BundleModule,
  filename: string,
  dirname: string,
) => void;

/** Compiled here and not kept yet. */
interface NewCode {
  readonly script: Script;
  readonly source: Buffer;
  readonly file: string;
}

/** Runs a module of the bundle, and those that it asks for. */
export function runBundle(entry: 'main' | 'worker' | 'trial'): void {
  const loader = new BundleLoader(codeFolder());
  process.once('exit', () => loader.keep());
  loader.load(`${entry}.cjs`);
}

class BundleLoader {
  private readonly modules = new Map<string, BundleModule>();
  private readonly requireOther = createRequire(join(FOLDER, 'main.cjs'));
  private readonly fresh: NewCode[] = [];
  private readonly folder: string | null;

  constructor(folder: string | null) {
    this.folder = folder;
  }

  load(name: string): unknown {
    const known = this.modules.get(name);
    if (known !== undefined) return known.exports;
    const module: BundleModule = { exports: {} };
    this.modules.set(name, module);
    const require = (id: string): unknown =>
      id.startsWith('./') && id.endsWith('.cjs') ? this.load(id.slice(2)) : this.requireOther(id);
    this.compiled(name)(module.exports, require, module, join(FOLDER, name), FOLDER);
    return module.exports;
  }

  /** Keeps what was compiled in this process, with the functions that it came to use. */
  keep(): void {
    try {
      for (const { script, source, file } of this.fresh) keepCode(file, source, script);
      if (this.folder !== null && this.fresh.length > 0) removeOldest(this.folder);
    } catch {
      // A full disk, a folder that is read-only: the next process compiles again.
    }
  }

  private compiled(name: string): ModuleFunction {
    const source = readFileSync(join(FOLDER, name));
    const file = this.folder === null ? null : join(this.folder, `${name}.${TAG}`);
    const cachedData = file === null ? null : keptCode(file, source);
    const text = `(function (exports, require, module, __filename, __dirname) { ${source.toString(isAscii(source) ? 'latin1' : 'utf8')}\n})`;
    const script = new Script(text, {
      filename: join(FOLDER, name),
      ...(cachedData === null ? {} : { cachedData }),
    });
    if (file !== null && (cachedData === null || script.cachedDataRejected === true)) {
      this.fresh.push({ script, source, file });
    }
    // Checked boundary: the text above is a function of these parameters.
    return script.runInThisContext() as ModuleFunction;
  }
}

/** Of V8, its flags and the processor: code of another is not this one's. */
const TAG = cachedDataVersionTag().toString(16);

/** null: none that is this module's. */
function keptCode(file: string, source: Buffer): Buffer | null {
  try {
    const bytes = readFileSync(file);
    const code = bytes.subarray(SUM_BYTES);
    return sumOf(source, code).equals(bytes.subarray(0, SUM_BYTES)) ? code : null;
  } catch {
    return null;
  }
}

/** Whole or not at all: another process may read it meanwhile. */
function keepCode(file: string, source: Buffer, script: Script): void {
  const code = script.createCachedData();
  const partial = `${file}.${process.pid}-${process.hrtime()[1]}.part`;
  try {
    writeFileSync(partial, Buffer.concat([sumOf(source, code), code]), { mode: 0o600, flag: 'wx' });
    renameSync(partial, file);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}

/** What other versions, flags and lines of Node have left goes in the order in which it came. */
function removeOldest(folder: string): void {
  const files = readdirSync(folder).map((name) => join(folder, name));
  if (files.length <= FILES_MAX) return;
  const aged = files.map((file) => ({ file, ms: statSync(file).mtimeMs }));
  aged.sort((a, b) => a.ms - b.ms);
  for (const { file } of aged.slice(0, files.length - FILES_MAX)) rmSync(file, { force: true });
}

function sumOf(source: Buffer, code: Buffer): Buffer {
  return createHash('sha256').update(source).update(code).digest();
}

/** The folder of what is kept, which nobody else may write: its files are run. null: there is none. */
function codeFolder(): string | null {
  const { env } = process;
  if (env['NODE_DISABLE_COMPILE_CACHE'] !== undefined) return null;
  try {
    const folder =
      env['NODE_COMPILE_CACHE'] ?? join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'));
    const own = join(folder, 'velo');
    // Not what stands above: nobody's home is made here.
    for (const made of [folder, own]) if (!existsSync(made)) mkdirSync(made, { mode: 0o700 });
    const { uid, mode } = statSync(own);
    const isOwn = process.getuid === undefined || uid === process.getuid();
    return isOwn && (mode & 0o022) === 0 ? own : null;
  } catch {
    return null;
  }
}
