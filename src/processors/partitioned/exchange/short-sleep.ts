/**
 * A sleep below the millisecond that timers are good for. It blocks the thread, so it is for times
 * that sockets and signals can wait, and wakes some 60 µs late, as the kernel's timers do.
 */
const words = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

/** Blocks this thread. */
export function sleepShortly(ms: number): void {
  Atomics.wait(words, 0, 0, ms);
}
