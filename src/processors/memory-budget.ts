/**
 * How much memory a job may take, as one thread sees it: looked at now and then, so that the end of
 * memory is an error that names the operator with the largest state, and no dump of V8's. Owns the
 * two measures and the words. The measures:
 *
 *   resident memory of the process    --max-memory; by default 90 % of what the machine or cgroup has
 *   live objects of this thread       70 % of V8's heap limit, by what a full collection leaves
 *
 * Typed arrays, in which most state is kept, are in the first only. What is live is known after a full
 * collection alone: before it the heap may be full of garbage, and nothing is wrong. So where it looks
 * full it is collected here. Waiting to hear of V8's own collections does not do: Node tells of them
 * in the event loop, which a worker at work does not return to, and V8 gives up at 80 % of the limit
 * when collections free little.
 */
import { totalmem } from 'node:os';
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { VeloError } from '../base/errors.js';

/** State of one operator, as metrics report it. */
export interface OperatorSize {
  readonly operator: string;
  readonly rows: number;
  readonly bytes: number;
}

const LOOK_EVERY_NS = 1e8;
/** The heap is looked at more often: that takes a microsecond, and a small one is soon full. */
const LOOK_AT_HEAP_EVERY_NS = 5e6;
const SHARE_OF_MACHINE = 0.9;
const SHARE_OF_HEAP = 0.7;
/** From here on collections may take more of it: V8 is about to make them anyway. */
const SHARE_OF_FULL_HEAP = 0.78;
/** Collections asked for here take no more than this share of the time. */
const SHARE_OF_TIME = 0.05;
const SHARE_OF_TIME_FULL = 0.3;
/** V8 counts young objects into its limit, three semi-spaces, which are not looked at here. */
const YOUNG_BYTES = 48 * 1024 * 1024;

/** Bytes that a job may take when nobody says: of the cgroup, where one limits this process. */
export function defaultMaxMemoryBytes(): number {
  const constrained = process.constrainedMemory();
  const total = totalmem();
  const has = constrained > 0 && constrained < total ? constrained : total;
  return Math.floor(has * SHARE_OF_MACHINE);
}

/** A heap of JavaScript objects, as far as a budget asks of it. */
export interface Heap {
  readonly maxBytes: number;
  usedBytes(): number;
  /** A full collection: what is used behind it is live. */
  collect(): void;
}

export class MemoryBudget {
  private readonly maxBytes: number;
  private readonly heap: Heap;
  private nextNs = Number.NEGATIVE_INFINITY;
  private nextHeapNs = Number.NEGATIVE_INFINITY;
  /** When the last collection that was asked for ended, and how long it took. */
  private collectedNs = Number.NEGATIVE_INFINITY;
  private collectionNs = 0;
  /** When the heap was looked at last. */
  private usedBytes = Number.POSITIVE_INFINITY;

  constructor(maxBytes: number | null, heap: Heap = V8_HEAP) {
    this.maxBytes = maxBytes ?? defaultMaxMemoryBytes();
    this.heap = heap;
  }

  /**
   * Throws MEMORY_EXHAUSTED when the job takes too much. Looks at resident memory ten times a second
   * at most, at the heap 200 times.
   */
  check(clock: { monotonicNs(): number }, sizes: () => readonly OperatorSize[]): void {
    const nowNs = clock.monotonicNs();
    if (nowNs < this.nextHeapNs) return;
    this.nextHeapNs = nowNs + LOOK_AT_HEAP_EVERY_NS;
    this.checkHeap(nowNs, clock, sizes);
    if (nowNs < this.nextNs) return;
    this.nextNs = nowNs + LOOK_EVERY_NS;
    const residentBytes = process.memoryUsage.rss();
    if (residentBytes <= this.maxBytes) return;
    throw exhausted(sizes(), {
      message: `the job takes ${bytesText(residentBytes)} of memory and may take ${bytesText(this.maxBytes)}`,
      more: 'allow more with --max-memory',
    });
  }

