/**
 * A thread of the exchange benchmarks: makes its share of the rows, has them summed up by group in
 * one of five ways, and answers with its groups' sums. Owns the ways; the threads, the rounds and
 * the tables are micro-exchange.ts. @hot
 *
 *   blocks    velo's exchange: columns copied into a block of the arena with row numbers sorted by
 *             receiver; every receiver takes every block, in sequence
 *   in place  the same, with the columns made in the block in the first place
 *   rows      every row copied to a staging area per receiver, full areas to slots of a queue per
 *             pair of threads; the order among senders is left to timing
 *   locked, adding   no exchange: one table for all threads (micro-shared-map.ts)
 *
 *   a block   | seq | rows | starts… | first | second | price | quantity | row numbers |
 */
/* eslint no-restricted-globals: off -- type of the memory that its processor hands it */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../base/assert.js';
import { BlockArena } from '../../columnar/arena.js';
import { Ring } from '../../processors/partitioned/exchange/ring.js';
import { WakeCell } from '../../processors/partitioned/exchange/wake.js';
import { HEAD_BYTES, ROW_SLOT_BYTES, ROW_SLOTS } from './micro-exchange-task.js';
import type { Answer, Shared, SumsTask, Task } from './micro-exchange-task.js';
import {
  BLOCK_ROWS,
  fillRows,
  GroupSums,
  newColumns,
  partitionOf,
  RowRouter,
  SUMS,
} from './micro-rows.js';
import type { Columns } from './micro-rows.js';
import { SharedMap } from './micro-shared-map.js';

const BLOCK_BYTES = ROW_SLOT_BYTES + BLOCK_ROWS * 4;
/** In place of a slot's number: no more rows from this sender. */
const END = ROW_SLOTS;
/** Longer than any wait: a wake-up is never lost. */
const SLEEP_MS = 10_000;

const shared = workerData as Shared;
const { me } = shared;
const threads = shared.arenas.length;
const arenas = shared.arenas.map((buffer) => new BlockArena(buffer));
const arena = arenas[me]!;
const inputs = shared.rings.map((row) => new Ring(row[me]!));
const outputs = shared.rings[me]!.map((buffer) => new Ring(buffer));
const cells = arenas.map((_, at) => new WakeCell(shared.cells, at * WakeCell.bytes));
const cell = cells[me]!;
const router = new RowRouter(threads);
const made = newColumns();

function sleepUnless(progress: boolean, ticket: number): void {
  if (!progress) assert(cell.sleep(ticket, SLEEP_MS) === 'woken', 'no wake-up is lost');
}

function columnsAt(buffer: SharedArrayBuffer, at: number): Columns {
  return {
    first: new Int32Array(buffer, at, BLOCK_ROWS),
    second: new Int32Array(buffer, at + BLOCK_ROWS * 4, BLOCK_ROWS),
    price: new Float64Array(buffer, at + BLOCK_ROWS * 8, BLOCK_ROWS),
    quantity: new Float64Array(buffer, at + BLOCK_ROWS * 16, BLOCK_ROWS),
  };
}

function copyColumns(from: Columns, to: Columns, count: number): void {
  const whole = count === BLOCK_ROWS;
  to.first.set(whole ? from.first : from.first.subarray(0, count));
  to.second.set(whole ? from.second : from.second.subarray(0, count));
  to.price.set(whole ? from.price : from.price.subarray(0, count));
  to.quantity.set(whole ? from.quantity : from.quantity.subarray(0, count));
}

/** Ways 'blocks' and 'in place'. Threads make blocks in turn: block i is thread i % threads's. */
class BlockExchange {
  private readonly task: SumsTask;
  private readonly sums: GroupSums;
  private readonly blocks: number;
  private next = 0;

  constructor(task: SumsTask, sums: GroupSums) {
    this.task = task;
    this.sums = sums;
    this.blocks = Math.ceil(task.rows / BLOCK_ROWS);
  }

