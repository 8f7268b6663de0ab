/**
 * Starts the threads of a mesh (mesh-peer.mjs), watches over them and collects what they report.
 * When one dies the others are told, as a coordinator would; all must end within the time limit.
 */
import { Worker } from 'node:worker_threads';
import { BlockArena } from '../../../src/columnar/arena.js';
import { Ring } from '../../../src/processors/partitioned/exchange/ring.js';
import { WakeCell } from '../../../src/processors/partitioned/exchange/wake.js';

export interface MeshOptions {
  readonly seed: number;
  readonly peers: number;
  readonly slots: number;
  readonly arenaBytes: number;
  readonly blocks: number;
  readonly blockBytesMax: number;
  /** Chance to stall before an operation. */
  readonly stalls: number;
  readonly asleep: 'blocked' | 'beside the event loop';
  /** Blocks that a peer keeps for a while. */
  readonly heldMax: number;
  /** Peer 0 ends without a word before this operation. */
  readonly endAtOperation?: number;
}

export interface PeerReport {
  readonly outcome: 'complete' | 'aborted';
  readonly faults: readonly string[];
  readonly received: readonly number[];
  readonly operations: number;
  readonly full: number;
  readonly noRoom: number;
  readonly sleeps: number;
  readonly lost: number;
}

export interface Mesh {
  /** By peer; null for one that ended without a report. Rejects when the limit passes. */
  readonly reports: Promise<readonly (PeerReport | null)[]>;
  readonly arenas: readonly BlockArena[];
  /** Tells all to stop. */
  abort(): void;
  terminate(peer: number): void;
}

export function startMesh(options: MeshOptions, limitMs: number): Mesh {
  const { peers } = options;
  const list = Array.from({ length: peers }, (_, at) => at);
  const arenaBuffers = list.map(
    () => new SharedArrayBuffer(BlockArena.bytesFor(options.arenaBytes)),
  );
  const ringBuffers = list.map(() =>
    list.map(() => new SharedArrayBuffer(Ring.bytesFor(options.slots))),
  );
  const cellBuffer = new SharedArrayBuffer(peers * WakeCell.bytes);
  const cells = list.map((at) => new WakeCell(cellBuffer, at * WakeCell.bytes));
  const control = new Int32Array(new SharedArrayBuffer(4));
  const abort = (): void => {
    Atomics.store(control, 0, 1);
    cells.forEach((cell) => cell.wake());
  };
  const workers = list.map((me) => {
    const endAtOperation = me === 0 ? options.endAtOperation : undefined;
    const parts = { me, arenaBuffers, ringBuffers, cellBuffer, control };
    const workerData = { ...parts, options: { ...options, endAtOperation } };
    return new Worker(new URL('./mesh-peer.mjs', import.meta.url), { workerData });
  });
  const ended = workers.map(
    (worker) =>
      new Promise<PeerReport | null>((resolve, reject) => {
        let report: PeerReport | null = null;
        worker.on('message', (message: PeerReport) => {
          report = message;
        });
        worker.on('error', reject);
        worker.on('exit', () => {
          if (report === null) abort();
          resolve(report);
        });
      }),
  );
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`seed ${options.seed}: a peer still runs after ${limitMs} ms`));
      workers.forEach((worker) => void worker.terminate());
    }, limitMs);
  });
  const reports = Promise.race([Promise.all(ended), late]).finally(() => clearTimeout(timer));
  return {
    reports,
    arenas: arenaBuffers.map((buffer) => new BlockArena(buffer)),
    abort,
    terminate: (peer) => void workers[peer]?.terminate(),
  };
}
