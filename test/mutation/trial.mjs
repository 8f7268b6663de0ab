/**
 * One run of tests in the copy, watched from outside: it ends with the first failure, and with a file
 * that takes far longer than it does without a mutant. Owns the session that runs them (session.mjs),
 * which lives on from run to run unless one has to be broken off.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { eventOf } from './events-reporter.mjs';

/** Until the first file begins: modules are transformed, threads start. */
const START_LIMIT_MS = 90_000;
/** After a failure: whatever the tests have to put away. */
const END_LIMIT_MS = 20_000;

export class Trials {
  constructor(copy, env) {
    this.copy = copy;
    this.env = env;
    this.child = null;
    this.heard = () => undefined;
  }

  /**
   * @param {{ files: readonly string[], names: Record<string, string>, mutant: number,
   *   limitMs: (file: string) => number, toTheEnd: boolean, event?: (event: object) => void }} run
   *   `names`: by file, the pattern of the tests that are wanted; `toTheEnd`: failures do not end it.
   * @returns {Promise<{ by: string, how: 'failed' | 'late' | 'crashed', message: string } | null>}
   *   what ended it; null if everything passed
   */
  async run({ files, names, mutant, limitMs, toTheEnd, event: heard }) {
    this.child ??= await this.start();
    const { child } = this;
    return new Promise((resolve) => {
      let current = 'the start';
      let result = null;
      let timer;
      const end = (broken) => {
        clearTimeout(timer);
        this.heard = () => undefined;
        this.ended = () => undefined;
        if (broken) this.end();
        resolve(result);
      };
      const watch = (ms) => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          result ??= { by: current, how: 'late', message: `not over after ${ms} ms` };
          end(true);
        }, ms);
      };
      this.ended = () => {
        result ??= { by: current, how: 'crashed', message: 'the run ended by itself' };
        end(true);
      };
      this.heard = (event) => {
        heard?.(event);
        if (event.kind === 'file') {
          current = event.file;
          watch(limitMs(event.file));
        }
        if (event.kind === 'end') watch(START_LIMIT_MS);
        if (!toTheEnd && result === null) {
          result = failureOf(event, current);
          if (result !== null) watch(END_LIMIT_MS);
        }
        if (event.kind === 'over') end(false);
      };
      watch(START_LIMIT_MS);
      const order = { files, names, toTheEnd, env: { MUTANT: String(mutant) } };
      child.stdin.write(`${JSON.stringify(order)}\n`);
    });
  }

  /** Ends the session and all that it started. */
  end() {
    const { child } = this;
    this.child = null;
    if (child === null) return;
    child.removeAllListeners();
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It is gone already.
    }
  }

  async start() {
    const temporary = join(this.copy, '.cache', 'tmp');
    rmSync(temporary, { recursive: true, force: true });
    mkdirSync(temporary, { recursive: true });
    const child = spawn(process.execPath, ['test/mutation/session.mjs'], {
      cwd: this.copy,
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
      env: {
        ...process.env,
        ...this.env,
        TMPDIR: temporary,
        NODE_OPTIONS: '--max-old-space-size=2000',
      },
    });
    await new Promise((resolve, reject) => {
      child.on('close', (code) => {
        reject(new Error(`the session ended with ${code}`));
        this.ended?.();
      });
      createInterface({ input: child.stdout }).on('line', (line) => {
        const event = eventOf(line);
        if (event?.kind === 'ready') resolve();
        else if (event !== null) this.heard(event);
      });
    });
    return child;
  }
}

function failureOf(event, current) {
  if (event.kind === 'test' && event.state === 'failed')
    return { by: `${event.file} > ${event.name}`, how: 'failed', message: event.message };
  if (event.kind === 'end' && event.errors.length > 0)
    return { by: event.file, how: 'failed', message: event.errors[0] };
  if (event.kind === 'over' && event.errors.length > 0)
    return { by: current, how: 'crashed', message: event.errors[0] };
  return null;
}

/** Names of the SQL cases are their paths. */
export function patternOf(cases) {
  return `(${cases.map((name) => name.replaceAll(/[.+]/g, '\\$&')).join('|')})$`;
}
