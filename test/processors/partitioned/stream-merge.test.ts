/**
 * Streams of several senders put back into one order, whatever the moment at which their blocks come
 * and however few of them are taken at a time: turns, parts and rows come out as one thread would
 * have given them, some at a time where a turn is long. Owns random turns and schedules on one
 * thread; the same between threads is what every V2 test runs on.
 */
import { expect, it } from 'vitest';
import { BlockArena } from '../../../src/columnar/arena.js';
import type { Batch } from '../../../src/columnar/batch.js';
import { BATCH_ROWS_MAX } from '../../../src/columnar/batch.js';
import { BIGINT } from '../../../src/columnar/types.js';
import { Ring } from '../../../src/processors/partitioned/exchange/ring.js';
import { StreamMerge } from '../../../src/processors/partitioned/exchange/stream-merge.js';
import { StreamSender } from '../../../src/processors/partitioned/exchange/stream.js';
import type { StreamPlace } from '../../../src/processors/partitioned/exchange/stream.js';
import { NO_KEY } from '../../../src/processors/partitioned/worker/partition-state.js';
import { BatchWriter } from '../../../src/processors/partitioned/wire/wire.js';
import { Random } from '../../oracle/random-data.js';
import { batchOf } from '../../runtime/stream-support.js';

const SEED = 20261130;
const SCHEDULES = 300;
const SLOTS = 1024;
/** Rows that are put in order between two calls: those of the code under test, and one block. */
const ROWS_AT_ONCE = 16_384 + BATCH_ROWS_MAX;
const TYPES = [BIGINT];

interface Shape {
  readonly senders: number;
  readonly streams: number;
  readonly turns: number;
  readonly parts: number;
  /** Of a stream in a part. */
  readonly blocksMax: number;
  readonly rowsMax: number;
  /** Of a sender: room for all of it. */
  readonly arenaBytes: number;
}

/** Rows of one stream that leave together; their keys ascend. */
interface Block {
  readonly part: number;
  readonly stream: number;
  readonly ids: readonly number[];
  /** null: they answer to no record. */
  readonly keys: readonly number[] | null;
}

/** By turn and sender its blocks in the order in which they leave, and all rows in one order. */
interface Play {
  readonly shares: readonly (readonly (readonly Block[])[])[];
  readonly expected: readonly number[];
}

function playOf(shape: Shape, random: Random): Play {
  const expected: number[] = [];
  let ids = 0;
  const blocksOf = (part: number, stream: number, closes: boolean): Block[] => {
    let key = random.below(3);
    return Array.from({ length: random.below(shape.blocksMax + 1) }, () => {
      const count = 1 + random.below(shape.rowsMax);
      const own = Array.from({ length: count }, () => (ids += 1));
      const keys = own.map(() => (key += random.below(3)));
      return { part, stream, ids: own, keys: closes ? null : keys };
    });
  };
  const shares = Array.from({ length: shape.turns }, () => {
    const sent: Block[][] = Array.from({ length: shape.senders }, () => []);
    for (let part = 1; part <= shape.parts; part += 1) {
      const closes = random.chance(30);
      const streams = Array.from({ length: shape.streams }, (_, stream) =>
        blocksOf(part, stream, closes),
      );
      expected.push(...inOrder(streams.flat()));
      for (let left = streams.filter((blocks) => blocks.length > 0); left.length > 0;) {
        const blocks = random.pick(left);
        const block = blocks.shift() as Block;
        sent[block.stream % shape.senders]?.push(block);
        left = left.filter((each) => each.length > 0);
      }
    }
    return sent;
  });
  return { shares, expected };
}

/** The rows of one part by key, then by stream, then as their stream gives them. */
function inOrder(blocks: readonly Block[]): number[] {
  const rows = blocks.flatMap(({ ids, keys, stream }) =>
    ids.map((id, at) => ({ id, stream, key: keys?.[at] ?? Number.POSITIVE_INFINITY })),
  );
  // Infinity - Infinity is no number, and no order.
  rows.sort((a, b) => (a.key === b.key ? a.stream - b.stream : a.key - b.key));
  return rows.map(({ id }) => id);
}

