/**
 * The first n rows of one partition, in order: numbers of kept rows. Owns the place of a row among
 * them; comparing rows and what a change of rank means is the operator's. @hot
 */
export class Ranks {
  /** Row numbers, the first row first; only `count` of them count. */
  rows: Int32Array = new Int32Array(4);
  count = 0;

  /** Puts a row at a place (from 0). At the limit the last row falls out: its number, or -1. */
  insert(row: number, place: number, limit: number): number {
    const isFull = this.count === limit;
    const dropped = isFull ? this.rows[limit - 1]! : -1;
    if (!isFull && this.count === this.rows.length) this.grow(limit);
    const end = isFull ? limit - 1 : this.count;
    this.rows.copyWithin(place + 1, place, end);
    this.rows[place] = row;
    if (!isFull) this.count += 1;
    return dropped;
  }

  /** Takes the row at a place out. */
  remove(place: number): void {
    this.rows.copyWithin(place, place + 1, this.count);
    this.count -= 1;
  }

  private grow(limit: number): void {
    const longer = new Int32Array(Math.min(limit, this.rows.length * 2));
    longer.set(this.rows);
    this.rows = longer;
  }
}