  run(): void {
    const { rows, groups, way } = this.task;
    for (let seq = me; seq < this.blocks; seq += threads) {
      const row = seq * BLOCK_ROWS;
      const count = Math.min(BLOCK_ROWS, rows - row);
      if (way === 'blocks') fillRows(made, row, count, groups);
      const at = this.room();
      const columns = columnsAt(arena.memory.buffer, at + HEAD_BYTES);
      if (way === 'blocks') copyColumns(made, columns, count);
      else fillRows(columns, row, count, groups);
      const source = way === 'blocks' ? made : columns;
      router.route(source.first, source.second, count);
      this.send(at, seq, count);
      while (this.drain());
    }
    while (this.next < this.blocks) {
      const ticket = cell.ticket();
      sleepUnless(this.drain(), ticket);
    }
  }

  private room(): number {
    for (;;) {
      const ticket = cell.ticket();
      const at = arena.allocate(BLOCK_BYTES);
      if (at !== -1) return at;
      sleepUnless(this.drain(), ticket);
    }
  }

  private send(at: number, seq: number, count: number): void {
    const { i32 } = arena.memory;
    i32[at >> 2] = seq;
    i32.set(router.starts, (at >> 2) + 1);
    i32.set(router.rows.subarray(0, count), (at + ROW_SLOT_BYTES) >> 2);
    arena.commit(at, BLOCK_BYTES, threads);
    for (let to = 0; to < threads; to += 1) {
      for (;;) {
        const ticket = cell.ticket();
        if (outputs[to]!.tryPush(at)) break;
        sleepUnless(this.drain(), ticket);
      }
      if (to !== me) cells[to]!.wake();
    }
  }

  /** The next block in sequence, if it is there. */
  private drain(): boolean {
    if (this.next === this.blocks) return false;
    const sender = this.next % threads;
    const at = inputs[sender]!.pop();
    if (at === -1) return false;
    const { buffer, i32 } = arenas[sender]!.memory;
    assert(i32[at >> 2] === this.next, 'blocks come in sequence');
    const starts = (at >> 2) + 1 + me;
    const rows = new Int32Array(buffer, at + ROW_SLOT_BYTES, BLOCK_ROWS);
    this.sums.update(columnsAt(buffer, at + HEAD_BYTES), rows, i32[starts]!, i32[starts + 1]!);
    arenas[sender]!.release(at);
    if (sender !== me) cells[sender]!.wake();
    this.next += 1;
    return true;
  }
}

/** Way 'rows'. */
class RowExchange {
  private readonly task: SumsTask;
  private readonly sums: GroupSums;
  private readonly staged = arenas.map(() => newColumns());
  private readonly filled = new Int32Array(threads);
  private readonly targets = new Uint8Array(BLOCK_ROWS);
  private readonly sent = new Int32Array(threads);
  private readonly open: boolean[] = arenas.map(() => true);

  constructor(task: SumsTask, sums: GroupSums) {
    this.task = task;
    this.sums = sums;
  }

  run(): void {
    const { rows, groups } = this.task;
    for (let row = me * BLOCK_ROWS; row < rows; row += threads * BLOCK_ROWS) {
      const count = Math.min(BLOCK_ROWS, rows - row);
      fillRows(made, row, count, groups);
      this.stage(count);
      while (this.drain());
    }
    for (let to = 0; to < threads; to += 1) {
      this.flush(to);
      this.push(to, END);
    }
    while (this.open.includes(true)) {
      const ticket = cell.ticket();
      sleepUnless(this.drain(), ticket);
    }
  }

  private stage(count: number): void {
    const { first, second, price, quantity } = made;
    const { targets, filled } = this;
    for (let row = 0; row < count; row += 1) {
      targets[row] = partitionOf(first[row]!, second[row]!, threads);
    }
    for (let row = 0; row < count; row += 1) {
      const to = targets[row]!;
      const into = this.staged[to]!;
      const at = filled[to]!;
      into.first[at] = first[row]!;
      into.second[at] = second[row]!;
      into.price[at] = price[row]!;
      into.quantity[at] = quantity[row]!;
      filled[to] = at + 1;
      if (at + 1 === BLOCK_ROWS) this.flush(to);
    }
  }