/** The place before which none of these blocks has a row. */
function placeOf(blocks: readonly Block[]): StreamPlace | null {
  const [first] = blocks
    .map(({ part, stream, keys }) => ({ part, stream, key: keys?.[0] ?? Infinity }))
    .toSorted((a, b) => a.part - b.part || (a.key === b.key ? a.stream - b.stream : a.key - b.key));
  return first ?? null;
}

interface OneSender {
  readonly ring: Ring;
  readonly arena: BlockArena;
  readonly sender: StreamSender;
}

function newSender(arenaBytes: number): OneSender {
  const ring = new Ring(new SharedArrayBuffer(Ring.bytesFor(SLOTS)));
  const arena = new BlockArena(new SharedArrayBuffer(BlockArena.bytesFor(arenaBytes)));
  const wait = (): void => {
    throw new Error('the ring and the arena have room for all of it');
  };
  return {
    ring,
    arena,
    sender: new StreamSender({ arena, ring, wait, wakeReader: () => undefined }),
  };
}

/** One sender, step by step. */
class Sending {
  readonly ring: Ring;
  readonly arena: BlockArena;
  private readonly sender: StreamSender;
  private readonly steps: (() => void)[] = [];
  private readonly writers: readonly BatchWriter[];

  constructor(play: Play, number: number, shape: Shape, random: Random) {
    this.writers = Array.from(
      { length: shape.streams },
      () => new BatchWriter({ types: TYPES, withRaw: false }),
    );
    const { ring, arena, sender } = newSender(shape.arenaBytes);
    this.ring = ring;
    this.arena = arena;
    this.sender = sender;
    play.shares.forEach((turn, seq) => {
      const own = turn[number] as readonly Block[];
      own.forEach((block, at) => {
        if (random.chance(40)) this.tell(seq, own.slice(at));
        this.steps.push(() => this.send(seq, block));
      });
      if (random.chance(40)) this.tell(seq, []);
      this.steps.push(() => this.sender.marker(seq, [number, seq]));
    });
  }

  get isDone(): boolean {
    return this.steps.length === 0;
  }

  step(): void {
    this.steps.shift()?.();
  }

  /** All that this sender still has of the turn. */
  private tell(seq: number, left: readonly Block[]): void {
    const place = placeOf(left) ?? { part: 1e6, key: NO_KEY, stream: 0 };
    this.steps.push(() => this.sender.progress(seq, place));
  }

  private send(seq: number, { part, stream, ids, keys }: Block): void {
    const batch = batchOf([ids]);
    batch.origins = keys === null ? null : Int32Array.from(keys);
    this.sender.rows(seq, part, stream, this.writers[stream] as BatchWriter, batch);
  }
}

/** What the reader's consumer is given. */
class Taken {
  readonly ids: number[] = [];
  readonly turns: (readonly number[])[] = [];

  rows(_stream: number, batch: Batch): void {
    const { selection, selectedCount } = batch;
    const [column] = batch.columns;
    if (column?.kind !== 'f64') throw new Error('ids are plain numbers');
    for (let at = 0; at < selectedCount; at += 1)
      this.ids.push(column.values[selection === null ? at : (selection[at] as number)] as number);
  }

  endOfTurn(seq: number, markers: readonly (Float64Array | null)[]): void {
    this.turns.push([seq, ...markers.map((numbers) => numbers?.[0] ?? -1)]);
  }
}

interface Merging {
  readonly merge: StreamMerge;
  readonly senders: readonly Sending[];
  readonly taken: Taken;
  readonly play: Play;
  /** Blocks that have not been taken. */
  waiting(): number;
}

function mergingOf(shape: Shape, random: Random): Merging {
  const play = playOf(shape, random);
  const senders = Array.from(
    { length: shape.senders },
    (_, number) => new Sending(play, number, shape, random),
  );
  const taken = new Taken();
  const merge = new StreamMerge({
    rings: senders.map(({ ring }) => ring),
    arenas: senders.map(({ arena }) => arena),
    streams: Array.from({ length: shape.streams }, () => TYPES),
    markersPerTurn: shape.senders,
    direct: shape.streams === 1,
    wakeSender: () => undefined,
    consumer: taken,
  });
  const waiting = (): number => senders.reduce((sum, { ring }) => sum + ring.size(), 0);
  return { merge, senders, taken, play, waiting };
}

