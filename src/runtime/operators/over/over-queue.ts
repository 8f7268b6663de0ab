/**
 * Rows that wait for the watermark, in order of time, ties in order of arrival. Rows that come in
 * order go through a queue, O(1); a row that is behind the last of the queue goes through a heap.
 * Payloads are row numbers of a store. @hot
 *
 *   queue   head … tail   times never fall, sequences rise
 *   heap    the others, by (time, sequence)
 */
const NOTHING = Number.POSITIVE_INFINITY;

export class OverQueue {
  private queueTimes: Float64Array = new Float64Array(256);
  private queueSequences: Float64Array = new Float64Array(256);
  private queueRows: Int32Array = new Int32Array(256);
  private head = 0;
  private tail = 0;
  private heapTimes: Float64Array = new Float64Array(64);
  private heapSequences: Float64Array = new Float64Array(64);
  private heapRows: Int32Array = new Int32Array(64);
  private heapSize = 0;

  get size(): number {
    return this.tail - this.head + this.heapSize;
  }

  push(time: number, sequence: number, row: number): void {
    if (this.head < this.tail && this.isBeforeLast(time, sequence)) {
      this.pushHeap(time, sequence, row);
      return;
    }
    if (this.tail === this.queueRows.length) this.makeRoom();
    this.queueTimes[this.tail] = time;
    this.queueSequences[this.tail] = sequence;
    this.queueRows[this.tail] = row;
    this.tail += 1;
  }

  /** Least time that waits; +Infinity when nothing does. */
  firstTime(): number {
    const queued = this.head < this.tail ? this.queueTimes[this.head]! : NOTHING;
    const heaped = this.heapSize > 0 ? this.heapTimes[0]! : NOTHING;
    return Math.min(queued, heaped);
  }

  /** Takes out the first row; the queue must not be empty. */
  pop(): number {
    if (this.heapSize === 0 || this.queueIsFirst()) {
      const row = this.queueRows[this.head]!;
      this.head += 1;
      return row;
    }
    return this.popHeap();
  }

  /** All rows that wait, in no order. */
  rows(): number[] {
    return [
      ...this.queueRows.subarray(this.head, this.tail),
      ...this.heapRows.subarray(0, this.heapSize),
    ];
  }

  byteSize(): number {
    return this.queueRows.length * 20 + this.heapRows.length * 20;
  }

  private isBeforeLast(time: number, sequence: number): boolean {
    const last = this.queueTimes[this.tail - 1]!;
    return time < last || (time === last && sequence < this.queueSequences[this.tail - 1]!);
  }

  private queueIsFirst(): boolean {
    if (this.head === this.tail) return false;
    const time = this.queueTimes[this.head]!;
    if (time !== this.heapTimes[0]!) return time < this.heapTimes[0]!;
    return this.queueSequences[this.head]! < this.heapSequences[0]!;
  }

  /** Moves the queue to the start of its arrays, which grow when they are more than half full. */
  private makeRoom(): void {
    const { head, tail } = this;
    const count = tail - head;
    const length = count * 2 > tail ? tail * 2 : tail;
    this.queueTimes = moved(this.queueTimes, new Float64Array(length), head, tail);
    this.queueSequences = moved(this.queueSequences, new Float64Array(length), head, tail);
    const rows = new Int32Array(length);
    rows.set(this.queueRows.subarray(head, tail));
    this.queueRows = rows;
    this.head = 0;
    this.tail = count;
  }

  private pushHeap(time: number, sequence: number, row: number): void {
    if (this.heapSize === this.heapRows.length) this.growHeap();
    let at = this.heapSize;
    this.heapSize += 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.comesBefore(time, sequence, parent)) break;
      this.moveInHeap(parent, at);
      at = parent;
    }
    this.putInHeap(at, time, sequence, row);
  }

  private popHeap(): number {
    const row = this.heapRows[0]!;
    this.heapSize -= 1;
    const size = this.heapSize;
    const time = this.heapTimes[size]!;
    const sequence = this.heapSequences[size]!;
    const last = this.heapRows[size]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.isBefore(child + 1, child)) child += 1;
      if (this.comesBefore(time, sequence, child)) break;
      this.moveInHeap(child, at);
      at = child;
    }
    this.putInHeap(at, time, sequence, last);
    return row;
  }

  private comesBefore(time: number, sequence: number, at: number): boolean {
    const other = this.heapTimes[at]!;
    return time < other || (time === other && sequence < this.heapSequences[at]!);
  }

  private isBefore(a: number, b: number): boolean {
    return this.comesBefore(this.heapTimes[a]!, this.heapSequences[a]!, b);
  }

  private moveInHeap(from: number, to: number): void {
    this.putInHeap(to, this.heapTimes[from]!, this.heapSequences[from]!, this.heapRows[from]!);
  }

  private putInHeap(at: number, time: number, sequence: number, row: number): void {
    this.heapTimes[at] = time;
    this.heapSequences[at] = sequence;
    this.heapRows[at] = row;
  }

  private growHeap(): void {
    const length = this.heapRows.length * 2;
    this.heapTimes = moved(this.heapTimes, new Float64Array(length), 0, this.heapSize);
    this.heapSequences = moved(this.heapSequences, new Float64Array(length), 0, this.heapSize);
    const rows = new Int32Array(length);
    rows.set(this.heapRows);
    this.heapRows = rows;
  }
}

function moved(from: Float64Array, to: Float64Array, start: number, end: number): Float64Array {
  to.set(from.subarray(start, end));
  return to;
}
