/**
 * Typed arrays with a fixed stride per slot, growing together: what ROWS WINDOW buffers live in.
 * Owns allocation and growth; what a cell means is the kernel's business. @hot
 */

export type CellKind = 'f64' | 'i32' | 'u8';
type Cells = Float64Array | Int32Array | Uint8Array;

interface Lane {
  readonly kind: CellKind;
  readonly stride: number;
}

export class RingStore {
  /** One array per lane; slot s owns [s * stride, (s + 1) * stride). Replaced when slots grow. */
  readonly arrays: Cells[] = [];
  private readonly lanes: Lane[] = [];
  private slots = 16;

  /** Adds a lane; its index in `arrays`. Cells start at 0. */
  addLane(kind: CellKind, stride: number): number {
    this.lanes.push({ kind, stride });
    this.arrays.push(allocate(kind, stride * this.slots));
    return this.lanes.length - 1;
  }

  /** Cells per slot of a lane. */
  stride(lane: number): number {
    return this.lanes[lane]!.stride;
  }

  /** Makes room for slots 0 … count - 1. */
  ensureSlots(count: number): void {
    if (count <= this.slots) return;
    while (this.slots < count) this.slots *= 2;
    this.lanes.forEach(({ kind, stride }, at) => {
      const grown = allocate(kind, stride * this.slots);
      grown.set(this.arrays[at]!);
      this.arrays[at] = grown;
    });
  }

  byteSize(): number {
    return this.arrays.reduce((total, cells) => total + cells.byteLength, 0);
  }
}

function allocate(kind: CellKind, length: number): Cells {
  switch (kind) {
    case 'f64':
      return new Float64Array(length);
    case 'i32':
      return new Int32Array(length);
    case 'u8':
      return new Uint8Array(length);
  }
}