/** One call of the reader, which may take so many blocks. */
function poll({ merge, taken, waiting }: Merging, blocksMax: number): boolean {
  const blocks = waiting();
  const rows = taken.ids.length;
  const progressed = merge.poll(blocksMax);
  expect(blocks - waiting()).toBeLessThanOrEqual(blocksMax);
  expect(taken.ids.length - rows).toBeLessThanOrEqual(blocksMax * ROWS_AT_ONCE);
  return progressed;
}

function runToEnd(merging: Merging, random: Random): void {
  const { senders, taken, play } = merging;
  for (let open = senders; open.length > 0; open = open.filter(({ isDone }) => !isDone)) {
    if (random.chance(60)) random.pick(open).step();
    else poll(merging, 1 + random.below(5));
  }
  while (poll(merging, 1 + random.below(5)));
  expect(taken.ids).toEqual(play.expected);
  const numbers = senders.map((_, number) => number);
  expect(taken.turns).toEqual(play.shares.map((_, seq) => [seq, ...numbers]));
}

it(`come out in one order, whenever they come, from seed ${SEED}`, () => {
  for (let at = 0; at < SCHEDULES; at += 1) {
    const random = new Random(SEED + at);
    const senders = 1 + random.below(3);
    const shape: Shape = {
      senders,
      streams: senders + random.below(3),
      turns: 1 + random.below(4),
      parts: 1 + random.below(3),
      blocksMax: 3,
      rowsMax: 6,
      arenaBytes: 1 << 17,
    };
    runToEnd(mergingOf(shape, random), random);
  }
});

it('come out in one order where turns are too long to be put in order at once', () => {
  const shape: Shape = {
    senders: 2,
    streams: 3,
    turns: 3,
    parts: 2,
    blocksMax: 8,
    rowsMax: BATCH_ROWS_MAX,
    arenaBytes: 16 << 20,
  };
  for (const seed of [1, 2, 3]) {
    const random = new Random(seed);
    const merging = mergingOf(shape, random);
    expect(merging.play.expected.length).toBeGreaterThan(3 * ROWS_AT_ONCE);
    runToEnd(merging, random);
  }
});

it.each([
  ['answer to no record', null],
  ['all answer to one record', 5],
])('are handed on as they come where rows that %s are a long turn', (_, key) => {
  const [first, second] = [0, 1].map(() => newSender(1 << 17)) as [OneSender, OneSender];
  const taken = new Taken();
  const merge = new StreamMerge({
    rings: [first.ring, second.ring],
    arenas: [first.arena, second.arena],
    streams: [TYPES, TYPES],
    markersPerTurn: 2,
    direct: false,
    wakeSender: () => undefined,
    consumer: taken,
  });
  const writer = new BatchWriter({ types: TYPES, withRaw: false });
  // The second has come behind all that the first may still send.
  second.sender.progress(0, { part: 2, key: NO_KEY, stream: 0 });
  first.sender.progress(0, { part: 1, key: key ?? Number.POSITIVE_INFINITY, stream: 0 });
  for (let block = 0; block < 50; block += 1) {
    const batch = batchOf([[block, block]]);
    batch.origins = key === null ? null : Int32Array.of(key, key);
    first.sender.rows(0, 1, 0, writer, batch);
    while (merge.poll(2));
    expect(taken.ids.length).toBe(2 * (block + 1));
  }
});

it('are taken block by block, as many as the reader has time for', () => {
  const random = new Random(7);
  const shape: Shape = {
    senders: 1,
    streams: 1,
    turns: 1,
    parts: 1,
    blocksMax: 9,
    rowsMax: 1,
    arenaBytes: 1 << 17,
  };
  const merging = mergingOf(shape, random);
  const [sender] = merging.senders as [Sending];
  while (!sender.isDone) sender.step();
  const blocks = merging.waiting();
  expect(blocks).toBeGreaterThan(3);
  for (let taken = 1; taken <= blocks; taken += 1) {
    expect(poll(merging, 1)).toBe(true);
    expect(merging.waiting()).toBe(blocks - taken);
  }
  expect(poll(merging, 1)).toBe(false);
});
