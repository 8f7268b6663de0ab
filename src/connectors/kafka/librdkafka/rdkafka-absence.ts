/**
 * Why node-rdkafka cannot be loaded, and what helps: it is not installed, was not compiled, or was
 * compiled for another Node, system or processor. Owns the judgement of what Node, the loader of
 * libraries and the package say, and the commands; who needs librdkafka and what goes without it is
 * the caller's.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export interface RdkafkaAbsence {
  readonly kind: 'not installed' | 'not compiled' | 'for another Node' | 'for another machine';
  /** One sentence without a full stop. */
  readonly detail: string;
  /** An action. */
  readonly hint: string;
}

const PACKAGE = 'node-rdkafka';
const TOOLS =
  'a C++ compiler, make and python3 (Debian: "apt-get install build-essential python3")';

/**
 * `error` is what loading it threw; `folder` is where npm has put it, null where it has not (found by
 * default).
 */
export function rdkafkaAbsence(
  error: unknown,
  folder: string | null = installedIn(),
): RdkafkaAbsence {
  const text = error instanceof Error ? error.message : String(error);
  const code = (error as NodeJS.ErrnoException | null)?.code;
  const first = text.split('\n', 1)[0] ?? '';
  const where = folder === null ? '' : ` in ${folder}`;
  const rebuild = `run "npm rebuild ${PACKAGE}"${where}`;
  if (text.includes(`Cannot find module '${PACKAGE}'`)) {
    return {
      kind: 'not installed',
      detail: 'it is not installed: npm leaves it out where it does not compile',
      hint: `run "npm install ${PACKAGE}", which compiles it and needs ${TOOLS}`,
    };
  }
  const [, built, wanted] =
    /NODE_MODULE_VERSION (\d+)[\s\S]*NODE_MODULE_VERSION (\d+)/.exec(text) ?? [];
  if (built !== undefined && wanted !== undefined) {
    return {
      kind: 'for another Node',
      detail: `it was compiled for another Node (ABI ${built}), this is ${process.version} (ABI ${wanted})`,
      hint: `${rebuild} with this Node, which compiles it again and needs ${TOOLS}`,
    };
  }
  if (text.includes('bindings file') || code === 'MODULE_NOT_FOUND') {
    return {
      kind: 'not compiled',
      detail: 'it is installed, but was not compiled: npm ran no scripts, or found no compiler',
      hint: `${rebuild}, which compiles it and needs ${TOOLS}`,
    };
  }
  return {
    kind: 'for another machine',
    detail: `what was compiled cannot be loaded on this machine: ${first}`,
    hint: `${rebuild} on this machine (a folder node_modules is not copied between systems)`,
  };
}

/** The folder whose node_modules holds the package, from here upwards; null: none does. */
function installedIn(): string | null {
  const found = (createRequire(import.meta.url).resolve.paths(PACKAGE) ?? []).find((modules) =>
    existsSync(join(modules, PACKAGE, 'package.json')),
  );
  return found === undefined ? null : dirname(found);
}
