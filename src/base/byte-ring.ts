/**
 * A ring of bytes in shared memory between one writer and one reader, in one thread or in two. Owns
 * their places, the end, and waiting for each other without blocking; what the bytes are is theirs.
 *
 *   cells  0 written · 1 read · 2 state · 3 writes · 4 reads        counters wrap at 2^32
 *   bytes  behind 64 bytes of cells; the capacity is a power of two
 *
 * State: 0 open, 1 ended, below 0 failed with that system error number.
 */
const WRITTEN = 0;
const READ = 1;
const STATE = 2;
const WRITES = 3;
const READS = 4;
const CELL_BYTES = 64;

const OPEN = 0;
const ENDED = 1;

export class ByteRing {
  readonly memory: SharedArrayBuffer;
  private readonly cells: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly mask: number;

  static withCapacity(bytes: number): ByteRing {
    return new ByteRing(new SharedArrayBuffer(CELL_BYTES + bytes));
  }

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.cells = new Int32Array(memory, 0, CELL_BYTES / 4);
    this.bytes = new Uint8Array(memory, CELL_BYTES);
    this.mask = this.bytes.length - 1;
  }

  /** Bytes that can be read. */
  available(): number {
    return (Atomics.load(this.cells, WRITTEN) - Atomics.load(this.cells, READ)) >>> 0;
  }

  /** The writer's: puts in what there is room for of `bytes[from …]`; how many. */
  write(bytes: Uint8Array, from: number): number {
    const room = this.bytes.length - this.available();
    const count = Math.min(room, bytes.length - from);
    if (count === 0) return 0;
    const at = Atomics.load(this.cells, WRITTEN) & this.mask;
    const first = Math.min(count, this.bytes.length - at);
    this.bytes.set(bytes.subarray(from, from + first), at);
    this.bytes.set(bytes.subarray(from + first, from + count), 0);
    Atomics.add(this.cells, WRITTEN, count);
    this.announce(WRITES);
    return count;
  }

  /** The writer's: nothing follows. `errno`: below 0, the system error that the input failed with. */
  end(errno = 0): void {
    Atomics.store(this.cells, STATE, errno < 0 ? errno : ENDED);
    this.announce(WRITES);
  }

  /** The reader's: takes up to `length` bytes out to `buffer[at …]`; how many. */
  read(buffer: Uint8Array, at: number, length: number): number {
    const count = Math.min(this.available(), length);
    if (count === 0) return 0;
    const from = Atomics.load(this.cells, READ) & this.mask;
    const first = Math.min(count, this.bytes.length - from);
    buffer.set(this.bytes.subarray(from, from + first), at);
    buffer.set(this.bytes.subarray(0, count - first), at + first);
    Atomics.add(this.cells, READ, count);
    this.announce(READS);
    return count;
  }

  /** The reader's: nothing is left and nothing follows. */
  get ended(): boolean {
    // In this order: what was written before the end is seen.
    return Atomics.load(this.cells, STATE) !== OPEN && this.available() === 0;
  }

  /** What the input failed with; 0 without a failure. */
  get errno(): number {
    return Math.min(0, Atomics.load(this.cells, STATE));
  }

  /** Resolves when there is something to read, or nothing ever. */
  async readable(): Promise<void> {
    for (;;) {
      const seen = Atomics.load(this.cells, WRITES);
      if (this.available() > 0 || this.ended) return;
      await this.change(WRITES, seen);
    }
  }

  /** Resolves when there is room. */
  async writable(): Promise<void> {
    for (;;) {
      const seen = Atomics.load(this.cells, READS);
      if (this.available() < this.bytes.length) return;
      await this.change(READS, seen);
    }
  }

  private announce(counter: number): void {
    Atomics.add(this.cells, counter, 1);
    Atomics.notify(this.cells, counter);
  }

  private async change(counter: number, seen: number): Promise<void> {
    const wait = Atomics.waitAsync(this.cells, counter, seen);
    if (wait.async) await wait.value;
  }
}
