/**
 * A binary min-heap of (time, payload) over typed arrays: which window is due next. Owns order by
 * time only; equal times come out in any order, the windows sort what falls due together. @hot
 */
export class TimeHeap {
  size = 0;
  private times = new Float64Array(64);
  private payloads = new Int32Array(64);

  /** Whether some entry is at or before the time; +Infinity: whether there is any. */
  hasDue(time: number): boolean {
    return this.size > 0 && this.times[0]! <= time;
  }

  /** Least time in the heap, which must not be empty. */
  topTime(): number {
    return this.times[0]!;
  }

  push(time: number, payload: number): void {
    if (this.size === this.times.length) this.grow();
    const { times, payloads } = this;
    let at = this.size;
    this.size += 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (times[parent]! <= time) break;
      times[at] = times[parent]!;
      payloads[at] = payloads[parent]!;
      at = parent;
    }
    times[at] = time;
    payloads[at] = payload;
  }

  /** Removes the entry with the least time and gives its payload. The heap must not be empty. */
  pop(): number {
    const { times, payloads } = this;
    const result = payloads[0]!;
    this.size -= 1;
    const size = this.size;
    const time = times[size]!;
    const payload = payloads[size]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && times[child + 1]! < times[child]!) child += 1;
      if (time <= times[child]!) break;
      times[at] = times[child]!;
      payloads[at] = payloads[child]!;
      at = child;
    }
    times[at] = time;
    payloads[at] = payload;
    return result;
  }

  clear(): void {
    this.size = 0;
  }

  private grow(): void {
    const times = new Float64Array(this.times.length * 2);
    times.set(this.times);
    this.times = times;
    const payloads = new Int32Array(this.payloads.length * 2);
    payloads.set(this.payloads);
    this.payloads = payloads;
  }
}