  private checkHeap(
    nowNs: number,
    clock: { monotonicNs(): number },
    sizes: () => readonly OperatorSize[],
  ): void {
    const { heap } = this;
    const usedBytes = heap.usedBytes();
    const beforeBytes = this.usedBytes;
    this.usedBytes = usedBytes;
    // As much again, and the heap would be full before anybody looks: a batch of long texts.
    const soonBytes = 2 * usedBytes - beforeBytes;
    const isFull = soonBytes > heap.maxBytes || usedBytes > heap.maxBytes * SHARE_OF_FULL_HEAP;
    if (!isFull && usedBytes <= heap.maxBytes * SHARE_OF_HEAP) return;
    const share = isFull ? SHARE_OF_TIME_FULL : SHARE_OF_TIME;
    if (nowNs - this.collectedNs < this.collectionNs / share) return;
    heap.collect();
    this.collectedNs = clock.monotonicNs();
    this.collectionNs = this.collectedNs - nowNs;
    const liveBytes = heap.usedBytes();
    this.usedBytes = liveBytes;
    const isFullSoon = 2 * liveBytes - Math.min(liveBytes, beforeBytes) > heap.maxBytes;
    if (!isFullSoon && liveBytes <= heap.maxBytes * SHARE_OF_HEAP) return;
    throw exhausted(sizes(), {
      message: `${bytesText(liveBytes)} of JavaScript objects are live, and V8's heap may take ${bytesText(heap.maxBytes)}`,
      more: 'allow more with NODE_OPTIONS=--max-old-space-size=8192 (MiB)',
    });
  }
}

/** What V8 says when one array, string or map would be too large, as an error of the job. */
export function memoryError(error: unknown, sizes: () => readonly OperatorSize[]): unknown {
  if (!(error instanceof RangeError) || !IS_MEMORY.test(error.message)) return error;
  return exhausted(sizes(), {
    message: `no memory of the size that is needed can be had: ${error.message.toLowerCase()}`,
    more: 'use more partitions: --partitions 8',
    cause: error,
  });
}

let collectNow: (() => void) | null = null;

/** The heap of this thread. */
export const V8_HEAP: Heap = {
  maxBytes: getHeapStatistics().heap_size_limit - YOUNG_BYTES,
  usedBytes: () => {
    let bytes = 0;
    for (const space of getHeapSpaceStatistics()) {
      if (!space.space_name.startsWith('new_')) bytes += space.space_used_size;
    }
    return bytes;
  },
  collect: () => {
    if (collectNow === null) {
      setFlagsFromString('--expose-gc');
      // Checked boundary: a context that is made under the flag has it.
      collectNow = runInNewContext('gc') as () => void;
    }
    collectNow();
  },
};

/** V8 gives these no codes. */
const IS_MEMORY =
  /allocation failed|invalid (?:string|array|typed array|array buffer) length|maximum size exceeded|allocation size overflow/i;

function exhausted(
  sizes: readonly OperatorSize[],
  { message, more, cause }: { readonly message: string; readonly more: string; cause?: unknown },
): VeloError {
  const largest = sizes.reduce<OperatorSize | null>(
    (most, one) => (most === null || one.bytes > most.bytes ? one : most),
    null,
  );
  const holds = largest !== null && largest.bytes > 0;
  return new VeloError('MEMORY_EXHAUSTED', {
    message,
    ...(holds
      ? {
          detail: `the state of "${largest.operator}" is the largest: ${largest.rows.toLocaleString('en-US')} rows or keys, ${bytesText(largest.bytes)}`,
        }
      : {}),
    hint: `keep less (a window, fewer or shorter keys, fewer values per key), or ${more}`,
    ...(cause === undefined ? {} : { cause }),
  });
}

function bytesText(bytes: number): string {
  return bytes >= 2 ** 30
    ? `${(bytes / 2 ** 30).toFixed(2)} GiB`
    : `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
