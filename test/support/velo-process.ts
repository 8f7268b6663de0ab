/**
 * Runs the built command as a user does: `node bin/velo.js …` in a process of its own, with a time
 * limit. Needs `npm run build` (npm test does it first).
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const VELO = fileURLToPath(new URL('../../bin/velo.js', import.meta.url));

/** The command as tsc wrote its modules: what a preload changes of them is changed in it. */
const MODULES = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface VeloRun {
  /** null when a signal ended the process. */
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export interface VeloOptions {
  /** Whether the modules run, and not the bundle of them. */
  readonly modules?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
  readonly limitMs?: number;
  readonly cwd?: string;
  /** Called with each piece of stdout as it comes. */
  readonly stdout?: (text: string) => void;
  /** The same of stderr. */
  readonly stderr?: (text: string) => void;
  /** Called with the process once it runs: to send signals. */
  readonly started?: (signal: (name: NodeJS.Signals) => void) => void;
}

export function velo(args: readonly string[], options: VeloOptions = {}): Promise<VeloRun> {
  return new Promise((resolve, reject) => {
    const startMs = performance.now();
    const child = spawn(process.execPath, [options.modules === true ? MODULES : VELO, ...args], {
      env: { ...process.env, NO_COLOR: '1', ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const timer = setTimeout(() => child.kill('SIGKILL'), options.limitMs ?? 200_000);
    child.stdout.on('data', (chunk: Buffer) => {
      out.push(chunk);
      options.stdout?.(chunk.toString('utf8'));
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err.push(chunk);
      options.stderr?.(chunk.toString('utf8'));
    });
    child.on('error', reject);
    child.on('close', (exit) => {
      clearTimeout(timer);
      const text = (chunks: Buffer[]): string => Buffer.concat(chunks).toString('utf8');
      resolve({ exit, stdout: text(out), stderr: text(err), ms: performance.now() - startMs });
    });
    child.stdin.end(options.stdin ?? '');
    options.started?.((name) => child.kill(name));
  });
}
