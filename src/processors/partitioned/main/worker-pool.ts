/**
 * Worker threads that outlive a job: a thread costs 100 ms to start and its kernels have to become
 * fast again, so one that left its job by itself waits for the next. Owns starting, lending and ending
 * threads; an idle one does not keep the process alive.
 */
import { Worker } from 'node:worker_threads';
import { THREAD_ENTRY } from '../../../base/program-files.js';

const idle: Worker[] = [];

/** So many workers, started where none waits. */
export function borrowWorkers(count: number): Worker[] {
  return Array.from({ length: count }, () => {
    const worker = idle.pop() ?? startWorker();
    worker.ref();
    return worker;
  });
}

/** Takes back workers that left their job and hold nothing of it. */
export function returnWorkers(workers: readonly Worker[]): void {
  for (const worker of workers) {
    forgetListeners(worker);
    // A thread that died after its job was done has no number any more.
    if (worker.threadId < 0) continue;
    worker.once('exit', () => forget(worker));
    worker.once('error', () => forget(worker));
    worker.unref();
    idle.push(worker);
  }
}

/** Those of the job: a Worker has listeners of its own besides, which it needs. */
export function forgetListeners(worker: Worker): void {
  for (const event of ['message', 'messageerror', 'error', 'exit'])
    worker.removeAllListeners(event);
}

function startWorker(): Worker {
  return new Worker(THREAD_ENTRY, { stdin: false });
}

function forget(worker: Worker): void {
  const at = idle.indexOf(worker);
  if (at >= 0) idle.splice(at, 1);
}