  private flush(to: number): void {
    const slot = this.sent[to]! % ROW_SLOTS;
    while (this.sent[to]! >= ROW_SLOTS) {
      const ticket = cell.ticket();
      if (outputs[to]!.size() < ROW_SLOTS) break;
      sleepUnless(this.drain(), ticket);
    }
    const buffer = shared.slots[me]![to]!;
    const at = slot * ROW_SLOT_BYTES;
    copyColumns(this.staged[to]!, columnsAt(buffer, at + HEAD_BYTES), this.filled[to]!);
    new Int32Array(buffer, at, 1)[0] = this.filled[to]!;
    this.filled[to] = 0;
    this.sent[to]! += 1;
    this.push(to, slot);
  }

  private push(to: number, slot: number): void {
    for (;;) {
      const ticket = cell.ticket();
      if (outputs[to]!.tryPush(slot)) break;
      sleepUnless(this.drain(), ticket);
    }
    if (to !== me) cells[to]!.wake();
  }

  /** One slot of every sender that has one. It is free when it leaves the ring. */
  private drain(): boolean {
    let taken = false;
    for (let sender = 0; sender < threads; sender += 1) {
      const slot = inputs[sender]!.peek();
      if (slot === -1) continue;
      if (slot === END) {
        this.open[sender] = false;
      } else {
        const buffer = shared.slots[sender]![me]!;
        const at = slot * ROW_SLOT_BYTES;
        const count = new Int32Array(buffer, at, 1)[0]!;
        this.sums.update(columnsAt(buffer, at + HEAD_BYTES), null, 0, count);
      }
      inputs[sender]!.pop();
      if (sender !== me) cells[sender]!.wake();
      taken = true;
    }
    return taken;
  }
}

/** Ways 'locked' and 'adding'. */
function updateTable(task: SumsTask): void {
  const { rows, groups, way, table } = task;
  assert(table !== null, 'the table is part of the task');
  const map = new SharedMap(table);
  for (let row = me * BLOCK_ROWS; row < rows; row += threads * BLOCK_ROWS) {
    const count = Math.min(BLOCK_ROWS, rows - row);
    fillRows(made, row, count, groups);
    if (way === 'locked') map.updateLocked(made, count);
    else map.updateAdding(made, count);
  }
}

function sumsOf(task: SumsTask): Float64Array {
  const all = new Float64Array(task.groups * SUMS);
  if (task.table !== null) {
    updateTable(task);
    return all;
  }
  const sums = new GroupSums(task.groups);
  if (task.way === 'rows') new RowExchange(task, sums).run();
  else new BlockExchange(task, sums).run();
  sums.addTo(all);
  return all;
}

/** Items between two wake-ups of the other side, unless it has to wait. */
const WAKE_EVERY = 256;

/** Thread 0 pushes numbers for thread 1; both sum them up, order included. */
function checksumOf(items: number): number {
  const ring = me === 0 ? outputs[1]! : inputs[0]!;
  const other = cells[1 - me]!;
  let checksum = 0;
  for (let item = 0; item < items; item += 1) {
    let value = Math.imul(item, 0x9e3779b1) >>> 1;
    if (me === 0) {
      while (!ring.tryPush(value)) waitFor(other, () => ring.size() < ring.slots);
    } else {
      for (value = ring.pop(); value === -1; value = ring.pop()) {
        waitFor(other, () => ring.size() > 0);
      }
    }
    checksum = (Math.imul(checksum, 31) + value) | 0;
    if (item % WAKE_EVERY === 0) other.wake();
  }
  other.wake();
  return checksum;
}

/** The ring is full or empty: has the other side do something about it. */
function waitFor(other: WakeCell, ready: () => boolean): void {
  other.wake();
  const ticket = cell.ticket();
  sleepUnless(ready(), ticket);
}

parentPort?.on('message', (task: Task) => {
  const answer: Answer =
    task.kind === 'items' ? { checksum: checksumOf(task.items) } : { sums: sumsOf(task) };
  parentPort?.postMessage(answer);
});
