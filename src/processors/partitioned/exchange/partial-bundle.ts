/**
 * Partial groups of many partitions on their way in one block: a block goes to every receiver, so
 * one for each of 1,024 partitions would be 1,024 for each of them. Owns the layout of a bundle:
 *
 *   u32 partition · u32 bytes · the bytes, padded to 4; again and again
 *
 * What is sent is exchange.ts, what the bytes mean runtime/partial-aggregate.ts. @hot
 */
const HEAD_BYTES = 8;
const FIRST_BYTES = 64 * 1024;
/** Longer ones keep receivers waiting without being fewer. */
const BUNDLE_BYTES = 256 * 1024;

export class PartialBundle {
  private buffer = new Uint8Array(FIRST_BYTES);
  private view = new DataView(this.buffer.buffer);
  private length = 0;

  /** Adds a partition's groups; what `send` gets is valid until it returns. */
  add(partition: number, bytes: Uint8Array, send: (bundle: Uint8Array) => void): void {
    const wanted = HEAD_BYTES + padded(bytes.length);
    if (this.length > 0 && this.length + wanted > BUNDLE_BYTES) this.flush(send);
    this.grow(this.length + wanted);
    this.view.setUint32(this.length, partition, true);
    this.view.setUint32(this.length + 4, bytes.length, true);
    this.buffer.set(bytes, this.length + HEAD_BYTES);
    this.length += wanted;
  }

  flush(send: (bundle: Uint8Array) => void): void {
    const { length } = this;
    if (length === 0) return;
    this.length = 0;
    send(this.buffer.subarray(0, length));
  }

  private grow(bytes: number): void {
    if (bytes <= this.buffer.length) return;
    const longer = new Uint8Array(Math.max(bytes, 2 * this.buffer.length));
    longer.set(this.buffer.subarray(0, this.length));
    this.buffer = longer;
    this.view = new DataView(longer.buffer);
  }
}

/** The parts of a bundle. */
export function forEachPart(
  bundle: Uint8Array,
  each: (partition: number, from: number, to: number) => void,
): void {
  const view = new DataView(bundle.buffer, bundle.byteOffset, bundle.length);
  for (let at = 0; at < bundle.length;) {
    const from = at + HEAD_BYTES;
    const length = view.getUint32(at + 4, true);
    each(view.getUint32(at, true), from, from + length);
    at = from + padded(length);
  }
}

/** What a bundle adds to a part that fills it. */
export const BUNDLE_HEAD_BYTES = HEAD_BYTES + 3;

function padded(bytes: number): number {
  return (bytes + 3) & -4;
}
