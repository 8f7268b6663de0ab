/**
 * Which transactions of a fetched record set were aborted. Owns the broker's list and the markers
 * seen on the way; record-set.ts asks it once per batch. A transaction of the list begins at its
 * first offset and ends at the next abort marker of its producer.
 */

/** A transaction of the Fetch response's list. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export class AbortedProducers {
  /** By first offset; those before `at` have begun. */
  private list: readonly AbortedTransaction[] = [];
  private at = 0;
  /** Producers with an aborted transaction that has begun and not ended. */
  private readonly open = new Set<number>();

  begin(list: readonly AbortedTransaction[]): void {
    this.list = list.length < 2 ? list : list.toSorted((a, b) => a.firstOffset - b.firstOffset);
    this.at = 0;
    this.open.clear();
  }

  /** Whether a batch of this producer that ends at `lastOffset` belongs to an aborted one. */
  includes(producerId: number, lastOffset: number): boolean {
    this.moveTo(lastOffset);
    return this.open.has(producerId);
  }

  /** An abort marker of the producer at this offset. */
  ended(producerId: number, offset: number): void {
    this.moveTo(offset);
    this.open.delete(producerId);
  }

  private moveTo(offset: number): void {
    for (let next = this.list[this.at]; next !== undefined; next = this.list[this.at]) {
      if (next.firstOffset > offset) return;
      this.open.add(next.producerId);
      this.at += 1;
    }
  }
}
