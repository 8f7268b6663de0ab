/**
 * Java and Maven for the tests that need a real broker or a real Flink. Owns the search for the
 * two tools, the one-time download of jars into the git-ignored cache, and what happens where a
 * tool is missing: a line that names the suite, or a failure under CI=true. Starts no service.
 *
 * Plain JavaScript, so that the tests and compile-free scripts share it; types are in java.d.mts.
 */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const HERE = dirname(fileURLToPath(import.meta.url));

/** The folder with poms, properties and Java sources. */
export const JAVA_FOLDER = join(HERE, 'java');
/** Git-ignored; what is downloaded or compiled once is here. */
export const CACHE_FOLDER = resolve(HERE, '../../.cache');

const TOOLS = [
  ['Java', 'java', '-version'],
  ['Maven', 'mvn', '--version'],
];
/** What some suites need beside these. */
const FURTHER_TOOLS = {
  javac: ['the Java compiler', 'javac', '-version'],
  openssl: ['OpenSSL', 'openssl', 'version'],
};

/** Names of the tools that are not on the path: 'Java', 'Maven'. Empty when all are there. */
export function missingJavaTools(further = []) {
  return [...TOOLS, ...further.map((name) => FURTHER_TOOLS[name])]
    .filter(([, command, flag]) => spawnSync(command, [flag], { stdio: 'ignore' }).status !== 0)
    .map(([name]) => name);
}

/**
 * Whether `suite` can run. Where it cannot, a line on stderr says so; with CI=true this throws,
 * so that a suite is never left out unseen.
 */
export function javaSuiteRuns(suite, further = []) {
  const missing = missingJavaTools(further);
  if (missing.length === 0) return true;
  const line = `${suite}: not run, because ${missing.join(' and ')} cannot be found`;
  if (process.env.CI === 'true') throw new Error(line);
  process.stderr.write(`${line}\n`);
  return false;
}

/**
 * The class path of `pom`'s runtime dependencies, downloaded on first use into
 * `.cache/<cacheName>/lib`. Several processes may ask at once: each downloads into a folder of its
 * own and the first rename wins.
 */
export async function resolveClassPath({ pom, cacheName }) {
  const folder = join(CACHE_FOLDER, cacheName);
  const target = join(folder, 'lib');
  if (!existsSync(target)) {
    const partial = join(folder, `lib-${process.pid}-${Date.now()}`);
    mkdirSync(partial, { recursive: true });
    const copyGoal = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies';
    const flags = [`-DoutputDirectory=${partial}`, '-DincludeScope=runtime'];
    await run('mvn', ['-q', '-B', '-f', pom, copyGoal, ...flags], { maxBuffer: 1 << 26 });
    try {
      renameSync(partial, target);
    } catch (error) {
      rmSync(partial, { recursive: true, force: true });
      if (!existsSync(target)) throw error;
    }
  }
  if (!readdirSync(target).some((name) => name.endsWith('.jar'))) {
    throw new Error(`${target} holds no jars: delete it and run again`);
  }
  return join(target, '*');
}
