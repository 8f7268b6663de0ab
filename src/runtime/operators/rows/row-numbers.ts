/**
 * A growing list of row numbers outside V8's heap: an array of V8's would be copied in one piece when
 * it grows, and end a process whose heap is half full. @hot
 */
const FIRST_CAPACITY = 64;

export class RowNumbers {
  length = 0;
  private numbers = new Int32Array(FIRST_CAPACITY);

  push(row: number): void {
    if (this.length === this.numbers.length) {
      const grown = new Int32Array(Math.ceil(this.length * 1.5));
      grown.set(this.numbers);
      this.numbers = grown;
    }
    this.numbers[this.length] = row;
    this.length += 1;
  }

  /** The numbers so far, a view that later ones do not change. */
  all(): Int32Array {
    return this.numbers.subarray(0, this.length);
  }

  byteSize(): number {
    return this.numbers.byteLength;
  }
}
