/**
 * The rows and groups of the exchange benchmarks: two key columns, a price and a quantity, made
 * from the row's number; a table of running sums; and the sums that every way of getting them must
 * arrive at. Prices are whole cents, so that sums do not depend on the order of rows. @hot
 */

/** Rows of a block. */
export const BLOCK_ROWS = 4096;
/** First key runs through this many values, the second through the rest. */
const FIRST_KEYS = 20;
/** Numbers per group: count, sum of prices, sum of quantities. */
export const SUMS = 3;

export interface Columns {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly price: Float64Array;
  readonly quantity: Float64Array;
}

export function newColumns(): Columns {
  return {
    first: new Int32Array(BLOCK_ROWS),
    second: new Int32Array(BLOCK_ROWS),
    price: new Float64Array(BLOCK_ROWS),
    quantity: new Float64Array(BLOCK_ROWS),
  };
}

/** Rows firstRow … firstRow + count of an endless table with `groups` groups, at 0 … count. */
export function fillRows(into: Columns, firstRow: number, count: number, groups: number): void {
  const { first, second, price, quantity } = into;
  for (let at = 0; at < count; at += 1) {
    const row = firstRow + at;
    const group = (Math.imul(row, 0x9e3779b1) >>> 8) % groups;
    first[at] = group % FIRST_KEYS;
    second[at] = (group / FIRST_KEYS) | 0;
    price[at] = 10_000 + (row % 5000);
    quantity[at] = 100 + (row % 1000);
  }
}

/** A finalised hash of the key. */
export function hashKey(first: number, second: number): number {
  let hash = Math.imul(first, 0x85ebca6b) ^ Math.imul(second + 1, 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}

/** Row numbers sorted by the partition of their key; partition p has starts[p] … starts[p + 1]. */
export class RowRouter {
  readonly rows = new Int32Array(BLOCK_ROWS);
  readonly starts: Int32Array;
  private readonly targets = new Uint8Array(BLOCK_ROWS);
  private readonly cursors: Int32Array;

  constructor(partitions: number) {
    this.starts = new Int32Array(partitions + 1);
    this.cursors = new Int32Array(partitions);
  }

  route(first: Int32Array, second: Int32Array, count: number): void {
    const { rows, starts, targets, cursors } = this;
    starts.fill(0);
    for (let row = 0; row < count; row += 1) {
      const partition = partitionOf(first[row]!, second[row]!, cursors.length);
      targets[row] = partition;
      starts[partition + 1]! += 1;
    }
    for (let at = 0; at < cursors.length; at += 1) {
      starts[at + 1]! += starts[at]!;
      cursors[at] = starts[at]!;
    }
    for (let row = 0; row < count; row += 1) {
      const target = targets[row]!;
      const at = cursors[target]!;
      rows[at] = row;
      cursors[target] = at + 1;
    }
  }
}

export function partitionOf(first: number, second: number, partitions: number): number {
  return ((hashKey(first, second) >>> 16) * partitions) >>> 16;
}

/** Open-addressing table of the groups of one thread. */
export class GroupSums {
  private readonly mask: number;
  private readonly slots: Int32Array;
  private readonly first: Int32Array;
  private readonly second: Int32Array;
  private readonly sums: Float64Array;
  private groups = 0;

  constructor(groupsMax: number) {
    const capacity = slotsFor(groupsMax);
    this.mask = capacity - 1;
    this.slots = new Int32Array(capacity).fill(-1);
    this.first = new Int32Array(groupsMax);
    this.second = new Int32Array(groupsMax);
    this.sums = new Float64Array(groupsMax * SUMS);
  }

  /** Adds the rows listed from … to of `rows`, or rows from … to themselves without a list. */
  update(columns: Columns, rows: Int32Array | null, from: number, to: number): void {
    const { first, second, price, quantity } = columns;
    const { sums } = this;
    for (let at = from; at < to; at += 1) {
      const row = rows === null ? at : rows[at]!;
      const base = this.slot(first[row]!, second[row]!) * SUMS;
      sums[base]! += 1;
      sums[base + 1]! += price[row]!;
      sums[base + 2]! += quantity[row]!;
    }
  }

  /** Adds this table's sums to `all`, which has every group at its number. */
  addTo(all: Float64Array): void {
    for (let slot = 0; slot < this.groups; slot += 1) {
      const group = this.second[slot]! * FIRST_KEYS + this.first[slot]!;
      for (let sum = 0; sum < SUMS; sum += 1) {
        all[group * SUMS + sum]! += this.sums[slot * SUMS + sum]!;
      }
    }
  }

  private slot(first: number, second: number): number {
    const { slots, mask } = this;
    let at = hashKey(first, second) & mask;
    for (;;) {
      const slot = slots[at]!;
      if (slot === -1) break;
      if (this.first[slot] === first && this.second[slot] === second) return slot;
      at = (at + 1) & mask;
    }
    const slot = this.groups;
    this.groups += 1;
    slots[at] = slot;
    this.first[slot] = first;
    this.second[slot] = second;
    return slot;
  }
}

/** Slots of a table of at most half as many groups: a power of two. */
export function slotsFor(groups: number): number {
  return 1 << (32 - Math.clz32(2 * groups - 1));
}

/** Key of a group as one number ≥ 0, and the group's number from it. */
export function groupNumber(first: number, second: number): number {
  return second * FIRST_KEYS + first;
}

/** What all rows of the first `rowCount` add up to, by a plain loop. */
export function expectedSums(rowCount: number, groups: number): Float64Array {
  const columns = newColumns();
  const sums = new Float64Array(groups * SUMS);
  for (let row = 0; row < rowCount; row += BLOCK_ROWS) {
    const count = Math.min(BLOCK_ROWS, rowCount - row);
    fillRows(columns, row, count, groups);
    for (let at = 0; at < count; at += 1) {
      const base = groupNumber(columns.first[at]!, columns.second[at]!) * SUMS;
      sums[base]! += 1;
      sums[base + 1]! += columns.price[at]!;
      sums[base + 2]! += columns.quantity[at]!;
    }
  }
  return sums;
}
