/**
 * A process in which jobs run that may end it: a library's abort() or a crash is an answer like any
 * other. Owns the process and its replacement; what runs in it is job-host.mjs.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Shape } from '../kafka/job-run.js';

const PROGRAM = fileURLToPath(new URL('job-host.mjs', import.meta.url));
const STDERR_MAX = 4_000;

/** A job that came to its end, or was stopped. */
export interface Ended {
  readonly kind: 'ended';
  /** Rows as JSON lines. */
  readonly text: string;
  readonly notices: readonly string[];
  /** `code` null: no error of velo's. */
  readonly error: { readonly code: string | null; readonly text: string } | null;
  /** The parent's patience was over. */
  readonly wasStopped: boolean;
  /** Most memory of the process that was resident, in bytes. */
  readonly memoryMax: number;
}

/** The process is gone. */
export interface Died {
  readonly kind: 'died';
  /** The signal or the exit code. */
  readonly how: string;
  readonly stderr: string;
}

/** It did not stop in time, and was killed with its process. */
export interface Stuck {
  readonly kind: 'stuck';
}

export interface HostedJob {
  readonly sql: string;
  /** null: V1. */
  readonly shape: Shape | null;
  /** It has done what it should with so many rows, and is stopped; null: it ends by itself. */
  readonly rowsMax: number | null;
}

export interface Patience {
  /** After so long a job is stopped. */
  readonly jobMs: number;
  /** So long may stopping take. */
  readonly stopMs: number;
}

export class JobHost {
  /** Jobs that this process has run. */
  jobs = 0;
  private readonly child: ChildProcess;
  private stderr = '';
  private readonly died: Promise<Died>;
  private readonly ready: Promise<void>;

  constructor() {
    this.child = fork(PROGRAM, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr = (this.stderr + chunk.toString('utf8')).slice(-STDERR_MAX);
    });
    this.ready = new Promise((resolve) => {
      this.child.once('message', () => {
        resolve();
      });
    });
    this.died = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        resolve({ kind: 'died', how: signal ?? `exit ${code}`, stderr: this.stderr });
      });
    });
  }

  /** One job at a time. */
  async run(job: HostedJob, patience: Patience): Promise<Ended | Died | Stuck> {
    this.jobs += 1;
    await Promise.race([this.ready, this.died]);
    const timers: NodeJS.Timeout[] = [];
    const after = <T>(ms: number, value: T): Promise<T> =>
      new Promise((resolve) => {
        timers.push(setTimeout(resolve, ms, value));
      });
    const ended = new Promise<Ended>((resolve) => {
      this.child.once('message', (told) => {
        // Checked boundary: our own program's only message.
        resolve({ ...(told as Omit<Ended, 'kind'>), kind: 'ended' });
      });
    });
    if (this.child.connected) this.child.send(job);
    const first = await Promise.race([ended, this.died, after(patience.jobMs, 'late' as const)]);
    if (first !== 'late') return cleared(timers, first);
    if (this.child.connected) this.child.send('stop');
    const stuck: Stuck = { kind: 'stuck' };
    const last = await Promise.race([ended, this.died, after(patience.stopMs, stuck)]);
    return cleared(timers, last);
  }

  async close(): Promise<void> {
    // A message of a job that was given up is nobody's.
    this.child.removeAllListeners('message');
    this.child.kill('SIGKILL');
    await this.died;
  }
}

function cleared<T>(timers: readonly NodeJS.Timeout[], value: T): T {
  for (const timer of timers) clearTimeout(timer);
  return value;
}
