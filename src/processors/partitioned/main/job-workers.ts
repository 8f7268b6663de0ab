/**
 * The worker threads of one job as main holds them: lent from the pool, told their task, listened
 * to, given back or ended. Owns who is ready, who has ended and with which report, and that a
 * thread which dies ends the job with its error; what they say of the job is the coordinator's.
 */
import type { Worker } from 'node:worker_threads';
import type { Clock } from '../../../base/clock.js';
import { VeloError } from '../../../base/errors.js';
import { COMMAND_ABORT } from '../control.js';
import type { JobControl } from '../control.js';
import type { FromWorker, QueryReport, WorkerTask } from '../messages.js';
import { borrowWorkers, forgetListeners, returnWorkers } from './worker-pool.js';

/** How long workers that were told to abort are waited for. */
const ABORT_GRACE_MS = 2000;
const IDLE_MS = 50;

const HINT = 'run again; with -v the stack trace says where, and --arch v1 needs no workers';
const OUT_OF_MEMORY = 'ERR_WORKER_OUT_OF_MEMORY';
const FILES_HINT = 'a worker needs some 10 open files: raise ulimit -n, or give --workers fewer';
/** By the code of what a thread died of. */
const HINTS: ReadonlyMap<string, string> = new Map([
  ['EMFILE', FILES_HINT],
  ['ERR_WORKER_INIT_FAILED', FILES_HINT],
]);

/** What workers say of the job, not of themselves. */
export type JobMessage = Exclude<FromWorker, { kind: 'ready' | 'finished' | 'aborted' }>;

export interface JobWorkersParts {
  readonly count: number;
  readonly clock: Clock;
  readonly control: JobControl;
  readonly received: (message: JobMessage) => void;
  /** A thread ended that should not have. */
  readonly died: (error: Error) => void;
}

export class JobWorkers {
  /** Kernel thread numbers by worker, where the system has them. */
  readonly tids: (number | null)[] = [];
  /** Of the workers that have finished, by query. */
  readonly reports: (readonly QueryReport[])[] = [];
  private readonly parts: JobWorkersParts;
  private threads: readonly Worker[] = [];
  private readonly ready = new Set<number>();
  private readonly ended = new Set<number>();
  private readonly dead = new Set<number>();

  constructor(parts: JobWorkersParts) {
    this.parts = parts;
  }

  start(taskOf: (worker: number) => WorkerTask): void {
    this.threads = borrowWorkers(this.parts.count);
    this.threads.forEach((thread, worker) => {
      thread.on('message', (message: FromWorker) => this.received(worker, message));
      thread.on('error', (error) => this.died(worker, error, error.message));
      thread.on('messageerror', (error) => this.died(worker, error, error.message));
      thread.on('exit', (code) => this.died(worker, null, `it ended with exit code ${code}`));
      thread.postMessage({ kind: 'job', task: taskOf(worker) });
    });
  }

  get allReady(): boolean {
    return this.ready.size === this.parts.count;
  }

  get allEnded(): boolean {
    return this.ended.size === this.parts.count;
  }

  private received(worker: number, message: FromWorker): void {
    switch (message.kind) {
      case 'ready':
        this.ready.add(worker);
        this.tids[worker] = message.tid;
        break;
      case 'finished':
        this.reports[worker] = message.reports;
        this.ended.add(worker);
        break;
      case 'aborted':
        this.ended.add(worker);
        break;
      default:
        this.parts.received(message);
    }
    this.parts.control.wakeMain();
  }

  private died(worker: number, error: Error | null, reason: string): void {
    if (this.ended.has(worker)) return;
    this.ended.add(worker);
    this.dead.add(worker);
    this.parts.died(
      codeOf(error) === OUT_OF_MEMORY
        ? heapFull(worker, error)
        : new VeloError('WORKER_DIED', {
            message: `worker ${worker} died: ${reason}`,
            hint: HINTS.get(codeOf(error)) ?? HINT,
            cause: error ?? undefined,
          }),
    );
    this.parts.control.wakeMain();
  }

  /** After a good end: the threads wait for the next job. */
  giveBack(): void {
    returnWorkers(this.threads);
    this.threads = [];
  }

  /** Sends every worker home; resolves when they have gone, or should have. */
  async leave(): Promise<void> {
    const { clock, control, count } = this.parts;
    control.order(COMMAND_ABORT);
    const cell = control.wakeCell(count);
    const untilNs = clock.monotonicNs() + ABORT_GRACE_MS * 1e6;
    while (this.ended.size < this.threads.length && clock.monotonicNs() < untilNs) {
      const ticket = cell.ticket();
      if (this.ended.size < this.threads.length) await cell.sleepAsync(ticket, IDLE_MS);
    }
    for (const thread of this.threads) {
      forgetListeners(thread);
      // One that dies until it has gone, as others of its job have: nobody waits for it any more.
      thread.on('error', () => undefined);
    }
  }

  /** After leave(): ends the threads that have not left the job; the others wait for the next. */
  async release(): Promise<void> {
    const { threads } = this;
    this.threads = [];
    const hasLeft = (_: Worker, worker: number): boolean =>
      this.ended.has(worker) && !this.dead.has(worker);
    returnWorkers(threads.filter(hasLeft));
    const stuck = threads.filter((thread, worker) => !hasLeft(thread, worker));
    await Promise.allSettled(stuck.map((thread) => thread.terminate()));
  }
}

/** The heap was full before the worker could say of what. */
function heapFull(worker: number, cause: unknown): VeloError {
  return new VeloError('MEMORY_EXHAUSTED', {
    message: `the heap of worker ${worker} is full`,
    hint: 'keep less (a window, fewer or shorter keys, fewer values per key), or allow more with NODE_OPTIONS=--max-old-space-size=8192 (MiB)',
    cause,
  });
}

function codeOf(error: Error | null): string {
  return (error as NodeJS.ErrnoException | null)?.code ?? '';
}
