/**
 * Buffers that responses of brokers are assembled in, used again when their readers are done. Owns
 * the buffers that lie idle, at most a bound of bytes of them: what comes back beyond it pushes the
 * oldest out, so that the pool follows the sizes that are asked for. @hot
 *
 * How many bytes are in use at a time is bounded by those who ask for responses.
 */

/** Below this a buffer is cheaper made than kept. */
const SMALL_BYTES = 16 * 1024;

export class FramePool {
  private readonly idleBytesMax: number;
  private readonly idle: Uint8Array[] = [];
  private idleBytes = 0;

  constructor(idleBytesMax: number) {
    this.idleBytesMax = idleBytesMax;
  }

  /** A buffer of at least so many bytes, at most twice as many; its content is left over. */
  take(bytes: number): Uint8Array {
    if (bytes < SMALL_BYTES) return new Uint8Array(bytes);
    const { idle } = this;
    let best = -1;
    let bestBytes = bytes * 2 + 1;
    for (let at = 0; at < idle.length; at += 1) {
      const size = idle[at]!.length;
      if (size >= bytes && size < bestBytes) {
        best = at;
        bestBytes = size;
      }
    }
    if (best < 0) return new Uint8Array(sizeClass(bytes));
    const [buffer] = idle.splice(best, 1);
    this.idleBytes -= bestBytes;
    return buffer!;
  }

  /** Takes a buffer back that nobody reads any more. */
  give(buffer: Uint8Array): void {
    if (buffer.length < SMALL_BYTES || buffer.length > this.idleBytesMax) return;
    this.idle.push(buffer);
    this.idleBytes += buffer.length;
    while (this.idleBytes > this.idleBytesMax) this.idleBytes -= this.idle.shift()!.length;
  }
}

/** Four sizes for each power of two: responses of about one size share buffers. */
function sizeClass(bytes: number): number {
  const step = 2 ** (Math.floor(Math.log2(bytes)) - 2);
  return Math.ceil(bytes / step) * step;
}
